/* One analog layer: its plan in memory, DAC, tiles with read noise, ADC, and the digital correction (numerics.md, section 4). */
#include <string.h>

#include "core.h"

#define MOST ((uint64_t)1 << 31) /* elements of any array of one layer */

/* Sizes of a layer from its description. 0: impossible. */
int plan_layer(layer *l, const rram_node *node, uint32_t index) {
    memset(l, 0, sizeof *l);
    l->d = *node;
    l->index = index;
    l->n = node->out_c;
    l->run = node->kw * node->in_c;
    if (node->dac_bits < 1 || node->dac_bits > 8 || node->adc_bits < 1 || node->adc_bits > 16) return 0;
    if (node->tile_rows < 1 || node->tile_rows > RRAM_MAX_ROWS || node->signed_in > 1) return 0;
    const uint64_t k = (uint64_t)node->kh * l->run, p = (uint64_t)node->out_h * node->out_w;
    const uint64_t need_h = (uint64_t)(node->out_h - 1) * node->sh + node->kh, have_h = (uint64_t)node->in_h + node->pad_top;
    const uint64_t need_w = (uint64_t)(node->out_w - 1) * node->sw + node->kw, have_w = (uint64_t)node->in_w + node->pad_left;
    const uint64_t pad_h = need_h > have_h ? need_h : have_h, pad_w = need_w > have_w ? need_w : have_w;
    const uint64_t tiles = (k + node->tile_rows - 1) / node->tile_rows;
    if (k > 65535 || l->n > 65535 || pad_h > 65535 || pad_w > 65535) return 0;
    if (2 * k * l->n >= MOST || p * l->n >= MOST || tiles * p * l->n >= MOST || pad_h * pad_w >= MOST / node->in_c) return 0;
    l->k = (uint32_t)k;
    l->p = (uint32_t)p;
    l->tiles = (uint32_t)tiles;
    l->pad_h = (uint32_t)pad_h;
    l->pad_w = (uint32_t)pad_w;
    l->pitch = l->pad_w * node->in_c;
    l->lo = node->signed_in ? -((1 << (node->dac_bits - 1)) - 1) : 0;
    l->hi = node->signed_in ? (1 << (node->dac_bits - 1)) - 1 : (1 << node->dac_bits) - 1;
    l->wide = tiles << (node->adc_bits - 1) > 32767;
    l->masked = node->mask_start && node->mask_start[l->n] > 0;
    l->plane_needed = l->masked && p > 1;
    l->unit = (float)((double)node->w_step * node->dac_lsb * node->adc_lsb);
    for (uint32_t t = 0; t < l->tiles; t++)
        for (uint32_t row = tile_start(l, t); row < tile_end(l, t); row += 1 + has_partner(l, row, tile_end(l, t))) l->pairs++;
    return 1;
}

/* What a layer keeps in the arena. */
void place_layer(layer *l, bump *b) {
    const size_t n = l->n, outputs = (size_t)l->p * n;
    l->tile_q = take(b, l->tiles + 1, sizeof *l->tile_q);
    l->off = take(b, l->pairs, sizeof *l->off);
    l->plane = take(b, l->plane_needed ? l->k : 0, sizeof *l->plane);
    l->live = take(b, 2 * (size_t)l->d.out_h, sizeof *l->live);
    l->w = take(b, l->pairs * n * 2, sizeof *l->w);
    l->v = take(b, l->pairs * n * 2, sizeof *l->v);
    l->vscale = take(b, l->tiles * (n + LANES_MAX), sizeof *l->vscale);
    l->code = take(b, (size_t)l->pad_h * l->pitch + SLACK, sizeof *l->code);
    l->s = take(b, outputs + SLACK, l->wide ? sizeof(int32_t) : sizeof(int16_t));
}

/* Pairs of rows, tile by tile, and where their inputs lie. */
void pair_rows(layer *l) {
    uint32_t q = 0;
    for (uint32_t t = 0; t < l->tiles; t++) {
        l->tile_q[t] = q;
        for (uint32_t k = tile_start(l, t), end = tile_end(l, t); k < end; k += 1 + has_partner(l, k, end))
            l->off[q++] = code_offset(l, k);
    }
    l->tile_q[l->tiles] = q;
    for (uint32_t k = 0; l->plane && k < l->k; k++) {
        const uint32_t row = k / l->run, column = k % l->run / l->d.in_c, channel = k % l->d.in_c;
        l->plane[k] = (channel * l->pad_h + row) * l->pad_w + column;
    }
}

/* Offset of the first input of output position p in the padded codes. */
uint32_t position_base(const layer *l, uint32_t p) {
    return p / l->d.out_w * l->d.sh * l->pitch + p % l->d.out_w * l->d.sw * l->d.in_c;
}

/* Output positions of one strip: a multiple of the kernels' block. */
static uint32_t strip_positions(const layer *l) {
    const uint32_t fit = STRIP / l->n & ~7u, strip = fit > 8 ? fit : 8;
    return strip < l->p ? strip : l->p;
}

/* Positions first .. first + count - 1. */
typedef struct run {
    uint32_t first, count;
} run;

typedef struct sums_scratch {
    int16_t *x2;      /* (code^2) >> 1, like code */
    int32_t *acc, *acc2;
    float *z;
    uint32_t *base;
    run *runs;
    uint32_t *columns; /* [pad_h][2] */
} sums_scratch;

static size_t sums_memory(const layer *l, void *memory, sums_scratch *m) {
    const size_t strip = strip_positions(l), outputs = strip * l->n + SLACK;
    bump b = {memory, 0};
    m->x2 = take(&b, (size_t)l->pad_h * l->pitch + SLACK, sizeof *m->x2);
    m->acc = take(&b, outputs, sizeof *m->acc);
    m->acc2 = take(&b, outputs, sizeof *m->acc2);
    m->z = take(&b, outputs, sizeof *m->z);
    m->base = take(&b, strip + 8, sizeof *m->base);
    m->runs = take(&b, strip, sizeof *m->runs);
    m->columns = take(&b, 2 * (size_t)l->pad_h, sizeof *m->columns);
    return b.used;
}

/* Output rows whose corrections are summed together: the shares of all columns stay in the first-level cache. */
static uint32_t block_rows(const layer *l) {
    const uint32_t fit = SHARES / (l->n * l->pad_w), rows = fit > 1 ? fit : 1;
    return rows < l->d.out_h ? rows : l->d.out_h;
}

typedef struct outputs_scratch {
    float *gain, *offset; /* [N + LANES_MAX], columns repeated */
    float *planes;        /* [in_c][pad_h][pad_w] inputs as the DAC gives them */
    float *share;         /* [N][share_pitch] what the mask adds to each column, rows pad_w apart */
    size_t share_pitch;
    uint32_t *from;       /* [out_w * N] where in share the outputs of a row find theirs */
} outputs_scratch;

static size_t outputs_memory(const layer *l, void *memory, outputs_scratch *m) {
    const size_t plane = (size_t)l->pad_h * l->pad_w, masked = l->plane_needed ? 1 : 0;
    bump b = {memory, 0};
    m->share_pitch = block_rows(l) * (size_t)l->pad_w;
    m->gain = take(&b, l->n + LANES_MAX, sizeof *m->gain);
    m->offset = take(&b, l->n + LANES_MAX, sizeof *m->offset);
    m->planes = take(&b, masked ? plane * l->d.in_c + SPARSE_SLACK : 0, sizeof *m->planes);
    m->share = take(&b, masked ? l->n * m->share_pitch + SPARSE_SLACK : 0, sizeof *m->share);
    m->from = take(&b, masked ? (size_t)l->d.out_w * l->n + SLACK : 0, sizeof *m->from);
    return b.used;
}

size_t forward_scratch(const layer *l) {
    sums_scratch sums;
    outputs_scratch outputs;
    const size_t a = sums_memory(l, NULL, &sums), b = outputs_memory(l, NULL, &outputs);
    return a > b ? a : b;
}

/* x [in] to codes, zero around them. temporary: room for the input. */
static void convert_inputs(const kernels *kern, layer *l, const float *x, int16_t *temporary) {
    const rram_node *d = &l->d;
    const size_t row = (size_t)d->in_w * d->in_c;
    const int padded = d->in_h != l->pad_h || d->in_w != l->pad_w;
    kern->dac(x, d->in_h * row, d->dac_lsb, (float)l->lo, (float)l->hi, padded ? temporary : l->code);
    if (!padded) return;
    int16_t *to = l->code + d->pad_top * l->pitch + d->pad_left * d->in_c;
    for (uint32_t y = 0; y < d->in_h; y++) memcpy(to + y * l->pitch, temporary + y * row, row * sizeof *to);
}

/* Columns of a padded row of codes that are not zero: from[0] .. from[1] - 1; pad_w and 0 where there is none. */
static void live_columns(const layer *l, uint32_t y, uint32_t from[2]) {
    const int16_t *row = l->code + (size_t)y * l->pitch;
    uint32_t a = 0, b = l->pitch;
    uint64_t four = 0; /* codes at once */
    while (a + 4 <= b && (memcpy(&four, row + a, sizeof four), four == 0)) a += 4;
    while (a < b && row[a] == 0) a++;
    while (a + 4 <= b && (memcpy(&four, row + b - 4, sizeof four), four == 0)) b -= 4;
    while (b > a && row[b - 1] == 0) b--;
    from[0] = a < b ? a / l->d.in_c : l->pad_w;
    from[1] = a < b ? (b - 1) / l->d.in_c + 1 : 0;
}

/* Output positions whose inputs are not all zero, as one stretch of each output row. A read of zeros draws no current and has no
 * noise: its sums are zero, and neither they nor their draws need to be computed. columns: [pad_h][2]. */
static void find_live(const layer *l, uint32_t *columns) {
    const rram_node *d = &l->d;
    for (uint32_t y = 0; y < l->pad_h; y++) live_columns(l, y, columns + 2 * y);
    for (uint32_t oy = 0; oy < d->out_h; oy++) {
        uint32_t from = l->pad_w, to = 0;
        for (const uint32_t *row = columns + 2 * oy * d->sh, *end = row + 2 * d->kh; row < end; row += 2) {
            from = row[0] < from ? row[0] : from;
            to = row[1] > to ? row[1] : to;
        }
        const uint32_t first = from < d->kw ? 0 : (from - d->kw + d->sw) / d->sw, end = (to + d->sw - 1) / d->sw;
        l->live[2 * oy] = first;
        l->live[2 * oy + 1] = to == 0 ? first : end < d->out_w ? end : d->out_w;
    }
}

/* The next positions to compute, at most `most`, from position *at on: their places into m->base, as runs into m->runs. */
static uint32_t next_strip(const layer *l, uint32_t *at, uint32_t most, sums_scratch *m, uint32_t *runs) {
    const uint32_t width = l->d.out_w, step = l->d.sw * l->d.in_c;
    uint32_t count = 0, p = *at, y = p / width, x = p % width;
    for (*runs = 0; y < l->d.out_h && count < most; y += x == width, x = x == width ? 0 : x) {
        if (x < l->live[2 * y]) x = l->live[2 * y];
        const uint32_t end = l->live[2 * y + 1], left = end > x ? end - x : 0, n = left < most - count ? left : most - count;
        const uint32_t first = y * width + x, place = y * l->d.sh * l->pitch + x * step;
        uint32_t *base = m->base + count;
        for (uint32_t i = 0; i < n; i++) base[i] = place + i * step;
        if (n && *runs && m->runs[*runs - 1].first + m->runs[*runs - 1].count == first)
            m->runs[*runs - 1].count += n;
        else if (n)
            m->runs[(*runs)++] = (run){first, n};
        count += n;
        x = n == left ? width : x + n;
        *at = y * width + x;
    }
    for (uint32_t i = 0; count && i < 8; i++) m->base[count + i] = m->base[count - 1];
    return count;
}

/* Read noise and ADC of one strip and tile: m->acc, m->acc2 -> l->s. */
static void convert_strip(const rram_net *net, layer *l, const stream *st, uint32_t t, uint32_t runs, const sums_scratch *m) {
    const float half = (float)(1u << (l->d.adc_bits - 1));
    const size_t n = l->n, size = l->wide ? sizeof(int32_t) : sizeof(int16_t);
    conversion c = {.n = n, .acc = m->acc, .acc2 = net->read_noise ? m->acc2 : NULL, .vscale = l->vscale + t * (n + LANES_MAX),
                    .adc_lsb = l->d.adc_lsb, .lo = -half, .hi = half - 1.0f, .wide = l->wide, .first = t == 0};
    for (uint32_t i = 0; i < runs; i++) {
        const uint32_t first = (t * l->p + m->runs[i].first) * l->n;
        c.count = m->runs[i].count * n;
        c.s = (char *)l->s + m->runs[i].first * n * size;
        c.z = m->z + (first & 3);
        if (c.acc2) net->kern->normals(st, net->normal, first >> 2, ((first & 3) + c.count + 3) / 4, m->z);
        net->kern->convert(&c);
        c.acc += c.count;
        if (c.acc2) c.acc2 += c.count;
    }
}

/* DAC, tiles with read noise, ADC, sum over tiles: x [in] -> l->s, and the codes stay in l->code. */
void analog_sums(rram_net *net, layer *l, const float *x, uint64_t read) {
    const kernels *kern = net->kern;
    const stream st = make_stream(net->key, RRAM_READ, l->index, read);
    const size_t n = l->n;
    sums_scratch m;
    sums_memory(l, net->scratch, &m);
    convert_inputs(kern, l, x, m.x2);
    if (net->read_noise) kern->square(l->code, (size_t)l->pad_h * l->pitch, m.x2);
    find_live(l, m.columns);
    memset(l->s, 0, (size_t)l->p * n * (l->wide ? sizeof(int32_t) : sizeof(int16_t)));
    for (uint32_t at = 0, runs, count; (count = next_strip(l, &at, strip_positions(l), &m, &runs)) > 0;)
        for (uint32_t t = 0; t < l->tiles; t++) {
            const uint32_t q = l->tile_q[t];
            const size_t pairs = l->tile_q[t + 1] - q;
            kern->dot(l->code, m.base, count, l->off + q, pairs, l->w + q * n * 2, n, m.acc);
            if (net->read_noise) kern->dot_u8(m.x2, m.base, count, l->off + q, pairs, l->v + q * n * 2, n, m.acc2);
            convert_strip(net, l, &st, t, runs, &m);
        }
}

/* Repeat a row of columns, for loads across its end. */
void repeat_columns(const float *from, size_t n, float *to) {
    memcpy(to, from, n * sizeof *to);
    for (size_t j = 0; j < LANES_MAX; j++) to[n + j] = to[j];
}

/* Shares of all columns for output rows oy .. oy + rows - 1, each a convolution of the planes as one long row. */
static void shares(const kernels *kern, const layer *l, uint32_t oy, uint32_t rows, const outputs_scratch *m) {
    const rram_node *d = &l->d;
    const uint32_t together = d->sh == 1 ? rows : 1; /* rows that follow each other in the planes, too */
    const size_t span = (size_t)(together - 1) * l->pad_w + (size_t)(d->out_w - 1) * d->sw + 1;
    for (uint32_t j = 0; j < l->n; j++) { /* in order: what a column writes too far, the next one writes over */
        const int32_t first = d->mask_start[j], entries = d->mask_start[j + 1] - first;
        for (uint32_t r = 0; r < rows; r += together)
            kern->sparse(m->planes + (size_t)(oy + r) * d->sh * l->pad_w, span, l->plane, d->mask_row + first, d->value + first,
                         (size_t)entries, m->share + j * m->share_pitch + r * l->pad_w);
    }
}

/* Add the mask's share to y [P][N] of a convolution. */
static void add_shares(const kernels *kern, const layer *l, const outputs_scratch *m, float *y) {
    const rram_node *d = &l->d;
    const size_t plane = (size_t)l->pad_h * l->pad_w, row = (size_t)d->out_w * l->n;
    const uint32_t block = block_rows(l);
    for (uint32_t c = 0; c < d->in_c; c++) kern->planes(l->code + c, plane, d->in_c, d->dac_lsb, m->planes + c * plane);
    memset(m->planes + plane * d->in_c, 0, SPARSE_SLACK * sizeof *m->planes); /* rubbish might be denormal, and slow */
    for (uint32_t x = 0, e = 0; x < d->out_w; x++)
        for (uint32_t j = 0; j < l->n; j++, e++) m->from[e] = j * (uint32_t)m->share_pitch + x * d->sw;
    uint32_t first = 0, end = d->out_h; /* rows with inputs that are not zero */
    while (first < end && l->live[2 * first] == l->live[2 * first + 1]) first++;
    while (end > first && l->live[2 * end - 2] == l->live[2 * end - 1]) end--;
    for (uint32_t oy = first; oy < end; oy += block) {
        const uint32_t rows = end - oy < block ? end - oy : block;
        shares(kern, l, oy, rows, m);
        for (uint32_t r = 0; r < rows; r++) kern->add(y + (oy + r) * row, row, m->from, m->share + (size_t)r * l->pad_w);
    }
}

/* The mask's share of a layer with one position: few entries, one sum after the other. */
static void add_entries(const layer *l, float *y) {
    const rram_node *d = &l->d;
    for (size_t j = 0; j < l->n; j++) {
        float share = 0.0f;
        for (int32_t i = d->mask_start[j]; i < d->mask_start[j + 1]; i++) {
            const uint32_t k = d->mask_row[i];
            share += d->value[i] * ((float)l->code[d->kh == 1 ? k : code_offset(l, k)] * d->dac_lsb);
        }
        if (d->mask_start[j] < d->mask_start[j + 1]) y[j] += share;
    }
}

/* Gain, offset and mask: l->s and l->code -> y [P][N]. */
void analog_outputs(rram_net *net, const layer *l, float *y) {
    outputs_scratch m;
    outputs_memory(l, net->scratch, &m);
    repeat_columns(l->d.gain, l->n, m.gain);
    repeat_columns(l->d.offset, l->n, m.offset);
    net->kern->digital(l->s, l->wide, (size_t)l->p * l->n, l->n, m.gain, m.offset, l->unit, y);
    if (l->plane_needed)
        add_shares(net->kern, l, &m, y);
    else if (l->masked)
        add_entries(l, y);
}
