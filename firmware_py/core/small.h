/* Integer products where code has to be small (-Os without vectors): two loops instead of six, for layers with and
 * without groups of channels. */

/* One position after the other; shift: NULL, or the first channel of each column's group. */
#define SMALL_GROUPED(NAME, TYPE)                                                                              \
    FN void NAME(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,  \
                 const TYPE *w, size_t n, const uint32_t *shift, int32_t *acc) {                               \
        for (; positions > 0; positions--, base++)                                                             \
            for (size_t j = 0; j < n; j++) {                                                                   \
                const int16_t *from = x + *base + (shift ? shift[j] : 0);                                      \
                const TYPE *row = w + 2 * j;                                                                   \
                int32_t sum = 0;                                                                               \
                for (size_t q = 0; q < pairs; q++, row += 2 * n) {                                             \
                    const int16_t *in = from + off[q];                                                         \
                    sum += in[0] * row[0] + in[1] * row[1];                                                    \
                }                                                                                              \
                *acc++ = sum;                                                                                  \
            }                                                                                                  \
    }
SMALL_GROUPED(body_grouped, int16_t)
SMALL_GROUPED(body_grouped_u8, uint8_t)

/* Four positions share what is loaded of a weight; those that are left go one by one. */
#define SMALL_DOT(NAME, GROUPED, TYPE, LOAD)                                                                   \
    FN void NAME(const int16_t *x, const uint32_t *base, size_t positions, const uint32_t *off, size_t pairs,  \
                 const TYPE *w, size_t n, int32_t *acc) {                                                      \
        for (; positions >= 4; positions -= 4, base += 4, acc += 4 * n) {                                      \
            const int16_t *x0 = x + base[0], *x1 = x + base[1], *x2 = x + base[2], *x3 = x + base[3];          \
            for (size_t j = 0; j < n; j++) {                                                                   \
                const TYPE *row = w + 2 * j;                                                                   \
                vi a0 = 0, a1 = 0, a2 = 0, a3 = 0;                                                             \
                DOT_FOUR(LOAD)                                                                                 \
                acc[j] = a0, acc[n + j] = a1, acc[2 * n + j] = a2, acc[3 * n + j] = a3;                        \
            }                                                                                                  \
        }                                                                                                      \
        GROUPED(x, base, positions, off, pairs, w, n, NULL, acc);                                              \
    }
SMALL_DOT(body_dot, body_grouped, int16_t, vi_load)
SMALL_DOT(body_dot_u8, body_grouped_u8, uint8_t, vi_load_u8)
