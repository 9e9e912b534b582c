/* tests/stat/sabotage.c: a sabotaged type is its honest original with one entry exchanged. */
#include "tests/stat/sabotage.h"

#include <math.h>
#include <string.h>

#include "sim/cli/lists.h"

/* ---- measure: signed first coordinate of the mean -------------------------------------------- */

static size_t two_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)values;
    (void)dim;
    (void)side;
    (void)i_output;
    return 2;
}

static mad_status first_mean(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    (void)ctx;
    values[0] = in->fake_law->mean[0] - in->real_law->mean[0];
    return MAD_OK;
}

static const mad_metric_output first_mean_outputs[] = {{.name = "mean_first",
                                                        .long_name = "signed error of the mean",
                                                        .units = "data units",
                                                        .direction = "target",
                                                        .definition = "first coordinate",
                                                        .reference = "test"},
                                                       {.name = NULL}};

static const mad_metric_type metric_first_mean = {
    .name = "first_mean",
    .doc = "signed error of the mean's first coordinate",
    .needs = MAD_NEEDS_LAW,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = first_mean_outputs,
    .min_rows = two_rows,
    .eval = first_mean,
};

/* ---- measure: chi-square divergence on categories ---------------------------------------------
 */

static mad_status chi2_categories(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    (void)ctx;
    values[0] = 0.0;
    for (size_t i = 0; i < in->world->n_categories; i++) {
        values[0] += pow(in->fake_p[i] - in->real_p[i], 2.0) / in->real_p[i];
    }
    return MAD_OK;
}

static const mad_metric_output chi2_categories_outputs[] = {
    {.name = "chi2_categories",
     .long_name = "chi-square divergence of the model's probabilities from the world's",
     .units = "1",
     .direction = "lower",
     .definition = "sum (q - P)^2 / P",
     .reference = "test"},
    {.name = NULL}};

static const mad_metric_type metric_chi2_categories = {
    .name = "chi2_categories",
    .doc = "chi-square divergence of the model's probabilities from the world's",
    .needs = MAD_NEEDS_CATEGORIES,
    .worlds = 1u << MAD_WORLD_CATEGORICAL,
    .outputs = chi2_categories_outputs,
    .min_rows = two_rows,
    .eval = chi2_categories,
};

/* ---- world: real rows already biased ----------------------------------------------------------
 */

static mad_world_type world_early; /* filled by law_registry */

static mad_status early_create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                               mad_world **out)
{
    mad_status st = mad_world_gauss.create(ctx, args, mem, out);

    if (st == MAD_OK) {
        (*out)->type = &world_early;
    }
    return st;
}

static mad_status early_draw(mad_ctx *ctx, const mad_world *world, mad_world_part part, mad_key key,
                             mad_set *out)
{
    mad_status st = mad_world_gauss.draw(ctx, world, part, key, out);

    for (size_t i = 0; st == MAD_OK && i < out->n_rows * out->dim; i++) {
        out->x[i] *= sqrt(0.8);
    }
    return st;
}

/* ---- models: wrong streams --------------------------------------------------------------------
 */

static mad_status bare_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                              mad_set *out)
{
    double mean, var;
    mad_moments law = {.dim = 1, .mean = &mean, .cov = &var};
    mad_status st = mad_model_gauss.moments(ctx, model, &law);
    const mad_rng base = mad_rng_open(key, first_item);

    for (size_t i = 0; st == MAD_OK && i < out->n_rows; i++) {
        mad_rng rng = mad_rng_raw(base.state, 2 * i + 1);

        (void)mad_rng_next(&rng); /* the first word does not hang on the increment */
        mad_rng_normals(&rng, 1, &out->x[i]);
        out->x[i] = mean + sqrt(var) * out->x[i];
    }
    return st;
}

static mad_status same_generation_sample(mad_ctx *ctx, mad_model *model, mad_key key,
                                         uint64_t first_item, mad_set *out)
{
    key.generation = 1;
    return mad_model_gauss.sample(ctx, model, key, first_item, out);
}

/* ---- correction: the rows' own moments shrink with the step ------------------------------------
 */

static mad_status shrunk_correct(mad_ctx *ctx, const mad_correct_in *in, mad_set *rows,
                                 double *report)
{
    (void)ctx;
    double mean = 0.0, real = 0.0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        mean += rows->x[i] / (double)rows->n_rows;
    }
    for (size_t i = 0; i < in->real->n_rows; i++) {
        real += in->real->x[i] / (double)in->real->n_rows;
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        rows->x[i] += 0.5 * (real - mean);
    }
    report[0] = report[1] = 0.0;
    return MAD_OK;
}

/* ---- registries -------------------------------------------------------------------------------
 */

enum { I_GAUSS = 0 }; /* where the lists hold what gets exchanged */

static const mad_world_type *const worlds[] = {[I_GAUSS] = &mad_world_gauss,
                                               &mad_world_grid,
                                               &mad_world_ring,
                                               &mad_world_zipf,
                                               &mad_world_regression,
                                               NULL};
static const mad_model_type *const models[] = {[I_GAUSS] = &mad_model_gauss,
                                               &mad_model_categorical,
                                               &mad_model_kde,
                                               &mad_model_linear,
                                               &mad_model_exact,
                                               NULL};
static const mad_loop_type *const loops[] = {&mad_loop_custom, &mad_loop_fully_synthetic,
                                             &mad_loop_synthetic_augmentation, &mad_loop_fresh,
                                             NULL};
static const mad_bias_type *const biases[] = {&mad_bias_shrink, &mad_bias_temperature, NULL};
static const mad_select_type *const selects[] = {
    &mad_select_topfrac,         &mad_select_bradley_terry, &mad_select_human_noise,
    &mad_select_reward_weighted, &mad_select_verifier,      &mad_select_rank,
    &mad_select_greedy_entropy,  &mad_select_random,        NULL};
static const mad_correct_type *const corrects[] = {
    [I_GAUSS] = &mad_correct_statistics, &mad_correct_nearest, NULL};
static const mad_post_type *const posts[] = {&mad_post_sims, &mad_post_neon, NULL};
static const mad_channel_type *const channels[] = {&mad_channel_leak,
                                                   &mad_channel_detector,
                                                   &mad_channel_label,
                                                   &mad_channel_label_noise,
                                                   &mad_channel_quantise,
                                                   &mad_channel_watermark,
                                                   NULL};
static const mad_metric_type *const metrics[] = {&mad_metric_moments,
                                                 &mad_metric_frechet,
                                                 &mad_metric_categories,
                                                 &mad_metric_excess_risk,
                                                 &metric_first_mean,
                                                 &metric_chi2_categories,
                                                 NULL};
static const mad_theory_type *const theories[] = {&mad_theory_trace,
                                                  &mad_theory_mean_error_sq,
                                                  &mad_theory_heterozygosity,
                                                  &mad_theory_gauss_log_det,
                                                  &mad_theory_gauss_frechet_line,
                                                  &mad_theory_gauss_frechet,
                                                  &mad_theory_categories_alive,
                                                  &mad_theory_regression_chain,
                                                  &mad_theory_regression_accumulate,
                                                  NULL};

const mad_registry *law_registry(law_sabotage kind)
{
    static mad_registry registry[LAW_N_SABOTAGES];
    static const mad_world_type *wrong_worlds[sizeof worlds / sizeof worlds[0]];
    static const mad_model_type *wrong_models[LAW_N_SABOTAGES][sizeof models / sizeof models[0]];
    static mad_model_type wrong[LAW_N_SABOTAGES];
    static mad_correct_type wrong_correct;
    static const mad_correct_type *const wrong_corrects[] = {&wrong_correct, NULL};
    mad_registry *r = &registry[kind];

    *r = (mad_registry){.worlds = worlds,
                        .models = models,
                        .loops = loops,
                        .biases = biases,
                        .selects = selects,
                        .corrects = corrects,
                        .posts = posts,
                        .channels = channels,
                        .metrics = metrics,
                        .theories = theories};
    if (kind == LAW_EARLY_BIAS) {
        world_early = mad_world_gauss;
        world_early.create = early_create;
        world_early.draw = early_draw;
        memcpy(wrong_worlds, worlds, sizeof worlds);
        wrong_worlds[I_GAUSS] = &world_early;
        r->worlds = wrong_worlds;
    } else if (kind == LAW_SHRUNK_ERROR) {
        wrong_correct = mad_correct_statistics;
        wrong_correct.apply = shrunk_correct;
        r->corrects = wrong_corrects;
    } else if (kind != LAW_HONEST) {
        wrong[kind] = mad_model_gauss;
        wrong[kind].sample = kind == LAW_BARE_STREAMS ? bare_sample : same_generation_sample;
        memcpy(wrong_models[kind], models, sizeof models);
        wrong_models[kind][I_GAUSS] = &wrong[kind];
        r->models = wrong_models[kind];
    }
    return r;
}
