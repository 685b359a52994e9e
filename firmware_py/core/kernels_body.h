/* The inner loops in terms of the vector operations of one vec_*.h, which is included before; KERNELS names the table.
 * Kept to integer arithmetic and single IEEE operations in the order of numerics.md, so that all instruction sets agree. */

#define BLOCK 8 /* positions, or vectors of columns, that are accumulated together */

/* What all blocks of a stream share: words 1 to 3 of the counter do not change, so half of the first two rounds is scalar. */
typedef struct schedule {
    vq first[2], second[2]; /* what the first two rounds add */
    vq word3;               /* word 3 after the second round */
    vq key[8][2];           /* rounds 3 to 10 */
} schedule;

FN schedule body_schedule(const stream *st) {
    schedule s;
    uint32_t k0 = st->key[0], k1 = st->key[1];
    const uint64_t p1 = (uint64_t)st->c2 * 0xCD9E8D57u;
    const uint64_t p0 = (uint64_t)((uint32_t)(p1 >> 32) ^ st->c1 ^ k0) * 0xD2511F53u; /* second round's product of word 0 */
    s.first[0] = vq_set1(st->c3), s.first[1] = vq_set1(k1);
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    s.second[0] = vq_set1((uint32_t)p1 ^ k0), s.second[1] = vq_set1((p0 >> 32) ^ k1);
    s.word3 = vq_set1((uint32_t)p0);
    for (int round = 0; round < 8; round++) {
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
        s.key[round][0] = vq_set1(k0), s.key[round][1] = vq_set1(k1);
    }
    return s;
}

#define GROUPS 3 /* of QLANES blocks, drawn side by side: a round must wait for the one before, so one group leaves units idle */
#define DRAWN (4 * QLANES / LANES) /* vectors of words in one group */

/* Ten rounds; the first block of each group in its counter's first lane. High halves hold rubbish that no operation looks at. */
FN void body_philox(const schedule *s, vq counter, const int groups, vi *out) {
    const vq m0 = vq_set1(0xD2511F53u), m1 = vq_set1(0xCD9E8D57u), one = vq_set1(QLANES);
    vq c0[GROUPS], c1[GROUPS], c2[GROUPS], c3[GROUPS];
    for (int g = 0; g < groups; g++) {
        const vq p = vq_mul(counter, m0), q = vq_mul(vq_xor3(vq_high(p), s->first[0], s->first[1]), m1);
        c0[g] = vq_xor(vq_high(q), s->second[0]), c1[g] = q, c2[g] = vq_xor(p, s->second[1]), c3[g] = s->word3;
        counter = vq_add(counter, one);
    }
    for (int round = 0; round < 8; round++)
        for (int g = 0; g < groups; g++) {
            const vq p = vq_mul(c0[g], m0), q = vq_mul(c2[g], m1);
            c0[g] = vq_xor3(vq_high(q), c1[g], s->key[round][0]), c1[g] = q;
            c2[g] = vq_xor3(vq_high(p), c3[g], s->key[round][1]), c3[g] = p;
        }
    for (int g = 0; g < groups; g++) vq_words(c0[g], c1[g], c2[g], c3[g], out + g * DRAWN);
}

FN vq body_counters(uint32_t first_block) { return vq_add(vq_set1(first_block), vq_load(QORDER)); }

FN void body_store_words(const vi *word, int groups, uint32_t *out) {
    for (int e = 0; e < groups * DRAWN; e++) vi_store((int32_t *)out + e * LANES, word[e]);
}

FN void body_words(const stream *st, uint32_t first_block, size_t blocks, uint32_t *out) {
    const schedule s = body_schedule(st);
    vi word[GROUPS * DRAWN];
    size_t i = 0;
    for (; i + (GROUPS - 1) * QLANES < blocks; i += GROUPS * QLANES) {
        body_philox(&s, body_counters(first_block + (uint32_t)i), GROUPS, word);
        body_store_words(word, GROUPS, out + 4 * i);
    }
    for (; i < blocks; i += QLANES) {
        body_philox(&s, body_counters(first_block + (uint32_t)i), 1, word);
        body_store_words(word, 1, out + 4 * i);
    }
}

FN void body_store_normals(const float *table, const vi *word, int groups, float *z) {
    for (int e = 0; e < groups * DRAWN; e++) vf_store(z + e * LANES, vf_normal(table, word[e]));
}

FN void body_normals(const stream *st, const float *table, uint32_t first_block, size_t blocks, float *z) {
    const schedule s = body_schedule(st);
    vi word[GROUPS * DRAWN];
    size_t i = 0;
    for (; i + (GROUPS - 1) * QLANES < blocks; i += GROUPS * QLANES) {
        body_philox(&s, body_counters(first_block + (uint32_t)i), GROUPS, word);
        body_store_normals(table, word, GROUPS, z + 4 * i);
    }
    for (; i < blocks; i += QLANES) {
        body_philox(&s, body_counters(first_block + (uint32_t)i), 1, word);
        body_store_normals(table, word, 1, z + 4 * i);
    }
}

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

/* 8 positions x LANES columns; W loads LANES pairs of weights. */
#define DOT_POSITIONS(NAME, TYPE, LOAD)                                                                                      \
    FN void NAME(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs, const TYPE *w, \
                 size_t n, int32_t *acc) {                                                                                   \
        for (size_t p = 0; p < positions; p += BLOCK) {                                                                      \
            const size_t live = positions - p < BLOCK ? positions - p : BLOCK;                                               \
            const int16_t *x0 = x + base[p], *x1 = x + base[p + 1], *x2 = x + base[p + 2], *x3 = x + base[p + 3];            \
            const int16_t *x4 = x + base[p + 4], *x5 = x + base[p + 5], *x6 = x + base[p + 6], *x7 = x + base[p + 7];        \
            for (size_t j = 0; j < n; j += LANES) {                                                                          \
                vacc a0 = vacc_zero(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;                        \
                const TYPE *row = w + 2 * j;                                                                                 \
                for (size_t q = 0; q < pairs; q++, row += 2 * n) {                                                           \
                    const vi v = LOAD(row);                                                                                  \
                    const uint32_t o = off[q];                                                                               \
                    a0 = vacc_dot(a0, v, vi_pair(x0 + o)), a1 = vacc_dot(a1, v, vi_pair(x1 + o));                            \
                    a2 = vacc_dot(a2, v, vi_pair(x2 + o)), a3 = vacc_dot(a3, v, vi_pair(x3 + o));                            \
                    a4 = vacc_dot(a4, v, vi_pair(x4 + o)), a5 = vacc_dot(a5, v, vi_pair(x5 + o));                            \
                    a6 = vacc_dot(a6, v, vi_pair(x6 + o)), a7 = vacc_dot(a7, v, vi_pair(x7 + o));                            \
                }                                                                                                            \
                const vi sum[BLOCK] = {vacc_sum(a0), vacc_sum(a1), vacc_sum(a2), vacc_sum(a3),                               \
                                       vacc_sum(a4), vacc_sum(a5), vacc_sum(a6), vacc_sum(a7)};                              \
                const size_t columns = n - j < LANES ? n - j : LANES;                                                        \
                for (size_t b = 0; b < live; b++) vi_store_n(acc + (p + b) * n + j, sum[b], columns);                        \
            }                                                                                                                \
        }                                                                                                                    \
    }
DOT_POSITIONS(body_dot_positions, int16_t, vi_load)
DOT_POSITIONS(body_dot_positions_u8, uint8_t, vi_load_u8)

/* One position x up to 8 vectors of columns, over the pairs that are not zero (after a relu, many are). */
#define DOT_COLUMNS(NAME, TYPE, LOAD)                                                                                       \
    FN void NAME(const int16_t *x, const uint32_t *off, size_t pairs, const TYPE *w, size_t n, int32_t *acc) {              \
        size_t j = 0;                                                                                                        \
        for (; j + 4 * LANES < n; j += 8 * LANES) {                                                                          \
            vacc a0 = vacc_zero(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;                            \
            const TYPE *row = w + 2 * j;                                                                                     \
            for (size_t q = 0; q < pairs; q++, row += 2 * n) {                                                               \
                const vi v = vi_pair(x + off[q]);                                                                            \
                a0 = vacc_dot(a0, LOAD(row), v), a1 = vacc_dot(a1, LOAD(row + 2 * LANES), v);                                \
                a2 = vacc_dot(a2, LOAD(row + 4 * LANES), v), a3 = vacc_dot(a3, LOAD(row + 6 * LANES), v);                    \
                a4 = vacc_dot(a4, LOAD(row + 8 * LANES), v), a5 = vacc_dot(a5, LOAD(row + 10 * LANES), v);                   \
                a6 = vacc_dot(a6, LOAD(row + 12 * LANES), v), a7 = vacc_dot(a7, LOAD(row + 14 * LANES), v);                  \
            }                                                                                                                \
            const vi sum[BLOCK] = {vacc_sum(a0), vacc_sum(a1), vacc_sum(a2), vacc_sum(a3),                                   \
                                   vacc_sum(a4), vacc_sum(a5), vacc_sum(a6), vacc_sum(a7)};                                  \
            for (size_t b = 0, c = j; b < BLOCK && c < n; b++, c += LANES)                                                   \
                vi_store_n(acc + c, sum[b], n - c < LANES ? n - c : LANES);                                                  \
        }                                                                                                                    \
        for (; j < n; j += 2 * LANES) {                                                                                      \
            vacc a0 = vacc_zero(), a1 = a0, b0 = a0, b1 = a0;                                                                \
            const TYPE *row = w + 2 * j;                                                                                     \
            size_t q = 0;                                                                                                    \
            for (; q + 2 <= pairs; q += 2, row += 4 * n) {                                                                   \
                const vi v = vi_pair(x + off[q]), u = vi_pair(x + off[q + 1]);                                               \
                a0 = vacc_dot(a0, LOAD(row), v), a1 = vacc_dot(a1, LOAD(row + 2 * LANES), v);                                \
                b0 = vacc_dot(b0, LOAD(row + 2 * n), u), b1 = vacc_dot(b1, LOAD(row + 2 * n + 2 * LANES), u);                \
            }                                                                                                                \
            if (q < pairs) {                                                                                                 \
                const vi v = vi_pair(x + off[q]);                                                                            \
                a0 = vacc_dot(a0, LOAD(row), v), a1 = vacc_dot(a1, LOAD(row + 2 * LANES), v);                                \
            }                                                                                                                \
            vi_store_n(acc + j, vi_add(vacc_sum(a0), vacc_sum(b0)), n - j < LANES ? n - j : LANES);                          \
            if (j + LANES < n)                                                                                               \
                vi_store_n(acc + j + LANES, vi_add(vacc_sum(a1), vacc_sum(b1)),                                              \
                           n - j - LANES < LANES ? n - j - LANES : LANES);                                                   \
        }                                                                                                                    \
    }
DOT_COLUMNS(body_dot_columns, int16_t, vi_load)
DOT_COLUMNS(body_dot_columns_u8, uint8_t, vi_load_u8)

FN void body_dot(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs, const int16_t *w,
                 size_t n, int32_t *acc) {
    if (positions > 1)
        body_dot_positions(x, base, positions, off, pairs, w, n, acc);
    else
        body_dot_columns(x + base[0], off, pairs, w, n, acc);
}

FN void body_dot_u8(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,
                    const uint8_t *w, size_t n, int32_t *acc) {
    if (positions > 1)
        body_dot_positions_u8(x, base, positions, off, pairs, w, n, acc);
    else
        body_dot_columns_u8(x + base[0], off, pairs, w, n, acc);
}

FN vi body_load_s(const void *s, size_t e, int wide) {
    return wide ? vi_load((const int32_t *)s + e) : vi_load_i16((const int16_t *)s + e);
}

FN vi body_adc(const conversion *c, size_t e, size_t j, int noise) {
    vf u = vf_from(vi_load(c->acc + e));
    if (noise) {
        const vf variance = vf_mul(vf_from(vi_load(c->acc2 + e)), vf_load(c->vscale + j));
        u = vf_add(u, vf_mul(vf_sqrt(variance), vf_load(c->z + e)));
    }
    return vf_round(vf_min(vf_max(vf_div(u, vf_set1(c->adc_lsb)), vf_set1(c->lo)), vf_set1(c->hi)));
}

FN void body_store_s(void *s, size_t e, int wide, vi v) {
    if (wide)
        vi_store((int32_t *)s + e, v);
    else
        vi_store_i16((int16_t *)s + e, v);
}

FN void body_convert_as(const conversion *c, int noise, int wide) {
    const size_t n = c->n, advance = LANES % n, size = wide ? sizeof(int32_t) : sizeof(int16_t);
    size_t e = 0, j = 0;
    for (; e + LANES <= c->count; e += LANES) {
        const vi adc = body_adc(c, e, j, noise);
        body_store_s(c->s, e, wide, c->first ? adc : vi_add(adc, body_load_s(c->s, e, wide)));
        j += advance;
        if (j >= n) j -= n;
    }
    if (e < c->count) { /* what follows may be done already */
        int32_t last[LANES];
        const vi adc = body_adc(c, e, j, noise);
        body_store_s(last, 0, wide, c->first ? adc : vi_add(adc, body_load_s(c->s, e, wide)));
        memcpy((char *)c->s + e * size, last, (c->count - e) * size);
    }
}

FN void body_convert(const conversion *c) {
    if (c->wide)
        body_convert_as(c, c->acc2 != NULL, 1);
    else if (c->acc2)
        body_convert_as(c, 1, 0);
    else
        body_convert_as(c, 0, 0);
}

FN void body_digital(const void *s, int wide, size_t count, size_t n, const float *gain, const float *offset, float unit,
                     float *y) {
    const vf u = vf_set1(unit);
    const size_t advance = LANES % n;
    for (size_t e = 0, j = 0; e < count; e += LANES) {
        const vf sum = vf_mul(vf_from(body_load_s(s, e, wide)), u);
        vf_store(y + e, vf_add(vf_mul(vf_load(gain + j), sum), vf_load(offset + j)));
        j += advance;
        if (j >= n) j -= n;
    }
}

#define SPARSE_STEP(a, b, at) a = vf_add(a, vf_mul(v, vf_load(in + (at) * LANES))), b = vf_add(b, vf_mul(v, vf_load(in + (at + 1) * LANES)))

FN void body_sparse(const float *x, size_t count, const uint32_t *at, const uint16_t *row, const float *value, size_t entries,
                    float *out) {
    size_t f = 0;
    for (; f + 3 * LANES < count; f += 8 * LANES) { /* eight sums hide the latency of an addition */
        vf a0 = vf_set1(0.0f), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
        for (size_t i = 0; i < entries; i++) {
            const vf v = vf_set1(value[i]);
            const float *in = x + f + at[row[i]];
            SPARSE_STEP(a0, a1, 0), SPARSE_STEP(a2, a3, 2), SPARSE_STEP(a4, a5, 4), SPARSE_STEP(a6, a7, 6);
        }
        float *o = out + f;
        vf_store(o, a0), vf_store(o + LANES, a1), vf_store(o + 2 * LANES, a2), vf_store(o + 3 * LANES, a3);
        vf_store(o + 4 * LANES, a4), vf_store(o + 5 * LANES, a5), vf_store(o + 6 * LANES, a6), vf_store(o + 7 * LANES, a7);
    }
    for (; f < count; f += 2 * LANES) {
        vf a0 = vf_set1(0.0f), a1 = a0;
        for (size_t i = 0; i < entries; i++) {
            const vf v = vf_set1(value[i]);
            const float *in = x + f + at[row[i]];
            SPARSE_STEP(a0, a1, 0);
        }
        vf_store(out + f, a0), vf_store(out + f + LANES, a1);
    }
}

FN void body_planes(const int16_t *code, size_t count, size_t c, float lsb, float *out) {
    const vf step = vf_set1(lsb);
    if (c == 1)
        for (size_t i = 0; i < count; i += LANES) vf_store(out + i, vf_mul(vf_from(vi_load_i16(code + i)), step));
    else
        for (size_t i = 0; i < count; i++) out[i] = (float)code[i * c] * lsb;
}

FN void body_add(float *y, size_t count, const uint32_t *from, const float *x) {
    size_t e = 0;
    for (; e + LANES <= count; e += LANES) vf_store(y + e, vf_add(vf_load(y + e), vf_gather(x, from + e)));
    for (; e < count; e++) y[e] += x[from[e]];
}

FN void body_relu(const float *x, size_t count, float *y) {
    const vf zero = vf_set1(0.0f);
    for (size_t i = 0; i < count; i += LANES) vf_store(y + i, vf_max(vf_load(x + i), zero));
}

FN void body_signs(const float *y, size_t count, uint16_t *bits) {
    for (size_t i = 0; i < count; i += 16) {
        uint32_t word = 0;
        for (size_t b = 0; b < 16; b += LANES) word |= vf_positive(vf_load(y + i + b)) << b;
        bits[i / 16] = (uint16_t)word;
    }
}

FN void body_keep(float *delta, size_t count, const uint16_t *bits) {
    for (size_t i = 0; i < count; i += 16)
        for (size_t b = 0; b < 16; b += LANES) vf_store(delta + i + b, vf_keep(vf_load(delta + i + b), (uint32_t)bits[i / 16] >> b));
}

FN void body_pool(const float *x, size_t windows, size_t step, size_t c, size_t kh, size_t kw, size_t pitch, float *y) {
    for (size_t w = 0; w < windows; w++, x += step, y += c) /* in order: what is stored too far is overwritten by the next */
        for (size_t j = 0; j < c; j += LANES) {
            vf m = vf_load(x + j);
            for (size_t a = 0; a < kh; a++)
                for (size_t b = 0; b < kw; b++) m = vf_max(vf_load(x + a * pitch + b * c + j), m);
            vf_store(y + j, m);
        }
}

FN vf body_error(const float *delta, size_t i, const float *gain, size_t j) {
    return gain ? vf_mul(vf_load(delta + i), vf_load(gain + j)) : vf_load(delta + i);
}

FN float body_quantize(const float *delta, size_t count, const float *gain, size_t n, int16_t *c) {
    const size_t advance = LANES % n, whole = count - count % LANES;
    vf most = vf_set1(0.0f);
    float lane[LANES], largest = 0.0f;
    size_t j = 0;
    for (size_t i = 0; i < whole; i += LANES) {
        const vf e = body_error(delta, i, gain, j);
        most = vf_max(e, vf_max(vf_sub(vf_set1(0.0f), e), most));
        j += advance;
        if (j >= n) j -= n;
    }
    vf_store(lane, most);
    for (size_t i = 0; i < LANES; i++) largest = lane[i] > largest ? lane[i] : largest;
    for (size_t i = whole; i < count; i++) {
        const float e = gain ? delta[i] * gain[i % n] : delta[i];
        largest = e > largest ? e : -e > largest ? -e : largest;
    }
    const float scale = largest / 127.0f;
    const vf step = vf_set1(scale);
    j = 0;
    for (size_t i = 0; i < count; i += LANES) { /* past the end, any code will do */
        vi_store_i16(c + i, scale > 0.0f ? vf_round(vf_div(body_error(delta, i, gain, j), step)) : vi_zero());
        j += advance;
        if (j >= n) j -= n;
    }
    return scale;
}

FN int32_t body_correlate(const int16_t *a, const int16_t *b, size_t count) {
    vacc s = vacc_zero(), t = vacc_zero();
    for (size_t i = 0; i < count; i += 4 * LANES) {
        s = vacc_dot(s, vi_load(a + i), vi_load(b + i));
        t = vacc_dot(t, vi_load(a + i + 2 * LANES), vi_load(b + i + 2 * LANES));
    }
    return vi_sum(vi_add(vacc_sum(s), vacc_sum(t)));
}

FN void body_accumulate(const int32_t *from, size_t count, int64_t *to) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

FN void body_transposed(const int16_t *w, const int32_t *c, size_t n, int32_t out[2]) {
    vacc even = vacc_zero(), odd = even;
    for (size_t j = 0; j < n; j += LANES) {
        const vi v = vi_load(w + 2 * j);
        const vi e = vi_load(c + j);
        even = vacc_dot(even, v, e);
        odd = vacc_dot(odd, v, vi_shift16(e));
    }
    out[0] = vi_sum(vacc_sum(even)), out[1] = vi_sum(vacc_sum(odd));
}

const kernels KERNELS = {.name = KERNEL_NAME, .words = body_words, .normals = body_normals, .dac = body_dac,
                         .square = body_square, .dot = body_dot, .dot_u8 = body_dot_u8, .convert = body_convert,
                         .digital = body_digital, .planes = body_planes, .sparse = body_sparse, .add = body_add, .relu = body_relu, .signs = body_signs, .keep = body_keep, .pool = body_pool,
                         .quantize = body_quantize, .correlate = body_correlate, .accumulate = body_accumulate,
                         .transposed = body_transposed};
