/* The graph before anything is computed: do the nodes fit together, and where do their outputs lie? */
#include <string.h>

#include "core.h"

static int volume(uint32_t h, uint32_t w, uint32_t c, size_t *size) {
    if (h < 1 || w < 1 || c < 1 || h > 65535 || w > 65535 || c > 65535) return 0;
    const uint64_t v = (uint64_t)h * w * c;
    *size = (size_t)v;
    return v < (uint64_t)1 << 31;
}

static size_t outputs_of(const rram_node *d) { return (size_t)d->out_h * d->out_w * d->out_c; }

/* Sizes in range, and the output follows from the input. */
static int check_node(const rram_node *d) {
    size_t in, out;
    if (!volume(d->in_h, d->in_w, d->in_c, &in) || !volume(d->out_h, d->out_w, d->out_c, &out)) return 0;
    if ((d->op == RRAM_ADD || d->op == RRAM_CONCAT) != (d->from_count > 1)) return 0;
    if (d->op == RRAM_CONCAT && !d->parts) return 0;
    if (is_activation(d->op) || d->op == RRAM_ADD || d->op == RRAM_CONCAT) return in == out;
    if (d->op == RRAM_THRESHOLDS) return in == out && d->thresholds && d->most >= 1 && d->most <= 255;
    if (d->op == RRAM_RENAME) {
        if (!d->row || !d->sign || in > 65535) return 0;
        for (size_t k = 0; k < in; k++)
            if (d->row[k] >= out) return 0;
        return 1;
    }
    if (d->kh < 1 || d->kw < 1 || d->sh < 1 || d->sw < 1 || d->kh > 4096 || d->kw > 4096 || d->sh > 4096 ||
        d->sw > 4096)
        return 0;
    if (d->op == RRAM_ANALOG) return 1; /* plan_layer looks closer */
    return (d->op == RRAM_MAXPOOL || d->op == RRAM_AVGPOOL) && d->in_c == d->out_c && d->kh * d->kw <= 65535 &&
           (d->out_h - 1) * d->sh + d->kh <= d->in_h && (d->out_w - 1) * d->sw + d->kw <= d->in_w;
}

/* What gave the numbers that node i passes on: pools change nothing of their kind. */
static int32_t origin(const rram_node *nodes, int32_t i) {
    while (i >= 0 && nodes[i].op == RRAM_MAXPOOL) i = source_of(nodes + i, (uint32_t)i, 0);
    return i;
}

/* Whether the output of node i (-1: the network's input) is int32. */
int gives_integers(const rram_node *nodes, int32_t i) {
    i = origin(nodes, i);
    return i >= 0 && (nodes[i].op == RRAM_THRESHOLDS || nodes[i].op == RRAM_RENAME || nodes[i].integer);
}

/* Whether node i can take what its input holds: numbers, sums of ADC codes, codes, or codes of renamed rows. */
static int check_kind(const rram_node *nodes, uint32_t i) {
    const rram_node *d = nodes + i;
    const int32_t from = origin(nodes, source_of(d, i, 0));
    const uint32_t op = from < 0 ? 0 : nodes[from].op;
    if (d->integer && d->op != RRAM_ANALOG) return 0;
    if (d->op == RRAM_THRESHOLDS) return op == RRAM_ANALOG && nodes[from].integer;
    if (d->op == RRAM_RENAME) return op == RRAM_THRESHOLDS;
    if (d->op == RRAM_MAXPOOL) return op != RRAM_RENAME;
    if (d->integer) return op != RRAM_ANALOG || !nodes[from].integer;
    for (uint32_t k = 0; k < source_count(d); k++)
        if (gives_integers(nodes, source_of(d, i, k))) return 0;
    return 1;
}

/* 0: impossible. */
int check_graph(const rram_desc *desc) {
    const rram_node *nodes = desc->nodes;
    if (desc->node_count < 1 || desc->node_count > RRAM_MAX_NODES) return 0;
    const size_t input = (size_t)nodes[0].in_h * nodes[0].in_w * nodes[0].in_c;
    for (uint32_t i = 0; i < desc->node_count; i++) {
        const rram_node *d = nodes + i;
        if (!check_node(d) || (d->from_count && !d->from)) return 0;
        const size_t positions = (size_t)d->in_h * d->in_w;
        uint64_t channels = 0;
        if (d->op == RRAM_CONCAT && i == 0) return 0; /* the network's input is the first node's */
        for (uint32_t k = 0; k < source_count(d); k++) {
            const int32_t source = source_of(d, i, k);
            const size_t in = positions * (d->op == RRAM_CONCAT ? d->parts[k] : d->in_c);
            if (source < -1 || source >= (int32_t)i || in != (source < 0 ? input : outputs_of(nodes + source))) return 0;
            channels += d->op == RRAM_CONCAT ? d->parts[k] : 0;
        }
        if (d->op == RRAM_CONCAT && channels != d->in_c) return 0;
        if (!check_kind(nodes, i)) return 0;
    }
    return 1;
}

/* The value whose memory node i may write its output over: taken here for the last time, and only once; -1: none. A sum
 * is formed of the first two, then the others are added. */
static int32_t taken_over(const rram_node *d, uint32_t i, const buffers *plan) {
    if (!is_activation(d->op) && d->op != RRAM_ADD && d->op != RRAM_THRESHOLDS) return -1;
    for (uint32_t k = 0; k < source_count(d) && k < 2; k++) {
        const int32_t source = source_of(d, i, k);
        uint32_t times = 0;
        for (uint32_t other = 0; other < source_count(d); other++) times += source_of(d, i, other) == source;
        if (source >= 0 && times == 1 && plan->until[source + 1] == i) return source + 1;
    }
    return -1;
}

static uint32_t born(uint32_t value) { return value ? value - 1 : 0; }

/* Lowest place for a value beside those that are placed and needed at the same time. */
static size_t lowest_place(const buffers *plan, const unsigned char *placed, uint32_t values, uint32_t value) {
    size_t at = 0;
    for (uint32_t other = 0; other < values; other++) {
        const size_t start = plan->start[other], end = start + plan->size[other];
        if (!placed[other] || plan->until[other] < born(value) || plan->until[value] < born(other)) continue;
        if (at < end && start < at + plan->size[value]) {
            at = end;
            other = (uint32_t)-1; /* from the first again */
        }
    }
    return at;
}

/* Outputs share memory where they are not needed at the same time; the largest are placed first. The backward pass takes
 * the same plan the other way round: an error is needed from the last node that takes the output to the one that gives
 * it. */
void plan_buffers(const rram_desc *desc, buffers *plan) {
    const uint32_t values = desc->node_count + 1;
    unsigned char placed[RRAM_MAX_NODES + 1] = {0};
    memset(plan, 0, sizeof *plan);
    for (uint32_t v = 0; v < values; v++) plan->shares[v] = (uint16_t)v, plan->until[v] = born(v);
    for (uint32_t i = 0; i < desc->node_count; i++)
        for (uint32_t k = 0; k < source_count(desc->nodes + i); k++)
            plan->until[source_of(desc->nodes + i, i, k) + 1] = i;
    for (uint32_t v = 0; v < values; v++) {
        const rram_node *d = desc->nodes + born(v);
        const size_t size = v ? outputs_of(d) : (size_t)d->in_h * d->in_w * d->in_c;
        const int32_t over = v ? taken_over(d, v - 1, plan) : -1;
        if (over >= 0) plan->shares[v] = plan->shares[over];
        plan->size[v] = over >= 0 ? 0 : ((uint32_t)size + LANES_MAX + 15) & ~15u;
    }
    for (uint32_t v = 0; v < values; v++)
        if (plan->until[v] > plan->until[plan->shares[v]]) plan->until[plan->shares[v]] = plan->until[v];
    for (;;) {
        uint32_t next = values;
        for (uint32_t v = 0; v < values; v++)
            if (plan->size[v] && !placed[v] && (next == values || plan->size[v] > plan->size[next])) next = v;
        if (next == values) break;
        plan->start[next] = lowest_place(plan, placed, values, next);
        placed[next] = 1;
        const size_t end = plan->start[next] + plan->size[next];
        if (end > plan->total) plan->total = end;
    }
    for (uint32_t v = 0; v < values; v++) plan->start[v] = plan->start[plan->shares[v]];
}

/* The largest stretch of the memory for outputs that no output needs while node i is computed: elements. */
size_t free_gap(const buffers *plan, uint32_t values, uint32_t i, size_t *start) {
    size_t most = 0;
    *start = 0;
    for (uint32_t v = 0; v <= values; v++) { /* behind each value, and from the first element */
        if (v < values && (!plan->size[v] || born(v) > i || plan->until[v] < i)) continue;
        const size_t from = v < values ? plan->start[v] + plan->size[v] : 0;
        size_t to = plan->total;
        for (uint32_t o = 0; o < values; o++)
            if (plan->size[o] && born(o) <= i && plan->until[o] >= i && plan->start[o] >= from && plan->start[o] < to)
                to = plan->start[o];
        if (to > from && to - from > most) most = to - from, *start = from;
    }
    return most;
}
