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

/**
 * The world of a configuration alone, its data files read; from mem.
 * errors  those of the data readers and of the world's create
 */
MAD_MUST_CHECK mad_status mad_experiment_world(mad_ctx *ctx, mad_arena *mem,
                                               const mad_config *config, mad_world **out);

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
    const char *model_cache; /* folder of models of generation 1 that runs share; NULL: none */
    void *arg;
    void (*progress)(void *arg, const mad_progress *progress); /* NULL: none */
    /** Asked before every commit: a failure ends the run without it; NULL: not asked. */
    mad_status (*guard)(mad_ctx *ctx, void *guard_arg);
    void *guard_arg;
    /** Gets every commit too: data[i_series] [R][n_gens][width] as mad_run_commit; NULL: none. */
    void (*commit)(void *arg, size_t begin, size_t n_gens, const double *const *data);
} mad_run_options;

/**
 * Run generations first_generation..G of every replicate, or up to the one that the stop rule ends the
 * run at.
 *
 * errors   what the plug-ins report; MAD_E_INTERRUPTED after the stop flag: everything committed
 *          stays, the generation in progress is dropped
 * threads  same bits for any number
 */
MAD_MUST_CHECK mad_status mad_engine_run(mad_ctx *ctx, const mad_experiment *experiment,
                                         const mad_run_options *options);

/** MAD_E_MEMORY when `what` takes more bytes than the machine has: better said before the start
 * than by the kernel, which kills whom it likes. */
MAD_MUST_CHECK mad_status mad_check_memory(mad_ctx *ctx, const char *what, double n_bytes);

/* ---- stored models ------------------------------------------------------------------------- */

/* For mad_stored_request.label. */
enum {
    MAD_CLASS_BY_MODEL = -1, /* by the frequencies that the model learnt */
    MAD_CLASS_EVERY = -2     /* the same number of every class, in their order */
};

typedef struct mad_stored_request {
    const char *dir;
    size_t generation;
    size_t replicate; /* from 0 */
    uint64_t seed;    /* that of the run: the first rows are those of the stored preview */
    int32_t label;    /* a class, or one of the above */
} mad_stored_request;

/**
 * Draw out->n_rows rows from a model that a run of this experiment has stored: of its own law,
 * without the bias that rows get on their way to the next generation. The sampler is the
 * experiment's, which may have been given other keys than the run.
 *
 * shape    out: as the world's rows, label where world and model have them
 * errors   MAD_E_RANGE: no such generation, replicate or class, or a generation whose model was not
 *          kept (those that were are named);  MAD_E_UNSUPPORTED: classes of a world or model
 *          without;  MAD_E_IO, MAD_E_DATA: files, or a checkpoint of another architecture;
 *          MAD_E_NONFINITE: weights or samples;  MAD_E_MEMORY
 * threads  same bits for any number
 */
MAD_MUST_CHECK mad_status mad_stored_sample(mad_ctx *ctx, const mad_experiment *experiment,
                                            const mad_stored_request *request, mad_set *out);

/** A blank model as a run creates it, from mem. errors  those of its create() */
MAD_MUST_CHECK mad_status mad_experiment_model(mad_ctx *ctx, const mad_experiment *experiment,
                                               mad_arena *mem, mad_model **out);

/** The rows that generation 1 of replicate 0 trains on, at most n_max, in ctx->scratch; with labels
 *  where the world has classes. errors  those of the world's draw; MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_experiment_real_rows(mad_ctx *ctx, const mad_experiment *experiment,
                                                   size_t n_max, mad_set *out);

/** Numbers that the state of one model holds. */
size_t mad_experiment_state_count(const mad_experiment *experiment);

/** 1 when the rows of the model carry classes. */
int mad_experiment_has_labels(const mad_experiment *experiment);

/** The state of the sources that the program was built from: `git` of its run files. */
const char *mad_engine_git(void);

#endif
