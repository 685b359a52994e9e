#include "kernels.h"

#define KERNELS kernels_scalar
#define KERNEL_NAME "scalar"
#include "vec_scalar.h" /* first: the operations that the loops are made of */
#include "kernels_body.h"
