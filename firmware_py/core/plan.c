/* The plan of one analog layer: its sizes, its place in the arena, and how its rows pair up. */
#include <string.h>

#include "core.h"

#define MOST ((uint64_t)1 << 31) /* elements of any array of one layer */

/* Sizes of a layer from its description. 0: impossible. */
int plan_layer(layer *l, const rram_node *node, uint32_t index, int coded) {
    memset(l, 0, sizeof *l);
    l->d = *node;
    l->index = index;
    l->coded = coded;
    l->n = node->out_c;
    l->d.dilation_h += l->d.dilation_h == 0, l->d.dilation_w += l->d.dilation_w == 0, l->d.groups += l->d.groups == 0;
    const rram_node *d = &l->d;
    if (d->dilation_h > 4096 || d->dilation_w > 4096 || node->in_c % d->groups || l->n % d->groups) return 0;
    if (d->groups > 1 && node->rank) return 0;
    l->depth = node->in_c / d->groups, l->width = l->n / d->groups;
    l->run = d->groups == 1 && d->dilation_w == 1 ? node->kw * node->in_c : l->depth;
    l->span_h = (node->kh - 1) * d->dilation_h + 1, l->span_w = (node->kw - 1) * d->dilation_w + 1;
    if (node->pad_top >= l->span_h || node->pad_left >= l->span_w) return 0;
    if (node->dac_bits < 1 || node->dac_bits > 8 || node->adc_bits < 1 || node->adc_bits > 16) return 0;
    if (node->tile_rows < 1 || node->tile_rows > RRAM_MAX_ROWS || node->signed_in > 1) return 0;
    if (node->rank > 65535) return 0;
    const uint64_t k = (uint64_t)node->kh * node->kw * l->depth, p = (uint64_t)node->out_h * node->out_w;
    const uint64_t need_h = (uint64_t)(node->out_h - 1) * node->sh + l->span_h,
                   have_h = (uint64_t)node->in_h + node->pad_top;
    const uint64_t need_w = (uint64_t)(node->out_w - 1) * node->sw + l->span_w,
                   have_w = (uint64_t)node->in_w + node->pad_left;
    const uint64_t pad_h = need_h > have_h ? need_h : have_h, pad_w = need_w > have_w ? need_w : have_w;
    const uint64_t tiles = (k + node->tile_rows - 1) / node->tile_rows;
    if (k > 65535 || l->n > 65535 || pad_h > 65535 || pad_w > 65535) return 0;
    if (2 * k * l->n >= MOST || p * l->n >= MOST || tiles * p * l->n >= MOST || pad_h * pad_w >= MOST / node->in_c)
        return 0;
    l->k = (uint32_t)k;
    l->p = (uint32_t)p;
    l->tiles = (uint32_t)tiles;
    l->pad_h = (uint32_t)pad_h;
    l->pad_w = (uint32_t)pad_w;
    l->pitch = l->pad_w * node->in_c;
    l->lo = node->signed_in ? -((1 << (node->dac_bits - 1)) - 1) : 0;
    l->hi = node->signed_in ? (1 << (node->dac_bits - 1)) - 1 : (1 << node->dac_bits) - 1;
    if (l->coded) l->lo = -255, l->hi = 255; /* for rram_raw, which is given codes as numbers */
    const uint64_t largest = tiles << (node->adc_bits - 1);
    l->wide = largest > 32767;
    while (l->high < 8 && largest > (uint64_t)128 << l->high) l->high = l->high ? 2 * l->high : 1;
    l->masked = node->mask_start && node->mask_start[l->n] > 0;
    l->plane_needed = l->masked && p > 1;
    l->dense = !RRAM_SMALL && l->plane_needed && dense_mask(l);
    l->unit = (float)((double)node->w_step * node->dac_lsb * node->adc_lsb);
    for (uint32_t t = 0; t < l->tiles; t++)
        for (uint32_t row = tile_start(l, t); row < tile_end(l, t); row += 1 + has_partner(l, row, tile_end(l, t)))
            l->pairs++;
    bump b = {NULL, 0};
    place_sums(l, &b);
    l->computing = b.used;
    return 1;
}

/* Codes and sums of a layer that computes. */
void place_sums(layer *l, bump *b) {
    l->code = take(b, (size_t)l->pad_h * l->pitch + LANES_MAX, sizeof *l->code);
    l->s = take(b, (size_t)l->p * l->n, l->wide ? sizeof(int32_t) : sizeof(int16_t));
}

/* What a layer has for itself in the arena. */
void place_layer(layer *l, const rram_desc *desc, bump *b) {
    const size_t n = l->n;
    l->tile_q = take(b, l->tiles + 1, sizeof *l->tile_q);
    l->off = take(b, l->pairs, sizeof *l->off);
    l->plane = take(b, l->plane_needed ? l->k : 0, sizeof *l->plane);
    l->at = take(b, l->dense ? l->k : 0, sizeof *l->at);
    l->shift = take(b, l->d.groups > 1 ? n : 0, sizeof *l->shift);
    if (l->d.groups == 1) l->shift = NULL;
    l->live = take(b, 2 * (size_t)l->d.out_h, sizeof *l->live);
    l->w = take(b, l->pairs * n * 2, sizeof *l->w);
    l->v = take(b, l->pairs * n * 2, sizeof *l->v);
    l->vscale = take(b, l->tiles * (n + LANES_MAX), sizeof *l->vscale);
    l->adc = take(b, exact_adcs(desc) ? 0 : adc_count(l, desc->adc_share) * 2 * (n + LANES_MAX), sizeof *l->adc);
    if (exact_adcs(desc)) l->adc = NULL;
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
    for (uint32_t k = 0; l->plane && k < l->k; k++) l->plane[k] = plane_offset(l, k, band_rows(l));
    for (uint32_t k = 0; l->dense && k < l->k; k++) l->at[k] = code_offset(l, k);
    for (uint32_t j = 0; l->shift && j < l->n; j++) l->shift[j] = j / l->width * l->depth;
}

/* Offset of the first input of output position p in the padded codes. */
uint32_t position_base(const layer *l, uint32_t p) {
    return p / l->d.out_w * l->d.sh * l->pitch + p % l->d.out_w * l->d.sw * l->d.in_c;
}

uint32_t code_offset(const layer *l, uint32_t k) {
    if (l->run == l->k) return k;
    const uint32_t row = l->d.kw * l->depth, channel = k % l->depth;
    return k / row * l->d.dilation_h * l->pitch + k % row / l->depth * l->d.dilation_w * l->d.in_c + channel;
}

/* Place of row k's first input in planes [in_c][height][pad_w]. */
uint32_t plane_offset(const layer *l, uint32_t k, uint32_t height) {
    const uint32_t row = l->d.kw * l->depth, channel = k % l->depth;
    const uint32_t y = k / row * l->d.dilation_h, x = k % row / l->depth * l->d.dilation_w;
    return (channel * height + y) * l->pad_w + x;
}

/* The most entries of the mask that a column has. */
size_t most_entries(const layer *l) {
    uint32_t most = 0;
    for (size_t j = 0; j < l->n; j++) most = column_entries(l, j) > most ? column_entries(l, j) : most;
    return most;
}

sram_codes codes_of(const rram_node *d, size_t group) {
    const uint32_t bits = group < 2 ? d->number_bits : d->value_bits;
    if (!d->grid || bits == 0 || bits > 31) return (sram_codes){0, 0};
    return (sram_codes){(double)d->grid[group], (double)((1u << (bits - 1)) - 1)};
}
