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

/* The value whose memory node i may write its output over: taken here for the last time, and only once; 0: none. A sum
 * is formed of the first two, then the others are added. */
static int taken_over(const rram_node *d, uint32_t i, const buffers *plan) {
    if (!is_activation(d->op) && d->op != RRAM_ADD && d->op != RRAM_THRESHOLDS) return 0;
    for (uint32_t k = 0; k < source_count(d) && k < 2; k++) {
        const int32_t source = source_of(d, i, k);
        uint32_t times = 0;
        for (uint32_t other = 0; other < source_count(d); other++) times += source_of(d, i, other) == source;
        if (source >= 0 && times == 1 && plan->until[source + 1] == i) return source + 1;
    }
    return 0;
}

/* The value to which analog node i may add its output where it lies, because that is all that the node after it does;
 * 0: none. Neither is needed beside the sum, forward or backward, and the node's own input lies elsewhere. */
int adds_in_place(const rram_node *nodes, uint32_t i, const buffers *plan) {
    const rram_node *d = nodes + i + 1;
    if (nodes[i].op != RRAM_ANALOG || i + 1 >= plan->nodes || d->op != RRAM_ADD || d->from_count != 2) return 0;
    const int32_t other = d->from[d->from[0] == (int32_t)i];
    if (d->from[0] != (int32_t)i && d->from[1] != (int32_t)i) return 0;
    if (other < 0 || other == (int32_t)i || plan->until[i + 1] != i + 1 || plan->until[other + 1] != i + 1) return 0;
    return plan->shares[source_of(nodes + i, i, 0) + 1] == plan->shares[other + 1] ? 0 : other + 1;
}

/* From which node on a block is needed. */
static uint32_t born(const buffers *plan, uint32_t block) {
    return block > plan->nodes ? block - plan->nodes - 1 : block ? block - 1 : 0;
}

/* Lowest place for `size` units beside the blocks that have one and are needed between nodes `from` and `until`. */
uint32_t lowest_place(const buffers *plan, uint32_t from, uint32_t until, uint32_t size) {
    uint32_t at = 0;
    for (uint32_t other = 0; other <= 2 * plan->nodes; other++) {
        const uint32_t start = plan->start[other], end = start + plan->size[other];
        if (!plan->size[other] || start == UINT32_MAX) continue;
        if (plan->until[other] < from || until < born(plan, other)) continue;
        if (at < end && start < at + size) {
            at = end;
            other = UINT32_MAX; /* from the first again */
        }
    }
    return at;
}

static void place_block(buffers *plan, uint32_t block) {
    plan->start[block] = lowest_place(plan, born(plan, block), plan->until[block], plan->size[block]);
    const uint32_t end = plan->start[block] + plan->size[block];
    if (end > plan->total) plan->total = end;
}

/* Blocks share memory where they are not needed at the same time; they are placed in the order in which they come. plan:
 * nodes, and sizes of what they keep for learning. The backward pass takes the same plan the other way round: an error is
 * needed from the last node that takes the output to the one that gives it, and what a node keeps from the last node of
 * all to itself. */
void plan_buffers(const rram_desc *desc, buffers *plan) {
    const uint32_t values = desc->node_count + 1, blocks = values + desc->node_count;
    for (uint32_t v = 0; v < blocks; v++) {
        plan->shares[v] = (uint16_t)v, plan->start[v] = UINT32_MAX;
        plan->until[v] = (uint16_t)(v < values ? born(plan, v) : values);
    }
    for (uint32_t i = 0; i < desc->node_count; i++)
        for (uint32_t k = 0; k < source_count(desc->nodes + i); k++)
            plan->until[source_of(desc->nodes + i, i, k) + 1] = (uint16_t)i;
    for (uint32_t v = 0; v < values; v++) {
        const rram_node *d = desc->nodes + born(plan, v);
        const size_t size = v ? outputs_of(d) : (size_t)d->in_h * d->in_w * d->in_c;
        int over = v ? taken_over(d, v - 1, plan) : 0;
        if (v && !over) over = adds_in_place(desc->nodes, v - 1, plan);
        plan->size[v] = over ? 0 : (uint32_t)((size + LANES_MAX) * sizeof(float) / UNIT + 1);
        if (over) plan->shares[v] = plan->shares[over];
    }
    for (uint32_t v = 0; v < values; v++)
        if (plan->until[v] > plan->until[plan->shares[v]]) plan->until[plan->shares[v]] = plan->until[v];
    for (uint32_t i = 0; i < desc->node_count; i++) {
        place_block(plan, values + i);
        if (i == 0) place_block(plan, 0);
        place_block(plan, i + 1);
    }
    for (uint32_t v = 0; v < blocks; v++) {
        const uint32_t own = plan->shares[v];
        plan->start[v] = plan->size[own] ? plan->start[own] : 0;
    }
}
