/* The digital operators between analog layers, forward and backward (numerics.md, sections 4 and 5). */
#include <string.h>

#include "core.h"

#define SMALL 64 /* places of a window whose offsets are looked up, not divided for */

/* Offset of place i of a window from its first; the same looked up, where it is among the first SMALL. */
static size_t divided_offset(const rram_node *d, size_t i) { return (i / d->kw * d->in_w + i % d->kw) * d->in_c; }

static void window_offsets(const rram_node *d, size_t *at) {
    for (size_t i = 0; !RRAM_SMALL && i < (size_t)d->kh * d->kw && i < SMALL; i++) at[i] = divided_offset(d, i);
}

static size_t window_offset(const rram_node *d, const size_t *at, size_t i) {
    return !RRAM_SMALL && i < SMALL ? at[i] : divided_offset(d, i);
}

/* Which of each window is the first maximum, by what the pool gave. */
void keep_maxima(const step *s, const float *x, const float *y) {
    const rram_node *d = s->d;
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, columns = d->out_w;
    uint16_t *place = s->place;
    size_t offset[SMALL];
    window_offsets(d, offset);
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < columns; ox++, y += c, place += c) {
            const float *window = x + oy * d->sh * pitch + ox * d->sw * c;
            memset(place, 0, c * sizeof *place); /* where the maximum is NaN */
            for (size_t i = (size_t)d->kh * d->kw; i-- > 0;) { /* from the last, so that the first one stays */
                const float *at = window + window_offset(d, offset, i);
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
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, windows = (size_t)d->kh * d->kw;
    const float factor = mean_factor(d);
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < d->out_w; ox++, y += c) {
            const float *window = x + oy * d->sh * pitch + ox * d->sw * c;
            memcpy(y, window, c * sizeof *y);
            for (size_t i = 1; i < windows; i++) add_to(window + divided_offset(d, i), c, y);
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
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, columns = d->out_w;
    const uint16_t *place = s->place;
    size_t offset[SMALL];
    window_offsets(d, offset);
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < columns; ox++, delta += c, place += c) {
            float *window = dx + oy * d->sh * pitch + ox * d->sw * c;
            for (size_t j = 0; j < c; j++) window[window_offset(d, offset, place[j]) + j] += delta[j];
        }
}

/* dLoss/dinput of a mean: each of the window gets the same share of the output's error. */
void mean_pool_backward(const step *s, const float *delta, float *dx) {
    const rram_node *d = s->d;
    memset(dx, 0, s->in_size * sizeof *dx);
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, windows = (size_t)d->kh * d->kw;
    const float factor = mean_factor(d);
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < d->out_w; ox++, delta += c) {
            float *window = dx + oy * d->sh * pitch + ox * d->sw * c;
            for (size_t i = 0; i < windows; i++) {
                float *at = window + divided_offset(d, i);
                for (size_t j = 0; j < c; j++) at[j] += delta[j] * factor;
            }
        }
}
