/* Counter-based draws: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
#include <string.h>

#include "core.h"

void rram_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* The stream of all draws of one purpose and layer at one read counter (numerics.md, section 1). */
stream make_stream(const uint32_t key[2], uint32_t purpose, uint32_t layer_index, uint64_t read) {
    const stream st = {{key[0], key[1]}, purpose << 24 | layer_index, (uint32_t)read, (uint32_t)(read >> 32)};
    return st;
}

/* Words of elements first .. first + count - 1 of what is drawn once for a chip's life, behind first & 3 others. */
void draw_words(const rram_net *net, const layer *l, uint32_t purpose, uint32_t first, size_t count, uint32_t *word) {
    const stream st = make_stream(net->key, purpose, l->index, 0);
    net->kern->words(&st, first >> 2, ((first & 3) + count + 3) / 4, word);
}

#define PART 32 /* elements drawn into a buffer at once: the kernels write whole vectors, and more than asked for */

static uint32_t part_of(uint32_t at, size_t left) {
    const uint32_t whole = PART - (at & 3);
    return left < whole ? (uint32_t)left : whole;
}

int rram_words(int variant, uint64_t seed, uint32_t purpose, uint32_t layer_index, uint64_t read, uint32_t first,
               size_t count, uint32_t *words) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const stream st = make_stream(key, purpose, layer_index, read);
    const kernels *kern = kernels_of(variant);
    uint32_t buffer[PART + SLACK];
    for (size_t done = 0, n; kern && done < count; done += n) {
        const uint32_t at = first + (uint32_t)done, skip = at & 3;
        n = part_of(at, count - done);
        kern->words(&st, at >> 2, (skip + n + 3) / 4, buffer);
        memcpy(words + done, buffer + skip, n * sizeof *words);
    }
    return kern != NULL;
}

int rram_normals(int variant, uint64_t seed, uint32_t purpose, uint32_t layer_index, uint64_t read, uint32_t first,
                 size_t count, const float *table, float *z) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const stream st = make_stream(key, purpose, layer_index, read);
    const kernels *kern = kernels_of(variant);
    uint32_t word[PART + SLACK];
    float number[PART + SLACK];
    for (size_t done = 0, n; kern && done < count; done += n) {
        const uint32_t at = first + (uint32_t)done, skip = at & 3;
        n = part_of(at, count - done);
        kern->words(&st, at >> 2, (skip + n + 3) / 4, word);
        kern->normals(table, word + skip, n, number);
        memcpy(z + done, number, n * sizeof *z);
    }
    return kern != NULL;
}
