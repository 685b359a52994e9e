/* Functions between layers and joined channels, forward and backward (numerics.md, sections 4 and 5): a few single float32
 * operations in a fixed order each. */
#include <math.h>
#include <string.h>

#include "core.h"

int is_activation(uint32_t op) {
    return op == RRAM_RELU || op == RRAM_RELU6 || op == RRAM_LEAKY_RELU || op == RRAM_HARD_SWISH || op == RRAM_SOFTMAX;
}

static float clamp6(float x) { return x > 0.0f ? x < 6.0f ? x : 6.0f : 0.0f; }

/* One output and dy/dx there. */
static float activated(const rram_node *d, float x, float *rate) {
    const float sixth = (float)(1.0 / 6.0);
    float y;
    if (d->op == RRAM_RELU6) {
        y = clamp6(x);
        *rate = y > 0.0f && y < 6.0f ? 1.0f : 0.0f;
    } else if (d->op == RRAM_LEAKY_RELU) {
        y = x > 0.0f ? x : x * d->slope;
        *rate = y > 0.0f ? 1.0f : d->slope;
    } else {
        y = x * (clamp6(x + 3.0f) * sixth);
        *rate = x > -3.0f ? x < 3.0f ? (x + x + 3.0f) * sixth : 1.0f : 0.0f;
    }
    return y;
}

/* Over the channels of each position; exp is taken twice, so that y may lie over x. */
void softmax(size_t count, size_t c, const float *x, float *y) {
    for (size_t e = 0; e < count; e += c) {
        double largest = x[e], sum = 0;
        for (size_t j = 1; j < c; j++) largest = x[e + j] > largest ? x[e + j] : largest;
        for (size_t j = 0; j < c; j++) sum += exp(x[e + j] - largest);
        for (size_t j = 0; j < c; j++) y[e + j] = (float)(exp(x[e + j] - largest) / sum);
    }
}

/* All but relu; y may lie over x. keep: what the backward pass needs. */
void activate(const step *s, const float *x, float *y, int keep) {
    float rate;
    if (s->d->op == RRAM_SOFTMAX) {
        softmax(s->out_size, s->d->out_c, x, y);
        if (keep) memcpy(s->kept, y, s->out_size * sizeof *y);
        return;
    }
    for (size_t i = 0; i < s->out_size; i++) {
        y[i] = activated(s->d, x[i], &rate);
        if (keep) s->kept[i] = rate;
    }
}

/* dLoss/doutput to dLoss/dinput, in place. */
void activation_backward(const step *s, float *delta) {
    const size_t c = s->d->out_c;
    if (s->d->op != RRAM_SOFTMAX)
        for (size_t i = 0; i < s->out_size; i++) delta[i] = delta[i] * s->kept[i];
    for (size_t e = 0; s->d->op == RRAM_SOFTMAX && e < s->out_size; e += c) {
        const float *y = s->kept + e;
        float inner = delta[e] * y[0];
        for (size_t j = 1; j < c; j++) inner += delta[e + j] * y[j];
        for (size_t j = 0; j < c; j++) delta[e + j] = y[j] * (delta[e + j] - inner);
    }
}

/* First channel of source k. */
static size_t first_channel(const rram_node *d, uint32_t k) {
    size_t first = 0;
    while (k > 0) first += d->parts[--k];
    return first;
}

/* The output of source k to its channels of y. */
void concatenate(const step *s, uint32_t k, const float *from, float *y) {
    const size_t width = s->d->parts[k], c = s->d->in_c, first = first_channel(s->d, k);
    for (size_t p = 0; p * c < s->out_size; p++) memcpy(y + p * c + first, from + p * width, width * sizeof *y);
}

/* The error of source k's channels to it, stored or added to what other nodes gave. */
void concat_backward(const step *s, uint32_t k, step *to) {
    const size_t width = s->d->parts[k], c = s->d->in_c, first = first_channel(s->d, k);
    for (size_t p = 0; p * c < s->out_size; p++)
        for (size_t j = 0; j < width; j++) {
            const float error = s->y[p * c + first + j];
            to->y[p * width + j] = to->reached ? to->y[p * width + j] + error : error;
        }
    to->reached = 1;
}
