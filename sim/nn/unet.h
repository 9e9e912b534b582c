/* sim/nn/unet.h: a U-Net as a list of operations on feature maps. Private to unet*.c and its tests.
 *
 * unet_build.c writes the list from the options, layer by layer (unet_layers.c), unet_memory.c gives
 * every value its place, unet_run.c walks the list forward and backward, unet_embed.c turns noise
 * level and class into one shift per residual block and channel, unet.c is what net.h sees.
 *
 * Consecutive operations of one level form a group. A group runs over chunks of few images, all its
 * operations on one chunk before the next, so that fine levels stay in the second-level cache while
 * coarse levels take many images per visit and so reuse their weights.
 */
#ifndef MAD_NN_UNET_H
#define MAD_NN_UNET_H

#include "sim/nn/net.h"

#define UNET_NONE SIZE_MAX

/* A stack of maps, one per image. Buffers are indices of unet_buffer; UNET_NONE: no such. */
typedef struct unet_value {
    size_t h, w, c;     /* c padded */
    size_t train, eval; /* where it lies in a training and in an evaluation workspace */
    size_t grad;        /* where its gradient lies */
    int needs_grad;
} unet_value;

typedef enum unet_op_kind {
    UNET_WINDOWS,   /* y = 3x3 windows of the dense input */
    UNET_CONV,      /* y = conv(x) (+ bias) (+ shift of the image) (+ add) */
    UNET_NORM,      /* y = silu(gamma x^ + beta), or without silu */
    UNET_GROW,      /* y = x upsampled by 2 */
    UNET_ATTENTION, /* y = softmax(q k^T / sqrt(n_channels)) v, x = [q k v] */
    UNET_GATHER     /* dense output = sum over windows of x, + bias */
} unet_op_kind;

/* How the gradient of a convolution's output reaches the map that was added to it. */
typedef enum unet_add_grad { UNET_ADD_ALIAS, UNET_ADD_COPY, UNET_ADD_SUM } unet_add_grad;

typedef struct unet_op {
    unet_op_kind kind;
    size_t group;
    size_t x, y, add;    /* values */
    size_t weight, bias; /* in the parameter block; of a norm: gamma, beta */
    size_t packed;       /* in the packed layouts */
    size_t shift;        /* index of the embedding's shift */
    mad_conv conv;
    size_t n_channels, groups; /* real channels, groups of a norm */
    int act;
    size_t n_kept;   /* floats an image leaves for the backward pass: moments, probabilities */
    size_t kept;     /* where, in a training workspace: [block_rows][n_kept] */
    int sums_into_x; /* backward: another consumer of x came first, add to its gradient */
    unet_add_grad add_grad;
} unet_op;

typedef struct unet_group {
    size_t level, first, n_ops;
} unet_group;

typedef struct unet_buffer {
    size_t h, w, c, n; /* n = block_rows, or the images of a chunk */
    size_t at;         /* floats from the start of the workspace's memory to the map pointer */
} unet_buffer;

/* Buffers of a workspace, and all the floats they take. */
typedef struct unet_memory {
    unet_buffer *buffer;
    size_t n_buffers, n_floats;
} unet_memory;

/* The channels of one residual block among those of all. */
typedef struct unet_shift {
    size_t c, at; /* padded; the sum of the c before it */
} unet_shift;

typedef enum unet_init_kind { UNET_ZERO, UNET_ONE, UNET_UNIFORM, UNET_NORMAL } unet_init_kind;

/* The law a tensor is drawn from when the parameters are initialised. */
typedef struct unet_init {
    unet_init_kind kind;
    double bound; /* UNET_UNIFORM: -bound..bound */
} unet_init;

typedef struct unet_tensor {
    mad_tensor entry;
    unet_init init;
} unet_tensor;

typedef struct unet_segment {
    size_t begin, count;
    size_t conv; /* the operation whose weights lie here */
    int is_mix;  /* the embedding's second layer lies here */
} unet_segment;

/* Noise level and class, see unet_embed.c. */
typedef struct unet_embed {
    size_t n_waves, n_hidden, ld_hidden;
    size_t n_labels;             /* n_classes and none */
    size_t n_label_inputs;       /* the same, or 0 without classes */
    size_t n_shifts, n_channels; /* residual blocks, and the sum of their c */
    unet_shift *shift;
    /* offsets in the parameter block, matrices [n_in][ld_hidden] but for the last */
    size_t first, first_bias; /* n_in = n_waves */
    size_t mix, mix_bias;     /* n_in = ld_hidden + n_label_inputs */
    size_t last, last_bias;   /* [n_channels][ld_hidden] */
    size_t frequencies;
    size_t mix_packed; /* in the packed layouts: [panels][n_hidden][MAD_PANEL], transposed */
} unet_embed;

typedef struct unet {
    mad_net base;
    const mad_map_kernels *maps;
    mad_unet_options options;
    size_t height, width, channels; /* after space-to-depth */
    size_t n_ops, n_values, n_groups, n_tensors;
    unet_op *op;
    unet_value *value;
    unet_group *group;
    unet_tensor *tensor;
    unet_segment *segment;
    unet_embed embed;
    size_t chunk[MAD_UNET_MAX_LEVELS]; /* images of a level's chunk */
    unet_memory train, eval;
    size_t n_kept;    /* floats of all that forward keeps besides maps */
    size_t n_scratch; /* floats of kernel scratch */
    size_t n_sum;     /* floats of sums over pixels */
    size_t n_probe;   /* evaluation: floats of moments or probabilities of a chunk */
} unet;

typedef struct unet_work {
    mad_net_work base;
    int for_training;
    float *memory;             /* all maps */
    float *kept;               /* training: [n_kept]; evaluation: [n_probe] */
    float *scratch, *sum;      /* [n_scratch], [n_sum] */
    float *dense;              /* [block_rows][dim], NULL without space-to-depth */
    float *shift, *shift_grad; /* block i: [block_rows][c] at block_rows shift[i].at */
    float *rows;               /* [block_rows][n_channels]; evaluation: [n_labels][n_channels] */
    size_t ld_waves, ld_y1, ld_y2;
    float *waves, *y1, *slope1, *y2, *slope2; /* of the embedding; slopes only for training */
} unet_work;

/** The list of operations, parameters, tensors and segments. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_unet_build(mad_ctx *ctx, mad_arena *mem, unet *net);

/** Buffers of every value, for training and for evaluation. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_unet_place(mad_ctx *ctx, mad_arena *mem, unet *net);

/** Carve the embedding's part of a workspace; 0 when memory is short. */
int mad_unet_embed_take(const unet *net, mad_arena *mem, unet_work *work);
/** n_rows noise levels and classes -> work->shift. */
void mad_unet_embed(const unet *net, const float *theta, size_t n_rows, unet_work *work);
/** work->shift_grad -> ADDS to grad. */
void mad_unet_embed_back(const unet *net, const float *theta, const float *packed, size_t n_rows,
                         unet_work *work, float *grad);
/** Every class at one noise level -> work->rows. */
void mad_unet_embed_labels(const unet *net, const float *theta, float c_noise, unet_work *work);
/** Rows of work->rows by the images' labels -> work->shift. */
void mad_unet_pick_labels(const unet *net, size_t n_rows, unet_work *work);
void mad_unet_embed_pack(const unet *net, const float *theta, float *packed);

void mad_unet_forward(const mad_net *net, const float *theta, const float *packed, size_t n_rows,
                      mad_net_work *work);
void mad_unet_backward(const mad_net *net, const float *theta, const float *packed, size_t n_rows,
                       mad_net_work *work, float *grad);
void mad_unet_level(const mad_net *net, const float *theta, const float *packed, float c_noise,
                    mad_net_work *work);
void mad_unet_eval(const mad_net *net, const float *theta, const float *packed, size_t n_rows,
                   mad_net_work *work);

#endif
