/* The backward pass, in vectors: error codes, their products with codes, transposed reads (numerics.md, section 5). */

FN vf body_error(const float *delta, size_t i, const float *gain, size_t j) {
    return gain ? vf_mul(vf_load(delta + i), vf_load(gain + j)) : vf_load(delta + i);
}

FN float body_quantize(const float *delta, size_t count, const float *gain, size_t n, int16_t *c) {
    const size_t advance = LANES % n, whole = count - count % LANES;
    vf most = vf_set1(0.0f), odd = most; /* odd: NaN as soon as one error is not finite */
    float lane[LANES], largest = 0.0f, strange = 0.0f;
    size_t j = 0;
    for (size_t i = 0; i < whole; i += LANES) {
        const vf e = body_error(delta, i, gain, j);
        most = vf_max(e, vf_max(vf_sub(vf_set1(0.0f), e), most));
        odd = vf_add(odd, vf_sub(e, e));
        j += advance;
        if (j >= n) j -= n;
    }
    vf_store(lane, most);
    for (size_t i = 0; i < LANES; i++) largest = lane[i] > largest ? lane[i] : largest;
    vf_store(lane, odd);
    for (size_t i = 0; i < LANES; i++) strange += lane[i];
    for (size_t i = whole; i < count; i++) {
        const float e = gain ? delta[i] * gain[i % n] : delta[i];
        largest = e > largest ? e : -e > largest ? -e : largest;
        strange += e - e;
    }
    const float scale = strange == 0.0f ? largest / 127.0f : 0.0f;
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

FN void body_accumulate(const int32_t *from, size_t count, int wide, void *to) {
    int64_t *sums = to;
    for (size_t i = 0; wide && i < count; i++) sums[i] += from[i];
    int32_t *s = to;
    size_t i = wide ? count : 0;
    for (; i + LANES <= count; i += LANES) vi_store(s + i, vi_add(vi_load(s + i), vi_load(from + i)));
    for (; i < count; i++) s[i] += from[i];
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
