/* The digital operators between analog layers, forward and backward (numerics.md, sections 4 and 5). */
#include <string.h>

#include "core.h"

#define SMALL 64 /* places of a window whose offsets are looked up, not divided for */

/* Offset of place i of a window from its first, for the first SMALL places. */
static void window_offsets(const rram_node *d, size_t *at) {
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, count = (size_t)d->kh * d->kw;
    for (size_t i = 0; i < count && i < SMALL; i++) at[i] = i / d->kw * pitch + i % d->kw * c;
}

/* Which of each window is the first maximum, by what the pool gave. */
void keep_maxima(const step *s, const float *x, const float *y) {
    const rram_node *d = s->d;
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, kh = d->kh, kw = d->kw, columns = d->out_w;
    uint16_t *place = s->place;
    size_t offset[SMALL];
    window_offsets(d, offset);
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < columns; ox++, y += c, place += c) {
            const float *window = x + oy * d->sh * pitch + ox * d->sw * c;
            memset(place, 0, c * sizeof *place); /* where the maximum is NaN */
            for (size_t i = kh * kw; i-- > 0;) { /* from the last, so that the first one stays */
                const float *at = window + (i < SMALL ? offset[i] : i / kw * pitch + i % kw * c);
                for (size_t j = 0; j < c; j++) place[j] = at[j] >= y[j] ? (uint16_t)i : place[j];
            }
        }
}

void max_pool(const kernels *kern, const rram_node *d, const float *x, float *y) {
    const size_t pitch = (size_t)d->in_w * d->in_c;
    for (size_t oy = 0; oy < d->out_h; oy++)
        kern->pool(x + oy * d->sh * pitch, d->out_w, (size_t)d->sw * d->in_c, d->in_c, d->kh, d->kw, pitch,
                   y + oy * d->out_w * d->in_c);
}

static float mean_factor(const rram_node *d) { return (float)(1.0 / (double)(d->kh * d->kw)); }

/* Sums in row-major order, then one product. */
void mean_pool(const rram_node *d, const float *x, float *y) {
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, kw = d->kw, windows = (size_t)d->kh * kw;
    const float factor = mean_factor(d);
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < d->out_w; ox++, y += c) {
            const float *window = x + oy * d->sh * pitch + ox * d->sw * c;
            memcpy(y, window, c * sizeof *y);
            for (size_t i = 1; i < windows; i++) add_to(window + i / kw * pitch + i % kw * c, c, y);
            for (size_t j = 0; j < c; j++) y[j] *= factor;
        }
}

void add_to(const float *from, size_t count, float *to) {
    for (size_t i = 0; i < count; i++) to[i] = to[i] + from[i];
}

/* dLoss/dinput of a max pool: each output's error goes to the first maximum of its window. */
void max_pool_backward(const step *s, const float *delta, float *dx) {
    const rram_node *d = s->d;
    memset(dx, 0, s->in_size * sizeof *dx);
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, kw = d->kw, columns = d->out_w;
    const uint16_t *place = s->place;
    size_t offset[SMALL];
    window_offsets(d, offset);
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < columns; ox++, delta += c, place += c) {
            float *window = dx + oy * d->sh * pitch + ox * d->sw * c;
            for (size_t j = 0; j < c; j++) {
                const size_t i = place[j];
                window[(i < SMALL ? offset[i] : i / kw * pitch + i % kw * c) + j] += delta[j];
            }
        }
}

/* dLoss/dinput of a mean: each of the window gets the same share of the output's error. */
void mean_pool_backward(const step *s, const float *delta, float *dx) {
    const rram_node *d = s->d;
    memset(dx, 0, s->in_size * sizeof *dx);
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, kw = d->kw, windows = (size_t)d->kh * kw;
    const float factor = mean_factor(d);
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < d->out_w; ox++, delta += c) {
            float *window = dx + oy * d->sh * pitch + ox * d->sw * c;
            for (size_t i = 0; i < windows; i++) {
                float *at = window + i / kw * pitch + i % kw * c;
                for (size_t j = 0; j < c; j++) at[j] += delta[j] * factor;
            }
        }
}
