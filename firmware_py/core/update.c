/* From gradients to changes of the correction: the optimisers, and the grid of codes (numerics.md, section 5). */
#include <math.h>

#include "learn.h"

/* One group of a layer's numbers, its prior step scales and gradients, and what the optimiser remembers of it. */
typedef struct group {
    size_t count;
    float *number;
    const float *sv;
    float *g; /* used up: the natural gradient, later the direction */
    double *ms;
    float *velocity;
    sram_codes held;  /* where a step leaves codes */
    uint32_t element; /* of the first number's draw */
    int solved;       /* g are steps already, by recursive least squares */
} group;

/* A number from [0, 1) for each element; one block of words serves four that follow one another. */
static double drawn(const stream *draws, uint32_t element, int first, uint32_t block[4]) {
    const uint32_t counter[4] = {element >> 2, draws->c1, draws->c2, draws->c3};
    if (first || (element & 3) == 0) rram_philox(counter, draws->key, block);
    return (double)block[element & 3] * (1.0 / 4294967296.0);
}

/* Numbers less their steps f sv n, as codes: rounded up with the probability of what is beyond the code below, or
 * (draws: NULL) to the nearest. A step that is not finite is none. */
static void move_codes(const group *p, float f, const stream *draws) {
    uint32_t block[4];
    for (size_t i = 0; i < p->count; i++) {
        const float step = f * (p->sv[i] * p->g[i]);
        const double exact = ((double)p->number[i] - (double)step) / p->held.worth;
        const double code = draws ? floor(exact + drawn(draws, p->element + (uint32_t)i, i == 0, block)) : rint(exact);
        if (isfinite(step)) p->number[i] = (float)(held_code(p->held, code) * p->held.worth);
    }
}

/* RMS: the mean square with this gradient in it. Not finite: nothing to learn. */
static double mean_square(const rram_adapt *adapt, const group *p) {
    double sum = 0;
    for (size_t i = 0; i < p->count; i++) sum += (double)p->g[i] * (double)p->g[i];
    const double mean = sum / (double)p->count;
    return !isfinite(mean) || !(*p->ms > 0) ? mean : adapt->beta * *p->ms + (1 - adapt->beta) * mean;
}

/* Momentum: the running mean of gradients takes the gradient's place; what is not finite does not enter it. */
static void accelerate(const rram_adapt *adapt, const group *p) {
    const float old = (float)adapt->beta, fresh = (float)(1 - adapt->beta);
    for (size_t i = 0; i < p->count; i++) {
        const float mean = old * p->velocity[i] + fresh * p->g[i];
        if (isfinite(mean)) p->velocity[i] = mean;
        p->g[i] = p->velocity[i];
    }
}

/* A step of f sv n by the natural gradient n = g sv. What would not be finite stays as it is. */
static void update_group(const rram_adapt *adapt, const group *p, const stream *draws) {
    if (p->count == 0) return;
    double rate = p->solved ? 1 : adapt->lr_t;
    for (size_t i = 0; !p->solved && i < p->count; i++) p->g[i] = p->g[i] * p->sv[i];
    for (size_t i = 0; adapt->optimizer == RRAM_SIGN && i < p->count; i++)
        p->g[i] = p->g[i] > 0.0f ? 1.0f : p->g[i] < 0.0f ? -1.0f : 0.0f;
    if (adapt->optimizer == RRAM_MOMENTUM) accelerate(adapt, p);
    if (adapt->optimizer == RRAM_RMS || (adapt->optimizer == RRAM_RLS && !p->solved)) {
        const double mean = mean_square(adapt, p);
        if (!isfinite(mean)) return;
        *p->ms = mean;
        rate = adapt->lr_t / (sqrt(mean) + 1e-12);
    }
    const float f = (float)rate;
    if (p->held.worth > 0) move_codes(p, f, draws);
    for (size_t i = 0; !(p->held.worth > 0) && i < p->count; i++) {
        const float moved = p->number[i] - f * (p->sv[i] * p->g[i]);
        if (isfinite(moved)) p->number[i] = moved;
    }
}

/* Every number of a layer by one step; m: their gradients. An optimiser without a place for its state
 * changes nothing. */
void update_layer(const rram_net *net, const layer *l, const rram_adapt *adapt, uint64_t read, const learn_memory *m) {
    const rram_node *d = &l->d;
    float *const numbers[5] = {d->gain, d->offset, d->value, d->low_a, d->low_b};
    float *const slopes[5] = {m->gain, m->offset, m->value, m->low_a, m->low_b};
    const float *const scales[5] = {d->gain_scale, d->offset_scale, d->value_scale, m->scale_a, m->scale_b};
    const size_t counts[5] = {l->n, l->n, entries_of(l), (size_t)l->k * d->rank, (size_t)l->n * d->rank};
    const int last = l == net->steps[net->step_count - 1].analog;
    if (adapt->optimizer == RRAM_MOMENTUM ? !d->velocity : adapt->optimizer == RRAM_RLS && last && !d->covariance) return;
    const stream st = make_stream(net->key, RRAM_ROUND, l->index, read);
    size_t element = 0;
    const int solved = adapt->optimizer == RRAM_RLS && last; /* gains, offsets, values: the others stay */
    for (size_t i = 0; i < (solved || !d->rank ? 3 : 5); i++) {
        group p = {.count = counts[i], .number = numbers[i], .sv = scales[i], .g = slopes[i], .ms = d->ms + i};
        p.velocity = d->velocity ? d->velocity + element : NULL;
        if (adapt->rounding != RRAM_AT_SAVE) p.held = codes_of(d, i);
        p.element = (uint32_t)element;
        p.solved = solved;
        update_group(adapt, &p, adapt->rounding == RRAM_STOCHASTIC ? &st : NULL);
        element += p.count;
    }
}
