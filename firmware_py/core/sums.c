/* What a layer keeps between its forward and its backward pass: codes of its inputs as bytes, and sums of ADC codes as
 * narrow as they are. */
#include <string.h>

#include "core.h"

/* Bytes that hold the bits of `count` sums beyond the lowest byte: several parts of the sums lie over one another. */
static size_t high_part(const layer *l) {
    const size_t count = (size_t)l->p * l->n, parts = 8 / (l->high ? l->high : 8);
    return l->high ? (count + parts - 1) / parts : 0;
}

void place_kept(layer *l, bump *b) {
    const size_t count = (size_t)l->p * l->n;
    l->kept = l->masked || l->d.rank ? take(b, (size_t)l->pad_h * l->pitch, sizeof *l->kept) : NULL;
    l->kept_s = take(b, l->wide ? count * sizeof(int32_t) : count + high_part(l), sizeof *l->kept_s);
}

void keep_layer(const layer *l) {
    const size_t count = (size_t)l->p * l->n, part = high_part(l), inputs = l->kept ? (size_t)l->pad_h * l->pitch : 0;
    const int16_t *restrict code = l->code, *restrict s = l->s;
    uint8_t *restrict kept = l->kept, *restrict low = l->kept_s, *restrict high = low + count;
    for (size_t i = 0; i < inputs; i++) kept[i] = (uint8_t)code[i];
    if (l->wide) {
        memcpy(low, l->s, count * sizeof(int32_t));
        return;
    }
    for (size_t i = 0; i < count; i++) low[i] = (uint8_t)s[i];
    memset(high, 0, part);
    for (size_t first = 0, bit = 0; part && first < count; first += part, bit += l->high) {
        const size_t here = count - first < part ? count - first : part;
        const uint16_t mask = (uint16_t)((1 << l->high) - 1), place = (uint16_t)(1 << bit); /* no shifts: vectors */
        for (size_t i = 0; i < here; i++) high[i] |= (uint8_t)((s[first + i] >> 8 & mask) * place);
    }
}

/* The sums again, [P][N] int16 or, where the layer's are, int32. */
void kept_sums(const layer *l, void *to) {
    const size_t count = (size_t)l->p * l->n, part = high_part(l);
    const uint8_t *restrict low = l->kept_s, *restrict high = low + count;
    int16_t *restrict s = to;
    if (l->wide) {
        memcpy(to, low, count * sizeof(int32_t));
        return;
    }
    for (size_t i = 0; i < count; i++) s[i] = (int8_t)low[i];
    for (size_t first = 0, bit = 0; part && first < count; first += part, bit += l->high) {
        const size_t here = count - first < part ? count - first : part;
        const int16_t sign = (int16_t)(1 << (l->high - 1)), mask = (int16_t)(2 * sign - 1), up = (int16_t)(256 >> bit);
        for (size_t i = 0; i < here; i++) {
            const int16_t above = (int16_t)(((uint16_t)(high[i] * up) >> 8 & mask) ^ sign);
            s[first + i] = (int16_t)((above - sign) * 256 + low[first + i]);
        }
    }
}
