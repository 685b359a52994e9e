/* Between the layers of a network of integers: thresholds, maxima, renamed rows (numerics.md, section 6). */
#include <string.h>

#include "core.h"

/* The sums of ADC codes of a layer: its output. */
void integer_sums(const layer *l, int32_t *y) {
    for (size_t e = 0; e < (size_t)l->p * l->n; e++) y[e] = load_s(l, l->s, e);
}

/* How many of its column's thresholds each sum has reached; y may lie over x. */
static void thresholds(const step *s, const int32_t *x, int32_t *y) {
    const size_t n = s->d->out_c;
    for (size_t e = 0; e < s->out_size; e += n)
        for (size_t j = 0; j < n; j++) {
            const int32_t sum = x[e + j];
            int32_t code = 0;
            for (size_t i = 0; i < s->d->most; i++) code += sum >= s->d->thresholds[i * n + j];
            y[e + j] = code;
        }
}

static void max_windows(const rram_node *d, const int32_t *x, int32_t *y) {
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, kw = d->kw, windows = (size_t)d->kh * kw;
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < d->out_w; ox++, y += c) {
            const int32_t *window = x + oy * d->sh * pitch + ox * d->sw * c;
            memcpy(y, window, c * sizeof *y);
            for (size_t i = 1; i < windows; i++) {
                const int32_t *at = window + i / kw * pitch + i % kw * c;
                for (size_t j = 0; j < c; j++) y[j] = at[j] > y[j] ? at[j] : y[j];
            }
        }
}

/* Each input counts, with its sign, in the row that it shares. */
static void rename_rows(const step *s, const int32_t *x, int32_t *y) {
    memset(y, 0, s->out_size * sizeof *y);
    for (size_t k = 0; k < s->in_size; k++) y[s->d->row[k]] += s->d->sign[k] * x[k];
}

/* A digital node on integers. */
void integer_step(const step *s, const int32_t *x, int32_t *y) {
    if (s->d->op == RRAM_THRESHOLDS)
        thresholds(s, x, y);
    else if (s->d->op == RRAM_RENAME)
        rename_rows(s, x, y);
    else
        max_windows(s->d, x, y);
}
