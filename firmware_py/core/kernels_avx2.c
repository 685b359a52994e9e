#include "kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define KERNELS kernels_avx2
#define KERNEL_NAME "avx2"
#include "vec_avx2.h" /* first: the operations that the loops are made of */
#include "kernels_body.h"
#else
typedef int kernels_avx2_not_here; /* ISO C wants one declaration in a file */
#endif
