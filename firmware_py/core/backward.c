/* dLoss/dinput of one analog layer: transposed reads of the noisy array, and the mask's share (numerics.md, section 5).
 */
#include <string.h>

#include "learn.h"

/* Transposed read as it is defined: each position's errors go back to what each column saw. For groups of channels, and
 * where code has to be small. */
static void transposed_plain(const layer *l, uint32_t first, uint32_t end, uint32_t top, learn_memory *m) {
    const size_t n = l->n;
    int64_t *wide = wide_errors(l) ? m->dx : NULL;
    int32_t *narrow = m->dx;
    for (uint32_t p = first; p < end; p++)
        for (size_t q = 0; q < l->pairs; q++) {
            const int16_t *c = m->ce + p * n, *w = l->w + q * n * 2;
            size_t at = position_base(l, p) - top * l->pitch + l->off[q];
            int64_t even = 0, odd = 0;
            for (size_t j = 0; j < n; j++) {
                even += c[j] * w[2 * j], odd += c[j] * w[2 * j + 1];
                if (!l->shift && j + 1 < n) continue; /* the columns of one group see the same */
                const size_t to = at + (l->shift ? l->shift[j] : 0);
                for (size_t half = 0; half < 2; half++, even = odd) /* a row without a partner has one of weight 0 */
                    if (wide)
                        wide[to + half] += even;
                    else
                        narrow[to + half] += (int32_t)even;
                even = odd = 0;
            }
        }
}

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
    const int16_t *w = l->w + 2 * j;
    if (columns < COLUMN_BLOCK) memset(wt, 0, COLUMN_BLOCK * k * sizeof *wt);
    for (uint32_t t = 0; t < l->tiles; t++)
        for (uint32_t row = tile_start(l, t), end = tile_end(l, t), in = row % l->run; row < end; w += 2 * n) {
            const uint32_t partner = row + 1 < end && in + 1 < l->run; /* has_partner() without a division */
            for (size_t b = 0; b < columns; b++) {
                int16_t *to = wt + (b / 2 * k + row) * 2 + b % 2;
                to[0] = w[2 * b];
                if (partner) to[2] = w[2 * b + 1];
            }
            row += 1 + partner, in += 1 + partner;
            if (in == l->run) in = 0;
        }
}

/* Transposed read of a convolution: the errors of positions first .. end - 1 go back to the inputs that each saw; m->dx
 * begins with row `top` of the padded input. */
static void transposed_conv(const kernels *kern, const layer *l, uint32_t first, uint32_t end, uint32_t top,
                            learn_memory *m) {
    const int wide = wide_errors(l);
    const size_t n = l->n, k = l->k, size = wide ? sizeof(int64_t) : sizeof(int32_t);
    uint32_t pair[COLUMN_BLOCK / 2], from[16];
    for (uint32_t i = 0; i < COLUMN_BLOCK / 2; i++) pair[i] = 2 * i;
    for (size_t j = 0; j < n; j += COLUMN_BLOCK) {
        transpose_block(l, j, m->wt);
        for (uint32_t p = first; p < end; p += 8) {
            const uint32_t count = end - p < 8 ? end - p : 8;
            for (uint32_t i = 0; i < 16; i++) from[i] = (p + (i < count ? i : count - 1)) * l->n + (uint32_t)j;
            kern->dot(m->ce, from, count, pair, COLUMN_BLOCK / 2, m->wt, k, m->patch);
            for (uint32_t i = 0; i < count; i++) {
                char *to = (char *)m->dx + (position_base(l, p + i) - top * l->pitch) * size;
                const int32_t *from_row = m->patch + i * k;
                for (uint32_t y = 0; y < l->d.kh; y++) /* code_offset without divisions */
                    for (uint32_t x = 0; x < l->d.kw * l->d.in_c; x += l->run, from_row += l->run)
                        kern->accumulate(from_row, l->run, wide,
                                         to + (y * l->d.dilation_h * l->pitch + x * l->d.dilation_w) * size);
            }
        }
    }
}

/* Positions of output rows first .. end - 1 where column j has an error, in order: the error into m->error, its
 * place in the padded input, from row `top` on, into m->base. */
static size_t live_positions(const layer *l, const float *delta, size_t j, uint32_t first, uint32_t end,
                             uint32_t top, learn_memory *m) {
    const int32_t step = (int32_t)(l->d.sw * l->d.in_c), pitch = (int32_t)l->pitch, columns = (int32_t)l->d.out_w;
    float *error = m->error;
    int32_t *base = m->base;
    size_t count = 0;
    delta += (size_t)first * l->d.out_w * l->n + j;
    for (uint32_t oy = first; oy < end; oy++)
        for (int32_t ox = 0, at = (int32_t)(oy * l->d.sh - top) * pitch; ox < columns; ox++, at += step) {
            error[count] = *delta;
            base[count] = at;
            count += *delta != 0.0f;
            delta += l->n;
        }
    return count;
}

/* Output rows that see row `top` of the padded input or one after it begin with this one. */
static uint32_t first_row(const layer *l, uint32_t top) {
    return top < l->span_h ? 0 : (top - l->span_h) / l->d.sh + 1;
}
/* Output rows whose windows begin above row `bottom`. */
static uint32_t rows_above(const layer *l, uint32_t bottom) {
    const uint32_t rows = (bottom + l->d.sh - 1) / l->d.sh;
    return rows < l->d.out_h ? rows : l->d.out_h;
}

/* The mask's share of dLoss/dinput in rows top .. bottom - 1 of the padded input: by column, by entry, as numerics.md
 * orders it. */
static void sparse_backward(const layer *l, const float *delta, uint32_t top, uint32_t bottom, learn_memory *m) {
    const rram_node *d = &l->d;
    const float *error = m->error;
    const int32_t *base = m->base, size = (int32_t)((bottom - top) * l->pitch);
    for (size_t j = 0; j < l->n; j++) {
        const int32_t first = d->mask_start[j], end = d->mask_start[j + 1];
        if (first == end) continue;
        const size_t live = live_positions(l, delta, j, first_row(l, top), rows_above(l, bottom), top, m);
        for (int32_t e = first; e < end; e++) {
            const int32_t at = (int32_t)(m->at[d->mask_row[e]] + (l->shift ? l->shift[j] : 0));
            const float value = d->value[e];
            float *to = m->dxs + at;
            size_t i = 0, till = live;
            while (i < till && base[i] + at < 0) i++;
            while (i < till && base[till - 1] + at >= size) till--;
            for (; i < till; i++) to[base[i]] += value * error[i];
        }
    }
}

/* dLoss/dinput [in] of an inner analog layer from dLoss/doutput [P][N], stored or added: some rows of the input at a
 * time; what output rows give to rows below stays in m->dx for the next. */
void analog_backward(const kernels *kern, const layer *l, const float *delta, int add, float *dx, learn_memory *m) {
    const rram_node *d = &l->d;
    const uint32_t rows = back_rows(l), width = d->out_w, tail = (l->span_h - 1) * l->pitch;
    const size_t row = (size_t)d->in_w * d->in_c, size = wide_errors(l) ? sizeof(int64_t) : sizeof(int32_t);
    const int64_t *wide = wide_errors(l) ? m->dx : NULL;
    const int32_t *narrow = m->dx;
    memset(m->dx, 0, ((size_t)rows * l->pitch + tail + 2) * size);
    repeat_columns(d->gain, l->n, m->repeated);
    const float scale = kern->quantize(delta, (size_t)l->p * l->n, m->repeated, l->n, m->ce);
    const float factor = scale * d->w_step;
    for (uint32_t k = 0; l->masked && k < l->k; k++) m->at[k] = code_offset(l, k);
    for (uint32_t top = 0, bottom; top < l->pad_h; top = bottom) {
        bottom = l->pad_h - top < rows ? l->pad_h : top + rows;
        const uint32_t first = rows_above(l, top) * width, end = rows_above(l, bottom) * width;
        if (RRAM_SMALL || l->shift)
            transposed_plain(l, first, end, top, m);
        else if (l->p > 1)
            transposed_conv(kern, l, first, end, top, m);
        else
            transposed_dense(kern, l, m);
        memset(m->dxs, 0, (size_t)(bottom - top) * l->pitch * sizeof *m->dxs); /* may lie over the weights */
        if (l->masked) sparse_backward(l, delta, top, bottom, m);
        if (d->rank) low_rank_backward(l, delta, top, bottom, m);
        for (uint32_t y = top > d->pad_top ? top : d->pad_top; y < bottom && y < d->pad_top + d->in_h; y++)
            for (size_t x = 0; x < row; x++) {
                const size_t at = (size_t)(y - top) * l->pitch + (size_t)d->pad_left * d->in_c + x;
                float *to = dx + (y - d->pad_top) * row + x;
                const float back = (wide ? (float)wide[at] : (float)narrow[at]) * factor + m->dxs[at];
                *to = add ? *to + back : back;
            }
        if (bottom == l->pad_h) break;
        memmove(m->dx, (char *)m->dx + (size_t)rows * l->pitch * size, tail * size);
        memset((char *)m->dx + tail * size, 0, (size_t)rows * l->pitch * size);
    }
}
