/* The inner loops in terms of the vector operations of one vec_*.h, which is included before; KERNELS names the table.
 * Kept to integer arithmetic and single IEEE operations in the order of numerics.md, so that all instruction sets
 * agree. */
#define SMALL (LANES == 1 && RRAM_SMALL)

#include "body_draw.h"
#include "few.h"
#include "body_mvm.h"
#include "quad.h"
#include "body_digital.h"
#include "body_learn.h"

const kernels KERNELS = {.name = KERNEL_NAME,
                         .words = body_words,
                         .normals = body_normals,
                         .coarse = COARSE,
                         .dac = body_dac,
                         .square = body_square,
                         .dot = body_dot,
                         .dot_u8 = body_dot_u8,
                         .grouped = body_grouped,
                         .grouped_u8 = body_grouped_u8,
                         .convert = body_convert,
                         .digital = body_digital,
                         .planes = body_planes,
                         .sparse = body_sparse,
                         .add = body_add,
                         .relu = body_relu,
                         .signs = body_signs,
                         .keep = body_keep,
                         .pool = body_pool,
                         .quantize = body_quantize,
#if !RRAM_SMALL
                         .dense = body_dense,
                         .accumulate = body_accumulate,
                         .transposed = body_transposed,
#endif
                         .correlate = body_correlate};
