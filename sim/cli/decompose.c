/* sim/cli/decompose.c: `madloop decompose`: how much of a loop's drift each of its causes carries.
 *
 * Every combination of causes on and off is run (2^k runs that share random numbers). The drift of a
 * run is the change of ln(measure), or of the measure, a generation. Its parts are Shapley values of
 * the game "drift with these causes on": the mean over all orders of switching causes on of what a
 * cause adds. They add up to the drift of the whole less that of the run with all causes off, in
 * every replicate.
 * ref  Shapley 1953, Contributions to the Theory of Games II:307
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/causes.h"
#include "sim/cli/print_json.h"
#include "sim/cli/verbs.h"
#include "sim/engine/engine.h"
#include "sim/num/stats.h"
#include "sim/store/json.h"

enum { MAX_RUNS = 1 << MAD_N_CAUSES };

typedef struct request {
    const char *dir, *measure;
    size_t large;
    int is_linear, as_json, smoke;
    mad_execute_options execute;
} request;

/* Of one number per replicate. */
typedef struct part {
    double mean, half; /* half the 95 % interval; NaN with a single replicate */
} part;

typedef struct report {
    const mad_config *config;
    size_t n_causes, n_replicates, n_generations;
    mad_cause cause[MAD_N_CAUSES];
    double *drift[MAX_RUNS]; /* [n_replicates] by which of the causes, bit i of cause[i], are on */
    part share[MAD_N_CAUSES], rest, whole, sum;
    double solver; /* closed form of the sampler's part; NaN = none */
} report;

/* ---- runs ---------------------------------------------------------------------------------- */

/* Bits of mad_cause from bits of the report's list. */
static unsigned causes_on(const report *r, size_t mask)
{
    unsigned on = 0;
    for (size_t i = 0; i < r->n_causes; i++) {
        on |= mask >> i & 1 ? 1u << r->cause[i] : 0;
    }
    return on;
}

static mad_status read_drift(mad_app *app, mad_arena *mem, const request *ask, const char *folder,
                             report *r, double **out)
{
    mad_status st = MAD_OK;
    mad_run run;
    MAD_TRY(mad_run_read_part(app->ctx, mem, folder, "metrics", &run));
    MAD_TRY(mad_run_join_loops(app->ctx, mem, &run));
    const mad_run_series *series = mad_run_find(&run, "metrics", ask->measure);
    if (series == NULL) {
        return mad_fail(app->ctx, MAD_E_CONFIG,
                        "decompose: the runs do not measure '%s' (measure.metrics)", ask->measure);
    }
    const size_t n_gens = run.n_generations;
    *out = mad_arena_take_raw(mem, run.n_replicates, sizeof **out);
    if (*out == NULL) {
        return mad_fail_memory(app->ctx, "the drift of a run");
    }
    for (size_t i = 0; i < run.n_replicates; i++) {
        const double first = series->value[i * n_gens], last = series->value[(i + 1) * n_gens - 1];
        const double change = ask->is_linear ? last - first : log(last) - log(first);
        (*out)[i] = change / (double)(n_gens - 1);
    }
    r->n_replicates = run.n_replicates;
    r->n_generations = n_gens;
out:
    return st;
}

static mad_status run_variant(mad_app *app, mad_arena *mem, const request *ask, size_t mask,
                              report *r)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_folder look;
    MAD_TRY(mad_causes_config(app, mem, r->config, causes_on(r, mask), ask->large, &config));
    const char *folder = mad_folder_name(mem, ask->dir, &config);
    if (folder == NULL) {
        return mad_fail_memory(app->ctx, "a variant");
    }
    MAD_TRY(mad_folder_make(app->ctx, ask->dir));
    MAD_TRY(mad_folder_look(app->ctx, folder, &look));
    if (look.state == MAD_FOLDER_NONE) {
        MAD_TRY(mad_execute_new(app, mem, folder, &config, 0, &ask->execute));
    } else {
        MAD_TRY(mad_execute(app, folder, folder, &ask->execute));
    }
    MAD_TRY(read_drift(app, mem, ask, folder, r, &r->drift[mask]));
out:
    return st;
}

/* ---- parts --------------------------------------------------------------------------------- */

static part part_of(size_t n, const double *x)
{
    const double error = sqrt(mad_variance(n, x, 1.0) / (double)n);
    return (part){.mean = mad_mean(n, x),
                  .half = error * mad_student_t_critical((double)n - 1.0, 0.05)};
}

static size_t count_bits(size_t mask)
{
    size_t n = 0;
    for (; mask != 0; mask &= mask - 1) {
        n++;
    }
    return n;
}

static double factorial(size_t n)
{
    double product = 1.0;
    for (size_t i = 2; i <= n; i++) {
        product *= (double)i;
    }
    return product;
}

/* What cause i adds in one replicate: the mean over orders. */
static double shapley(const report *r, size_t i, size_t replicate)
{
    const size_t k = r->n_causes;
    double sum = 0.0;
    for (size_t mask = 0; mask < (size_t)1 << k; mask++) {
        if (!(mask >> i & 1)) {
            const size_t n_on = count_bits(mask);
            const double weight = factorial(n_on) * factorial(k - n_on - 1) / factorial(k);
            sum +=
                weight * (r->drift[mask | (size_t)1 << i][replicate] - r->drift[mask][replicate]);
        }
    }
    return sum;
}

static mad_status take_parts(mad_ctx *ctx, report *r)
{
    const size_t n = r->n_replicates;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *x = mad_arena_take(ctx->scratch, n, sizeof *x);
    double *sum = mad_arena_take(ctx->scratch, n, sizeof *sum);
    if (x == NULL || sum == NULL) {
        return mad_fail_memory(ctx, "the parts of a drift");
    }
    for (size_t i = 0; i < r->n_causes; i++) {
        for (size_t k = 0; k < n; k++) {
            x[k] = shapley(r, i, k);
            sum[k] += x[k];
        }
        r->share[i] = part_of(n, x);
    }
    for (size_t k = 0; k < n; k++) {
        sum[k] += r->drift[0][k];
    }
    r->rest = part_of(n, r->drift[0]);
    r->whole = part_of(n, r->drift[((size_t)1 << r->n_causes) - 1]);
    r->sum = part_of(n, sum);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* 1 where nothing but the sampler changes the one variance from one generation to the next. */
static int is_plain_loop(const mad_config *c)
{
    return strcmp(c->world_type->name, "gauss") == 0 &&
           mad_get_real(&c->world, "spectrum") == 0.0 &&
           strcmp(c->loop_type->name, "fully_synthetic") == 0 &&
           strcmp(mad_get_text(&c->loop, "age"), "last") == 0 &&
           strcmp(mad_get_text(&c->loop, "retain"), "replace") == 0 &&
           mad_get_size(&c->root, "models") == 1 && c->bias_type == NULL &&
           c->select_type == NULL && c->correct_type == NULL && c->post_type == NULL &&
           c->channel_type == NULL;
}

/* v <- v lam_eff(v) from the real variance on: what the sampler alone does to a Gaussian law. */
static mad_status follow_solver(mad_app *app, mad_arena *mem, const request *ask, report *r)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_experiment *experiment = NULL;
    mad_model *model = NULL;
    r->solver = (double)NAN;
    if (ask->is_linear || strcmp(ask->measure, "trace") != 0 || !is_plain_loop(r->config)) {
        return MAD_OK;
    }
    MAD_TRY(mad_causes_config(app, mem, r->config, 1u << MAD_CAUSE_SAMPLE | 1u << MAD_CAUSE_SAMPLER,
                              1, &config));
    MAD_TRY(mad_experiment_create(app->ctx, mem, &config, app->registry, &experiment));
    MAD_TRY(mad_experiment_model(app->ctx, experiment, mem, &model));
    if (model->type->gain == NULL ||
        (model->type->gain_needs_rows != NULL && model->type->gain_needs_rows(model))) {
        goto out;
    }
    const double sd = mad_get_real(&r->config->world, "sd");
    double v = sd * sd, first = v;
    for (size_t g = 1; g <= r->n_generations; g++) {
        double gain;
        MAD_TRY(model->type->gain(app->ctx, model, g, 1, &v, &gain));
        v *= gain;
        first = g == 1 ? v : first; /* what is measured has passed the sampler */
    }
    r->solver = (log(v) - log(first)) / (double)(r->n_generations - 1);
out:
    return st;
}

/* ---- what is printed ----------------------------------------------------------------------- */

static void print_part(const char *name, part p, const char *note)
{
    printf("%-10s %12.5g  +- %-9.2g %s\n", name, p.mean, p.half, note);
}

static void print_report(const request *ask, const report *r)
{
    printf("drift of %s%s a generation, %zu generations, %zu replicates, %zu runs\n\n",
           ask->is_linear ? "" : "ln ", ask->measure, r->n_generations, r->n_replicates,
           (size_t)1 << r->n_causes);
    printf("%-10s %12s  %-12s %s\n", "cause", "part", "95 %", "off");
    for (size_t i = 0; i < r->n_causes; i++) {
        print_part(mad_cause_name(r->cause[i]), r->share[i], mad_cause_off(r->cause[i]));
    }
    print_part("rest", r->rest, "all of them off");
    print_part("sum", r->sum, "");
    print_part("whole", r->whole, "all of them on");
    if (!isnan(r->solver)) {
        printf("\nsampler in closed form: %.5g (ln of v <- v lam_eff(v), Gaussian law)\n",
               r->solver);
    }
}

static json_t *json_part(part p)
{
    return json_pack("{s:o, s:o}", "part", mad_json_number(p.mean), "half_interval",
                     mad_json_number(p.half));
}

static mad_status print_json(mad_ctx *ctx, const request *ask, const report *r)
{
    json_t *causes = json_object();
    for (size_t i = 0; i < r->n_causes; i++) {
        (void)json_object_set_new(causes, mad_cause_name(r->cause[i]), json_part(r->share[i]));
    }
    return mad_print_json(
        ctx, json_pack("{s:s, s:b, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "measure", ask->measure,
                       "is_log", !ask->is_linear, "generations", (json_int_t)r->n_generations,
                       "replicates", (json_int_t)r->n_replicates, "causes", causes, "rest",
                       json_part(r->rest), "sum", json_part(r->sum), "whole", json_part(r->whole),
                       "sampler_closed_form", mad_json_number(r->solver)));
}

/* ---- verb ---------------------------------------------------------------------------------- */

static const char *default_folder(mad_arena *mem, const mad_config *config)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "decomposed/%s", mad_get_text(&config->root, "name"));
    return mad_arena_text(mem, path);
}

static mad_status decompose(mad_app *app, mad_arena *mem, request *ask, const mad_arguments *args)
{
    mad_status st = MAD_OK;
    mad_config config;
    report r = {.config = &config};
    MAD_TRY(
        mad_load_config(app, mem, args->text[0], args->n - 1, args->text + 1, ask->smoke, &config));
    ask->dir = ask->dir != NULL ? ask->dir : default_folder(mem, &config);
    if (ask->dir == NULL) {
        return mad_fail_memory(app->ctx, "a folder name");
    }
    if (mad_get_size(&config.root, "generations") < 2) {
        return mad_fail(app->ctx, MAD_E_CONFIG, "generations: a drift takes 2 or more");
    }
    if (mad_get_size(&config.root, "replicates") < 2) {
        return mad_fail(app->ctx, MAD_E_CONFIG, "replicates: an interval takes 2 or more");
    }
    for (mad_cause cause = 0; cause < MAD_N_CAUSES; cause++) {
        if (mad_cause_is_there(app->registry, &config, cause)) {
            r.cause[r.n_causes++] = cause;
        }
    }
    for (size_t mask = 0; mask < (size_t)1 << r.n_causes; mask++) {
        MAD_TRY(run_variant(app, mem, ask, mask, &r));
    }
    MAD_TRY(take_parts(app->ctx, &r));
    MAD_TRY(follow_solver(app, mem, ask, &r));
    if (ask->as_json) {
        MAD_TRY(print_json(app->ctx, ask, &r));
    } else {
        print_report(ask, &r);
    }
out:
    return st;
}

static mad_status decompose_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    request ask = {.measure = "trace", .large = 16};
    mad_arguments args;
    const mad_option options[] = {
        {"measure", 0, "NAME", "whose drift is taken apart (default trace)", .text = &ask.measure},
        {"linear", 0, NULL, "of the measure itself, not of its logarithm", .flag = &ask.is_linear},
        {"large", 0, "N", "rows of every size times N where sampling noise is off (default 16)",
         .count = &ask.large, .min = 2, .max = 1e6},
        {"out", 'o', "DIR", "folder of the runs (default decomposed/NAME); finished ones are kept",
         .text = &ask.dir},
        {"smoke", 0, NULL, "of a tiny version", .flag = &ask.smoke},
        {"json", 0, NULL, "print JSON", .flag = &ask.as_json},
        MAD_EXECUTE_OPTIONS(ask.execute),
        {.name = NULL}};
    const mad_usage usage = {
        options, 1, SIZE_MAX,
        "Causes: sample (finitely many rows), training (a network against the "
        "exact denoiser), sampler, guidance, bias, start (warm); those that the "
        "configuration has."};
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "the causes");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_decompose, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, ask.execute.n_threads));
    MAD_TRY(decompose(app, mem, &ask, &args));
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_decompose = {
    .name = "decompose",
    .arguments = "CONFIG [key=value ...]",
    .doc = "How much of a loop's drift each of its causes carries, with intervals",
    .run = decompose_verb,
};
