/* sim/iface/loop.h: a data policy: what each generation trains on. It plans; the engine draws. */
#ifndef MAD_IFACE_LOOP_H
#define MAD_IFACE_LOOP_H

#include "sim/iface/param.h"

typedef enum mad_block_kind {
    MAD_BLOCK_REAL,     /* the real rows drawn for `generation`: the first n_rows of that draw */
    MAD_BLOCK_SYNTHETIC /* the rows that `generation` left behind (its whole block) */
} mad_block_kind;

typedef struct mad_block {
    mad_block_kind kind;
    size_t generation; /* from 1 */
    size_t n_rows;
} mad_block;

/* The training set of one generation. */
typedef struct mad_plan {
    size_t n_blocks;
    const mad_block *blocks; /* real blocks first, older before newer; taken from `mem` */
    size_t budget;           /* fit on so many rows, drawn without replacement from all; 0 = all */
    double real_weight;      /* total loss weight of the real rows, 0..1; NaN = proportional */
    size_t warm_steps;       /* 0 = from scratch */
} mad_plan;

typedef struct mad_loop {
    const struct mad_loop_type *type;
} mad_loop;

typedef struct mad_loop_type {
    const char *name, *doc, *ref;
    const mad_param *params;
    /** errors  MAD_E_CONFIG: knobs that contradict each other */
    MAD_MUST_CHECK mad_status (*create)(mad_ctx *ctx, const mad_values *values,
                                        size_t n_generations, mad_arena *mem, mad_loop **out);
    /** What generation 1..n_generations trains on. Generation 1 is real data alone. */
    MAD_MUST_CHECK mad_status (*plan)(mad_ctx *ctx, const mad_loop *loop, size_t generation,
                                      mad_arena *mem, mad_plan *out);
    /** Rows of the synthetic block that `generation` leaves for later ones (0 = none). */
    size_t (*n_synthetic)(const mad_loop *loop, size_t generation);
    /** p[tau - 1] = probability that a row of the block left by `generation` is drawn from the
     *  model of generation tau, tau = 1..generation; sums to 1. */
    void (*sources)(const mad_loop *loop, size_t generation, double *p);
    /** Largest generation - tau + 1 with p > 0: models to keep. SIZE_MAX = all of them. */
    size_t (*n_models_kept)(const mad_loop *loop);
} mad_loop_type;

#endif
