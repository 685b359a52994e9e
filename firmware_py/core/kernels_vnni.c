#include "kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define RRAM_VNNI
#define KERNELS kernels_vnni
#define KERNEL_NAME "avx512vnni"
#include "vec_avx512.h" /* first: the operations that the loops are made of */
#include "kernels_body.h"
#else
typedef int kernels_vnni_not_here; /* ISO C wants one declaration in a file */
#endif
