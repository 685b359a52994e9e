/* One label, one step: the backward pass that a chip can do, and the update of the correction (numerics.md, section 5).
 * Errors are 8-bit codes like activations, so transposed reads of the array and all gradient sums are integers. */
#include <math.h>
#include <string.h>

#include "core.h"

#define MOST_PRODUCTS 65536 /* error code times input code, this often, still fits int32 */

typedef struct learn_memory {
    int16_t *c;                   /* [P][N] codes of the error, later of the error times gain */
    float *gain, *offset, *value; /* gradients; value: [nnz] */
    float *repeated;              /* [N + LANES_MAX] gains */
    /* gradients of a convolution */
    int16_t *column;              /* one column of c, spread over a plane of the padded input */
    int16_t *planes;              /* [in_c][pad_h][pad_w] codes by channel; one channel: code itself */
    /* dLoss/dinput of an inner layer */
    int64_t *dx;                  /* padded input: transposed reads of the array */
    float *dxs;                   /* padded input: the mask's share */
    int32_t *pairs;               /* dense: error codes as pairs (c, 0) */
    int16_t *wt;                  /* convolution: [COLUMN_BLOCK / 2][K][2] weights of a block of columns, transposed */
    int32_t *patch;               /* convolution: [8][K] transposed read of a few positions */
    uint32_t *base, *live;        /* positions where a column has an error: their place in the padded input, their number */
} learn_memory;

static size_t entries_of(const layer *l) { return l->masked ? (size_t)l->d.mask_start[l->n] : 0; }

/* Places of the outputs in a plane of the padded input, from the first to the last, and what lies between. */
static size_t plane_span(const layer *l) {
    return (size_t)(l->d.out_h - 1) * l->d.sh * l->pad_w + (size_t)(l->d.out_w - 1) * l->d.sw + 1;
}

/* Memory from what the activation buffer has to spare, else from the scratch. */
static void *take_spare(bump *spare, size_t room, bump *b, size_t count, size_t size) {
    bump after = *spare;
    void *piece = take(&after, count, size);
    if (after.used > room) return take(b, count, size);
    *spare = after;
    return piece;
}

/* spare: behind dLoss/doutput, `room` bytes. */
static size_t learn_memory_at(const layer *l, void *memory, void *spare, size_t room, learn_memory *m) {
    const size_t k = l->k, n = l->n, p = l->p, input = (size_t)l->pad_h * l->pitch;
    const int inner = l->index > 0, conv = inner && p > 1, planes = l->plane_needed && l->d.in_c > 1;
    bump b = {memory, 0}, other = {spare, 0};
    m->c = take(&b, p * n + SLACK, sizeof *m->c);
    m->gain = take(&b, n, sizeof *m->gain);
    m->offset = take(&b, n, sizeof *m->offset);
    m->value = take(&b, entries_of(l), sizeof *m->value);
    m->repeated = take(&b, n + LANES_MAX, sizeof *m->repeated);
    bump g = b; /* gradients first, then dLoss/dinput, in the same memory */
    m->column = take(&g, plane_span(l) + SLACK, sizeof *m->column);
    m->planes = take(&g, planes ? input + SLACK : 0, sizeof *m->planes);
    m->dx = take(&b, inner ? input + 2 : 0, sizeof *m->dx);
    m->dxs = take_spare(&other, room, &b, inner ? input : 0, sizeof *m->dxs);
    m->pairs = take(&b, inner && !conv ? n + SLACK : 0, sizeof *m->pairs);
    m->wt = take_spare(&other, room, &b, conv ? COLUMN_BLOCK * k : 0, sizeof *m->wt);
    m->patch = take_spare(&other, room, &b, conv ? 8 * k : 0, sizeof *m->patch);
    m->base = take(&b, inner && entries_of(l) ? p : 0, sizeof *m->base);
    m->live = take(&b, inner && entries_of(l) ? p : 0, sizeof *m->live);
    return b.used > g.used ? b.used : g.used;
}

/* Bytes behind the outputs of a layer in an activation buffer of `size` elements, and where they start. */
static size_t spare_start(const layer *l) { return ((size_t)l->p * l->n + LANES_MAX + 15) & ~(size_t)15; }
static size_t spare_room(const layer *l, size_t size) {
    return size > spare_start(l) ? (size - spare_start(l)) * sizeof(float) : 0;
}

size_t learn_scratch(const layer *l, size_t buffer_size) {
    learn_memory m;
    return learn_memory_at(l, NULL, NULL, spare_room(l, buffer_size), &m);
}

/* dLoss/dlogits of the cross-entropy, in place: softmax - onehot. */
static void softmax_error(float *logits, size_t classes, uint32_t label) {
    double largest = logits[0], sum = 0;
    for (size_t i = 1; i < classes; i++) largest = logits[i] > largest ? logits[i] : largest;
    for (size_t i = 0; i < classes; i++) sum += exp(logits[i] - largest);
    for (size_t i = 0; i < classes; i++) logits[i] = (float)(exp(logits[i] - largest) / sum);
    logits[label] -= 1.0f;
}

/* Gradients of gain and offset of column j; its codes go to m->column, in their places. */
static void column_gradients(const layer *l, size_t j, float scale, learn_memory *m) {
    const rram_node *d = &l->d;
    const size_t n = l->n, columns = d->out_w, rows = d->out_h, step = d->sw, pitch = (size_t)d->sh * l->pad_w;
    const int16_t *c = m->c + j;
    int64_t gain = 0, offset = 0;
    for (size_t oy = 0, e = j; oy < rows; oy++) {
        int16_t *to = m->column + oy * pitch;
        for (size_t ox = 0; ox < columns; ox++, c += n, e += n) {
            to[ox * step] = *c;
            offset += *c;
            gain += *c * (int64_t)load_s(l, e);
        }
    }
    m->gain[j] = (float)gain * (scale * l->unit);
    m->offset[j] = (float)offset * scale;
}

/* Sum over positions of code of the error times code of row k's input. */
static int64_t entry_gradient(const kernels *kern, const layer *l, uint32_t k, size_t span, const learn_memory *m) {
    const int16_t *input = l->p > 1 ? m->planes + l->plane[k] : l->code + code_offset(l, k);
    int64_t sum = 0;
    for (size_t at = 0; at < span; at += MOST_PRODUCTS)
        sum += kern->correlate(m->column + at, input + at, span - at < MOST_PRODUCTS ? span - at : MOST_PRODUCTS);
    return sum;
}

/* Gradients of gain, offset and mask values from the error codes m->c and their scale. */
static void gradients(const kernels *kern, const layer *l, float scale, learn_memory *m) {
    const size_t span = plane_span(l), plane = (size_t)l->pad_h * l->pad_w;
    memset(m->column, 0, (span + SLACK) * sizeof *m->column);
    if (l->plane_needed && l->d.in_c == 1) m->planes = l->code;
    for (size_t c = 0; l->plane_needed && l->d.in_c > 1 && c < l->d.in_c; c++)
        for (size_t i = 0; i < plane; i++) m->planes[c * plane + i] = l->code[i * l->d.in_c + c];
    for (size_t j = 0; j < l->n; j++) {
        column_gradients(l, j, scale, m);
        for (int32_t e = l->masked ? l->d.mask_start[j] : 0; l->masked && e < l->d.mask_start[j + 1]; e++) {
            const uint32_t k = l->d.mask_row[e];
            const int64_t sum = l->p > 1 ? entry_gradient(kern, l, k, span, m) : m->c[j] * l->code[code_offset(l, k)];
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
                for (size_t row = 0; row < l->d.kh; row++)
                    kern->accumulate(m->patch + i * k + row * l->run, l->run, to + row * l->pitch);
            }
        }
    }
}

/* Positions where column j has an error, in order: number into m->live, place in the padded input into m->base. */
static size_t live_positions(const layer *l, const float *delta, size_t j, learn_memory *m) {
    const uint32_t step = l->d.sw * l->d.in_c, columns = l->d.out_w;
    uint32_t *live = m->live, *base = m->base;
    size_t count = 0;
    delta += j;
    for (uint32_t oy = 0, p = 0; oy < l->d.out_h; oy++)
        for (uint32_t ox = 0, at = oy * l->d.sh * l->pitch; ox < columns; ox++, p++, at += step, delta += l->n) {
            live[count] = p;
            base[count] = at;
            count += *delta != 0.0f;
        }
    return count;
}

/* The mask's share of dLoss/dinput: by column, by entry, as numerics.md orders it. */
static void sparse_backward(const layer *l, const float *delta, learn_memory *m) {
    const rram_node *d = &l->d;
    const size_t n = l->n;
    for (size_t j = 0; j < n; j++) {
        const int32_t first = d->mask_start[j], end = d->mask_start[j + 1];
        const size_t live = first < end ? live_positions(l, delta, j, m) : 0;
        for (int32_t e = first; e < end; e++) {
            float *to = m->dxs + (d->kh == 1 ? d->mask_row[e] : code_offset(l, d->mask_row[e]));
            const float value = d->value[e];
            for (size_t i = 0; i < live; i++) to[m->base[i]] += value * delta[m->live[i] * n + j];
        }
    }
}

/* dLoss/dinput [in] of an inner analog layer from dLoss/doutput [P][N]. */
static void analog_backward(const kernels *kern, const layer *l, const float *delta, float *dx, learn_memory *m) {
    const rram_node *d = &l->d;
    const size_t input = (size_t)l->pad_h * l->pitch, row = (size_t)d->in_w * d->in_c;
    memset(m->dx, 0, (input + 2) * sizeof *m->dx);
    memset(m->dxs, 0, input * sizeof *m->dxs);
    repeat_columns(d->gain, l->n, m->repeated);
    const float scale = kern->quantize(delta, (size_t)l->p * l->n, m->repeated, l->n, m->c);
    if (l->p > 1)
        transposed_conv(kern, l, m);
    else
        transposed_dense(kern, l, m);
    if (l->masked) sparse_backward(l, delta, m);
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
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, kw = d->kw, columns = d->out_w;
    const uint16_t *place = s->place;
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < columns; ox++, delta += c, place += c) {
            float *window = dx + oy * d->sh * pitch + ox * d->sw * c;
            for (size_t j = 0; j < c; j++) window[place[j] / kw * pitch + place[j] % kw * c + j] += delta[j];
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
static int learn_layer(rram_net *net, const step *s, const rram_adapt *adapt, float *delta, float *dx) {
    const layer *l = s->analog;
    const rram_node *d = &l->d;
    learn_memory m;
    learn_memory_at(l, net->scratch, delta + spare_start(l), spare_room(l, net->buffer_size[s->buffer]), &m);
    const float scale = net->kern->quantize(delta, (size_t)l->p * l->n, NULL, l->n, m.c);
    if (scale == 0.0f) return 0;
    gradients(net->kern, l, scale, &m);
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
            net->kern->keep(delta, s->out_size, s->positive);
            continue;
        }
        float *dx = net->buffer[1 - s->buffer];
        if (s->analog) {
            if (!learn_layer(net, s, adapt, delta, dx)) return;
            if (s->analog->index == 0) return;
        } else {
            pool_backward(s, delta, dx);
        }
        delta = dx;
    }
}
