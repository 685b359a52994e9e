/* What is wrong with the ADCs: gain and offset of each, one draw for the life of the chip (numerics.md, section 3). */
#include <string.h>

#include "core.h"

/* The draws of one row of ADCs: gain and offset, column by column; their words, and these as numbers. */
static uint32_t *adc_draws(const layer *l, void *memory, float **z, size_t *used) {
    bump b = {memory, 0};
    uint32_t *word = take(&b, 2 * (size_t)l->n + SLACK, sizeof *word);
    *z = take(&b, 2 * (size_t)l->n + SLACK, sizeof **z);
    *used = b.used;
    return word;
}

size_t adc_scratch(const layer *l, const rram_desc *desc) {
    float *z;
    size_t used;
    adc_draws(l, NULL, &z, &used);
    return exact_adcs(desc) ? 0 : used;
}

void draw_adcs(rram_net *net, layer *l, const rram_desc *desc) {
    float *z;
    size_t used;
    uint32_t *word = adc_draws(l, l->scratch, &z, &used);
    const size_t n = l->n, pitch = n + LANES_MAX;
    if (!(desc->effects & RRAM_CONVERTER_ERRORS)) l->adc = NULL;
    for (uint32_t a = 0; l->adc && a < adc_count(l, net->adc_share); a++) {
        float *gain = l->adc + a * 2 * pitch, *offset = gain + pitch;
        const uint32_t first = 2 * a * l->n, skip = first & 3;
        draw_words(net, l, RRAM_ADC, first, 2 * n, word);
        net->kern->normals(net->normal, word + skip, 2 * n, z);
        for (size_t j = 0; j < pitch; j++) {
            const float *drawn = z + 2 * (j % n);
            gain[j] = 1.0f + desc->adc_gain_sigma * drawn[0];
            offset[j] = desc->adc_offset_sigma * drawn[1];
        }
    }
}

int rram_adc(const rram_net *net, uint32_t index, float *gain, float *offset) {
    if (index >= net->layer_count || !net->layers[index].adc) return 0;
    const layer *l = net->layers + index;
    const size_t n = l->n, pitch = n + LANES_MAX;
    for (uint32_t a = 0; a < adc_count(l, net->adc_share); a++) {
        memcpy(gain + a * n, l->adc + a * 2 * pitch, n * sizeof *gain);
        memcpy(offset + a * n, l->adc + a * 2 * pitch + pitch, n * sizeof *offset);
    }
    return 1;
}
