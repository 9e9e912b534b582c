/* analysis/policy/policy_verb.c: `madloop policy`: curves of damage against a lever, and what holds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/plot/figure.h"
#include "analysis/plot/level_curves.h"
#include "analysis/policy/policy_print.h"
#include "analysis/policy/policy_report.h"
#include "sim/cli/folder.h"
#include "sim/cli/options.h"
#include "sim/store/publish.h"

extern const mad_command mad_command_policy;

enum { TEXT_BYTES = 256, FORMAT_CSV = 1 /* index of the choice */ };

/* What the options ask for. */
typedef struct request {
    mad_policy_request data;
    mad_policy_question question;
    int is_most, is_json;
    size_t format;
    const char *dir;
} request;

static size_t fewest_measured(const mad_policy_curve *curve)
{
    size_t n = SIZE_MAX;
    for (size_t k = 0; k < curve->n_points; k++) {
        n = curve->point[k].damage.n < n ? curve->point[k].damage.n : n;
    }
    return n;
}

static mad_status answer(mad_ctx *ctx, mad_arena *mem, mad_policy_result *r)
{
    mad_status st = MAD_OK;
    const size_t n = r->curves.n_curves;
    mad_policy_answer *all = mad_arena_take(mem, n, sizeof *all);
    r->paragraph = mad_arena_take(mem, n, sizeof *r->paragraph);
    r->answer = all;
    if (all == NULL || r->paragraph == NULL) {
        return mad_fail_memory(ctx, "a policy");
    }
    for (size_t i = 0; i < n; i++) {
        const mad_policy_curve *curve = &r->curves.curve[i];
        all[i].n_units = fewest_measured(curve);
        if (!isnan(r->question.level)) {
            MAD_TRY(mad_policy_invert(ctx, &curve->sample, &r->question, &all[i]));
        }
        MAD_TRY(mad_policy_paragraph(ctx, mem, &r->curves, curve, &r->question, &all[i],
                                     &r->paragraph[i]));
    }
out:
    return st;
}

/* ---- files ---- */

static mad_status fill_curve(mad_ctx *ctx, mad_arena *mem, const mad_policy_result *r, size_t i,
                             mad_level_curve *out)
{
    const mad_policy_curve *curve = &r->curves.curve[i];
    const mad_policy_answer *a = &r->answer[i];
    double *cost = mad_arena_take(mem, curve->n_points, sizeof *cost);
    mad_estimate *y = mad_arena_take(mem, curve->n_points, sizeof *y);
    const int is_asked = !isnan(r->question.level) && a->kind != MAD_POLICY_UNKNOWN;
    const double nan = (double)NAN;
    if (cost == NULL || y == NULL) {
        return mad_fail_memory(ctx, "a figure");
    }
    for (size_t k = 0; k < curve->n_points; k++) {
        cost[k] = curve->point[k].cost.mean;
        y[k] = curve->point[k].damage;
    }
    *out =
        (mad_level_curve){.label = curve->label[0] != '\0' ? curve->label : "mean, 95 % interval",
                          .n = curve->n_points,
                          .x = curve->sample.lever,
                          .cost = cost,
                          .y = y,
                          .cross = is_asked ? a->lever : nan,
                          .low = is_asked ? a->interval.low : nan,
                          .high = is_asked ? a->interval.high : nan};
    return MAD_OK;
}

static mad_status draw(mad_ctx *ctx, mad_arena *mem, const char *dir, const mad_policy_result *r)
{
    static const char *const format[] = {"svg", "png"};
    mad_status st = MAD_OK;
    char level[TEXT_BYTES];
    const size_t n = r->curves.n_curves;
    mad_level_curve *curve = mad_arena_take(mem, n, sizeof *curve);
    if (curve == NULL) {
        return mad_fail_memory(ctx, "a figure");
    }
    for (size_t i = 0; i < n; i++) {
        MAD_TRY(fill_curve(ctx, mem, r, i, &curve[i]));
    }
    (void)snprintf(level, sizeof level,
                   "level %.3g; bars on it: where it is passed, %.3g %% interval",
                   r->question.level, 100.0 * r->question.confidence);
    const mad_level_figure figure = {.name = "policy",
                                     .title = "against the lever",
                                     .x_label = r->curves.lever,
                                     .cost_label = r->curves.cost_words,
                                     .y_label = r->curves.measure.label,
                                     .level_text = level,
                                     .level = r->question.level,
                                     .n_curves = n,
                                     .curve = curve};
    MAD_TRY(mad_level_figure_write(ctx, dir, &figure));
    for (size_t i = 0; i < sizeof format / sizeof *format; i++) {
        MAD_TRY(mad_gnuplot_draw(ctx, dir, "policy", format[i]));
    }
out:
    return st;
}

/* A whole file or none. */
static mad_status write_file(mad_ctx *ctx, mad_arena *mem, const char *dir, const char *name,
                             const mad_policy_result *r)
{
    mad_status st = MAD_OK;
    mad_publish publish;
    FILE *file = NULL;
    MAD_TRY(mad_publish_init(ctx, dir, name, &publish));
    file = fopen(publish.temp, "w");
    if (file == NULL) {
        return mad_fail(ctx, MAD_E_IO, "%s: cannot write", publish.temp);
    }
    if (strcmp(name, "policy.csv") == 0) {
        st = mad_policy_print_csv(ctx, mem, file, r);
    } else {
        st = mad_policy_print_text(ctx, mem, file, r);
    }
    const int is_bad = ferror(file) != 0;
    if ((fclose(file) != 0 || is_bad) && st == MAD_OK) {
        st = mad_fail(ctx, MAD_E_IO, "%s: cannot write", publish.temp);
    }
    if (st != MAD_OK) {
        mad_publish_abandon(&publish);
        return st;
    }
    MAD_TRY(mad_publish_commit(ctx, &publish));
out:
    return st;
}

static mad_status write_all(mad_ctx *ctx, mad_arena *mem, const char *dir,
                            const mad_policy_result *r)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_folder_make(ctx, dir));
    MAD_TRY(write_file(ctx, mem, dir, "policy.csv", r));
    MAD_TRY(write_file(ctx, mem, dir, "policy.txt", r));
    MAD_TRY(draw(ctx, mem, dir, r));
out:
    return st;
}

/* ---- the verb ---- */

static mad_status work(mad_app *app, char *sweep, const request *ask)
{
    mad_status st = MAD_OK;
    mad_arena *mem = mad_arena_create((size_t)1 << 20);
    mad_policy_result r = {.question = ask->question};
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a policy");
    }
    MAD_TRY(mad_policy_curves_read(app->ctx, mem, sweep, &ask->data, &r.curves));
    r.question.is_floor ^= r.curves.measure.is_floor;
    r.question.is_most = ask->is_most;
    MAD_TRY(answer(app->ctx, mem, &r));
    if (ask->is_json) {
        MAD_TRY(mad_policy_print_json(app->ctx, stdout, &r));
    } else if (ask->format == FORMAT_CSV) {
        MAD_TRY(mad_policy_print_csv(app->ctx, mem, stdout, &r));
    } else {
        MAD_TRY(mad_policy_print_text(app->ctx, mem, stdout, &r));
    }
    if (ask->dir != NULL) {
        MAD_TRY(write_all(app->ctx, mem, ask->dir, &r));
    }
out:
    mad_arena_destroy(mem);
    return st;
}

static mad_status check(mad_ctx *ctx, const request *ask)
{
    if (ask->is_json && ask->format == FORMAT_CSV) {
        return mad_fail(ctx, MAD_E_USAGE, "policy: --json and --format csv contradict each other");
    }
    if (isnan(ask->question.level) && (ask->is_most || ask->question.is_floor)) {
        return mad_fail(ctx, MAD_E_USAGE, "policy: --most and --floor go with --hold");
    }
    return MAD_OK;
}

static mad_status policy_run(mad_app *app, int argc, char **argv)
{
    static const char notes[] =
        "Expressions are those of criteria (docs/reproduce.md), a value per replicate; `horizon` "
        "is the "
        "generation looked at, and a configuration key stands for its number. Other swept keys "
        "than the "
        "lever's make one curve each, and the replicates of all seeds are pooled. Beside stdout, "
        "-o "
        "writes policy.csv, policy.txt, policy.svg and policy.png. See docs/policy.md.";
    mad_status st = MAD_OK;
    request ask = {.question = {.level = (double)NAN, .confidence = 0.95}};
    mad_arguments args;
    const mad_option options[] = {
        {"damage", 'd', "EXPR",
         "loss (default): 1 - M@horizon/M@1 of the first measure of diversity that the runs share "
         "(recall, "
         "coverage, modes_covered, ...); distance: M@horizon; half-life: generations until M has "
         "halved, "
         "counted up to the horizon; loss(M), distance(M), half-life(M) name it; or an expression",
         .text = &ask.data.damage},
        {"lever", 'l', "KEY|EXPR",
         "a swept key (default: the first whose values are numbers), or what it leads to, such as "
         "lineage.real_share@last",
         .text = &ask.data.lever},
        {"hold", 0, "X",
         "find the least lever that keeps the damage at or below X (half-life: above)",
         .real = &ask.question.level, .min = -1e300, .max = 1e300},
        {"floor", 0, NULL, "the damage is to stay at or above X (half-life: below)",
         .flag = &ask.question.is_floor},
        {"most", 0, NULL, "find the largest lever that holds, in place of the least",
         .flag = &ask.is_most},
        {"cost", 0, "EXPR", "cost per generation (default: real rows in its training set)",
         .text = &ask.data.cost},
        {"horizon", 'g', "G", "generation looked at (default: the last of the shortest run)",
         .count = &ask.data.horizon, .min = 2, .max = 1e6},
        {"confidence", 0, "C", "of the interval of the lever (default 0.95)",
         .real = &ask.question.confidence, .min = 0.6, .max = 0.999},
        {"json", 0, NULL, "print JSON", .flag = &ask.is_json},
        {"format", 'f', "FORMAT", "text|csv (default text)", .count = &ask.format,
         .choices = "text|csv"},
        {"out", 'o', "DIR", "write table, paragraph and figure into this folder, too",
         .text = &ask.dir},
        {.name = NULL},
    };
    MAD_TRY(mad_options_parse(app, &mad_command_policy, argc, argv,
                              &(mad_usage){options, 1, 1, notes}, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(check(app->ctx, &ask));
    MAD_TRY(work(app, args.text[0], &ask));
out:
    return st;
}

const mad_command mad_command_policy = {
    .name = "policy",
    .arguments = "DIR",
    .doc = "Damage of a sweep against a lever and its cost, and the least lever that holds a level",
    .run = policy_run,
};
