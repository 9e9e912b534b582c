/* analysis/policy/admissible.c: `madloop admissible`: how much synthetic data is admissible, or how
 * little fresh data is enough. */
#include <math.h>
#include <stdint.h>

#include "analysis/policy/closed.h"
#include "sim/cli/options.h"

extern const mad_command mad_command_admissible;

static mad_status admissible_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    mad_closed_ask closed = {.n_real = (double)NAN,
                             .n_synthetic = (double)NAN,
                             .n_effective = (double)NAN,
                             .share = (double)NAN,
                             .dim = (double)NAN,
                             .target = 1.0,
                             .bias = 1.0,
                             .memory = 1.0};
    int as_json = 0;
    mad_arguments args;
    const mad_option options[] = {
        {"n-real", 0, "N", "fresh real rows a generation", .real = &closed.n_real, .min = 2,
         .max = 1e12},
        {"dim", 0, "D", "dimensions", .real = &closed.dim, .min = 1, .max = 1e6},
        {"bias", 0, "LAM", "covariance factor of synthetic rows (default 1: none)",
         .real = &closed.bias, .min = 1e-3, .max = 1},
        {"memory", 0, "K", "synthetic rows come from the last K models (default 1)",
         .real = &closed.memory, .min = 1, .max = 1e6},
        {"real-weight", 0, "W", "total weight of the real rows: a number, golden or proportional",
         .text = &closed.real_weight},
        {"target", 0, "R", "wanted n_e/n_r (default 1)", .real = &closed.target, .min = 1e-3,
         .max = 1e6},
        {"n-effective", 0, "N", "wanted n_e: asks for the least n_real",
         .real = &closed.n_effective, .min = 2, .max = 1e12},
        {"n-synthetic", 0, "N", "synthetic rows a generation", .real = &closed.n_synthetic,
         .min = 0, .max = 1e12},
        {"share", 0, "P", "n_real/(n_real + n_synthetic), with --n-effective",
         .real = &closed.share, .min = 1e-9, .max = 1},
        {"leak", 0, "EPS", "share of the real rows that the newest model made (default 0)",
         .real = &closed.leak, .min = 0, .max = 0.999},
        {"tpr", 0, "X", "a detector drops this share of the synthetic rows (default 0)",
         .real = &closed.tpr, .min = 0, .max = 1},
        {"fpr", 0, "X", "and this share of the real rows (default 0)", .real = &closed.fpr,
         .min = 0, .max = 0.999},
        {"json", 0, NULL, "print JSON", .flag = &as_json},
        {.name = NULL}};
    const mad_usage usage = {options, 0, 0,
                             "n_e is the size of one real sample whose fit is as close to the real "
                             "law as the loop is once it has settled."};

    MAD_TRY(mad_options_parse(app, &mad_command_admissible, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_closed_answer(app, &closed, as_json));
out:
    return st;
}

const mad_command mad_command_admissible = {
    .name = "admissible",
    .arguments = "",
    .doc = "How much synthetic data is admissible, or how little fresh data is enough",
    .run = admissible_verb,
};
