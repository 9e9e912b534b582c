/* analysis/policy/policy_print.c: see the header. */
#include "analysis/policy/policy_print.h"

#include <math.h>
#include <string.h>

#include "analysis/table/cells.h"
#include "sim/store/json.h"

enum { TEXT_BYTES = 96 };

const char *mad_policy_kind_word(mad_policy_kind kind)
{
    static const char *const word[] = {[MAD_POLICY_UNKNOWN] = "unknown",
                                       [MAD_POLICY_CROSSED] = "crossed",
                                       [MAD_POLICY_NEVER] = "never",
                                       [MAD_POLICY_ALWAYS] = "always"};
    return word[kind];
}

static size_t count_points(const mad_policy_curves *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_curves; i++) {
        n += c->curve[i].n_points;
    }
    return n;
}

static const char *estimate(mad_arena *mem, const mad_estimate *e)
{
    return mad_cell_interval(mem, e->mean, e->mean - e->half, e->mean + e->half);
}

/* ---- text ---- */

static mad_status print_grid(mad_ctx *ctx, FILE *file, mad_grid_format format, size_t n_columns,
                             size_t n_rows, const char **cell)
{
    if (cell == NULL) {
        return mad_fail_memory(ctx, "a table");
    }
    mad_grid_print(file, format, &(mad_grid){n_rows, n_columns, cell});
    return MAD_OK;
}

static mad_status print_points(mad_ctx *ctx, mad_arena *mem, FILE *file, const mad_policy_curves *c)
{
    enum { N = 6 };
    const char *const head[N] = {"curve", c->key, "lever", "n", "damage [95 %]", "cost [95 %]"};
    const size_t n_rows = count_points(c) + 1;
    const char **cell = mad_arena_take(mem, n_rows * N, sizeof *cell), **at = cell;
    if (cell == NULL) {
        return mad_fail_memory(ctx, "a table");
    }
    memcpy(at, head, sizeof head);
    at += N;
    for (size_t i = 0; i < c->n_curves; i++) {
        for (size_t k = 0; k < c->curve[i].n_points; k++, at += N) {
            const mad_policy_point *p = &c->curve[i].point[k];
            const char *const row[N] = {c->curve[i].label,
                                        p->text,
                                        mad_cell_number(mem, p->lever.mean),
                                        mad_cell_count(mem, p->damage.n),
                                        estimate(mem, &p->damage),
                                        estimate(mem, &p->cost)};
            memcpy(at, row, sizeof row);
        }
    }
    return print_grid(ctx, file, MAD_GRID_TEXT, N, n_rows, cell);
}

static mad_status print_lives(mad_ctx *ctx, mad_arena *mem, FILE *file, const mad_policy_curves *c)
{
    enum { N = 5 };
    const char *const head[N] = {"curve", c->key, "law", "half-life fitted [95 %]",
                                 "median of the replicates [95 %]"};
    const size_t n_rows = count_points(c) + 1;
    const char **cell = mad_arena_take(mem, n_rows * N, sizeof *cell), **at = cell;
    if (cell == NULL) {
        return mad_fail_memory(ctx, "a table");
    }
    memcpy(at, head, sizeof head);
    at += N;
    for (size_t i = 0; i < c->n_curves; i++) {
        for (size_t k = 0; k < c->curve[i].n_points; k++, at += N) {
            const mad_policy_life *l = &c->curve[i].point[k].life;
            const char *const row[N] = {
                c->curve[i].label, c->curve[i].point[k].text, mad_law_text(l->law),
                mad_cell_interval(mem, l->fitted, l->fitted_interval.low, l->fitted_interval.high),
                mad_cell_interval(mem, l->median, l->median_interval.low, l->median_interval.high)};
            memcpy(at, row, sizeof row);
        }
    }
    return print_grid(ctx, file, MAD_GRID_TEXT, N, n_rows, cell);
}

static mad_status print_answers(mad_ctx *ctx, mad_arena *mem, FILE *file,
                                const mad_policy_result *r)
{
    enum { N = 7 };
    char lever[TEXT_BYTES], safe[TEXT_BYTES];
    const double percent = 100.0 * r->question.confidence;
    (void)snprintf(lever, sizeof lever, "lever [%.3g %%]", percent);
    (void)snprintf(safe, sizeof safe, "shown %.3g %%", percent);
    const char *const head[N] = {"curve", "level", lever, safe, "cost", "cost shown", "n"};
    const size_t n_rows = r->curves.n_curves + 1;
    const char **cell = mad_arena_take(mem, n_rows * N, sizeof *cell);
    if (cell == NULL) {
        return mad_fail_memory(ctx, "a table");
    }
    memcpy(cell, head, sizeof head);
    for (size_t i = 0; i < r->curves.n_curves; i++) {
        const mad_policy_curve *curve = &r->curves.curve[i];
        const mad_policy_answer *a = &r->answer[i];
        const char *const row[N] = {
            curve->label,
            mad_policy_kind_word(a->kind),
            mad_cell_interval(mem, a->lever, a->interval.low, a->interval.high),
            mad_cell_number(mem, a->safe),
            mad_cell_number(mem, mad_policy_cost_at(curve, a->lever)),
            mad_cell_number(mem, mad_policy_cost_at(curve, a->safe)),
            mad_cell_count(mem, a->n_units)};
        memcpy(cell + (i + 1) * N, row, sizeof row);
    }
    return print_grid(ctx, file, MAD_GRID_TEXT, N, n_rows, cell);
}

mad_status mad_policy_print_text(mad_ctx *ctx, mad_arena *mem, FILE *file,
                                 const mad_policy_result *r)
{
    mad_status st = MAD_OK;
    const mad_policy_curves *c = &r->curves;
    (void)fprintf(file, "damage: %s%s%s\nlever:  %s\ncost:   %s\n\n", c->measure.words,
                  c->measure.kind < MAD_POLICY_HALF_LIFE ? " = " : "",
                  c->measure.kind < MAD_POLICY_HALF_LIFE ? c->measure.expression : "", c->lever,
                  c->cost_words);
    MAD_TRY(print_points(ctx, mem, file, c));
    if (c->measure.kind == MAD_POLICY_HALF_LIFE) {
        (void)fputc('\n', file);
        MAD_TRY(print_lives(ctx, mem, file, c));
    }
    if (!isnan(r->question.level)) {
        (void)fprintf(file, "\nlevel: damage at or %s %.6g\n",
                      r->question.is_floor ? "above" : "below", r->question.level);
        MAD_TRY(print_answers(ctx, mem, file, r));
    }
    for (size_t i = 0; i < c->n_curves; i++) {
        (void)fprintf(file, "\n%s\n", r->paragraph[i]);
    }
out:
    return st;
}

/* ---- csv ---- */

static const char *const csv_head[] = {
    "row",       "curve",         "key_value",      "lever",       "lever_low",  "lever_high",
    "n",         "damage",        "damage_low",     "damage_high", "cost",       "cost_low",
    "cost_high", "kind",          "confidence",     "shown_from",  "cost_shown", "law",
    "half_life", "half_life_low", "half_life_high", "median",      "median_low", "median_high"};
enum { N_CSV = sizeof csv_head / sizeof *csv_head };

static void point_row(mad_arena *mem, const char *curve, int is_life, const mad_policy_point *p,
                      const char **to)
{
    const mad_policy_life *life = &p->life;
    const mad_estimate *l = &p->lever, *d = &p->damage, *c = &p->cost;
    const char *const row[N_CSV] = {"point",
                                    curve,
                                    p->text,
                                    mad_cell_exact(mem, l->mean),
                                    mad_cell_exact(mem, l->mean - l->half),
                                    mad_cell_exact(mem, l->mean + l->half),
                                    mad_cell_count(mem, d->n),
                                    mad_cell_exact(mem, d->mean),
                                    mad_cell_exact(mem, d->mean - d->half),
                                    mad_cell_exact(mem, d->mean + d->half),
                                    mad_cell_exact(mem, c->mean),
                                    mad_cell_exact(mem, c->mean - c->half),
                                    mad_cell_exact(mem, c->mean + c->half),
                                    "",
                                    "0.95",
                                    "",
                                    "",
                                    is_life ? mad_law_text(life->law) : "",
                                    is_life ? mad_cell_exact(mem, life->fitted) : "",
                                    is_life ? mad_cell_exact(mem, life->fitted_interval.low) : "",
                                    is_life ? mad_cell_exact(mem, life->fitted_interval.high) : "",
                                    is_life ? mad_cell_exact(mem, life->median) : "",
                                    is_life ? mad_cell_exact(mem, life->median_interval.low) : "",
                                    is_life ? mad_cell_exact(mem, life->median_interval.high) : ""};
    memcpy(to, row, sizeof row);
}

static void level_row(mad_arena *mem, const mad_policy_curve *curve, const mad_policy_question *q,
                      const mad_policy_answer *a, const char **to)
{
    const char *const row[N_CSV] = {"level",
                                    curve->label,
                                    "",
                                    mad_cell_exact(mem, a->lever),
                                    mad_cell_exact(mem, a->interval.low),
                                    mad_cell_exact(mem, a->interval.high),
                                    mad_cell_count(mem, a->n_units),
                                    mad_cell_exact(mem, q->level),
                                    "",
                                    "",
                                    mad_cell_exact(mem, mad_policy_cost_at(curve, a->lever)),
                                    "",
                                    "",
                                    mad_policy_kind_word(a->kind),
                                    mad_cell_exact(mem, q->confidence),
                                    mad_cell_exact(mem, a->safe),
                                    mad_cell_exact(mem, mad_policy_cost_at(curve, a->safe)),
                                    "",
                                    "",
                                    "",
                                    "",
                                    "",
                                    "",
                                    ""};
    memcpy(to, row, sizeof row);
}

mad_status mad_policy_print_csv(mad_ctx *ctx, mad_arena *mem, FILE *file,
                                const mad_policy_result *r)
{
    const mad_policy_curves *c = &r->curves;
    const int has_level = !isnan(r->question.level);
    const size_t n_rows = 1 + count_points(c) + (has_level ? c->n_curves : 0);
    const char **cell = mad_arena_take(mem, n_rows * N_CSV, sizeof *cell), **at = cell;
    if (cell == NULL) {
        return mad_fail_memory(ctx, "a table");
    }
    memcpy(at, csv_head, sizeof csv_head);
    at += N_CSV;
    for (size_t i = 0; i < c->n_curves; i++) {
        for (size_t k = 0; k < c->curve[i].n_points; k++, at += N_CSV) {
            point_row(mem, c->curve[i].label, c->measure.kind == MAD_POLICY_HALF_LIFE,
                      &c->curve[i].point[k], at);
        }
        if (has_level) {
            level_row(mem, &c->curve[i], &r->question, &r->answer[i], at);
            at += N_CSV;
        }
    }
    return print_grid(ctx, file, MAD_GRID_CSV, N_CSV, n_rows, cell);
}

/* ---- json ---- */

static json_t *json_estimate(const mad_estimate *e)
{
    return json_pack("{s:I, s:o, s:o, s:o}", "n", (json_int_t)e->n, "mean",
                     mad_json_number(e->mean), "low", mad_json_number(e->mean - e->half), "high",
                     mad_json_number(e->mean + e->half));
}

static json_t *json_answer(const mad_policy_curve *curve, const mad_policy_answer *a)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "kind",
                     mad_policy_kind_word(a->kind), "lever", mad_json_number(a->lever), "low",
                     mad_json_number(a->interval.low), "high", mad_json_number(a->interval.high),
                     "shown_from", mad_json_number(a->safe), "cost",
                     mad_json_number(mad_policy_cost_at(curve, a->lever)), "cost_shown",
                     mad_json_number(mad_policy_cost_at(curve, a->safe)), "passes",
                     (json_int_t)a->n_turns, "n", (json_int_t)a->n_units);
}

static json_t *json_life(const mad_policy_life *l)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "law", mad_law_text(l->law), "fitted",
                     mad_json_number(l->fitted), "low", mad_json_number(l->fitted_interval.low),
                     "high", mad_json_number(l->fitted_interval.high), "median",
                     mad_json_number(l->median), "median_low",
                     mad_json_number(l->median_interval.low), "median_high",
                     mad_json_number(l->median_interval.high));
}

static json_t *json_curve(const mad_policy_result *r, size_t i)
{
    const mad_policy_curve *curve = &r->curves.curve[i];
    json_t *points = json_array();
    const int is_life = r->curves.measure.kind == MAD_POLICY_HALF_LIFE;
    for (size_t k = 0; k < curve->n_points; k++) {
        const mad_policy_point *p = &curve->point[k];
        (void)json_array_append_new(
            points, json_pack("{s:o, s:o, s:o, s:o, s:o}", "value", mad_json_text(p->text), "lever",
                              json_estimate(&p->lever), "damage", json_estimate(&p->damage), "cost",
                              json_estimate(&p->cost), "life",
                              is_life ? json_life(&p->life) : json_null()));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "curve", mad_json_text(curve->label), "points", points,
                     "answer",
                     isnan(r->question.level) ? json_null() : json_answer(curve, &r->answer[i]),
                     "paragraph", mad_json_text(r->paragraph[i]));
}

mad_status mad_policy_print_json(mad_ctx *ctx, FILE *file, const mad_policy_result *r)
{
    static const char *const side[2] = {"below", "above"};
    const mad_policy_curves *c = &r->curves;
    json_t *curves = json_array(), *seeds = json_array();
    for (size_t i = 0; i < c->n_curves; i++) {
        (void)json_array_append_new(curves, json_curve(r, i));
    }
    for (size_t i = 0; i < c->n_seeds; i++) {
        (void)json_array_append_new(seeds, mad_json_text(c->seed[i]));
    }
    json_t *all = json_pack(
        "{s:o, s:s?, s:o, s:o, s:o, s:o, s:I, s:o, s:s, s:f, s:s, s:o, s:I, s:o}", "damage",
        mad_json_text(c->measure.words), "metric", c->measure.metric, "expression",
        c->measure.expression != NULL ? mad_json_text(c->measure.expression) : json_null(), "lever",
        mad_json_text(c->lever), "key", mad_json_text(c->key), "cost", mad_json_text(c->cost),
        "horizon", (json_int_t)c->horizon, "level", mad_json_number(r->question.level), "hold",
        side[r->question.is_floor != 0], "confidence", r->question.confidence, "lever_wanted",
        r->question.is_most ? "most" : "least", "seeds", seeds, "missing", (json_int_t)c->n_missing,
        "curves", curves);
    const int is_bad = all == NULL ||
                       json_dumpf(all, file, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0 ||
                       fputc('\n', file) == EOF;
    json_decref(all);
    return is_bad ? mad_fail(ctx, MAD_E_IO, "policy: cannot write JSON") : MAD_OK;
}
