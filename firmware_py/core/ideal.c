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

/* A tap's input at one output position, of the first group; NULL outside the image. */
static const float *input_at(const layer *l, const tap *t, uint32_t oy, uint32_t ox, const float *x) {
    const int32_t y = (int32_t)(oy * l->d.sh) + t->y, at = (int32_t)(ox * l->d.sw) + t->x;
    if (y < 0 || at < 0 || y >= (int32_t)l->d.in_h || at >= (int32_t)l->d.in_w) return NULL;
    return x + ((size_t)y * l->d.in_w + (size_t)at) * l->d.in_c + t->channel;
}

/* Weights [N] of row k, without the gains. */
static void weights(const layer *l, const int32_t *target, uint32_t k, float *w) {
    const uint8_t *plus = l->d.levels + (size_t)k * l->n, *minus = plus + (size_t)l->k * l->n;
    for (uint32_t j = 0; j < l->n; j++) w[j] = (float)((target[plus[j]] - target[minus[j]]) * (double)l->d.w_step);
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

/* Output columns whose input at a tap lies within the image: first[0] .. first[1] - 1. */
static void columns_within(const layer *l, const tap *t, uint32_t first[2]) {
    const int32_t step = (int32_t)l->d.sw, width = (int32_t)l->d.in_w, out = (int32_t)l->d.out_w;
    const int32_t from = t->x < 0 ? (step - 1 - t->x) / step : 0, to = width > t->x ? (width - 1 - t->x) / step + 1 : 0;
    first[0] = (uint32_t)from;
    first[1] = (uint32_t)(to < out ? to : out);
}

/* What the mask's values of first boot add to y [P][N]. */
static void add_values(const layer *l, const float *x, float *y) {
    const size_t step = (size_t)l->d.sw * l->d.in_c;
    for (uint32_t j = 0; j < l->n; j++)
        for (int32_t i = l->d.mask_start[j]; i < l->d.mask_start[j + 1]; i++) {
            const tap t = tap_of(l, l->d.mask_row[i]);
            uint32_t from[2];
            columns_within(l, &t, from);
            for (uint32_t oy = 0; oy < l->d.out_h; oy++) {
                const float *at = from[0] < from[1] ? input_at(l, &t, oy, from[0], x) : NULL;
                if (!at) continue;
                at += l->shift ? l->shift[j] : 0;
                float *to = y + ((size_t)oy * l->d.out_w + from[0]) * l->n + j;
                for (size_t ox = 0; ox < from[1] - from[0]; ox++) to[ox * l->n] += at[ox * step] * l->d.first->value[i];
            }
        }
}

/* One analog layer: x [in] -> y [P][N]. */
void ideal_outputs(const layer *l, const ideal *ideal, const float *x, float *y) {
    const size_t n = l->n;
    memset(y, 0, (size_t)l->p * n * sizeof *y);
    for (uint32_t k = 0; k < l->k; k += IDEAL_ROWS) {
        const uint32_t count = l->k - k < IDEAL_ROWS ? l->k - k : IDEAL_ROWS;
        tap taps[IDEAL_ROWS];
        for (uint32_t r = 0; r < count; r++) taps[r] = tap_of(l, k + r), weights(l, ideal->target, k + r, ideal->rows + r * n);
        memset(ideal->rows + count * n, 0, (IDEAL_ROWS - count) * n * sizeof *ideal->rows);
        for (uint32_t oy = 0, p = 0; oy < l->d.out_h; oy++)
            for (uint32_t ox = 0; ox < l->d.out_w; ox++, p++) {
                const float *at[IDEAL_ROWS] = {NULL};
                for (uint32_t r = 0; r < count; r++) at[r] = input_at(l, taps + r, oy, ox, x);
                add_rows(l, at, ideal->rows, y + p * n);
            }
    }
    for (uint32_t p = 0; p < l->p; p++)
        for (size_t j = 0; j < n; j++) y[p * n + j] = y[p * n + j] * l->d.first->gain[j] + l->d.first->offset[j];
    if (l->masked) add_values(l, x, y);
}
