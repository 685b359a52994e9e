/* The cells of a chip: one draw of every conductance, paired and packed for the kernels (numerics.md, sections 2 and
 * 3). */
#include <math.h>
#include <string.h>

#include "core.h"

/* A word on the octave grid of one level's table [2][RRAM_NODES] (1/256 G step): conductance in G steps. */
static int32_t quantile(const int32_t *table, uint32_t word) {
    const uint32_t r = (word & 0x7FFFFFFFu) >> 7;
    uint32_t i = 0, frac = r << 10;
    if (r >= 256) {
        const float f = (float)r; /* exact: r has 24 bits */
        uint32_t b;
        memcpy(&b, &f, sizeof b);
        i = (b >> 18) - (135u << 5) + 1;
        frac = b & 0x3FFFFu;
    }
    const int32_t *t = table + (word >> 31) * RRAM_NODES + i;
    const int64_t v = t[0] + (((int64_t)t[1] - t[0]) * (int64_t)frac >> 18);
    const int64_t g = (v + 128) >> 8;
    return (int32_t)(g < 0 ? 0 : g > 32767 ? 32767 : g);
}

typedef struct cells_memory {
    uint32_t *program, *fault, *path; /* words of one row of cells */
    float *z;                         /* [N] their numbers of drift */
    int32_t *g[2];                    /* [N] conductances of the plus and the minus cells of one row, G steps */
    double *largest;                  /* [N] largest variance of a read in the tile, G steps^2 */
} cells_memory;

static size_t cells_memory_at(const layer *l, void *memory, cells_memory *m) {
    bump b = {memory, 0};
    m->program = take(&b, l->n + SLACK, sizeof *m->program);
    m->fault = take(&b, l->n + SLACK, sizeof *m->fault);
    m->path = take(&b, l->n + SLACK, sizeof *m->path);
    m->z = take(&b, l->n + SLACK, sizeof *m->z);
    for (int plane = 0; plane < 2; plane++) m->g[plane] = take(&b, l->n, sizeof *m->g[plane]);
    m->largest = take(&b, l->n, sizeof *m->largest);
    return b.used;
}

size_t cells_scratch(const layer *l) {
    cells_memory m;
    return cells_memory_at(l, NULL, &m);
}

/* What time and reads have made of a cell, in G steps. */
static int32_t aged(const rram_desc *desc, uint8_t level, int32_t g, double decades, double z, double disturbed) {
    double now = (double)g;
    if (decades != 0) now = now + desc->drift_mean[level] * decades + desc->drift_sd[level] * decades * z;
    now = floor(now * (1 + disturbed) + 0.5);
    return (int32_t)(now < 0 ? 0 : now > 32767 ? 32767 : now);
}

/* Conductances of row k in one plane (0 plus, 1 minus) into m->g. */
static void draw_row(const rram_net *net, const layer *l, const rram_desc *desc, uint32_t plane, uint32_t k,
                     cells_memory *m) {
    const uint32_t first = (plane * l->k + k) * l->n, skip = first & 3;
    const uint8_t *level = l->d.levels + first;
    const int spread = (desc->effects & RRAM_PROGRAMMING) != 0, faulty = spread && desc->faults[1] > 0;
    const double decades = (desc->effects & RRAM_DRIFT) && desc->drift_mean ? desc->decades : 0,
                 disturbed = (desc->effects & RRAM_DISTURB) && desc->disturbed ? desc->disturbed[l->index] : 0;
    if (spread) draw_words(net, l, RRAM_PROGRAM, first, l->n, m->program);
    if (faulty) draw_words(net, l, RRAM_FAULT, first, l->n, m->fault);
    if (decades != 0) draw_words(net, l, RRAM_DRIFT_PATH, first, l->n, m->path);
    if (decades != 0) net->kern->normals(net->normal, m->path + skip, l->n, m->z);
    for (uint32_t j = 0; j < l->n; j++) {
        int32_t g = desc->target[level[j]];
        if (spread) g = quantile(desc->quantiles + (size_t)level[j] * 2 * RRAM_NODES, m->program[skip + j]);
        if (decades != 0 || disturbed != 0)
            g = aged(desc, level[j], g, decades, decades != 0 ? (double)m->z[j] : 0, disturbed);
        if (faulty && m->fault[skip + j] < desc->faults[1]) g = (int32_t)desc->faults[3];
        if (faulty && m->fault[skip + j] < desc->faults[0]) g = (int32_t)desc->faults[2];
        m->g[plane][j] = g;
    }
}

static double read_variance(const rram_desc *desc, uint8_t level, int32_t g) {
    const double sigma = desc->read_a[level] + desc->read_b[level] * (double)g;
    return sigma * sigma;
}

/* Row k, the `half` of pair q. Pass 0 stores D and finds the largest variance, pass 1 stores V in units of it. */
static void place_row(const rram_net *net, layer *l, const rram_desc *desc, uint32_t k, size_t q, uint32_t half,
                      int pass, cells_memory *m) {
    const size_t n = l->n;
    const uint8_t *plus = l->d.levels + k * n, *minus = plus + (size_t)l->k * n;
    draw_row(net, l, desc, 0, k, m);
    draw_row(net, l, desc, 1, k, m);
    for (size_t j = 0; j < n; j++) {
        const size_t at = (q * n + j) * 2 + half;
        const double s2 = read_variance(desc, plus[j], m->g[0][j]) + read_variance(desc, minus[j], m->g[1][j]);
        const int32_t d = m->g[0][j] - m->g[1][j];
        if (pass == 0) {
            l->w[at] = (int16_t)(d < -32767 ? -32767 : d > 32767 ? 32767 : d);
            if (s2 > m->largest[j]) m->largest[j] = s2;
        } else if (m->largest[j] > 0) {
            l->v[at] = (uint8_t)floor(s2 * 255.0 / m->largest[j] + 0.5);
        }
    }
}

/* Draw all cells of a layer into its pairs (zero before). 0: a level that the profile does not have. */
int draw_cells(rram_net *net, layer *l, const rram_desc *desc) {
    const size_t n = l->n;
    cells_memory m;
    cells_memory_at(l, l->scratch, &m);
    for (size_t i = 0; i < 2 * (size_t)l->k * n; i++)
        if (l->d.levels[i] >= desc->level_count) return 0;
    for (uint32_t t = 0; t < l->tiles; t++) {
        const uint32_t end = tile_end(l, t);
        memset(m.largest, 0, n * sizeof *m.largest);
        for (int pass = 0; pass < 2;
             pass++) { /* drawn twice rather than kept: a small board has no room for float64 [K][N] */
            size_t q = l->tile_q[t];
            for (uint32_t k = tile_start(l, t), partner; k < end; k += 1 + partner, q++) {
                partner = has_partner(l, k, end);
                place_row(net, l, desc, k, q, 0, pass, &m);
                if (partner) place_row(net, l, desc, k + 1, q, 1, pass, &m);
            }
        }
        float *vscale = l->vscale + t * (n + LANES_MAX);
        for (size_t j = 0; j < n + LANES_MAX; j++) vscale[j] = (float)(2.0 * m.largest[j % n] / 255.0);
    }
    return 1;
}

int rram_cells(const rram_net *net, uint32_t index, int16_t *d, uint8_t *v, float *vscale) {
    if (index >= net->layer_count) return 0;
    const layer *l = net->layers + index;
    const size_t n = l->n;
    for (uint32_t t = 0; t < l->tiles; t++) {
        const uint32_t end = tile_end(l, t);
        size_t q = l->tile_q[t];
        for (uint32_t k = tile_start(l, t), partner; k < end; k += 1 + partner, q++) {
            partner = has_partner(l, k, end);
            for (size_t j = 0; j < n * (1 + partner); j++) { /* row k, then row k + 1 */
                const size_t at = (q * n + j % n) * 2 + j / n;
                d[k * n + j] = l->w[at];
                v[k * n + j] = l->v[at];
            }
        }
        memcpy(vscale + t * n, l->vscale + t * (n + LANES_MAX), n * sizeof *vscale);
    }
    return 1;
}
