/* tests/support/trained.h: small trained diffusion models on two labelled clusters. Functions fail
 * the running test unless they return a status. */
#ifndef MAD_TESTS_SUPPORT_TRAINED_H
#define MAD_TESTS_SUPPORT_TRAINED_H

#include "models/diffusion/net/diffusion.h"

extern const mad_model_type mad_model_diffusion;

typedef struct mad_trained {
    mad_ctx *ctx;
    mad_arena *mem;
    mad_world_info world;
    mad_values values;
    mad_model *model;
    mad_set train;
} mad_trained;

/** A plane, or with side > 0 pictures of side x side pixels of one channel. */
mad_world_info mad_trained_world(size_t n_classes, size_t side);

/**
 * A model with a small net and few steps (later pairs win) and n_rows training rows: noise of sd
 * 0.2 on the first coordinate about 3 (even rows) or -1, of sd 1 on the others; label = row number
 * modulo n_classes.
 */
mad_status mad_trained_make(mad_ctx *ctx, mad_arena *mem, const mad_world_info *world,
                            size_t n_rows, size_t n_more, const char *const *more,
                            mad_trained *out);

mad_fit_args mad_trained_fit_args(uint32_t generation, size_t warm_steps);
void mad_trained_fit(const mad_trained *t, uint32_t generation, size_t warm_steps);
mad_set mad_trained_sample(const mad_trained *t, size_t n_rows);
mad_diffusion *mad_trained_state(const mad_trained *t);

/** Copy every field of one model into another of the same settings. */
void mad_trained_copy(const mad_trained *from, const mad_trained *to);

#endif
