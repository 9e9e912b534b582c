/* analysis/policy/admissible.c: `madloop admissible`: how much synthetic data is admissible, or how
 * little fresh data is enough. */
#include <stdint.h>

#include "analysis/policy/calibrate.h"
#include "analysis/policy/closed.h"
#include "analysis/policy/empirical.h"
#include "sim/cli/app.h"
#include "sim/cli/options.h"

extern const mad_command mad_command_admissible;

/* Everything the command line may say. */
typedef struct request {
    mad_closed_ask closed;
    mad_empirical_ask empirical;
    mad_trials trials;
    size_t n_threads;
    int calibrates, as_json;
} request;

static const char notes[] =
    "Without CONFIG: closed forms. n_e is the size of one real sample whose fit is as close to the "
    "real law as the loop is once it has settled.\n"
    "With CONFIG and --metric: the least n_real with which the mean of the measure at that "
    "generation is no worse than --within beside its mean at generation 1, by runs; its "
    "replicates are the size of the first look at every n_real.\n"
    "With CONFIG and --calibrate: d_eff and lam_eff from short runs of it (generation 1 at four "
    "sizes, the loop at "
    "n_synthetic and 4 n_synthetic), the largest n_synthetic they allow, and a longer run as a "
    "check.";

static mad_status answer(mad_app *app, request *ask, const mad_arguments *args)
{
    mad_trials *trials = &ask->trials;
    const int is_run = ask->calibrates || trials->metric != NULL;
    if (args->n == 0 && !is_run) {
        return mad_closed_answer(app, &ask->closed, ask->as_json);
    }
    if (args->n == 0 || !is_run || mad_closed_is_asked(&ask->closed)) {
        return mad_fail(app->ctx, MAD_E_USAGE,
                        "admissible: give a CONFIG with --metric or --calibrate (runs), or neither "
                        "(closed forms, whose options a CONFIG replaces)");
    }
    trials->app = app;
    trials->config = args->text[0];
    trials->n_overrides = args->n - 1;
    trials->overrides = args->text + 1;
    if (!ask->calibrates) {
        return mad_empirical_answer(trials, &ask->empirical, ask->as_json);
    }
    trials->metric = trials->metric != NULL ? trials->metric : "frechet";
    return mad_calibrate_answer(
        trials, &(mad_calibrate_ask){ask->closed.target, ask->empirical.most}, ask->as_json);
}

static mad_status admissible_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    request ask = {.closed = mad_closed_nothing,
                   .empirical = {.within = 0.1, .confidence = 0.95, .looks = 4}};
    mad_arguments args;
    const mad_option options[] = {
        MAD_CLOSED_OPTIONS(ask.closed),
        {"calibrate", 0, NULL, "with CONFIG: fit a Gaussian loop to short runs and extrapolate",
         .flag = &ask.calibrates},
        {"metric", 'm', "NAME",
         "with CONFIG: the measure to keep, or to calibrate on (default frechet)",
         .text = &ask.trials.metric},
        MAD_EMPIRICAL_OPTIONS(ask.empirical),
        {"model-cache", 0, "DIR", "trained models of generation 1 that runs share",
         .text = &ask.trials.model_cache},
        {"threads", 't', "N", "threads to use (default: all processors)", .count = &ask.n_threads,
         .min = 1, .max = 4096},
        {"json", 0, NULL, "print JSON", .flag = &ask.as_json},
        {.name = NULL}};
    const mad_usage usage = {options, 0, SIZE_MAX, notes};

    MAD_TRY(mad_options_parse(app, &mad_command_admissible, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, ask.n_threads));
    mad_app_catch_signals(app);
    MAD_TRY(answer(app, &ask, &args));
out:
    return st;
}

const mad_command mad_command_admissible = {
    .name = "admissible",
    .arguments = "[CONFIG [key=value ...]]",
    .doc = "How much synthetic data is admissible, or how little fresh data is enough",
    .run = admissible_verb,
};
