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

/* `WIDE` vectors of sums side by side, because an addition must wait for the one before. Without entries: -0, which
 * changes nothing that it is added to. */
#define SPARSE(WIDE)                                                                                \
    FN void body_sparse_##WIDE(const float *x, const uint32_t *at, const uint16_t *row, const float *value, \
                               size_t entries, float *out) {                                        \
        vf sum[WIDE];                                                                               \
        for (size_t b = 0; b < WIDE; b++) sum[b] = vf_set1(entries ? 0.0f : -0.0f);                 \
        for (size_t i = 0; i < entries; i++) {                                                      \
            const vf v = vf_set1(value[i]);                                                         \
            const float *in = x + at[row[i]];                                                       \
            for (size_t b = 0; b < WIDE; b++) sum[b] = vf_add(sum[b], vf_mul(v, vf_load(in + b * LANES))); \
        }                                                                                           \
        for (size_t b = 0; b < WIDE; b++) vf_store(out + b * LANES, sum[b]);                        \
    }
SPARSE(4)
#if !SMALL
SPARSE(8)
SPARSE(2)
#endif

FN void body_sparse(const float *x, size_t count, const uint32_t *at, const uint16_t *row, const float *value,
                    size_t entries, float *out) {
    size_t f = 0;
#if SMALL
    for (; f < count; f += 4) body_sparse_4(x + f, at, row, value, entries, out + f);
#else
    for (; f + 6 * LANES < count; f += 8 * LANES) body_sparse_8(x + f, at, row, value, entries, out + f);
    for (; f + 2 * LANES < count; f += 4 * LANES) body_sparse_4(x + f, at, row, value, entries, out + f);
    for (; f < count; f += 2 * LANES) body_sparse_2(x + f, at, row, value, entries, out + f);
#endif
}

FN void body_planes(const int16_t *code, size_t count, size_t c, float lsb, float *out) {
    size_t done = 0; /* channels of all positions but the last few */
#if QUAD
    const v4 step = v4_set1(lsb);
    for (; c > 1 && done + 4 <= c; done += 4)
        for (size_t i = 0; i + 4 <= count; i += 4) {
            v4 r[4];
            for (size_t b = 0; b < 4; b++) r[b] = v4_mul(v4_codes(code + (i + b) * c + done), step);
            v4_transpose(r);
            for (size_t b = 0; b < 4; b++) v4_store(out + (done + b) * count + i, r[b]);
        }
#endif
    for (size_t i = 0; c == 1 && i < count; i += LANES)
        vf_store(out + i, vf_mul(vf_from(vi_load_i16(code + i)), vf_set1(lsb)));
    for (size_t j = 0; c > 1 && j < c; j++)
        for (size_t i = j < done ? count & ~(size_t)3 : 0; i < count; i++)
            out[j * count + i] = (float)code[i * c + j] * lsb;
}

FN void body_add(float *y, size_t count, size_t n, const float *x, size_t pitch, size_t step) {
    size_t done = 0; /* columns of all positions but the last few */
#if QUAD
    for (; step == 1 && done + 4 <= n; done += 4)
        for (size_t p = 0; p + 4 <= count; p += 4) {
            v4 r[4];
            for (size_t b = 0; b < 4; b++) r[b] = v4_load(x + (done + b) * pitch + p);
            v4_transpose(r);
            for (size_t b = 0; b < 4; b++) {
                float *to = y + (p + b) * n + done;
                v4_store(to, v4_add(v4_load(to), r[b]));
            }
        }
#endif
    for (size_t p = 0; p < count; p++)
        for (size_t j = p < (count & ~(size_t)3) ? done : 0; j < n; j++) y[p * n + j] += x[j * pitch + p * step];
}

/* Eight positions by one vector of columns. */
FN void body_dense_run(const float *x, size_t count, size_t step, const uint32_t *at, size_t rows, const float *value,
                       size_t n, size_t pitch, float *y) {
    for (size_t p = 0; p < count; p += BLOCK)
        for (size_t j = 0; j < n; j += LANES) {
            const size_t live = count - p < BLOCK ? count - p : BLOCK, columns = n - j < LANES ? n - j : LANES;
            const float *in[BLOCK];
            vf sum[BLOCK];
            for (size_t b = 0; b < BLOCK; b++) in[b] = x + (p + (b < live ? b : 0)) * step, sum[b] = vf_set1(0.0f);
            for (size_t k = 0; k < rows; k++) {
                const vf v = vf_load(value + k * pitch + j);
                for (size_t b = 0; b < BLOCK; b++) sum[b] = vf_add(sum[b], vf_mul(v, vf_set1(in[b][at[k]])));
            }
            for (size_t b = 0; b < live; b++) vf_add_n(y + (p + b) * n + j, sum[b], columns);
        }
}

FN void body_dense(const float *x, const stretch *runs, size_t run_count, size_t step, const uint32_t *at, size_t rows,
                   const float *value, size_t n, size_t pitch, float *y) {
    if (step == 1 && few(n, rows)) {
        few_dense(x, runs, run_count, at, rows, value, n, pitch, y);
        return;
    }
    for (size_t r = 0; r < run_count; r++)
        body_dense_run(x + runs[r].from, runs[r].count, step, at, rows, value, n, pitch, y + runs[r].to);
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
