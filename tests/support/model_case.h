/* tests/support/model_case.h: a model, the world it learns and what a fit needs. Functions fail the
 * running test unless they return a status. */
#ifndef MAD_TESTS_SUPPORT_MODEL_CASE_H
#define MAD_TESTS_SUPPORT_MODEL_CASE_H

#include "sim/iface/model.h"

enum { MAD_MODEL_CASE_ROWS = 200000, MAD_MODEL_CASE_LOSS = 400 };

/* Lists of "key=text", which end at NULL. */
typedef struct mad_known_model {
    const mad_model_type *type;
    const char *pairs[6];
    const mad_world_type *world;
    const char *world_pairs[6];
} mad_known_model;

typedef struct mad_model_case {
    mad_arena *mem; /* holds all of it, the case too */
    const mad_world *world;
    mad_model *model;
    double loss[MAD_MODEL_CASE_LOSS], samples_seen, flops;
} mad_model_case;

/** For at most 5000 training rows and MAD_MODEL_CASE_ROWS rows a draw. Destroy case->mem. */
mad_model_case *mad_model_case_create(mad_ctx *ctx, const mad_known_model *known);

/** Room for n rows; n rows of the world; n rows of the model, the first chunk's item given. */
mad_set mad_model_case_take(mad_ctx *ctx, mad_model_case *c, size_t n);
mad_set mad_model_case_real(mad_ctx *ctx, mad_model_case *c, size_t n);
mad_set mad_model_case_sample(mad_ctx *ctx, mad_model_case *c, size_t n, uint64_t first_item);

/** A fit of generation 1; warm_steps as in mad_fit_args. */
mad_status mad_model_case_fit(mad_ctx *ctx, mad_model_case *c, const mad_set *train,
                              size_t warm_steps);

/** The model's own moments. */
mad_moments mad_model_case_law(mad_ctx *ctx, mad_model_case *c);

#endif
