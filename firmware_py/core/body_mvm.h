/* The array, in vectors: DAC, integer products by pairs of rows, read noise and ADC (numerics.md, section 4). */

#define BLOCK 8 /* positions, or vectors of columns, that are accumulated together */

FN void body_dac(const float *x, size_t count, float lsb, float lo, float hi, int16_t *code) {
    const vf step = vf_set1(lsb), low = vf_set1(lo), high = vf_set1(hi);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        vi_store_i16(code + i, vf_round(vf_min(vf_max(vf_div(vf_load(x + i), step), low), high)));
    if (i < count) {
        float tail[LANES] = {0}; /* x may be the caller's: not one element further */
        memcpy(tail, x + i, (count - i) * sizeof *x);
        vi_store_i16(code + i, vf_round(vf_min(vf_max(vf_div(vf_load(tail), step), low), high)));
    }
}

FN void body_square(const int16_t *code, size_t count, int16_t *x2) {
    for (size_t i = 0; i < count; i++) {
        const uint32_t c = (uint32_t)(code[i] * code[i]);
        x2[i] = (int16_t)(c >> 1);
    }
}

/* a0 .. a3 += products of positions x0 .. x3 with a vector of columns, from `row` on. LOAD: LANES pairs of weights. */
#define DOT_FOUR(LOAD)                                                                        \
    for (size_t q = 0; q < pairs; q++, row += 2 * n) {                                        \
        const vi v = LOAD(row);                                                               \
        const uint32_t o = off[q];                                                            \
        a0 = vacc_dot(a0, v, vi_pair(x0 + o)), a1 = vacc_dot(a1, v, vi_pair(x1 + o));         \
        a2 = vacc_dot(a2, v, vi_pair(x2 + o)), a3 = vacc_dot(a3, v, vi_pair(x3 + o));         \
    }

#if SMALL
#include "small.h"
#else
#if LANES == 8
/* 4 positions x two vectors of columns, or one: x86-64 has no registers for the places of eight. */
#define DOT_POSITIONS(NAME, TYPE, LOAD)                                                                       \
    FN void NAME(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs, \
                 const TYPE *w, size_t n, int32_t *acc) {                                                     \
        for (size_t p = 0; p < positions; p += 4) {                                                           \
            const size_t live = positions - p < 4 ? positions - p : 4;                                        \
            const int16_t *x0 = x + base[p], *x1 = x + base[p + 1], *x2 = x + base[p + 2], *x3 = x + base[p + 3]; \
            for (size_t j = 0; j < n; j += 2 * LANES) {                                                       \
                vacc a0 = vacc_zero(), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;         \
                const TYPE *row = w + 2 * j;                                                                  \
                if (n - j <= LANES)                                                                           \
                    DOT_FOUR(LOAD)                                                                            \
                else                                                                                          \
                    for (size_t q = 0; q < pairs; q++, row += 2 * n) {                                        \
                        const vi v = LOAD(row), u = LOAD(row + 2 * LANES);                                    \
                        const size_t o = off[q];                                                              \
                        const vi c0 = vi_pair(x0 + o), c1 = vi_pair(x1 + o);                                  \
                        a0 = vacc_dot(a0, v, c0), b0 = vacc_dot(b0, u, c0);                                   \
                        a1 = vacc_dot(a1, v, c1), b1 = vacc_dot(b1, u, c1);                                   \
                        const vi c2 = vi_pair(x2 + o), c3 = vi_pair(x3 + o);                                  \
                        a2 = vacc_dot(a2, v, c2), b2 = vacc_dot(b2, u, c2);                                   \
                        a3 = vacc_dot(a3, v, c3), b3 = vacc_dot(b3, u, c3);                                   \
                    }                                                                                         \
                const vi sum[2][4] = {{a0, a1, a2, a3}, {b0, b1, b2, b3}};                                    \
                for (size_t i = 0, c = j; i < 2 && c < n; i++, c += LANES)                                    \
                    for (size_t b = 0; b < live; b++)                                                         \
                        vi_store_n(acc + (p + b) * n + c, sum[i][b], n - c < LANES ? n - c : LANES);          \
            }                                                                                                 \
        }                                                                                                     \
    }
#else
/* 8 positions x LANES columns; W loads LANES pairs of weights. */
#define DOT_POSITIONS(NAME, TYPE, LOAD)                                                                               \
    FN void NAME(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,         \
                 const TYPE *w, size_t n, int32_t *acc) {                                                             \
        for (size_t p = 0; p < positions; p += BLOCK) {                                                               \
            const size_t live = positions - p < BLOCK ? positions - p : BLOCK;                                        \
            const int16_t *x0 = x + base[p], *x1 = x + base[p + 1], *x2 = x + base[p + 2], *x3 = x + base[p + 3];     \
            const int16_t *x4 = x + base[p + 4], *x5 = x + base[p + 5], *x6 = x + base[p + 6], *x7 = x + base[p + 7]; \
            for (size_t j = 0; j < n; j += LANES) {                                                                   \
                vacc a0 = vacc_zero(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;                 \
                const TYPE *row = w + 2 * j;                                                                          \
                for (size_t q = 0; q < pairs; q++, row += 2 * n) {                                                    \
                    const vi v = LOAD(row);                                                                           \
                    const uint32_t o = off[q];                                                                        \
                    a0 = vacc_dot(a0, v, vi_pair(x0 + o)), a1 = vacc_dot(a1, v, vi_pair(x1 + o));                     \
                    a2 = vacc_dot(a2, v, vi_pair(x2 + o)), a3 = vacc_dot(a3, v, vi_pair(x3 + o));                     \
                    a4 = vacc_dot(a4, v, vi_pair(x4 + o)), a5 = vacc_dot(a5, v, vi_pair(x5 + o));                     \
                    a6 = vacc_dot(a6, v, vi_pair(x6 + o)), a7 = vacc_dot(a7, v, vi_pair(x7 + o));                     \
                }                                                                                                     \
                const vi sum[BLOCK] = {vacc_sum(a0), vacc_sum(a1), vacc_sum(a2), vacc_sum(a3),                        \
                                       vacc_sum(a4), vacc_sum(a5), vacc_sum(a6), vacc_sum(a7)};                       \
                const size_t columns = n - j < LANES ? n - j : LANES;                                                 \
                for (size_t b = 0; b < live; b++) vi_store_n(acc + (p + b) * n + j, sum[b], columns);                 \
            }                                                                                                         \
        }                                                                                                             \
    }
#endif
DOT_POSITIONS(body_dot_positions, int16_t, vi_load)
DOT_POSITIONS(body_dot_positions_u8, uint8_t, vi_load_u8)

/* One position x up to 8 vectors of columns. */
#define DOT_COLUMNS(NAME, TYPE, LOAD)                                                                          \
    FN void NAME(const int16_t *x, const uint32_t *off, size_t pairs, const TYPE *w, size_t n, int32_t *acc) { \
        size_t j = 0;                                                                                          \
        for (; j + 4 * LANES < n; j += 8 * LANES) {                                                            \
            vacc a0 = vacc_zero(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;              \
            const TYPE *row = w + 2 * j;                                                                       \
            for (size_t q = 0; q < pairs; q++, row += 2 * n) {                                                 \
                const vi v = vi_pair(x + off[q]);                                                              \
                a0 = vacc_dot(a0, LOAD(row), v), a1 = vacc_dot(a1, LOAD(row + 2 * LANES), v);                  \
                a2 = vacc_dot(a2, LOAD(row + 4 * LANES), v), a3 = vacc_dot(a3, LOAD(row + 6 * LANES), v);      \
                a4 = vacc_dot(a4, LOAD(row + 8 * LANES), v), a5 = vacc_dot(a5, LOAD(row + 10 * LANES), v);     \
                a6 = vacc_dot(a6, LOAD(row + 12 * LANES), v), a7 = vacc_dot(a7, LOAD(row + 14 * LANES), v);    \
            }                                                                                                  \
            const vi sum[BLOCK] = {vacc_sum(a0), vacc_sum(a1), vacc_sum(a2), vacc_sum(a3),                     \
                                   vacc_sum(a4), vacc_sum(a5), vacc_sum(a6), vacc_sum(a7)};                    \
            for (size_t b = 0, c = j; b < BLOCK && c < n; b++, c += LANES)                                     \
                vi_store_n(acc + c, sum[b], n - c < LANES ? n - c : LANES);                                    \
        }                                                                                                      \
        for (; j < n; j += 2 * LANES) {                                                                        \
            vacc a0 = vacc_zero(), a1 = a0, b0 = a0, b1 = a0;                                                  \
            const TYPE *row = w + 2 * j;                                                                       \
            size_t q = 0;                                                                                      \
            for (; q + 2 <= pairs; q += 2, row += 4 * n) {                                                     \
                const vi v = vi_pair(x + off[q]), u = vi_pair(x + off[q + 1]);                                 \
                a0 = vacc_dot(a0, LOAD(row), v), a1 = vacc_dot(a1, LOAD(row + 2 * LANES), v);                  \
                b0 = vacc_dot(b0, LOAD(row + 2 * n), u), b1 = vacc_dot(b1, LOAD(row + 2 * n + 2 * LANES), u);  \
            }                                                                                                  \
            if (q < pairs) {                                                                                   \
                const vi v = vi_pair(x + off[q]);                                                              \
                a0 = vacc_dot(a0, LOAD(row), v), a1 = vacc_dot(a1, LOAD(row + 2 * LANES), v);                  \
            }                                                                                                  \
            vi_store_n(acc + j, vi_add(vacc_sum(a0), vacc_sum(b0)), n - j < LANES ? n - j : LANES);            \
            if (j + LANES < n)                                                                                 \
                vi_store_n(acc + j + LANES, vi_add(vacc_sum(a1), vacc_sum(b1)),                                \
                           n - j - LANES < LANES ? n - j - LANES : LANES);                                     \
        }                                                                                                      \
    }
DOT_COLUMNS(body_dot_columns, int16_t, vi_load)
DOT_COLUMNS(body_dot_columns_u8, uint8_t, vi_load_u8)

/* One channel and stride 1 show in the first two positions. */
FN int side_by_side(const uint32_t *base) { return base[1] == base[0] + 1; }

FN void body_dot(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,
                 const int16_t *w, size_t n, int32_t *acc) {
    if (positions > 1 && few(n, pairs) && side_by_side(base))
        few_dot(x, base, positions, off, pairs, w, n, acc);
    else if (positions > 1)
        body_dot_positions(x, base, positions, off, pairs, w, n, acc);
    else
        body_dot_columns(x + base[0], off, pairs, w, n, acc);
}

FN void body_dot_u8(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,
                    const uint8_t *w, size_t n, int32_t *acc) {
    if (positions > 1 && few(n, pairs) && side_by_side(base))
        few_dot_u8(x, base, positions, off, pairs, w, n, acc);
    else if (positions > 1)
        body_dot_positions_u8(x, base, positions, off, pairs, w, n, acc);
    else
        body_dot_columns_u8(x + base[0], off, pairs, w, n, acc);
}

/* Groups of channels: depthwise columns (one channel each) take inputs that lie side by side. */
#define DOT_GROUPED(NAME, TYPE)                                                                                \
    FN void NAME(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,  \
                 const TYPE *w, size_t n, const uint32_t *shift, int32_t *acc) {                               \
        const int depthwise = n > 1 && shift[1] == 1;                                                          \
        for (size_t p = 0; p < positions; p++, acc += n) {                                                     \
            memset(acc, 0, n * sizeof *acc);                                                                   \
            const TYPE *row = w;                                                                               \
            for (size_t q = 0; q < pairs; q++, row += 2 * n) {                                                 \
                const int16_t *at = x + base[p] + off[q];                                                      \
                if (depthwise) /* one row a pair: its partner's weight is zero */                              \
                    for (size_t j = 0; j < n; j++) acc[j] += at[j] * row[2 * j];                               \
                else                                                                                           \
                    for (size_t j = 0; j < n; j++) {                                                           \
                        const int16_t *in = at + shift[j];                                                     \
                        acc[j] += in[0] * row[2 * j] + in[1] * row[2 * j + 1];                                 \
                    }                                                                                          \
            }                                                                                                  \
        }                                                                                                      \
    }
DOT_GROUPED(body_grouped, int16_t)
DOT_GROUPED(body_grouped_u8, uint8_t)
#endif

FN vi body_load_s(const void *s, size_t e, int wide) {
    return wide ? vi_load((const int32_t *)s + e) : vi_load_i16((const int16_t *)s + e);
}

FN vi body_adc(const conversion *c, size_t e, size_t j, int noise, int errors) {
    vf u = vf_from(vi_load(c->acc + e));
    if (noise) {
        const vf variance = vf_mul(vf_from(vi_load(c->acc2 + e)), vf_load(c->vscale + j));
        u = vf_add(u, vf_mul(vf_sqrt(variance), vf_normal(c->normal, vi_load(c->word + e))));
    }
    u = vf_div(u, vf_set1(c->adc_lsb));
    if (errors) u = vf_add(vf_mul(u, vf_load(c->adc_gain + j)), vf_load(c->adc_offset + j));
    return vf_round(vf_min(vf_max(u, vf_set1(c->lo)), vf_set1(c->hi)));
}

FN void body_store_s(void *s, size_t e, int wide, vi v) {
    if (wide)
        vi_store((int32_t *)s + e, v);
    else
        vi_store_i16((int16_t *)s + e, v);
}

/* s[e], ... = or += the codes of a vector; of outputs that there are: what follows may be done already. */
FN void body_put(const conversion *c, size_t e, int wide, vi adc) {
    const vi sum = c->first ? adc : vi_add(adc, body_load_s(c->s, e, wide));
    if (c->count - e >= LANES) {
        body_store_s(c->s, e, wide, sum);
    } else {
        const size_t size = wide ? sizeof(int32_t) : sizeof(int16_t);
        int32_t last[LANES];
        body_store_s(last, 0, wide, sum);
        memcpy((char *)c->s + e * size, last, (c->count - e) * size);
    }
}

FN void body_convert_as(const conversion *given, int noise, int wide, int errors) {
    const conversion here = *given, *c = &here; /* which no store can change: constants stay in registers */
    const size_t n = c->n, advance = LANES % n;
    for (size_t e = 0, j = 0; e < c->count; e += LANES) {
        body_put(c, e, wide, body_adc(c, e, j, noise, errors));
        j += advance;
        if (j >= n) j -= n;
    }
}

#include "quick.h"

FN void body_convert(const conversion *c) {
    if (quick_convert(c)) return;
    if (c->adc_gain)
        body_convert_as(c, c->acc2 != NULL, c->wide, 1);
    else if (c->wide)
        body_convert_as(c, c->acc2 != NULL, 1, 0);
    else if (c->acc2)
        body_convert_as(c, 1, 0, 0);
    else
        body_convert_as(c, 0, 0, 0);
}
