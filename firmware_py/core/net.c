/* The network: its layout in the arena, the choice of kernels, and the forward pass over the chain. */
#include <string.h>

#include "core.h"

static const kernels *const VARIANTS[] = {
    &kernels_scalar,
#if defined(__x86_64__) && defined(__GNUC__)
    &kernels_sse2,   &kernels_avx2, &kernels_avx512, &kernels_vnni,
#elif defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__)
    &kernels_neon,
#endif
};

int rram_variant_count(void) { return (int)(sizeof VARIANTS / sizeof *VARIANTS); }

const char *rram_variant_name(int variant) {
    return variant >= 0 && variant < rram_variant_count() ? VARIANTS[variant]->name : "none";
}

int rram_variant_usable(int variant) {
    if (variant < 0 || variant >= rram_variant_count()) return 0;
#if defined(__x86_64__) && defined(__GNUC__)
    const int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (VARIANTS[variant] == &kernels_avx2) return __builtin_cpu_supports("avx2") != 0;
    if (VARIANTS[variant] == &kernels_avx512) return wide;
    if (VARIANTS[variant] == &kernels_vnni) return wide && __builtin_cpu_supports("avx512vnni");
#endif
    return 1;
}

const char *rram_variant_of(const rram_net *net) { return net->kern->name; }

const kernels *kernels_of(int variant) {
    if (variant >= 0) return rram_variant_usable(variant) ? VARIANTS[variant] : NULL;
    int best = rram_variant_count() - 1;
    while (!rram_variant_usable(best)) best--;
    return VARIANTS[best];
}

static int volume(uint32_t h, uint32_t w, uint32_t c, size_t *size) {
    if (h < 1 || w < 1 || c < 1 || h > 65535 || w > 65535 || c > 65535) return 0;
    const uint64_t v = (uint64_t)h * w * c;
    *size = (size_t)v;
    return v < (uint64_t)1 << 31;
}

/* A digital node or the frame of an analog one: sizes in range, and the output follows from the input. */
static int check_node(const rram_node *d, const step *before, step *s) {
    if (!volume(d->in_h, d->in_w, d->in_c, &s->in_size) || !volume(d->out_h, d->out_w, d->out_c, &s->out_size))
        return 0;
    if (before && before->out_size != s->in_size) return 0;
    if (d->op == RRAM_RELU) return s->in_size == s->out_size;
    if (d->kh < 1 || d->kw < 1 || d->sh < 1 || d->sw < 1 || d->kh > 4096 || d->kw > 4096 || d->sh > 4096 ||
        d->sw > 4096)
        return 0;
    if (d->op == RRAM_ANALOG) return d->pad_top < d->kh && d->pad_left < d->kw;
    return d->op == RRAM_MAXPOOL && d->in_c == d->out_c && d->kh * d->kw <= 65535 &&
           (d->out_h - 1) * d->sh + d->kh <= d->in_h && (d->out_w - 1) * d->sw + d->kw <= d->in_w;
}

/* Activation buffer of node i's output, the one before it having been `buffer`: relu works in place, the others change
 * sides. */
static uint32_t next_buffer(const rram_node *d, uint32_t i, uint32_t buffer) {
    return d->op == RRAM_RELU && i > 0 ? buffer : 1 - buffer;
}

/* What the layers need for a while: the most of any phase of any layer. */
static size_t scratch_size(const rram_desc *desc, const size_t buffer_size[2]) {
    size_t most = 0;
    uint32_t buffer = 0;
    for (uint32_t i = 0; i < desc->node_count; i++) {
        layer l;
        buffer = next_buffer(desc->nodes + i, i, buffer);
        if (desc->nodes[i].op != RRAM_ANALOG || !plan_layer(&l, desc->nodes + i, i)) continue;
        const size_t needs[4] = {cells_scratch(&l), sums_scratch_size(&l), outputs_scratch_size(&l),
                                 learn_scratch(&l, buffer_size[buffer])};
        for (int k = 0; k < 4; k++) most = needs[k] > most ? needs[k] : most;
    }
    return most;
}

/* Lay everything out; with base NULL only the size is found. 0: impossible. */
static size_t lay_out(const rram_desc *desc, unsigned char *base) {
    if (desc->node_count < 1 || desc->node_count > 1000 || desc->level_count < 1 || desc->level_count > 256) return 0;
    bump b = {base, 0};
    rram_net sizes_only, *net = take(&b, 1, sizeof *net);
    if (!net) net = &sizes_only;
    memset(net, 0, sizeof *net);
    net->step_count = desc->node_count;
    for (uint32_t i = 0; i < desc->node_count; i++) net->layer_count += desc->nodes[i].op == RRAM_ANALOG;
    net->steps = take(&b, net->step_count, sizeof *net->steps);
    net->layers = take(&b, net->layer_count, sizeof *net->layers);
    uint32_t index = 0;
    step before = {.buffer = 0}, s;
    for (uint32_t i = 0; i < desc->node_count; i++, before = s) {
        const rram_node *d = desc->nodes + i;
        memset(&s, 0, sizeof s);
        s.d = *d;
        s.buffer = next_buffer(d, i, before.buffer);
        if (!check_node(d, i ? &before : NULL, &s)) return 0;
        if (d->op == RRAM_ANALOG) {
            layer l;
            if (!plan_layer(&l, d, index)) return 0;
            place_layer(&l, &b);
            if (base) net->layers[index] = l, s.analog = net->layers + index;
            index++;
        }
        s.positive = take(&b, d->op == RRAM_RELU ? s.out_size / 16 + 1 : 0, sizeof *s.positive);
        s.place = take(&b, d->op == RRAM_MAXPOOL ? s.out_size : 0, sizeof *s.place);
        if (s.out_size > net->buffer_size[s.buffer]) net->buffer_size[s.buffer] = s.out_size;
        if (i == 0) net->buffer_size[1 - s.buffer] = s.in_size; /* a copy of the caller's input */
        if (base) net->steps[i] = s;
    }
    for (int k = 0; k < 2; k++) net->buffer[k] = take(&b, net->buffer_size[k] + SLACK, sizeof(float));
    net->scratch = take(&b, scratch_size(desc, net->buffer_size), 1);
    take(&b, SPARSE_SLACK, sizeof(float)); /* loads may run past the last array, too */
    return b.used;
}

size_t rram_arena_size(const rram_desc *desc) {
    const size_t size = lay_out(desc, NULL);
    return size ? size + 63 : 0; /* the arena need not be aligned */
}

rram_net *rram_init(const rram_desc *desc, void *arena, size_t size, int variant) {
    const size_t needed = rram_arena_size(desc);
    const kernels *kern = kernels_of(variant);
    if (!needed || size < needed || !arena || !kern) return NULL;
    unsigned char *base = (unsigned char *)arena + (-(uintptr_t)arena & 63);
    memset(base, 0, needed - 63);
    lay_out(desc, base);
    rram_net *net = (rram_net *)(void *)base;
    net->kern = kern;
    net->key[0] = (uint32_t)desc->seed;
    net->key[1] = (uint32_t)(desc->seed >> 32);
    net->read_noise = (desc->effects & RRAM_READ_NOISE) != 0;
    net->normal = desc->normal;
    for (uint32_t i = 0; i < net->layer_count; i++) {
        pair_rows(net->layers + i);
        if (!draw_cells(net, net->layers + i, desc)) return NULL;
    }
    return net;
}

/* Which of each window is the first maximum, by what the pool gave. */
static void keep_maxima(const step *s, const float *x, const float *y) {
    const rram_node *d = &s->d;
    const size_t c = d->in_c, pitch = (size_t)d->in_w * c, kh = d->kh, kw = d->kw, columns = d->out_w;
    uint16_t *place = s->place;
    for (size_t oy = 0; oy < d->out_h; oy++)
        for (size_t ox = 0; ox < columns; ox++, y += c, place += c) {
            const float *window = x + oy * d->sh * pitch + ox * d->sw * c;
            for (size_t i = kh * kw; i-- > 0;) { /* from the last, so that the first one stays */
                const float *at = window + i / kw * pitch + i % kw * c;
                for (size_t j = 0; j < c; j++) place[j] = at[j] >= y[j] ? (uint16_t)i : place[j];
            }
        }
}

static void pool(const kernels *kern, const rram_node *d, const float *x, float *y) {
    const size_t pitch = (size_t)d->in_w * d->in_c;
    for (size_t oy = 0; oy < d->out_h; oy++)
        kern->pool(x + oy * d->sh * pitch, d->out_w, (size_t)d->sw * d->in_c, d->in_c, d->kh, d->kw, pitch,
                   y + oy * d->out_w * d->in_c);
}

/* The whole chain: x [in] -> logits, in one of the net's buffers. keep: what the backward pass needs of relu and
 * maxpool. */
const float *forward(rram_net *net, const float *x, uint64_t read, int keep) {
    if (!net->steps[0].analog) { /* digital kernels run past the end: not over the caller's memory */
        float *copy = net->buffer[1 - net->steps[0].buffer];
        if (x != copy) memcpy(copy, x, net->steps[0].in_size * sizeof *x);
        x = copy;
    }
    for (uint32_t i = 0; i < net->step_count; i++) {
        const step *s = net->steps + i;
        float *y = net->buffer[s->buffer];
        if (s->analog) {
            analog_sums(net, s->analog, x, read);
            analog_outputs(net, s->analog, y);
        } else if (s->d.op == RRAM_RELU) {
            net->kern->relu(x, s->out_size, y);
            if (keep) net->kern->signs(y, s->out_size, s->positive);
        } else {
            pool(net->kern, &s->d, x, y);
            if (keep) keep_maxima(s, x, y);
        }
        x = y;
    }
    return x;
}

void rram_logits(rram_net *net, const float *x, size_t count, uint64_t read, float *logits) {
    const size_t in = net->steps[0].in_size, out = net->steps[net->step_count - 1].out_size;
    for (size_t i = 0; i < count; i++)
        memcpy(logits + i * out, forward(net, x + i * in, read + i, 0), out * sizeof *logits);
}

void rram_logits_bytes(rram_net *net, const uint8_t *x, size_t count, uint64_t read, float *logits) {
    const size_t in = net->steps[0].in_size, out = net->steps[net->step_count - 1].out_size;
    float *image = net->buffer[1 - net->steps[0].buffer];
    for (size_t i = 0; i < count; i++) {
        for (size_t e = 0; e < in; e++) image[e] = (float)x[i * in + e] / 255.0f;
        memcpy(logits + i * out, forward(net, image, read + i, 0), out * sizeof *logits);
    }
}

int rram_raw(rram_net *net, uint32_t index, const float *a, size_t count, uint64_t read, int32_t *s) {
    if (index >= net->layer_count) return 0;
    layer *l = net->layers + index;
    const size_t in = (size_t)l->d.in_h * l->d.in_w * l->d.in_c, out = (size_t)l->p * l->n;
    for (size_t i = 0; i < count; i++) {
        analog_sums(net, l, a + i * in, read + i);
        for (size_t e = 0; e < out; e++) s[i * out + e] = load_s(l, e);
    }
    return 1;
}
