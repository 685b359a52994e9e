/* One label, one step: the backward pass that a chip can do, and the update of the correction (numerics.md, section 5).
 * Errors are 8-bit codes like activations, so transposed reads of the array and all gradient sums are integers. */
#include <math.h>
#include <string.h>

#include "learn.h"

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
static void update_group(const rram_adapt *adapt, size_t count, float *parameter, const float *sv, float *g,
                         double *ms) {
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
