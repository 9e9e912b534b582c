/* sim/engine/engine.h: the generation orchestrator: replicates, generations, commits, resume. */
#ifndef MAD_ENGINE_ENGINE_H
#define MAD_ENGINE_ENGINE_H

#include "sim/config/config.h"
#include "sim/iface/setting.h"
#include "sim/store/runfile.h"

/* An experiment: configuration checked as a whole, world and loop created, layout laid out. */
typedef struct mad_experiment mad_experiment;

/**
 * Read data files, create world and loop, check that model, bias, loop and metrics fit together.
 * errors  MAD_E_UNSUPPORTED, MAD_E_RANGE, MAD_E_CONFIG and those of the data readers, all before
 *         anything is run
 * memory  from mem; config and registry are borrowed and must outlive the experiment
 */
MAD_MUST_CHECK mad_status mad_experiment_create(mad_ctx *ctx, mad_arena *mem,
                                                const mad_config *config,
                                                const mad_registry *registry, mad_experiment **out);

const mad_setting *mad_experiment_setting(const mad_experiment *experiment);
const mad_run_layout *mad_experiment_layout(const mad_experiment *experiment);

/* Progress: called on the main thread after each generation of all replicates. */
typedef struct mad_progress {
    size_t generation, n_generations;
    size_t replicate, n_replicates; /* finished replicates of this generation */
    double elapsed_s, eta_s;
} mad_progress;

typedef struct mad_run_options {
    const char *dir;         /* folder that exists; NULL: nothing is written */
    size_t first_generation; /* 1, or n_done + 1 to resume (dir needed) */
    double max_hours;        /* <= 0: no limit; when over: MAD_E_INTERRUPTED, state saved */
    void *arg;
    void (*progress)(void *arg, const mad_progress *progress); /* NULL: none */
    /** Gets every commit too: data[i_series] [R][n_gens][width] as mad_run_commit; NULL: none. */
    void (*commit)(void *arg, size_t begin, size_t n_gens, const double *const *data);
} mad_run_options;

/**
 * Run generations first_generation..G of every replicate.
 *
 * errors   what the plug-ins report; MAD_E_INTERRUPTED after the stop flag: everything committed
 *          stays, the generation in progress is dropped
 * threads  same bits for any number
 */
MAD_MUST_CHECK mad_status mad_engine_run(mad_ctx *ctx, const mad_experiment *experiment,
                                         const mad_run_options *options);

#endif
