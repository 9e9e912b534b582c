/* sim/engine/probe.c: fits cut short, few rows, on as many replicates side by side as in a run. */
#include "sim/engine/probe.h"

#include <math.h>

#include "sim/base/par.h"

/* Shares of the probe's time for floors, one fit and sampling; steps and rows a probe begins with. */
#define FLOOR_SHARE  0.1
#define FIT_SHARE    0.3
#define SAMPLE_SHARE 0.3

/* Rows that would take so many times their share are not sampled. */
#define MUCH 8.0

enum { FIRST_STEPS = 8, FIRST_ROWS = 16, MIN_FLOORS = 3, MAX_GROWTH = 16, MAX_CALLS = 4 };

/* ---- parts, timed inside each replicate ------------------------------------------------------ */

static mad_status time_reference(mad_ctx *ctx, engine *g, replicate *r)
{
    const double start = mad_engine_now_s();
    const mad_status st = mad_measure_reference(ctx, g, r);
    g->probe->took_s[r->index] = mad_engine_now_s() - start;
    return st;
}

static mad_status time_floor(mad_ctx *ctx, engine *g, replicate *r)
{
    const double start = mad_engine_now_s();
    const mad_status st = mad_measure_floor(ctx, g, r);
    g->probe->took_s[r->index] = mad_engine_now_s() - start;
    return st;
}

static mad_status time_gather(mad_ctx *ctx, engine *g, replicate *r)
{
    const double start = mad_engine_now_s();
    const mad_status st = mad_replicate_gather(ctx, g, r);
    g->probe->took_s[r->index] = mad_engine_now_s() - start;
    return st;
}

static mad_status time_fit(mad_ctx *ctx, engine *g, replicate *r)
{
    const mad_status st = mad_replicate_train(ctx, g, r, g->probe->trial_steps);
    g->probe->took_s[r->index] = *mad_engine_cell(g, g->e->own.train_s, r->index);
    return st;
}

/* A model that was trained for some steps only may well leave the finite numbers. */
static mad_status time_rows(mad_ctx *ctx, engine *g, replicate *r)
{
    worker *w = &g->workers[ctx->i_worker];
    mad_set rows = mad_set_rows(&g->probe->rows[ctx->i_worker], 0, g->probe->n_rows);
    mad_status st = MAD_OK;
    MAD_TRY(mad_ctx_poll(ctx));
    MAD_TRY(mad_state_load(ctx, g, r, 1, w));
    const double start = mad_engine_now_s();
    st = g->e->setting.model->sample(
        ctx, w->model, mad_engine_key(g, r, g->probe->generation, MAD_RNG_MEASURE), 0, &rows);
    g->probe->took_s[r->index] = mad_engine_now_s() - start;
    if (st == MAD_E_NONFINITE && g->probe->trial_steps > 0) {
        mad_ctx_clear(ctx);
        st = MAD_OK;
    }
out:
    return st;
}

static mad_status timed(mad_ctx *ctx, engine *g, size_t n, mad_replicate_fn *fn, double *mean_s)
{
    const mad_status st = mad_engine_each(ctx, g, n, fn);
    *mean_s = 0.0;
    for (size_t i = 0; i < n; i++) {
        *mean_s += g->probe->took_s[i] / (double)n;
    }
    return st;
}

/* The best of some calls, while they are cheap: the first meets cold memory and unread code. */
static mad_status timed_warm(mad_ctx *ctx, engine *g, size_t n, mad_replicate_fn *fn,
                             double budget_s, double *best_s)
{
    mad_status st = MAD_OK;
    double spent_s = 0.0;
    *best_s = HUGE_VAL;
    for (size_t i = 0; i < MAX_CALLS && (i == 0 || spent_s < budget_s); i++) {
        const double start_s = mad_engine_now_s();
        double took_s;
        MAD_TRY(timed(ctx, g, n, fn, &took_s));
        spent_s += mad_engine_now_s() - start_s;
        *best_s = fmin(*best_s, took_s);
    }
out:
    return st;
}

/* How much more of the work the budget allows, from what the last took. */
static size_t grown(size_t n, double took_s, double budget_s, size_t most)
{
    const double factor = fmin(fmax(budget_s / fmax(took_s, 1e-6), 1.0), (double)MAX_GROWTH);
    const double next = floor((double)n * factor);
    return next < (double)most ? (size_t)next : most;
}

/* ---- fit ------------------------------------------------------------------------------------- */

/* Two lengths of training: their difference is free of what every fit does once. */
static mad_status probe_steps(mad_ctx *ctx, engine *g, double n_steps, double budget_s)
{
    mad_status st = MAD_OK;
    probe *p = g->probe;
    const size_t most = (size_t)n_steps;
    double before_s = 0.0, took_s = 0.0;
    size_t n_before = 0;
    p->trial_steps = FIRST_STEPS < most ? FIRST_STEPS : most;
    MAD_TRY(timed(ctx, g, p->n, time_fit, &took_s)); /* cold */
    for (;;) {
        MAD_TRY(timed(ctx, g, p->n, time_fit, &took_s));
        if (p->trial_steps == most || took_s > 0.5 * budget_s) {
            break;
        }
        n_before = p->trial_steps;
        before_s = took_s;
        p->trial_steps = grown(p->trial_steps, took_s, budget_s, most);
        if (p->trial_steps == n_before) {
            break;
        }
    }
    const double n = (double)p->trial_steps, n_more = n - (double)n_before;
    p->step_s = n_before > 0 && 2 * n_before <= p->trial_steps && took_s > before_s
                    ? (took_s - before_s) / n_more
                    : took_s / n;
    p->fit_fixed_s = fmax(took_s - n * p->step_s, 0.0);
out:
    return st;
}

/* ---- sampling -------------------------------------------------------------------------------- */

/* Threads inside one sample() of a generation: all where replicates follow each other. */
static size_t inner_threads(const mad_ctx *ctx, const engine *g)
{
    return g->n_workers > 1 ? 1 : ctx->n_workers;
}

/* What the busiest thread does when chunks of MAD_CHUNK rows are dealt to the threads. */
typedef struct load {
    double chunks, rows;
} load;

static load busiest(size_t n_rows, size_t n_threads)
{
    const size_t n_chunks = mad_n_chunks(n_rows), n_turns = n_chunks / n_threads;
    const size_t n_left = n_chunks % n_threads;
    const size_t in_last = n_chunks > 0 ? mad_chunk_rows(n_rows, n_chunks - 1) : 0;
    const size_t whole = n_turns * MAD_CHUNK;
    if (n_left > 0) {
        return (load){(double)(n_turns + 1), (double)(whole + (n_left == 1 ? in_last : MAD_CHUNK))};
    }
    return (load){(double)n_turns,
                  (double)whole - (n_threads == 1 ? (double)(MAD_CHUNK - in_last) : 0.0)};
}

static double load_s(const probe *p, load l)
{
    return l.chunks * p->chunk_s + l.rows * p->row_s;
}

static double rows_s(const mad_ctx *ctx, const engine *g, size_t n_rows)
{
    return n_rows == 0 ? 0.0 : load_s(g->probe, busiest(n_rows, inner_threads(ctx, g)));
}

/* Seconds per chunk and per row from two loads, the second at least twice the first; from the second
 * alone when they contradict each other. */
static void split_load(probe *p, load a, double a_s, load b, double b_s)
{
    const double det = a.chunks * b.rows - b.chunks * a.rows;
    p->chunk_s = 0.0;
    p->row_s = b_s / b.rows;
    if (a.rows > 0.0 && b.rows >= 2.0 * a.rows && det > 0.0) {
        const double row_s = (a.chunks * b_s - b.chunks * a_s) / det;
        const double chunk_s = (b.rows * a_s - a.rows * b_s) / det;
        if (row_s < 0.0) { /* a chunk costs the same however few rows it has */
            p->row_s = 0.0;
            p->chunk_s = b_s / b.chunks;
        } else if (chunk_s > 0.0) {
            p->row_s = row_s;
            p->chunk_s = chunk_s;
        }
    }
}

/* Seconds per row of one thread, by the operations that a step of training and a row take; 0: not
 * known. */
static double counted_row_s(const mad_ctx *ctx, const engine *g, const mad_model_cost *cost)
{
    const probe *p = g->probe;
    const mad_model_type *type = g->e->setting.model;
    if (!(p->step_s > 0.0)) {
        return 0.0;
    }
    const double own_flops =
        cost->own_rows * cost->own_evaluations * cost->row_flops / cost->row_evaluations;
    const double step_flops = (cost->fit_flops - own_flops) / (cost->fit_steps + cost->own_steps);
    const double n_threads = type->flags & MAD_MODEL_THREADED ? (double)ctx->n_workers : 1.0;
    return step_flops > 0.0 ? cost->row_flops / (step_flops / p->step_s / n_threads) : 0.0;
}

static mad_status take_rows(mad_ctx *ctx, engine *g, size_t n_rows)
{
    mad_status st = MAD_OK;
    probe *p = g->probe;
    p->rows = mad_arena_take(g->mem, g->n_workers, sizeof *p->rows);
    if (p->rows == NULL) {
        return mad_fail_memory(ctx, "probed rows");
    }
    for (size_t i = 0; i < g->n_workers; i++) {
        MAD_TRY(mad_set_take(ctx, g->mem, n_rows, g->e->world->info.dim, g->e->with_labels,
                             &p->rows[i]));
    }
out:
    return st;
}

/* The generation whose rows take the most unlike number of evaluations to those of generation 1. */
static size_t farthest(const workload *work, size_t n)
{
    size_t far = 1;
    for (size_t t = 2; t <= n; t++) {
        const double first = work[0].cost.row_evaluations;
        const double away = fabs(work[t - 1].cost.row_evaluations - first);
        far = away > fabs(work[far - 1].cost.row_evaluations - first) ? t : far;
    }
    return far;
}

static mad_status probe_far_rows(mad_ctx *ctx, engine *g, const workload *work, double near_s)
{
    mad_status st = MAD_OK;
    probe *p = g->probe;
    const size_t far = farthest(work, g->e->setting.n_generations);
    double far_s = near_s;
    if (far > 1 && near_s > 0.0) {
        p->generation = far;
        MAD_TRY(timed(ctx, g, p->n, time_rows, &far_s));
        p->far_evaluations = work[far - 1].cost.row_evaluations;
        p->far_like = far_s / near_s;
    }
out:
    return st;
}

static mad_status probe_rows(mad_ctx *ctx, engine *g, const workload *work, size_t n_wanted,
                             double budget_s)
{
    mad_status st = MAD_OK;
    probe *p = g->probe;
    const size_t inner = inner_threads(ctx, g), full = 2 * inner * MAD_CHUNK;
    const size_t most = n_wanted < full ? n_wanted : full;
    const double counted_s = counted_row_s(ctx, g, &work[0].cost);
    double before_s = 0.0, took_s = 0.0;
    size_t n_before = 0;
    p->generation = 1;
    p->evaluations = p->far_evaluations = work[0].cost.row_evaluations;
    if (FIRST_ROWS * counted_s > MUCH * budget_s) {
        p->row_s = counted_s;
        return MAD_OK;
    }
    MAD_TRY(take_rows(ctx, g, most));
    p->n_rows = FIRST_ROWS < most ? FIRST_ROWS : most;
    for (int is_first = 1;; is_first = 0) {
        MAD_TRY(timed(ctx, g, p->n, time_rows, &took_s));
        if (is_first && took_s < 0.1 * budget_s) {
            MAD_TRY(timed(ctx, g, p->n, time_rows, &took_s)); /* now warm */
        }
        if (p->n_rows == most || took_s > 0.5 * budget_s) {
            break;
        }
        n_before = p->n_rows;
        before_s = took_s;
        p->n_rows = grown(p->n_rows, took_s, budget_s, most);
        if (p->n_rows == n_before) {
            break;
        }
    }
    split_load(p, busiest(n_before, inner), before_s, busiest(p->n_rows, inner), took_s);
    MAD_TRY(probe_far_rows(ctx, g, work, took_s));
out:
    return st;
}

/* ---- from parts to generations --------------------------------------------------------------- */

/* Models that count no steps are timed by whole fits. */
static mad_model_cost cost_of(const engine *g, mad_fit_size fit)
{
    const mad_model_type *type = g->e->setting.model;
    mad_model_cost cost = {0};
    if (type->cost != NULL) {
        type->cost(g->workers[0].model, fit, &cost);
    }
    if (!(type->flags & MAD_MODEL_STEPS)) {
        cost.fit_steps = 0.0;
    }
    return cost;
}

mad_status mad_probe_plan(mad_ctx *ctx, const engine *g, size_t generation, workload *out)
{
    mad_status st = MAD_OK;
    mad_plan plan;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    *out = (workload){0};
    MAD_TRY(g->e->loop->type->plan(ctx, g->e->loop, generation, ctx->scratch, &plan));
    for (size_t i = 0; i < plan.n_blocks; i++) {
        const mad_block block = plan.blocks[i];
        out->n_pool += block.n_rows;
        if (block.kind == MAD_BLOCK_SYNTHETIC && block.generation + 1 == generation) {
            out->n_sampled += block.n_rows;
        } else if (block.kind == MAD_BLOCK_REAL && block.generation == generation) {
            out->n_real += block.n_rows;
        }
    }
    out->n_train = plan.budget > 0 && plan.budget < out->n_pool ? plan.budget : out->n_pool;
    out->cost = cost_of(g, (mad_fit_size){.generation = generation,
                                          .n_train = out->n_train,
                                          .warm_steps = generation > 1 ? plan.warm_steps : 0});
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Seconds of a row that takes so many evaluations over those of a probed one: on a line through the
 * two numbers that were probed; in proportion where there was only one. */
static double like_probed(const probe *p, double evaluations)
{
    if (p->far_evaluations != p->evaluations) {
        const double share = (evaluations - p->evaluations) / (p->far_evaluations - p->evaluations);
        return fmax(1.0 + share * (p->far_like - 1.0), 0.0);
    }
    return p->evaluations > 0.0 ? evaluations / p->evaluations : 1.0;
}

/* An evaluation of a model's rows over one of generation 1's. */
static double like_first_evaluation(const mad_model_cost *cost, const mad_model_cost *first)
{
    const double now = cost->row_flops / cost->row_evaluations;
    const double then = first->row_flops / first->row_evaluations;
    return now > 0.0 && then > 0.0 ? now / then : 1.0;
}

/* Evaluations of a row that the next training set is made of. */
static double drawn_evaluations(const mad_model_cost *cost)
{
    return cost->tilted_evaluations > 0.0 ? cost->tilted_evaluations : cost->row_evaluations;
}

shape mad_probe_shape(const mad_ctx *ctx, const engine *g, const workload *work, size_t generation)
{
    const mad_experiment *e = g->e;
    const probe *p = g->probe;
    const workload *first = &work[0], *now = &work[generation - 1];
    const mad_model_cost *fitted = &now->cost;
    const mad_model_cost *sampled = generation > 1 ? &now[-1].cost : fitted;
    const double n_steps = fitted->fit_steps + fitted->own_steps;
    const double n_turns = ceil((double)e->setting.n_replicates / (double)g->n_workers);
    const double like_first = (double)now->n_train / (double)first->n_train;
    const double measured_like =
        like_probed(p, fitted->row_evaluations) * like_first_evaluation(fitted, &first->cost);
    const double sampled_like =
        like_probed(p, drawn_evaluations(sampled)) * like_first_evaluation(sampled, &first->cost);
    shape s = {
        .train_s = n_steps > 0.0 ? p->fit_fixed_s + n_steps * p->step_s +
                                       like_probed(p, fitted->own_evaluations) *
                                           rows_s(ctx, g, (size_t)fitted->own_rows)
                                 : p->fit_fixed_s * like_first,
        .sample_s = sampled_like * rows_s(ctx, g, now->n_sampled) +
                    p->draw_s * (double)now->n_real / (double)first->n_train,
        .measure_s = (e->needs_samples ? measured_like * rows_s(ctx, g, e->n_measure) : 0.0) +
                     fmax(p->floor_s - p->reference_s, 0.0),
    };
    s.wall_s = n_turns * (s.train_s + s.sample_s + s.measure_s);
    return s;
}

/* ---- the probe ------------------------------------------------------------------------------- */

mad_status mad_probe_parts(mad_ctx *ctx, engine *g, double seconds, const workload *work,
                           size_t n_most_rows, mad_forecast *out)
{
    mad_status st = MAD_OK;
    const mad_experiment *e = g->e;
    probe *p = g->probe;
    mad_plan plan;
    const size_t n_floors = p->n > MIN_FLOORS ? p->n : MIN_FLOORS;
    out->n_floors = n_floors < e->setting.n_replicates ? n_floors : e->setting.n_replicates;
    MAD_TRY(timed_warm(ctx, g, out->n_floors, time_floor, FLOOR_SHARE * seconds, &p->floor_s));
    MAD_TRY(timed_warm(ctx, g, p->n, time_reference, FLOOR_SHARE * seconds, &p->reference_s));
    MAD_TRY(e->loop->type->plan(ctx, e->loop, 1, ctx->scratch, &plan));
    g->plan = &plan;
    MAD_TRY(timed(ctx, g, p->n, time_gather, &p->draw_s));
    MAD_TRY(out->n_steps > 0.0
                ? probe_steps(ctx, g, out->n_steps, FIT_SHARE * seconds)
                : timed_warm(ctx, g, p->n, time_fit, 0.5 * FIT_SHARE * seconds, &p->fit_fixed_s));
    out->n_steps_probed = (double)p->trial_steps;
    if (n_most_rows > 0) {
        MAD_TRY(probe_rows(ctx, g, work, n_most_rows, SAMPLE_SHARE * seconds));
        out->n_rows_probed = p->n_rows;
    }
out:
    return st;
}

double mad_probe_preview_s(const mad_ctx *ctx, const engine *g)
{
    return g->e->n_preview == 0 ? 0.0
                                : (double)g->n_preview_replicates *
                                      load_s(g->probe, busiest(g->e->n_preview, ctx->n_workers));
}
