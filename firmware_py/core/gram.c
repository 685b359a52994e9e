/* Products of all inputs of a layer's positions, once for all columns: where so many have a mask value that the columns'
 * own products would be more. Integers: the same sums. Left out where code is to be small. */
#include <string.h>

#include "calibrate.h"

#if GRAM
#define BLOCK 256 /* rows that are multiplied together: 255 * 255 * BLOCK fits int32 */

static size_t rows_of(const layer *l) { return 1 + (size_t)l->k; }
static size_t inputs_of(const layer *l) { return rows_of(l) * BLOCK; }

/* Bytes. */
size_t gram_size(const layer *l) { return triangle(rows_of(l)) * sizeof(int64_t) + inputs_of(l) * sizeof(int16_t); }

void place_gram(fit *f, bump *b) {
    f->gram = take(b, triangle(rows_of(f->l)), sizeof *f->gram);
    f->inputs = take(b, inputs_of(f->l), sizeof *f->inputs);
}

void start_gram(fit *f) {
    memset(f->gram, 0, triangle(rows_of(f->l)) * sizeof *f->gram);
    memset(f->inputs, 0, inputs_of(f->l) * sizeof *f->inputs);
    f->waiting = 0;
}

/* The rows that wait are multiplied and added. */
void finish_gram(fit *f, const kernels *kern) {
    int64_t *to = f->gram;
    for (size_t i = 0; i < rows_of(f->l); i++) {
        int16_t *x = f->inputs + i * BLOCK;
        memset(x + f->waiting, 0, (BLOCK - f->waiting) * sizeof *x);
        for (size_t k = 0; k <= i; k++) *to++ += kern->correlate(x, f->inputs + k * BLOCK, f->waiting);
    }
    f->waiting = 0;
}

/* All positions of one image, whose codes the layer has now. */
void add_to_gram(fit *f, const kernels *kern) {
    const layer *l = f->l;
    uint32_t base[BLOCK];
    for (uint32_t p = 0, count; p < l->p; p += count) {
        const uint32_t left = l->p - p, room = BLOCK - f->waiting;
        count = left < room ? left : room;
        for (uint32_t i = 0; i < count; i++) base[i] = position_base(l, p + i), f->inputs[f->waiting + i] = 1;
        for (uint32_t k = 0; k < l->k; k++) {
            int16_t *x = f->inputs + (1 + (size_t)k) * BLOCK + f->waiting;
            const int16_t *code = l->code + code_offset(l, k);
            for (uint32_t i = 0; i < count; i++) x[i] = code[base[i]];
        }
        f->waiting += count;
        if (f->waiting == BLOCK) finish_gram(f, kern);
    }
}

/* Sum of x_i x_k. */
int64_t gram_product(const fit *f, uint32_t i, uint32_t k) {
    return f->gram[i > k ? triangle(i) + k : triangle(k) + i];
}
#endif
