/* Gain, offset and mask values of a column from its sums, and the error that they leave (docs/calibration.md). */
#include <float.h>
#include <math.h>

#include "calibrate.h"

#define PRIOR_GAIN 0.3   /* relative spread expected of a column's gain */
#define PRIOR_OFFSET 0.3 /* spread expected of an offset, in standard deviations of y* */
#define KEPT_SHARE 0.01  /* share of the whole variance assumed to remain even where every cell is in the mask */
#define LEAST 1e-12

/* The way to the least of t' a t - 2 b' t: a [m] positive definite, its lower triangle, becomes Cholesky's factor, and b
 * what it makes of b: then factor' t = b. 0: it is not positive definite, or not finite. */
static int decompose(double *a, double *b, size_t m) {
    for (size_t i = 0; i < m; i++) {
        double *row = a + triangle(i);
        for (size_t j = 0; j <= i; j++) {
            const double *other = a + triangle(j);
            double left = row[j];
            for (size_t k = 0; k < j; k++) left -= row[k] * other[k];
            if (j == i && !(left > 0 && left <= DBL_MAX)) return 0;
            row[j] = j == i ? sqrt(left) : left / other[j];
        }
        for (size_t k = 0; k < i; k++) b[i] -= row[k] * b[k];
        b[i] /= row[i];
    }
    return 1;
}

static double greater(double a, double b) { return a > b ? a : b; }

/* Variance of the programmed weight in row k, column j, before the column's gain. */
static double variance_of(const fit *f, uint32_t k, uint32_t j) {
    const layer *l = f->l;
    const uint8_t *level = l->d.levels + (size_t)k * l->n + j;
    const double step = (double)l->d.w_step;
    return (f->var[level[0]] + f->var[level[(size_t)l->k * l->n]]) * (step * step);
}

/* Mean square of the input of row k in the group of column j. */
static double power_of(const fit *f, uint32_t k, uint32_t j) {
    const layer *l = f->l;
    const size_t at = (size_t)(k / l->depth) * l->d.in_c + k % l->depth + (l->shift ? l->shift[j] : 0);
    return (double)f->power[at] / (double)f->rows * ((double)l->d.dac_lsb * (double)l->d.dac_lsb);
}

/* Output variance that the spread of one cell pair makes, for a gain of 1. */
static double share_of(const fit *f, uint32_t k, uint32_t j) { return variance_of(f, k, j) * power_of(f, k, j); }

/* The row of the array that entry i of a column stands for. */
static uint32_t row_of(const fit *f, const column *c, uint32_t i) {
    return f->l->d.mask_row[f->l->d.mask_start[c->j] + (int32_t)i];
}

/* Output variance expected to remain, for a gain of 1: cells outside the mask, and a share of all. */
static double remaining(const fit *f, const column *c) {
    double all = 0, masked = 0;
    for (uint32_t k = 0; k < f->l->k; k++) all += share_of(f, k, c->j);
    for (uint32_t i = 0; i < c->fitted; i++) masked += share_of(f, row_of(f, c, i), c->j);
    return all * (1 + KEPT_SHARE) - masked;
}

/* What unknown number i is worth in units of its sums: gain, offset, mask values. */
static double worth(const fit *f, size_t i) {
    return i == 0 ? (double)f->l->unit : i == 1 ? 1.0 : (double)f->l->d.dac_lsb;
}

/* Sum of x_i x_k of a column, i >= k. */
static int64_t inputs_product(const fit *f, const column *c, uint32_t i, uint32_t k) {
    if (!SHARED(f)) return c->products[triangle(i) + k];
    return gram_product(f, i ? 1 + row_of(f, c, i - 1) : 0, k ? 1 + row_of(f, c, k - 1) : 0);
}

/* Product of rows i and k <= i of the unknowns' factors (u, 1, x...), in weight units. */
static double product_of(const fit *f, const column *c, size_t i, size_t k) {
    const double sum = i == 0   ? c->squares
                       : k == 0 ? (double)c->own[i - 1]
                                : (double)inputs_product(f, c, (uint32_t)i - 1, (uint32_t)k - 1);
    return worth(f, i) * worth(f, k) * sum;
}

/* Mean and variance of a column's target, as counted from the first row's. */
typedef struct spread {
    double mean, variance;
} spread;

static double *factor_of(const fit *f, size_t m) { return f->work + 2 * m; }

/* Kinds full and gains: the factor, and what it makes of t [2 + fitted], the offset counted likewise. */
static int least_squares(const fit *f, const column *c, const spread *z, double *t) {
    const rram_node *d = &f->l->d;
    const size_t m = 2 + (size_t)c->fitted;
    const double weight = row_weight(f->l);
    const double g0 = (double)d->first->gain[c->j], o0 = (double)d->first->offset[c->j] - c->first;
    const double left = greater(g0 * g0 * remaining(f, c), LEAST);
    double *a = factor_of(f, m);
    for (size_t i = 0; i < m; i++) {
        double start = i ? o0 : g0;
        double spread = i ? PRIOR_OFFSET * PRIOR_OFFSET * z->variance : PRIOR_GAIN * g0 * (PRIOR_GAIN * g0);
        if (i > 1) {
            start = (double)d->first->value[d->mask_start[c->j] + (int32_t)i - 2];
            spread = g0 * g0 * variance_of(f, row_of(f, c, (uint32_t)i - 2), c->j);
        }
        const double penalty = left / greater(spread, LEAST);
        for (size_t k = 0; k <= i; k++) a[triangle(i) + k] = weight * product_of(f, c, i, k);
        a[triangle(i) + i] += penalty;
        t[i] = weight * worth(f, i) * c->aim[i] + penalty * start;
    }
    return decompose(a, t, m);
}

/* Kind moments: the mean and standard deviation of the target; the ratio's logarithm shrunk by its own variance. */
static void moments(const fit *f, const column *c, const spread *z, double *t) {
    const double rows = (double)f->rows, unit = (double)f->l->unit, g0 = (double)f->l->d.first->gain[c->j];
    const double sum = (double)c->own[0], mean_u = unit * sum / rows;
    const double var_u = unit * unit * ((rows * c->squares - sum * sum) / (rows * rows));
    t[0] = g0;
    if (var_u > 0 && z->variance > 0 && g0 != 0) { /* a column that gives nothing, or the same always, keeps its gain */
        const double both = sqrt(var_u) * sqrt(z->variance), size = g0 < 0 ? -g0 : g0;
        double cosine = (unit * c->aim[0] / rows - mean_u * z->mean) / both;
        cosine = cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
        const double own = (1 - cosine * cosine) / (row_weight(f->l) * rows);
        const double trust = PRIOR_GAIN * PRIOR_GAIN / (PRIOR_GAIN * PRIOR_GAIN + own);
        t[0] = g0 * exp(trust * log(sqrt(z->variance) / (sqrt(var_u) * size)));
    }
    t[1] = z->mean - t[0] * mean_u;
}

/* Unknown number i of a column becomes the nearest number that its SRAM can hold, ties to even. 0: not finite. */
static int hold(const fit *f, const column *c, size_t i, double *t) {
    const rram_node *d = &f->l->d;
    const sram_codes held = codes_of(d, i < 2 ? i : 2);
    const double first = i == 1 ? c->first : 0, number = *t + first;
    float *to = i == 0 ? d->gain + c->j : i == 1 ? d->offset + c->j : d->value + d->mask_start[c->j] + (i - 2);
    if (!(number <= FLT_MAX && number >= -FLT_MAX)) return 0;
    *to = (float)(held.worth > 0 ? rint(held_code(held, number / held.worth)) * held.worth : number);
    *t = (double)*to - first;
    return 1;
}

/* Unknowns [m] from the last to the first, each held as soon as it is known: those before it make up for what that
 * costs. */
static int hold_all(const fit *f, const column *c, size_t m, double *t) {
    const double *factor = f->kind == RRAM_MOMENTS ? NULL : factor_of(f, m);
    for (size_t i = m; i-- > 0;) {
        if (factor) t[i] /= factor[triangle(i) + i];
        if (!hold(f, c, i, t + i)) return 0;
        for (size_t k = 0; factor && k < i; k++) t[k] -= factor[triangle(i) + k] * t[i];
    }
    return 1;
}

/* Squared errors that t leaves. */
static double error_of(const fit *f, const column *c, const double *t) {
    double error = c->aim_squares;
    for (size_t i = 0; i < 2 + (size_t)c->fitted; i++) {
        error += t[i] * (t[i] * product_of(f, c, i, i) - 2 * worth(f, i) * c->aim[i]);
        for (size_t k = 0; k < i; k++) error += 2 * t[i] * t[k] * product_of(f, c, i, k);
    }
    return error;
}

/* Solve a column, write its correction and count its errors. 0: numbers left their range. */
int solve_column(fit *f, column *c) {
    const rram_node *d = &f->l->d;
    double *t = f->work;
    spread z = {.mean = c->aim[1] / (double)f->rows};
    z.variance = c->aim_squares / (double)f->rows - z.mean * z.mean;
    if (f->kind == RRAM_MOMENTS)
        moments(f, c, &z, t);
    else if (!least_squares(f, c, &z, t))
        return 0;
    if (!hold_all(f, c, 2 + (size_t)c->fitted, t)) return 0;
    for (uint32_t i = c->fitted; i < c->entries; i++) {
        double kept = (double)d->first->value[d->mask_start[c->j] + (int32_t)i];
        if (!hold(f, c, 2 + (size_t)i, &kept)) return 0;
    }
    const double after = error_of(f, c, t);
    f->before += c->error;
    f->after += greater(after, 0);
    return f->before <= DBL_MAX && after <= DBL_MAX;
}
