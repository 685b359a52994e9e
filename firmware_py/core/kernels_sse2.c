#include "kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define KERNELS kernels_sse2
#define KERNEL_NAME "sse2"
#include "vec_sse2.h" /* first: the operations that the loops are made of */
#include "kernels_body.h"
#else
typedef int kernels_sse2_not_here; /* ISO C wants one declaration in a file */
#endif
