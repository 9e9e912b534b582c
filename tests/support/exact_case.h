/* tests/support/exact_case.h: models of the family `exact` on two labelled clusters in the plane, or
 * on categories. Functions fail the running test unless they return a status. */
#ifndef MAD_TESTS_SUPPORT_EXACT_CASE_H
#define MAD_TESTS_SUPPORT_EXACT_CASE_H

#include "models/diffusion/exact/exact.h"

extern const mad_model_type mad_model_exact;

enum { MAD_EXACT_CASE_ROWS = 400 };

typedef struct mad_exact_case {
    mad_world_info world;
    mad_values values;
    mad_model *model;
    mad_set train;
} mad_exact_case;

/** The plane with its two modes, by class or without; n categories. */
mad_world_info mad_exact_on_plane(size_t n_classes);
mad_world_info mad_exact_on_categories(size_t n);

/** A model with these keys. A failure is left in ctx. */
mad_status mad_exact_case_make(mad_ctx *ctx, mad_arena *mem, mad_exact_case *out,
                               mad_world_info world, size_t n_pairs, const char *const *pairs);

/** Its training rows: two clusters of unequal size, class = cluster; or a category below 6. */
void mad_exact_case_draw(mad_ctx *ctx, mad_arena *mem, mad_exact_case *c);

void mad_exact_case_fit(mad_ctx *ctx, mad_exact_case *c, uint32_t generation, double *report);
mad_set mad_exact_case_rows(mad_ctx *ctx, mad_arena *mem, const mad_exact_case *c, size_t n_rows);
const mad_exact *mad_exact_case_state(const mad_exact_case *c);

#endif
