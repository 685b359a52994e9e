/* Learning of the low-rank part (x A) B: gradients, step scales, dLoss/dinput (numerics.md, section 5). */
#include <math.h>
#include <string.h>

#include "learn.h"

/* h [rank] = x A of position p, x its inputs as the DAC gives them; sums over rows in order. */
static void position_inputs(const layer *l, uint32_t p, float *h) {
    const size_t rank = l->d.rank;
    const size_t base = position_base(l, p);
    memset(h, 0, rank * sizeof *h);
    for (uint32_t k = 0; k < l->k; k++) {
        const float x = kept_input(l, base + code_offset(l, k));
        for (size_t q = 0; q < rank; q++) h[q] += x * l->d.low_a[k * rank + q];
    }
}

/* e [rank] = B delta of a position's errors [N]; sums over columns in order. */
static void position_errors(const layer *l, const float *delta, float *e) {
    for (size_t q = 0; q < l->d.rank; q++) {
        e[q] = 0.0f;
        for (size_t j = 0; j < l->n; j++) e[q] += delta[j] * l->d.low_b[q * l->n + j];
    }
}

/* Gradients of A and B from dLoss/doutput [P][N], positions in order. */
void low_rank_gradients(const layer *l, const float *delta, learn_memory *m) {
    const size_t rank = l->d.rank, n = l->n;
    memset(m->low_a, 0, l->k * rank * sizeof *m->low_a);
    memset(m->low_b, 0, rank * n * sizeof *m->low_b);
    for (uint32_t p = 0; p < l->p; p++, delta += n) {
        const size_t base = position_base(l, p);
        position_inputs(l, p, m->low_h);
        position_errors(l, delta, m->low_e);
        for (uint32_t k = 0; k < l->k; k++) {
            const float x = kept_input(l, base + code_offset(l, k));
            for (size_t q = 0; q < rank; q++) m->low_a[k * rank + q] += x * m->low_e[q];
        }
        for (size_t q = 0; q < rank; q++)
            for (size_t j = 0; j < n; j++) m->low_b[q * n + j] += m->low_h[q] * delta[j];
    }
}

/* The low-rank part's share of dLoss/dinput in rows top .. bottom - 1 of the padded input, added to m->dxs by position,
 * then row of the array. */
void low_rank_backward(const layer *l, const float *delta, uint32_t top, uint32_t bottom, learn_memory *m) {
    const size_t rank = l->d.rank, from = (size_t)top * l->pitch, to = (size_t)bottom * l->pitch;
    for (uint32_t p = 0; p < l->p; p++, delta += l->n) {
        const size_t base = position_base(l, p);
        if (base >= to || base + l->span_h * l->pitch <= from) continue;
        position_errors(l, delta, m->low_e);
        for (uint32_t k = 0; k < l->k; k++) {
            const size_t at = base + code_offset(l, k);
            float share = 0.0f;
            for (size_t q = 0; q < rank; q++) share += l->d.low_a[k * rank + q] * m->low_e[q];
            if (at >= from && at < to) m->dxs[at - from] += share;
        }
    }
}

/* A tenth of the root mean square of `count` numbers, `apart` from each other. */
static float tenth(const float *from, size_t count, size_t apart) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)from[i * apart] * (double)from[i * apart];
    return (float)(0.1 * sqrt(sum / (double)count));
}

/* Step scales of A and B as they are: each column of A, each row of B has one of its own. */
void low_rank_scales(const layer *l, learn_memory *m) {
    const size_t rank = l->d.rank, n = l->n;
    for (size_t q = 0; q < rank; q++) {
        const float a = tenth(l->d.low_a + q, l->k, rank), b = tenth(l->d.low_b + q * n, n, 1);
        for (size_t k = 0; k < l->k; k++) m->scale_a[k * rank + q] = a;
        for (size_t j = 0; j < n; j++) m->scale_b[q * n + j] = b;
    }
}
