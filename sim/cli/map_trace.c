/* sim/cli/map_trace.c: rays, runs and decisions of a map. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/manifest.h"
#include "sim/cli/map.h"
#include "sim/cli/path.h"
#include "sim/cli/pool.h"
#include "sim/num/stats.h"

enum { MAX_GROUPS = 50 };

static const double clear_z = 6.0; /* standard errors: beyond doubt */

typedef struct tracer {
    mad_app *app;
    mad_arena *mem;
    const mad_map_question *q;
    const mad_sweep_options *options;
    mad_map *map;
    double n_groups; /* of replicates behind a standard error */
    int has_direction;
    unsigned char *is_active;   /* [n_x] rays that are traced now */
    unsigned char *is_finished; /* [n_x] */
    mad_probe *probe;           /* [n_y] work */
    size_t *wanted;             /* [n_x] point of y that an active ray looks at; SIZE_MAX: none */
} tracer;

/* ---- one look ------------------------------------------------------------------------------ */

static mad_map_cell *cell_at(const tracer *t, size_t i_x, size_t i_y)
{
    return &t->map->cell[i_x * t->map->n_y + i_y];
}

/* The folder of a look, made where it is not there yet; *dir from t->mem. */
static mad_status make_folder(const tracer *t, size_t i_x, size_t i_y, size_t i_look,
                              const char **dir)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(t->app->ctx, "a point of a map");
    }
    MAD_TRY(mad_map_point(t->app, mem, t->q, i_x, i_y, i_look, &config));
    *dir = mad_folder_name(t->mem, t->q->dir, &config);
    if (*dir == NULL) {
        st = mad_fail_memory(t->app->ctx, "a point of a map");
        goto out;
    }
    MAD_TRY(mad_folder_ensure(t->app->ctx, *dir, &config));
out:
    mad_arena_destroy(mem);
    return st;
}

/* ---- decisions ----------------------------------------------------------------------------- */

/* Means over looks of equal size; their variances add. */
static void add_look(mad_map_cell *cell, const mad_judgement *judged)
{
    const double n = (double)cell->n_looks, all = n + 1.0;
    cell->left = (n * cell->left + judged->measured) / all;
    cell->right = (n * cell->right + judged->expected) / all;
    cell->std_error = hypot(n * cell->std_error, judged->std_error) / all;
    cell->n_looks++;
}

static void decide(const tracer *t, mad_map_cell *cell)
{
    const double difference =
        t->q->holds_below ? cell->left - cell->right : cell->right - cell->left;
    const double df = (double)cell->n_looks * (t->n_groups - 1.0);
    const double limit =
        mad_student_t_critical(df, t->q->alpha / (double)t->q->max_looks) * cell->std_error;
    if (isfinite(difference) && fabs(difference) > limit) {
        cell->state = difference < 0.0 ? MAD_PROBE_INSIDE : MAD_PROBE_OUTSIDE;
    } else {
        cell->state = MAD_PROBE_OPEN;
    }
}

static mad_status judge(tracer *t, const char *dir, mad_map_cell *cell)
{
    mad_status st = MAD_OK;
    mad_ctx *ctx = t->app->ctx;
    mad_run run;
    mad_judgement judged;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a run");
    }
    MAD_TRY(mad_run_read(ctx, mem, dir, &run));
    MAD_TRY(mad_run_join_loops(ctx, mem, &run));
    const mad_expect_arm arm = {.name = "", .run = &run};
    MAD_TRY(mad_criterion_judge(ctx, t->q->criterion, &arm, &judged));
    if (run.n_replicates < 2) {
        st = mad_fail(ctx, MAD_E_UNSUPPORTED, "a map takes at least 2 replicates a run");
        goto out;
    }
    t->n_groups = fmin((double)run.n_replicates, MAX_GROUPS);
    add_look(cell, &judged);
    decide(t, cell);
out:
    mad_arena_destroy(mem);
    return st;
}

/* ---- rays ---------------------------------------------------------------------------------- */

double mad_map_distance(const mad_map_cell *cell)
{
    return cell->left > 0.0 && cell->right > 0.0 ? log(cell->left / cell->right)
                                                 : cell->left - cell->right;
}

/* The points of a ray in the order in which the criterion is to cease. */
static mad_ray ray_of(const tracer *t, size_t i_x)
{
    const size_t n = t->map->n_y;
    for (size_t i = 0; i < n; i++) {
        const mad_map_cell *cell = cell_at(t, i_x, t->map->is_reversed ? n - 1 - i : i);
        const double difference = mad_map_distance(cell);
        t->probe[i] = (mad_probe){cell->state, t->q->holds_below ? difference : -difference};
    }
    return (mad_ray){n, t->probe};
}

/* Linear between the nearest rays that are finished. */
static mad_ray_hint hint_for(const tracer *t, size_t i_x)
{
    const mad_ray_bracket *b = t->map->bracket;
    mad_ray_hint hint = {(double)NAN, (double)NAN};
    ptrdiff_t below = (ptrdiff_t)i_x - 1;
    size_t above = i_x + 1;
    while (below >= 0 && !t->is_finished[below]) {
        below--;
    }
    while (above < t->map->n_x && !t->is_finished[above]) {
        above++;
    }
    const int has_below = below >= 0, has_above = above < t->map->n_x;
    if (has_below && has_above) {
        const double share = (double)(i_x - (size_t)below) / (double)(above - (size_t)below);
        hint.crossing = (1.0 - share) * b[below].crossing + share * b[above].crossing;
        hint.slope = isnan(b[below].slope) ? b[above].slope : b[below].slope;
    } else if (has_below || has_above) {
        hint.slope = b[has_below ? (size_t)below : above].slope;
    }
    return hint;
}

/* Which end of y the criterion holds at: told by the first ray where the difference of the sides
 * changes by more than its noise. */
static void find_direction(tracer *t, size_t i_x)
{
    const mad_map_cell *low = NULL, *high = NULL;
    for (size_t y = 0; y < t->map->n_y; y++) {
        const mad_map_cell *cell = cell_at(t, i_x, y);
        if (cell->n_looks > 0 && isfinite(cell->left - cell->right)) {
            low = low == NULL ? cell : low;
            high = cell;
        }
    }
    if (low == NULL || low == high) {
        return;
    }
    const double rise = (high->left - high->right) - (low->left - low->right);
    if (fabs(rise) > clear_z * hypot(low->std_error, high->std_error)) {
        t->map->is_reversed = (rise < 0.0) == (t->q->holds_below != 0);
        t->has_direction = 1;
    }
}

/* One undecided point between decided ones is as good as the boundary; else the one closest to a
 * decision is looked at again. In points of the ray; SIZE_MAX: none. */
static size_t look_again(const tracer *t, size_t i_x, const mad_ray *ray)
{
    const mad_ray_bracket b = mad_ray_look(ray);
    size_t best = SIZE_MAX, n_open = 0;
    double best_z = -1.0;
    for (size_t i = (size_t)(b.inside + 1); i < b.outside; i++) {
        const mad_map_cell *cell = cell_at(t, i_x, t->map->is_reversed ? ray->n - 1 - i : i);
        const double z = fabs(cell->left - cell->right) / cell->std_error;
        n_open += cell->state == MAD_PROBE_OPEN;
        if (cell->n_looks < t->q->max_looks && z > best_z) {
            best = i;
            best_z = z;
        }
    }
    const int has_both = b.inside >= 0 && b.outside < ray->n;
    return n_open > 1 || !has_both ? best : SIZE_MAX;
}

static size_t next_point(tracer *t, size_t i_x)
{
    const size_t n = t->map->n_y;
    const mad_ray_hint hint = hint_for(t, i_x);
    if (!t->has_direction) {
        const size_t places[] = {(n - 1) / 3, 2 * (n - 1) / 3, 0, n - 1};
        find_direction(t, i_x);
        for (size_t i = 0; !t->has_direction && i < sizeof places / sizeof *places; i++) {
            if (cell_at(t, i_x, places[i])->state == MAD_PROBE_UNKNOWN) {
                return places[i];
            }
        }
        if (!t->has_direction) {
            return SIZE_MAX; /* flat, as far as can be told */
        }
    }
    const mad_ray ray = ray_of(t, i_x);
    const size_t next = mad_ray_next(&ray, &hint);
    const size_t i = next != SIZE_MAX ? next : look_again(t, i_x, &ray);
    return i == SIZE_MAX || !t->map->is_reversed ? i : n - 1 - i;
}

static void show_progress(const tracer *t)
{
    size_t n_finished = 0;
    for (size_t x = 0; x < t->map->n_x; x++) {
        n_finished += t->is_finished[x];
    }
    if (t->options->execute.progress != MAD_PROGRESS_NONE) {
        fprintf(stderr, "map: %zu runs, boundary known on %zu of %zu rays\n", t->map->n_runs,
                n_finished, t->map->n_x);
    }
}

/* One look at every active ray that wants one; *n of them. */
static mad_status look_once(tracer *t, size_t *n)
{
    mad_status st = MAD_OK;
    mad_app *app = t->app;
    mad_pool_run *run = mad_arena_take(t->mem, t->map->n_x, sizeof *run);
    size_t *ray = mad_arena_take(t->mem, t->map->n_x, sizeof *ray);
    mad_pool_options pool = {.n_jobs = t->options->n_jobs,
                             .is_quiet = 1,
                             .whole = t->q->dir,
                             .execute = t->options->execute};
    pool.execute.progress = MAD_PROGRESS_NONE;
    *n = 0;
    if (run == NULL || ray == NULL) {
        return mad_fail_memory(app->ctx, "a map");
    }
    for (size_t x = 0; x < t->map->n_x; x++) {
        if (t->wanted[x] != SIZE_MAX) {
            MAD_TRY(make_folder(t, x, t->wanted[x], cell_at(t, x, t->wanted[x])->n_looks,
                                &run[*n].dir));
            ray[(*n)++] = x;
        }
    }
    if (*n == 0) {
        goto out;
    }
    st = mad_pool_execute(app, t->mem, *n, run, &pool);
    if (st == MAD_E_FAILED) { /* named already: such a point stays open */
        mad_ctx_clear(app->ctx);
        st = MAD_OK;
    }
    MAD_TRY(st);
    for (size_t i = 0; i < *n; i++) {
        mad_map_cell *cell = cell_at(t, ray[i], t->wanted[ray[i]]);
        if (run[i].state == MAD_POOL_FAILED) {
            t->map->n_failed++;
            *cell = (mad_map_cell){.n_looks = t->q->max_looks,
                                   .left = (double)NAN,
                                   .right = (double)NAN,
                                   .state = MAD_PROBE_OPEN};
        } else {
            MAD_TRY(judge(t, run[i].dir, cell));
        }
    }
    t->map->n_runs += *n;
    show_progress(t);
out:
    return st;
}

/* Rays that are active, until nothing is left to look at on them. */
static mad_status trace_active(tracer *t)
{
    mad_status st = MAD_OK;
    for (size_t n = 1; n > 0;) {
        for (size_t x = 0; x < t->map->n_x; x++) {
            t->wanted[x] = t->is_active[x] ? next_point(t, x) : SIZE_MAX;
        }
        MAD_TRY(look_once(t, &n));
    }
    for (size_t x = 0; x < t->map->n_x; x++) {
        if (t->is_active[x]) {
            const mad_ray ray = ray_of(t, x);
            t->map->bracket[x] = mad_ray_look(&ray);
            t->is_finished[x] = t->has_direction != 0;
        }
    }
out:
    return st;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The outermost rays first, then those halfway between finished ones, ... */
static mad_status trace_all(tracer *t)
{
    mad_status st = MAD_OK;
    const size_t n = t->map->n_x;
    size_t step = 1;
    while (step < n - 1) {
        step *= 2;
    }
    for (size_t x = 0; x < n;
         x += larger(n - 1, 1)) { /* one by one: the first gives the direction */
        memset(t->is_active, 0, n);
        t->is_active[x] = 1;
        MAD_TRY(trace_active(t));
    }
    for (; step > 0; step /= 2) {
        size_t n_active = 0;
        for (size_t x = 0; x < n; x++) {
            t->is_active[x] = x % step == 0 && !t->is_finished[x];
            n_active += t->is_active[x];
        }
        if (n_active > 0) {
            MAD_TRY(trace_active(t));
        }
    }
out:
    return st;
}

mad_status mad_map_trace(mad_app *app, mad_arena *mem, const mad_map_question *question,
                         const mad_sweep_options *options, mad_map *out)
{
    mad_status st = MAD_OK;
    tracer t = {.app = app, .mem = mem, .q = question, .options = options, .map = out};
    *out = (mad_map){.n_x = question->x.n_texts, .n_y = question->y.n_texts};
    out->cell = mad_arena_take(mem, out->n_x * out->n_y, sizeof *out->cell);
    out->bracket = mad_arena_take(mem, out->n_x, sizeof *out->bracket);
    out->closed_form = mad_arena_take(mem, out->n_x, sizeof *out->closed_form);
    t.is_active = mad_arena_take(mem, out->n_x, 1);
    t.is_finished = mad_arena_take(mem, out->n_x, 1);
    t.wanted = mad_arena_take(mem, out->n_x, sizeof *t.wanted);
    t.probe = mad_arena_take(mem, out->n_y, sizeof *t.probe);
    if (out->cell == NULL || out->bracket == NULL || out->closed_form == NULL ||
        t.is_active == NULL || t.is_finished == NULL || t.wanted == NULL || t.probe == NULL) {
        return mad_fail_memory(app->ctx, "a map");
    }
    for (size_t x = 0; x < out->n_x; x++) {
        t.wanted[x] = SIZE_MAX;
        out->closed_form[x] = (double)NAN;
    }
    MAD_TRY(trace_all(&t));
out:
    return st;
}
