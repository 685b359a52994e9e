/* The class of an image, without Python. Once: rram-edge c-header BUNDLE -o net.h, and the library (docs/portability.md)
 *   cc -O2 -I. classify.c $(pkg-config --cflags --libs rram_core) -o classify && ./classify image.pgm */
#include <stdio.h>

#include "net.h"

static unsigned char arena[NET_ARENA_BYTES];
static uint8_t image[NET_INPUTS];

static int read_image(const char *path) { /* binary PGM or PPM, 8 bits, no comments */
    unsigned width = 0, height = 0, most = 0;
    char kind = 0;
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    const int is_image = fscanf(file, "P%c %u %u %u", &kind, &width, &height, &most) == 4 && fgetc(file) != EOF;
    const int fits = is_image && most == 255 && (kind == '6' ? 3u : 1u) * width * height == NET_INPUTS;
    const size_t got = fits ? fread(image, 1, sizeof image, file) : 0;
    fclose(file);
    return got == sizeof image;
}

int main(int argc, char **argv) {
    float logits[NET_CLASSES];
    rram_net *net = rram_init(&net_desc, arena, sizeof arena, -1); /* draws the chip's cells */
    if (!net || argc != 2 || !read_image(argv[1])) return fprintf(stderr, "usage: classify IMAGE.pgm\n"), 2;
    rram_logits_bytes(net, image, 1, NET_READ, logits);
    size_t best = 0;
    for (size_t i = 1; i < NET_CLASSES; i++) best = logits[i] > logits[best] ? i : best;
    return puts(net_classes[best]) == EOF;
}
