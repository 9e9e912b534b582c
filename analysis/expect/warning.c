/* analysis/expect/warning.c: alarms of indicators, the event they should precede, the time between. */
#include "analysis/expect/warning.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/expect/internal.h"
#include "sim/num/stats.h"

enum { MAX_LISTED = 10, NEEDS_BYTES = 256 };

const mad_warning_options mad_warning_options_default = {.share = 0.5, .window = 10, .alpha = 0.05};

static const char *const events[MAX_LISTED] = {
    "recall",          "coverage",        "vendi_rbf_q1",   "vendi_cosine_q1", "modes_covered",
    "factor_sd_ratio", "categories_seen", "heterozygosity", "trace_ratio",     "trace"};

typedef struct watched {
    const char *measure;
    int rises;
} watched;

static const struct kind {
    const char *name;
    watched of[MAX_LISTED];
} kinds[MAD_N_INDICATORS] = {
    {"autocorrelation",
     {{"trace_ratio", 1},
      {"trace", 1},
      {"heterozygosity", 1},
      {"mean_error_sq", 1},
      {"factor_sd_ratio", 1},
      {"vendi_rbf_q1", 1},
      {"recall", 1}}},
    {"participation", {{"participation_ratio", 0}, {"effective_rank", 0}}},
    {"entropy",
     {{"knn_entropy", 0},
      {"class_entropy", 0},
      {"motion_entropy", 0},
      {"training_entropy", 0},
      {"log_det", 0}}},
    {"memorisation",
     {{"memorised_fraction", 1}, {"nn_distance_vs_base", 0}, {"authenticity", 0}, {"ct_zu", 0}}}};

/* ---- one indicator over some replicates ------------------------------------------------------ */

/* The replicates that are looked at, and places for a number of each. */
typedef struct sample {
    const mad_run *run;
    size_t n, *unit;       /* [n] replicates */
    double *y, *first, *z; /* [n] */
} sample;

static mad_status take_sample(mad_ctx *ctx, const mad_run *run, subset of, sample *out)
{
    size_t begin, end;
    mad_subset_left_out(of, run->n_replicates, &begin, &end);
    const size_t n = run->n_replicates - (end - begin);
    *out = (sample){.run = run};
    out->unit = mad_arena_take(ctx->scratch, n, sizeof *out->unit);
    out->y = mad_arena_take(ctx->scratch, n, sizeof *out->y);
    out->first = mad_arena_take(ctx->scratch, n, sizeof *out->first);
    out->z = mad_arena_take(ctx->scratch, n, sizeof *out->z);
    if (out->unit == NULL || out->y == NULL || out->first == NULL || out->z == NULL) {
        return mad_fail_memory(ctx, "early warnings");
    }
    for (size_t r = 0; r < run->n_replicates; r++) {
        if (r < begin || r >= end) {
            out->unit[out->n++] = r;
        }
    }
    return MAD_OK;
}

static void take_values(const sample *s, const double *x, size_t generation, double *out)
{
    for (size_t i = 0; i < s->n; i++) {
        out[i] = x[s->unit[i] * s->run->n_generations + generation - 1];
    }
}

/* An indicator of a run. */
typedef struct series {
    const double *x; /* [R][n_generations] */
    size_t window;   /* pairs, of an autocorrelation; 0: the values themselves */
    int rises;
    double alpha;
} series;

static size_t first_generation(const series *of)
{
    return of->window + 1;
}

/* Autocorrelation up to `generation` of every replicate into s->y; returns that of all of them. */
static double autocorrelation(const sample *s, const series *of, size_t generation)
{
    double all_top = 0.0, all_bottom = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        s->y[i] = s->z[i] = 0.0; /* sums of products and of squares */
    }
    for (size_t t = generation - of->window + 1; t <= generation; t++) {
        double before = 0.0, now = 0.0;
        for (size_t i = 0; i < s->n; i++) {
            const double *x = of->x + s->unit[i] * s->run->n_generations + t - 1;
            before += x[-1];
            now += x[0];
        }
        before /= (double)s->n;
        now /= (double)s->n;
        for (size_t i = 0; i < s->n; i++) {
            const double *x = of->x + s->unit[i] * s->run->n_generations + t - 1;
            const double a = x[-1] - before, b = x[0] - now;
            s->y[i] += a * b;
            s->z[i] += 0.5 * (a * a + b * b);
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        all_top += s->y[i];
        all_bottom += s->z[i];
        s->y[i] /= s->z[i];
    }
    return all_top / all_bottom;
}

/* The indicator of every replicate into s->y; returns that of all of them. */
static double indicate(const sample *s, const series *of, size_t generation)
{
    if (of->window > 0) {
        return autocorrelation(s, of, generation);
    }
    take_values(s, of->x, generation, s->y);
    return mad_mean(s->n, s->y);
}

/* The generation of the alarm, 0 without one. What is not finite raises none. */
static size_t find_alarm(const sample *s, const series *of)
{
    const mad_run *run = s->run;
    const size_t first = first_generation(of);
    const double level = of->alpha / (double)(run->n_planned - first);
    const double critical = mad_student_t_critical((double)(s->n - 1), 2.0 * level);
    (void)indicate(s, of, first);
    memcpy(s->first, s->y, s->n * sizeof *s->first);
    for (size_t t = first + 1; t <= run->n_done; t++) {
        (void)indicate(s, of, t);
        for (size_t i = 0; i < s->n; i++) {
            s->y[i] = of->rises ? s->y[i] - s->first[i] : s->first[i] - s->y[i];
        }
        if (mad_student_t(s->n, s->y, 0.0) > critical) {
            return t;
        }
    }
    return 0;
}

/* The generation of the event, 0 without one. */
static size_t find_event(const sample *s, const double *x, double share)
{
    take_values(s, x, 1, s->y);
    const double level = share * mad_mean(s->n, s->y);
    for (size_t t = 2; level > 0.0 && t <= s->run->n_done; t++) {
        take_values(s, x, t, s->y);
        if (mad_mean(s->n, s->y) <= level) {
            return t;
        }
    }
    return 0;
}

/* ---- its lead ------------------------------------------------------------------------------ */

/* The interval of out->lead; NaN where the replicates that are left do not all have both. */
static mad_status jackknife(mad_ctx *ctx, const mad_run *run, const double *event, const series *of,
                            double share, mad_indicator *out)
{
    mad_status st = MAD_OK;
    const size_t n_groups = run->n_replicates < MAX_GROUPS ? run->n_replicates : MAX_GROUPS;
    double lead[MAX_GROUPS];
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    out->low = out->high = (double)NAN;
    for (size_t k = 0; k < n_groups && n_groups > 2; k++) {
        sample s;
        MAD_TRY(take_sample(ctx, run, (subset){n_groups, k}, &s));
        const size_t at = find_event(&s, event, share), alarm = find_alarm(&s, of);
        lead[k] = at > 0 && alarm > 0 ? (double)at - (double)alarm : (double)NAN;
        mad_arena_release(ctx->scratch, mark);
    }
    if (n_groups > 2) {
        const double error = mad_jackknife_error(n_groups, lead);
        const double half = mad_student_t_critical((double)n_groups - 1.0, 0.05) * error;
        out->low = out->lead - half;
        out->high = out->lead + half;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status judge(mad_ctx *ctx, const mad_run *run, const double *event, size_t at,
                        const series *of, double share, mad_indicator *out)
{
    mad_status st = MAD_OK;
    sample s;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_TRY(take_sample(ctx, run, (subset){1, 1}, &s));
    out->first = indicate(&s, of, first_generation(of));
    out->last = indicate(&s, of, run->n_done);
    out->alarm = find_alarm(&s, of);
    if (event == NULL) {
        goto out;
    }
    out->result = at > 0 && out->alarm > 0
                      ? (out->alarm < at ? MAD_WARNING_EARLY : MAD_WARNING_LATE)
                  : at > 0         ? MAD_WARNING_NO_ALARM
                  : out->alarm > 0 ? MAD_WARNING_NO_EVENT
                                   : MAD_WARNING_QUIET;
    if (at > 0 && out->alarm > 0) {
        out->lead = (double)at - (double)out->alarm;
        MAD_TRY(jackknife(ctx, run, event, of, share, out));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- what a run has ------------------------------------------------------------------------- */

static const double *values_of(const mad_run *run, const char *measure)
{
    const mad_run_series *s = mad_run_find(run, "metrics", measure);
    return s != NULL && s->rank == 2 && run->n_done > 0 && isfinite(s->value[0]) ? s->value : NULL;
}

/* The first of a kind's measures that the run has. */
static const watched *find_measure(const mad_run *run, const struct kind *kind)
{
    for (size_t i = 0; i < MAX_LISTED && kind->of[i].measure != NULL; i++) {
        if (values_of(run, kind->of[i].measure) != NULL) {
            return &kind->of[i];
        }
    }
    return NULL;
}

static mad_status say_needs(mad_ctx *ctx, mad_arena *mem, const char *text, mad_indicator *out)
{
    out->needs = mad_arena_text(mem, text);
    return out->needs != NULL ? MAD_OK : mad_fail_memory(ctx, "early warnings");
}

/* "measure.metrics with a or b"; only: the one that was asked for, or NULL. */
static void list_measures(const struct kind *kind, const char *only, char text[NEEDS_BYTES])
{
    (void)snprintf(text, NEEDS_BYTES, "measure.metrics with %s", only != NULL ? only : "");
    for (size_t i = 0; only == NULL && i < MAX_LISTED && kind->of[i].measure != NULL; i++) {
        const size_t n = strlen(text);
        (void)snprintf(text + n, NEEDS_BYTES - n, "%s%s", i == 0 ? "" : " or ",
                       kind->of[i].measure);
    }
}

static mad_status warn(mad_ctx *ctx, mad_arena *mem, const mad_run *run,
                       const mad_warning_options *o, size_t i_kind, mad_warnings *all)
{
    const struct kind *kind = &kinds[i_kind];
    mad_indicator *out = &all->indicator[i_kind];
    const size_t window = i_kind == 0 ? o->window : 0;
    const watched named = {i_kind == 0 ? o->feature : NULL, 1};
    const watched *found = named.measure != NULL ? &named : find_measure(run, kind);
    const double *x = found != NULL ? values_of(run, found->measure) : NULL;
    const double *event = all->event != NULL ? values_of(run, all->event) : NULL;
    char text[NEEDS_BYTES];
    *out = (mad_indicator){.name = kind->name,
                           .first = (double)NAN,
                           .last = (double)NAN,
                           .lead = (double)NAN,
                           .low = (double)NAN,
                           .high = (double)NAN};
    if (x == NULL) {
        list_measures(kind, named.measure, text);
        return say_needs(ctx, mem, text, out);
    }
    out->measure = found->measure;
    out->rises = found->rises;
    if (run->n_replicates < 2 || run->n_done < window + 2) {
        (void)snprintf(text, sizeof text, "at least 2 replicates and %zu generations", window + 2);
        return say_needs(ctx, mem, text, out);
    }
    const series of = {.x = x, .window = window, .rises = found->rises, .alpha = o->alpha};
    if (event == NULL) {
        const mad_status st = say_needs(ctx, mem, "an event: a measure for --event", out);
        if (st != MAD_OK) {
            return st;
        }
    }
    return judge(ctx, run, event, all->generation, &of, o->share, out);
}

mad_status mad_warnings_make(mad_ctx *ctx, mad_arena *mem, const mad_run *run,
                             const mad_warning_options *o, mad_warnings *out)
{
    mad_status st = MAD_OK;
    sample s;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    *out = (mad_warnings){.event = o->event};
    for (size_t i = 0; out->event == NULL && i < MAX_LISTED && events[i] != NULL; i++) {
        out->event = values_of(run, events[i]) != NULL ? events[i] : NULL;
    }
    const double *event = out->event != NULL ? values_of(run, out->event) : NULL;
    if (event == NULL) {
        out->event = NULL;
    } else {
        MAD_TRY(take_sample(ctx, run, (subset){1, 1}, &s));
        out->generation = find_event(&s, event, o->share);
    }
    for (size_t i = 0; i < MAD_N_INDICATORS; i++) {
        MAD_TRY(warn(ctx, mem, run, o, i, out));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const char *mad_warning_word(mad_warning_result result)
{
    static const char *const words[] = {
        [MAD_WARNING_UNKNOWN] = "-",         [MAD_WARNING_EARLY] = "early",
        [MAD_WARNING_LATE] = "late",         [MAD_WARNING_NO_ALARM] = "no alarm",
        [MAD_WARNING_NO_EVENT] = "no event", [MAD_WARNING_QUIET] = "quiet"};
    return words[result];
}
