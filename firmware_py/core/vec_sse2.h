/* Four lanes: every x86-64 has them. */
#include <emmintrin.h>
#include <string.h>

#define FN static inline
#define LANES 4
#define QLANES 2
typedef __m128i vi;
typedef __m128 vf;
typedef __m128i vacc;
typedef __m128i vq;
static const uint64_t QORDER[QLANES] = {0, 1};

FN vi vi_zero(void) { return _mm_setzero_si128(); }
FN vi vi_load(const void *p) { return _mm_loadu_si128((const __m128i *)p); }
FN vi vi_load_u8(const uint8_t *p) {
    return _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)p), _mm_setzero_si128());
}
FN vi vi_load_i16(const int16_t *p) {
    const __m128i h = _mm_loadl_epi64((const __m128i *)p);
    return _mm_srai_epi32(_mm_unpacklo_epi16(h, h), 16);
}
FN void vi_store(int32_t *p, vi v) { _mm_storeu_si128((__m128i *)p, v); }
FN void vi_store_n(int32_t *p, vi v, size_t n) {
    if (n == LANES) {
        vi_store(p, v);
        return;
    }
    int32_t lane[LANES];
    vi_store(lane, v);
    for (size_t i = 0; i < n; i++) p[i] = lane[i];
}
FN void vi_store_i16(int16_t *p, vi v) { _mm_storel_epi64((__m128i *)p, _mm_packs_epi32(v, v)); }
FN vi vi_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm_set1_epi32(pair);
}
FN vi vi_shift16(vi a) { return _mm_slli_epi32(a, 16); }
FN vi vi_add(vi a, vi b) { return _mm_add_epi32(a, b); }
FN int32_t vi_sum(vi a) {
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(a, _mm_shuffle_epi32(a, 0xB1)));
}
FN vacc vacc_zero(void) { return _mm_setzero_si128(); }
FN vacc vacc_dot(vacc s, vi a, vi b) { return _mm_add_epi32(s, _mm_madd_epi16(a, b)); }
FN vi vacc_sum(vacc s) { return s; }

FN vf vf_set1(float x) { return _mm_set1_ps(x); }
FN vf vf_load(const float *p) { return _mm_loadu_ps(p); }
FN void vf_store(float *p, vf v) { _mm_storeu_ps(p, v); }
FN void vf_add_n(float *p, vf v, size_t n) {
    float lane[LANES];
    _mm_storeu_ps(lane, v);
    for (size_t i = 0; i < n; i++) p[i] += lane[i];
}
FN uint32_t vf_positive(vf a) { return (uint32_t)_mm_movemask_ps(_mm_cmpgt_ps(a, _mm_setzero_ps())); }
FN vf vf_keep(vf a, uint32_t bits) {
    const vi lane = _mm_setr_epi32(1, 2, 4, 8), set = _mm_and_si128(_mm_set1_epi32((int32_t)bits), lane);
    return _mm_and_ps(a, _mm_castsi128_ps(_mm_cmpeq_epi32(set, lane)));
}
FN vf vf_from(vi v) { return _mm_cvtepi32_ps(v); }
FN vf vf_add(vf a, vf b) { return _mm_add_ps(a, b); }
FN vf vf_sub(vf a, vf b) { return _mm_sub_ps(a, b); }
FN vf vf_mul(vf a, vf b) { return _mm_mul_ps(a, b); }
FN vf vf_div(vf a, vf b) { return _mm_div_ps(a, b); }
FN vf vf_sqrt(vf a) { return _mm_sqrt_ps(a); }
FN vf vf_max(vf a, vf b) { return _mm_max_ps(a, b); }
FN vf vf_min(vf a, vf b) { return _mm_min_ps(a, b); }
FN vi vf_round(vf a) { return _mm_cvtps_epi32(a); }

FN vf vf_normal(const float *table, vi w) {
    const vi r = _mm_srli_epi32(_mm_slli_epi32(w, 1), 8), b = _mm_castps_si128(_mm_cvtepi32_ps(r));
    const vi tail = _mm_cmpgt_epi32(_mm_set1_epi32(256), r);
    vi i = _mm_sub_epi32(_mm_srli_epi32(b, 18), _mm_set1_epi32((135 << 5) - 1));
    vi frac = _mm_and_si128(b, _mm_set1_epi32(0x3FFFF));
    i = _mm_andnot_si128(tail, i);
    frac = _mm_or_si128(_mm_andnot_si128(tail, frac), _mm_and_si128(tail, _mm_slli_epi32(r, 10)));
    int32_t at[LANES];
    vi_store(at, i);
    const __m128 z01 =
        _mm_loadh_pi(_mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)(table + at[0])), (const __m64 *)(table + at[1]));
    const __m128 z23 =
        _mm_loadh_pi(_mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)(table + at[2])), (const __m64 *)(table + at[3]));
    const vf low = _mm_shuffle_ps(z01, z23, 0x88), high = _mm_shuffle_ps(z01, z23, 0xDD);
    const vf z = vf_add(low, vf_mul(vf_sub(high, low), vf_mul(_mm_cvtepi32_ps(frac), _mm_set1_ps(0x1p-18f))));
    return _mm_xor_ps(z, _mm_castsi128_ps(_mm_and_si128(w, _mm_set1_epi32(INT32_MIN))));
}

FN vq vq_set1(uint64_t x) { return _mm_set1_epi64x((int64_t)x); }
FN vq vq_load(const uint64_t *p) { return vi_load(p); }
FN vq vq_add(vq a, vq b) { return _mm_add_epi64(a, b); }
FN vq vq_mul(vq a, vq b) { return _mm_mul_epu32(a, b); }
FN vq vq_high(vq a) { return _mm_srli_epi64(a, 32); }
FN vq vq_xor(vq a, vq b) { return _mm_xor_si128(a, b); }
FN vq vq_xor3(vq a, vq b, vq c) { return _mm_xor_si128(_mm_xor_si128(a, b), c); }
FN void vq_words(vq a, vq b, vq c, vq d, vi *out) {
    const vq mask = _mm_set1_epi64x(0xFFFFFFFF);
    const vq ab = _mm_or_si128(_mm_and_si128(a, mask), _mm_slli_epi64(b, 32));
    const vq cd = _mm_or_si128(_mm_and_si128(c, mask), _mm_slli_epi64(d, 32));
    out[0] = _mm_unpacklo_epi64(ab, cd), out[1] = _mm_unpackhi_epi64(ab, cd);
}
