/* A network that the NumPy engine has computed (net.h, golden.h; both written by golden_case.py) against the core, on
 * every instruction set of this machine: predictions, steps of learning, and the correction after them, to the bit;
 * then calibration, to the bits that the core gave on the machine that wrote golden.h.
 * Prints "same: scalar ..." or where the first difference is. Runs under Linux and on a bare Cortex-M (bare.c). */
#include <string.h>

#include "golden.h"
#include "net.h"

#ifdef BARE
void say(const char *text); /* bare.c */
static unsigned char arena[NET_ARENA_BYTES];
static unsigned char room[NET_CALIBRATE_LEAST + 1];
static void *make_arena(size_t size) { return size <= sizeof arena ? arena : NULL; }
static void *make_room(size_t size) { return size <= sizeof room ? room : NULL; }
static void free_arena(void *memory) { (void)memory; }
#else
#include <stdio.h>
#include <stdlib.h>
static void say(const char *text) { fputs(text, stdout); }
static void *make_arena(size_t size) { return malloc(size); } /* to the byte: sanitizers see what lies beyond */
static void *make_room(size_t size) { return malloc(size); }
static void free_arena(void *memory) { free(memory); }
#endif

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What differs from the NumPy engine; NULL: nothing. */
static const char *run(rram_net *net) {
    float logits[NET_CLASSES], both[GOLDEN_IMAGES][NET_CLASSES];
    for (uint32_t i = 0; i < GOLDEN_IMAGES; i++) {
        rram_logits(net, golden_x[i], 1, GOLDEN_READ + i, logits);
        if (memcmp(logits, golden_logits[i], sizeof logits) != 0) return "a prediction";
    }
    rram_logits_bytes(net, golden_bytes[0], GOLDEN_IMAGES, GOLDEN_READ, &both[0][0]);
    if (memcmp(both, golden_logits, sizeof both) != 0) return "a prediction of bytes";
    for (uint32_t i = 0; i < golden_steps; i++) {
        const uint32_t image = i % GOLDEN_IMAGES;
        rram_learn(net, golden_x[image], i % NET_CLASSES, GOLDEN_READ + 100 + i, golden_adapt + i, logits);
        if (memcmp(logits, golden_learned[i], sizeof logits) != 0) return "the logits of a label";
    }
    for (size_t i = 0; i < COUNT(golden_state); i++)
        if (memcmp(golden_state[i].now, golden_state[i].after, golden_state[i].bytes) != 0) return "the correction";
    return NULL;
}

/* The correction as it was at first. */
static void start_again(void) {
    for (size_t i = 0; i < COUNT(golden_state); i++)
        memcpy(golden_state[i].now, golden_state[i].before, golden_state[i].bytes);
}

/* The same for calibration, in the least memory that it takes. */
static const char *calibrate(rram_net *net) {
    size_t least = 0;
    rram_calibration_size(net, RRAM_FULL, &least);
    if ((least > 0) != GOLDEN_CALIBRATED) return "whether it can be calibrated";
    if (!GOLDEN_CALIBRATED) return NULL;
    start_again();
    void *memory = make_room(least);
    const int code = memory ? rram_calibrate(net, RRAM_FULL, golden_x[0], GOLDEN_IMAGES, GOLDEN_READ, memory, least, NULL)
                            : RRAM_REFUSED;
    free_arena(memory);
    if (code != RRAM_DONE) return "calibration: refused";
    for (size_t i = 0; i < COUNT(golden_state); i++)
        if (memcmp(golden_state[i].now, golden_state[i].calibrated, golden_state[i].bytes) != 0) return "calibration";
    return NULL;
}

int main(void) {
    say("same:");
    for (int variant = 0; variant < rram_variant_count(); variant++) {
        if (!rram_variant_usable(variant)) continue;
        start_again();
        const size_t size = rram_arena_size(&net_desc);
        void *memory = make_arena(size);
        rram_net *net = memory ? rram_init(&net_desc, memory, size, variant) : NULL;
        const char *wrong = net ? run(net) : "no net";
        if (net && !wrong) wrong = calibrate(net);
        free_arena(memory);
        say(" "), say(rram_variant_name(variant));
        if (wrong) return say(" differs: "), say(wrong), say("\n"), 1;
    }
    say("\n");
    return 0;
}
