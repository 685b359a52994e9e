/* Sums of the normal equations of one layer's columns, image by image (docs/calibration.md). */
#include <string.h>

#include "calibrate.h"

/* The memory of a pass that ends before column `end`; with memory NULL only the size is found. What the columns share
 * comes first and lies at the same place in every pass of the layer. */
size_t place_fit(fit *f, void *memory, uint32_t end) {
    const layer *l = f->l;
    const int full = f->kind == RRAM_FULL;
    bump b = {memory, 0};
    size_t integers = 0, products = 0, numbers = 0, places = 0;
    const size_t most = most_entries(l), width = 2 + (full ? most : 0);
    f->power = take(&b, (size_t)l->d.kh * l->d.kw * l->d.in_c, sizeof *f->power);
    f->row = take(&b, 1 + most, sizeof *f->row);
    f->work = take(&b, triangle(width) + 3 * width, sizeof *f->work);
    for (uint32_t j = f->first; j < end; j++) {
        const size_t entries = column_entries(l, j), m = 1 + (full ? entries : 0);
        integers += m, products += triangle(m), numbers += m + 1, places += entries;
    }
    const int shared = GRAM && full && l->d.groups == 1 && products * sizeof(int64_t) > gram_size(l);
    f->columns = take(&b, end - f->first, sizeof *f->columns);
    int64_t *integer = take(&b, integers + (shared ? 0 : products), sizeof *integer);
    double *number = take(&b, numbers, sizeof *number);
    uint32_t *place = take(&b, places, sizeof *place);
    f->gram = NULL;
    if (shared) place_gram(f, &b);
    for (uint32_t j = f->first; memory && j < end; j++) {
        const uint32_t entries = column_entries(l, j), fitted = full ? entries : 0;
        column *c = f->columns + (j - f->first);
        memset(c, 0, sizeof *c);
        c->j = j, c->entries = entries, c->fitted = fitted, c->at = place;
        for (uint32_t i = 0; i < entries; i++) *place++ = input_of(l, l->d.mask_row[l->d.mask_start[j] + (int32_t)i], j);
        c->products = shared ? NULL : integer, integer += shared ? 0 : triangle(1 + fitted);
        c->own = integer, integer += 1 + fitted;
        c->aim = number, number += 2 + fitted;
    }
    return b.used;
}

/* A new pass, for columns f->first .. end - 1, all sums zero. */
void start_columns(fit *f, uint32_t end) {
    f->count = end - f->first;
    f->rows = 0;
    if (SHARED(f)) start_gram(f);
    for (uint32_t i = 0; i < f->count; i++) {
        column *c = f->columns + i;
        if (c->products) memset(c->products, 0, triangle(1 + c->fitted) * sizeof *c->products);
        memset(c->own, 0, (1 + c->fitted) * sizeof *c->own);
        memset(c->aim, 0, (2 + c->fitted) * sizeof *c->aim);
    }
    if (f->first) return; /* the layer's own sums are there already */
    f->start = f->total = f->squares = f->before = f->after = 0;
    memset(f->power, 0, (size_t)f->l->d.kh * f->l->d.kw * f->l->d.in_c * sizeof *f->power);
}

/* Squares of the codes of all windows, place by place. */
static void add_power(const fit *f) {
    const layer *l = f->l;
    int64_t *power = f->power;
    for (uint32_t y = 0; y < l->d.kh; y++)
        for (uint32_t x = 0; x < l->d.kw; x++, power += l->d.in_c) {
            const int16_t *window = l->code + y * l->d.dilation_h * l->pitch + x * l->d.dilation_w * l->d.in_c;
            for (uint32_t p = 0; p < l->p; p++) {
                const int16_t *code = window + position_base(l, p);
                for (uint32_t c = 0; c < l->d.in_c; c++) power[c] += code[c] * code[c];
            }
        }
}

/* Sum of row [count] times value. In four parts: an addition need not wait for the one before. */
static double sum_of(const int32_t *row, const float *value, size_t count) {
    double part[4] = {0};
    for (size_t i = 0; i < count; i++) part[i % 4] += row[i] * (double)value[i];
    return (part[0] + part[1]) + (part[2] + part[3]);
}

/* One row of one column: its inputs begin at x. */
static void add_row(const fit *f, column *c, const int16_t *x, int32_t s, double y) {
    const rram_node *d = &f->l->d;
    const int32_t start = f->l->masked ? d->mask_start[c->j] : 0;
    const uint32_t entries = c->entries, count = 1 + c->fitted, *at = c->at;
    const double u = s * (double)f->l->unit, lsb = (double)d->dac_lsb;
    int32_t *restrict row = f->row;
    double now = 0, known = 0; /* what the mask's values add; those that are not solved for */
    row[0] = 1;
    for (uint32_t i = 0; i < entries; i++) row[1 + i] = x[at[i]];
    if (entries) now = sum_of(row + 1, d->value + start, entries);
    if (entries > c->fitted) known = sum_of(row + 1, d->first->value + start, entries);
    const double error = (double)d->gain[c->j] * u + (double)d->offset[c->j] + now * lsb - y;
    c->error += error * error;
    const double target = y - known * lsb;
    if (f->rows == 0) c->first = target;
    const double z = target - c->first;
    c->squares += (double)s * s;
    c->aim_squares += z * z;
    c->aim[0] += z * s;
    int64_t *restrict own = c->own, *restrict products = c->products;
    double *restrict aim = c->aim + 1;
    for (uint32_t i = 0; i < count; i++) own[i] += (int64_t)s * row[i];
    for (uint32_t i = 0; i < count; i++) aim[i] += z * row[i];
    for (uint32_t i = 0; products && i < count; products += ++i)
        for (uint32_t k = 0; row[i] && k <= i; k++) products[k] += row[i] * row[k];
}

/* One image: codes and sums as the layer has them now, y [P][N] the ideal network's. */
void add_image(fit *f, const kernels *kern, const float *y) {
    const layer *l = f->l;
    if (f->first == 0) add_power(f);
    if (SHARED(f)) add_to_gram(f, kern);
    for (uint32_t p = 0; p < l->p; p++) {
        const size_t at = (size_t)p * l->n + f->first;
        const int16_t *x = l->code + position_base(l, p);
        if (f->rows == 0 && f->first == 0) f->start = (double)y[at];
        for (uint32_t i = 0; i < f->count; i++) {
            const double target = (double)y[at + i], z = target - f->start;
            add_row(f, f->columns + i, x, load_s(l, l->s, at + i), target);
            f->total += z, f->squares += z * z;
        }
        f->rows++;
    }
}
