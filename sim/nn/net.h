/* sim/nn/net.h: a network F(x; c_noise, class): what training and sampling see of MLP and U-Net; of a
 * classifier F(x), logits (lenet.h).
 *
 * Parameters are one block of floats (gradients, moments and averages have the same layout); every
 * matrix may be padded with zeros, and pads stay zero under every operation here. A network never
 * allocates after create: each thread works in a mad_net_work carved beforehand. Segments cover
 * the trained floats; what is drawn once and never trained lies behind them in the block.
 */
#ifndef MAD_NN_NET_H
#define MAD_NN_NET_H

#include "sim/base/rng.h"
#include "sim/nn/kernels.h"

typedef struct mad_net mad_net;

/* One named tensor inside a parameter block, for exchange with other programs: element (i, j, ..)
 * lies at offset + i stride[0] + j stride[1] + ... Shapes are those of PyTorch: a linear layer is
 * [n_out][n_in], a convolution [c_out][c_in][3][3]. */
typedef struct mad_tensor {
    char name[64];
    int trained; /* 0: drawn by init and never changed (frequencies of the noise embedding) */
    size_t rank; /* 1..4 */
    size_t shape[4], offset;
    ptrdiff_t stride[4];
} mad_tensor;

/* A piece of a parameter block, for work in parallel over parameters. */
typedef struct mad_segment {
    size_t begin, count; /* floats */
} mad_segment;

/* Inputs and outputs of up to net->block_rows rows; belongs to one thread at a time. A network's
 * own workspace starts with this struct. */
typedef struct mad_net_work {
    float *x;       /* [block_rows][dim] dense, filled by the caller (c_in times the noisy row) */
    float *c_noise; /* [block_rows] filled by the caller before forward; NULL: not read */
    int32_t *label; /* [block_rows] class, or n_classes = no class; unused when n_classes is 0 */
    float *out;     /* [block_rows][n_out] F; before backward: dL/dF, written by the caller */
    float *dx; /* [block_rows][dim] the caller's: where backward leaves dL/dx (mlp alone); NULL:
                       not wanted */
} mad_net_work;

typedef struct mad_net_type {
    const char *name;
    /** Random initial weights; streams (key, first_item + i), one per tensor. */
    void (*init)(const mad_net *net, mad_key key, uint64_t first_item, float *theta);
    /** Segment i of net->n_segments, in the order of the block; together they cover what is
     *  trained. begin and count are multiples of 16. */
    mad_segment (*segment)(const mad_net *net, size_t i_segment);
    /** Write what segment i contributes to the layouts the kernels read. packed: [n_packed] */
    void (*pack)(const mad_net *net, const float *theta, size_t i_segment, float *packed);
    /** Tensor i, or return 0 when there are fewer. */
    int (*tensor)(const mad_net *net, size_t i_tensor, mad_tensor *out);
    /** Carve a workspace, for training or (smaller) for evaluation. MAD_E_MEMORY. */
    MAD_MUST_CHECK mad_status (*work_take)(mad_ctx *ctx, const mad_net *net, int for_training,
                                           mad_arena *mem, mad_net_work **out);
    /** x, c_noise, label -> out, keeping what backward needs. n_rows <= block_rows. */
    void (*forward)(const mad_net *net, const float *theta, const float *packed, size_t n_rows,
                    mad_net_work *work);
    /** out holds dL/dF: ADDS dL/dtheta to grad[n_params]. Right after forward of the same rows. */
    void (*backward)(const mad_net *net, const float *theta, const float *packed, size_t n_rows,
                     mad_net_work *work, float *grad);
    /** Sampling: all rows that follow have this noise level; what depends on the level and the class
     *  alone is computed here, once. */
    void (*level)(const mad_net *net, const float *theta, const float *packed, float c_noise,
                  mad_net_work *work);
    /** x, label -> out at the level set before; nothing is kept. n_rows <= block_rows. */
    void (*eval)(const mad_net *net, const float *theta, const float *packed, size_t n_rows,
                 mad_net_work *work);
} mad_net_type;

/* A network's own struct starts with this one. */
struct mad_net {
    const mad_net_type *type;
    const mad_kernels *kernels;
    size_t dim, n_classes;
    size_t n_out;      /* columns of F: dim; of a classifier its classes */
    size_t block_rows; /* most rows of one pass; part of every result: fixes the order of sums */
    size_t n_params;   /* floats of a parameter block, pads included */
    size_t n_weights;  /* trained parameters, without pads */
    size_t n_packed;   /* floats of the packed layouts */
    size_t n_segments;
    double
        macs; /* multiply-adds of one row forward, without pads, convolutions counted as direct */
};

typedef enum mad_embedding {
    MAD_EMBED_SINUSOIDAL, /* sin, cos of c_noise f, f geometric from 1 to 32 */
    MAD_EMBED_FOURIER,    /* the same with f drawn once from N(0, 16^2), part of the parameters'
                             seed, not trained (Tancik et al. 2020; Song et al. 2021) */
    MAD_EMBED_NONE        /* n_embed is 0: F does not hang on c_noise */
} mad_embedding;

typedef struct mad_mlp_options {
    size_t dim, n_classes;
    size_t n_out;        /* 0 = dim */
    size_t width, depth; /* depth = hidden layers, >= 1 */
    size_t n_embed;      /* even */
    mad_embedding embedding;
} mad_mlp_options;

#define MAD_UNET_MAX_LEVELS 5

/* Rows are pictures [height][width][channels]. Level l works at height / 2^l (after `patch`). */
typedef struct mad_unet_options {
    size_t height, width, channels, n_classes;
    size_t patch;    /* 1, or 2: 2x2 space-to-depth at both ends */
    size_t base;     /* channels of level 0 are base mult[0], and so on */
    size_t n_levels; /* 1..MAD_UNET_MAX_LEVELS */
    size_t mult[MAD_UNET_MAX_LEVELS];
    size_t n_blocks;                    /* residual blocks per level and direction */
    int attention[MAD_UNET_MAX_LEVELS]; /* 1: self-attention after every block of this level */
    size_t groups;                      /* of GroupNorm; even, divides every level's channels */
    size_t n_embed;                     /* sines and cosines of c_noise; even */
    size_t n_hidden;                    /* width of the embedding of noise level and class */
    mad_embedding embedding;
} mad_unet_options;

/** errors  MAD_E_CONFIG naming the key (net.*) and the allowed values; MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_mlp_create(mad_ctx *ctx, const mad_kernels *kernels,
                                         const mad_mlp_options *options, mad_arena *mem,
                                         mad_net **out);
MAD_MUST_CHECK mad_status mad_unet_create(mad_ctx *ctx, const mad_kernels *kernels,
                                          const mad_unet_options *options, mad_arena *mem,
                                          mad_net **out);

/** Pack every segment, on the calling thread. */
void mad_net_pack_all(const mad_net *net, const float *theta, float *packed);

#endif
