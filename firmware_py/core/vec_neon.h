/* Four lanes on 64-bit ARM. (32-bit ARM's vectors flush denormals and cannot divide: it takes the scalar loops.) */
#include <arm_neon.h>
#include <string.h>

#define FN static inline
#define LANES 4
#define QLANES 2
typedef int32x4_t vi;
typedef float32x4_t vf;
typedef struct vacc {
    int32x4_t low, high;
} vacc; /* products of columns 0, 1 and 2, 3, not yet added in pairs */
typedef uint64x2_t vq;
static const uint64_t QORDER[QLANES] = {0, 1};

FN vi vi_zero(void) { return vdupq_n_s32(0); }
FN vi vi_load(const void *p) { return vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)p)); }
FN vi vi_load_u8(const uint8_t *p) { return vreinterpretq_s32_u16(vmovl_u8(vld1_u8(p))); }
FN vi vi_load_i16(const int16_t *p) { return vmovl_s16(vld1_s16(p)); }
FN void vi_store(int32_t *p, vi v) { vst1q_s32(p, v); }
FN void vi_store_n(int32_t *p, vi v, size_t n) {
    if (n == LANES) {
        vi_store(p, v);
        return;
    }
    int32_t lane[LANES];
    vi_store(lane, v);
    for (size_t i = 0; i < n; i++) p[i] = lane[i];
}
FN void vi_store_i16(int16_t *p, vi v) { vst1_s16(p, vqmovn_s32(v)); }
FN vi vi_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return vdupq_n_s32(pair);
}
FN vi vi_shift16(vi a) { return vshlq_n_s32(a, 16); }
FN vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
FN int32_t vi_sum(vi a) { return vaddvq_s32(a); }
FN vacc vacc_zero(void) {
    const vacc s = {vdupq_n_s32(0), vdupq_n_s32(0)};
    return s;
}
FN vacc vacc_dot(vacc s, vi a, vi b) {
    const int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s32(b);
    const vacc r = {vmlal_s16(s.low, vget_low_s16(x), vget_low_s16(y)), vmlal_high_s16(s.high, x, y)};
    return r;
}
FN vi vacc_sum(vacc s) { return vpaddq_s32(s.low, s.high); }

FN vf vf_set1(float x) { return vdupq_n_f32(x); }
FN vf vf_load(const float *p) { return vld1q_f32(p); }
FN void vf_store(float *p, vf v) { vst1q_f32(p, v); }
FN void vf_add_n(float *p, vf v, size_t n) {
    float lane[LANES];
    vst1q_f32(lane, v);
    for (size_t i = 0; i < n; i++) p[i] += lane[i];
}
FN uint32_t vf_positive(vf a) {
    const uint32_t bit[LANES] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgtzq_f32(a), vld1q_u32(bit)));
}
FN vf vf_keep(vf a, uint32_t bits) {
    const uint32_t bit[LANES] = {1, 2, 4, 8};
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vtstq_u32(vdupq_n_u32(bits), vld1q_u32(bit))));
}
FN vf vf_from(vi v) { return vcvtq_f32_s32(v); }
FN vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
FN vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
FN vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
FN vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
FN vf vf_sqrt(vf a) { return vsqrtq_f32(a); }
FN vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); } /* as on x86: a NaN in a gives b */
FN vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
FN vi vf_round(vf a) { return vcvtnq_s32_f32(a); }

FN vf vf_normal(const float *table, vi word) {
    const uint32x4_t w = vreinterpretq_u32_s32(word), r = vshrq_n_u32(vshlq_n_u32(w, 1), 8);
    const uint32x4_t b = vreinterpretq_u32_f32(vcvtq_f32_u32(r)), tail = vcltq_u32(r, vdupq_n_u32(256));
    const uint32x4_t i = vbicq_u32(vsubq_u32(vshrq_n_u32(b, 18), vdupq_n_u32((135u << 5) - 1)), tail);
    const uint32x4_t frac = vbslq_u32(tail, vshlq_n_u32(r, 10), vandq_u32(b, vdupq_n_u32(0x3FFFF)));
    uint32_t at[LANES];
    vst1q_u32(at, i);
    const float32x4_t z01 = vcombine_f32(vld1_f32(table + at[0]), vld1_f32(table + at[1]));
    const float32x4_t z23 = vcombine_f32(vld1_f32(table + at[2]), vld1_f32(table + at[3]));
    const vf low = vuzp1q_f32(z01, z23), high = vuzp2q_f32(z01, z23);
    const vf z = vf_add(low, vf_mul(vf_sub(high, low), vf_mul(vcvtq_f32_u32(frac), vdupq_n_f32(0x1p-18f))));
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(z), vandq_u32(w, vdupq_n_u32(0x80000000u))));
}

FN vq vq_set1(uint64_t x) { return vdupq_n_u64(x); }
FN vq vq_load(const uint64_t *p) { return vld1q_u64(p); }
FN vq vq_add(vq a, vq b) { return vaddq_u64(a, b); }
FN vq vq_mul(vq a, vq b) { return vmull_u32(vmovn_u64(a), vmovn_u64(b)); }
FN vq vq_high(vq a) { return vshrq_n_u64(a, 32); }
FN vq vq_xor(vq a, vq b) { return veorq_u64(a, b); }
FN vq vq_xor3(vq a, vq b, vq c) { return veorq_u64(veorq_u64(a, b), c); }
FN void vq_words(vq a, vq b, vq c, vq d, vi *out) {
    const uint32x4_t ab =
        vuzp1q_u32(vreinterpretq_u32_u64(a), vreinterpretq_u32_u64(b)); /* a of both blocks, b of both */
    const uint32x4_t cd = vuzp1q_u32(vreinterpretq_u32_u64(c), vreinterpretq_u32_u64(d));
    const uint32x4_t ab2 = vuzp1q_u32(ab, cd), odd = vuzp2q_u32(ab, cd); /* a b c d of the first block, of the second */
    out[0] = vreinterpretq_s32_u32(ab2), out[1] = vreinterpretq_s32_u32(odd);
}
