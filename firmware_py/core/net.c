/* The network: its layout in the arena, the choice of kernels, and the forward pass over the graph. */
#include <string.h>

#include "core.h"

static const kernels *const VARIANTS[] = {
#ifdef RRAM_HAS_SCALAR
    &kernels_scalar,
#endif
#ifdef RRAM_NEON
    &kernels_neon,
#elif defined(__x86_64__) && defined(__GNUC__)
    &kernels_sse2,   &kernels_avx2, &kernels_avx512, &kernels_vnni,
#endif
};

int rram_variant_count(void) { return (int)(sizeof VARIANTS / sizeof *VARIANTS); }

const char *rram_variant_name(int variant) {
    return variant >= 0 && variant < rram_variant_count() ? VARIANTS[variant]->name : "none";
}

int rram_variant_usable(int variant) {
    if (variant < 0 || variant >= rram_variant_count()) return 0;
#if defined(__x86_64__) && defined(__GNUC__)
    if (VARIANTS[variant] == &kernels_avx2) return cpu_vectors() >= 1;
    if (VARIANTS[variant] == &kernels_avx512) return cpu_vectors() >= 2;
    if (VARIANTS[variant] == &kernels_vnni) return cpu_vectors() >= 3;
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

/* What node i needs for a while, beside the outputs: the most of any of its phases. */
static size_t scratch_size(const rram_desc *desc, const step *s, const layer *l, int shared) {
    const rram_node *d = s->d;
    const int pool = d->op == RRAM_MAXPOOL || d->op == RRAM_AVGPOOL;
    if (d->op != RRAM_ANALOG) return pool && shared && s->learns ? (s->in_size + LANES_MAX) * sizeof(float) : 0;
    size_t most = 0;
    const size_t needs[6] = {cells_scratch(l), sums_scratch_size(l), d->integer ? 0 : outputs_scratch_size(l),
                             s->learns ? learn_scratch(l) : 0, adc_scratch(l, desc),
                             l->adds && d->first ? s->out_size * sizeof(float) : 0};
    for (int k = 0; k < 6; k++) most = needs[k] > most ? needs[k] : most;
    return most;
}

/* What a node keeps for the backward pass. */
static void place_step(step *s, layer *l, bump *b) {
    const uint32_t op = s->d->op;
    if (s->d->op == RRAM_ANALOG && s->learns) place_kept(l, b);
    const size_t size = s->learns && op != RRAM_ANALOG ? s->out_size : 0;
    s->positive = take(b, op == RRAM_RELU && size ? size / 16 + 1 : 0, sizeof *s->positive);
    s->kept = take(b, is_activation(op) && op != RRAM_RELU ? size : 0, sizeof *s->kept);
    s->place = take(b, op == RRAM_MAXPOOL ? size : 0, sizeof *s->place);
}

/* Sizes of node i from its description, and of its layer, number `index` of the analog ones. 0: impossible. */
static int describe(const rram_desc *desc, uint32_t i, uint32_t index, unsigned char *learns, step *s, layer *l) {
    const rram_node *nodes = desc->nodes, *d = nodes + i;
    int inner = 0;
    for (uint32_t k = 0; k < source_count(d); k++) inner |= source_of(d, i, k) >= 0 && learns[source_of(d, i, k)];
    learns[i] = inner || (d->op == RRAM_ANALOG && !d->integer && index >= desc->frozen);
    *s = (step){.d = d, .integers = gives_integers(nodes, (int32_t)i), .learns = learns[i]};
    s->in_size = (size_t)d->in_h * d->in_w * d->in_c, s->out_size = (size_t)d->out_h * d->out_w * d->out_c;
    if (d->op != RRAM_ANALOG) return 1;
    if (!plan_layer(l, d, index, gives_integers(nodes, source_of(d, i, 0)))) return 0;
    l->inner = inner;
    return 1;
}

/* Node i into the net; the step and the layer are as described. */
static void place_node(rram_net *net, const rram_desc *desc, const buffers *plan, uint32_t i, step *s, layer *l,
                       unsigned char *region, bump *b) {
    const uint32_t kept = net->step_count + 1 + i;
    const int analog = s->d->op == RRAM_ANALOG;
    rram_node *copy = analog ? NULL : take(b, 1, sizeof *copy);
    if (analog) place_layer(l, desc, b);
    if (!region) return;
    bump own = {region + (size_t)plan->start[kept] * UNIT, 0}, sums = {s->scratch, 0};
    place_step(s, l, &own);
    s->y = (float *)(void *)(region + (size_t)plan->start[i + 1] * UNIT);
    s->added = i > 0 && net->steps[i - 1].analog && net->steps[i - 1].analog->adds;
    if (analog) {
        l->scratch = s->scratch;
        place_sums(l, &sums);
        s->analog = net->layers + l->index;
        *s->analog = *l, s->d = &s->analog->d;
    } else {
        *copy = *s->d, s->d = copy;
    }
    net->steps[i] = *s;
}

/* Lay everything out; with base NULL only the size is found. 0: impossible. */
static size_t lay_out(const rram_desc *desc, unsigned char *base) {
    enum pass { KEPT, SCRATCH, ALL }; /* sizes of what is kept, of what is needed for a while; then everything */
    buffers plan = {.nodes = desc->node_count};
    if (desc->level_count < 1 || desc->level_count > 256 || !check_graph(desc)) return 0;
    bump b = {base, 0};
    rram_net sizes_only, *net = take(&b, 1, sizeof *net);
    if (!net) net = &sizes_only;
    memset(net, 0, sizeof *net);
    net->step_count = desc->node_count;
    for (uint32_t i = 0; i < desc->node_count; i++) net->layer_count += desc->nodes[i].op == RRAM_ANALOG;
    net->steps = take(&b, net->step_count, sizeof *net->steps);
    net->layers = take(&b, net->layer_count, sizeof *net->layers);
    unsigned char learns[RRAM_MAX_NODES] = {0}, *region = NULL;
    for (int pass = KEPT; pass <= ALL; pass++) {
        if (pass == SCRATCH) plan_buffers(desc, &plan);
        if (pass == ALL) region = take(&b, plan.total, UNIT);
        if (region) net->input = (float *)(void *)(region + (size_t)plan.start[0] * UNIT);
        for (uint32_t i = 0, index = 0; i < desc->node_count; i++) {
            const int32_t source = source_of(desc->nodes + i, i, 0);
            step s;
            layer l;
            if (!describe(desc, i, index, learns, &s, &l)) return 0;
            index += s.d->op == RRAM_ANALOG;
            if (pass == KEPT) {
                bump kept = {NULL, 0};
                place_step(&s, &l, &kept);
                plan.size[net->step_count + 1 + i] = (uint32_t)(kept.used / UNIT);
                continue;
            }
            l.adds = s.d->op == RRAM_ANALOG && plan.shares[i + 1] != i + 1;
            const size_t need = scratch_size(desc, &s, &l, plan.until[source + 1] > i);
            const uint32_t units = (uint32_t)((need + UNIT - 1) / UNIT), start = lowest_place(&plan, i, i, units);
            if (start + units > plan.total) plan.total = start + units;
            if (region) s.scratch = region + (size_t)start * UNIT;
            if (pass == ALL) place_node(net, desc, &plan, i, &s, &l, region, &b);
        }
    }
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
    net->adc_share = desc->adc_share;
    net->normal = desc->normal;
    net->target = desc->target;
    net->var = desc->var;
    if (kern->coarse) kern->coarse(net->normal, &net->quick);
    for (uint32_t i = 0; i < net->step_count; i++)
        for (uint32_t k = 0; k < source_count(net->steps[i].d); k++)
            net->keep_input |= source_of(net->steps[i].d, i, k) < 0 && !net->steps[i].analog;
    for (uint32_t i = 0; i < net->layer_count; i++) {
        pair_rows(net->layers + i);
        if (!draw_cells(net, net->layers + i, desc)) return NULL;
        draw_adcs(net, net->layers + i, desc);
    }
    return net;
}

/* The sum of a node's inputs, in their order, into y, which may lie over one of the first two. */
static void sum_inputs(const rram_net *net, uint32_t i, const float *input, float *y) {
    const step *s = net->steps + i;
    const float *x[2];
    for (uint32_t k = 0; k < s->d->from_count; k++) {
        const int32_t source = source_of(s->d, i, k);
        const float *from = source < 0 ? input : net->steps[source].y;
        if (k < 2)
            x[k] = from;
        else
            add_to(from, s->out_size, y);
        if (k == 1)
            for (size_t e = 0; e < s->out_size; e++) y[e] = x[0][e] + x[1][e];
    }
}

/* The first `count` nodes: x [in] -> where the last one's outputs lie. keep: what the backward pass needs of relu and
 * maxpool. ideal: the ideal network instead of the chip; NULL: the chip. */
const float *walk(rram_net *net, const float *input, uint64_t read, int keep, uint32_t count, const ideal *ideal) {
    if (net->keep_input) {
        if (input != net->input) memcpy(net->input, input, net->steps[0].in_size * sizeof *input);
        input = net->input;
    }
    for (uint32_t i = 0; i < count; i++) {
        const step *s = net->steps + i;
        const int32_t source = source_of(s->d, i, 0);
        const float *x = source < 0 ? input : net->steps[source].y;
        if (s->analog && s->d->integer) {
            analog_sums(net, s->analog, x, s->analog->coded ? (const int32_t *)(const void *)x : NULL, read);
            integer_sums(s->analog, (int32_t *)(void *)s->y);
        } else if (s->integers) {
            integer_step(s, (const int32_t *)(const void *)x, (int32_t *)(void *)s->y);
        } else if (s->analog && ideal) {
            float *y = s->analog->adds ? s->scratch : s->y;
            ideal_outputs(s->analog, ideal, x, y);
            if (i == count - 1) return y;
            if (s->analog->adds) add_to(y, s->out_size, s->y);
        } else if (s->analog) {
            analog_sums(net, s->analog, x, NULL, read);
            if (keep && s->learns) keep_layer(s->analog);
            analog_outputs(net->kern, s->analog, s->y);
        } else if (s->added) {
            continue; /* the layer before has done it */
        } else if (s->d->op == RRAM_RELU) {
            net->kern->relu(x, s->out_size, s->y);
            if (keep && s->learns) net->kern->signs(s->y, s->out_size, s->positive);
        } else if (is_activation(s->d->op)) {
            activate(s, x, s->y, keep && s->learns);
        } else if (s->d->op == RRAM_CONCAT) {
            for (uint32_t k = 0; k < s->d->from_count; k++) {
                const int32_t from = source_of(s->d, i, k);
                concatenate(s, k, from < 0 ? input : net->steps[from].y, s->y);
            }
        } else if (s->d->op == RRAM_ADD) {
            sum_inputs(net, i, input, s->y);
        } else if (s->d->op == RRAM_AVGPOOL) {
            mean_pool(s->d, x, s->y);
        } else {
            max_pool(net->kern, s->d, x, s->y);
            if (keep && s->learns) keep_maxima(s, x, s->y);
        }
    }
    return net->steps[count - 1].y;
}

/* The whole graph on the chip. */
const float *forward(rram_net *net, const float *input, uint64_t read, int keep) {
    return walk(net, input, read, keep, net->step_count, NULL);
}

/* An image of bytes as numbers, where the network's input lies. */
const float *from_bytes(rram_net *net, const uint8_t *x) {
    for (size_t e = 0; e < net->steps[0].in_size; e++) net->input[e] = (float)x[e] / 255.0f;
    return net->input;
}

void store_logits(const rram_net *net, const float *y, float *logits) {
    const step *last = net->steps + net->step_count - 1;
    const int32_t *sums = (const int32_t *)(const void *)y;
    if (!last->integers) memcpy(logits, y, last->out_size * sizeof *logits);
    for (size_t j = 0; last->integers && j < last->out_size; j++) logits[j] = (float)sums[j];
}

void rram_logits(rram_net *net, const float *x, size_t count, uint64_t read, float *logits) {
    const size_t in = net->steps[0].in_size, out = net->steps[net->step_count - 1].out_size;
    for (size_t i = 0; i < count; i++) store_logits(net, forward(net, x + i * in, read + i, 0), logits + i * out);
}

void rram_logits_bytes(rram_net *net, const uint8_t *x, size_t count, uint64_t read, float *logits) {
    const size_t in = net->steps[0].in_size, out = net->steps[net->step_count - 1].out_size;
    for (size_t i = 0; i < count; i++)
        store_logits(net, forward(net, from_bytes(net, x + i * in), read + i, 0), logits + i * out);
}

int rram_raw(rram_net *net, uint32_t index, const float *a, size_t count, uint64_t read, int32_t *s) {
    if (index >= net->layer_count) return 0;
    layer *l = net->layers + index;
    const size_t in = (size_t)l->d.in_h * l->d.in_w * l->d.in_c, out = (size_t)l->p * l->n;
    for (size_t i = 0; i < count; i++) {
        analog_sums(net, l, a + i * in, NULL, read + i);
        for (size_t e = 0; e < out; e++) s[i * out + e] = load_s(l, l->s, e);
    }
    return 1;
}
