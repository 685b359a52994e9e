/* Sixteen lanes: AVX-512 F, BW, DQ, VL; with VNNI, one instruction for multiply and add. */
#include <immintrin.h>
#include <string.h>

#ifdef RRAM_VNNI
#define FN __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))) static inline
#else
#define FN __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static inline
#endif
#define LANES 16
#define QLANES 8
typedef __m512i vi;
typedef __m512 vf;
typedef __m512i vacc;
typedef __m512i vq;
static const uint64_t QORDER[QLANES] = {
    0, 4, 1, 5, 2, 6, 3, 7}; /* so that vq_words, which works in 128-bit parts, comes out in order */

FN vi vi_zero(void) { return _mm512_setzero_si512(); }
FN vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
FN vi vi_load_u8(const uint8_t *p) { return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p)); }
FN vi vi_load_i16(const int16_t *p) { return _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)p)); }
FN void vi_store(int32_t *p, vi v) { _mm512_storeu_si512(p, v); }
FN void vi_store_n(int32_t *p, vi v, size_t n) { _mm512_mask_storeu_epi32(p, (__mmask16)((1u << n) - 1), v); }
FN void vi_store_i16(int16_t *p, vi v) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(v)); }
FN vi vi_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_set1_epi32(pair);
}
FN vi vi_shift16(vi a) { return _mm512_slli_epi32(a, 16); }
FN vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
FN int32_t vi_sum(vi a) { return _mm512_reduce_add_epi32(a); }
FN vacc vacc_zero(void) { return _mm512_setzero_si512(); }
#ifdef RRAM_VNNI
FN vacc vacc_dot(vacc s, vi a, vi b) { return _mm512_dpwssd_epi32(s, a, b); }
#else
FN vacc vacc_dot(vacc s, vi a, vi b) { return _mm512_add_epi32(s, _mm512_madd_epi16(a, b)); }
#endif
FN vi vacc_sum(vacc s) { return s; }

FN vf vf_set1(float x) { return _mm512_set1_ps(x); }
FN vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
FN void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
FN void vf_add_n(float *p, vf v, size_t n) {
    const __mmask16 k = (__mmask16)((1u << n) - 1);
    _mm512_mask_storeu_ps(p, k, _mm512_add_ps(_mm512_maskz_loadu_ps(k, p), v));
}
FN uint32_t vf_positive(vf a) { return _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_GT_OQ); }
FN vf vf_keep(vf a, uint32_t bits) { return _mm512_maskz_mov_ps((__mmask16)bits, a); }
FN vf vf_from(vi v) { return _mm512_cvtepi32_ps(v); }
FN vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
FN vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
FN vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
FN vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
FN vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
FN vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
FN vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
FN vi vf_round(vf a) { return _mm512_cvtps_epi32(a); }

FN vf vf_normal(const float *table, vi w) {
    const vi r = _mm512_srli_epi32(_mm512_and_si512(w, _mm512_set1_epi32(INT32_MAX)), 7),
             b = _mm512_castps_si512(_mm512_cvtepi32_ps(r));
    const __mmask16 tail = _mm512_cmplt_epi32_mask(r, _mm512_set1_epi32(256));
    vi i = _mm512_max_epi32(_mm512_sub_epi32(_mm512_srli_epi32(b, 18), _mm512_set1_epi32((135 << 5) - 1)),
                            _mm512_setzero_si512());
    vi frac = _mm512_and_si512(b, _mm512_set1_epi32(0x3FFFF));
    frac = _mm512_mask_slli_epi32(frac, tail, r, 10);
    /* both neighbours of a node in one 64-bit load; indices by twos, so that the shuffles come out in order */
    i = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), i);
    const __m512 z0 = _mm512_castpd_ps(_mm512_i32gather_pd(_mm512_castsi512_si256(i), table, 4));
    const __m512 z1 = _mm512_castpd_ps(_mm512_i32gather_pd(_mm512_extracti64x4_epi64(i, 1), table, 4));
    const vf low = _mm512_shuffle_ps(z0, z1, 0x88), high = _mm512_shuffle_ps(z0, z1, 0xDD);
    const vf z = vf_add(low, vf_mul(vf_sub(high, low), vf_mul(_mm512_cvtepi32_ps(frac), _mm512_set1_ps(0x1p-18f))));
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(_mm512_castps_si512(z), w, _mm512_set1_epi32(INT32_MIN), 0x78)); /* z ^ sign */
}

/* What a coarse draw is made of (quick.h). */
#define ROOT_OFF 0x1p-13f /* how far the inverse root is off at most, relative; 2^-14, as documented */
FN vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
FN vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
FN vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
FN vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
FN vi vi_shift_right(vi a, unsigned bits) { return _mm512_srli_epi32(a, bits); }
FN vi vi_ones_below(vi a, vi r, int32_t least) {
    return _mm512_mask_mov_epi32(a, _mm512_cmplt_epi32_mask(r, vi_set1(least)), vi_set1(-1));
}
FN vi vf_bits(vf a) { return _mm512_castps_si512(a); }
FN vf vf_of_bits(vi a) { return _mm512_castsi512_ps(a); }
FN vf vf_abs(vf a) { return _mm512_abs_ps(a); }
FN vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
FN vf vf_coarse_inverse_root(vf a) { return _mm512_rsqrt14_ps(a); }
FN vf vf_look_up(const float *c, vi at) { return _mm512_permutexvar_ps(at, vf_load(c)); } /* by the low bits */
FN int vf_all_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) == 0xFFFF; }

FN vq vq_set1(uint64_t x) { return _mm512_set1_epi64((int64_t)x); }
FN vq vq_load(const uint64_t *p) { return vi_load(p); }
FN vq vq_add(vq a, vq b) { return _mm512_add_epi64(a, b); }
FN vq vq_mul(vq a, vq b) { return _mm512_mul_epu32(a, b); }
FN vq vq_high(vq a) {
    return _mm512_shuffle_epi32(a, _MM_PERM_DDBB);
} /* a shift would share its port with the products */
FN vq vq_xor(vq a, vq b) { return _mm512_xor_si512(a, b); }
FN vq vq_xor3(vq a, vq b, vq c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
FN void vq_words(vq a, vq b, vq c, vq d, vi *out) {
    const vq ab = _mm512_mask_mov_epi32(a, 0xAAAA, _mm512_slli_epi64(b, 32));
    const vq cd = _mm512_mask_mov_epi32(c, 0xAAAA, _mm512_slli_epi64(d, 32));
    out[0] = _mm512_unpacklo_epi64(ab, cd), out[1] = _mm512_unpackhi_epi64(ab, cd);
}
