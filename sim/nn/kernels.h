/* sim/nn/kernels.h: the arithmetic of networks, one table per instruction set.
 *
 * All matrices are float. Widths are padded to multiples of MAD_PANEL, pads hold zeros, and a
 * matrix that is the right-hand factor of a product is read in panels of MAD_PANEL columns:
 *   b(k, n) = b[(n / MAD_PANEL) * b_panel + k * b_k + n % MAD_PANEL].
 */
#ifndef MAD_NN_KERNELS_H
#define MAD_NN_KERNELS_H

#include <stddef.h>

#include "sim/base/ctx.h"
#include "sim/nn/maps.h"

#define MAD_PANEL ((size_t)32)

/* The right-hand factor of a product: see the top of the file. */
typedef struct mad_panels {
    const float *b;
    size_t b_k, b_panel;
} mad_panels;

typedef struct mad_adam {
    float rate;         /* learning rate over the bias correction of m: lr / (1 - beta1^t) */
    float unbias_v;     /* 1 / (1 - beta2^t) */
    float beta1, beta2; /* decay of the moments */
    float eps;          /* added to the root of the corrected v */
    float clip;         /* factor of the gradient: min(1, limit / norm) */
    float ema;          /* weight of the new parameters in the average */
    float decay;        /* learning rate times decoupled weight decay */
} mad_adam;

/* Pointers are 64-byte aligned blocks that do not overlap unless said; n_out and n_n are multiples
 * of MAD_PANEL, every ld is a multiple of 16. Nothing allocates; rows do not see each other. */
typedef struct mad_kernels {
    const char *name;

    /** y[r][o] = silu(z), slope[r][o] = silu'(z), z = bias[o] + sum_i x[r][i] w(i, o);
     *  silu(z) = z / (1 + exp(-z)). slope may be NULL.
     *  shape  x: [n_rows][ld_x]; y, slope: [n_rows][ld_y]; bias: [n_out] */
    void (*affine_silu)(size_t n_rows, size_t n_in, size_t n_out, const float *x, size_t ld_x,
                        mad_panels w, const float *bias, float *y, float *slope, size_t ld_y);

    /** y[r][o] = bias[o] + sum_i x[r][i] w[o][i]: the last layer; n_in a multiple of MAD_PANEL,
     *  n_out any number.
     *  shape  x: [n_rows][ld_x]; w: [n_out][n_in]; y: [n_rows][ld_y] */
    void (*affine_few)(size_t n_rows, size_t n_in, size_t n_out, const float *x, size_t ld_x,
                       const float *w, const float *bias, float *y, size_t ld_y);

    /** slope[r][n] <- slope[r][n] * sum_k dy[r][k] b(k, n): from the gradient of a layer's output
     *  to that of the pre-activation below it (chain rule; overwrites slope, does not accumulate).
     *  shape  dy: [n_rows][ld_dy]; slope: [n_rows][ld_n] */
    void (*back_rows)(size_t n_rows, size_t n_k, size_t n_n, const float *dy, size_t ld_dy,
                      mad_panels b, float *slope, size_t ld_n);

    /** c[m][n] += sum_r a[r][m] b[r][n]: gradient of a weight matrix (ACCUMULATES).
     *  shape  a: [n_rows][ld_a]; b: [n_rows][ld_b]; c: [n_m][ld_c] */
    void (*back_weights)(size_t n_rows, size_t n_m, size_t n_n, const float *a, size_t ld_a,
                         const float *b, size_t ld_b, float *c, size_t ld_c);

    /** c[n] += sum_r b[r][n]: gradient of a bias (ACCUMULATES). */
    void (*back_bias)(size_t n_rows, size_t n_n, const float *b, size_t ld_b, float *c);

    /** y[r][j] = sin(u[r] f[j]), y[r][n_freq + j] = cos(u[r] f[j]); |u f| <= 1000, abs error 2e-6.
     *  shape  u: [n_rows]; f: [n_freq]; y: [n_rows][ld_y] */
    void (*waves)(size_t n_rows, size_t n_freq, const float *u, const float *f, float *y,
                  size_t ld_y);

    /** g[i] = sum_s slot[s][i] in the order of s, and slot <- 0; returns sum_i g[i]^2.
     *  shape  slot: n_slots blocks of [n], `stride` floats apart; g: [n] */
    double (*gather)(size_t n, size_t n_slots, size_t stride, float *slot, float *g);

    /** One step of Adam (Kingma & Ba 2015, algorithm 1) with decoupled weight decay (AdamW:
     *  Loshchilov & Hutter 2019, algorithm 2) and of the parameter average:
     *    g' = clip g;  m = beta1 m + (1 - beta1) g';  v = beta2 v + (1 - beta2) g'^2;
     *    theta -= decay theta + rate m / (sqrt(v unbias_v) + eps);
     *     mean += ema (theta - mean).
     *  shape  all [n] */
    void (*adam)(size_t n, const mad_adam *step, const float *g, float *m, float *v, float *theta,
                 float *mean);

    const mad_map_kernels *maps; /* what convolutional networks need besides */
} mad_kernels;

typedef enum mad_isa {
    MAD_ISA_REFERENCE, /* plain loops, sums in double: what the others are tested against */
    MAD_ISA_PLAIN,     /* whatever the compiler's baseline offers */
    MAD_ISA_AVX2,      /* AVX2 and FMA */
    MAD_ISA_AVX512     /* AVX-512 F, BW, DQ, VL */
} mad_isa;

/** NULL when this build or this processor does not have it. */
const mad_kernels *mad_kernels_for(mad_isa isa);

/**
 * The fastest this processor has, or the one the environment variable MADLOOP_ISA names
 * (reference, plain, avx2, avx512): runs of several machines can so be made bit-equal.
 *
 * errors  MAD_E_USAGE: unknown name, or not available here
 */
MAD_MUST_CHECK mad_status mad_kernels_choose(mad_ctx *ctx, const mad_kernels **out);

#endif
