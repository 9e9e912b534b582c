/* sim/engine/experiment.c: a configuration becomes world, loop, measures and sizes, all checked. */
#include "sim/engine/internal.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/store/datafile.h"

enum { MAX_UNITS = 1000000 };

/* ---- parts --------------------------------------------------------------------------------- */

mad_status mad_experiment_world(mad_ctx *ctx, mad_arena *mem, const mad_config *config,
                                mad_world **out)
{
    mad_status st = MAD_OK;
    const mad_world_type *type = config->world_type;
    mad_table table = {0};
    mad_arena *file_memory = mad_arena_create(1 << 20);
    if (file_memory == NULL) {
        return mad_fail_memory(ctx, "a data file");
    }
    if (type->reader != NULL) {
        MAD_TRY(mad_table_read(ctx, file_memory, type->reader, &config->world, config->directory,
                               &table));
    }
    const mad_world_args args = {.values = &config->world,
                                 .seed = (uint64_t)mad_get_real(&config->root, "seed"),
                                 .table = type->reader != NULL ? &table : NULL};
    MAD_TRY(type->create(ctx, &args, mem, out));
out:
    mad_arena_destroy(file_memory);
    return st;
}

mad_status mad_check_memory(mad_ctx *ctx, const char *what, double n_bytes)
{
    const double installed = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (n_bytes > installed) {
        return mad_fail(ctx, MAD_E_MEMORY,
                        "%s would take %.3g GB of memory, this machine has %.3g GB", what,
                        n_bytes / 1e9, installed / 1e9);
    }
    return MAD_OK;
}

/* The rows of a plan, which every replicate holds. */
static mad_status check_pool(mad_ctx *ctx, const mad_experiment *e, size_t t, size_t n_rows)
{
    char what[96];
    snprintf(what, sizeof what, "the %zu training rows of generation %zu", n_rows, t);
    return mad_check_memory(ctx, what,
                            (double)n_rows * (double)e->world->info.dim * sizeof(double) *
                                (double)e->setting.n_replicates);
}

/* Rows that are drawn for a synthetic block. */
static size_t n_candidates(const mad_setting *s, const mad_block *block)
{
    return s->select != NULL ? s->select->n_candidates(s, block->generation + 1, block->n_rows)
                             : block->n_rows;
}

/* Even a single block is copied: its rows get weights, or are changed on their way. */
static int always_joins(const mad_setting *s)
{
    return (s->select != NULL && s->select->weighs) ||
           (s->channel != NULL && s->channel->receive != NULL);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What one block of generation t's training set asks for. */
static mad_status walk_block(mad_ctx *ctx, mad_experiment *e, size_t t, const mad_block *block)
{
    const size_t n_train = e->world->info.n_train;
    if (block->kind == MAD_BLOCK_SYNTHETIC) {
        e->n_regrow = larger(e->n_regrow, t - 1 - block->generation + e->n_models_kept);
        e->max_sample_rows = larger(e->max_sample_rows, n_candidates(&e->setting, block));
    } else if (n_train > 0 && block->n_rows > n_train) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "generation %zu wants %zu real rows, the training part of the data "
                        "holds %zu",
                        t, block->n_rows, n_train);
    }
    return MAD_OK;
}

static mad_status walk_plan(mad_ctx *ctx, mad_experiment *e, size_t t, const mad_plan *plan)
{
    mad_status st = MAD_OK;
    size_t n_rows = 0;
    for (size_t i = 0; i < plan->n_blocks; i++) {
        n_rows += plan->blocks[i].n_rows;
        MAD_TRY(walk_block(ctx, e, t, &plan->blocks[i]));
    }
    const size_t n_fit = plan->budget > 0 && plan->budget < n_rows ? plan->budget : n_rows;
    if (t == 1) {
        e->n_initial = n_rows;
        e->n_floor_train = n_fit;
    }
    if (t == 1 || n_fit < e->fewest_rows) {
        e->fewest_rows = n_fit;
        e->fewest_in = t;
    }
    if (n_rows > e->max_train_rows) {
        MAD_TRY(check_pool(ctx, e, t, n_rows));
        e->max_train_rows = n_rows;
    }
    if (plan->n_blocks > 1 || plan->budget > 0 || always_joins(&e->setting)) {
        e->max_joined_rows = larger(e->max_joined_rows, n_rows);
    }
    if (plan->warm_steps > 0 && !(e->setting.model->flags & MAD_MODEL_WARM)) {
        st = mad_fail(ctx, MAD_E_UNSUPPORTED,
                      "loop.start: warm needs a model that can go on from another; "
                      "'%s' (model.kind) does not",
                      e->setting.model->name);
    }
out:
    return st;
}

/* Sizes that the whole run needs, from every generation's plan. */
static mad_status walk_plans(mad_ctx *ctx, mad_experiment *e)
{
    mad_status st = MAD_OK;
    const mad_loop_type *loop = e->loop->type;
    const size_t n_gens = e->setting.n_generations, n_kept = loop->n_models_kept(e->loop);
    e->n_models_kept = n_kept < n_gens ? n_kept : n_gens;
    e->n_regrow = e->n_models_kept;
    for (size_t t = 1; t <= n_gens; t++) {
        const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
        mad_plan plan;
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(loop->plan(ctx, e->loop, t, ctx->scratch, &plan));
        MAD_TRY(walk_plan(ctx, e, t, &plan));
        mad_arena_release(ctx->scratch, mark);
    }
    e->n_regrow = e->n_regrow < n_gens ? e->n_regrow : n_gens;
    if (e->setting.channel != NULL && e->setting.channel->receive != NULL) {
        /* a channel may ask the model of every row */
        e->max_sample_rows = larger(e->max_sample_rows, e->max_train_rows);
    }
out:
    return st;
}

static mad_status check_kinds(mad_ctx *ctx, const mad_experiment *e)
{
    const mad_setting *s = &e->setting;
    const unsigned kind = 1u << e->world->info.kind;
    if (!(s->model->worlds & kind)) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "model '%s' (model.kind) cannot be fitted to world '%s' (world.kind)",
                        s->model->name, e->world->type->name);
    }
    return MAD_OK;
}

/* ---- the model on trial ---------------------------------------------------------------------- */

static int asks_density(const mad_experiment *e)
{
    const mad_setting *s = &e->setting;
    return (e->needs & MAD_NEEDS_DENSITY) != 0 ||
           (s->select != NULL && s->select->asks_density != NULL && s->select->asks_density(s)) ||
           (s->channel != NULL && s->channel->asks_density != NULL && s->channel->asks_density(s));
}

mad_model_args mad_model_args_of(const mad_experiment *e)
{
    return (mad_model_args){.values = e->setting.model_values,
                            .world = &e->world->info,
                            .max_first_rows = e->n_initial,
                            .max_train_rows = e->max_train_rows,
                            .max_sample_rows = e->max_sample_rows,
                            .n_generations = e->setting.n_generations,
                            .tilt = e->tilt,
                            .extrapolation = e->extrapolation,
                            .without_density = !asks_density(e)};
}

size_t mad_experiment_n_slots(const mad_experiment *e, size_t first_generation)
{
    /* what may be sampled again, and what the next commit must write; to resume, all that the next
     * training set is drawn from; one more, so that the last complete generation outlives an
     * interruption of the next */
    const size_t n_written = e->every < e->n_regrow ? e->every : e->n_regrow;
    const size_t n_again = first_generation > 1 ? e->n_regrow : n_written;
    return 1 + (e->n_models_kept > n_again ? e->n_models_kept : n_again);
}

size_t mad_state_bytes(const mad_fields *fields)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < fields->n_fields; i++) {
        n_bytes += mad_field_bytes(&fields->field[i]);
    }
    return n_bytes;
}

mad_status mad_experiment_real_rows(mad_ctx *ctx, const mad_experiment *e, size_t n_max,
                                    mad_set *out)
{
    mad_status st = MAD_OK;
    const mad_setting *s = &e->setting;
    const mad_world *world = s->world;
    const mad_key key = {.seed = s->seed, .generation = 1, .purpose = MAD_RNG_REAL};
    mad_plan plan;
    size_t n_rows = 0;
    MAD_TRY(s->loop->type->plan(ctx, s->loop, 1, ctx->scratch, &plan));
    for (size_t i = 0; i < plan.n_blocks; i++) {
        n_rows += plan.blocks[i].n_rows;
    }
    n_rows = n_rows < n_max ? n_rows : n_max;
    MAD_TRY(
        mad_set_take(ctx, ctx->scratch, n_rows, world->info.dim, world->info.n_classes > 0, out));
    MAD_TRY(world->type->draw(ctx, world, MAD_PART_TRAIN, key, out));
out:
    return st;
}

/* What clipping and calibration do hangs on the data. */
static mad_status observe_rows(mad_ctx *ctx, const mad_experiment *e, mad_model *model)
{
    enum { MAX_ROWS = 20000 };
    mad_status st = MAD_OK;
    const mad_model_type *type = e->setting.model;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_set rows;
    if (type->gain_needs_rows != NULL && type->gain_needs_rows(model)) {
        MAD_TRY(mad_experiment_real_rows(ctx, e, MAX_ROWS, &rows));
        MAD_TRY(type->observe(ctx, model, &rows));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status check_rows(mad_ctx *ctx, const mad_experiment *e, const mad_model *model)
{
    const size_t least = model->type->least_rows != NULL ? model->type->least_rows(model) : 1;
    if (e->fewest_rows < least) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "%s: generation %zu would train on %zu row%s, and model '%s' (model.kind) "
            "needs at least %zu",
            e->fewest_in == 1 ? "loop.n_initial" : "loop.n_real, loop.n_synthetic, loop.budget",
            e->fewest_in, e->fewest_rows, e->fewest_rows == 1 ? "" : "s", model->type->name, least);
    }
    return MAD_OK;
}

/* The model is made once on trial: only it knows which of its settings contradict each other, and
 * what its sampler does. */
static mad_status try_model(mad_ctx *ctx, mad_arena *kept, mad_experiment *e)
{
    mad_status st = MAD_OK;
    mad_model *model = NULL;
    mad_fields fields;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a model");
    }
    MAD_TRY(mad_experiment_model(ctx, e, mem, &model));
    MAD_TRY(check_rows(ctx, e, model));
    e->setting.model->fields(model, &fields);
    mad_ancestry_add_field(e, NULL, &fields);
    for (size_t i = 0; i < fields.n_fields; i++) {
        e->n_state += fields.field[i].count;
    }
    MAD_TRY(
        mad_check_memory(ctx, "the saved models",
                         (double)e->setting.n_replicates * (double)mad_experiment_n_slots(e, 1) *
                             (double)mad_state_bytes(&fields)));
    MAD_TRY(observe_rows(ctx, e, model));
    MAD_TRY(mad_gain_curve(ctx, e, model, kept, &e->gain));
out:
    mad_arena_destroy(mem);
    return st;
}

/* What is held until it is written. */
static mad_status check_commit(mad_ctx *ctx, const mad_experiment *e)
{
    double n_cells = 0.0;
    for (size_t i = 0; i < e->layout.n_series; i++) {
        n_cells += (double)e->series[i].width;
    }
    return mad_check_memory(ctx, "the results of checkpoint.every generations",
                            n_cells * (double)e->setting.n_replicates * (double)e->every *
                                sizeof(double));
}

/* ---- all together -------------------------------------------------------------------------- */

static mad_schedule own_share(const mad_config *c)
{
    enum { OWN, OTHERS, ALL, MIXED };
    const mad_value *cross = mad_get(&c->root, "cross");
    mad_schedule share = {.kind = MAD_SCHEDULE_CONSTANT, .a = 1.0};
    switch (cross->choice) {
    case OTHERS:
        share.a = 0.0;
        break;
    case ALL:
        share.a = 1.0 / (double)mad_get_size(&c->root, "models");
        break;
    case MIXED:
        share = cross->schedule;
        break;
    default: /* OWN */
        break;
    }
    return share;
}

static int crosses(const mad_setting *s)
{
    for (size_t t = 2; t <= s->n_generations; t++) {
        if (s->n_models > 1 && mad_schedule_at(&s->own_share, t, s->n_generations) < 1.0) {
            return 1;
        }
    }
    return 0;
}

static void read_sizes(mad_experiment *e)
{
    const mad_config *c = e->config;
    e->setting = (mad_setting){.name = mad_get_text(&c->root, "name"),
                               .seed = (uint64_t)mad_get_real(&c->root, "seed"),
                               .n_replicates = mad_get_size(&c->root, "replicates") *
                                               mad_get_size(&c->root, "models"),
                               .n_models = mad_get_size(&c->root, "models"),
                               .own_share = own_share(c),
                               .shares_real = mad_get_choice(&c->root, "shared_real") == 1,
                               .n_generations = mad_get_size(&c->root, "generations"),
                               .world_values = &c->world,
                               .model = c->model_type,
                               .model_values = &c->model,
                               .loop_values = &c->loop,
                               .bias = c->bias_type,
                               .bias_values = &c->bias,
                               .select = c->select_type,
                               .select_values = &c->select,
                               .correct = c->correct_type,
                               .correct_values = &c->correct,
                               .post = c->post_type,
                               .post_values = &c->post,
                               .channel = c->channel_type,
                               .channel_values = &c->channel,
                               .measure_values = &c->measure};
    e->setting.crosses = crosses(&e->setting);
    e->n_measure = mad_get_size(&c->measure, "n");
    e->n_preview = mad_get_size(&c->measure, "preview");
    e->n_preview = e->n_preview < e->n_measure ? e->n_preview : e->n_measure;
    e->n_loss = mad_get_size(&c->measure, "loss_points");
    e->n_ages = mad_get_size(&c->measure, "lineage_ages");
    e->n_ages = e->n_ages < e->setting.n_generations ? e->n_ages : e->setting.n_generations;
    e->every = mad_get_size(&c->checkpoint, "every");
    e->every = e->every < e->setting.n_generations ? e->every : e->setting.n_generations;
}

static mad_status check_models(mad_ctx *ctx, const mad_experiment *e)
{
    if (e->setting.n_replicates > MAX_UNITS) {
        return mad_fail(ctx, MAD_E_CONFIG, "replicates x models is %zu, expected at most %d",
                        e->setting.n_replicates, MAX_UNITS);
    }
    return MAD_OK;
}

mad_status mad_experiment_create(mad_ctx *ctx, mad_arena *mem, const mad_config *config,
                                 const mad_registry *registry, mad_experiment **out)
{
    mad_status st = MAD_OK;
    mad_loop *loop = NULL;
    mad_world *world = NULL;
    mad_experiment *e = mad_arena_take(mem, 1, sizeof *e);
    if (e == NULL) {
        return mad_fail_memory(ctx, "an experiment");
    }
    e->config = config;
    e->registry = registry;
    read_sizes(e);
    MAD_TRY(check_models(ctx, e));
    MAD_TRY(mad_experiment_world(ctx, mem, config, &world));
    e->world = world;
    MAD_TRY(config->loop_type->create(ctx, &config->loop, e->setting.n_generations, mem, &loop));
    e->setting.world = e->world;
    e->setting.loop = e->loop = loop;
    MAD_TRY(check_kinds(ctx, e));
    e->with_labels = e->world->info.n_classes > 0 && e->setting.model->flags & MAD_MODEL_LABELS;
    MAD_TRY(mad_stages_read_rewards(ctx, mem, config, &e->setting));
    MAD_TRY(mad_stages_check(ctx, e));
    MAD_TRY(walk_plans(ctx, e));
    MAD_TRY(mad_ancestry_choose(ctx, e));
    MAD_TRY(mad_choose_measures(ctx, mem, e));
    MAD_TRY(try_model(ctx, mem, e));
    MAD_TRY(mad_layout_create(ctx, mem, e));
    MAD_TRY(mad_stopping_create(ctx, e));
    MAD_TRY(mad_run_check(ctx, &e->layout));
    MAD_TRY(check_commit(ctx, e));
    *out = e;
out:
    return st;
}

const mad_setting *mad_experiment_setting(const mad_experiment *experiment)
{
    return &experiment->setting;
}

const mad_run_layout *mad_experiment_layout(const mad_experiment *experiment)
{
    return &experiment->layout;
}

mad_status mad_experiment_model(mad_ctx *ctx, const mad_experiment *experiment, mad_arena *mem,
                                mad_model **out)
{
    const mad_model_args args = mad_model_args_of(experiment);
    return experiment->setting.model->create(ctx, &args, mem, out);
}

size_t mad_experiment_state_count(const mad_experiment *experiment)
{
    return experiment->n_state;
}

int mad_experiment_has_labels(const mad_experiment *experiment)
{
    return experiment->with_labels;
}
