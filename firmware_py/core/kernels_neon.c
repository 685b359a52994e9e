#include "kernels.h"

#ifdef RRAM_NEON
#define KERNELS kernels_neon
#define KERNEL_NAME "neon"
#include "vec_neon.h" /* first: the operations that the loops are made of */
#include "kernels_body.h"
#else
typedef int kernels_neon_not_here; /* ISO C wants one declaration in a file */
#endif
