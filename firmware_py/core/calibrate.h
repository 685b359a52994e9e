/* Calibration, between its files: the sums of one layer's pass and what is solved from them. Nothing here is for
 * callers. */
#ifndef RRAM_CALIBRATE_H
#define RRAM_CALIBRATE_H

#include "core.h"

/* Sums of one column over rows (images times positions). A row has the column's own sum of ADC codes s, inputs
 * x = (1, codes at the mask), and the target z, counted from the first row's: so that what never changes sums to zero.
 * Inputs and s are integers, their sums exact in any order. */
typedef struct column {
    uint32_t j, entries, fitted; /* mask entries; those that are solved for: all or none */
    const uint32_t *at;          /* [entries] offset of each from a position's first input */
    int64_t *products;           /* lower triangle of x x' */
    int64_t *own;                /* [1 + fitted] s x */
    double *aim;                 /* [2 + fitted] z (s, x) */
    double squares;              /* s^2 */
    double first, aim_squares;   /* the first row's target, z^2 */
    double error;                /* before: (y - y*)^2 */
} column;

/* One layer's pass over the images, for columns `first` .. `first` + `count` - 1. */
typedef struct fit {
    const layer *l;
    const double *var; /* [levels] */
    uint32_t kind, first, count;
    uint64_t rows;     /* summed up so far */
    int64_t *power;    /* [kh * kw][in_c] squares of codes at each place of a window */
    int32_t *row;      /* [1 + entries] of one row */
    double *work;      /* the normal equations of one column */
    column *columns;   /* [count] */
    double start, total, squares; /* of all columns' y*: the first, and of what exceeds it the sum and squares */
    double before, after;         /* squared errors, all columns so far */
} fit;

/* fit.c */
size_t place_fit(fit *f, void *memory, uint32_t end);
void start_columns(fit *f, uint32_t end);
void add_image(fit *f, const float *y);

/* solve.c */
int solve_column(fit *f, column *c);
static inline double row_weight(const layer *l) { return l->p > 5 ? 5.0 / l->p : 1.0; } /* an image: at most 5 rows */
static inline size_t triangle(size_t i) { return i * (i + 1) / 2; }

#endif
