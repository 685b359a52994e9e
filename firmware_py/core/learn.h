/* Memory and parts of one learning step: gradients.c, backward.c, low_rank.c, rls.c, update.c, learn.c. */
#ifndef RRAM_LEARN_H
#define RRAM_LEARN_H

#include "core.h"

typedef struct learn_memory {
    void *s;                      /* [P][N] sums of ADC codes */
    int16_t *c;                   /* [P][N] codes of the error */
    float *gain, *offset, *value; /* gradients; value: [nnz] */
    double *phi, *back;           /* recursive least squares: [2 + entries of a column] */
    float *low_a, *low_b;         /* low rank: gradients */
    float *scale_a, *scale_b;     /* their step scales */
    float *low_h, *low_e;         /* [rank] x A and B delta of one position */
    float *repeated;              /* [N + LANES_MAX] gains */
    /* gradients of a convolution */
    int16_t *column; /* one column of c, spread over a plane of the padded input */
    int16_t *planes; /* [in_c][pad_h][pad_w] codes by channel */
    /* dLoss/dinput of an inner layer */
    int16_t *ce;           /* [P][N] codes of the error times gain */
    void *dx;              /* rows of the padded input: transposed reads of the array; int64 where sums need it */
    float *dxs;            /* the same: the mask's share */
    int32_t *pairs;        /* dense: error codes as pairs (c, 0) */
    int16_t *wt;           /* convolution: [COLUMN_BLOCK / 2][K][2] weights of a block of columns, transposed */
    int32_t *patch;        /* convolution: [8][K] transposed read of a few positions */
    int32_t *base;  /* positions where a column has an error: their places */
    float *error;   /* and the errors */
    uint32_t *at;   /* [K] place of a row's input in a window */
} learn_memory;

/* Whether sums of 8-bit error codes times D, over all that one input feeds, need int64. */
static inline int wide_errors(const layer *l) {
    return (uint64_t)l->d.kh * l->d.kw * l->n * 127 * 32767 > INT32_MAX;
}
/* Rows of the padded input whose errors are computed together. */
static inline uint32_t back_rows(const layer *l) {
    const uint32_t fit = BACK / (l->pitch * (wide_errors(l) ? 12 : 8)), rows = fit > 1 ? fit : 1;
    return rows < l->pad_h ? rows : l->pad_h;
}
/* Places of the outputs in a plane of the padded input: from the first to the last, and between. */
static inline size_t plane_span(const layer *l) {
    return (size_t)(l->d.out_h - 1) * l->d.sh * l->pad_w + (size_t)(l->d.out_w - 1) * l->d.sw + 1;
}

void gradients(const kernels *kern, const layer *l, float scale, learn_memory *m);
void analog_backward(const kernels *kern, const layer *l, const float *delta, int add, float *dx, learn_memory *m);
void low_rank_gradients(const layer *l, const float *delta, learn_memory *m);
void low_rank_backward(const layer *l, const float *delta, uint32_t top, uint32_t bottom, learn_memory *m);
void low_rank_scales(const layer *l, learn_memory *m);
void rls_directions(const layer *l, const rram_adapt *adapt, const float *delta, learn_memory *m);
void update_layer(const rram_net *net, const layer *l, const rram_adapt *adapt, uint64_t read, const learn_memory *m);

#endif
