/* Calibrates a chip without labels, then says the class of each stored vector. Once: rram-edge c-header BUNDLE --fresh
 * --vectors 16 -o net.h, and the library (docs/portability.md)
 *   cc -O2 -I. calibrate.c $(pkg-config --cflags --libs rram_core) -o calibrate && ./calibrate */
#include <stdio.h>

#include "net.h"

static unsigned char arena[NET_ARENA_BYTES], room[NET_CALIBRATE_BYTES]; /* NET_CALIBRATE_LEAST would do, in more passes */

int main(void) {
    static rram_gained gained[RRAM_MAX_NODES];
    float logits[NET_CLASSES];
    rram_net *net = rram_init(&net_desc, arena, sizeof arena, -1); /* draws the chip's cells */
    const int code = net ? rram_calibrate_bytes(net, RRAM_FULL, net_vectors[0], NET_VECTORS, NET_READ, room,
                                                sizeof room, gained)
                         : RRAM_REFUSED;
    if (code != RRAM_DONE) return fprintf(stderr, "calibrate: code %d\n", code), 2;
    for (uint32_t i = 0, layer = 0; i < net_desc.node_count; i++)
        if (net_desc.nodes[i].op == RRAM_ANALOG) {
            printf("node %u: error %.3f -> %.3f\n", (unsigned)i, gained[layer].before, gained[layer].after);
            layer++;
        }
    for (size_t image = 0; image < NET_VECTORS; image++) { /* from here on as examples/classify.c */
        size_t best = 0;
        rram_logits_bytes(net, net_vectors[image], 1, NET_READ + NET_VECTORS + image, logits);
        for (size_t i = 1; i < NET_CLASSES; i++) best = logits[i] > logits[best] ? i : best;
        if (puts(net_classes[best]) == EOF) return 1;
    }
    return 0;
}
