/* sim/engine/engine.c: generations one after the other, replicates side by side. */
#include "sim/engine/engine.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/engine/cache.h"
#include "sim/engine/disk.h"

enum {
    BLOCK_BYTES = 1 << 16,
    REPLICATE_BLOCK_BYTES = 1 << 12,
    MAX_PREVIEW_REPLICATES = 8,
    MAX_WINDOW = 16
};

/* ---- memory -------------------------------------------------------------------------------- */

static mad_status take_moments(mad_ctx *ctx, mad_arena *mem, size_t dim, mad_moments *law)
{
    size_t n_cov;
    law->dim = dim;
    law->mean = mad_arena_take(mem, dim, sizeof *law->mean);
    law->cov = mad_size_mul(dim, dim, &n_cov) == MAD_OK
                   ? mad_arena_take(mem, n_cov, sizeof *law->cov)
                   : NULL;
    return law->mean != NULL && law->cov != NULL ? MAD_OK
                                                 : mad_fail_memory(ctx, "the moments of a law");
}

static mad_status take_law(mad_ctx *ctx, mad_arena *mem, const mad_experiment *e, mad_moments *law,
                           double **p)
{
    if (e->world->info.kind == MAD_WORLD_CATEGORICAL) {
        *p = mad_arena_take(mem, e->world->info.n_categories, sizeof **p);
        return *p != NULL ? MAD_OK : mad_fail_memory(ctx, "the probabilities of a law");
    }
    return take_moments(ctx, mem, e->mapped_world.dim, law);
}

static mad_status create_worker(mad_ctx *ctx, engine *g, worker *w)
{
    const mad_experiment *e = g->e;
    const size_t dim = e->world->info.dim, n_joined = e->max_joined_rows;
    mad_status st = MAD_OK;
    MAD_TRY(mad_experiment_model(ctx, e, g->mem, &w->model));
    e->setting.model->fields(w->model, &w->fields);
    if (e->ancestry == MAD_ANCESTRY_ROWS) {
        w->model_ancestor = mad_arena_take(g->mem, e->max_train_rows, sizeof *w->model_ancestor);
        w->buffer_ancestor = mad_arena_take(g->mem, n_joined, sizeof *w->buffer_ancestor);
        if (w->model_ancestor == NULL || w->buffer_ancestor == NULL) {
            return mad_fail_memory(ctx, "the ancestors of rows");
        }
        mad_ancestry_add_field(e, w->model_ancestor, &w->fields);
    }
    MAD_TRY(mad_set_take(ctx, g->mem, n_joined, dim, e->with_labels, &w->buffer));
    MAD_TRY(mad_set_take(ctx, g->mem, e->n_measure, dim, e->with_labels, &w->fake));
    MAD_TRY(take_law(ctx, g->mem, e, &w->fake_law, &w->fake_p));
    if (e->bias_sees_law) {
        MAD_TRY(take_moments(ctx, g->mem, dim, &w->law));
    }
    w->weight = mad_arena_take(g->mem, n_joined, sizeof *w->weight);
    w->buffer_source = mad_arena_take(g->mem, n_joined, sizeof *w->buffer_source);
    w->is_real = mad_arena_take(g->mem, n_joined, 1);
    w->is_labelled_real = mad_arena_take(g->mem, n_joined, 1);
    w->is_kept = mad_arena_take(g->mem, n_joined, 1);
    w->pick = mad_arena_take(g->mem, n_joined, sizeof *w->pick);
    w->pick_work = mad_arena_take(g->mem, n_joined, sizeof *w->pick_work);
    if (w->weight == NULL || w->buffer_source == NULL || w->is_real == NULL ||
        w->is_labelled_real == NULL || w->is_kept == NULL || w->pick == NULL ||
        w->pick_work == NULL) {
        return mad_fail_memory(ctx, "the training rows");
    }
out:
    return st;
}

/* Of its rows; or the world's own, once for all replicates: wide rows have large covariances. */
static mad_status take_reference_law(mad_ctx *ctx, engine *g, replicate *r)
{
    const mad_experiment *e = g->e;
    const mad_world_info *info = &e->world->info;
    mad_status st = MAD_OK;
    if (!(e->needs & (MAD_NEEDS_LAW | MAD_NEEDS_CATEGORIES))) {
        return MAD_OK;
    }
    if (e->exact_real_law && r != g->replicates) {
        r->reference_law = g->replicates->reference_law;
        r->reference_p = g->replicates->reference_p;
        return MAD_OK;
    }
    MAD_TRY(take_law(ctx, g->mem, e, &r->reference_law, &r->reference_p));
    if (e->exact_real_law && r->reference_p != NULL) {
        memcpy(r->reference_p, info->category_p, info->n_categories * sizeof *r->reference_p);
    } else if (e->exact_real_law) {
        memcpy(r->reference_law.mean, info->mean, info->dim * sizeof *info->mean);
        memcpy(r->reference_law.cov, info->cov, info->dim * info->dim * sizeof *info->cov);
    }
out:
    return st;
}

static mad_status create_replicate(mad_ctx *ctx, engine *g, replicate *r)
{
    const mad_experiment *e = g->e;
    mad_status st = MAD_OK;
    r->mem = mad_arena_create(REPLICATE_BLOCK_BYTES); /* its own: blocks are taken in parallel */
    if (r->mem == NULL) {
        return mad_fail_memory(ctx, "a replicate");
    }
    r->state = mad_arena_take(g->mem, g->n_slots, sizeof *r->state);
    r->ancestry = mad_arena_take(g->mem, g->n_line_slots, sizeof *r->ancestry);
    r->prepared = mad_arena_take(g->mem, e->n_groups, sizeof *r->prepared);
    if (r->state == NULL || r->ancestry == NULL || r->prepared == NULL) {
        return mad_fail_memory(ctx, "a replicate");
    }
    for (size_t i = 0; i < g->n_slots; i++) {
        r->state[i] = mad_arena_take_raw(g->mem, g->state_bytes, 1);
        if (r->state[i] == NULL) {
            return mad_fail_memory(ctx, "saved models");
        }
    }
    for (size_t i = 0; i < g->n_line_slots; i++) {
        r->ancestry[i].origin = mad_arena_take(g->mem, e->n_ages, sizeof(double));
        r->ancestry[i].ancestor = mad_arena_take(g->mem, e->n_ages, sizeof(double));
        r->ancestry[i].depth = mad_arena_take(g->mem, e->n_ages, sizeof(double));
        if (r->ancestry[i].origin == NULL || r->ancestry[i].ancestor == NULL ||
            r->ancestry[i].depth == NULL) {
            return mad_fail_memory(ctx, "lineages");
        }
    }
    if (e->needs_samples || !e->exact_real_law) {
        MAD_TRY(mad_set_take(ctx, g->mem, e->n_measure, e->world->info.dim, e->with_labels,
                             &r->reference));
    }
    MAD_TRY(take_reference_law(ctx, g, r));
    r->feature = e->feature;
    if (e->feature != NULL &&
        !e->feature->type->reads_file) { /* fitted to its own reference rows */
        const mad_features_asked asked = {.text = e->feature->text, .world = &e->world->info};
        MAD_TRY(mad_features_create(ctx, e->registry, &asked, r->mem, &r->feature));
    }
out:
    return st;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static mad_status create_data(mad_ctx *ctx, engine *g)
{
    const mad_experiment *e = g->e;
    const size_t n_replicates = e->setting.n_replicates, dim = e->world->info.dim;
    g->data = mad_arena_take(g->mem, e->layout.n_series, sizeof *g->data);
    for (size_t i = 0; g->data != NULL && i < e->layout.n_series; i++) {
        size_t n_cells;
        if (mad_size_mul(n_replicates * e->every, e->series[i].width, &n_cells) != MAD_OK ||
            (g->data[i] = mad_arena_take(g->mem, n_cells, sizeof(double))) == NULL) {
            return mad_fail_memory(ctx, "the results of a commit");
        }
    }
    g->n_preview_replicates = smaller(n_replicates, MAX_PREVIEW_REPLICATES);
    const size_t n_rows = g->n_preview_replicates * e->n_preview;
    g->preview = mad_arena_take(g->mem, n_rows * dim, sizeof *g->preview);
    g->real_preview = mad_arena_take(g->mem, n_rows * dim, sizeof *g->real_preview);
    g->preview_label = mad_arena_take(g->mem, n_rows, sizeof *g->preview_label);
    g->preview_depth = mad_arena_take(g->mem, n_rows, sizeof *g->preview_depth);
    if (e->ancestry == MAD_ANCESTRY_ROWS) {
        g->preview_ancestor = mad_arena_take(g->mem, n_rows, sizeof *g->preview_ancestor);
        if (g->preview_ancestor == NULL) {
            return mad_fail_memory(ctx, "the sample preview");
        }
    }
    return g->data != NULL && g->preview != NULL && g->real_preview != NULL &&
                   g->preview_label != NULL && g->preview_depth != NULL
               ? MAD_OK
               : mad_fail_memory(ctx, "the sample preview");
}

mad_status mad_engine_create(mad_ctx *ctx, engine *g)
{
    const mad_experiment *e = g->e;
    mad_status st = MAD_OK;
    const size_t n_replicates = e->setting.n_replicates;
    g->mem = mad_arena_create(BLOCK_BYTES);
    if (g->mem == NULL) {
        return mad_fail_memory(ctx, "the engine");
    }
    const int threaded_model = (e->setting.model->flags & MAD_MODEL_THREADED) != 0;
    g->n_workers = threaded_model ? 1 : smaller(ctx->n_workers, n_replicates);
    g->workers = mad_arena_take(g->mem, g->n_workers, sizeof *g->workers);
    g->replicates = mad_arena_take(g->mem, n_replicates, sizeof *g->replicates);
    if (g->workers == NULL || g->replicates == NULL) {
        return mad_fail_memory(ctx, "replicates");
    }
    for (size_t i = 0; i < g->n_workers; i++) {
        MAD_TRY(create_worker(ctx, g, &g->workers[i]));
    }
    g->state_bytes = mad_state_bytes(&g->workers[0].fields);
    g->blank_state = mad_arena_take(g->mem, g->state_bytes, 1);
    if (g->blank_state == NULL) {
        return mad_fail_memory(ctx, "saved models");
    }
    mad_state_read(&g->workers[0], g->blank_state);
    g->n_line_slots = e->n_regrow + 1; /* other loops read the oldest while a new one is written */
    g->n_slots = mad_experiment_n_slots(e, g->options->first_generation);
    for (size_t i = 0; i < n_replicates; i++) {
        g->replicates[i].index = (uint32_t)i;
        MAD_TRY(create_replicate(ctx, g, &g->replicates[i]));
    }
    MAD_TRY(create_data(ctx, g));
out:
    return st;
}

void mad_engine_destroy(engine *g)
{
    for (size_t i = 0; g->replicates != NULL && i < g->e->setting.n_replicates; i++) {
        mad_arena_destroy(g->replicates[i].mem);
    }
    mad_arena_destroy(g->mem);
}

/* ---- generations --------------------------------------------------------------------------- */

/* Work on the first replicates: generations g->generation.. by their plans, or one call without
 * any. */
typedef struct job {
    engine *g;
    mad_replicate_fn *fn;
    size_t n_replicates;
    size_t n_gens;
    const mad_plan *plans; /* [n_gens]; NULL = a call that belongs to no generation */
} job;

static mad_status run_job(mad_ctx *ctx, void *arg, size_t i_replicate)
{
    const job *j = arg;
    mad_status st = MAD_OK;
    engine mine = *j->g; /* the generation it is in is this replicate's own */
    for (size_t i = 0; i < j->n_gens; i++) {
        mine.plan = j->plans != NULL ? &j->plans[i] : NULL;
        MAD_TRY(j->fn(ctx, &mine, &mine.replicates[i_replicate]));
        mine.generation++;
    }
out:
    return st;
}

static void report(const engine *g, double t_start, size_t i_replicate)
{
    const size_t n_replicates = g->e->setting.n_replicates;
    const size_t first = g->options->first_generation;
    const double done =
        (double)(g->generation - first) + (double)i_replicate / (double)n_replicates;
    const double all = (double)(g->e->setting.n_generations - first + 1);
    const double elapsed_s = mad_engine_now_s() - t_start;
    const mad_progress progress = {.generation = g->generation,
                                   .n_generations = g->e->setting.n_generations,
                                   .replicate = i_replicate,
                                   .n_replicates = n_replicates,
                                   .elapsed_s = elapsed_s,
                                   .eta_s = elapsed_s * (all - done) / done};
    if (g->options->progress != NULL) {
        g->options->progress(g->options->arg, &progress);
    }
}

/* Threads go to the replicates, or, one replicate after the other, inside a model that uses them:
 * the results are the same. */
static mad_status for_replicates(mad_ctx *ctx, const job *j, double t_start)
{
    mad_status st = MAD_OK;
    const engine *g = j->g;
    if (g->n_workers > 1) {
        MAD_TRY(mad_par_for(ctx, j->n_replicates, run_job, (void *)j));
    } else {
        /* small models take less time than a look at the clock */
        const int is_slow = (g->e->setting.model->flags & MAD_MODEL_THREADED) != 0;
        for (size_t i = 0; i < j->n_replicates; i++) {
            MAD_TRY(run_job(ctx, (void *)j, i));
            if (is_slow && j->plans != NULL && i + 1 < j->n_replicates) {
                report(g, t_start, i + 1);
            }
        }
    }
out:
    return st;
}

mad_status mad_engine_each(mad_ctx *ctx, engine *g, size_t n_replicates, mad_replicate_fn *fn)
{
    const job j = {.g = g, .fn = fn, .n_replicates = n_replicates, .n_gens = 1, .plans = g->plan};
    return for_replicates(ctx, &j, 0.0);
}

/* The real rows shown beside the samples. */
static mad_status draw_real_preview(mad_ctx *ctx, engine *g)
{
    const mad_experiment *e = g->e;
    const size_t dim = e->world->info.dim;
    mad_status st = MAD_OK;
    for (size_t i = 0; i < g->n_preview_replicates && e->n_preview > 0; i++) {
        mad_set rows = {.n_rows = e->n_preview, .dim = dim, .x = g->real_preview};
        rows.x += i * e->n_preview * dim;
        const mad_key key = mad_engine_key(g, &g->replicates[i], 0, MAD_RNG_REFERENCE);
        MAD_TRY(e->world->type->draw(ctx, e->world, MAD_PART_REFERENCE, key, &rows));
    }
out:
    return st;
}

/* Generations that a replicate goes through before it waits for the others: small fits take less
 * time than waiting. Never beyond the next commit. */
static size_t window_length(const engine *g)
{
    const size_t t = g->generation, every = g->e->every;
    const size_t to_commit = every - (t - 1) % every;
    const size_t to_end = g->e->setting.n_generations - t + 1;
    const int is_slow = (g->e->setting.model->flags & MAD_MODEL_THREADED) != 0;
    const int crosses = g->e->setting.crosses; /* loops wait for each other */
    return is_slow || crosses ? 1 : smaller(MAX_WINDOW, smaller(to_commit, to_end));
}

/* Run a window; g->generation becomes its last one. */
static mad_status run_window(mad_ctx *ctx, engine *g, double t_start)
{
    const mad_experiment *e = g->e;
    mad_status st = MAD_OK;
    mad_plan plans[MAX_WINDOW];
    const job j = {.g = g,
                   .fn = mad_replicate_step,
                   .n_replicates = e->setting.n_replicates,
                   .n_gens = window_length(g),
                   .plans = plans};
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    for (size_t i = 0; i < j.n_gens; i++) {
        MAD_TRY(e->loop->type->plan(ctx, e->loop, g->generation + i, ctx->scratch, &plans[i]));
    }
    MAD_TRY(for_replicates(ctx, &j, t_start));
    for (size_t i = 0; i < j.n_gens; i++) {
        g->generation += i > 0;
        report(g, t_start, e->setting.n_replicates);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Rows of a short last commit move together: [R][every] becomes [R][n_gens]. */
static void close_ranks(engine *g, size_t n_gens)
{
    const mad_experiment *e = g->e;
    if (n_gens == e->every) {
        return;
    }
    for (size_t i = 0; i < e->layout.n_series; i++) {
        const size_t width = e->series[i].width;
        for (size_t r = 1; r < e->setting.n_replicates; r++) {
            memmove(g->data[i] + r * n_gens * width, g->data[i] + r * e->every * width,
                    n_gens * width * sizeof(double));
        }
    }
}

static mad_status commit(mad_ctx *ctx, engine *g)
{
    const mad_run_options *options = g->options;
    const size_t last = g->generation, n_gens = last - g->begin + 1;
    mad_status st = MAD_OK;
    close_ranks(g, n_gens);
    MAD_TRY(mad_stopping_look(ctx, g, n_gens));
    if (options->guard != NULL) {
        MAD_TRY(options->guard(ctx, options->guard_arg));
    }
    if (options->dir != NULL) {
        for (size_t i = 0; i < g->n_preview_replicates && g->e->n_preview > 0; i++) {
            MAD_TRY(mad_measure_preview(ctx, g, &g->replicates[i]));
        }
        MAD_TRY(mad_disk_commit(ctx, g, last));
    }
    if (options->commit != NULL) {
        options->commit(options->arg, g->begin, n_gens, (const double *const *)g->data);
    }
    g->begin = last + 1;
out:
    return st;
}

/* A generation was interrupted: commit the complete ones before it. Small models finish theirs and
 * never come here with any; a model's own state of the generation before is still in its slot. */
static mad_status keep_complete(mad_ctx *ctx, engine *g)
{
    char reason[MAD_MESSAGE_BYTES];
    mad_status st = MAD_OK;
    const int is_slow = (g->e->setting.model->flags & MAD_MODEL_THREADED) != 0;
    memcpy(reason, ctx->message, sizeof reason);
    if (is_slow && g->generation > g->begin) {
        const atomic_int *stop = ctx->stop;
        mad_ctx_clear(ctx);
        ctx->stop = NULL; /* the preview is still to be sampled */
        g->generation--;
        st = commit(ctx, g);
        ctx->stop = stop;
        MAD_TRY(st);
    }
    mad_ctx_clear(ctx);
    st = mad_fail(ctx, MAD_E_INTERRUPTED, "%s", reason);
out:
    return st;
}

static mad_status prepare(mad_ctx *ctx, engine *g)
{
    const mad_run_options *options = g->options;
    const size_t n_replicates = g->e->setting.n_replicates;
    mad_status st = MAD_OK;
    if (options->first_generation == 1) {
        MAD_TRY(mad_engine_each(ctx, g, n_replicates, mad_measure_floor));
        if (options->dir != NULL) {
            MAD_TRY(mad_run_create(ctx, options->dir, &g->e->layout));
        }
    } else {
        MAD_TRY(mad_disk_restore(ctx, g, options->first_generation));
        MAD_TRY(mad_engine_each(ctx, g, n_replicates, mad_measure_reference));
    }
    MAD_TRY(draw_real_preview(ctx, g));
out:
    return st;
}

mad_status mad_engine_run(mad_ctx *ctx, const mad_experiment *experiment,
                          const mad_run_options *options)
{
    mad_status st = MAD_OK;
    const double t_start = mad_engine_now_s();
    const size_t n_generations = experiment->setting.n_generations;
    engine g = {.e = experiment, .options = options, .begin = options->first_generation};
    MAD_TRY(mad_engine_create(ctx, &g));
    MAD_TRY(mad_cache_open(ctx, &g));
    MAD_TRY(mad_stopping_open(ctx, &g));
    MAD_TRY(prepare(ctx, &g));
    for (g.generation = g.begin; g.generation <= n_generations; g.generation++) {
        st = run_window(ctx, &g, t_start);
        if (st == MAD_E_INTERRUPTED) {
            st = keep_complete(ctx, &g);
        }
        MAD_TRY(st);
        const int is_last = g.generation == n_generations;
        const int is_over =
            options->max_hours > 0.0 && mad_engine_now_s() - t_start > 3600.0 * options->max_hours;
        const int is_stopped = ctx->stop != NULL && *ctx->stop != 0;
        /* at multiples: an interruption adds a commit, and does not shift those that follow */
        const int is_due = g.generation % experiment->every == 0;
        if (is_due || is_last || is_over || is_stopped) {
            MAD_TRY(commit(ctx, &g));
        }
        if (g.verdict.reason != MAD_STOP_NOT) {
            break;
        }
        if (!is_last && is_stopped) {
            MAD_TRY(mad_ctx_poll(ctx));
        }
        if (!is_last && is_over) {
            st = mad_fail(ctx, MAD_E_INTERRUPTED, "time limit of %g h reached", options->max_hours);
            goto out;
        }
    }
out:
    mad_engine_destroy(&g);
    return st;
}
