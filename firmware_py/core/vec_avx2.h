/* Eight lanes. */
#include <immintrin.h>
#include <string.h>

#define FN __attribute__((target("avx2,fma"))) static inline
#define LANES 8
#define QLANES 4
typedef __m256i vi;
typedef __m256 vf;
typedef __m256i vacc;
typedef __m256i vq;
static const uint64_t QORDER[QLANES] = {0, 2, 1,
                                        3}; /* so that vq_words, which works in 128-bit halves, comes out in order */

FN vi vi_zero(void) { return _mm256_setzero_si256(); }
FN vi vi_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
FN vi vi_load_u8(const uint8_t *p) { return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)); }
FN vi vi_load_i16(const int16_t *p) { return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)p)); }
FN void vi_store(int32_t *p, vi v) { _mm256_storeu_si256((__m256i *)p, v); }
/* By halves: a masked store is microcode on some processors. */
FN void vi_store_n(int32_t *p, vi v, size_t n) {
    if (n == 8) {
        vi_store(p, v);
        return;
    }
    __m128i rest = _mm256_castsi256_si128(v);
    if (n & 4) {
        _mm_storeu_si128((__m128i *)(void *)p, rest);
        rest = _mm256_extracti128_si256(v, 1), p += 4;
    }
    if (n & 2) {
        _mm_storel_epi64((__m128i *)(void *)p, rest);
        rest = _mm_unpackhi_epi64(rest, rest), p += 2;
    }
    const int32_t last = _mm_cvtsi128_si32(rest);
    if (n & 1) memcpy(p, &last, sizeof last); /* p may be floats */
}
FN void vi_store_i16(int16_t *p, vi v) {
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(v, v), 0x08);
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
}
FN vi vi_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm256_set1_epi32(pair);
}
FN vi vi_shift16(vi a) { return _mm256_slli_epi32(a, 16); }
FN vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
FN int32_t vi_sum(vi a) {
    __m128i h = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(h, _mm_shuffle_epi32(h, 0xB1)));
}
FN vacc vacc_zero(void) { return _mm256_setzero_si256(); }
FN vacc vacc_dot(vacc s, vi a, vi b) { return _mm256_add_epi32(s, _mm256_madd_epi16(a, b)); }
FN vi vacc_sum(vacc s) { return s; }

FN vf vf_set1(float x) { return _mm256_set1_ps(x); }
FN vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
FN void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
FN void vf_add_n(float *p, vf v, size_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i live = _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), lane);
    const vf sum = _mm256_add_ps(n == 8 ? vf_load(p) : _mm256_maskload_ps(p, live), v);
    vi_store_n((int32_t *)(void *)p, _mm256_castps_si256(sum), n);
}
FN uint32_t vf_positive(vf a) {
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ));
}
FN vf vf_keep(vf a, uint32_t bits) {
    const vi lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128),
             set = _mm256_and_si256(_mm256_set1_epi32((int32_t)bits), lane);
    return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane)));
}
FN vf vf_from(vi v) { return _mm256_cvtepi32_ps(v); }
FN vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
FN vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
FN vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
FN vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
FN vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
FN vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
FN vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
FN vi vf_round(vf a) { return _mm256_cvtps_epi32(a); }

FN vf vf_normal(const float *table, vi w) {
    const vi r = _mm256_srli_epi32(_mm256_slli_epi32(w, 1), 8), b = _mm256_castps_si256(_mm256_cvtepi32_ps(r));
    const vi tail = _mm256_cmpgt_epi32(_mm256_set1_epi32(256), r);
    vi i = _mm256_sub_epi32(_mm256_srli_epi32(b, 18), _mm256_set1_epi32((135 << 5) - 1));
    vi frac = _mm256_and_si256(b, _mm256_set1_epi32(0x3FFFF));
    i = _mm256_andnot_si256(tail, i);
    frac = _mm256_blendv_epi8(frac, _mm256_slli_epi32(r, 10), tail);
    /* both neighbours of a node in one 64-bit load; indices 0 1 4 5 and 2 3 6 7, so that the shuffles come out in order
     */
    i = _mm256_permute4x64_epi64(i, 0xD8);
    const __m256 z0 =
        _mm256_castpd_ps(_mm256_i32gather_pd((const double *)(const void *)table, _mm256_castsi256_si128(i), 4));
    const __m256 z1 =
        _mm256_castpd_ps(_mm256_i32gather_pd((const double *)(const void *)table, _mm256_extracti128_si256(i, 1), 4));
    const vf low = _mm256_shuffle_ps(z0, z1, 0x88), high = _mm256_shuffle_ps(z0, z1, 0xDD);
    const vf z = vf_add(low, vf_mul(vf_sub(high, low), vf_mul(_mm256_cvtepi32_ps(frac), _mm256_set1_ps(0x1p-18f))));
    return _mm256_xor_ps(z, _mm256_castsi256_ps(_mm256_and_si256(w, _mm256_set1_epi32(INT32_MIN))));
}

/* What a coarse draw is made of (quick.h). */
#define ROOT_OFF 0x1p-11f /* how far the inverse root is off at most, relative; 1.5 * 2^-12, as documented */
FN vi vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
FN vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
FN vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
FN vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
FN vi vi_shift_right(vi a, int bits) { return _mm256_srli_epi32(a, bits); }
FN vi vi_ones_below(vi a, vi r, int32_t least) { return vi_or(a, _mm256_cmpgt_epi32(vi_set1(least), r)); }
FN vi vf_bits(vf a) { return _mm256_castps_si256(a); }
FN vf vf_of_bits(vi a) { return _mm256_castsi256_ps(a); }
FN vf vf_abs(vf a) { return vf_of_bits(vi_and(vf_bits(a), vi_set1(INT32_MAX))); }
FN vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
FN vf vf_coarse_inverse_root(vf a) { return _mm256_rsqrt_ps(a); }
FN vf vf_look_up(const float *c, vi at) { return _mm256_permutevar8x32_ps(vf_load(c), at); } /* by the low bits */
FN int vf_all_less(vf a, vf b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) == 0xFF; }

FN vq vq_set1(uint64_t x) { return _mm256_set1_epi64x((int64_t)x); }
FN vq vq_load(const uint64_t *p) { return vi_load(p); }
FN vq vq_add(vq a, vq b) { return _mm256_add_epi64(a, b); }
FN vq vq_mul(vq a, vq b) { return _mm256_mul_epu32(a, b); }
FN vq vq_high(vq a) { return _mm256_shuffle_epi32(a, 0xF5); } /* a shift would share its port with the products */
FN vq vq_xor(vq a, vq b) { return _mm256_xor_si256(a, b); }
FN vq vq_xor3(vq a, vq b, vq c) { return _mm256_xor_si256(_mm256_xor_si256(a, b), c); }
FN void vq_words(vq a, vq b, vq c, vq d, vi *out) {
    const vq ab = _mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xAA);
    const vq cd = _mm256_blend_epi32(c, _mm256_slli_epi64(d, 32), 0xAA);
    out[0] = _mm256_unpacklo_epi64(ab, cd), out[1] = _mm256_unpackhi_epi64(ab, cd);
}
