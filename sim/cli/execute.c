/* sim/cli/execute.c: the life of one run in its folder. */
#include "sim/cli/execute.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/claim.h"
#include "sim/cli/path.h"
#include "sim/engine/engine.h"
#include "sim/store/journal.h"

/* ---- configuration ------------------------------------------------------------------------- */

/* A smoke run has three generations: what a schedule asks of them, whatever it was written for. */
static double largest_of(const mad_schedule *schedule)
{
    return fmax(mad_schedule_at(schedule, 2, 3), mad_schedule_at(schedule, 3, 3));
}

/* A value that may be above the limit: "auto" is not known here. "none" is below every one. */
static int is_above(const mad_value *value, double limit)
{
    switch (value->param->kind) {
    case MAD_PARAM_INT:
        return value->number > limit;
    case MAD_PARAM_FORM:
        return value->number > limit || strcmp(value->text, "auto") == 0;
    case MAD_PARAM_SCHEDULE:
        return largest_of(&value->schedule) > limit;
    case MAD_PARAM_REAL:
    case MAD_PARAM_TEXT:
    case MAD_PARAM_PATH:
    case MAD_PARAM_CHOICE:
    case MAD_PARAM_REALS:
    case MAD_PARAM_WORDS:
        break;
    }
    return 0;
}

/* A limit of 0 stands for "none". */
static mad_status add_limit(mad_ctx *ctx, mad_arena *mem, const mad_values *values,
                            const char *section, const char *key, double limit, size_t *n,
                            const char **out)
{
    for (size_t i = 0; i < values->n_values; i++) {
        const mad_value *value = &values->value[i];
        if (strcmp(value->param->name, key) != 0 || !is_above(value, limit)) {
            continue;
        }
        char text[128], number[32] = "none";
        if (limit > 0.0) {
            snprintf(number, sizeof number, "%.0f", limit);
        }
        snprintf(text, sizeof text, "%s%s%s=%s", section, section[0] != '\0' ? "." : "", key,
                 number);
        out[*n] = mad_arena_text(mem, text);
        if (out[(*n)++] == NULL) {
            return mad_fail_memory(ctx, "overrides");
        }
    }
    return MAD_OK;
}

mad_status mad_smoke_overrides(mad_ctx *ctx, mad_arena *mem, const mad_config *config, size_t *n,
                               const char ***out)
{
    const struct {
        const char *section, *key;
        const mad_values *values;
        double limit;
    } limits[] = {
        {"", "replicates", &config->root, 2},
        {"", "generations", &config->root, 3},
        {"loop", "n_initial", &config->loop, 200},
        {"loop", "n_real", &config->loop, 200},
        {"loop", "n_synthetic", &config->loop, 200},
        {"loop", "budget", &config->loop, 100},
        {"measure", "n", &config->measure, 200},
        {"stop", "window", &config->stop, 2},
        {"model", "train.steps", &config->model, 50},
        {"model", "train.epochs", &config->model, 0}, /* a fit has one length */
        {"model", "train.samples", &config->model, 0},
        {"model", "sampler.steps", &config->model, 20},
        {"model", "schedule.steps", &config->model, 50},
    };
    const size_t n_limits = sizeof limits / sizeof *limits;
    mad_status st = MAD_OK;
    const char **list = mad_arena_take(mem, n_limits, sizeof *list);
    if (list == NULL) {
        return mad_fail_memory(ctx, "overrides");
    }
    *n = 0;
    for (size_t i = 0; i < n_limits; i++) {
        MAD_TRY(add_limit(ctx, mem, limits[i].values, limits[i].section, limits[i].key,
                          limits[i].limit, n, list));
    }
    *out = list;
out:
    return st;
}

/* A value given on the command line takes its key out of the sweep. */
static mad_status drop_fixed_axes(mad_ctx *ctx, mad_arena *mem, size_t n_overrides,
                                  char **overrides, mad_config *config)
{
    mad_axis *kept = mad_arena_take(mem, config->n_axes, sizeof *kept);
    size_t n_kept = 0;
    if (kept == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    for (size_t a = 0; a < config->n_axes; a++) {
        const size_t n = strlen(config->axes[a].key);
        int fixed = 0;
        for (size_t i = 0; i < n_overrides; i++) {
            fixed |= strncmp(overrides[i], config->axes[a].key, n) == 0 && overrides[i][n] == '=';
        }
        if (!fixed) {
            kept[n_kept++] = config->axes[a];
        }
    }
    config->axes = kept;
    config->n_axes = n_kept;
    return MAD_OK;
}

mad_status mad_load_config(mad_app *app, mad_arena *mem, const char *path, size_t n_overrides,
                           char **overrides, int smoke, mad_config *out)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    size_t n_smoke = 0;
    const char **tiny = NULL, **all = NULL;
    MAD_TRY(mad_config_load(ctx, mem, path, NULL, n_overrides, (const char *const *)overrides,
                            app->registry, out));
    if (smoke) {
        MAD_TRY(mad_smoke_overrides(ctx, mem, out, &n_smoke, &tiny));
        all = mad_arena_take(mem, n_overrides + n_smoke + 1, sizeof *all);
        if (all == NULL) {
            return mad_fail_memory(ctx, "overrides");
        }
        memcpy(all, overrides, n_overrides * sizeof *all);
        for (size_t i = 0; i < n_smoke; i++) {
            all[n_overrides + i] = tiny[i];
        }
        MAD_TRY(
            mad_config_load(ctx, mem, path, NULL, n_overrides + n_smoke, all, app->registry, out));
    }
    MAD_TRY(drop_fixed_axes(ctx, mem, n_overrides, overrides, out));
out:
    return st;
}

/* ---- running ------------------------------------------------------------------------------- */

static mad_status note(mad_ctx *ctx, const char *dir, const char *event, const char *key,
                       const char *text, double generation)
{
    const mad_attribute pairs[] = {{.name = "generation", .number = generation},
                                   {.name = key, .text = text}};
    return mad_journal_append(ctx, dir, event, key != NULL ? 2 : 1, pairs);
}

/* Log why a run ended; the status stays what it was. `whole` is what `resume` goes on with. */
static mad_status end_badly(mad_app *app, const char *dir, const char *whole, mad_status st)
{
    mad_ctx *ctx = app->ctx;
    char reason[MAD_MESSAGE_BYTES], word[MAD_MESSAGE_BYTES];
    mad_folder look;
    memcpy(reason, ctx->message, sizeof reason);
    mad_ctx_clear(ctx);
    const size_t n_done = mad_folder_look(ctx, dir, &look) == MAD_OK ? look.n_done : 0;
    mad_ctx_clear(ctx);
    const char *event = st == MAD_E_INTERRUPTED ? "interrupted" : "failed";
    (void)note(ctx, dir, event, "reason", reason, (double)n_done);
    mad_ctx_clear(ctx);
    if (st == MAD_E_INTERRUPTED) {
        mad_shell_word(whole, sizeof word, word);
        return mad_fail(ctx, st, "%s; %zu generations are saved, go on with: madloop resume %s",
                        reason, n_done, word);
    }
    return mad_fail(ctx, st, "%s", reason);
}

/* `experiment` is that of the folder's config.yaml; NULL: it is still to be made of it. */
static mad_status run_claimed(mad_app *app, mad_arena *mem, const char *dir, mad_claim *claim,
                              const mad_experiment *experiment, const mad_execute_options *options)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    mad_config config;
    mad_experiment *made = NULL;
    const mad_setting *setting = NULL;
    mad_folder look;
    mad_progress_view view = {.style = MAD_PROGRESS_NONE};
    MAD_TRY(mad_folder_look(ctx, dir, &look));
    if (look.state == MAD_FOLDER_DONE) {
        return MAD_OK;
    }
    if (experiment == NULL) {
        MAD_TRY(mad_folder_config(ctx, mem, dir, 0, NULL, app->registry, &config));
        MAD_TRY(mad_experiment_create(ctx, mem, &config, app->registry, &made));
        experiment = made;
    }
    setting = mad_experiment_setting(experiment);
    MAD_TRY(note(ctx, dir, look.n_done > 0 ? "resume" : "start", "version", MADLOOP_VERSION,
                 (double)look.n_done));
    view = mad_progress_view_for((mad_progress_style)options->progress, setting->name);
    const mad_run_options run = {.dir = dir,
                                 .first_generation = look.n_done + 1,
                                 .max_hours = options->max_hours,
                                 .model_cache = options->model_cache,
                                 .guard = mad_claim_check,
                                 .guard_arg = claim,
                                 .arg = options->watch != NULL ? options->watch_arg : &view,
                                 .progress =
                                     options->watch != NULL ? options->watch : mad_progress_show};
    MAD_TRY(mad_engine_run(ctx, experiment, &run));
    MAD_TRY(mad_folder_look(ctx, dir, &look));
    MAD_TRY(note(ctx, dir, "done", look.stop_reason[0] != '\0' ? "reason" : NULL, look.stop_message,
                 (double)look.n_done));
out:
    mad_progress_end(&view);
    if (st == MAD_OK && look.n_done < look.n_generations) {
        fprintf(stderr, "%s: ended after generation %zu of %zu: %s\n", setting->name, look.n_done,
                look.n_generations, look.stop_message);
    }
    return st;
}

static mad_status execute(mad_app *app, mad_arena *mem, const char *dir, const char *whole,
                          const mad_experiment *experiment, const mad_execute_options *options)
{
    mad_status st = MAD_OK;
    mad_claim claim = {.dir = ""};
    const mad_arena_mark mark = mad_arena_get_mark(app->ctx->scratch);
    MAD_TRY(mad_claim_take(app->ctx, dir, &claim));
    mad_app_catch_signals(app);
    st = run_claimed(app, mem, dir, &claim, experiment, options);
    if (st != MAD_OK && st != MAD_E_EXISTS) { /* the log is another's now */
        st = end_badly(app, dir, whole, st);
    }
out:
    mad_arena_release(app->ctx->scratch, mark); /* what a failure left behind */
    mad_claim_release(&claim);
    return st;
}

mad_status mad_execute(mad_app *app, const char *dir, const char *whole,
                       const mad_execute_options *options)
{
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a run");
    }
    const mad_status st = execute(app, mem, dir, whole, NULL, options);
    mad_arena_destroy(mem);
    return st;
}

mad_status mad_execute_new(mad_app *app, mad_arena *mem, const char *dir, const mad_config *config,
                           int replace, const mad_execute_options *options)
{
    mad_status st = MAD_OK;
    mad_experiment *experiment = NULL;
    /* first, because what does not fit together must leave no folder and replace none */
    MAD_TRY(mad_experiment_create(app->ctx, mem, config, app->registry, &experiment));
    MAD_TRY(mad_folder_create(app->ctx, dir, config, replace));
    MAD_TRY(execute(app, mem, dir, dir, experiment, options));
out:
    return st;
}
