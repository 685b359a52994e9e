/* Vectors of one lane: the reference, and what runs where there is nothing better. A pair of int16 is one int32. */
#include <math.h>
#include <string.h>

#define FN static inline
#define LANES 1
typedef int32_t vi;   /* LANES int32 */
typedef float vf;     /* LANES float32 */
typedef int32_t vacc; /* sums of products of pairs */
typedef uint64_t vq;  /* 64-bit lanes for Philox, QLANES of them */
#define QLANES 1
static const uint64_t QORDER[QLANES] = {0};

FN vi vi_zero(void) { return 0; }
FN vi vi_load(const void *p) {
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}
FN vi vi_load_u8(const uint8_t *p) { return (vi)((uint32_t)p[0] | (uint32_t)p[1] << 16); }
FN vi vi_load_i16(const int16_t *p) { return *p; }
FN void vi_store(int32_t *p, vi v) { *p = v; }
FN void vi_store_n(int32_t *p, vi v, size_t n) {
    if (n) *p = v;
}
FN void vi_store_i16(int16_t *p, vi v) { *p = (int16_t)v; }
FN vi vi_pair(const int16_t *p) { return vi_load(p); }
FN vi vi_shift16(vi a) { return (vi)((uint32_t)a << 16); }
FN vi vi_add(vi a, vi b) { return a + b; }
FN int32_t vi_sum(vi a) { return a; }
FN vacc vacc_zero(void) { return 0; }
FN vacc vacc_dot(vacc s, vi a, vi b) {
    const int32_t a0 = (int16_t)(uint16_t)(uint32_t)a, b0 = (int16_t)(uint16_t)(uint32_t)b; /* halves, sign-extended */
    return s + a0 * b0 + (a >> 16) * (b >> 16);
}
FN vi vacc_sum(vacc s) { return s; }

FN vf vf_set1(float x) { return x; }
FN vf vf_load(const float *p) { return *p; }
FN void vf_store(float *p, vf v) { *p = v; }
FN void vf_add_n(float *p, vf v, size_t n) {
    if (n) *p += v;
}
FN uint32_t vf_positive(vf a) { return a > 0.0f; }
FN vf vf_keep(vf a, uint32_t bits) { return bits & 1 ? a : 0.0f; }
FN vf vf_from(vi v) { return (float)v; }
FN vf vf_add(vf a, vf b) { return a + b; }
FN vf vf_sub(vf a, vf b) { return a - b; }
FN vf vf_mul(vf a, vf b) { return a * b; }
FN vf vf_div(vf a, vf b) { return a / b; }
FN vf vf_sqrt(vf a) { return sqrtf(a); }
FN vf vf_max(vf a, vf b) { return a > b ? a : b; } /* a NaN in a gives b */
FN vf vf_min(vf a, vf b) { return a < b ? a : b; }
FN vi vf_round(vf a) {
    return (vi)((a + 12582912.0f) - 12582912.0f);
} /* half to even, |a| < 2^22: the sum has unit 1 */

FN vf vf_normal(const float *table, vi word) {
    const uint32_t w = (uint32_t)word, r = (w & 0x7FFFFFFFu) >> 7;
    uint32_t i = 0, frac = r << 10;
    if (r >= 256) {
        const float f = (float)r;
        uint32_t b;
        memcpy(&b, &f, sizeof b);
        i = (b >> 18) - (135u << 5) + 1;
        frac = b & 0x3FFFFu;
    }
    const float z = table[i] + (table[i + 1] - table[i]) * ((float)frac * 0x1p-18f);
    return w >> 31 ? -z : z;
}

FN vq vq_set1(uint64_t x) { return x; }
FN vq vq_load(const uint64_t *p) { return *p; }
FN vq vq_add(vq a, vq b) { return a + b; }
FN vq vq_mul(vq a, vq b) { return (uint64_t)(uint32_t)a * (uint32_t)b; } /* low halves */
FN vq vq_high(vq a) { return a >> 32; }
FN vq vq_xor(vq a, vq b) { return a ^ b; }
FN vq vq_xor3(vq a, vq b, vq c) { return a ^ b ^ c; }
FN void vq_words(vq a, vq b, vq c, vq d, vi *out) { /* low halves of the four words of QLANES blocks, block by block */
    out[0] = (vi)(uint32_t)a, out[1] = (vi)(uint32_t)b, out[2] = (vi)(uint32_t)c, out[3] = (vi)(uint32_t)d;
}
