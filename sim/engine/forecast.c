/* sim/engine/forecast.c: from probed parts, and a few whole generations where they are cheap, to a
 * whole run. */
#include "sim/engine/forecast.h"

#include <math.h>
#include <string.h>

#include "sim/engine/disk.h"
#include "sim/engine/probe.h"

/* As many at least must fit into the time that is left, or no whole generation is run. */
#define FEW_GENERATIONS 3.0

/* A commit copies run.h5, which grows by chunks of so many generations; what else it does takes about
 * as long as copying so many bytes more. */
enum { CHUNK_GENERATIONS = 64 };
static const double COMMIT_BYTES = 4e6;

static mad_status probe_commit(mad_ctx *ctx, engine *g, mad_forecast *out)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_run_create(ctx, g->options->dir, &g->e->layout));
    const double start = mad_engine_now_s();
    MAD_TRY(mad_disk_commit(ctx, g, 1));
    out->commit_s = mad_engine_now_s() - start;
out:
    return st;
}

/* What a rehearsal had done when a commit came. */
typedef struct milestone {
    size_t generation;
    double took_s;
    shape cells; /* sums of the cost series over generations and replicates */
} milestone;

/* Whole generations, as they are run. */
typedef struct rehearsal {
    const mad_experiment *e;
    double start_s;
    milestone first, last;
} rehearsal;

static void note_commit(void *arg, size_t begin, size_t n_gens, const double *const *data)
{
    rehearsal *r = arg;
    const own_series *own = &r->e->own;
    const size_t n_cells = r->e->setting.n_replicates * n_gens;
    r->last.took_s = mad_engine_now_s() - r->start_s;
    r->last.generation = begin + n_gens - 1;
    for (size_t i = 0; i < n_cells; i++) {
        r->last.cells.train_s += data[own->train_s][i];
        r->last.cells.sample_s += data[own->sample_s][i];
        r->last.cells.measure_s += data[own->measure_s][i];
    }
    if (r->first.generation == 0) {
        r->first = r->last;
    }
}

static mad_status rehearse(mad_ctx *ctx, const mad_experiment *e, double seconds,
                           const char *scratch_dir, rehearsal *out)
{
    *out = (rehearsal){.e = e, .start_s = mad_engine_now_s()};
    const mad_run_options options = {.dir = scratch_dir,
                                     .first_generation = 1,
                                     .max_hours = seconds / 3600.0,
                                     .arg = out,
                                     .commit = note_commit};
    const mad_status st = mad_engine_run(ctx, e, &options);
    if (st == MAD_E_INTERRUPTED && (ctx->stop == NULL || *ctx->stop == 0)) {
        mad_ctx_clear(ctx); /* the time is over: that was the point */
        return MAD_OK;
    }
    return st;
}

/* ---- all generations ------------------------------------------------------------------------- */

/* All generations, as their plans and the probed parts tell. */
typedef struct course {
    workload *work; /* [n_generations] */
    double *wall_s; /* [n_generations] */
} course;

static mad_status read_plans(mad_ctx *ctx, const engine *g, workload *work, size_t *n_most_rows)
{
    mad_status st = MAD_OK;
    *n_most_rows = g->e->needs_samples ? g->e->n_measure : 0;
    for (size_t t = 1; t <= g->e->setting.n_generations; t++) {
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(mad_probe_plan(ctx, g, t, &work[t - 1]));
        const size_t n_own = (size_t)work[t - 1].cost.own_rows;
        const size_t n_sampled = work[t - 1].n_sampled;
        *n_most_rows = n_sampled > *n_most_rows ? n_sampled : *n_most_rows;
        *n_most_rows = n_own > *n_most_rows ? n_own : *n_most_rows;
    }
out:
    return st;
}

static mad_model_cost mean_cost(const workload *work, size_t n)
{
    mad_model_cost mean = {0};
    const double share = 1.0 / (double)n;
    for (size_t t = 0; t < n; t++) {
        const mad_model_cost *c = &work[t].cost;
        mean.fit_steps += share * c->fit_steps;
        mean.own_steps += share * c->own_steps;
        mean.own_rows += share * c->own_rows;
        mean.own_evaluations += share * c->own_evaluations;
        mean.fit_flops += share * c->fit_flops;
        mean.row_flops += share * c->row_flops;
        mean.row_evaluations += share * c->row_evaluations;
        mean.tilted_evaluations += share * c->tilted_evaluations;
        mean.parameters += share * c->parameters;
    }
    return mean;
}

static size_t n_commits(const mad_experiment *e)
{
    return (e->setting.n_generations + e->every - 1) / e->every;
}

/* The forecast of the parts alone. */
static void add_up(const mad_ctx *ctx, const engine *g, course *all, mad_forecast *out)
{
    const mad_experiment *e = g->e;
    const size_t n = e->setting.n_generations;
    double wall_s = 0.0;
    out->n_turns = ceil((double)e->setting.n_replicates / (double)g->n_workers);
    for (size_t t = 1; t <= n; t++) {
        const shape s = mad_probe_shape(ctx, g, all->work, t);
        all->wall_s[t - 1] = s.wall_s;
        wall_s += s.wall_s;
        out->train_s += s.train_s / (double)n;
        out->sample_s += s.sample_s / (double)n;
        out->measure_s += s.measure_s / (double)n;
    }
    out->floor_s = out->n_turns * g->probe->floor_s;
    out->commit_s += mad_probe_preview_s(ctx, g);
    out->generation_s = wall_s / (double)n;
    out->total_s = out->floor_s + wall_s + (double)n_commits(e) * out->commit_s;
}

static double cells_s(shape cells)
{
    return cells.train_s + cells.sample_s + cells.measure_s;
}

static double sum_walls(const course *all, size_t after, size_t to)
{
    double sum_s = 0.0;
    for (size_t t = after + 1; t <= to; t++) {
        sum_s += all->wall_s[t - 1];
    }
    return sum_s;
}

/* Weight of a generation by what its commit copies. */
static double commit_weight(size_t generation, size_t n_generations, double run_bytes)
{
    const size_t n_chunks = (generation + CHUNK_GENERATIONS - 1) / CHUNK_GENERATIONS;
    const double share = (double)(n_chunks * CHUNK_GENERATIONS) / (double)n_generations;
    return COMMIT_BYTES + run_bytes * fmin(share, 1.0);
}

static double sum_commits(size_t after, size_t to, size_t n_generations, double run_bytes)
{
    double sum = 0.0;
    for (size_t t = after + 1; t <= to; t++) {
        sum += commit_weight(t, n_generations, run_bytes);
    }
    return sum;
}

/* What whole generations say, in place of the parts. Their work grows as the parts say, what they
 * take beside it as their commits do. The first commit's generations count only when there
 * are no others: they met cold memory. */
static void correct(const rehearsal *r, const course *all, mad_forecast *out)
{
    const size_t n = r->e->setting.n_generations, n_done = r->last.generation;
    const size_t n_replicates = r->e->setting.n_replicates;
    milestone from = {.took_s = fmin(out->floor_s, r->last.took_s)};
    if (r->last.generation > r->first.generation) {
        from = r->first;
    }
    const double took_s = r->last.took_s - from.took_s;
    const double per_replicate_s =
        (cells_s(r->last.cells) - cells_s(from.cells)) / (double)n_replicates;
    const double work_s = fmin(took_s, per_replicate_s * out->n_turns);
    const double beside_s =
        (took_s - work_s) / sum_commits(from.generation, n_done, n, out->run_bytes);
    const double rate = work_s / sum_walls(all, from.generation, n_done);
    const double all_s = sum_walls(all, 0, n), n_cells = (double)(n_done * n_replicates);
    const double like_all = all_s / sum_walls(all, 0, n_done) * (double)n_done / (double)n;
    out->train_s = r->last.cells.train_s / n_cells * like_all;
    out->sample_s = r->last.cells.sample_s / n_cells * like_all;
    out->measure_s = r->last.cells.measure_s / n_cells * like_all;
    out->total_s = r->last.took_s + rate * sum_walls(all, n_done, n) +
                   beside_s * sum_commits(n_done, n, n, out->run_bytes);
    out->generation_s =
        (rate * all_s + beside_s * sum_commits(0, n, n, out->run_bytes)) / (double)n;
    out->commit_s = 0.0; /* within the generations */
    out->n_generations_run = n_done;
    out->n_floors = n_replicates;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static double row_bytes(const mad_experiment *e)
{
    const size_t n_bytes = e->world->info.dim * sizeof(double);
    return (double)(n_bytes + (e->with_labels ? sizeof(int32_t) : 0));
}

/* Rows that a run holds at its largest generation and the probe, having made the first n_made of
 * n_replicates, never held. */
static double missing_bytes(const mad_experiment *e, const workload *work, size_t n_made,
                            size_t n_replicates)
{
    size_t most = 0, seen = 0;
    for (size_t t = 1; t <= e->setting.n_generations; t++) {
        const size_t n_pool = work[t - 1].n_pool;
        most = n_pool > most ? n_pool : most;
        seen = t <= n_made && n_pool > seen ? n_pool : seen;
    }
    return ((double)most * (double)e->setting.n_replicates - (double)seen * (double)n_replicates) *
           row_bytes(e);
}

static double run_file_bytes(const mad_run_layout *layout)
{
    const double bytes_of_a_dataset = 2500.0; /* header, attributes, scales */
    double n_cells = 0.0;
    for (size_t i = 0; i < layout->n_series; i++) {
        n_cells += (double)layout->series[i].width;
    }
    return n_cells * (double)layout->n_replicates * (double)layout->n_generations * sizeof(double) +
           bytes_of_a_dataset * (double)(layout->n_series + layout->n_vectors);
}

/* Models and preview of one commit. */
static double commit_bytes(const engine *g)
{
    const mad_experiment *e = g->e;
    const size_t n_models = e->every < e->n_regrow ? e->every : e->n_regrow;
    return (double)n_models * (double)e->setting.n_replicates * (double)g->state_bytes +
           2.0 * (double)(g->n_preview_replicates * e->n_preview) * row_bytes(e);
}

/* ---- all together ---------------------------------------------------------------------------- */

/* On the engine of a run, with all its memory. */
static mad_status forecast_parts(mad_ctx *ctx, const mad_experiment *e, double seconds,
                                 const char *scratch_dir, course *all, mad_forecast *out)
{
    mad_status st = MAD_OK;
    const mad_run_options options = {.dir = scratch_dir, .first_generation = 1};
    probe p = {0};
    engine g = {.e = e, .options = &options, .begin = 1, .generation = 1, .probe = &p};
    size_t n_most_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_TRY(mad_engine_create(ctx, &g));
    p.n = g.n_workers < e->setting.n_replicates ? g.n_workers : e->setting.n_replicates;
    p.took_s = mad_arena_take(g.mem, e->setting.n_replicates, sizeof *p.took_s);
    if (p.took_s == NULL) {
        st = mad_fail_memory(ctx, "a probe");
        goto out;
    }
    MAD_TRY(read_plans(ctx, &g, all->work, &n_most_rows));
    out->n_steps = all->work[0].cost.fit_steps;
    out->cost = mean_cost(all->work, e->setting.n_generations);
    MAD_TRY(mad_probe_parts(ctx, &g, seconds, all->work, n_most_rows, out));
    if (scratch_dir != NULL) {
        MAD_TRY(probe_commit(ctx, &g, out));
    }
    add_up(ctx, &g, all, out);
    out->run_bytes = run_file_bytes(&e->layout);
    out->generation_bytes = (double)n_commits(e) * commit_bytes(&g);
    out->peak_bytes =
        (double)mad_peak_bytes() + missing_bytes(e, all->work, 1, p.n) +
        fmax(commit_bytes(&g) - (double)e->setting.n_replicates * (double)g.state_bytes, 0.0);
out:
    mad_engine_destroy(&g);
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_forecast_make(mad_ctx *ctx, const mad_experiment *experiment, double seconds,
                             const char *scratch_dir, mad_forecast *out)
{
    mad_status st = MAD_OK;
    const mad_experiment *e = experiment;
    rehearsal r;
    const double start_s = mad_engine_now_s();
    mad_arena *mem = mad_arena_create(1 << 16);
    course all = {0};
    *out = (mad_forecast){0};
    if (mem != NULL) {
        all.work = mad_arena_take(mem, e->setting.n_generations, sizeof *all.work);
        all.wall_s = mad_arena_take(mem, e->setting.n_generations, sizeof *all.wall_s);
    }
    if (all.work == NULL || all.wall_s == NULL) {
        st = mad_fail_memory(ctx, "a forecast");
        goto out;
    }
    MAD_TRY(forecast_parts(ctx, e, seconds, scratch_dir, &all, out));
    const double left_s = seconds - (mad_engine_now_s() - start_s);
    const double few_s = out->floor_s + FEW_GENERATIONS * out->generation_s;
    if (fmin(few_s, out->total_s) < left_s) {
        MAD_TRY(rehearse(ctx, e, left_s, scratch_dir, &r));
        correct(&r, &all, out);
        out->peak_bytes = (double)mad_peak_bytes() +
                          missing_bytes(e, all.work, r.last.generation, e->setting.n_replicates);
    }
out:
    mad_arena_destroy(mem);
    return st;
}
