/* The ideal network, at which calibration aims: weights as the levels stand for, float32, no noise, no converters; gain,
 * offset and mask values of first boot. */
#include <string.h>

#include "core.h"

/* The place of a row of the array in a window: relative to the window's stride, padding taken off. */
typedef struct tap {
    int32_t y, x;
    uint32_t channel;
} tap;

static tap tap_of(const layer *l, uint32_t k) {
    const uint32_t row = l->d.kw * l->depth;
    return (tap){(int32_t)(k / row * l->d.dilation_h) - (int32_t)l->d.pad_top,
                 (int32_t)(k % row / l->depth * l->d.dilation_w) - (int32_t)l->d.pad_left, k % l->depth};
}

/* A tap's input in a row of the image (NULL: none), of the first group, at output column ox; NULL outside the image. */
static const float *input_at(const layer *l, const tap *t, const float *row, uint32_t ox) {
    const uint32_t at = ox * l->d.sw + (uint32_t)t->x; /* left of the image: large */
    return row && at < l->d.in_w ? row + (size_t)at * l->d.in_c + t->channel : NULL;
}

/* Weights [count][N] of rows k, k + 1 ...: times the gains, plus the mask's values of first boot. */
static void weights(const layer *l, const int32_t *target, uint32_t k, uint32_t count, float *w) {
    for (uint32_t j = 0; j < l->n; j++) {
        const uint8_t *plus = l->d.levels + (size_t)k * l->n + j, *minus = plus + (size_t)l->k * l->n;
        for (size_t at = 0; at < count * l->n; at += l->n)
            w[at + j] = (float)((target[plus[at]] - target[minus[at]]) * (double)l->d.w_step) * l->d.first->gain[j];
        for (uint32_t i = 0, end = column_entries(l, j); i < end; i++) {
            const int32_t e = l->d.mask_start[j] + (int32_t)i;
            const uint32_t row = l->d.mask_row[e] - k; /* of those before k: large */
            if (row < count) w[row * l->n + j] += l->d.first->value[e];
        }
    }
}

/* y [N] += the shares of IDEAL_ROWS rows at one position, in the order of the rows; x[r]: input of the first group. */
static void add_rows(const layer *l, const float *const x[IDEAL_ROWS], const float *restrict w, float *restrict y) {
    const size_t n = l->n;
    if (RRAM_SMALL || l->shift) {
        for (size_t r = 0; r < IDEAL_ROWS; r++)
            for (size_t j = 0; x[r] && j < n; j++) y[j] += x[r][l->shift ? l->shift[j] : 0] * w[r * n + j];
        return;
    }
    float v[IDEAL_ROWS];
    for (size_t r = 0; r < IDEAL_ROWS; r++) v[r] = x[r] ? *x[r] : 0.0f;
    for (size_t j = 0; j < n; j++) {
        float sum = y[j];
        for (size_t r = 0; r < IDEAL_ROWS; r++) sum += v[r] * w[r * n + j];
        y[j] = sum;
    }
}

/* One analog layer: x [in] -> y [P][N]. */
void ideal_outputs(const layer *l, const ideal *ideal, const float *x, float *y) {
    const size_t n = l->n;
    memset(y, 0, (size_t)l->p * n * sizeof *y);
    for (uint32_t k = 0; k < l->k; k += IDEAL_ROWS) {
        const uint32_t count = l->k - k < IDEAL_ROWS ? l->k - k : IDEAL_ROWS;
        tap taps[IDEAL_ROWS];
        for (uint32_t r = 0; r < count; r++) taps[r] = tap_of(l, k + r);
        weights(l, ideal->target, k, count, ideal->rows);
        memset(ideal->rows + count * n, 0, (IDEAL_ROWS - count) * n * sizeof *ideal->rows);
        for (uint32_t oy = 0, p = 0; oy < l->d.out_h; oy++) {
            const float *row[IDEAL_ROWS] = {NULL}, *at[IDEAL_ROWS] = {NULL};
            for (uint32_t r = 0; r < count; r++) {
                const uint32_t line = oy * l->d.sh + (uint32_t)taps[r].y; /* above the image: large */
                if (line < l->d.in_h) row[r] = x + (size_t)line * l->d.in_w * l->d.in_c;
            }
            for (uint32_t ox = 0; ox < l->d.out_w; ox++, p++) {
                for (uint32_t r = 0; r < count; r++) at[r] = input_at(l, taps + r, row[r], ox);
                add_rows(l, at, ideal->rows, y + p * n);
            }
        }
    }
    for (uint32_t p = 0; p < l->p; p++)
        for (size_t j = 0; j < n; j++) y[p * n + j] += l->d.first->offset[j];
}
