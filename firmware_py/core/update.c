/* From gradients to changes of the correction: the optimisers (numerics.md, section 5). */
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
} group;

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
static void update_group(const rram_adapt *adapt, const group *p) {
    if (p->count == 0) return;
    double rate = adapt->lr_t;
    for (size_t i = 0; i < p->count; i++) p->g[i] = p->g[i] * p->sv[i];
    for (size_t i = 0; adapt->optimizer == RRAM_SIGN && i < p->count; i++)
        p->g[i] = p->g[i] > 0.0f ? 1.0f : p->g[i] < 0.0f ? -1.0f : 0.0f;
    if (adapt->optimizer == RRAM_MOMENTUM) accelerate(adapt, p);
    if (adapt->optimizer == RRAM_RMS) {
        const double mean = mean_square(adapt, p);
        if (!isfinite(mean)) return;
        *p->ms = mean;
        rate = adapt->lr_t / (sqrt(mean) + 1e-12);
    }
    const float f = (float)rate;
    for (size_t i = 0; i < p->count; i++) {
        const float moved = p->number[i] - f * (p->sv[i] * p->g[i]);
        if (isfinite(moved)) p->number[i] = moved;
    }
}

/* Every number of a layer by one step; m: their gradients. Momentum without a place for its state changes nothing. */
void update_layer(const layer *l, const rram_adapt *adapt, const learn_memory *m) {
    const rram_node *d = &l->d;
    const group groups[] = {{l->n, d->gain, d->gain_scale, m->gain, d->ms, NULL},
                            {l->n, d->offset, d->offset_scale, m->offset, d->ms + 1, NULL},
                            {entries_of(l), d->value, d->value_scale, m->value, d->ms + 2, NULL}};
    if (adapt->optimizer == RRAM_MOMENTUM && !d->velocity) return;
    float *velocity = d->velocity;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        group p = groups[i];
        p.velocity = velocity;
        update_group(adapt, &p);
        if (velocity) velocity += p.count;
    }
}
