#include "kernels.h"

#ifdef RRAM_HAS_SCALAR
#define KERNELS kernels_scalar
#define KERNEL_NAME "scalar"
#include "vec_scalar.h" /* first: the operations that the loops are made of */
#include "kernels_body.h"
#else
typedef int kernels_scalar_not_here; /* ISO C wants one declaration in a file */
#endif
