/* Five to eight columns with AVX-512: eight positions that lie side by side in the input (one channel, stride 1) share
 * their vectors, output e of the eight times n in lane e. Else most lanes would stand idle. */
#if LANES == 16
#define FEW_ROWS 32 /* rows of weights that are spread over lanes on the stack */

static inline int few(size_t n, size_t rows) { return n >= 5 && n <= 8 && rows <= FEW_ROWS; }

/* Position and column of each lane. */
FN void few_lanes(size_t n, int32_t *position, int32_t *column) {
    memset(position, 0, 64 * sizeof *position);
    memset(column, 0, 64 * sizeof *column);
    for (size_t p = 0, e = 0; p < 8; p++)
        for (size_t j = 0; j < n; j++, e++) position[e] = (int32_t)p, column[e] = (int32_t)j;
}

FN vi few_codes(const int16_t *x) {
    return _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)x));
}
FN vf few_inputs(const float *x) { return _mm512_castps256_ps512(_mm256_loadu_ps(x)); }

/* How many positions from p on lie side by side, eight at most. */
FN size_t few_run(const uint32_t *base, size_t p, size_t positions) {
    size_t count = p < positions ? 1 : 0;
    while (count < 8 && p + count < positions && base[p + count] == base[p] + count) count++;
    return count;
}

/* w: pairs of weights, a row of them four vectors, of which `parts` are used. Two times eight positions together. */
FN void few_products(const int parts, const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off,
                     size_t pairs, const vi *w, const int32_t *position, size_t n, int32_t *acc) {
    vi from[4];
    for (int i = 0; i < parts; i++) { /* which of the inputs: those of a position are its own and the next */
        const vi at = vi_load(position + 16 * i);
        from[i] = _mm512_or_si512(at, vi_shift16(vi_add(at, _mm512_set1_epi32(1))));
    }
    for (size_t p = 0, next; p < positions; p = next) {
        const size_t first = few_run(base, p, positions), second = few_run(base, p + first, positions);
        const int16_t *in = x + base[p], *other = x + base[p + first < positions ? p + first : p];
        vacc sum[8];
        for (int i = 0; i < 2 * parts; i++) sum[i] = vacc_zero();
        for (size_t q = 0; q < pairs; q++) {
            const vi a = few_codes(in + off[q]), b = few_codes(other + off[q]);
            for (int i = 0; i < parts; i++) {
                const vi v = w[4 * q + (size_t)i];
                sum[i] = vacc_dot(sum[i], v, _mm512_permutexvar_epi16(from[i], a));
                sum[parts + i] = vacc_dot(sum[parts + i], v, _mm512_permutexvar_epi16(from[i], b));
            }
        }
        for (size_t i = 0, left = first * n; left; i++, left -= left < 16 ? left : 16)
            vi_store_n(acc + p * n + 16 * i, vacc_sum(sum[i]), left < 16 ? left : 16);
        next = p + first + second;
        for (size_t i = 0, left = second * n; left; i++, left -= left < 16 ? left : 16)
            vi_store_n(acc + (p + first) * n + 16 * i, vacc_sum(sum[(size_t)parts + i]), left < 16 ? left : 16);
    }
}

#define FEW_DOT(NAME, TYPE, LOAD)                                                                                 \
    FN void NAME(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,     \
                 const TYPE *w, size_t n, int32_t *acc) {                                                         \
        int32_t position[64], column[64];                                                                         \
        vi spread[4 * FEW_ROWS];                                                                                  \
        few_lanes(n, position, column);                                                                           \
        for (size_t q = 0; q < pairs; q++)                                                                        \
            for (size_t i = 0; 2 * i < n; i++)                                                                    \
                spread[4 * q + i] = _mm512_permutexvar_epi32(vi_load(column + 16 * i), LOAD(w + 2 * q * n));      \
        if (n <= 6)                                                                                          \
            few_products(3, x, base, positions, off, pairs, spread, position, n, acc);                            \
        else                                                                                                      \
            few_products(4, x, base, positions, off, pairs, spread, position, n, acc);                            \
    }
FEW_DOT(few_dot, int16_t, vi_load)
FEW_DOT(few_dot_u8, uint8_t, vi_load_u8)

FN void few_sums(const int parts, const float *x, const stretch *runs, size_t run_count, const uint32_t *at,
                 size_t rows, const vf *value, const int32_t *position, size_t n, float *y) {
    vi from[4];
    for (int i = 0; i < parts; i++) from[i] = vi_load(position + 16 * i);
    for (size_t r = 0; r < run_count; r++)
        for (size_t p = 0; p < runs[r].count; p += 16) {
            const size_t live = runs[r].count - p, first = live < 8 ? live : 8, second = (live < 16 ? live : 16) - first;
            const float *in = x + runs[r].from + p;
            float *to = y + runs[r].to + p * n;
            vf sum[8];
            for (int i = 0; i < 2 * parts; i++) sum[i] = vf_set1(0.0f);
            for (size_t k = 0; k < rows; k++) {
                const vf a = few_inputs(in + at[k]), b = few_inputs(in + at[k] + 8);
                for (int i = 0; i < parts; i++) {
                    const vf v = value[4 * k + (size_t)i];
                    sum[i] = vf_add(sum[i], vf_mul(v, _mm512_permutexvar_ps(from[i], a)));
                    sum[parts + i] = vf_add(sum[parts + i], vf_mul(v, _mm512_permutexvar_ps(from[i], b)));
                }
            }
            for (size_t i = 0, left = first * n; left; i++, left -= left < 16 ? left : 16)
                vf_add_n(to + 16 * i, sum[i], left < 16 ? left : 16);
            for (size_t i = 0, left = second * n; left; i++, left -= left < 16 ? left : 16)
                vf_add_n(to + 8 * n + 16 * i, sum[(size_t)parts + i], left < 16 ? left : 16);
        }
}

FN void few_dense(const float *x, const stretch *runs, size_t run_count, const uint32_t *at, size_t rows,
                  const float *value, size_t n, size_t pitch, float *y) {
    int32_t position[64], column[64];
    vf spread[4 * FEW_ROWS];
    few_lanes(n, position, column);
    for (size_t k = 0; k < rows; k++)
        for (size_t i = 0; 2 * i < n; i++)
            spread[4 * k + i] = _mm512_permutexvar_ps(vi_load(column + 16 * i), vf_load(value + k * pitch));
    if (n <= 6)
        few_sums(3, x, runs, run_count, at, rows, spread, position, n, y);
    else
        few_sums(4, x, runs, run_count, at, rows, spread, position, n, y);
}
#else
static inline int few(size_t n, size_t rows) { return (void)n, (void)rows, 0; }
#define few_dot(x, base, positions, off, pairs, w, n, acc) (void)0
#define few_dot_u8(x, base, positions, off, pairs, w, n, acc) (void)0
#define few_dense(x, runs, run_count, at, rows, value, n, pitch, y) (void)0
#endif
