/* ADC codes of noisy outputs that a coarse draw decides, with AVX-512. Only the code of an output is kept, so a coarse
 * normal number and root do, unless the output lies nearer to a step of the ADC than they may be off: then numerics.md
 * is computed to the letter. Elsewhere look-ups and roots are no slower than this. */
#if LANES == 16
#define COARSE body_coarse

/* A parabola for each half octave, 17 nodes, through the first, the middle and the last of them. */
FN void body_coarse(const float *table, quick_normal *quick) {
    double error = 0.0;
    float largest = 0.0f;
    for (int part = 0; part < 32; part++) {
        const float *z = table + 1 + 16 * part;
        const double a = z[0], b = -3.0 * z[0] + 4.0 * z[8] - z[16], c = 2.0 * z[0] - 4.0 * z[8] + 2.0 * z[16];
        const int at = (part + 2 * (8 + 127)) % 32;
        quick->c[0][at] = (float)(a - 2.0 * b + 4.0 * c);
        quick->c[1][at] = (float)(2.0 * b - 8.0 * c);
        quick->c[2][at] = (float)(4.0 * c);
        for (int i = 0; i <= 16; i++) {
            const double x = i / 16.0, off = a + x * (b + x * c) - z[i], bend = c / 1024.0; /* between two nodes */
            const double most = (off < 0.0 ? -off : off) + (bend < 0.0 ? -bend : bend);
            if (most > error || most != most) error = most; /* once NaN, always */
        }
    }
    for (int i = 0; i < 514; i++)
        largest = table[i] > largest ? table[i] : -table[i] > largest ? -table[i] : largest;
    quick->error = (float)error + 1e-5f;
    quick->largest = largest;
}

FN vf vf_parabola(const quick_normal *quick, vi bits) {
    const vi at = _mm512_srli_epi32(bits, 22); /* two halves of 16 octaves: five bits */
    const vf t = _mm512_castsi512_ps(_mm512_ternarylogic_epi32(bits, _mm512_set1_epi32(0x3FFFFF),
                                                               _mm512_set1_epi32(0x3F800000), 0xEA)); /* (a & b) | c */
    const vf c0 = _mm512_permutex2var_ps(vf_load(quick->c[0]), at, vf_load(quick->c[0] + 16));
    const vf c1 = _mm512_permutex2var_ps(vf_load(quick->c[1]), at, vf_load(quick->c[1] + 16));
    const vf c2 = _mm512_permutex2var_ps(vf_load(quick->c[2]), at, vf_load(quick->c[2] + 16));
    return _mm512_fmadd_ps(_mm512_fmadd_ps(c2, t, c1), t, c0);
}

/* The codes of sixteen outputs from e on, of columns from j on. 0: not certain. */
FN int vi_quick(const conversion *c, size_t e, size_t j, vi *adc) {
    const float per = 1.0f / c->adc_lsb; /* beside rounding, the root is off by 2^-14 */
    const float margin = (c->quick->error + c->quick->largest * 0x1p-13f) * per;
    const float half = 0.5f - (c->hi + 2.0f) * 0x1p-20f;
    const vi word = vi_load(c->word + e);
    const vi r = _mm512_srli_epi32(_mm512_and_si512(word, _mm512_set1_epi32(INT32_MAX)), 7);
    vf z = vf_parabola(c->quick, _mm512_castps_si512(_mm512_cvtepi32_ps(r)));
    z = _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(_mm512_castps_si512(z), word, _mm512_set1_epi32(INT32_MIN), 0x78)); /* z ^ sign */
    const vf variance = vf_mul(vf_from(vi_load(c->acc2 + e)), vf_load(c->vscale + j));
    const vf sigma = vf_mul(variance, _mm512_rsqrt14_ps(vf_max(variance, vf_set1(0x1p-100f))));
    const vf u = vf_mul(_mm512_fmadd_ps(sigma, z, vf_from(vi_load(c->acc + e))), vf_set1(per));
    const vf inside = vf_min(vf_max(u, vf_set1(c->lo)), vf_set1(c->hi));
    *adc = vf_round(inside);
    const vf off = _mm512_abs_ps(vf_sub(inside, vf_from(*adc)));
    const __mmask16 far = _mm512_cmp_ps_mask(_mm512_fmadd_ps(sigma, vf_set1(margin), off), vf_set1(half), _CMP_LT_OQ);
    return _mm512_mask_cmpge_epi32_mask(far, r, _mm512_set1_epi32(256)) == 0xFFFF && c->adc_lsb > 1e-6f;
}
#else
#define COARSE NULL
#define vi_quick(c, e, j, adc) 0
#endif
