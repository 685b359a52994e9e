/* rram_core: one network on one emulated RRAM chip. docs/numerics.md is its specification, to the bit.
 *
 * The caller describes the network in plain structs, asks rram_arena_size() for the memory, hands that memory to
 * rram_init(), and then calls rram_logits(), rram_raw() and rram_learn(). The core allocates nothing, reads and writes
 * no file, keeps no global state. One net must not be used by two threads at once; any number of nets may run in
 * parallel.
 *
 * Units: conductances in G steps (1 step = (G_max - G_min) / 2048 uS), activations and weights in the network's own
 * units.
 */
#ifndef RRAM_CORE_H
#define RRAM_CORE_H

#include <stddef.h>
#include <stdint.h>

#define RRAM_NODES 514    /* nodes of one half of the octave grid */
#define RRAM_MAX_ROWS 256 /* rows of one tile at most */
#ifndef RRAM_MAX_NODES
#define RRAM_MAX_NODES 512 /* set-up takes 25 bytes of stack for each */
#endif

enum rram_op { RRAM_ANALOG = 1, RRAM_RELU = 2, RRAM_MAXPOOL = 3, RRAM_AVGPOOL = 4, RRAM_ADD = 5,
               RRAM_THRESHOLDS = 6, RRAM_RENAME = 7, RRAM_RELU6 = 8, RRAM_LEAKY_RELU = 9, RRAM_HARD_SWISH = 10,
               RRAM_SOFTMAX = 11, RRAM_CONCAT = 12 };
enum rram_purpose { RRAM_PROGRAM = 1, RRAM_FAULT = 2, RRAM_READ = 3, RRAM_ADC = 5, RRAM_DRIFT_PATH = 6,
                    RRAM_ROUND = 9 };
enum rram_effect { RRAM_PROGRAMMING = 1, RRAM_READ_NOISE = 2, RRAM_CONVERTER_ERRORS = 4, RRAM_DRIFT = 8,
                   RRAM_DISTURB = 16 };
enum rram_optimizer { RRAM_SGD = 0, RRAM_RMS = 1, RRAM_SIGN = 2, RRAM_MOMENTUM = 3, RRAM_RLS = 4 };
enum rram_rounding { RRAM_AT_SAVE = 0, RRAM_STOCHASTIC = 1, RRAM_NEAREST = 2 };

/* A layer's correction at first boot. For rram_calibrate() only. */
typedef struct rram_first {
    const float *gain, *offset; /* [N] */
    const float *value;         /* [nnz] */
} rram_first;

/* One node of the graph, its input [in_h][in_w][in_c], its output [out_h][out_w][out_c], row-major, float32.
 * A dense layer is an analog node with in_h = in_w = kh = kw = 1. Pointers stay the caller's and must outlive the net.
 */
typedef struct rram_node {
    uint32_t op; /* enum rram_op */
    uint32_t in_h, in_w, in_c;
    uint32_t out_h, out_w, out_c;
    uint32_t kh, kw, sh, sw;     /* kernel or window, and stride */
    uint32_t pad_top, pad_left;  /* analog: code 0 outside the image */
    uint32_t dilation_h, dilation_w; /* analog: distance of neighbours in a window; 0 is 1 */
    uint32_t groups;             /* analog: column j takes the in_c / groups channels of its group; 0 is 1 */
    float slope;                 /* leaky_relu, below 0 */
    uint32_t tile_rows;          /* R, 1..256 */
    uint32_t signed_in;          /* 1: the DAC takes both signs */
    uint32_t dac_bits, adc_bits; /* 1..8, 1..16 */
    float w_step, dac_lsb, adc_lsb;
    uint32_t rank;              /* of the correction's low-rank part (x A) B; 0: none */
    float *low_a, *low_b;       /* [K][rank], [rank][N], changed by learning */
    const uint8_t *levels;                                /* [2][K][N], K = kh * kw * in_c / groups, N = out_c */
    float *gain, *offset;                                 /* [N], changed by learning */
    float *value;                                         /* [nnz], changed by learning */
    const int32_t *mask_start;                            /* [N + 1] */
    const uint16_t *mask_row;                             /* [nnz] row k of each entry */
    const float *gain_scale, *offset_scale, *value_scale; /* prior step scales sv, like gain, offset, value */
    double *ms; /* [3], with a rank [5]: running mean squares of gain, offset, value, A, B; 0: none yet */
    uint32_t from_count; /* 0: takes the output of the node before, the first node the network's input */
    const int32_t *from; /* [from_count] which earlier nodes' outputs, -1 the network's input; several: RRAM_ADD, RRAM_CONCAT */
    const uint32_t *parts; /* concat: [from_count] channels of each; not for the first node */
    /* Networks of integers: behind their first analog layer all is int32. */
    uint32_t integer;          /* analog: gives sums of ADC codes, without a correction */
    uint32_t most;             /* thresholds: how many a column has, the highest code; 1..255 */
    const int32_t *thresholds; /* [most][out_c], rising */
    const uint16_t *row;       /* rename: [in] which output an input counts in; sums must lie within -127..127 */
    const int8_t *sign;        /* rename: [in] +1, -1 or 0 */
    /* What optimisers other than RRAM_RMS remember; NULL: no room, such a step leaves the layer as it is. */
    float *velocity; /* [2 N + nnz + rank (K + N)] RRAM_MOMENTUM's mean gradient: gains, offsets, values, A, B; 0 at first */
    uint32_t value_bits, number_bits; /* codes of SRAM values, A, B; of gains, offsets: 1..31, else float32 numbers;
                                         for rram_calibrate() at most 32 */
    const float *grid; /* [5] what one code is worth, powers of two (there from 2^-60 to 2^60): gains, offsets, values,
                          A, B; NULL: no codes */
    double *covariance; /* RRAM_RLS, last node: of each column's gain, offset, values, a lower triangle, row by row */
    const rram_first *first; /* analog: for rram_calibrate(); NULL: this net is not calibrated */
} rram_node;

typedef struct rram_desc {
    const rram_node *nodes; /* copied */
    uint32_t node_count;
    uint32_t level_count;
    const int32_t *quantiles;      /* [levels][2][514], 1/256 G step */
    const int32_t *target;         /* [levels] G steps */
    const double *read_a, *read_b; /* [levels] */
    const float *normal;           /* [514] */
    uint32_t faults[4];            /* thr_low, thr_high, g_low, g_high */
    uint32_t effects;              /* enum rram_effect, or-ed */
    uint64_t seed;
    const double *drift_mean, *drift_sd; /* [levels] G steps a decade of time; NULL: cells stay */
    double decades;                /* that the chip has drifted: log10(1 + age / from), 0: new */
    const double *disturbed;       /* [analog layers] relative change of cells by their reads so far; NULL: none */
    float adc_gain_sigma, adc_offset_sigma; /* standard deviations of the ADCs' gains, and offsets in codes; 0: exact */
    uint32_t adc_share;            /* conversions of a column, one after the other, that one ADC makes; 0 is 1 */
    uint32_t frozen; /* the first so many analog layers do not learn, and have no memory for it: their correction is as
                        it was programmed, or calibrated; all of them: rram_learn() only predicts */
    const double *var; /* [levels] variance of programming, G steps squared; for rram_calibrate() only */
} rram_desc;

typedef struct rram_adapt {
    uint32_t optimizer; /* enum rram_optimizer */
    double lr_t;        /* learning rate of this step */
    double beta;        /* memory of the running mean squares, of momentum's running mean */
    uint32_t rounding;  /* enum rram_rounding: what a step leaves where a node has codes */
    double forgetting;  /* RRAM_RLS: weight of what was known before each step, up to 1 */
    double prior;       /* RRAM_RLS: what the covariance has on its diagonal at the start */
} rram_adapt;

typedef struct rram_net rram_net;

/* Kernel variants, slowest first; all give the same bits. usable: this processor has it. */
int rram_variant_count(void);
const char *rram_variant_name(int variant);
int rram_variant_usable(int variant);
const char *rram_variant_of(const rram_net *net);

/* Bytes of arena that the network needs; 0 where the description is impossible (shapes that do not fit together, sizes
 * out of range, too many nodes). */
size_t rram_arena_size(const rram_desc *desc);

/* Lays the net out in the arena (64-byte aligned) and draws every cell. variant < 0: the fastest usable.
 * NULL where the description is impossible, the arena too small, or a level out of range. */
rram_net *rram_init(const rram_desc *desc, void *arena, size_t size, int variant);

/* x [count][in], logits [count][classes]; image i uses read counter read + i. */
void rram_logits(rram_net *net, const float *x, size_t count, uint64_t read, float *logits);

/* The same for images of bytes, x / 255. */
void rram_logits_bytes(rram_net *net, const uint8_t *x, size_t count, uint64_t read, float *logits);

/* Sums of ADC codes of one analog layer: a [count][layer input], s [count][P][N]. 0: no such layer. */
int rram_raw(rram_net *net, uint32_t layer, const float *a, size_t count, uint64_t read, int32_t *s);

/* One image, one label: logits before the update, then the correction arrays of the description change in place. */
void rram_learn(rram_net *net, const float *x, uint32_t label, uint64_t read, const rram_adapt *adapt, float *logits);

/* Calibration without labels (docs/calibration.md): gain, offset and mask values of every layer are fitted to what the
 * ideal network gives on a few images, layers in order, by Bayesian least squares whose normal equations are summed up
 * image by image. kind: all of it; gains and offsets only; means and deviations as the ideal's. */
enum rram_kind { RRAM_FULL = 0, RRAM_GAINS = 1, RRAM_MOMENTS = 2 };
enum rram_calibrated {
    RRAM_DONE = 0,
    RRAM_AGAIN = 1,    /* a pass is over; the next one takes the same images again */
    RRAM_REFUSED = -1, /* not this net, kind or memory (rram_calibration_size) */
    RRAM_IMAGES = -2,  /* none; not as many as in the first pass; or more than a sum can hold */
    RRAM_RANGE = -3    /* numbers left their range */
};

/* Root mean square of y - y*, relative to the standard deviation of y*, before and after one layer's calibration. */
typedef struct rram_gained {
    double before, after;
} rram_gained;

/* Bytes with which a layer takes one pass over the images, and in *least (may be NULL) those with which it works at all,
 * some columns at a time; neither depends on the number of images. 0: a net of integers, with a low-rank part, or
 * without what the description needs for it. */
size_t rram_calibration_size(const rram_net *net, uint32_t kind, size_t *least);

/* All of it: images x [count][in], image i with read counter read + i; gained [analog layers] or NULL. RRAM_DONE, or
 * less than 0 with the correction as it was. Mean squares of learning (ms) stay as they are. */
int rram_calibrate(rram_net *net, uint32_t kind, const float *x, size_t count, uint64_t read, void *memory, size_t size,
                   rram_gained *gained);
int rram_calibrate_bytes(rram_net *net, uint32_t kind, const uint8_t *x, size_t count, uint64_t read, void *memory,
                         size_t size, rram_gained *gained);

/* The same for images that are not in memory at once: start; every image, then _pass; again while that is RRAM_AGAIN,
 * each image with the same read counter as before. Between start and the end the net does nothing else. NULL: refused.
 * The calibration lies in `memory`. */
typedef struct rram_calibration rram_calibration;
rram_calibration *rram_calibration_start(rram_net *net, uint32_t kind, void *memory, size_t size);
void rram_calibration_image(rram_calibration *c, const float *x, uint64_t read);
void rram_calibration_bytes(rram_calibration *c, const uint8_t *x, uint64_t read);
int rram_calibration_pass(rram_calibration *c, rram_gained *gained);

/* Cells of one analog layer: d [K][N] G steps, v [K][N], vscale [T][N]. 0: no such layer. */
int rram_cells(const rram_net *net, uint32_t layer, int16_t *d, uint8_t *v, float *vscale);

/* The ADCs of one analog layer: gain [A][N] and offset [A][N] in codes, A = ceil(T / adc_share). 0: they are exact, or no
 * such layer. */
int rram_adc(const rram_net *net, uint32_t layer, float *gain, float *offset);

/* For tests and other engines: one Philox4x32-10 block; the words of elements first .. first + count - 1 of a stream,
 * drawn by the kernels of a variant; and their standard normal numbers by a table [514]. 0: this processor does not
 * have the variant. */
void rram_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
int rram_words(int variant, uint64_t seed, uint32_t purpose, uint32_t layer, uint64_t read, uint32_t first,
               size_t count, uint32_t *words);
int rram_normals(int variant, uint64_t seed, uint32_t purpose, uint32_t layer, uint64_t read, uint32_t first,
                 size_t count, const float *table, float *z);

#endif
