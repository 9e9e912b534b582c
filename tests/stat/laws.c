/* tests/stat/laws.c: run a configuration in memory and judge it against its closed forms. */
#include "tests/stat/laws.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/num/stats.h"

/* Everything one run left: the metrics of all replicates and generations. */
typedef struct run {
    const law_case *c;
    const mad_setting *setting;
    const mad_run_layout *layout;
    double **value; /* [n_series][n_replicates * n_generations] */
} run;

size_t law_n_checks(const law_case *c)
{
    size_t n = 0;

    while (n < LAW_CHECKS && c->checks[n].metric != NULL) {
        n++;
    }
    return n;
}

static const char *config_text(mad_arena *mem, const law_case *c, int is_twin)
{
    const law_setting *h = &c->honest, *s = is_twin ? &c->twin : h;
    char text[1024], metrics[256] = "";
    const char *world = s->world != NULL ? s->world : h->world;

    if (strstr(world, "zipf") == NULL) {
        snprintf(metrics, sizeof metrics, "mean_error_sq");
    }
    for (size_t k = 0; k < law_n_checks(c); k++) {
        size_t used = strlen(metrics);

        if (strchr(c->checks[k].metric, '/') == NULL &&
            strstr(metrics, c->checks[k].metric) == NULL) {
            snprintf(metrics + used, sizeof metrics - used, "%s%s", used > 0 ? ", " : "",
                     c->checks[k].metric);
        }
    }
    snprintf(text, sizeof text,
             "{seed: 20, replicates: %zu, generations: %zu, world: %s, model: %s, loop: %s, "
             "bias: %s, measure: {n: 64, metrics: [%s]}, checkpoint: {every: %zu}}",
             c->n_replicates, c->n_generations, world, s->model != NULL ? s->model : h->model,
             s->loop != NULL ? s->loop : h->loop, s->bias != NULL ? s->bias : h->bias, metrics,
             c->n_generations);
    return mad_arena_text(mem, text);
}

static void keep(void *arg, size_t begin, size_t n_gens, const double *const *data)
{
    run *r = arg;
    size_t n_all = r->c->n_generations;

    for (size_t i = 0; i < r->layout->n_series; i++) {
        for (size_t row = 0; row < r->c->n_replicates && r->value[i] != NULL; row++) {
            memcpy(r->value[i] + row * n_all + begin - 1, data[i] + row * n_gens,
                   n_gens * sizeof(double));
        }
    }
}

static mad_status run_in_memory(mad_ctx *ctx, mad_arena *mem, const law_case *c, int is_twin,
                                const mad_registry *registry, run *out)
{
    mad_status st = MAD_OK;
    mad_config *config = mad_arena_take(mem, 1, sizeof *config);
    mad_experiment *experiment = NULL;
    mad_run_options options = {.first_generation = 1, .arg = out, .commit = keep};

    MAD_TRY(mad_config_load(ctx, mem, c->name, config_text(mem, c, is_twin), 0, NULL, registry,
                            config));
    MAD_TRY(mad_experiment_create(ctx, mem, config, registry, &experiment));
    out->c = c;
    out->setting = mad_experiment_setting(experiment);
    out->layout = mad_experiment_layout(experiment);
    out->value = mad_arena_take(mem, out->layout->n_series, sizeof *out->value);
    for (size_t i = 0; i < out->layout->n_series; i++) {
        if (out->layout->series[i].width == 1) {
            out->value[i] = mad_arena_take(mem, c->n_replicates * c->n_generations, sizeof(double));
        }
    }
    MAD_TRY(mad_engine_run(ctx, experiment, &options));
out:
    return st;
}

/* One measure in generation t over replicates. */
static void column(const run *r, const char *metric, size_t t, double *out)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", strchr(metric, '/') == NULL ? "metrics/" : "", metric);
    for (size_t i = 0; i < r->layout->n_series; i++) {
        char own[128];
        snprintf(own, sizeof own, "%s/%s", r->layout->series[i].group, r->layout->series[i].name);
        if (r->value[i] != NULL && strcmp(own, path) == 0) {
            for (size_t row = 0; row < r->c->n_replicates; row++) {
                out[row] = r->value[i][row * r->c->n_generations + t - 1];
            }
            return;
        }
    }
    mad_assert_failed("a measure that was asked for", __FILE__, __LINE__);
}

static double expected_mean(mad_ctx *ctx, mad_arena *mem, const mad_registry *registry,
                            const mad_setting *setting, const law_check *k)
{
    double *curve = mad_arena_take(mem, setting->n_generations, sizeof *curve);

    for (const mad_theory_type *const *law = registry->theories; *law != NULL; law++) {
        if (strcmp((*law)->metric, k->metric) == 0 && (*law)->exact && (*law)->applies(setting)) {
            return (*law)->curve(ctx, setting, curve) == MAD_OK ? curve[k->generation - 1]
                                                                : (double)NAN;
        }
    }
    return (double)NAN;
}

static double expected_variance(const mad_setting *setting, size_t t)
{
    double n = (double)setting->loop->type->n_synthetic(setting->loop, 1), sum = 0.0;

    for (size_t j = 1; j <= setting->world->info.dim; j++) {
        sum += mad_trigamma((n - (double)j) / 2.0);
    }
    return (double)t * sum;
}

static double expected_of(mad_ctx *ctx, mad_arena *mem, const mad_registry *registry,
                          const mad_setting *setting, const law_check *k)
{
    const mad_world_info *info = &setting->world->info;
    double trace = 0.0;

    switch (k->kind) {
    case LAW_MEAN:
        return expected_mean(ctx, mem, registry, setting, k);
    case LAW_VARIANCE:
        return expected_variance(setting, k->generation);
    case LAW_CONSERVED:
        for (size_t j = 0; j < info->dim; j++) {
            trace += info->cov[j * info->dim + j];
        }
        return trace;
    case LAW_SLOPE:
    case LAW_VALUE:
    case LAW_SPREAD:
        break;
    }
    return k->expected;
}

/* z of one check on one run. Standard errors from the replicates themselves: of a mean sd/sqrt R,
 * of a variance from the fourth moment, of a slope the sandwich. */
static double z_of(mad_arena *mem, const run *r, const law_check *k, double expected)
{
    size_t n_rows = r->c->n_replicates;
    double *x = mad_arena_take(mem, n_rows, sizeof *x);
    double *y = mad_arena_take(mem, n_rows, sizeof *y);
    double n = (double)n_rows, fourth = 0.0, xy = 0.0, xx = 0.0, error = 0.0, mean, var;

    column(r, k->metric, k->generation, x);
    if (k->kind == LAW_CONSERVED) {
        column(r, "mean_error_sq", k->generation, y);
        for (size_t i = 0; i < n_rows; i++) {
            x[i] += y[i];
        }
    }
    if (k->kind == LAW_SLOPE) {
        column(r, k->metric, k->generation - 1, y);
        for (size_t i = 0; i < n_rows; i++) {
            xy += x[i] * y[i];
            xx += y[i] * y[i];
        }
        for (size_t i = 0; i < n_rows; i++) {
            error += pow(y[i] * (x[i] - xy / xx * y[i]), 2.0);
        }
        return (xy / xx - expected) * xx / sqrt(error);
    }
    mean = mad_mean(n_rows, x);
    var = mad_variance(n_rows, x, 1.0);
    if (k->kind != LAW_VARIANCE && k->kind != LAW_SPREAD) {
        return (mean - expected) / sqrt(var / n);
    }
    for (size_t i = 0; i < n_rows; i++) {
        fourth += pow(x[i] - mean, 4.0) / n;
    }
    return (var - expected) / sqrt((fourth - var * var) / n);
}

mad_status law_judge(mad_ctx *ctx, const law_case *c, const mad_registry *registry, double *honest,
                     double *twin)
{
    mad_status st = MAD_OK;
    mad_arena *mem = mad_arena_create(1 << 20);
    run good = {0}, bad = {0};

    MAD_TRY(run_in_memory(ctx, mem, c, 0, registry, &good));
    MAD_TRY(run_in_memory(ctx, mem, c, 1, c->twin_registry != NULL ? c->twin_registry : registry,
                          &bad));
    for (size_t k = 0; k < law_n_checks(c); k++) {
        double expected = expected_of(ctx, mem, registry, good.setting, &c->checks[k]);

        honest[k] = z_of(mem, &good, &c->checks[k], expected);
        twin[k] = z_of(mem, &bad, &c->checks[k], expected);
    }
out:
    mad_arena_destroy(mem);
    return st;
}

void law_assert(mad_ctx *ctx, const law_case *c, const mad_registry *registry)
{
    double honest[LAW_CHECKS], twin[LAW_CHECKS], worst = 0.0, worst_twin = 0.0;

    mad_ctx_clear(ctx);
    if (law_judge(ctx, c, registry, honest, twin) != MAD_OK) {
        fail_msg("%s: %s", c->name, ctx->message);
    }
    for (size_t k = 0; k < law_n_checks(c); k++) {
        worst = isnan(honest[k]) ? (double)INFINITY : fmax(worst, fabs(honest[k]));
        worst_twin = fmax(worst_twin, fabs(twin[k]));
    }
    print_message("%-56s R = %-5zu  |z| <= %4.2f, twin %6.1f\n", c->name, c->n_replicates, worst,
                  worst_twin);
    assert_true(worst < LAW_Z_LIMIT);
    assert_true(worst_twin >= LAW_Z_LIMIT);
}
