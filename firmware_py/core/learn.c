/* One label, one step: the backward pass that a chip can do, and the update of the correction (numerics.md, section 5).
 * Errors are 8-bit codes like activations, so transposed reads of the array and all gradient sums are integers. */
#include <math.h>
#include <string.h>

#include "core.h"

typedef struct learn_memory {
    int16_t *c;                    /* [P][N] codes of the error, later of the error times gain */
    float *gain, *offset, *value;  /* gradients; value: [nnz] */
    int64_t *dx;                   /* padded input: transposed reads of the array */
    float *dxs;                    /* padded input: the mask's share */
    int32_t *pairs;                /* dense: error codes as pairs (c, 0) */
    int16_t *wt;                   /* convolution: [COLUMN_BLOCK / 2][K][2] weights of a block of columns, transposed */
    int32_t *patch;                /* convolution: [8][K] transposed read of a few positions */
    uint32_t *base, *live;         /* convolution: positions of one column that have an error, as place and number */
} learn_memory;

static size_t entries_of(const layer *l) { return l->d.mask_start ? (size_t)l->d.mask_start[l->n] : 0; }

static size_t learn_memory_at(const layer *l, void *memory, learn_memory *m) {
    const size_t k = l->k, n = l->n, p = l->p, input = (size_t)l->pad_h * l->pitch, inner = l->index > 0, conv = inner && p > 1;
    bump b = {memory, 0};
    m->c = take(&b, p * n + SLACK, sizeof *m->c);
    m->gain = take(&b, n, sizeof *m->gain);
    m->offset = take(&b, n, sizeof *m->offset);
    m->value = take(&b, entries_of(l), sizeof *m->value);
    m->base = take(&b, p, sizeof *m->base);
    m->live = take(&b, p, sizeof *m->live);
    m->dx = take(&b, inner ? input + 2 : 0, sizeof *m->dx);
    m->dxs = take(&b, inner ? input : 0, sizeof *m->dxs);
    m->pairs = take(&b, inner && !conv ? n + SLACK : 0, sizeof *m->pairs);
    m->wt = take(&b, conv ? COLUMN_BLOCK * k + 8 * SLACK : 0, sizeof *m->wt);
    m->patch = take(&b, conv ? 8 * k + SLACK : 0, sizeof *m->patch);
    return b.used;
}

size_t learn_scratch(const layer *l) {
    learn_memory m;
    return learn_memory_at(l, NULL, &m);
}

/* dLoss/dlogits of the cross-entropy, in place: softmax - onehot. */
static void softmax_error(float *logits, size_t classes, uint32_t label) {
    double largest = logits[0], sum = 0;
    for (size_t i = 1; i < classes; i++) largest = logits[i] > largest ? logits[i] : largest;
    for (size_t i = 0; i < classes; i++) sum += exp(logits[i] - largest);
    for (size_t i = 0; i < classes; i++) logits[i] = (float)(exp(logits[i] - largest) / sum);
    logits[label] -= 1.0f;
}

/* 8-bit codes of delta [p][n], each times its column's gain if there is one; returns their scale, 0 if all are zero. */
static float error_codes(const float *delta, const float *gain, size_t positions, size_t n, int16_t *c) {
    float largest = 0.0f;
    for (size_t p = 0; p < positions; p++)
        for (size_t j = 0; j < n; j++) {
            const float e = fabsf(gain ? delta[p * n + j] * gain[j] : delta[p * n + j]);
            largest = e > largest ? e : largest;
        }
    const float scale = largest / 127.0f;
    for (size_t p = 0; p < positions; p++)
        for (size_t j = 0; j < n; j++) {
            const float e = gain ? delta[p * n + j] * gain[j] : delta[p * n + j];
            const float q = scale > 0.0f ? e / scale : 0.0f;
            c[p * n + j] = (int16_t)((q + 12582912.0f) - 12582912.0f); /* rint, half to even */
        }
    return scale;
}

/* Positions of column j with an error, in order: number into live, place in the padded input into base. */
static size_t live_positions(const layer *l, const int16_t *c, const float *delta, size_t j, learn_memory *m) {
    size_t count = 0;
    for (uint32_t oy = 0, p = 0; oy < l->d.out_h; oy++)
        for (uint32_t ox = 0; ox < l->d.out_w; ox++, p++) {
            m->live[count] = p;
            m->base[count] = oy * l->d.sh * l->pitch + ox * l->d.sw * l->d.in_c;
            count += c ? c[p * l->n + j] != 0 : delta[p * l->n + j] != 0.0f;
        }
    return count;
}

/* Gradients of gain, offset and mask values from error codes m->c and their scale. */
static void gradients(const layer *l, float scale, learn_memory *m) {
    const size_t n = l->n;
    for (size_t j = 0; j < n; j++) {
        const size_t live = live_positions(l, m->c, NULL, j, m);
        int64_t gain = 0, offset = 0;
        for (size_t i = 0; i < live; i++) {
            const int64_t c = m->c[m->live[i] * n + j];
            gain += c * load_s(l, m->live[i] * n + j);
            offset += c;
        }
        m->gain[j] = (float)gain * (scale * l->unit);
        m->offset[j] = (float)offset * scale;
        if (!entries_of(l)) continue;
        for (int32_t e = l->d.mask_start[j]; e < l->d.mask_start[j + 1]; e++) {
            const int16_t *code = l->code + code_offset(l, l->d.mask_row[e]);
            int64_t sum = 0;
            for (size_t i = 0; i < live; i++) sum += m->c[m->live[i] * n + j] * code[m->base[i]];
            m->value[e] = (float)sum * (scale * l->d.dac_lsb);
        }
    }
}

/* Transposed read of a dense layer: m->dx[k] = sum over j of c[j] D[k][j]. */
static void transposed_dense(const kernels *kern, const layer *l, learn_memory *m) {
    const size_t n = l->n;
    memset(m->pairs, 0, (n + SLACK) * sizeof *m->pairs);
    for (size_t j = 0; j < n; j++) m->pairs[j] = (uint16_t)m->c[j];
    for (size_t q = 0; q < l->pairs; q++)
        for (size_t j = 0; j < n; j += SHORT_COLUMNS) {
            int32_t sum[2];
            kern->transposed(l->w + (q * n + j) * 2, m->pairs + j, n - j < SHORT_COLUMNS ? n - j : SHORT_COLUMNS, sum);
            m->dx[l->off[q]] += sum[0];
            m->dx[l->off[q] + 1] += sum[1]; /* a row without a partner adds 0 */
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
    const size_t n = l->n, k = l->k;
    uint32_t pair[COLUMN_BLOCK / 2], from[16];
    for (uint32_t i = 0; i < COLUMN_BLOCK / 2; i++) pair[i] = 2 * i;
    for (size_t j = 0; j < n; j += COLUMN_BLOCK) {
        transpose_block(l, j, m->wt);
        for (uint32_t p = 0; p < l->p; p += 8) {
            const uint32_t count = l->p - p < 8 ? l->p - p : 8;
            for (uint32_t i = 0; i < 16; i++) from[i] = (p + (i < count ? i : count - 1)) * l->n + (uint32_t)j;
            kern->dot(m->c, from, count, pair, COLUMN_BLOCK / 2, m->wt, k, m->patch);
            for (uint32_t i = 0; i < count; i++) {
                int64_t *to = m->dx + position_base(l, p + i);
                for (uint32_t row = 0; row < l->d.kh; row++)
                    for (uint32_t r = 0; r < l->run; r++) to[row * l->pitch + r] += m->patch[i * k + row * l->run + r];
            }
        }
    }
}

/* The mask's share of dLoss/dinput: by column, by entry, as numerics.md orders it. */
static void sparse_backward(const layer *l, const float *delta, learn_memory *m) {
    const rram_node *d = &l->d;
    for (size_t j = 0; entries_of(l) && j < l->n; j++) {
        const size_t live = live_positions(l, NULL, delta, j, m);
        for (int32_t e = d->mask_start[j]; e < d->mask_start[j + 1]; e++) {
            float *to = m->dxs + code_offset(l, d->mask_row[e]);
            for (size_t i = 0; i < live; i++) to[m->base[i]] += d->value[e] * delta[m->live[i] * l->n + j];
        }
    }
}

/* dLoss/dinput [in] of an inner analog layer from dLoss/doutput [P][N]. */
static void analog_backward(const kernels *kern, const layer *l, const float *delta, float *dx, learn_memory *m) {
    const rram_node *d = &l->d;
    const size_t input = (size_t)l->pad_h * l->pitch, row = (size_t)d->in_w * d->in_c;
    memset(m->dx, 0, (input + 2) * sizeof *m->dx);
    memset(m->dxs, 0, input * sizeof *m->dxs);
    const float scale = error_codes(delta, d->gain, l->p, l->n, m->c);
    if (l->p > 1)
        transposed_conv(kern, l, m);
    else
        transposed_dense(kern, l, m);
    sparse_backward(l, delta, m);
    const float factor = scale * d->w_step;
    for (size_t y = 0; y < d->in_h; y++)
        for (size_t x = 0; x < row; x++) {
            const size_t at = (y + d->pad_top) * l->pitch + (size_t)d->pad_left * d->in_c + x;
            dx[y * row + x] = (float)m->dx[at] * factor + m->dxs[at];
        }
}

/* dLoss/dinput of a max pool: each output's error goes to the first maximum of its window. */
static void pool_backward(const step *s, const float *delta, float *dx) {
    const rram_node *d = &s->d;
    memset(dx, 0, s->in_size * sizeof *dx);
    for (size_t o = 0; o < s->out_size; o++) {
        const size_t c = o % d->in_c, ox = o / d->in_c % d->out_w, oy = o / d->in_c / d->out_w;
        const size_t row = oy * d->sh + s->place[o] / d->kw, column = ox * d->sw + s->place[o] % d->kw;
        dx[(row * d->in_w + column) * d->in_c + c] += delta[o];
    }
}

/* One group of parameters: natural gradient n = g sv, then a step of f sv n; the gradients are used up. */
static void update_group(const rram_adapt *adapt, size_t count, float *parameter, const float *sv, float *g, double *ms) {
    if (count == 0) return;
    double sum = 0, rate = adapt->lr_t;
    for (size_t i = 0; i < count; i++) g[i] = g[i] * sv[i];
    if (adapt->optimizer == RRAM_RMS) {
        for (size_t i = 0; i < count; i++) sum += (double)g[i] * (double)g[i];
        const double mean = sum / (double)count;
        *ms = *ms > 0 ? adapt->beta * *ms + (1 - adapt->beta) * mean : mean;
        rate = adapt->lr_t / (sqrt(*ms) + 1e-12);
    }
    const float f = (float)rate;
    for (size_t i = 0; i < count; i++) parameter[i] = parameter[i] - f * (sv[i] * g[i]);
}

/* One analog layer: gradients, dLoss/dinput, update. 0: no error is left. */
static int learn_layer(rram_net *net, layer *l, const rram_adapt *adapt, const float *delta, float *dx) {
    rram_node *d = &l->d;
    learn_memory m;
    learn_memory_at(l, net->scratch, &m);
    memset(m.c, 0, ((size_t)l->p * l->n + SLACK) * sizeof *m.c);
    const float scale = error_codes(delta, NULL, l->p, l->n, m.c);
    if (scale == 0.0f) return 0;
    gradients(l, scale, &m);
    if (l->index > 0) analog_backward(net->kern, l, delta, dx, &m);
    update_group(adapt, l->n, d->gain, d->gain_scale, m.gain, d->ms);
    update_group(adapt, l->n, d->offset, d->offset_scale, m.offset, d->ms + 1);
    update_group(adapt, entries_of(l), d->value, d->value_scale, m.value, d->ms + 2);
    return 1;
}

void rram_learn(rram_net *net, const float *x, uint32_t label, uint64_t read, const rram_adapt *adapt, float *logits) {
    const step *last = net->steps + net->step_count - 1;
    const float *out = forward(net, x, read, 1);
    memcpy(logits, out, last->out_size * sizeof *logits);
    float *delta = net->buffer[last->buffer];
    softmax_error(delta, last->out_size, label);
    for (uint32_t i = net->step_count; i-- > 0;) {
        const step *s = net->steps + i;
        if (s->d.op == RRAM_RELU) {
            for (size_t e = 0; e < s->out_size; e++)
                if (!s->positive[e]) delta[e] = 0.0f;
            continue;
        }
        float *dx = net->buffer[1 - s->buffer];
        if (s->analog) {
            if (!learn_layer(net, s->analog, adapt, delta, dx)) return;
            if (s->analog->index == 0) return;
        } else {
            pool_backward(s, delta, dx);
        }
        delta = dx;
    }
}
