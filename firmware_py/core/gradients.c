/* Gradients of one analog layer: integer sums of error codes against ADC sums and DAC codes (numerics.md, section 5).
 */
#include <string.h>

#include "learn.h"

#define MOST_PRODUCTS 65536 /* error code times input code, this often, still fits int32 */
#define SHORT_ROW 512       /* so many error codes times sums of int16 still do */

/* Gradients of gain and offset of column j; its codes go to m->column, in their places. */
static void column_gradients(const layer *l, size_t j, float scale, learn_memory *m) {
    const rram_node *d = &l->d;
    const size_t n = l->n, columns = d->out_w, rows = d->out_h, step = d->sw, pitch = (size_t)d->sh * l->pad_w;
    const int16_t *c = m->c + j, *s = (const int16_t *)m->s + j;
    int64_t gain = 0, offset = 0;
    for (size_t oy = 0; oy < rows; oy++) {
        int16_t *to = m->column + oy * pitch;
        if (RRAM_SMALL || l->wide || columns > SHORT_ROW) {
            for (size_t ox = 0, e = oy * columns * n + j; ox < columns; ox++, e += n) {
                to[ox * step] = m->c[e];
                offset += m->c[e];
                gain += m->c[e] * (int64_t)load_s(l, m->s, e);
            }
        } else {
            int32_t row_gain = 0, row_offset = 0;
            for (size_t ox = 0, i = oy * columns * n; ox < columns; ox++, i += n) {
                to[ox * step] = c[i];
                row_offset += c[i];
                row_gain += c[i] * s[i];
            }
            offset += row_offset, gain += row_gain;
        }
    }
    m->gain[j] = (float)gain * (scale * l->unit);
    m->offset[j] = (float)offset * scale;
}

/* Sum over positions of code of the error times code of row k's input. */
static int64_t entry_gradient(const kernels *kern, const layer *l, uint32_t k, size_t j, size_t span,
                              const learn_memory *m) {
    const int16_t *input = m->planes + plane_of(l, j, l->pad_h) + plane_offset(l, k, l->pad_h);
    int64_t sum = 0;
    for (size_t at = 0; at < span; at += MOST_PRODUCTS)
        sum += kern->correlate(m->column + at, input + at, span - at < MOST_PRODUCTS ? span - at : MOST_PRODUCTS);
    return sum;
}

/* Gradients of gain, offset and mask values from the error codes m->c and their scale. */
void gradients(const kernels *kern, const layer *l, float scale, learn_memory *m) {
    const size_t span = plane_span(l), plane = (size_t)l->pad_h * l->pad_w;
    kept_sums(l, m->s);
    memset(m->column, 0, (span + SLACK) * sizeof *m->column);
    const uint8_t *kept = l->kept;
    const int sign = l->d.signed_in ? 128 : 0;
    for (size_t c = 0, depth = l->d.in_c; l->plane_needed && c < depth; c++) {
        int16_t *to = m->planes + c * plane;
        for (size_t i = 0; i < plane; i++) to[i] = kept_code(kept[i * depth + c], sign);
    }
    for (size_t j = 0; j < l->n; j++) {
        column_gradients(l, j, scale, m);
        for (int32_t e = l->masked ? l->d.mask_start[j] : 0; l->masked && e < l->d.mask_start[j + 1]; e++) {
            const uint32_t k = l->d.mask_row[e];
            const int64_t sum = l->p > 1 ? entry_gradient(kern, l, k, j, span, m)
                                         : m->c[j] * kept_code(kept[input_of(l, k, j)], sign);
            m->value[e] = (float)sum * (scale * l->d.dac_lsb);
        }
    }
}
