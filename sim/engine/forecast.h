/* sim/engine/forecast.h: what a run will cost, from a short probe in the engine's own code. */
#ifndef MAD_ENGINE_FORECAST_H
#define MAD_ENGINE_FORECAST_H

#include "sim/engine/engine.h"

typedef struct mad_forecast {
    double floor_s; /* reference rows and floors of all replicates, before generation 1 */
    double train_s, sample_s, measure_s; /* of a generation of one replicate, mean over the run */
    double generation_s;                 /* of a generation of all replicates, mean over the run */
    double commit_s;                     /* of writing one commit; 0: not probed */
    double total_s;
    double n_turns;                     /* replicates that follow each other on a thread */
    double peak_bytes;                  /* largest resident set of the run's process */
    double run_bytes, generation_bytes; /* run.h5; all generation files together */
    size_t n_floors;                    /* replicates whose floors are filled in */
    double n_steps, n_steps_probed;     /* optimiser steps of generation 1's fit; 0: no steps */
    size_t
        n_rows_probed; /* sampled; 0: none are, or so slow that operations were counted instead */
    size_t n_generations_run; /* whole generations of all replicates; 0: only parts */
    mad_model_cost cost; /* what the model says of itself, mean over the generations; 0 = unknown */
} mad_forecast;

/**
 * Probe and scale. Always: memory of the whole run, reference rows and floors of a few replicates,
 * the first training set, a fit (of models with MAD_MODEL_STEPS a part of it), some sampled rows;
 * on as many replicates side by side as the run will have. Where some whole generations fit into
 * `seconds`, they are run as the run would, into scratch_dir, and count instead; times of other
 * generations are in proportion to the probed parts, their plans' rows and what the model says a
 * row and a fit cost in each.
 *
 * scratch_dir  an empty folder, NULL: nothing is written; what is left in it is the caller's
 * errors       those of a run;  MAD_E_INTERRUPTED: the stop flag
 */
MAD_MUST_CHECK mad_status mad_forecast_make(mad_ctx *ctx, const mad_experiment *experiment,
                                            double seconds, const char *scratch_dir,
                                            mad_forecast *out);

#endif
