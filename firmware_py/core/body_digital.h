/* Between arrays, in vectors: gain and offset, the mask, relu, max pool. */

FN void body_digital(const void *s, int wide, size_t count, size_t n, const float *gain, const float *offset,
                     float unit, float *y) {
    const vf u = vf_set1(unit);
    const size_t advance = LANES % n;
    for (size_t e = 0, j = 0; e < count; e += LANES) {
        const vf sum = vf_mul(vf_from(body_load_s(s, e, wide)), u);
        vf_store(y + e, vf_add(vf_mul(vf_load(gain + j), sum), vf_load(offset + j)));
        j += advance;
        if (j >= n) j -= n;
    }
}

#define SPARSE_STEP(a, b, at) \
    a = vf_add(a, vf_mul(v, vf_load(in + (at) * LANES))), b = vf_add(b, vf_mul(v, vf_load(in + (at + 1) * LANES)))

FN void body_sparse(const float *x, size_t count, const uint32_t *at, const uint16_t *row, const float *value,
                    size_t entries, float *out) {
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
        vf_store(o + 4 * LANES, a4), vf_store(o + 5 * LANES, a5), vf_store(o + 6 * LANES, a6),
            vf_store(o + 7 * LANES, a7);
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
        for (size_t b = 0; b < 16; b += LANES)
            vf_store(delta + i + b, vf_keep(vf_load(delta + i + b), (uint32_t)bits[i / 16] >> b));
}

FN void body_pool(const float *x, size_t windows, size_t step, size_t c, size_t kh, size_t kw, size_t pitch, float *y) {
    for (size_t w = 0; w < windows;
         w++, x += step, y += c) /* in order: what is stored too far is overwritten by the next */
        for (size_t j = 0; j < c; j += LANES) {
            vf m = vf_load(x + j);
            for (size_t a = 0; a < kh; a++)
                for (size_t b = 0; b < kw; b++) m = vf_max(vf_load(x + a * pitch + b * c + j), m);
            vf_store(y + j, m);
        }
}
