/* sim/engine/internal.h: what the files of the engine share. */
#ifndef MAD_ENGINE_INTERNAL_H
#define MAD_ENGINE_INTERNAL_H

#include <time.h>

#include "sim/engine/engine.h"
#include "sim/engine/features.h"
#include "sim/engine/stop.h"

enum {
    MAX_OUTPUTS = 16, /* of one metric group */
    MAX_REPORTS = 32, /* of a model */
    MAX_STAGE_REPORTS = 8
};

/* Stages of a generation that say something of themselves, each in a group of its name. */
typedef enum stage_kind {
    STAGE_BIAS,
    STAGE_SELECT,
    STAGE_CORRECT,
    STAGE_CHANNEL,
    N_STAGES
} stage_kind;

/* One metric group, with the outputs that were asked for. */
typedef struct metric_group {
    const mad_metric_type *type;
    size_t n_chosen;
    size_t chosen[MAX_OUTPUTS]; /* index into type->outputs */
    size_t series[MAX_OUTPUTS]; /* index into the layout's series */
    size_t floor[MAX_OUTPUTS];  /* index into the layout's vectors */
} metric_group;

/* Indices of the series the engine fills itself. */
typedef struct own_series {
    size_t real_share, mean_depth, n_train, origin_share, ancestor_share, depth_share; /* lineage */
    size_t ancestors, ancestors_effective, founders;          /* where ancestry is followed */
    size_t train_s, sample_s, measure_s, samples_seen, flops; /* cost */
    size_t loss;                                              /* SIZE_MAX: the model has none */
    size_t n_reports;
    size_t report[MAX_REPORTS]; /* what the model says of its fits */
    size_t n_stage[N_STAGES];
    size_t stage[N_STAGES][MAX_STAGE_REPORTS]; /* a stage's own reports, then the engine's of it */
} own_series;

/* Which row a row descends from. */
typedef enum ancestry {
    MAD_ANCESTRY_NONE,      /* not asked for */
    MAD_ANCESTRY_ROWS,      /* the real row, by the model's parents */
    MAD_ANCESTRY_CATEGORIES /* all rows of a category are one */
} ancestry;

/* The sampler's own bias over a grid of data variances. */
typedef struct gain_curve {
    size_t n;                        /* 0: the model has no sampler of its own */
    double *variance, *first, *last; /* [n]; last NULL: as the first, generation for generation */
} gain_curve;

struct mad_experiment {
    const mad_config *config;
    const mad_registry *registry;
    const mad_world *world;
    const mad_loop *loop;
    mad_setting setting;
    mad_feature *feature; /* space that measures compare rows in; NULL: as they are. Replicates fit
                             spaces of their own, but share what was read from a file */
    mad_world_info mapped_world; /* what is known of the world there */
    size_t n_initial;            /* real rows of generation 1 */
    size_t n_measure;            /* rows per side of a measure */
    size_t fewest_rows;          /* of all training sets */
    size_t fewest_in;            /* the generation that has them */
    size_t n_floor_train;        /* fresh rows that stand for a training set in the floor */
    size_t n_preview;            /* sample rows stored per generation */
    size_t n_ages;               /* columns of origin_share and the like; 0 = not stored */
    ancestry ancestry;
    size_t n_loss;      /* points of the loss curve */
    size_t every;       /* generations per commit */
    int measures_bias;  /* the law or rows with the bias are measured, not the model's own */
    int exact_fake_law; /* the model's own moments or probabilities are measured */
    int exact_real_law; /* the world's own */
    int needs_samples;  /* some group needs rows */
    int with_labels;
    unsigned needs; /* union of the groups' needs */
    size_t n_groups;
    metric_group *groups;
    own_series own;
    gain_curve gain;
    int may_stop; /* there is a block `stop`: */
    mad_stop_rule stop_rule;
    size_t stop_series; /* that its tests look at, where it has a metric */
    size_t n_state;     /* numbers in the state of a model */
    mad_run_layout layout;
    mad_series *series;
    mad_vector *vectors;
    double *reference_hash;          /* [n_replicates] of the rows the measures compare with */
    double **floors;                 /* [n_vectors] where a floor is written, NULL for theory */
    int bias_sees_law;               /* the bias is handed the model's moments */
    mad_tilt tilt;                   /* of the bias, and */
    mad_extrapolation extrapolation; /* what post asks the model for; kinds NONE without */
    size_t n_models_kept;            /* models that may still be sampled */
    size_t n_regrow; /* newest models from which the next training set can be drawn again */
    size_t max_train_rows, max_sample_rows;
    size_t
        max_joined_rows; /* of training sets that are put together from several blocks or a budget */
};

/** What the model is created with. */
mad_model_args mad_model_args_of(const mad_experiment *e);

static inline size_t mad_field_bytes(const mad_field *field)
{
    return field->count * (field->kind == MAD_FIELD_F32 ? sizeof(float) : sizeof(double));
}

/** Saved models that a replicate holds. */
size_t mad_experiment_n_slots(const mad_experiment *experiment, size_t first_generation);

/** Bytes of one saved model. */
size_t mad_state_bytes(const mad_fields *fields);

/** lam_eff of the model's sampler in generation 1 and in the last one; n = 0 where the model offers
 *  none. */
MAD_MUST_CHECK mad_status mad_gain_curve(mad_ctx *ctx, const mad_experiment *e,
                                         const mad_model *model, mad_arena *mem, gain_curve *out);

/** 1: the model gives mean and covariance of what it is after `post`. */
int mad_knows_moments(const mad_setting *setting);

/**
 * Groups and outputs that measure.metrics asks for, the laws and the space they compare, and the
 * rows that they need.
 * errors  MAD_E_RANGE, MAD_E_UNSUPPORTED: what is asked for cannot be had here;  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_choose_measures(mad_ctx *ctx, mad_arena *mem, mad_experiment *e);

/**
 * What acts between two generations (bias, select, correct, channel, post, cross) fits the world, the
 * model and the loop, and can have an effect. Fills in e->tilt and e->extrapolation.
 * errors  MAD_E_CONFIG, MAD_E_UNSUPPORTED, with both keys
 */
MAD_MUST_CHECK mad_status mad_stages_check(mad_ctx *ctx, mad_experiment *e);

/** The file of rewards that a selection names, if it does. MAD_E_MEMORY; those of the reader. */
MAD_MUST_CHECK mad_status mad_stages_read_rewards(mad_ctx *ctx, mad_arena *mem,
                                                  const mad_config *config, mad_setting *s);

/** Series, vectors and their attributes; theory curves are computed here. */
MAD_MUST_CHECK mad_status mad_layout_create(mad_ctx *ctx, mad_arena *mem, mad_experiment *e);

/* ---- lineage ------------------------------------------------------------------------------- */

/* What a training set, and so the model fitted on it, descends from. */
typedef struct lineage {
    double real_share;
    double mean_depth; /* real rows 0; rows of a model one more than its training set's mean */
    double *origin; /* [n_ages] 0: real; a: drawn from the model a generations back; last: older */
    double *ancestor; /* [n_ages] real data that entered a generations ago, followed through all
                         models; last: older */
    double *depth;    /* [n_ages] rows with so many models between them and real data, when each is
                      drawn about one row of its model's training set; last: more */
} lineage;

#define MAD_NO_ANCESTOR ((int64_t)-1) /* of a row that came by a way which is not followed */

/* ---- one replicate ------------------------------------------------------------------------- */

/* A model among those of interacting loops: `distance` loops on, fitted in `generation`. */
enum { MAX_SOURCE_GENERATION = 1 << 20 };

static inline int32_t mad_source_of(size_t distance, size_t generation)
{
    return (int32_t)(distance * MAX_SOURCE_GENERATION + generation);
}

/* Rows held for later generations. */
typedef struct held_block {
    mad_block block;
    mad_set rows;    /* with weights where the selection gives them */
    int32_t *source; /* [n_rows] mad_source_of the model a row came from; -g: drawn as real for g */
    int64_t *ancestor; /* [n_rows] real row that a row descends from; NULL: not followed */
    size_t capacity;   /* rows */
    struct held_block *next;
} held_block;

typedef struct replicate {
    uint32_t index;
    mad_arena *mem;
    held_block *held;      /* in plan order */
    held_block *idle;      /* buffers to use again */
    unsigned char **state; /* [n_slots] saved model of generation g in slot g % n_slots */
    lineage *ancestry;     /* [n_line_slots] likewise */
    mad_set real;          /* what generation 1 was fitted on; n_rows 0 until a stage needs it */
    mad_set reference;     /* rows the measures compare with; n_rows 0 when none need rows */
    mad_feature *feature;  /* as the experiment's */
    mad_set mapped;        /* the reference rows in its space */
    mad_moments reference_law;
    double *reference_p;
    mad_recovery reference_found; /* where a measure needs it */
    double *reference_log_p;      /* likewise; NULL */
    const void **prepared;        /* [n_groups] what the measures keep of the reference */
} replicate;

/* What one worker thread owns. */
typedef struct worker {
    mad_model *model;
    mad_fields fields;
    mad_set train;           /* the training set: buffer's rows, or a view of the only block */
    const int32_t *source;   /* [train.n_rows] as in held_block */
    const int64_t *ancestor; /* [train.n_rows] likewise */
    int64_t
        *model_ancestor; /* [max_train_rows] of the rows that the loaded model was fitted on: the
                                last of `fields`; NULL: not followed */
    mad_set buffer;      /* [max_joined_rows], and beside its rows: */
    double *weight;
    int32_t *buffer_source;
    int64_t *buffer_ancestor;
    unsigned char *is_real, *is_labelled_real, *is_kept; /* in truth; as the loop sees them */
    mad_moments law; /* of a model, in world coordinates, where the bias needs it */
    double report[N_STAGES][MAX_STAGE_REPORTS]; /* of the generation being made */
    mad_set fake;
    mad_moments fake_law;
    double *fake_p;
    size_t *pick, *pick_work; /* [max_joined_rows] budget */
} worker;

typedef struct engine {
    const mad_experiment *e;
    const mad_run_options *options;
    mad_arena *mem;
    size_t n_workers;
    worker *workers;
    replicate *replicates;
    size_t n_slots;      /* saved models per replicate */
    size_t n_line_slots; /* kept lineages per replicate */
    size_t state_bytes;
    unsigned char *blank_state; /* of a model just created */
    size_t generation;          /* being made */
    const mad_plan *plan;       /* of it */
    size_t begin;               /* first generation of the commit being filled */
    double **data;              /* [n_series] [R][every][width] */
    size_t n_preview_replicates;
    double *real_preview; /* [n_preview_replicates][n_preview][dim] */
    double *preview;      /* [n_preview_replicates][n_preview][dim] */
    int64_t *preview_label;
    double *preview_depth;     /* [n_preview_replicates][n_preview] */
    int64_t *preview_ancestor; /* likewise; NULL: not followed */
    struct probe *probe;       /* of a forecast, see there */
    uint64_t cache_hash;       /* of what trained models hang on; 0: none are kept */
    double *watched;           /* [R][G] what the tests of `stop` look at; NULL: nothing */
    double *seen;              /* [R][G] rows that the fits saw, where there is a budget of them */
    mad_stop_verdict verdict;  /* of the newest look */
} engine;

typedef mad_status mad_replicate_fn(mad_ctx *ctx, engine *g, replicate *r);

static inline double mad_engine_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** All memory of a run whose experiment and options are set. MAD_E_MEMORY; destroy it all the same.
 */
MAD_MUST_CHECK mad_status mad_engine_create(mad_ctx *ctx, engine *g);
void mad_engine_destroy(engine *g);

/** fn once for each of the first replicates, side by side or one after the other as generations
 *  are. */
MAD_MUST_CHECK mad_status mad_engine_each(mad_ctx *ctx, engine *g, size_t n_replicates,
                                          mad_replicate_fn *fn);

/** The rule of the block `stop`; after the layout. MAD_E_CONFIG with the place: a metric that is not
 *  measured. */
MAD_MUST_CHECK mad_status mad_stopping_create(mad_ctx *ctx, mad_experiment *e);

/** Memory of the looks and, of a run that goes on, what they have seen. MAD_E_MEMORY; those of
 *  mad_run_read. */
MAD_MUST_CHECK mad_status mad_stopping_open(mad_ctx *ctx, engine *g);

/** Take the n_gens generations that are to be committed, [R][n_gens] in g->data, and look at the last
 *  one when it is due: an interruption adds a commit, but no look. MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_stopping_look(mad_ctx *ctx, engine *g, size_t n_gens);

/** Whether ancestry is followed, and how. MAD_E_UNSUPPORTED: the model does not say who begot whom. */
MAD_MUST_CHECK mad_status mad_ancestry_choose(mad_ctx *ctx, mad_experiment *e);

/** Make the ancestors of the training rows part of a model's saved state; ancestor:
 *  [max_train_rows]. */
void mad_ancestry_add_field(const mad_experiment *e, int64_t *ancestor, mad_fields *fields);

/** Name the rows of a real block. */
void mad_ancestry_real(const engine *g, const replicate *r, held_block *held);

/** ancestor[i] = that of the parent of row i, drawn from the worker's loaded model; without parents
 *  nothing. */
void mad_ancestry_inherit(const worker *w, const mad_set *rows, int64_t *ancestor);

/** The training set's ancestors become those of the model fitted on it. */
void mad_ancestry_keep(const engine *g, worker *w);

/** Count the ancestors of the worker's training set into the commit's cells. */
MAD_MUST_CHECK mad_status mad_ancestry_report(mad_ctx *ctx, const engine *g, const replicate *r,
                                              const worker *w);

/** Draw rows of the worker's model, fitted in `generation`, with the loop's bias. */
MAD_MUST_CHECK mad_status mad_draw_biased(mad_ctx *ctx, const engine *g, worker *w, mad_key key,
                                          uint64_t first_item, size_t generation, mad_set *out);

/** The law that mad_draw_biased draws categories from, of a model that knows it. */
MAD_MUST_CHECK mad_status mad_biased_probabilities(mad_ctx *ctx, const engine *g, worker *w,
                                                   size_t generation, double *p);

/** Fill a synthetic block: draw, select, correct, emit. The stages of the newest block report to the
 *  worker. */
MAD_MUST_CHECK mad_status mad_synthesise(mad_ctx *ctx, engine *g, replicate *r, worker *w,
                                         held_block *held);

/** Put the training set of the held blocks together: channel, budget, weights, lineage. */
MAD_MUST_CHECK mad_status mad_assemble(mad_ctx *ctx, engine *g, replicate *r, worker *w);

/** Bring every block of the plan into memory (drawing or sampling it), let the others go. */
MAD_MUST_CHECK mad_status mad_replicate_gather(mad_ctx *ctx, engine *g, replicate *r);

/** The part of a generation up to the fitted and kept model: gather, assemble, fit. trial_steps as in
 *  mad_fit_args. */
MAD_MUST_CHECK mad_status mad_replicate_train(mad_ctx *ctx, engine *g, replicate *r,
                                              size_t trial_steps);

/** One generation of one replicate: train, measure. */
MAD_MUST_CHECK mad_status mad_replicate_step(mad_ctx *ctx, engine *g, replicate *r);

/** Copy the worker's model state to `to` [g->state_bytes]. */
void mad_state_read(const worker *w, unsigned char *to);

/** Give the worker's model the state the replicate kept of `generation`. */
MAD_MUST_CHECK mad_status mad_state_load(mad_ctx *ctx, engine *g, const replicate *r,
                                         size_t generation, worker *w);

/** The replicate of the loop that is `distance` loops on from r's, among those that interact. */
static inline replicate *mad_engine_neighbour(const engine *g, const replicate *r, size_t distance)
{
    const size_t n = g->e->setting.n_models, m = r->index % n;
    return &g->replicates[r->index - m + (m + distance) % n];
}

/** The key of real training rows drawn for a generation. */
static inline mad_key mad_engine_real_key(const engine *g, const replicate *r, size_t generation)
{
    const size_t n = g->e->setting.shares_real ? g->e->setting.n_models : 1;
    return (mad_key){.seed = g->e->setting.seed,
                     .replicate = r->index - r->index % (uint32_t)n,
                     .generation = (uint32_t)generation,
                     .purpose = MAD_RNG_REAL};
}

/** The stream key of a replicate, generation and purpose. */
static inline mad_key mad_engine_key(const engine *g, const replicate *r, size_t generation,
                                     mad_purpose purpose)
{
    return (mad_key){.seed = g->e->setting.seed,
                     .replicate = r->index,
                     .generation = (uint32_t)generation,
                     .purpose = purpose};
}

/** Where a value of the commit in progress is written. */
double *mad_engine_cell(const engine *g, size_t i_series, size_t i_replicate);

/* ---- what a bias does to the spread ---------------------------------------------------------- */

/* Sums of squares about the mean, of all rows and within classes; of categories the heterozygosity. */
typedef struct spread {
    double all, within;
} spread;

/** MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_spread_of(mad_ctx *ctx, const mad_experiment *e, const mad_set *rows,
                                        spread *out);

/* ---- measuring ----------------------------------------------------------------------------- */

/** Draw the replicate's reference rows. */
MAD_MUST_CHECK mad_status mad_measure_reference(mad_ctx *ctx, engine *g, replicate *r);

/** The same, and measure real against real into the floors. */
MAD_MUST_CHECK mad_status mad_measure_floor(mad_ctx *ctx, engine *g, replicate *r);

/** Measure the worker's model (fitted in g->generation) into the commit's cells. */
MAD_MUST_CHECK mad_status mad_measure_model(mad_ctx *ctx, engine *g, replicate *r, worker *w);

/** Sample the rows that are stored to be looked at, from the model of g->generation. */
MAD_MUST_CHECK mad_status mad_measure_preview(mad_ctx *ctx, engine *g, const replicate *r);

#endif
