/* tests/support/known_law.h: the laws that tests of measures draw real rows from: worlds of known truth. */
#ifndef MAD_TESTS_SUPPORT_KNOWN_LAW_H
#define MAD_TESTS_SUPPORT_KNOWN_LAW_H

#include "sim/iface/metric.h"

/* Rows, and what the world reads back from them (without rows in worlds that do not). */
typedef struct mad_sample {
    mad_set rows;
    mad_recovery found;
} mad_sample;

typedef struct mad_known_law_type {
    const char *name, *doc; /* NULL ends the list */
    const mad_world_type *world;
    const char *pair[2]; /* "key=text"; NULL: no more */
    unsigned collapses;  /* bit set of 1u << mad_collapse_kind: what it can lose */
} mad_known_law_type;

/* The cheapest first; ends at name == NULL. */
extern const mad_known_law_type mad_known_laws[];

enum { MAD_N_KNOWN_LAWS = 8 };

/**
 * Rows of pictures are drawn, and read back, once: samples take them from this pool with replacement,
 * and are samples of its law. Other worlds draw anew.
 */
typedef struct mad_known_law {
    const mad_known_law_type *type;
    const mad_world *world;
    size_t n_groups; /* what a row has one of: see mad_known_law_group; 0: nothing */
    size_t n_pool;
    mad_sample pool;
    double
        *square; /* [n_pool][n_factors] of the true factors less their mean, over sd; of the pool */
    double *reach; /* [n_pool] ascending, mad_known_law_reach of such rows */
} mad_known_law;

/** errors  those of the world; MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_known_law_open(mad_ctx *ctx, mad_arena *mem,
                                             const mad_known_law_type *type, size_t n_pool,
                                             mad_known_law *out);

static inline int mad_known_law_is_pooled(const mad_known_law *law)
{
    return law->world->info.height > 0;
}

/** Room for n rows. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_sample_take(mad_ctx *ctx, mad_arena *mem, const mad_world_info *info,
                                          size_t n, mad_sample *out);

/** Row i of `from` becomes row j of `to`. */
void mad_sample_copy(const mad_world_info *info, const mad_sample *from, size_t i, size_t j,
                     mad_sample *to);

/** The row's mode, class or category; of a scene the kind of its nearest object. */
size_t mad_known_law_group(const mad_known_law *law, const mad_sample *rows, size_t i);

/** [dim] what the row is spread around: its mode, else the law's mean; NULL: a category. */
const double *mad_known_law_centre(const mad_known_law *law, const mad_sample *rows, size_t i);

/** How far out row i is: sum of `square` (rows are the pool), squared distance from its centre, or
 *  its category, the rarer the farther; equal categories by chance. */
double mad_known_law_reach(const mad_known_law *law, const mad_sample *rows, size_t i,
                           mad_rng *rng);

#endif
