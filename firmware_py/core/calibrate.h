/* Calibration, between its files: the sums of one layer's pass and what is solved from them. Nothing here is for
 * callers. */
#ifndef RRAM_CALIBRATE_H
#define RRAM_CALIBRATE_H

#include "core.h"

static inline size_t triangle(size_t i) { return i * (i + 1) / 2; }

/* Sums of one column over rows (images times positions). A row has the column's own sum of ADC codes s, inputs
 * x = (1, codes at the mask), and the target z, counted from the first row's: so that what never changes sums to zero.
 * Inputs and s are integers, their sums exact in any order. */
typedef struct column {
    uint32_t j, entries, fitted; /* mask entries; those that are solved for: all or none */
    const uint32_t *at;          /* [entries] offset of each from a position's first input */
    int64_t *products;           /* lower triangle of x x'; NULL: the columns share one, fit.gram */
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
    int64_t *gram;     /* lower triangle of x x' where x = (1, all inputs of a position), for all columns; or NULL */
    int16_t *inputs;   /* [1 + K][BLOCK] x of rows that are not in it yet */
    uint32_t waiting;  /* how many */
    double *work;      /* the normal equations of one column */
    column *columns;   /* [count] */
    double start, total, squares; /* of all columns' y*: the first, and of what exceeds it the sum and squares */
    double before, after;         /* squared errors, all columns so far */
} fit;

/* fit.c */
size_t place_fit(fit *f, void *memory, uint32_t end);
void start_columns(fit *f, uint32_t end);
void add_image(fit *f, const kernels *kern, const float *y);

/* gram.c: only faster, so not where code is to be small */
#ifdef __OPTIMIZE_SIZE__
#define GRAM 0
#else
#define GRAM 1
#endif
#define SHARED(f) (GRAM && (f)->gram)
void place_gram(fit *f, bump *b);
size_t gram_size(const layer *l);
void start_gram(fit *f);
void add_to_gram(fit *f, const kernels *kern);
void finish_gram(fit *f, const kernels *kern);
int64_t gram_product(const fit *f, uint32_t i, uint32_t k);

/* solve.c */
int solve_column(fit *f, column *c);
static inline double row_weight(const layer *l) { return l->p > 5 ? 5.0 / l->p : 1.0; } /* an image: at most 5 rows */

#endif
