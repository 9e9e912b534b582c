/* analysis/policy/empirical.c: see the header. */
#include "analysis/policy/empirical.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/policy/threshold.h"
#include "sim/cli/print_json.h"
#include "sim/store/json.h"

typedef struct search {
    mad_trials *trials;
    const mad_empirical_ask *ask;
    mad_arena *mem; /* of one run, after `start` */
    mad_arena_mark start;
    size_t generation, total, n_synthetic, seed;
    double first, n_first; /* mean of the measure at generation 1, over so many replicates */
    double *margin[2];
} search;

static size_t synthetic_beside(const search *s, size_t n_real)
{
    return s->ask->kept == MAD_KEEP_TOTAL ? s->total - n_real : s->n_synthetic;
}

/* Margins of a run: how far its last generation lies inside what generation 1 allows. */
static void take_margins(search *s, const mad_trial *run, mad_margins *out)
{
    const int is_lower = strcmp(run->direction, "lower") == 0;
    const int is_target = strcmp(run->direction, "target") == 0;
    for (size_t r = 0; r < run->n_replicates; r++) {
        const double *x = run->value + r * run->n_generations;
        const double first = x[0], last = x[s->generation - 1];
        const double room = s->ask->within * fabs(first);
        s->margin[0][r] = is_lower ? first + room - last : last - first + room;
        s->margin[1][r] = first + room - last;
        s->n_first += 1.0;
        s->first += (first - s->first) / s->n_first;
    }
    *out = (mad_margins){run->n_replicates, is_target ? 2 : 1, {s->margin[0], s->margin[1]}};
}

static mad_status draw(mad_ctx *ctx, void *arg, size_t n_real, size_t n_drawn, mad_margins *out)
{
    search *s = arg;
    mad_trial run;
    mad_trial_keys keys = {0};
    mad_status st = MAD_OK;
    (void)ctx;
    mad_arena_release(s->mem, s->start);
    mad_trial_set(&keys, "loop.n_real", n_real);
    mad_trial_set(&keys, "loop.n_synthetic", synthetic_beside(s, n_real));
    mad_trial_set(&keys, "generations", s->generation);
    mad_trial_set(&keys, "seed", s->seed + n_drawn);
    MAD_TRY(mad_trial_run(s->trials, s->mem, &keys, &run));
    take_margins(s, &run, out);
out:
    return st;
}

static void tell(void *arg, size_t n_real, size_t n_replicates, int verdict)
{
    const search *s = arg;
    fprintf(stderr, "n_real %zu of %zu: %s after %zu replicates\n", n_real,
            n_real + synthetic_beside(s, n_real),
            verdict > 0   ? "holds"
            : verdict < 0 ? "fails"
                          : "open",
            n_replicates);
}

/* ---- what is printed ----------------------------------------------------------------------- */

static double share_of(const search *s, double n_real)
{
    return n_real / (n_real + (s->ask->kept == MAD_KEEP_TOTAL ? (double)s->total - n_real
                                                              : (double)s->n_synthetic));
}

static void print_text(const search *s, const mad_threshold *found)
{
    const mad_empirical_ask *ask = s->ask;
    const double low = (double)found->low, high = (double)found->high;
    if (found->is_open) {
        printf("least n_real  above %.0f, if any (looked at up to %zu)\n", low - 1.0,
               found->point[found->n_points - 1].size);
    } else {
        printf("least n_real  %.0f to %.0f  (%g %% confidence)\nleast share   %.4g to %.4g\n", low,
               high, 100.0 * ask->confidence, share_of(s, low), share_of(s, high));
    }
    printf("estimate      %.4g, share %.4g\n", found->estimate, share_of(s, found->estimate));
    printf(
        "keeps the mean of %s at generation %zu within %g %% of generation 1 (%.6g), %s constant\n",
        s->trials->metric, s->generation, 100.0 * ask->within, s->first,
        ask->kept == MAD_KEEP_TOTAL ? "n_real + n_synthetic" : "n_synthetic");
    printf("\n%8s %8s %10s %14s  %s\n", "n_real", "share", "replicates", "margin", "verdict");
    for (size_t i = 0; i < found->n_points; i++) {
        const mad_threshold_point *at = &found->point[i];
        printf("%8zu %8.4g %10zu %9.2f +- %.2f %%  %s\n", at->size, share_of(s, (double)at->size),
               at->n_replicates, 100.0 * at->mean / fabs(s->first),
               100.0 * at->error / fabs(s->first),
               at->verdict > 0   ? "holds"
               : at->verdict < 0 ? "fails"
                                 : "open");
    }
    printf("\n%zu runs, %zu generations trained\n", s->trials->n_runs, s->trials->n_generations);
}

static json_t *json_points(const search *s, const mad_threshold *found)
{
    json_t *list = json_array();
    for (size_t i = 0; i < found->n_points; i++) {
        const mad_threshold_point *at = &found->point[i];
        (void)json_array_append_new(
            list, json_pack("{s:I, s:o, s:I, s:o, s:o, s:i}", "n_real", (json_int_t)at->size,
                            "share", mad_json_number(share_of(s, (double)at->size)), "replicates",
                            (json_int_t)at->n_replicates, "margin", mad_json_number(at->mean),
                            "error", mad_json_number(at->error), "verdict", at->verdict));
    }
    return list;
}

static mad_status print_json(const search *s, const mad_threshold *found)
{
    const double high = found->is_open ? (double)NAN : (double)found->high;
    return mad_print_json(
        s->trials->app->ctx,
        json_pack(
            "{s:s, s:s, s:I, s:o, s:o, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}",
            "question", "least share", "metric", s->trials->metric, "generation",
            (json_int_t)s->generation, "within", mad_json_number(s->ask->within), "confidence",
            mad_json_number(s->ask->confidence), "kept",
            s->ask->kept == MAD_KEEP_TOTAL ? "total" : "synthetic", "n_real_low",
            (json_int_t)found->low, "n_real_high", mad_json_number(high), "share_low",
            mad_json_number(share_of(s, (double)found->low)), "share_high",
            mad_json_number(share_of(s, high)), "estimate", mad_json_number(found->estimate),
            "share_estimate", mad_json_number(share_of(s, found->estimate)), "first",
            mad_json_number(s->first), "runs", (json_int_t)s->trials->n_runs, "generations_trained",
            (json_int_t)s->trials->n_generations, "points", json_points(s, found)));
}

/* ---- the search ---------------------------------------------------------------------------- */

static mad_status take_search(mad_arena *mem, search *s)
{
    mad_config config;
    mad_status st = MAD_OK;
    MAD_TRY(mad_trials_config(s->trials, mem, &config));
    const size_t n_replicates = mad_get_size(&config.root, "replicates");
    const size_t n_real = (size_t)mad_get(&config.loop, "n_real")->schedule.a;
    s->n_synthetic = (size_t)mad_get(&config.loop, "n_synthetic")->schedule.a;
    s->total = n_real + s->n_synthetic;
    s->seed = mad_get_size(&config.root, "seed");
    s->generation =
        s->ask->generation > 0 ? s->ask->generation : mad_get_size(&config.root, "generations");
    if (s->generation < 2) {
        return mad_fail(s->trials->app->ctx, MAD_E_CONFIG,
                        "admissible: generation %zu is trained on real rows alone", s->generation);
    }
    for (size_t k = 0; k < 2; k++) {
        s->margin[k] = mad_arena_take(mem, n_replicates, sizeof *s->margin[k]);
        if (s->margin[k] == NULL) {
            return mad_fail_memory(s->trials->app->ctx, "margins");
        }
    }
out:
    return st;
}

static mad_status take_plan(search *s, mad_threshold_plan *plan)
{
    const mad_empirical_ask *ask = s->ask;
    const size_t widest = ask->kept == MAD_KEEP_TOTAL ? s->total - 1 : 4 * s->total;
    plan->most = ask->most > 0 ? ask->most : widest;
    if (ask->kept == MAD_KEEP_TOTAL && plan->most > widest) {
        return mad_fail(s->trials->app->ctx, MAD_E_USAGE,
                        "admissible: option '--most' is %zu, but n_real + n_synthetic is %zu",
                        plan->most, s->total);
    }
    plan->least = 1;
    plan->step = ask->step > 0 ? ask->step : (plan->most + 99) / 100;
    plan->confidence = ask->confidence;
    plan->n_looks = ask->looks;
    plan->arg = s;
    plan->draw = draw;
    plan->tell = tell;
    return MAD_OK;
}

mad_status mad_empirical_answer(mad_trials *trials, const mad_empirical_ask *ask, int as_json)
{
    mad_ctx *ctx = trials->app->ctx;
    mad_arena *mem = mad_arena_create(1 << 16);
    search s = {.trials = trials, .ask = ask, .mem = mem};
    mad_threshold_plan plan;
    mad_threshold found;
    mad_status st = MAD_OK;

    if (mem == NULL) {
        return mad_fail_memory(ctx, "a search");
    }
    MAD_TRY(take_search(mem, &s));
    s.start = mad_arena_get_mark(mem);
    MAD_TRY(take_plan(&s, &plan));
    MAD_TRY(mad_threshold_find(ctx, &plan, &found));
    if (as_json) {
        MAD_TRY(print_json(&s, &found));
    } else {
        print_text(&s, &found);
    }
    if (found.is_open) {
        st = mad_fail(ctx, MAD_E_FAILED, "admissible: no n_real up to %zu was found to hold",
                      plan.most);
    }
out:
    mad_arena_destroy(mem);
    return st;
}
