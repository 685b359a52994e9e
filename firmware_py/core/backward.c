/* dLoss/dinput of one analog layer: transposed reads of the noisy array, and the mask's share (numerics.md, section 5).
 */
#include <string.h>

#include "learn.h"

/* Transposed read of a dense layer: m->dx[k] = sum over j of c[j] D[k][j]. */
static void transposed_dense(const kernels *kern, const layer *l, learn_memory *m) {
    const size_t n = l->n;
    int64_t *wide = wide_errors(l) ? m->dx : NULL;
    int32_t *narrow = m->dx;
    memset(m->pairs, 0, (n + SLACK) * sizeof *m->pairs);
    for (size_t j = 0; j < n; j++) m->pairs[j] = (uint16_t)m->ce[j];
    for (size_t q = 0; q < l->pairs; q++)
        for (size_t j = 0; j < n; j += SHORT_COLUMNS) {
            int32_t sum[2];
            kern->transposed(l->w + (q * n + j) * 2, m->pairs + j, n - j < SHORT_COLUMNS ? n - j : SHORT_COLUMNS, sum);
            if (wide)
                wide[l->off[q]] += sum[0], wide[l->off[q] + 1] += sum[1]; /* a row without a partner adds 0 */
            else
                narrow[l->off[q]] += sum[0], narrow[l->off[q] + 1] += sum[1];
        }
}

/* Weights of columns j.. transposed to [COLUMN_BLOCK / 2][K][2], so that pairs are two columns; zero past the last. */
static void transpose_block(const layer *l, size_t j, int16_t *wt) {
    const size_t n = l->n, k = l->k, columns = n - j < COLUMN_BLOCK ? n - j : COLUMN_BLOCK;
    memset(wt, 0, COLUMN_BLOCK * k * sizeof *wt);
    for (uint32_t t = 0; t < l->tiles; t++) {
        size_t q = l->tile_q[t];
        for (uint32_t row = tile_start(l, t), end = tile_end(l, t), partner; row < end; row += 1 + partner, q++) {
            partner = has_partner(l, row, end);
            for (size_t b = 0; b < columns; b++)
                for (size_t half = 0; half <= partner; half++)
                    wt[((b / 2) * k + row + half) * 2 + b % 2] = l->w[(q * n + j + b) * 2 + half];
        }
    }
}

/* Transposed read of a convolution: each position's errors go back to the inputs that it saw. */
static void transposed_conv(const kernels *kern, const layer *l, learn_memory *m) {
    const int wide = wide_errors(l);
    const size_t n = l->n, k = l->k, size = wide ? sizeof(int64_t) : sizeof(int32_t);
    uint32_t pair[COLUMN_BLOCK / 2], from[16];
    for (uint32_t i = 0; i < COLUMN_BLOCK / 2; i++) pair[i] = 2 * i;
    for (size_t j = 0; j < n; j += COLUMN_BLOCK) {
        transpose_block(l, j, m->wt);
        for (uint32_t p = 0; p < l->p; p += 8) {
            const uint32_t count = l->p - p < 8 ? l->p - p : 8;
            for (uint32_t i = 0; i < 16; i++) from[i] = (p + (i < count ? i : count - 1)) * l->n + (uint32_t)j;
            kern->dot(m->ce, from, count, pair, COLUMN_BLOCK / 2, m->wt, k, m->patch);
            for (uint32_t i = 0; i < count; i++) {
                char *to = (char *)m->dx + position_base(l, p + i) * size;
                const int32_t *from_row = m->patch + i * k;
                for (uint32_t y = 0; y < l->d.kh; y++) /* code_offset without divisions */
                    for (uint32_t x = 0; x < l->d.kw * l->d.in_c; x += l->run, from_row += l->run)
                        kern->accumulate(from_row, l->run, wide,
                                         to + (y * l->d.dilation_h * l->pitch + x * l->d.dilation_w) * size);
            }
        }
    }
}

/* Transposed read with groups of channels: each column's errors go back to the channels of its own group. */
static void transposed_groups(const layer *l, learn_memory *m) {
    const size_t n = l->n;
    int64_t *wide = wide_errors(l) ? m->dx : NULL;
    int32_t *narrow = m->dx;
    for (uint32_t p = 0; p < l->p; p++)
        for (size_t q = 0; q < l->pairs; q++)
            for (size_t j = 0; j < n; j++) { /* a row without a partner has one of weight 0 */
                const int16_t *w = l->w + (q * n + j) * 2;
                const int32_t c = m->ce[p * n + j];
                const size_t at = position_base(l, p) + l->off[q] + l->shift[j];
                if (wide)
                    wide[at] += c * w[0], wide[at + 1] += c * w[1];
                else
                    narrow[at] += c * w[0], narrow[at + 1] += c * w[1];
            }
}

/* Positions where column j has an error, in order: the error into m->error, place in the padded input into m->base. */
static size_t live_positions(const layer *l, const float *delta, size_t j, learn_memory *m) {
    const uint32_t step = l->d.sw * l->d.in_c, columns = l->d.out_w;
    float *error = m->error;
    uint32_t *base = m->base;
    size_t count = 0;
    delta += j;
    for (uint32_t oy = 0; oy < l->d.out_h; oy++)
        for (uint32_t ox = 0, at = oy * l->d.sh * l->pitch; ox < columns; ox++, at += step, delta += l->n) {
            error[count] = *delta;
            base[count] = at;
            count += *delta != 0.0f;
        }
    return count;
}

/* The mask's share of dLoss/dinput: by column, by entry, as numerics.md orders it. */
static void sparse_backward(const layer *l, const float *delta, learn_memory *m) {
    const rram_node *d = &l->d;
    const float *error = m->error;
    const uint32_t *base = m->base;
    for (uint32_t k = 0; k < l->k; k++) m->at[k] = code_offset(l, k);
    for (size_t j = 0; j < l->n; j++) {
        const int32_t first = d->mask_start[j], end = d->mask_start[j + 1];
        const size_t live = first < end ? live_positions(l, delta, j, m) : 0;
        for (int32_t e = first; e < end; e++) {
            float *to = m->dxs + m->at[d->mask_row[e]] + (l->shift ? l->shift[j] : 0);
            const float value = d->value[e];
            for (size_t i = 0; i < live; i++) to[base[i]] += value * error[i];
        }
    }
}

/* dLoss/dinput [in] of an inner analog layer from dLoss/doutput [P][N], stored or added. */
void analog_backward(const kernels *kern, const layer *l, const float *delta, int add, float *dx, learn_memory *m) {
    const rram_node *d = &l->d;
    const size_t input = (size_t)l->pad_h * l->pitch, row = (size_t)d->in_w * d->in_c;
    const int64_t *wide = wide_errors(l) ? m->dx : NULL;
    const int32_t *narrow = m->dx;
    memset(m->dx, 0, (input + 2) * (wide ? sizeof *wide : sizeof *narrow));
    repeat_columns(d->gain, l->n, m->repeated);
    const float scale = kern->quantize(delta, (size_t)l->p * l->n, m->repeated, l->n, m->ce);
    if (l->shift)
        transposed_groups(l, m);
    else if (l->p > 1)
        transposed_conv(kern, l, m);
    else
        transposed_dense(kern, l, m);
    memset(m->dxs, 0, input * sizeof *m->dxs); /* may lie over the codes */
    if (l->masked) sparse_backward(l, delta, m);
    if (d->rank) low_rank_backward(l, delta, m);
    const float factor = scale * d->w_step;
    for (size_t y = 0; y < d->in_h; y++)
        for (size_t x = 0; x < row; x++) {
            const size_t at = (y + d->pad_top) * l->pitch + (size_t)d->pad_left * d->in_c + x;
            const float back = (wide ? (float)wide[at] : (float)narrow[at]) * factor + m->dxs[at];
            dx[y * row + x] = add ? dx[y * row + x] + back : back;
        }
}
