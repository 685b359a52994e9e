/* The digital part of a layer: gain, offset, the mask's SRAM values, low rank (numerics.md, section 4). */
#include <string.h>

#include "core.h"

/* Output rows whose corrections are summed together: the shares of all columns stay in the first-level cache. */
static uint32_t block_rows(const layer *l) {
    const uint32_t fit = SHARES / (l->n * l->pad_w), rows = fit > 1 ? fit : 1;
    return rows < l->d.out_h ? rows : l->d.out_h;
}

/* Output rows that are computed together: two such blocks; and the rows of the padded input that they take. */
static uint32_t output_rows(const layer *l) {
    const uint32_t rows = 2 * block_rows(l);
    return rows < l->d.out_h ? rows : l->d.out_h;
}
uint32_t band_rows(const layer *l) { return (output_rows(l) - 1) * l->d.sh + l->span_h; }

/* Elements of a row of the mask's values with zeros between them: whole vectors. */
static size_t dense_pitch(const layer *l) { return l->n <= 8 ? 8 : (l->n + LANES_MAX - 1) & ~(size_t)(LANES_MAX - 1); }

/* Whether the mask is better taken with zeros between its entries. A sum that has begun with +0 is never -0, so what
 * they add changes no bit. */
int dense_mask(const layer *l) {
    const rram_node *d = &l->d;
    if (d->groups > 1 || 2 * (size_t)d->mask_start[l->n] < l->k * dense_pitch(l)) return 0;
    for (uint32_t j = 0; j < l->n; j++) {
        if (d->mask_start[j] == d->mask_start[j + 1]) return 0; /* such a column is left alone */
        for (int32_t i = d->mask_start[j] + 1; i < d->mask_start[j + 1]; i++)
            if (d->mask_row[i] <= d->mask_row[i - 1]) return 0; /* another order of addition */
    }
    return 1;
}

typedef struct outputs_scratch {
    float *gain, *offset; /* [N + LANES_MAX], columns repeated */
    float *planes;        /* [in_c][band][pad_w] inputs as the DAC gives them; dense: [band][pad_w][in_c] */
    float *share;         /* [N][share_pitch] what the mask adds to each column, rows pad_w apart */
    size_t share_pitch;
    float *value; /* dense: [K][dense_pitch] with zeros where the mask has no entry */
    stretch *runs; /* dense: [output rows] */
    float *sum;    /* [output rows][out_w][N] what is added to y */
    float *low;    /* [rank + N] low rank: x A of one position, and what it adds */
} outputs_scratch;

static size_t outputs_memory(const layer *l, outputs_scratch *m) {
    const size_t plane = (size_t)band_rows(l) * l->pad_w, masked = l->plane_needed ? 1 : 0;
    const size_t sparse = masked && !l->dense ? 1 : 0;
    bump b = {l->scratch, l->computing};
    m->share_pitch = block_rows(l) * (size_t)l->pad_w;
    m->gain = take(&b, l->n + LANES_MAX, sizeof *m->gain);
    m->offset = take(&b, l->n + LANES_MAX, sizeof *m->offset);
    m->planes = take(&b, masked ? plane * l->d.in_c + SPARSE_SLACK : 0, sizeof *m->planes);
    m->share = take(&b, sparse ? l->n * m->share_pitch + SPARSE_SLACK : 0, sizeof *m->share);
    m->value = take(&b, l->dense ? l->k * dense_pitch(l) : 0, sizeof *m->value);
    m->runs = take(&b, l->dense ? output_rows(l) : 0, sizeof *m->runs);
    m->low = take(&b, l->d.rank ? (size_t)l->d.rank + l->n : 0, sizeof *m->low);
    m->sum = take(&b, l->adds ? (size_t)output_rows(l) * l->d.out_w * l->n + LANES_MAX : 0, sizeof *m->sum);
    return b.used;
}

size_t outputs_scratch_size(const layer *l) {
    outputs_scratch m;
    return outputs_memory(l, &m);
}

/* Repeat a row of columns, for loads across its end. */
void repeat_columns(const float *from, size_t n, float *to) {
    memcpy(to, from, n * sizeof *to);
    for (size_t j = 0; j < LANES_MAX; j++) to[n + j] = to[j];
}

/* Shares of all columns for `rows` output rows, each a convolution of the planes as one long row, of which the first
 * begins in their row `from`. */
static void shares(const kernels *kern, const layer *l, uint32_t from, uint32_t rows, const outputs_scratch *m) {
    const rram_node *d = &l->d;
    const uint32_t together = d->sh == 1 ? rows : 1; /* rows that follow each other in the planes, too */
    const size_t span = (size_t)(together - 1) * l->pad_w + (size_t)(d->out_w - 1) * d->sw + 1;
    for (uint32_t j = 0; j < l->n; j++) { /* in order: what a column writes too far, the next one writes over */
        const int32_t first = d->mask_start[j], entries = d->mask_start[j + 1] - first;
        const float *plane = m->planes + plane_of(l, j, band_rows(l)) + (size_t)from * l->pad_w;
        for (uint32_t r = 0; r < rows; r += together)
            kern->sparse(plane + (size_t)r * d->sh * l->pad_w, span, l->plane, d->mask_row + first,
                         d->value + first, (size_t)entries, m->share + j * m->share_pitch + r * l->pad_w);
    }
}

/* Add the mask's share to output rows first .. end - 1 of a convolution, y. */
static void add_shares(const kernels *kern, const layer *l, uint32_t first, uint32_t end, const outputs_scratch *m,
                       float *y) {
    const rram_node *d = &l->d;
    const uint32_t block = block_rows(l), band = band_rows(l), last = l->pad_h - band;
    const uint32_t top = first * d->sh < last ? first * d->sh : last;
    const size_t plane = (size_t)band * l->pad_w, row = (size_t)d->out_w * l->n;
    kern->planes(l->code + (size_t)top * l->pitch, plane, d->in_c, d->dac_lsb, m->planes);
    memset(m->planes + plane * d->in_c, 0, SPARSE_SLACK * sizeof *m->planes); /* rubbish might be denormal, and slow */
    for (uint32_t oy = first; oy < end; oy += block) {
        const uint32_t rows = end - oy < block ? end - oy : block;
        shares(kern, l, oy * d->sh - top, rows, m);
        for (uint32_t r = 0; r < rows; r++, y += row)
            kern->add(y, d->out_w, l->n, m->share + (size_t)r * l->pad_w, m->share_pitch, d->sw);
    }
}

/* The mask's values with zeros between them. */
static void spread_values(const layer *l, const outputs_scratch *m) {
    const rram_node *d = &l->d;
    const size_t pitch = dense_pitch(l);
    memset(m->value, 0, l->k * pitch * sizeof *m->value);
    for (uint32_t j = 0; j < l->n; j++)
        for (int32_t i = d->mask_start[j]; i < d->mask_start[j + 1]; i++)
            m->value[d->mask_row[i] * pitch + j] = d->value[i];
}

/* The same as add_shares() with these, where inputs are not all zero. */
static void add_dense(const kernels *kern, const layer *l, uint32_t first, uint32_t end, const outputs_scratch *m,
                      float *y) {
    const rram_node *d = &l->d;
    const uint32_t step = d->sw * d->in_c;
    const size_t height = (size_t)(end - first - 1) * d->sh + l->span_h;
    size_t runs = 0;
    kern->planes(l->code + (size_t)first * d->sh * l->pitch, height * l->pitch, 1, d->dac_lsb, m->planes);
    for (uint32_t oy = first; oy < end; oy++) {
        const uint32_t x = l->live[2 * oy], till = l->live[2 * oy + 1], r = oy - first;
        if (x < till) m->runs[runs++] = (stretch){r * d->sh * l->pitch + x * step, (r * d->out_w + x) * l->n, till - x};
    }
    kern->dense(m->planes, m->runs, runs, step, l->at, l->k, m->value, l->n, dense_pitch(l), y);
}

/* The mask's share of a layer with one position: few entries, one sum after the other. */
static void add_entries(const layer *l, float *y) {
    const rram_node *d = &l->d;
    for (size_t j = 0; j < l->n; j++) {
        float share = 0.0f;
        for (int32_t i = d->mask_start[j]; i < d->mask_start[j + 1]; i++) {
            const uint32_t k = d->mask_row[i];
            share += d->value[i] * ((float)l->code[l->run == l->k && !l->shift ? k : input_of(l, k, j)] * d->dac_lsb);
        }
        if (d->mask_start[j] < d->mask_start[j + 1]) y[j] += share;
    }
}

/* The low-rank part of positions p .. end - 1: y += (x A) B, position by position; sums over rows, then over ranks,
 * each in order. */
static void add_low_rank(const layer *l, uint32_t p, uint32_t end, float *low, float *y) {
    const size_t rank = l->d.rank, n = l->n;
    float *h = low, *share = low + rank;
    for (; p < end; p++, y += n) {
        const int16_t *code = l->code + position_base(l, p);
        memset(low, 0, (rank + n) * sizeof *low);
        for (uint32_t k = 0; k < l->k; k++) {
            const float x = (float)code[code_offset(l, k)] * l->d.dac_lsb, *a = l->d.low_a + k * rank;
            for (size_t q = 0; q < rank; q++) h[q] += x * a[q];
        }
        for (size_t q = 0; q < rank; q++)
            for (size_t j = 0; j < n; j++) share[j] += h[q] * l->d.low_b[q * n + j];
        for (size_t j = 0; j < n; j++) y[j] += share[j];
    }
}

/* Whether an output row has inputs that are not zero. */
static int live_row(const layer *l, uint32_t oy) { return l->live[2 * oy] != l->live[2 * oy + 1]; }

/* Gain, offset, mask and low rank: l->s and l->code -> y [P][N], some rows at a time. */
void analog_outputs(const kernels *kern, const layer *l, float *y) {
    const size_t row = (size_t)l->d.out_w * l->n, size = l->wide ? sizeof(int32_t) : sizeof(int16_t);
    outputs_scratch m;
    outputs_memory(l, &m);
    repeat_columns(l->d.gain, l->n, m.gain);
    repeat_columns(l->d.offset, l->n, m.offset);
    if (!RRAM_SMALL && l->dense) spread_values(l, &m);
    for (uint32_t oy = 0, end; oy < l->d.out_h; oy = end) {
        end = oy + output_rows(l) < l->d.out_h ? oy + output_rows(l) : l->d.out_h;
        const char *s = (const char *)l->s + oy * row * size;
        float *to = l->adds ? m.sum : y + oy * row;
        uint32_t first = oy, last = end;
        while (first < last && !live_row(l, first)) first++;
        while (last > first && !live_row(l, last - 1)) last--;
        kern->digital(s, l->wide, (end - oy) * row, l->n, m.gain, m.offset, l->unit, to);
        if (!RRAM_SMALL && l->dense && first < last)
            add_dense(kern, l, first, last, &m, to + (first - oy) * row);
        else if (l->plane_needed && first < last)
            add_shares(kern, l, first, last, &m, to + (first - oy) * row);
        else if (l->masked && !l->plane_needed)
            add_entries(l, to);
        if (l->d.rank) add_low_rank(l, oy * l->d.out_w, end * l->d.out_w, m.low, to);
        if (l->adds) add_to(to, (end - oy) * row, y + oy * row);
    }
}
