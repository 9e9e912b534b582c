/* sim/cli/profile.c: `madloop profile`: which definitions of model collapse finished runs meet, and which
 * indicators warned of it. */
#include <math.h>
#include <stdio.h>

#include "analysis/expect/profile.h"
#include "sim/cli/app.h"
#include "sim/cli/options.h"
#include "sim/cli/print_json.h"
#include "sim/cli/sweep.h"
#include "sim/cli/verbs.h"
#include "sim/cli/warnings.h"
#include "sim/store/json.h"

enum { INDENT = 28 };

typedef struct report {
    size_t n;
    const char *const *dirs;
    const mad_run **runs;
    mad_profile *profiles;
    mad_thresholds thresholds;
    mad_warnings *warnings;
    mad_warning_options ask;
} report;

/* ---- text ---------------------------------------------------------------------------------- */

static void print_thresholds(const mad_thresholds *t)
{
    printf(
        "thresholds: --factor %g times the risk, --share %g of spread, tails and gain, --rare %g "
        "of rows, --p %g\n",
        t->factor, t->share, t->rare, t->p);
}

static void print_matrix(const report *r)
{
    printf("%-20s", "run");
    for (size_t i = 0; i < r->n; i++) {
        printf(" %4zu", i + 1);
    }
    printf("\n");
    for (size_t d = 0; d < MAD_N_DEFINITIONS; d++) {
        printf("%zu %-18s", d + 1, mad_definitions[d].name);
        for (size_t i = 0; i < r->n; i++) {
            printf(" %4s", mad_claim_word(r->profiles[i].finding[d].claim));
        }
        printf("\n");
    }
    for (size_t i = 0; i < r->n; i++) {
        printf("run %zu: %s\n", i + 1, r->dirs[i]);
        for (size_t d = 0; d < MAD_N_DEFINITIONS; d++) {
            const mad_finding *f = &r->profiles[i].finding[d];
            if (f->criterion == NULL) {
                printf("  %zu %s takes %s\n", d + 1, mad_definitions[d].name, f->needs);
            }
        }
    }
}

static void print_finding(size_t d, const mad_finding *f)
{
    printf("%zu %-18s %-5s %s\n", d + 1, mad_definitions[d].name, mad_claim_word(f->claim),
           mad_definitions[d].doc);
    if (f->criterion == NULL) {
        printf("%*s  takes %s\n", INDENT, "", f->needs);
        return;
    }
    printf("%*s  %s\n%*s  measured %.4g +- %.2g against %.4g\n", INDENT, "", f->criterion, INDENT,
           "", f->judged.measured, f->judged.std_error, f->judged.expected);
}

static void print_text(const report *r)
{
    printf("Collapse profile: eight definitions of model collapse (Schaeffer et al. 2025, "
           "arXiv:2503.03150)\n");
    print_thresholds(&r->thresholds);
    if (r->n > 1) {
        print_matrix(r);
    }
    for (size_t d = 0; r->n == 1 && d < MAD_N_DEFINITIONS; d++) {
        print_finding(d, &r->profiles[0].finding[d]);
    }
    for (size_t i = 0; i < r->n; i++) {
        mad_warnings_print(r->dirs[i], r->runs[i], &r->ask, &r->warnings[i]);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *json_finding(size_t d, const mad_finding *f)
{
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "definition", mad_definitions[d].name, "verdict",
        mad_claim_word(f->claim), "criterion",
        f->criterion != NULL ? mad_json_text(f->criterion) : json_null(), "needs",
        f->needs != NULL ? mad_json_text(f->needs) : json_null(), "measured",
        f->criterion != NULL ? mad_json_number(f->judged.measured) : json_null(), "threshold",
        f->criterion != NULL ? mad_json_number(f->judged.expected) : json_null(), "std_error",
        f->criterion != NULL ? mad_json_number(f->judged.std_error) : json_null());
}

static mad_status print_json(mad_ctx *ctx, const report *r)
{
    json_t *runs = json_array();
    for (size_t i = 0; i < r->n; i++) {
        json_t *findings = json_array();
        for (size_t d = 0; d < MAD_N_DEFINITIONS; d++) {
            (void)json_array_append_new(findings, json_finding(d, &r->profiles[i].finding[d]));
        }
        (void)json_array_append_new(
            runs, json_pack("{s:o, s:o, s:o}", "run", mad_json_text(r->dirs[i]), "profile",
                            findings, "warnings", mad_warnings_json(&r->ask, &r->warnings[i])));
    }
    return mad_print_json(ctx, json_pack("{s:{s:f, s:f, s:f, s:f}, s:o}", "thresholds", "factor",
                                         r->thresholds.factor, "share", r->thresholds.share, "rare",
                                         r->thresholds.rare, "p", r->thresholds.p, "runs", runs));
}

/* ---- verb ---------------------------------------------------------------------------------- */

/* A folder that holds no run stands for those below it that have begun. */
static mad_status find_runs(mad_ctx *ctx, mad_arena *mem, size_t n_paths, char *const *paths,
                            report *r)
{
    mad_status st = MAD_OK;
    const char **dirs = NULL;
    for (size_t i = 0; i < n_paths; i++) {
        size_t n_runs = 1;
        const char *one = paths[i];
        const char **runs = &one;
        if (!mad_folder_has_results(paths[i])) {
            MAD_TRY(mad_sweep_runs(ctx, mem, paths[i], &n_runs, &runs));
        }
        const char **more = mad_arena_take(mem, r->n + n_runs, sizeof *more);
        if (more == NULL) {
            return mad_fail_memory(ctx, "the runs");
        }
        for (size_t k = 0; k < r->n; k++) {
            more[k] = dirs[k];
        }
        dirs = more;
        for (size_t k = 0; k < n_runs; k++) {
            if (mad_folder_has_results(runs[k])) {
                more[r->n++] = runs[k];
            }
        }
    }
    r->dirs = dirs;
    st = r->n > 0 ? MAD_OK : mad_fail(ctx, MAD_E_IO, "%s holds no run that has begun", paths[0]);
out:
    return st;
}

static mad_status read_runs(mad_ctx *ctx, mad_arena *mem, report *r)
{
    mad_status st = MAD_OK;
    r->runs = mad_arena_take(mem, r->n, sizeof *r->runs);
    r->profiles = mad_arena_take(mem, r->n, sizeof *r->profiles);
    r->warnings = mad_arena_take(mem, r->n, sizeof *r->warnings);
    if (r->runs == NULL || r->profiles == NULL || r->warnings == NULL) {
        return mad_fail_memory(ctx, "the runs");
    }
    for (size_t i = 0; i < r->n; i++) {
        mad_run *run = mad_arena_take(mem, 1, sizeof *run);
        MAD_TRY(run != NULL ? MAD_OK : mad_fail_memory(ctx, "the runs"));
        MAD_TRY(mad_run_read(ctx, mem, r->dirs[i], run));
        MAD_TRY(mad_run_join_loops(ctx, mem, run));
        r->runs[i] = run;
        MAD_TRY(mad_warnings_make(ctx, mem, run, &r->ask, &r->warnings[i]));
    }
out:
    return st;
}

static mad_status profile_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    report r = {.thresholds = mad_thresholds_default, .ask = mad_warning_options_default};
    int as_json = 0;
    mad_arguments args;
    const mad_option options[] = {
        {"factor", 0, "X", "a catastrophe: so many times the risk of generation 1 (default 10)",
         .real = &r.thresholds.factor, .min = 1.0, .max = 1e9},
        {"share", 0, "X", "share of spread, tails and gain from data that counts (default 0.1)",
         .real = &r.thresholds.share, .min = 1e-6, .max = 0.999999},
        {"rare", 0, "X", "share of rows where none should be that counts (default 0.01)",
         .real = &r.thresholds.rare, .min = 1e-9, .max = 0.999999},
        {"p", 0, "P", "level of the one-sided tests (default 0.01)", .real = &r.thresholds.p,
         .min = 1e-12, .max = 0.5},
        MAD_WARNING_OPTIONS(r.ask),
        {"json", 0, NULL, "print JSON", .flag = &as_json},
        {.name = NULL}};
    const mad_usage usage = {options, 1, SIZE_MAX,
                             "Several runs make a matrix. Runs that differ in sizes alone are "
                             "compared for scaling_change. See docs/reproduce.md."};
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a profile");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_profile, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_warnings_check(app, &r.ask));
    MAD_TRY(find_runs(app->ctx, mem, args.n, args.text, &r));
    MAD_TRY(read_runs(app->ctx, mem, &r));
    MAD_TRY(mad_profile_make(app->ctx, mem, r.n, r.runs, &r.thresholds, r.profiles));
    if (as_json) {
        MAD_TRY(print_json(app->ctx, &r));
    } else {
        print_text(&r);
    }
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_profile = {
    .name = "profile",
    .arguments = "DIR ...",
    .doc = "Which of the eight definitions of model collapse runs meet, and what warned of it",
    .run = profile_verb,
};
