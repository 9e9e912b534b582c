/* sim/iface/metric.h: measures: real rows or law against the model's. */
#ifndef MAD_IFACE_METRIC_H
#define MAD_IFACE_METRIC_H

#include "sim/iface/world.h"

enum {
    MAD_NEEDS_SAMPLES = 1,    /* real and fake rows; in a run equally many */
    MAD_NEEDS_LAW = 2,        /* mean and covariance of both sides */
    MAD_NEEDS_CATEGORIES = 4, /* probabilities of both sides: categorical worlds only */
    MAD_NEEDS_LABELS = 8,   /* labels on both sides: worlds with classes, models that learn them */
    MAD_NEEDS_MODES = 16,   /* a world that knows its modes */
    MAD_NEEDS_DENSITY = 32, /* log density of the real rows under a model that offers it */
    MAD_NEEDS_TRAIN = 64,   /* the rows the model was trained on */
    MAD_BY_NAME = 128, /* costly, or for special questions: taken when asked for by name, not by
                         `metrics: auto` */
    MAD_NEEDS_FACTORS = 256,        /* a world that reads back what its rows are made of */
    MAD_NEEDS_WORLD_DENSITY = 512,  /* log density of rows under the world that offers it */
    MAD_ANY_SCALE = 1024,           /* also defined where the squares of rows are not */
    MAD_NEEDS_DENSITY_BEFORE = 2048 /* with MAD_NEEDS_DENSITY: also under the model before */
};

typedef enum mad_side { MAD_SIDE_REAL, MAD_SIDE_FAKE } mad_side;

typedef struct mad_metric_in {
    const mad_world_info *world;
    const mad_values *values;   /* the `measure` section */
    const mad_set *real, *fake; /* NULL unless needed; real: held out of training */
    const mad_set *train;       /* NULL unless needed; no rows where none could be had (n_rows 0) */
    const mad_moments *real_law, *fake_law; /* exact where known, else of the sets with ddof = 1 */
    const double *real_p, *fake_p;          /* [n_categories] exact where known, else frequencies */
    const double
        *log_density; /* [real->n_rows] under the model; NULL in the floor: no model there */
    const double *log_density_before; /* the same under the model of the generation before; NULL in
                                         generation 1, in the floor and unless needed */
    double real_share;                /* real rows over all of the training set; NaN in the floor */
    const double *directions; /* [n_directions][dim] of sliced measures, of any length but 0, in
                                 place of random ones; NULL: measure.directions from the key */
    size_t n_directions;
    const mad_recovery *real_found, *fake_found; /* by the world; without rows unless needed */
    const double *real_log_p, *fake_log_p;       /* [n_rows] under the world; NULL unless needed */
    mad_key key;          /* purpose MAD_RNG_DIRECTIONS; same for all generations */
    const void *prepared; /* what the type's `prepare` left; NULL without one */
} mad_metric_in;

/* One dataset /metrics/NAME. */
typedef struct mad_metric_output {
    const char *name, *long_name, *units; /* units: "1" when dimensionless */
    const char *direction;                /* "higher", "lower" or "target": which way is better */
    const char *definition, *reference;   /* one line; paper */
    const char *undefined; /* when the value is NaN, in words, beside MAD_METRIC_OVERFLOW; NULL:
                              never, given min_rows */
    int is_infinite;       /* 1: the definition may give +INFINITY */
    const char *estimator; /* how the definition is estimated from rows; NULL: plug-in */
} mad_metric_output;

/** When any value may be NaN. */
#define MAD_METRIC_OVERFLOW "where numbers, or squares of the rows, leave double precision"

/** What stands for a value: NaN for a +INFINITY that the definition does not give. */
double mad_metric_value(const mad_metric_output *output, double value);

typedef struct mad_metric_type {
    const char *name, *doc;
    const mad_param *params; /* keys of the `measure` section it reads; NULL = none */
    unsigned needs;
    unsigned worlds;                  /* bit set of 1u << mad_world_kind */
    const mad_metric_output *outputs; /* ends at name == NULL */
    const char *beside; /* NULL, or the output of another group that is taken whenever one of this
                           is: a parameter that hangs on the rows */
    /** Smallest number of rows of a side for the named output (values: the measure section). */
    size_t (*min_rows)(const mad_values *values, size_t dim, size_t i_output, mad_side side);
    /** NULL: always. Whether the output means something in a world that meets the needs: `auto`
     *  leaves it out where not. */
    int (*fits)(const mad_world_info *world, size_t i_output);
    /**
     * NULL, or: what hangs on the real rows (and the world) alone. Once per replicate, for all its
     * evals; lives as long as mem. `in` has neither fake, train nor log_density.
     */
    MAD_MUST_CHECK mad_status (*prepare)(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem,
                                         const void **out);
    /**
     * values[i] of every output. Degenerate input (a point, duplicates) gives a defined value, -INF
     * or, as the output's `undefined` says, NaN; never an error.
     * errors  MAD_E_MEMORY, MAD_E_NONFINITE (numerical failure)
     */
    MAD_MUST_CHECK mad_status (*eval)(mad_ctx *ctx, const mad_metric_in *in, double *values);
} mad_metric_type;

/** The larger of the needs of both sides. */
size_t mad_metric_rows(const mad_metric_type *type, const mad_values *values, size_t dim,
                       size_t i_output);

/**
 * Whether squares of the rows are well inside double precision: no number is beyond 2^496, and not
 * all are nearer to 0 than 2^-496. Where not, measures without MAD_ANY_SCALE are not taken: their
 * values are NaN (MAD_METRIC_OVERFLOW).
 */
int mad_metric_can_square(const mad_metric_in *in);

/** What stands for the law of the rows in a value that was taken from rows. */
static inline const char *mad_metric_estimator(const mad_metric_type *type,
                                               const mad_metric_output *output)
{
    return output->estimator != NULL     ? output->estimator
           : type->needs & MAD_NEEDS_LAW ? "plug-in, covariances with ddof = 1"
                                         : "plug-in";
}

#endif
