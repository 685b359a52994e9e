/* Recursive least squares on the last layer: each column's numbers together (numerics.md, section 5). */
#include <math.h>

#include "learn.h"

/* Element (i, k) of a symmetric matrix whose lower triangle lies row after row. */
static inline size_t at(size_t i, size_t k) { return i > k ? i * (i + 1) / 2 + k : k * (k + 1) / 2 + i; }

/* What the numbers of column j are multiplied with, in prior deviations: gain, offset, entries. How many they are. */
static size_t regressors(const layer *l, const void *s, size_t j, double *phi) {
    const rram_node *d = &l->d;
    size_t count = 2;
    phi[0] = (double)(d->gain_scale[j] * ((float)load_s(l, s, j) * l->unit));
    phi[1] = (double)d->offset_scale[j];
    for (int32_t e = l->masked ? d->mask_start[j] : 0; l->masked && e < d->mask_start[j + 1]; e++)
        phi[count++] = (double)(d->value_scale[e] * kept_input(l, input_of(l, d->mask_row[e], j)));
    return count;
}

/* One column: `back` becomes the direction of its step, the covariance p takes the new row in. 0: nothing to learn. */
static int column_step(const rram_adapt *adapt, double error, size_t count, const double *phi, double *back,
                       double *p) {
    double spread = 0, trace = 0;
    for (size_t i = 0; i < count; i++) {
        back[i] = 0;
        for (size_t k = 0; k < count; k++) back[i] += p[at(i, k)] * phi[k];
    }
    for (size_t i = 0; i < count; i++) spread += phi[i] * back[i], trace += p[at(i, i)];
    const double size = fabs(error), forgets = trace <= adapt->forgetting * (adapt->prior * (double)count);
    const double curve = size * (1 - size), kept = forgets > 0 ? adapt->forgetting : 1, q = kept + curve * spread;
    if (!isfinite(spread) || !isfinite(error) || !(q > 0)) return 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k <= i; k++) p[at(i, k)] = (p[at(i, k)] - curve / q * back[i] * back[k]) / kept;
    for (size_t i = 0; i < count; i++) back[i] = back[i] * (error / q);
    return 1;
}

/* Directions in the place of gradients, for the error delta [N] of a layer with one position. */
void rls_directions(const layer *l, const rram_adapt *adapt, const float *delta, learn_memory *m) {
    double *p = l->d.covariance;
    kept_sums(l, m->s);
    for (size_t j = 0; j < l->n; j++) {
        const size_t count = regressors(l, m->s, j, m->phi);
        const int moves = column_step(adapt, (double)delta[j], count, m->phi, m->back, p);
        m->gain[j] = moves ? (float)m->back[0] : 0.0f;
        m->offset[j] = moves ? (float)m->back[1] : 0.0f;
        for (size_t i = 2; i < count; i++)
            m->value[(size_t)l->d.mask_start[j] + i - 2] = moves ? (float)m->back[i] : 0.0f;
        p += count * (count + 1) / 2;
    }
}
