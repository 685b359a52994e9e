/* Draws, in vectors: Philox4x32-10, and normal numbers from its words (numerics.md, sections 1 and 2). */

/* What all blocks of a stream share: words 1 to 3 of the counter do not change, so half of the first two rounds is
 * scalar. */
typedef struct schedule {
    vq first[2], second[2]; /* what the first two rounds add */
    vq word3;               /* word 3 after the second round */
    vq key[8][2];           /* rounds 3 to 10 */
} schedule;

FN schedule body_schedule(const stream *st) {
    schedule s;
    uint32_t k0 = st->key[0], k1 = st->key[1];
    const uint64_t p1 = (uint64_t)st->c2 * 0xCD9E8D57u;
    const uint64_t p0 =
        (uint64_t)((uint32_t)(p1 >> 32) ^ st->c1 ^ k0) * 0xD2511F53u; /* second round's product of word 0 */
    s.first[0] = vq_set1(st->c3), s.first[1] = vq_set1(k1);
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    s.second[0] = vq_set1((uint32_t)p1 ^ k0), s.second[1] = vq_set1((p0 >> 32) ^ k1);
    s.word3 = vq_set1((uint32_t)p0);
    for (int round = 0; round < 8; round++) {
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
        s.key[round][0] = vq_set1(k0), s.key[round][1] = vq_set1(k1);
    }
    return s;
}

/* Groups of QLANES blocks, drawn side by side: a round waits for the one before, one leaves units idle. With AVX2,
 * three do not fit its registers. */
#define GROUPS (SMALL ? 1 : LANES == 8 ? 2 : 3)
#define DRAWN (4 * QLANES / LANES) /* vectors of words in one group */

/* Ten rounds; the first block of each group in its counter's first lane. High halves hold rubbish that no operation
 * looks at. */
FN void body_philox(const schedule *s, vq counter, const int groups, vi *out) {
    const vq m0 = vq_set1(0xD2511F53u), m1 = vq_set1(0xCD9E8D57u), one = vq_set1(QLANES);
    vq c0[GROUPS], c1[GROUPS], c2[GROUPS], c3[GROUPS];
    for (int g = 0; g < groups; g++) {
        const vq p = vq_mul(counter, m0), q = vq_mul(vq_xor3(vq_high(p), s->first[0], s->first[1]), m1);
        c0[g] = vq_xor(vq_high(q), s->second[0]), c1[g] = q, c2[g] = vq_xor(p, s->second[1]), c3[g] = s->word3;
        counter = vq_add(counter, one);
    }
    for (int round = 0; round < 8; round++)
        for (int g = 0; g < groups; g++) {
            const vq p = vq_mul(c0[g], m0), q = vq_mul(c2[g], m1);
            c0[g] = vq_xor3(vq_high(q), c1[g], s->key[round][0]), c1[g] = q;
            c2[g] = vq_xor3(vq_high(p), c3[g], s->key[round][1]), c3[g] = p;
        }
    for (int g = 0; g < groups; g++) vq_words(c0[g], c1[g], c2[g], c3[g], out + g * DRAWN);
}

FN vq body_counters(uint32_t first_block) { return vq_add(vq_set1(first_block), vq_load(QORDER)); }

FN void body_store_words(const vi *word, int groups, uint32_t *out) {
    for (int e = 0; e < groups * DRAWN; e++) vi_store((int32_t *)out + e * LANES, word[e]);
}

FN void body_words(const stream *st, uint32_t first_block, size_t blocks, uint32_t *out) {
    const schedule s = body_schedule(st);
    vi word[GROUPS * DRAWN];
    size_t i = 0;
    for (; i + (GROUPS - 1) * QLANES < blocks; i += GROUPS * QLANES) {
        body_philox(&s, body_counters(first_block + (uint32_t)i), GROUPS, word);
        body_store_words(word, GROUPS, out + 4 * i);
    }
    for (; i < blocks; i += QLANES) {
        body_philox(&s, body_counters(first_block + (uint32_t)i), 1, word);
        body_store_words(word, 1, out + 4 * i);
    }
}

FN void body_normals(const float *table, const uint32_t *word, size_t count, float *z) {
    for (size_t i = 0; i < count; i += LANES) vf_store(z + i, vf_normal(table, vi_load(word + i)));
}
