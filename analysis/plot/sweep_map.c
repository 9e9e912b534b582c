/* analysis/plot/sweep_map.c: see the header. */
#include "analysis/plot/sweep_map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/expect/expect.h"
#include "analysis/plot/phase_map.h"
#include "sim/iface/text.h"

enum { TEXT_BYTES = 512 };

typedef struct axis {
    const char *key;
    size_t n;
    const char **text; /* [n] ascending */
} axis;

typedef struct maps {
    mad_ctx *ctx;
    mad_arena *mem;
    const mad_runs *runs;
    const mad_sweep_map *asked;
    mad_criterion *criterion; /* "expression > 0" */
    axis x, y;
    size_t n_groups;
    const char **group; /* [n_groups] "bias=0.7": what all runs of one map share */
    size_t *group_of;   /* [n_runs] */
} maps;

/* ---- keys ---------------------------------------------------------------------------------- */

static const char *value_of(const mad_run_entry *run, const char *key)
{
    const char *value = mad_pair_value(run->n_pairs, run->pairs, key);
    return value != NULL ? value : "";
}

static int is_numeric(const mad_runs *runs, const char *key)
{
    double x;
    for (size_t i = 0; i < runs->n_runs; i++) {
        if (!mad_number_parse(value_of(&runs->runs[i], key), &x)) {
            return 0;
        }
    }
    return 1;
}

static int by_number(const void *a, const void *b)
{
    double x = (double)NAN, y = (double)NAN;
    (void)mad_number_parse(*(const char *const *)a, &x);
    (void)mad_number_parse(*(const char *const *)b, &y);
    return (x > y) - (x < y);
}

static mad_status read_axis(const maps *m, const char *key, axis *out)
{
    const mad_runs *runs = m->runs;
    *out = (axis){.key = key, .text = mad_arena_take(m->mem, runs->n_runs, sizeof *out->text)};
    if (out->text == NULL) {
        return mad_fail_memory(m->ctx, "a map");
    }
    if (!is_numeric(runs, key)) {
        return mad_fail(m->ctx, MAD_E_USAGE, "plot: the values of '%s' are no numbers", key);
    }
    for (size_t i = 0; i < runs->n_runs; i++) {
        const char *value = value_of(&runs->runs[i], key);
        size_t k = 0;
        while (k < out->n && strcmp(out->text[k], value) != 0) {
            k++;
        }
        if (k == out->n) {
            out->text[out->n++] = value;
        }
    }
    qsort(out->text, out->n, sizeof *out->text, by_number);
    return out->n > 1 ? MAD_OK
                      : mad_fail(m->ctx, MAD_E_USAGE, "plot: '%s' has one value in all runs", key);
}

static size_t place_of(const axis *a, const char *value)
{
    size_t k = 0;
    while (strcmp(a->text[k], value) != 0) {
        k++;
    }
    return k;
}

static mad_status choose_axes(maps *m)
{
    mad_status st = MAD_OK;
    const char *key[2] = {m->asked->x, m->asked->y};
    for (size_t k = 0; k < m->runs->n_keys; k++) {
        const char *found = m->runs->keys[k];
        const int is_free = strcmp(found, "seed") != 0 && is_numeric(m->runs, found) &&
                            (key[0] == NULL || strcmp(key[0], found) != 0) &&
                            (key[1] == NULL || strcmp(key[1], found) != 0);
        if (is_free && key[0] == NULL) {
            key[0] = found;
        } else if (is_free && key[1] == NULL) {
            key[1] = found;
        }
    }
    if (key[0] == NULL || key[1] == NULL) {
        return mad_fail(m->ctx, MAD_E_USAGE,
                        "plot: --map takes runs that differ in two keys whose values are numbers");
    }
    if (strcmp(key[0], key[1]) == 0) {
        return mad_fail(m->ctx, MAD_E_USAGE, "plot: x and y are the same key '%s'", key[0]);
    }
    MAD_TRY(read_axis(m, key[0], &m->x));
    MAD_TRY(read_axis(m, key[1], &m->y));
out:
    return st;
}

/* Runs that differ in x, y and seed alone make one map. */
static mad_status find_groups(maps *m)
{
    const mad_runs *runs = m->runs;
    m->group = mad_arena_take(m->mem, runs->n_runs, sizeof *m->group);
    m->group_of = mad_arena_take(m->mem, runs->n_runs, sizeof *m->group_of);
    if (m->group == NULL || m->group_of == NULL) {
        return mad_fail_memory(m->ctx, "a map");
    }
    for (size_t i = 0; i < runs->n_runs; i++) {
        char text[TEXT_BYTES] = "";
        size_t n = 0;
        for (size_t k = 0; k < runs->n_keys && n < sizeof text; k++) {
            const char *key = runs->keys[k];
            if (strcmp(key, m->x.key) != 0 && strcmp(key, m->y.key) != 0 &&
                strcmp(key, "seed") != 0) {
                n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%s", n > 0 ? ", " : "", key,
                                      value_of(&runs->runs[i], key));
            }
        }
        size_t g = 0;
        while (g < m->n_groups && strcmp(m->group[g], text) != 0) {
            g++;
        }
        if (g == m->n_groups) {
            m->group[m->n_groups++] = mad_arena_text(m->mem, text);
            if (m->group[g] == NULL) {
                return mad_fail_memory(m->ctx, "a map");
            }
        }
        m->group_of[i] = g;
    }
    return m->n_groups <= MAD_MAX_FIGURES
               ? MAD_OK
               : mad_fail(m->ctx, MAD_E_USAGE, "plot: %zu maps are more than %d", m->n_groups,
                          MAD_MAX_FIGURES);
}

/* ---- values -------------------------------------------------------------------------------- */

static mad_status evaluate(const maps *m, const mad_run *run, double *out)
{
    mad_judgement judged;
    const mad_expect_arm arm = {.name = "", .run = run};
    const mad_status st = mad_criterion_judge(m->ctx, m->criterion, &arm, &judged);
    *out = st == MAD_OK ? judged.measured : (double)NAN;
    return st;
}

/* NaN where some measure has no closed form. */
static mad_status evaluate_closed_form(const maps *m, const mad_run *run, double *out)
{
    mad_status st = MAD_OK;
    mad_run closed;
    MAD_TRY(mad_expect_closed_form(m->ctx, m->mem, run, &closed));
    st = evaluate(m, &closed, out);
    if (st == MAD_E_CONFIG) {
        mad_ctx_clear(m->ctx);
        st = MAD_OK;
    }
out:
    return st;
}

/* value, closed: [x.n][y.n], means over the runs of each cell; runs that have not ended count not. */
static mad_status fill(const maps *m, size_t group, double *value, double *closed, double *count)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < m->x.n * m->y.n; i++) {
        value[i] = closed[i] = count[i] = 0.0;
    }
    for (size_t i = 0; i < m->runs->n_runs; i++) {
        const mad_run_entry *entry = &m->runs->runs[i];
        if (m->group_of[i] != group || entry->run.n_done == 0) {
            continue;
        }
        const size_t at = place_of(&m->x, value_of(entry, m->x.key)) * m->y.n +
                          place_of(&m->y, value_of(entry, m->y.key));
        double measured, expected;
        MAD_TRY(evaluate(m, &entry->run, &measured));
        MAD_TRY(evaluate_closed_form(m, &entry->run, &expected));
        value[at] += measured;
        closed[at] += expected;
        count[at] += 1.0;
    }
    for (size_t i = 0; i < m->x.n * m->y.n; i++) {
        value[i] /= count[i]; /* 0/0 = NaN: no run */
        closed[i] /= count[i];
    }
out:
    return st;
}

/* ---- figures ------------------------------------------------------------------------------- */

/* Contours of what was measured, then, where there is room, those of the closed form. */
static mad_status list_contours(const maps *m, const double *value, const double *closed,
                                mad_phase_contour *contour, size_t *n)
{
    char text[TEXT_BYTES];
    const size_t n_levels = m->asked->n_contours;
    int has_closed_form = 0;
    for (size_t i = 0; i < m->x.n * m->y.n; i++) {
        has_closed_form |= !isnan(closed[i]);
    }
    *n = has_closed_form && 2 * n_levels <= MAD_SWEEP_CONTOURS ? 2 * n_levels : n_levels;
    for (size_t i = 0; i < *n; i++) {
        const double level = m->asked->contour[i % n_levels];
        if (i < n_levels) {
            (void)snprintf(text, sizeof text, "%s = %g", m->asked->expression, level);
        } else if (n_levels > 1) {
            (void)snprintf(text, sizeof text, "closed form, %g", level);
        } else {
            (void)snprintf(text, sizeof text, "closed form");
        }
        contour[i] =
            (mad_phase_contour){mad_arena_text(m->mem, text), i < n_levels ? value : closed, level};
        if (contour[i].text == NULL) {
            return mad_fail_memory(m->ctx, "a map");
        }
    }
    return MAD_OK;
}

static mad_status write_map(const maps *m, size_t group, const char *dir, mad_figures *out)
{
    mad_status st = MAD_OK;
    char name[64] = "map", title[2 * TEXT_BYTES];
    const size_t n = m->x.n * m->y.n, n_levels = m->asked->n_contours;
    double *value = mad_arena_take(m->mem, 3 * n, sizeof *value);
    mad_phase_contour contour[MAD_SWEEP_CONTOURS];
    size_t n_contours = 0;
    if (value == NULL) {
        return mad_fail_memory(m->ctx, "a map");
    }
    MAD_TRY(fill(m, group, value, value + n, value + 2 * n));
    size_t n_known = 0;
    for (size_t i = 0; i < n; i++) {
        n_known += isnan(value[i]) ? 0 : 1;
    }
    if (n_known == 0) {
        return mad_fail(m->ctx, MAD_E_DATA, "plot: '%s' has no value in any run",
                        m->asked->expression);
    }
    MAD_TRY(list_contours(m, value, value + n, contour, &n_contours));
    if (m->n_groups > 1) {
        (void)snprintf(name, sizeof name, "map-%zu", group + 1);
    }
    (void)snprintf(title, sizeof title, "%s%s%s", m->asked->expression,
                   m->group[group][0] != '\0' ? ", " : "", m->group[group]);
    const mad_phase_map map = {.name = name,
                               .title = title,
                               .value_label = m->asked->expression,
                               .x = {m->x.key, m->x.n, m->x.text},
                               .y = {m->y.key, m->y.n, m->y.text},
                               .value = value,
                               .centre =
                                   n_levels > 0 ? m->asked->contour[n_levels / 2] : (double)NAN,
                               .n_contours = n_contours,
                               .contour = contour};
    MAD_TRY(mad_phase_map_write(m->ctx, dir, &map));
    out->name[out->n] = mad_arena_text(m->mem, name);
    if (out->name[out->n++] == NULL) {
        st = mad_fail_memory(m->ctx, "a map");
    }
out:
    return st;
}

mad_status mad_sweep_maps_write(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *dir,
                                const mad_sweep_map *map, mad_figures *out)
{
    static const char *const alone[] = {""};
    mad_status st = MAD_OK;
    char text[TEXT_BYTES];
    maps m = {.ctx = ctx, .mem = mem, .runs = runs, .asked = map};
    out->n = 0;
    if (strpbrk(map->expression, "<>=") != NULL ||
        snprintf(text, sizeof text, "%s > 0", map->expression) >= (int)sizeof text) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "plot: --map '%s': expected an expression without relation, such as "
                        "recall@last",
                        map->expression);
    }
    MAD_TRY(mad_criterion_parse(ctx, mem, text, 1, alone, &m.criterion));
    MAD_TRY(choose_axes(&m));
    MAD_TRY(find_groups(&m));
    for (size_t g = 0; g < m.n_groups; g++) {
        MAD_TRY(write_map(&m, g, dir, out));
    }
out:
    return st;
}
