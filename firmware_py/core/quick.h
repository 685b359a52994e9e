/* ADC codes of noisy outputs that a coarse draw decides, with AVX2 and AVX-512. Only the code of an output is kept, so
 * a coarse normal number and root do, unless the output lies nearer to a step of the ADC than they may be off: then
 * numerics.md is computed to the letter. Elsewhere look-ups and roots are no slower than this. */
#if LANES >= 8
#define COARSE body_coarse
#define LEAST (1 << (24 - LANES)) /* the least r of the upper octaves: as many as there are lanes to look up */
#define NODES 32                  /* segments of the exact table in an octave */

/* The cubic in 1 <= t <= 2 that goes through four nodes of an octave, near those of least error. */
FN void quick_cubic(const float *z, double c[4]) {
    static const int node[4] = {1, 10, 22, 31};
    double d[4], at[4];
    for (int k = 0; k < 4; k++) at[k] = 1.0 + node[k] / (double)NODES, d[k] = z[node[k]], c[k] = 0.0;
    for (int k = 1; k < 4; k++) /* Newton's divided differences */
        for (int i = 3; i >= k; i--) d[i] = (d[i] - d[i - 1]) / (at[i] - at[i - k]);
    for (int k = 3; k >= 0; k--) { /* times t - at[k], plus d[k] */
        for (int i = 3; i > 0; i--) c[i] = c[i - 1] - at[k] * c[i];
        c[0] = d[k] - at[k] * c[0];
    }
}

FN double quick_abs(double x) { return x < 0.0 ? -x : x; }

FN void body_coarse(const float *table, quick_normal *quick) {
    double error = 0.0, largest = 0.0;
    for (int octave = 24 - LANES; octave < 24; octave++) {
        const float *z = table + 1 + NODES * (octave - 8);
        double c[4], terms = 0.0;
        quick_cubic(z, c);
        for (int k = 0; k < 4; k++) {
            quick->c[k][(octave + 127) % LANES] = (float)c[k]; /* 127: of an exponent as float keeps it */
            terms += quick_abs(c[k]) * (1 << k);
        }
        for (int i = 0; i <= NODES; i++) {
            const double t = 1.0 + i / (double)NODES, off = c[0] + t * (c[1] + t * (c[2] + t * c[3])) - z[i];
            const double bend = (2.0 * c[2] + 6.0 * c[3] * t) / (8.0 * NODES * NODES); /* between two nodes */
            const double most = quick_abs(off) + quick_abs(bend) + terms * 0x1p-22;    /* and rounding */
            if (most > error || most != most) error = most; /* once NaN, always */
        }
    }
    for (int i = 0; i < 514; i++) largest = quick_abs(table[i]) > largest ? quick_abs(table[i]) : largest;
    quick->error = (float)(error + largest * 0x1p-20); /* rounding of the exact ones */
}

/* The coarse number of each word, NaN where r (numerics.md, section 2) is below the octaves. */
FN vf vf_coarse(const quick_normal *quick, vi word) {
    const vi r = vi_shift_right(vi_and(word, vi_set1(INT32_MAX)), 7);
    const vi bits = vf_bits(vf_from(r)), at = vi_shift_right(bits, 23);
    const vf t = vf_of_bits(vi_or(vi_and(bits, vi_set1(0x7FFFFF)), vi_set1(0x3F800000)));
    vf z = vf_fma(vf_look_up(quick->c[3], at), t, vf_look_up(quick->c[2], at));
    z = vf_fma(vf_fma(z, t, vf_look_up(quick->c[1], at)), t, vf_look_up(quick->c[0], at));
    return vf_of_bits(vi_ones_below(vi_xor(vf_bits(z), vi_and(word, vi_set1(INT32_MIN))), r, LEAST));
}

#define QUICK 32 /* vectors of codes at once */

/* The codes of up to QUICK vectors of outputs, of columns from j on; the bits of those that are not certain. Two loops,
 * since a chain of operations as long as both would fill what a processor looks ahead. */
FN uint32_t quick_codes(const conversion *c, size_t e, size_t j, size_t count, int32_t *adc) {
    const float one = 1.0f / c->adc_lsb;
    const vf per = vf_set1(one), error = vf_set1(c->quick->error * one), root = vf_set1(ROOT_OFF * one);
    const vf half = vf_set1(0.5f - (c->hi + 2.0f) * 0x1p-20f), lo = vf_set1(c->lo), hi = vf_set1(c->hi); /* rounding */
    const size_t advance = LANES % c->n;
    float u[QUICK * LANES], margin[QUICK * LANES]; /* in steps of the ADC */
    uint32_t doubtful = 0;
    for (size_t i = 0; i < count; i += LANES) {
        const vf z = vf_coarse(c->quick, vi_load(c->word + e + i));
        const vf variance = vf_mul(vf_from(vi_load(c->acc2 + e + i)), vf_load(c->vscale + j));
        const vf sigma = vf_mul(variance, vf_coarse_inverse_root(vf_max(variance, vf_set1(0x1p-100f))));
        vf_store(u + i, vf_mul(vf_fma(sigma, z, vf_from(vi_load(c->acc + e + i))), per));
        vf_store(margin + i, vf_mul(sigma, vf_fma(vf_abs(z), root, error)));
        j += advance;
        if (j >= c->n) j -= c->n;
    }
    for (uint32_t i = 0; i * LANES < count; i++) {
        const vf inside = vf_min(vf_max(vf_load(u + i * LANES), lo), hi);
        const vi code = vf_round(inside);
        const vf off = vf_abs(vf_sub(inside, vf_from(code)));
        vi_store(adc + i * LANES, code);
        doubtful |= (uint32_t)!vf_all_less(vf_add(off, vf_load(margin + i * LANES)), half) << i;
    }
    return doubtful;
}

/* Vectors that are not certain come after the others: no processor foresees which they are. 0: nothing is done, for the
 * ADCs have errors, or are too fine for a coarse draw. */
FN int quick_convert(const conversion *given) {
    if (!given->acc2 || given->adc_gain || !(given->adc_lsb > 1e-6f)) return 0;
    const conversion here = *given, *c = &here; /* which no store can change: constants stay in registers */
    int32_t adc[QUICK * LANES];
    for (size_t e = 0, j = 0, count; e < c->count; e += count, j = (j + count) % c->n) {
        count = c->count - e < QUICK * LANES ? c->count - e : QUICK * LANES;
        for (uint32_t left = quick_codes(c, e, j, count, adc); left; left &= left - 1) {
            const size_t i = (size_t)__builtin_ctz(left) * LANES;
            vi_store(adc + i, body_adc(c, e + i, (j + i) % c->n, 1, 0));
        }
        for (size_t i = 0; c->wide && i < count; i += LANES) body_put(c, e + i, 1, vi_load(adc + i));
        for (size_t i = 0; !c->wide && i < count; i += LANES) body_put(c, e + i, 0, vi_load(adc + i));
    }
    return 1;
}
#else
#define COARSE NULL
#define quick_convert(c) 0
#endif
