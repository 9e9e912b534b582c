/* tests/support/metric_case.h: two sets and a world, measured as the engine would. */
#ifndef MAD_TESTS_SUPPORT_METRIC_CASE_H
#define MAD_TESTS_SUPPORT_METRIC_CASE_H

#include "sim/iface/metric.h"

enum { MAD_CASE_OUTPUTS = 24 };

/* One comparison; whoever fills it sets world, real, fake and, in categorical worlds, p. */
typedef struct metric_case {
    mad_ctx *ctx;
    mad_arena *mem;
    mad_values values; /* of all measures */
    mad_world_info world;
    mad_set real, fake, train; /* train: no rows unless filled */
    const double *real_p, *fake_p;
    const double *directions; /* [n_directions][dim]; NULL: seeded */
    size_t n_directions;
    mad_recovery real_found, fake_found; /* no rows unless filled */
    const double *real_log_p, *fake_log_p;
    double out[MAD_CASE_OUTPUTS];
} metric_case;

/** Contexts, memory and the measure section; pairs as in values.h. NULL when something fails. */
metric_case *mad_case_create(size_t n_threads, size_t n_pairs, const char *const *pairs);
void mad_case_destroy(metric_case *c);

/** Zeroed rows (and labels 0) for both sides; world.dim is set. */
int mad_case_sets(metric_case *c, size_t n_real, size_t n_fake, size_t dim);

/** Laws of the rows (ddof = 1, two rows at least) and then c->out = the group's values. */
mad_status mad_case_eval(metric_case *c, const mad_metric_type *type);

/** A group by name; NULL when there is none. */
const mad_metric_type *mad_case_group(const char *name);

/** The values of the last group: `, "name": "value"` for each, on stdout. */
void mad_case_print(const metric_case *c, const mad_metric_type *type);

/** One value of a group; aborts when the group cannot be taken. */
double mad_case_value(metric_case *c, const mad_metric_type *type, const char *name);

/** Index of an output by name; aborts when there is none. */
size_t mad_case_output(const mad_metric_type *type, const char *name);

#endif
