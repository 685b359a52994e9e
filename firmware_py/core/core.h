/* Inside of the core: the net as it lies in the arena. Nothing here is for callers. */
#ifndef RRAM_INTERNAL_H
#define RRAM_INTERNAL_H

#include "kernels.h"
#include "rram_core.h"

#define STRIP \
    768 /* outputs of one tile that are converted together: their sums and draws stay in the first-level cache */
#define SHARES 2304       /* corrections of a few output rows that are summed together */
#define SPARSE_SLACK 160  /* elements that the sparse kernel may read and write past the end: eight vectors and some */
#define BACK 57344        /* bytes of errors of inputs that are summed together */
#define COLUMN_BLOCK 8    /* columns whose weights are transposed together in the backward pass of a convolution */
#define SHORT_COLUMNS 512 /* 512 columns x 127 x 32767 still fit int32 */

/* One analog layer. Rows of the array are kept in pairs (k, k + 1) that lie side by side in the input, because one
 * multiply-add instruction takes two int16: weights [Q][N][2], input pair q of a position at code[base + off[q]]. A row
 * without a neighbour (end of a kernel row or of a tile) has a partner of weight zero. */
typedef struct layer {
    uint32_t index;               /* number among the analog layers */
    uint32_t k, n, p;             /* rows, columns, output positions */
    uint32_t tiles, pairs;        /* T, Q */
    uint32_t run;                 /* rows whose inputs lie side by side: kw * in_c, less with dilation or groups */
    uint32_t span_h, span_w;      /* what a window covers */
    uint32_t depth, width;        /* channels and columns of a group */
    uint32_t pad_h, pad_w, pitch; /* padded input: rows, columns, elements of one row */
    int32_t lo, hi;               /* DAC codes */
    int wide;                     /* sums need int32, not int16 */
    uint32_t high;                /* bits of a sum that are kept beyond its lowest byte: 0, 1, 2, 4, 8 */
    int adds;                     /* its output is added to what lies there, which is what the next node asks for */
    int inner;                    /* an analog layer lies before it: errors go on from here */
    int coded;                    /* inputs are codes (int32), not activations */
    int masked, plane_needed;     /* the correction has values; they meet more than one position */
    int dense;                    /* .. and are so many that zeros between them do not matter */
    float unit;                   /* w_step * dac_lsb * adc_lsb */
    rram_node d;                  /* behind numbers that are used more: shorter instructions */
    uint32_t *tile_q;             /* [T + 1] first pair of each tile */
    uint32_t *off;                /* [Q] */
    uint32_t *plane; /* [K] place of row k's first input in planes [in_c][band][pad_w]; convolutions with a mask */
    uint32_t *at;    /* [K] place of row k's input in a window of the padded input; where dense */
    uint32_t *shift; /* [N] first channel of a column's group; NULL: one group */
    uint32_t *live;  /* [out_h][2] first output of a row that has inputs, and where they end */
    int16_t *w;      /* [Q][N][2] D = G+ - G- in G steps */
    uint8_t *v;      /* [Q][N][2] */
    float *vscale;   /* [T][N + LANES_MAX], columns repeated for loads across the end */
    float *adc;      /* [A][2][N + LANES_MAX] gains and offsets of the ADCs, like vscale; NULL: exact */
    void *scratch;    /* while the layer computes or learns; at its beginning, while it computes: */
    size_t computing; /* bytes of them */
    int16_t *code;   /* [pad_h][pad_w][in_c] */
    void *s;         /* [P][N] sums of ADC codes */
    uint8_t *kept;   /* for learning: codes as bytes, for gradients of the mask and of A; NULL: neither learns */
    uint8_t *kept_s; /* and sums, as narrow as they are (sums.c) */
} layer;

/* A node with what learning keeps of it. */
typedef struct step {
    const rram_node *d;
    layer *analog; /* NULL: digital */
    size_t in_size, out_size;
    float *y;           /* its output; in the backward pass dLoss/doutput */
    void *scratch;      /* memory that nothing else needs while this node is computed, forward or backward */
    int added;          /* a sum that the layer before it has done */
    int integers;       /* its output is int32 */
    int learns;         /* an analog layer is or lies before it: errors come here */
    int reached;        /* in the backward pass: an error has come */
    uint16_t *positive; /* relu: one bit for each output, set where it is positive */
    uint16_t *place;    /* maxpool: which of the window is the first maximum */
    float *kept;        /* other activations: dy/dx of each output; softmax: the output */
} step;

/* Where things lie that are not needed all the time, in units of 64 bytes. Block 0 is the network's input, block i + 1
 * the output of node i, block node_count + 1 + i what node i keeps for learning. */
#define BLOCKS (2 * RRAM_MAX_NODES + 1)
#define UNIT 64
typedef struct buffers {
    uint32_t nodes, total;
    uint32_t start[BLOCKS], size[BLOCKS]; /* size 0: none, or it lies in another block, `shares` */
    uint16_t until[BLOCKS];               /* last node that needs it, or what shares its memory */
    uint16_t shares[BLOCKS];              /* itself, or the block whose memory it takes over */
} buffers;

struct rram_net {
    const kernels *kern;
    step *steps;
    layer *layers;
    uint32_t step_count, layer_count;
    uint32_t key[2];
    int read_noise;
    uint32_t adc_share;  /* conversions of a column that one ADC makes; 0 is 1 */
    const float *normal; /* [RRAM_NODES] */
    const int32_t *target; /* [levels] */
    const double *var;     /* [levels]; NULL: not given */
    quick_normal quick;  /* of the same */
    float *input;        /* room for the network's input */
    int keep_input;      /* it must lie there: digital kernels run past the end, not over the caller's memory */
};

/* What the ideal network needs beside the net: its weights are made of levels, a few rows at a time. */
#define IDEAL_ROWS 8
typedef struct ideal {
    const int32_t *target; /* [levels] */
    float *rows;           /* [IDEAL_ROWS][N] of the widest layer */
} ideal;

/* Memory is handed out from a block in order, each piece 64-byte aligned; with base NULL only the sizes are added up.
 */
typedef struct bump {
    unsigned char *base;
    size_t used;
} bump;

static inline void *take(bump *b, size_t count, size_t size) {
    void *piece = b->base ? b->base + b->used : NULL;
    b->used += (count * size + 63) & ~(size_t)63;
    return piece;
}

/* Rows k0..k1 - 1 of a tile, and the walk over their pairs: returns 1 if row k + 1 is the partner of row k. */
static inline uint32_t tile_start(const layer *l, uint32_t t) { return t * l->d.tile_rows; }
static inline uint32_t tile_end(const layer *l, uint32_t t) {
    const uint32_t end = (t + 1) * l->d.tile_rows;
    return end < l->k ? end : l->k;
}
static inline uint32_t has_partner(const layer *l, uint32_t k, uint32_t end) {
    return k + 1 < end && (k + 1) % l->run != 0;
}
/* plan.c: offset of row k's input from that of the window's first, in the first group; and in the group of column j. */
uint32_t code_offset(const layer *l, uint32_t k);
static inline uint32_t input_of(const layer *l, uint32_t k, size_t j) {
    return code_offset(l, k) + (l->shift ? l->shift[j] : 0);
}
/* Where the plane of a column's group begins there. */
static inline size_t plane_of(const layer *l, size_t j, uint32_t height) {
    return l->shift ? (size_t)l->shift[j] * height * l->pad_w : 0;
}

static inline int exact_adcs(const rram_desc *desc) { return desc->adc_gain_sigma == 0 && desc->adc_offset_sigma == 0; }
/* Number of the ADC that makes conversion t, and of a layer's ADCs, for each column. */
static inline uint32_t adc_of(uint32_t share, uint32_t t) { return share ? t / share : t; }
static inline uint32_t adc_count(const layer *l, uint32_t share) { return adc_of(share, l->tiles - 1) + 1; }
/* A code from the byte that it is kept as; sign: 128 where codes have one, else 0. */
static inline int16_t kept_code(uint8_t byte, int sign) { return (int16_t)((byte ^ sign) - sign); }
/* The input that was converted at a place of the padded input. */
static inline float kept_input(const layer *l, size_t place) {
    return (float)kept_code(l->kept[place], l->d.signed_in ? 128 : 0) * l->d.dac_lsb;
}

/* How the SRAM holds gains (0), offsets (1), values (2), A (3) and B (4): what one code is worth, the highest code;
 * worth 0: float32 numbers. */
typedef struct sram_codes {
    double worth, most;
} sram_codes;
sram_codes codes_of(const rram_node *d, size_t group); /* plan.c */
static inline double held_code(sram_codes c, double code) {
    return code > c.most ? c.most : code < -c.most - 1 ? -c.most - 1 : code;
}

/* Entries of the mask, and of one column. */
static inline size_t entries_of(const layer *l) { return l->masked ? (size_t)l->d.mask_start[l->n] : 0; }
static inline uint32_t column_entries(const layer *l, size_t j) {
    return l->masked ? (uint32_t)(l->d.mask_start[j + 1] - l->d.mask_start[j]) : 0;
}

static inline int32_t load_s(const layer *l, const void *s, size_t e) {
    return l->wide ? ((const int32_t *)s)[e] : ((const int16_t *)s)[e];
}

/* draw.c, cells.c */
stream make_stream(const uint32_t key[2], uint32_t purpose, uint32_t layer_index, uint64_t read);
void draw_words(const rram_net *net, const layer *l, uint32_t purpose, uint32_t first, size_t count, uint32_t *word);
size_t cells_scratch(const layer *l);
int draw_cells(rram_net *net, layer *l, const rram_desc *desc);

/* converters.c */
size_t adc_scratch(const layer *l, const rram_desc *desc);
void draw_adcs(rram_net *net, layer *l, const rram_desc *desc);

/* plan.c */
int plan_layer(layer *l, const rram_node *node, uint32_t index, int coded);
void place_layer(layer *l, const rram_desc *desc, bump *b);
void place_sums(layer *l, bump *b);
void pair_rows(layer *l);
uint32_t position_base(const layer *l, uint32_t p);
uint32_t plane_offset(const layer *l, uint32_t k, uint32_t height);
size_t most_entries(const layer *l);

/* graph.c: the node whose output is input number k of node i, -1 for the network's input */
static inline uint32_t source_count(const rram_node *d) { return d->from_count ? d->from_count : 1; }
static inline int32_t source_of(const rram_node *d, uint32_t i, uint32_t k) {
    return d->from_count ? d->from[k] : (int32_t)i - 1;
}
int check_graph(const rram_desc *desc);
int gives_integers(const rram_node *nodes, int32_t i);
void plan_buffers(const rram_desc *desc, buffers *plan);
uint32_t lowest_place(const buffers *plan, uint32_t from, uint32_t until, uint32_t size);
int adds_in_place(const rram_node *nodes, uint32_t i, const buffers *plan);

/* digital.c */
void keep_maxima(const step *s, const float *x, const float *y);
void max_pool(const kernels *kern, const rram_node *d, const float *x, float *y);
void mean_pool(const rram_node *d, const float *x, float *y);
void add_to(const float *from, size_t count, float *to);
void max_pool_backward(const step *s, const float *delta, float *dx);
void mean_pool_backward(const step *s, const float *delta, float *dx);

/* activation.c */
int is_activation(uint32_t op);
void softmax(size_t count, size_t c, const float *x, float *y);
void activate(const step *s, const float *x, float *y, int keep);
void activation_backward(const step *s, float *delta);
void concatenate(const step *s, uint32_t k, const float *from, float *y);
void concat_backward(const step *s, uint32_t k, step *to);

/* integer.c */
void integer_step(const step *s, const int32_t *x, int32_t *y);
void integer_sums(const layer *l, int32_t *y);

/* array.c, correct.c */
size_t sums_scratch_size(const layer *l);
size_t outputs_scratch_size(const layer *l);
int dense_mask(const layer *l);
void analog_sums(rram_net *net, layer *l, const float *x, const int32_t *codes, uint64_t read);
void analog_outputs(const kernels *kern, const layer *l, float *y);
uint32_t band_rows(const layer *l);
void repeat_columns(const float *from, size_t n, float *to);

/* sums.c */
void place_kept(layer *l, bump *b);
void keep_layer(const layer *l);
void kept_sums(const layer *l, void *s);

/* ideal.c */
void ideal_outputs(const layer *l, const ideal *ideal, const float *x, float *y);

/* cpu.c: 0 SSE2, 1 also AVX2, 2 also AVX-512, 3 also its VNNI; x86-64 only */
int cpu_vectors(void);

/* net.c, learn.c */
const kernels *kernels_of(int variant);
const float *forward(rram_net *net, const float *x, uint64_t read, int keep);
const float *walk(rram_net *net, const float *x, uint64_t read, int keep, uint32_t count, const ideal *ideal);
const float *from_bytes(rram_net *net, const uint8_t *x);
void store_logits(const rram_net *net, const float *y, float *logits);
size_t learn_scratch(const layer *l);

#endif
