/* Calibration without labels: passes over the images, layer by layer; room for as many columns at once as there is. */
#include <math.h>
#include <string.h>

#include "calibrate.h"

struct rram_calibration {
    rram_net *net;
    uint32_t node, index;   /* what is fitted: node of the graph, analog layer; the number of layers: the end */
    uint64_t images, first; /* images of this pass and of the first one */
    int code;               /* what there is to say after the end */
    ideal ideal;
    fit fit;
    float *backup; /* the correction as it was */
    float *aim;    /* [P][N] y* of one image */
    void *room;    /* for a pass */
    size_t size;
};

/* Whether the description has what calibration needs of this layer. */
static int carried(const rram_net *net, const layer *l) {
    const rram_first *first = l->d.first;
    if (!net->target || !net->var || l->d.integer || l->d.rank || !first) return 0;
    if (l->d.number_bits > 32 || l->d.value_bits > 32) return 0;
    for (int i = 0; l->d.grid && i < 3; i++)
        if (!(l->d.grid[i] >= 0x1p-60f && l->d.grid[i] <= 0x1p60f)) return 0;
    return first->gain && first->offset && (first->value || !l->masked);
}

/* Where a calibration's parts lie: itself, rows of the ideal weights, the backup; the rest is for passes. */
static size_t place_calibration(const rram_net *net, unsigned char *base, rram_calibration *parts) {
    size_t widest = 0, numbers = 0, outputs = 0;
    for (uint32_t i = 0; i < net->layer_count; i++) {
        const layer *l = net->layers + i;
        widest = l->n > widest ? l->n : widest;
        outputs = (size_t)l->p * l->n > outputs ? (size_t)l->p * l->n : outputs;
        numbers += 2 * (size_t)l->n + entries_of(l);
    }
    bump b = {base, 0};
    take(&b, 1, sizeof(rram_calibration));
    parts->ideal.rows = take(&b, IDEAL_ROWS * widest, sizeof(float));
    parts->backup = take(&b, numbers, sizeof(float));
    parts->aim = take(&b, outputs, sizeof(float));
    parts->room = base ? base + b.used : NULL;
    return b.used;
}

size_t rram_calibration_size(const rram_net *net, uint32_t kind, size_t *least) {
    size_t most = 0, one = 0;
    if (least) *least = 0;
    if (kind > RRAM_MOMENTS || !net->layer_count) return 0;
    for (uint32_t i = 0; i < net->layer_count; i++) {
        fit f = {.l = net->layers + i, .kind = kind};
        if (!carried(net, f.l)) return 0;
        const size_t all = place_fit(&f, NULL, f.l->n);
        most = all > most ? all : most;
        for (; f.first < f.l->n; f.first++) {
            const size_t column = place_fit(&f, NULL, f.first + 1);
            one = column > one ? column : one;
        }
    }
    rram_calibration parts;
    const size_t fixed = place_calibration(net, NULL, &parts) + 63; /* the memory need not be aligned */
    if (least) *least = fixed + one;
    return fixed + most;
}

/* Copy the correction to the backup, or back. */
static void copy_correction(const rram_calibration *c, int back) {
    float *kept = c->backup;
    for (uint32_t i = 0; i < c->net->layer_count; i++) {
        const layer *l = c->net->layers + i;
        float *const arrays[3] = {l->d.gain, l->d.offset, l->d.value};
        const size_t counts[3] = {l->n, l->n, entries_of(l)};
        for (int k = 0; k < 3; kept += counts[k++])
            if (counts[k]) memcpy(back ? arrays[k] : kept, back ? kept : arrays[k], counts[k] * sizeof *kept);
    }
}

/* The next pass: as many columns as there is room for, at least one. */
static void start_pass(rram_calibration *c) {
    fit *f = &c->fit;
    while (c->net->steps[c->node].analog != c->net->layers + c->index) c->node++;
    f->l = c->net->layers + c->index;
    uint32_t end = f->l->n;
    while (place_fit(f, NULL, end) > c->size) end = f->first + (end - f->first) / 2;
    if (end < f->l->n) /* half of them fit: as many as do */
        while (place_fit(f, NULL, end + 1) <= c->size) end++;
    place_fit(f, c->room, end);
    start_columns(f, end);
    c->images = 0;
}

rram_calibration *rram_calibration_start(rram_net *net, uint32_t kind, void *memory, size_t size) {
    size_t least;
    if (!rram_calibration_size(net, kind, &least) || size < least || !memory) return NULL;
    const size_t shift = -(uintptr_t)memory & 63;
    unsigned char *base = (unsigned char *)memory + shift;
    rram_calibration *c = (rram_calibration *)(void *)base;
    memset(c, 0, sizeof *c);
    c->net = net;
    c->size = size - shift - place_calibration(net, base, c);
    c->ideal.target = net->target;
    c->fit.kind = kind;
    c->fit.var = net->var;
    copy_correction(c, 0);
    start_pass(c);
    return c;
}

/* An image through the ideal network, which gives y*, then through the chip, whose layer has its codes and sums. */
static void count_image(rram_calibration *c, const float *x, const uint8_t *bytes, uint64_t read) {
    const layer *l = c->fit.l;
    if (c->index == c->net->layer_count) return;
    const uint64_t largest = ((uint64_t)l->tiles << (l->d.adc_bits - 1)) * 255; /* of any product of a sum and a code */
    if (c->images >= ((uint64_t)1 << 62) / largest / l->p) c->code = RRAM_IMAGES;
    const float *y = walk(c->net, bytes ? from_bytes(c->net, bytes) : x, read, 0, c->node + 1, &c->ideal);
    memcpy(c->aim, y, (size_t)l->p * l->n * sizeof *y);
    walk(c->net, bytes ? from_bytes(c->net, bytes) : x, read, 0, c->node + 1, NULL);
    if (c->code == 0) add_image(&c->fit, c->net->kern, c->aim);
    c->images++;
}

void rram_calibration_image(rram_calibration *c, const float *x, uint64_t read) { count_image(c, x, NULL, read); }

void rram_calibration_bytes(rram_calibration *c, const uint8_t *x, uint64_t read) { count_image(c, NULL, x, read); }

static int stop(rram_calibration *c, int code) {
    copy_correction(c, 1);
    c->index = c->net->layer_count;
    return c->code = code;
}

/* What a layer has gained: root mean square of the errors, relative to the standard deviation of y*. */
static void report(const fit *f, rram_gained *gained) {
    const double rows = (double)f->rows * f->l->n, mean = f->total / rows, variance = f->squares / rows - mean * mean;
    const double spread = variance > 1e-24 ? sqrt(variance) : 1e-12;
    gained->before = sqrt(f->before / rows) / spread;
    gained->after = sqrt(f->after / rows) / spread;
}

int rram_calibration_pass(rram_calibration *c, rram_gained *gained) {
    fit *f = &c->fit;
    if (c->index == c->net->layer_count) return c->code;
    if (c->code || !c->images || (c->first && c->images != c->first)) return stop(c, RRAM_IMAGES);
    c->first = c->images;
    if (SHARED(f)) finish_gram(f, c->net->kern);
    for (uint32_t i = 0; i < f->count; i++)
        if (!solve_column(f, f->columns + i)) return stop(c, RRAM_RANGE);
    f->first += f->count;
    if (f->first == f->l->n) {
        if (gained) report(f, gained + c->index);
        f->first = 0;
        c->index++, c->node++;
        if (c->index == c->net->layer_count) return RRAM_DONE;
    }
    start_pass(c);
    return RRAM_AGAIN;
}

/* All passes over images of either kind. */
static int calibrate(rram_calibration *c, const float *x, const uint8_t *bytes, size_t count, uint64_t read,
                     rram_gained *gained) {
    if (!c) return RRAM_REFUSED;
    const size_t in = c->net->steps[0].in_size;
    int code;
    do {
        for (size_t i = 0; i < count; i++) count_image(c, x ? x + i * in : NULL, x ? NULL : bytes + i * in, read + i);
        code = rram_calibration_pass(c, gained);
    } while (code == RRAM_AGAIN);
    return code;
}

int rram_calibrate(rram_net *net, uint32_t kind, const float *x, size_t count, uint64_t read, void *memory, size_t size,
                   rram_gained *gained) {
    return calibrate(rram_calibration_start(net, kind, memory, size), x, NULL, count, read, gained);
}

int rram_calibrate_bytes(rram_net *net, uint32_t kind, const uint8_t *x, size_t count, uint64_t read, void *memory,
                         size_t size, rram_gained *gained) {
    return calibrate(rram_calibration_start(net, kind, memory, size), NULL, x, count, read, gained);
}
