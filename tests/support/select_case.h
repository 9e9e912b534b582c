/* tests/support/select_case.h: selections asked directly, with candidates of a known law in place of
 * a model's. Functions fail the running test unless they return a status. */
#ifndef MAD_TESTS_SUPPORT_SELECT_CASE_H
#define MAD_TESTS_SUPPORT_SELECT_CASE_H

#include "sim/iface/setting.h"

typedef struct mad_select_case {
    mad_ctx *ctx;
    mad_arena *mem;
    mad_world *world;
    mad_setting setting; /* world, select and its values; the caller adds a model */
} mad_select_case;

/* What is asked: pairs are "key=text", the last NULL. */
typedef struct mad_select_ask {
    const mad_world_type *world;
    const char *const *world_pairs;
    const mad_select_type *select;
    const char *const *pairs;
} mad_select_ask;

/** Values that the table refuses, or check() does, are left in ctx and returned. */
mad_status mad_select_case_open(size_t n_threads, const mad_select_ask *ask, mad_select_case *out);
/** The same; a failure is the test's. */
mad_select_case mad_select_case_must(size_t n_threads, const mad_select_ask *ask);
void mad_select_case_close(mad_select_case *c);

/** n rows: columns independent N(0, 1), or categories of the law p[n_categories]. */
mad_set mad_select_case_normals(mad_select_case *c, size_t n, uint32_t replicate);
mad_set mad_select_case_categories(mad_select_case *c, size_t n, size_t n_categories,
                                   const double *p, uint32_t replicate);

/** Candidates that the selection draws for n_wanted rows. */
size_t mad_select_case_n(const mad_select_case *c, size_t n_wanted);

/** One batch; its weights are NULL where the selection gives none. The picks are checked: ascending, in
 *  range, not too many, weights positive of mean 1, reports not NaN. */
mad_selection mad_select_case_choose(mad_select_case *c, const mad_set *candidates, size_t n_wanted,
                                     uint32_t replicate, mad_model *model);

#endif
