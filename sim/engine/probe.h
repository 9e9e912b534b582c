/* sim/engine/probe.h: the parts of a generation, timed on the engine of a run. */
#ifndef MAD_ENGINE_PROBE_H
#define MAD_ENGINE_PROBE_H

#include "sim/engine/forecast.h"
#include "sim/engine/internal.h"

/* What the probed replicates took; means over them. */
typedef struct probe {
    size_t n;                   /* probed side by side */
    size_t trial_steps;         /* of the fit to come; 0: a whole one */
    size_t n_rows;              /* to be sampled */
    mad_set *rows;              /* [n_workers] where they go */
    double *took_s;             /* [n_replicates] by the last call */
    double reference_s;         /* reference rows */
    double floor_s;             /* and the floor */
    double draw_s;              /* the first training set */
    double fit_fixed_s, step_s; /* fit = fixed + step * steps; without steps: fixed */
    size_t generation;          /* whose rows are sampled: guidance and early stop may change */
    double chunk_s, row_s;  /* sampling, of generation 1: per chunk and row of the busiest thread */
    double evaluations;     /* of such a row, and */
    double far_evaluations; /* of a row of the generation where they differ most, */
    double far_like;        /* which takes so many times as long */
} probe;

/* Seconds a generation takes, as far as the parts tell. */
typedef struct shape {
    double train_s, sample_s, measure_s; /* of one replicate */
    double wall_s;                       /* of all */
} shape;

/* What one generation does. */
typedef struct workload {
    size_t n_train;           /* rows the fit sees */
    size_t n_pool;            /* rows held */
    size_t n_real, n_sampled; /* new in this generation */
    mad_model_cost cost;      /* of its fit, and of a row of the fitted model */
} workload;

/** The workload of a generation. errors  those of plan() */
MAD_MUST_CHECK mad_status mad_probe_plan(mad_ctx *ctx, const engine *g, size_t generation,
                                         workload *out);

/**
 * Fill g->probe: floors (of more replicates than are timed), the first training set, a fit or, when
 * out->n_steps is set, a part of one, and sampling of up to n_most_rows. Sets n_floors,
 * n_steps_probed and n_rows_probed.
 *
 * work    of all generations
 * errors  those of the plug-ins; MAD_E_INTERRUPTED
 */
MAD_MUST_CHECK mad_status mad_probe_parts(mad_ctx *ctx, engine *g, double seconds,
                                          const workload *work, size_t n_most_rows,
                                          mad_forecast *out);

/** Seconds of generation `generation` of these workloads, those of all generations. */
shape mad_probe_shape(const mad_ctx *ctx, const engine *g, const workload *work, size_t generation);

/** Seconds of the sample preview of one commit. */
double mad_probe_preview_s(const mad_ctx *ctx, const engine *g);

#endif
