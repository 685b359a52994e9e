/* The core without Python: a made-up network, every variant of this machine. Prints a digest of logits, cells and
 * learned state; the digest is the same on every machine and instruction set (test_core_portable.py). Exit code 1: the
 * variants differ. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rram_core.h"

#define LEVELS 10
#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint32_t state;
static uint32_t next(void) { return (state = state * 1664525u + 1013904223u) >> 8; }
static float uniform(float low, float high) { return low + (high - low) * ((float)(next() & 0xFFFF) / 65536.0f); }

static uint32_t digest;
static void add(const void *data, size_t size) { /* FNV-1a */
    for (size_t i = 0; i < size; i++) digest = (digest ^ ((const unsigned char *)data)[i]) * 16777619u;
}

static float *floats(size_t n, float low, float high) {
    float *p = malloc((n + 1) * sizeof *p);
    for (size_t i = 0; i < n; i++) p[i] = uniform(low, high);
    return p;
}

static rram_node analog(uint32_t h, uint32_t w, uint32_t c, uint32_t kernel, uint32_t stride, uint32_t pad, uint32_t oh,
                        uint32_t ow, uint32_t n) {
    const size_t k = (size_t)kernel * kernel * c, cells = 2 * k * n;
    rram_node d = {.op = RRAM_ANALOG,
                   .in_h = h,
                   .in_w = w,
                   .in_c = c,
                   .out_h = oh,
                   .out_w = ow,
                   .out_c = n,
                   .kh = kernel,
                   .kw = kernel,
                   .sh = stride,
                   .sw = stride,
                   .pad_top = pad,
                   .pad_left = pad,
                   .tile_rows = 60,
                   .dac_bits = 8,
                   .adc_bits = 8,
                   .w_step = 1e-4f,
                   .dac_lsb = 1 / 255.0f,
                   .adc_lsb = 9000.0f};
    uint8_t *levels = malloc(cells);
    for (size_t i = 0; i < cells; i++) levels[i] = (uint8_t)(next() % LEVELS);
    int32_t *start = malloc((n + 1) * sizeof *start);
    uint16_t *row = malloc(n * k * sizeof *row);
    start[0] = 0;
    for (uint32_t j = 0; j < n; j++) {
        int32_t at = start[j];
        for (size_t i = 0; i < k; i++)
            if (next() % 9 == 0) row[at++] = (uint16_t)i;
        start[j + 1] = at;
    }
    const size_t entries = (size_t)start[n];
    d.levels = levels, d.mask_start = start, d.mask_row = row;
    d.gain = floats(n, 0.7f, 1.3f), d.offset = floats(n, -0.1f, 0.1f), d.value = floats(entries, -0.1f, 0.1f);
    d.gain_scale = floats(n, 0.05f, 0.1f), d.offset_scale = floats(n, 0.05f, 0.1f),
    d.value_scale = floats(entries, 0.01f, 0.02f);
    d.ms = calloc(3, sizeof *d.ms);
    return d;
}

static uint32_t run(int variant) {
    static int32_t quantiles[LEVELS][2][RRAM_NODES], target[LEVELS];
    static double read_a[LEVELS], read_b[LEVELS];
    static float normal[RRAM_NODES];
    state = 12345u, digest = 2166136261u;
    for (int level = 0; level < LEVELS; level++) {
        target[level] = 512 + 227 * level, read_a[level] = 1.5, read_b[level] = 0.02;
        for (int i = 0; i < RRAM_NODES; i++) {
            quantiles[level][0][i] = target[level] * 256 / RRAM_NODES * i;
            quantiles[level][1][i] = target[level] * 512 - quantiles[level][0][i];
        }
    }
    for (int i = 0; i < RRAM_NODES; i++) normal[i] = (float)(i - RRAM_NODES + 1) / 128.0f;
    const rram_node nodes[] = {
        analog(20, 19, 1, 5, 1, 2, 20, 19, 6),
        {.op = RRAM_RELU, .in_h = 20, .in_w = 19, .in_c = 6, .out_h = 20, .out_w = 19, .out_c = 6},
        {.op = RRAM_MAXPOOL,
         .in_h = 20,
         .in_w = 19,
         .in_c = 6,
         .out_h = 10,
         .out_w = 9,
         .out_c = 6,
         .kh = 2,
         .kw = 2,
         .sh = 2,
         .sw = 2},
        analog(10, 9, 6, 3, 2, 0, 4, 4, 17),
        {.op = RRAM_RELU, .in_h = 4, .in_w = 4, .in_c = 17, .out_h = 4, .out_w = 4, .out_c = 17},
        analog(1, 1, 272, 1, 1, 0, 1, 1, 70),
        {.op = RRAM_RELU, .in_h = 1, .in_w = 1, .in_c = 70, .out_h = 1, .out_w = 1, .out_c = 70},
        analog(1, 1, 70, 1, 1, 0, 1, 1, 10)};
    const rram_desc desc = {nodes,
                            COUNT(nodes),
                            LEVELS,
                            &quantiles[0][0][0],
                            target,
                            read_a,
                            read_b,
                            normal,
                            {1u << 28, 1u << 29, 300, 3000},
                            RRAM_PROGRAMMING | RRAM_READ_NOISE,
                            0x123456789ABCDEFu,
                            NULL}; /* not calibrated */
    const size_t size = rram_arena_size(&desc);
    void *arena = malloc(size);
    rram_net *net = rram_init(&desc, arena, size, variant);
    if (!net) return 0;
    float logits[10], *x = floats(20 * 19, 0.0f, 1.0f);
    memset(x, 0, 4 * 19 * sizeof *x);
    for (uint32_t step = 0; step < 12; step++) {
        const rram_adapt adapt = {step & 1 ? RRAM_RMS : RRAM_SGD, 0.01, 0.99};
        rram_logits(net, x, 1, 5000000000u + step, logits);
        add(logits, sizeof logits);
        rram_learn(net, x, step % 10, 100 + step, &adapt, logits);
    }
    for (size_t i = 0; i < COUNT(nodes); i++)
        if (nodes[i].op == RRAM_ANALOG) {
            add(nodes[i].gain, nodes[i].out_c * sizeof(float)), add(nodes[i].offset, nodes[i].out_c * sizeof(float));
            add(nodes[i].value, (size_t)nodes[i].mask_start[nodes[i].out_c] * sizeof(float));
        }
    return digest;
}

int main(void) {
    const uint32_t scalar = run(0);
    printf("%08x", scalar);
    for (int variant = 0; variant < rram_variant_count(); variant++) {
        if (!rram_variant_usable(variant)) continue;
        printf(" %s", rram_variant_name(variant));
        if (run(variant) != scalar) return 1;
    }
    printf("\n");
    return scalar == 0;
}
