/* analysis/policy/policy_curves.c: see the header. */
#include "analysis/policy/policy_curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/policy/policy_expression.h"
#include "sim/cli/manifest.h"
#include "sim/iface/text.h"

enum { LABEL_BYTES = 512 };

static const char own_cost[] = "mean(lineage.n_train * lineage.real_share, 2, horizon)";

typedef struct reader {
    mad_ctx *ctx;
    mad_arena *mem;
    mad_runs runs;
    size_t n_keys; /* swept, of more than one value */
    const char **key;
    size_t *curve_of, *point_of, *seed_of; /* [n_runs] */
    mad_policy_curves *out;
} reader;

static const char *value_of(const reader *r, size_t i_run, const char *key)
{
    const mad_run_entry *run = &r->runs.runs[i_run];
    const char *value = mad_pair_value(run->n_pairs, run->pairs, key);
    return value != NULL ? value : "";
}

static int is_numeric(const reader *r, const char *key)
{
    double x;
    for (size_t i = 0; i < r->runs.n_runs; i++) {
        if (!mad_number_parse(value_of(r, i, key), &x)) {
            return 0;
        }
    }
    return 1;
}

static int varies(const reader *r, const char *key)
{
    for (size_t i = 1; i < r->runs.n_runs; i++) {
        if (strcmp(value_of(r, i, key), value_of(r, 0, key)) != 0) {
            return 1;
        }
    }
    return 0;
}

static mad_status find_keys(reader *r, const char *dir)
{
    mad_status st = MAD_OK;
    mad_manifest manifest = {.n_keys = 0};
    const int is_sweep = mad_manifest_is_there(dir);
    if (is_sweep) {
        MAD_TRY(mad_manifest_read(r->ctx, r->mem, dir, &manifest));
    }
    const size_t n = is_sweep ? manifest.n_keys : r->runs.n_keys;
    const char *const *key = is_sweep ? manifest.key : r->runs.keys;
    r->key = mad_arena_take(r->mem, n + 1, sizeof *r->key);
    if (r->key == NULL) {
        return mad_fail_memory(r->ctx, "a policy");
    }
    for (size_t k = 0; k < n; k++) {
        if (varies(r, key[k])) {
            r->key[r->n_keys++] = key[k];
        }
    }
out:
    return st;
}

static mad_status find_horizon(reader *r, size_t asked)
{
    size_t shortest = SIZE_MAX;
    for (size_t i = 0; i < r->runs.n_runs; i++) {
        const size_t n = r->runs.runs[i].run.n_generations;
        shortest = n < shortest ? n : shortest;
    }
    r->out->horizon = asked > 0 ? asked : shortest;
    if (r->out->horizon < 2) {
        return mad_fail(r->ctx, MAD_E_USAGE,
                        "policy: the runs have one generation: nothing is lost");
    }
    return r->out->horizon <= shortest
               ? MAD_OK
               : mad_fail(r->ctx, MAD_E_USAGE,
                          "policy: --horizon %zu: the shortest run has %zu generations", asked,
                          shortest);
}

static mad_status find_lever(reader *r, const char *asked)
{
    mad_policy_curves *out = r->out;
    for (size_t k = 0; k < r->n_keys && asked != NULL && out->key == NULL; k++) {
        out->key = strcmp(r->key[k], asked) == 0 ? r->key[k] : NULL;
    }
    if (out->key != NULL && !is_numeric(r, out->key)) {
        return mad_fail(r->ctx, MAD_E_USAGE, "policy: the values of '%s' are no numbers", asked);
    }
    for (size_t k = 0; k < r->n_keys && out->key == NULL; k++) {
        const int is_free = strcmp(r->key[k], "seed") != 0 && is_numeric(r, r->key[k]);
        out->key = is_free ? r->key[k] : NULL;
    }
    if (out->key == NULL) {
        return mad_fail(
            r->ctx, MAD_E_USAGE,
            "policy: no lever: the runs differ in no swept key whose values are numbers");
    }
    out->lever = asked != NULL ? asked : out->key;
    return MAD_OK;
}

/* Number of a text in a list that grows. */
static size_t place_of(size_t *n, const char **list, const char *text)
{
    size_t k = 0;
    while (k < *n && strcmp(list[k], text) != 0) {
        k++;
    }
    *n += k == *n;
    list[k] = text;
    return k;
}

static const char *label_of(const reader *r, size_t i_run)
{
    char text[LABEL_BYTES] = "";
    size_t n = 0;
    for (size_t k = 0; k < r->n_keys && n < sizeof text; k++) {
        const char *key = r->key[k];
        if (strcmp(key, r->out->key) != 0 && strcmp(key, "seed") != 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%s", n > 0 ? ", " : "", key,
                                  value_of(r, i_run, key));
        }
    }
    return mad_arena_text(r->mem, text);
}

/* Curve, point and seed of every run. */
static mad_status sort_runs(reader *r)
{
    const size_t n = r->runs.n_runs;
    const char **label = mad_arena_take(r->mem, n, sizeof *label);
    const char **value = mad_arena_take(r->mem, n, sizeof *value);
    size_t n_points = 0;
    size_t *place = mad_arena_take(r->mem, 3 * n, sizeof *place);
    r->out->seed = mad_arena_take(r->mem, n, sizeof *r->out->seed);
    if (label == NULL || value == NULL || place == NULL || r->out->seed == NULL) {
        return mad_fail_memory(r->ctx, "a policy");
    }
    r->curve_of = place;
    r->point_of = place + n;
    r->seed_of = place + 2 * n;
    for (size_t i = 0; i < n; i++) {
        const char *text = label_of(r, i);
        const mad_run *run = &r->runs.runs[i].run;
        if (text == NULL) {
            return mad_fail_memory(r->ctx, "a policy");
        }
        r->curve_of[i] = place_of(&r->out->n_curves, label, text);
        r->point_of[i] = place_of(&n_points, value, value_of(r, i, r->out->key));
        r->seed_of[i] = place_of(&r->out->n_seeds, r->out->seed, value_of(r, i, "seed"));
        r->out->n_replicates =
            run->n_replicates > r->out->n_replicates ? run->n_replicates : r->out->n_replicates;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (r->curve_of[i] == r->curve_of[j] && r->point_of[i] == r->point_of[j] &&
                r->seed_of[i] == r->seed_of[j]) {
                return mad_fail(r->ctx, MAD_E_USAGE,
                                "policy: %s and %s differ in no swept key: one sweep at a time",
                                r->runs.runs[j].dir, r->runs.runs[i].dir);
            }
        }
    }
    r->out->curve = mad_arena_take(r->mem, r->out->n_curves, sizeof *r->out->curve);
    if (r->out->curve == NULL) {
        return mad_fail_memory(r->ctx, "a policy");
    }
    for (size_t c = 0; c < r->out->n_curves; c++) {
        r->out->curve[c].label = label[c];
    }
    return MAD_OK;
}

/* ---- one curve ---- */

/* A point in the making: numbers of every unit. */
typedef struct draft {
    mad_policy_point point;
    double *lever, *damage, *cost; /* [n_units] */
    double *course;                /* [n_units][horizon] of the measure; NULL: not a half-life */
} draft;

static int by_lever(const void *a, const void *b)
{
    const double x = ((const draft *)a)->point.lever.mean, y = ((const draft *)b)->point.lever.mean;
    return (x > y) - (x < y);
}

static mad_status start_draft(reader *r, size_t n_units, const char *text, draft *out)
{
    const int is_life = r->out->measure.kind == MAD_POLICY_HALF_LIFE;
    const size_t n = (3 + (is_life ? r->out->horizon : 0)) * n_units;
    double *all = mad_arena_take(r->mem, n, sizeof *all);
    if (all == NULL) {
        return mad_fail_memory(r->ctx, "a policy");
    }
    for (size_t i = 0; i < n; i++) {
        all[i] = (double)NAN;
    }
    *out = (draft){
        {.text = text}, all, all + n_units, all + 2 * n_units, is_life ? all + 3 * n_units : NULL};
    return MAD_OK;
}

static mad_status fill_draft(reader *r, size_t i_run, draft *d)
{
    mad_status st = MAD_OK;
    mad_policy_curves *out = r->out;
    const mad_run_entry *run = &r->runs.runs[i_run];
    const size_t at = r->seed_of[i_run] * out->n_replicates;
    MAD_TRY(
        mad_policy_measure_take(r->ctx, r->mem, &out->measure, run, out->horizon, d->damage + at));
    MAD_TRY(mad_policy_evaluate(r->ctx, r->mem, run, out->horizon, out->lever, d->lever + at));
    MAD_TRY(mad_policy_evaluate(r->ctx, r->mem, run, out->horizon, out->cost, d->cost + at));
    if (d->course != NULL) {
        const mad_run_series *series = mad_run_find(&run->run, "metrics", out->measure.metric);
        for (size_t i = 0; i < run->run.n_replicates; i++) {
            memcpy(d->course + (at + i) * out->horizon, series->value + i * run->run.n_generations,
                   out->horizon * sizeof(double));
        }
    }
    for (size_t i = 0; i < run->run.n_replicates; i++) {
        if (!isfinite(d->damage[at + i])) {
            d->damage[at + i] = (double)NAN;
            out->n_missing++;
        }
    }
out:
    return st;
}

/* Means over the units, and half-lives. */
static mad_status finish_draft(reader *r, size_t n_units, double *work, draft *d)
{
    mad_status st = MAD_OK;
    d->point.lever = mad_estimate_mean(n_units, 1, d->lever, work);
    d->point.damage = mad_estimate_mean(n_units, 1, d->damage, work);
    d->point.cost = mad_estimate_mean(n_units, 1, d->cost, work);
    if (!isfinite(d->point.lever.mean)) {
        return mad_fail(r->ctx, MAD_E_USAGE, "policy: the lever %s is no number at %s = %s",
                        r->out->lever, r->out->key, d->point.text);
    }
    if (d->course != NULL) {
        MAD_TRY(mad_policy_life_take(r->ctx, r->mem, n_units, r->out->horizon, d->course,
                                     &d->point.life));
    }
out:
    return st;
}

/* The order of the lever, and the sample. */
static mad_status finish_curve(reader *r, size_t n_units, size_t n, draft *d,
                               mad_policy_curve *curve)
{
    mad_status st = MAD_OK;
    mad_policy_point *point = mad_arena_take(r->mem, n, sizeof *point);
    double *lever = mad_arena_take(r->mem, n, sizeof *lever);
    double *damage = mad_arena_take(r->mem, n * n_units, sizeof *damage);
    double *work = mad_arena_take(r->mem, n_units, sizeof *work);
    if (point == NULL || lever == NULL || damage == NULL || work == NULL) {
        return mad_fail_memory(r->ctx, "a policy");
    }
    for (size_t k = 0; k < n; k++) {
        MAD_TRY(finish_draft(r, n_units, work, &d[k]));
    }
    qsort(d, n, sizeof *d, by_lever);
    for (size_t k = 0; k < n; k++) {
        point[k] = d[k].point;
        lever[k] = point[k].lever.mean;
        for (size_t u = 0; u < n_units; u++) {
            damage[u * n + k] = d[k].damage[u];
        }
    }
    if (!(lever[n - 1] > lever[0])) {
        return mad_fail(r->ctx, MAD_E_USAGE, "policy: the lever %s has one value%s%s",
                        r->out->lever, curve->label[0] != '\0' ? " at " : "", curve->label);
    }
    curve->n_points = n;
    curve->point = point;
    curve->sample = (mad_policy_sample){n, n_units, lever, damage};
out:
    return st;
}

static mad_status read_curve(reader *r, size_t c)
{
    mad_status st = MAD_OK;
    const size_t n_runs = r->runs.n_runs, n_units = r->out->n_seeds * r->out->n_replicates;
    draft *d = mad_arena_take(r->mem, n_runs, sizeof *d);
    size_t *point = mad_arena_take(r->mem, n_runs, sizeof *point);
    size_t n = 0;
    if (d == NULL || point == NULL) {
        return mad_fail_memory(r->ctx, "a policy");
    }
    for (size_t i = 0; i < n_runs; i++) {
        size_t k = 0;
        if (r->curve_of[i] != c) {
            continue;
        }
        while (k < n && point[k] != r->point_of[i]) {
            k++;
        }
        if (k == n) {
            point[n++] = r->point_of[i];
            MAD_TRY(start_draft(r, n_units, value_of(r, i, r->out->key), &d[k]));
        }
        MAD_TRY(fill_draft(r, i, &d[k]));
    }
    MAD_TRY(finish_curve(r, n_units, n, d, &r->out->curve[c]));
out:
    return st;
}

mad_status mad_policy_curves_read(mad_ctx *ctx, mad_arena *mem, char *dir,
                                  const mad_policy_request *request, mad_policy_curves *out)
{
    mad_status st = MAD_OK;
    reader *r = mad_arena_take(mem, 1, sizeof *r);
    if (r == NULL) {
        return mad_fail_memory(ctx, "a policy");
    }
    *out = (mad_policy_curves){.cost = request->cost, .cost_words = request->cost};
    *r = (reader){.ctx = ctx, .mem = mem, .out = out};
    if (request->cost == NULL) {
        out->cost = own_cost;
        out->cost_words = "real rows in the training set of a generation";
    }
    MAD_TRY(mad_runs_load(ctx, mem, 1, &dir, &r->runs));
    MAD_TRY(find_keys(r, dir));
    MAD_TRY(find_horizon(r, request->horizon));
    MAD_TRY(find_lever(r, request->lever));
    MAD_TRY(mad_policy_measure_choose(ctx, mem, &r->runs, request->damage, out->horizon,
                                      &out->measure));
    MAD_TRY(sort_runs(r));
    for (size_t c = 0; c < out->n_curves; c++) {
        MAD_TRY(read_curve(r, c));
    }
out:
    return st;
}

double mad_policy_cost_at(const mad_policy_curve *curve, double lever)
{
    for (size_t k = 0; k + 1 < curve->n_points; k++) {
        const mad_policy_point *a = &curve->point[k], *b = a + 1;
        if (lever >= a->lever.mean && lever <= b->lever.mean) {
            const double span = b->lever.mean - a->lever.mean;
            const double w = span > 0.0 ? (lever - a->lever.mean) / span : 0.0;
            return (1.0 - w) * a->cost.mean + w * b->cost.mean;
        }
    }
    return (double)NAN;
}
