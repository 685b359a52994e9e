/* The inner loops, one table of functions per instruction set. Every table gives the same bits.
 *
 * Loops run in whole vectors: they may read and write up to LANES_MAX elements past the end of an array, which
 * therefore all lie in the arena, in an order in which that does no harm.
 */
#ifndef RRAM_KERNELS_H
#define RRAM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define LANES_MAX 16
#define SLACK 112 /* elements of slack behind arrays that loops may overrun: draws come 96 at a time */

/* Philox counter of one read of one layer; word 0 of the counter is element / 4. */
typedef struct stream {
    uint32_t key[2];
    uint32_t c1, c2, c3;
} stream;

/* A coarse standard normal number of a word: for each octave of r (numerics.md, section 2), a cubic in the float that
 * has r's fraction and lies in 1..2. */
typedef struct quick_normal {
    float c[4][LANES_MAX]; /* by the low bits of r's exponent */
    float error;           /* how far it is off at most */
} quick_normal;

/* One strip of conversions: `count` outputs, of which number e belongs to column e % n. */
typedef struct conversion {
    size_t count, n;
    const int32_t *acc;
    const int32_t *acc2; /* NULL: no read noise */
    const uint32_t *word; /* the draws, as words */
    const float *normal;  /* [514] their standard normal numbers */
    const quick_normal *quick;
    const float *vscale; /* [n + LANES_MAX], repeated */
    const float *adc_gain, *adc_offset; /* of the columns' ADCs, repeated like vscale; NULL: exact */
    float adc_lsb, lo, hi;
    int wide, first; /* sums are int32, not int16; 1: store, 0: add to what is there */
    void *s;
} conversion;

/* Output positions side by side: where their inputs and their outputs begin. */
typedef struct stretch {
    uint32_t from, to, count;
} stretch;

typedef struct kernels {
    const char *name;
    /* words of blocks first_block .. first_block + blocks - 1, four each */
    void (*words)(const stream *st, uint32_t first_block, size_t blocks, uint32_t *out);
    /* words as standard normal numbers; table: 514 floats */
    void (*normals)(const float *table, const uint32_t *word, size_t count, float *z);
    void (*coarse)(const float *table, quick_normal *quick); /* NULL: not used */
    /* code[i] = clamp(rint(x[i] / lsb), lo, hi); x is read to x[count - 1] only */
    void (*dac)(const float *x, size_t count, float lsb, float lo, float hi, int16_t *code);
    /* x2[i] = (code[i]^2) >> 1 */
    void (*square)(const int16_t *code, size_t count, int16_t *x2);
    /* acc[p][j] = sum over pairs q of x[base[p] + off[q]] . w[q][j]; base has 8 entries of slack that repeat the last
     */
    void (*dot)(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,
                const int16_t *w, size_t n, int32_t *acc);
    void (*dot_u8)(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,
                   const uint8_t *w, size_t n, int32_t *acc);
    /* the same where column j takes x[... + shift[j]]: groups of channels */
    void (*grouped)(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,
                    const int16_t *w, size_t n, const uint32_t *shift, int32_t *acc);
    void (*grouped_u8)(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,
                       const uint8_t *w, size_t n, const uint32_t *shift, int32_t *acc);
    void (*convert)(const conversion *c);
    /* y[e] = gain[e % n] * (s[e] * unit) + offset[e % n]; gain and offset repeated */
    void (*digital)(const void *s, int wide, size_t count, size_t n, const float *gain, const float *offset, float unit,
                    float *y);
    /* out[j][i] = code[i][j] * lsb, j < c */
    void (*planes)(const int16_t *code, size_t count, size_t c, float lsb, float *out);
    /* out[f] = sum in order of value[i] * x[f + at[row[i]]] */
    void (*sparse)(const float *x, size_t count, const uint32_t *at, const uint16_t *row, const float *value,
                   size_t entries, float *out);
    /* y[p][j] += x[j * pitch + p * step], j < n */
    void (*add)(float *y, size_t count, size_t n, const float *x, size_t pitch, size_t step);
    /* y[p][j] += sum in order of x[p * step + at[k]] * value[k][j], j < n, for the positions of each run; value's rows
     * are `pitch` long, zero past n. This and the next two: NULL where code is small */
    void (*dense)(const float *x, const stretch *runs, size_t run_count, size_t step, const uint32_t *at, size_t rows,
                  const float *value, size_t n, size_t pitch, float *y);
    /* to[i] += from[i]; to: int64 or int32 */
    void (*accumulate)(const int32_t *from, size_t count, int wide, void *to);
    /* transposed read of a pair of rows: sum over j of c[j] * w[j][0 and 1]; c holds pairs (c_j, 0) as int32, 0 past n
     */
    void (*transposed)(const int16_t *w, const int32_t *c, size_t n, int32_t out[2]);
    void (*relu)(const float *x, size_t count, float *y);
    /* one bit for each element, 16 in a word: is it positive? and: zero where the bit is not set */
    void (*signs)(const float *y, size_t count, uint16_t *bits);
    void (*keep)(float *delta, size_t count, const uint16_t *bits);
    /* one output row of a max pool: windows of kh rows (pitch apart) and kw * c values, step apart */
    void (*pool)(const float *x, size_t windows, size_t step, size_t c, size_t kh, size_t kw, size_t pitch, float *y);
    /* 8-bit codes of e[i] = delta[i] (times gain[i % n], repeated, unless NULL); returns their scale, 0 where all are
     * zero, or one is not finite */
    float (*quantize)(const float *delta, size_t count, const float *gain, size_t n, int16_t *c);
    /* sum of a[i] * b[i]; both may be read past the end, where a is zero; it fits int32 */
    int32_t (*correlate)(const int16_t *a, const int16_t *b, size_t count);
} kernels;

#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__)
#define RRAM_NEON
extern const kernels kernels_neon;
#elif defined(__x86_64__) && defined(__GNUC__)
extern const kernels kernels_sse2, kernels_avx2, kernels_avx512, kernels_vnni;
#endif
/* Every 64-bit ARM has NEON: there the scalar loops are a reference for tests, and only RRAM_SCALAR asks for them. */
#if !defined(RRAM_NEON) || defined(RRAM_SCALAR)
#define RRAM_HAS_SCALAR
extern const kernels kernels_scalar;
#endif

/* Small rather than fast: one loop where there are several, without a change of any bit. */
#ifndef RRAM_SMALL
#if defined(__OPTIMIZE_SIZE__) && !defined(RRAM_NEON) && !defined(__x86_64__)
#define RRAM_SMALL 1
#else
#define RRAM_SMALL 0
#endif
#endif

#endif
