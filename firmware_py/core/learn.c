/* One label, one step: the backward pass that a chip can do (numerics.md, section 5).
 * Errors are 8-bit codes like activations, so transposed reads of the array and all gradient sums are integers. */
#include <string.h>

#include "learn.h"

static size_t learn_memory_at(const layer *l, learn_memory *m) {
    const size_t k = l->k, n = l->n, p = l->p, rank = l->d.rank, most = l->d.covariance ? 2 + most_entries(l) : 0;
    const size_t entries = entries_of(l), back = l->inner ? back_rows(l) : 0;
    bump b = {l->scratch, 0};
    m->gain = take(&b, n, sizeof *m->gain);
    m->offset = take(&b, n, sizeof *m->offset);
    m->value = take(&b, entries, sizeof *m->value);
    m->low_a = take(&b, k * rank, sizeof *m->low_a);
    m->low_b = take(&b, rank * n, sizeof *m->low_b);
    m->scale_a = take(&b, k * rank, sizeof *m->scale_a);
    m->scale_b = take(&b, rank * n, sizeof *m->scale_b);
    m->low_h = take(&b, rank, sizeof *m->low_h);
    m->low_e = take(&b, rank, sizeof *m->low_e);
    m->phi = take(&b, most, sizeof *m->phi);
    m->back = take(&b, most, sizeof *m->back);
    m->repeated = take(&b, n + LANES_MAX, sizeof *m->repeated);
    bump g = b; /* gradients first, then dLoss/dinput, in the same memory */
    m->s = take(&g, p * n, l->wide ? sizeof(int32_t) : sizeof(int16_t));
    m->c = take(&g, p * n + SLACK, sizeof *m->c);
    m->column = take(&g, plane_span(l) + SLACK, sizeof *m->column);
    m->planes = take(&g, l->plane_needed ? (size_t)l->pad_h * l->pitch + SLACK : 0, sizeof *m->planes);
    m->ce = take(&b, l->inner ? p * n + SLACK : 0, sizeof *m->ce);
    m->dx = take(&b, l->inner ? (back + l->span_h - 1) * (size_t)l->pitch + 2 : 0,
                 wide_errors(l) ? sizeof(int64_t) : sizeof(int32_t));
    m->at = take(&b, back && entries ? k : 0, sizeof *m->at);
    bump t = b; /* the array's share first, then the mask's, but for the sums of the former */
    m->pairs = take(&t, !RRAM_SMALL && l->inner && p == 1 ? n + SLACK : 0, sizeof *m->pairs);
    m->wt = take(&t, !RRAM_SMALL && l->inner && p > 1 ? COLUMN_BLOCK * k : 0, sizeof *m->wt);
    m->patch = take(&t, !RRAM_SMALL && l->inner && p > 1 ? 8 * k : 0, sizeof *m->patch);
    m->dxs = take(&b, back * l->pitch, sizeof *m->dxs);
    m->base = take(&b, back && entries ? p : 0, sizeof *m->base);
    m->error = take(&b, back && entries ? p : 0, sizeof *m->error);
    if (t.used > b.used) b = t;
    return b.used > g.used ? b.used : g.used;
}

size_t learn_scratch(const layer *l) {
    learn_memory m;
    return learn_memory_at(l, &m);
}

/* dLoss/dlogits of the cross-entropy, in place: softmax - onehot. */
static void softmax_error(float *logits, size_t classes, uint32_t label) {
    softmax(classes, classes, logits, logits);
    logits[label] -= 1.0f;
}

/* One analog layer: gradients, dLoss/dinput (stored, or added to what is there), update. 0: no error is left. */
static int learn_layer(rram_net *net, const step *s, const rram_adapt *adapt, uint64_t read, int add,
                       float *dx) {
    const layer *l = s->analog;
    learn_memory m;
    learn_memory_at(l, &m);
    const float scale = net->kern->quantize(s->y, (size_t)l->p * l->n, NULL, l->n, m.c);
    if (scale == 0.0f) return 0;
    gradients(net->kern, l, scale, &m);
    if (l->d.rank) low_rank_gradients(l, s->y, &m), low_rank_scales(l, &m);
    if (l->inner) analog_backward(net->kern, l, s->y, add, dx, &m);
    if (adapt->optimizer == RRAM_RLS && l->d.covariance) rls_directions(l, adapt, s->y, &m);
    update_layer(net, l, adapt, read, &m);
    return 1;
}

/* The error `delta` goes to the output of `to`: there already, stored, or added to what other nodes gave. */
static void give(step *to, const float *delta) {
    if (delta != to->y && to->reached)
        add_to(delta, to->out_size, to->y);
    else if (delta != to->y)
        memcpy(to->y, delta, to->out_size * sizeof *delta);
    to->reached = 1;
}

/* A digital node with one input: its error to that of `to`. */
static void digital_backward(const rram_net *net, const step *s, step *to) {
    void (*const pool)(const step *, const float *, float *) =
        s->d->op == RRAM_MAXPOOL ? max_pool_backward : s->d->op == RRAM_AVGPOOL ? mean_pool_backward : NULL;
    float *dx = s->y; /* of an activation: in place */
    if (s->d->op == RRAM_RELU)
        net->kern->keep(s->y, s->out_size, s->positive);
    else if (is_activation(s->d->op))
        activation_backward(s, s->y);
    if (pool) {
        dx = to->reached ? s->scratch : to->y;
        pool(s, s->y, dx);
    }
    give(to, dx);
}

void rram_learn(rram_net *net, const float *x, uint32_t label, uint64_t read, const rram_adapt *adapt, float *logits) {
    step *last = net->steps + net->step_count - 1;
    store_logits(net, forward(net, x, read, 1), logits);
    if (!last->learns) return; /* integers, or frozen: no correction changes */
    softmax_error(last->y, last->out_size, label);
    last->reached = 1;
    for (uint32_t i = net->step_count; i-- > 0;) {
        step *s = net->steps + i;
        if (!s->reached) continue;
        s->reached = 0;
        for (uint32_t k = 0; k < source_count(s->d); k++) {
            const int32_t source = source_of(s->d, i, k);
            step *to = source >= 0 && net->steps[source].learns ? net->steps + source : NULL;
            if (s->analog) {
                if (learn_layer(net, s, adapt, read, to && to->reached, to ? to->y : NULL) && to) to->reached = 1;
            } else if (to && s->d->op == RRAM_ADD) {
                give(to, s->y);
            } else if (to && s->d->op == RRAM_CONCAT) {
                concat_backward(s, k, to);
            } else if (to) {
                digital_backward(net, s, to);
            }
        }
    }
}
