/* Four floats by four: how rows become columns, whatever the width of the vectors beside. */
#if LANES == 1
#define QUAD 0
#elif defined(__x86_64__)
#define QUAD 4
typedef __m128 v4;
FN v4 v4_set1(float x) { return _mm_set1_ps(x); }
FN v4 v4_load(const float *p) { return _mm_loadu_ps(p); }
FN v4 v4_codes(const int16_t *p) {
    const __m128i c = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(c, c), 16));
}
FN void v4_store(float *p, v4 v) { _mm_storeu_ps(p, v); }
FN v4 v4_add(v4 a, v4 b) { return _mm_add_ps(a, b); }
FN v4 v4_mul(v4 a, v4 b) { return _mm_mul_ps(a, b); }
FN void v4_transpose(v4 *r) { _MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]); }
#else
#define QUAD 4
typedef float32x4_t v4;
FN v4 v4_set1(float x) { return vdupq_n_f32(x); }
FN v4 v4_load(const float *p) { return vld1q_f32(p); }
FN v4 v4_codes(const int16_t *p) { return vcvtq_f32_s32(vmovl_s16(vld1_s16(p))); }
FN void v4_store(float *p, v4 v) { vst1q_f32(p, v); }
FN v4 v4_add(v4 a, v4 b) { return vaddq_f32(a, b); }
FN v4 v4_mul(v4 a, v4 b) { return vmulq_f32(a, b); }
FN void v4_transpose(v4 *r) {
    const float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}
#endif
