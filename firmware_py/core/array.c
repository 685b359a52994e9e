/* The analog part of a layer: DAC, tiles with read noise, ADC, sum over tiles (numerics.md, section 4). */
#include <string.h>

#include "core.h"

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
    int16_t *x2; /* (code^2) >> 1 of the rows that a strip reads */
    int32_t *acc, *acc2;
    uint32_t *word; /* draws */
    uint32_t *base;
    run *runs;
    uint32_t *columns; /* [pad_h][2] */
} sums_scratch;

/* Output rows that a strip covers at most. */
static uint32_t strip_rows(const layer *l) {
    const uint32_t rows = (strip_positions(l) + l->d.out_w - 2) / l->d.out_w + 1;
    return rows < l->d.out_h ? rows : l->d.out_h;
}

static size_t sums_memory(const layer *l, sums_scratch *m) {
    const size_t strip = strip_positions(l), outputs = strip * l->n + SLACK;
    const size_t rows = (size_t)(strip_rows(l) - 1) * l->d.sh + l->span_h;
    bump b = {l->scratch, l->computing};
    m->x2 = take(&b, rows * l->pitch + SLACK, sizeof *m->x2);
    m->acc = take(&b, outputs, sizeof *m->acc);
    m->acc2 = take(&b, outputs, sizeof *m->acc2);
    m->word = take(&b, outputs, sizeof *m->word);
    m->base = take(&b, strip + 8, sizeof *m->base);
    m->runs = take(&b, strip, sizeof *m->runs);
    m->columns = take(&b, 2 * (size_t)l->pad_h, sizeof *m->columns);
    return b.used;
}

size_t sums_scratch_size(const layer *l) {
    sums_scratch m;
    return sums_memory(l, &m);
}

/* x [in], or codes [in], to codes with zeros around them. What the DAC writes past the end of a row is zero, too. */
static void convert_inputs(const kernels *kern, layer *l, const float *x, const int32_t *codes) {
    const rram_node *d = &l->d;
    const int padded = d->in_h != l->pad_h || d->in_w != l->pad_w;
    const size_t rows = padded ? d->in_h : 1, row = (size_t)d->in_w * d->in_c * (padded ? 1 : d->in_h);
    int16_t *to = l->code + d->pad_top * l->pitch + d->pad_left * d->in_c;
    if (padded) memset(l->code, 0, (size_t)l->pad_h * l->pitch * sizeof *to);
    for (size_t y = 0; y < rows; y++, to += l->pitch) {
        for (size_t i = 0; codes && i < row; i++) to[i] = (int16_t)codes[y * row + i];
        if (!codes) kern->dac(x + y * row, row, l->coded ? 1.0f : d->dac_lsb, (float)l->lo, (float)l->hi, to);
    }
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

/* Output positions whose inputs are not all zero, as one stretch of each output row. A read of zeros draws no current
 * and has no noise: its sums are zero, and neither they nor their draws need to be computed. columns: [pad_h][2]. */
static void find_live(const layer *l, uint32_t *columns) {
    const rram_node *d = &l->d;
    for (uint32_t y = 0; y < l->pad_h; y++) live_columns(l, y, columns + 2 * y);
    for (uint32_t oy = 0; oy < d->out_h; oy++) {
        uint32_t from = l->pad_w, to = 0;
        for (const uint32_t *row = columns + 2 * oy * d->sh, *end = row + 2 * l->span_h; row < end; row += 2) {
            from = row[0] < from ? row[0] : from;
            to = row[1] > to ? row[1] : to;
        }
        if (l->adc) from = 0, to = l->pad_w; /* an ADC's offset answers zeros, too */
        const uint32_t first = from < l->span_w ? 0 : (from - l->span_w + d->sw) / d->sw, end = (to + d->sw - 1) / d->sw;
        l->live[2 * oy] = first;
        l->live[2 * oy + 1] = to == 0 ? first : end < d->out_w ? end : d->out_w;
    }
}

/* The next positions to compute, from position *at on: their places, relative to input row *row, into m->base, as runs
 * into m->runs. */
static uint32_t next_strip(const layer *l, uint32_t *at, sums_scratch *m, uint32_t *runs, uint32_t *row) {
    const uint32_t width = l->d.out_w, step = l->d.sw * l->d.in_c, most = strip_positions(l);
    uint32_t count = 0, p = *at, y = p / width, x = p % width, end_row = l->d.out_h;
    for (*runs = 0; y < end_row && count < most; y += x == width, x = x == width ? 0 : x) {
        if (x < l->live[2 * y]) x = l->live[2 * y];
        const uint32_t end = l->live[2 * y + 1], left = end > x ? end - x : 0,
                       n = left < most - count ? left : most - count;
        if (n && !count) {
            *row = y * l->d.sh;
            end_row = y + strip_rows(l) < end_row ? y + strip_rows(l) : end_row;
        }
        const uint32_t first = y * width + x, place = (y * l->d.sh - *row) * l->pitch + x * step;
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
static void convert_strip(const rram_net *net, layer *l, const stream *st, uint32_t t, uint32_t runs,
                          const sums_scratch *m) {
    const float half = (float)(1u << (l->d.adc_bits - 1));
    const size_t n = l->n, size = l->wide ? sizeof(int32_t) : sizeof(int16_t);
    const float *adc = l->adc ? l->adc + adc_of(net->adc_share, t) * 2 * (n + LANES_MAX) : NULL;
    conversion c = {.n = n,
                    .acc = m->acc,
                    .acc2 = net->read_noise ? m->acc2 : NULL,
                    .normal = net->normal,
                    .quick = &net->quick,
                    .vscale = l->vscale + t * (n + LANES_MAX),
                    .adc_gain = adc,
                    .adc_offset = adc ? adc + n + LANES_MAX : NULL,
                    .adc_lsb = l->d.adc_lsb,
                    .lo = -half,
                    .hi = half - 1.0f,
                    .wide = l->wide,
                    .first = t == 0};
    for (uint32_t i = 0; i < runs; i++) {
        const uint32_t first = (t * l->p + m->runs[i].first) * l->n;
        c.count = m->runs[i].count * n;
        c.s = (char *)l->s + m->runs[i].first * n * size;
        c.word = m->word + (first & 3);
        if (c.acc2) net->kern->words(st, first >> 2, ((first & 3) + c.count + 3) / 4, m->word);
        net->kern->convert(&c);
        c.acc += c.count;
        if (c.acc2) c.acc2 += c.count;
    }
}

/* DAC, tiles with read noise, ADC, sum over tiles: x [in] or codes [in] -> l->s, and the codes stay in l->code. */
void analog_sums(rram_net *net, layer *l, const float *x, const int32_t *codes, uint64_t read) {
    const kernels *kern = net->kern;
    const stream st = make_stream(net->key, RRAM_READ, l->index, read);
    const size_t n = l->n;
    sums_scratch m;
    sums_memory(l, &m);
    convert_inputs(kern, l, x, codes);
    find_live(l, m.columns);
    memset(l->s, 0, (size_t)l->p * n * (l->wide ? sizeof(int32_t) : sizeof(int16_t)));
    for (uint32_t at = 0, row = 0, runs, count; (count = next_strip(l, &at, &m, &runs, &row)) > 0;) {
        const int16_t *code = l->code + (size_t)row * l->pitch;
        const size_t rows = m.base[count - 1] / l->pitch + l->span_h;
        if (net->read_noise) kern->square(code, rows * l->pitch, m.x2);
        for (uint32_t t = 0; t < l->tiles; t++) {
            const uint32_t q = l->tile_q[t];
            const size_t pairs = l->tile_q[t + 1] - q;
            const int16_t *w = l->w + q * n * 2;
            const uint8_t *v = l->v + q * n * 2;
            if (l->shift) {
                kern->grouped(code, m.base, count, l->off + q, pairs, w, n, l->shift, m.acc);
                if (net->read_noise) kern->grouped_u8(m.x2, m.base, count, l->off + q, pairs, v, n, l->shift, m.acc2);
            } else {
                kern->dot(code, m.base, count, l->off + q, pairs, w, n, m.acc);
                if (net->read_noise) kern->dot_u8(m.x2, m.base, count, l->off + q, pairs, v, n, m.acc2);
            }
            convert_strip(net, l, &st, t, runs, &m);
        }
    }
}
