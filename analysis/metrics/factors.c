/* analysis/metrics/factors.c: what the world reads back from the model's rows, against what it reads
 * back from real ones. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

enum {
    RESIDUAL,
    RESIDUAL_RATIO,
    VALID,
    RARE,
    CLASS_KL,
    LABEL_HITS,
    CLASS_INFORMATION,
    W2,
    SD_RATIO,
    SD_RATIO_MIN,
    KS,
    KUIPER,
    COVERAGE,
    LEVEL_KL,
    N_OUTPUTS
};

enum { N_CELLS = 100 };

static const char ours[] = "docs/measures.md";
static const char smirnov[] = "Smirnov 1948, Ann. Math. Stat. 19:279";

static const mad_metric_output outputs[] = {
    [RESIDUAL] = {.name = "residual",
                  .long_name = "what the world cannot explain of the model's rows",
                  .units = "data units",
                  .direction = "target",
                  .definition = "root mean square over the model's rows of the residual: the row "
                                "less its redrawing from the factors read back",
                  .reference = ours},
    [RESIDUAL_RATIO] = {.name = "residual_ratio",
                        .long_name = "residual of the model's rows over that of real ones",
                        .units = "1",
                        .direction = "target",
                        .definition = "residual / residual of the reference rows",
                        .reference = ours,
                        .undefined = "where real rows leave no residual"},
    [VALID] = {.name = "valid_share",
               .long_name = "share of rows that the world could have drawn",
               .units = "1",
               .direction = "higher",
               .definition = "share of the model's rows that the world calls valid",
               .reference = ours},
    [RARE] = {.name = "rare_rate",
              .long_name = "share of rows with the world's rare feature",
              .units = "1",
              .direction = "target",
              .definition = "share of the model's rows in which the rare feature is found",
              .reference = ours,
              .undefined = "where the world has no rare feature"},
    [CLASS_KL] = {.name = "found_class_kl",
                  .is_infinite = 1,
                  .long_name = "KL divergence of the classes found from the true shares",
                  .units = "nats",
                  .direction = "lower",
                  .definition = "sum h ln(h / p), h = shares of the classes found in the model's "
                                "rows, p = the world's",
                  .reference = ours,
                  .undefined = "where the world has no classes"},
    [LABEL_HITS] = {.name = "label_hit_rate",
                    .long_name = "share of rows that show the class of their label",
                    .units = "1",
                    .direction = "higher",
                    .definition = "share of the model's rows whose class as found is their label",
                    .reference = ours,
                    .undefined = "where rows carry no labels"},
    [CLASS_INFORMATION] = {.name = "factor_class_information",
                           .long_name = "what the class tells of the factors",
                           .units = "nats",
                           .direction = "target",
                           .definition = "sum over factors that are numbers of -1/2 ln(1 - eta^2), "
                                         "eta^2 = share of the variance between classes found",
                           .reference = "mutual information of a Gaussian channel, Cover & Thomas "
                                        "2006, Eq. 9.16",
                           .undefined = "where the world has no classes or no factor is a number"},
    [W2] = {.name = "factor_w2",
            .long_name = "Gaussian Wasserstein distance of the factors",
            .units = "1",
            .direction = "lower",
            .definition = "gaussian_w2 between the whitened factors (less the true mean, over the "
                          "true sd) of the model's and the reference rows; numbers only",
            .reference = "Dowson & Landau 1982",
            .undefined = "where no factor is a number"},
    [SD_RATIO] = {.name = "factor_sd_ratio",
                  .long_name = "spread of the factors over that of real rows",
                  .units = "1",
                  .direction = "target",
                  .definition = "geometric mean over factors that are numbers of sd / sd of the "
                                "reference rows",
                  .reference = ours,
                  .undefined = "where no factor is a number, or one does not vary in real rows"},
    [SD_RATIO_MIN] = {.name = "factor_sd_ratio_min",
                      .long_name = "smallest spread of a factor over that of real rows",
                      .units = "1",
                      .direction = "target",
                      .definition = "smallest over factors that are numbers of sd / sd of the "
                                    "reference rows",
                      .reference = ours,
                      .undefined =
                          "where no factor is a number, or one does not vary in real rows"},
    [KS] = {.name = "factor_ks",
            .long_name = "largest Kolmogorov-Smirnov distance of a factor",
            .units = "1",
            .direction = "lower",
            .definition = "largest over factors that are numbers of sup |F - F_real|, empirical "
                          "distribution functions",
            .reference = smirnov,
            .undefined = "where no factor is a number"},
    [KUIPER] = {.name = "factor_kuiper",
                .long_name = "largest Kuiper distance of an angle",
                .units = "1",
                .direction = "lower",
                .definition = "largest over factors that are angles of sup(F - F_real) + "
                              "sup(F_real - F): the same wherever the circle is cut",
                .reference = "Kuiper 1960, Indag. Math. 63:38",
                .undefined = "where no factor is an angle"},
    [COVERAGE] = {.name = "factor_coverage",
                  .long_name = "share of a factor's range that is reached",
                  .units = "1",
                  .direction = "higher",
                  .definition = "mean over bounded factors of the share of 100 equal cells of the "
                                "range that hold a row of the model",
                  .reference = ours,
                  .undefined = "where no factor is bounded"},
    [LEVEL_KL] = {.name = "factor_level_kl",
                  .is_infinite = 1,
                  .long_name = "KL divergence of the levels found from the true shares",
                  .units = "nats",
                  .direction = "lower",
                  .definition = "mean over factors with levels of sum h ln(h / p)",
                  .reference = ours,
                  .undefined = "where no factor has levels"},
    {.name = NULL},
};

static int is_number(const mad_factor *f)
{
    return f->n_levels == 0 && f->period == 0.0;
}

static int is_angle(const mad_factor *f)
{
    return f->period > 0.0;
}

static int is_bounded(const mad_factor *f)
{
    return f->n_levels == 0 && f->high > f->low;
}

static int has_levels(const mad_factor *f)
{
    return f->n_levels > 0;
}

static int any(const mad_world_info *world, int (*is)(const mad_factor *))
{
    int found = 0;
    for (size_t k = 0; k < world->n_factors; k++) {
        found |= is(&world->factor[k]);
    }
    return found;
}

static int fits(const mad_world_info *world, size_t i_output)
{
    switch (i_output) {
    case RARE:
        return world->rare_p > 0.0;
    case CLASS_KL:
    case LABEL_HITS:
        return world->n_classes > 0;
    case CLASS_INFORMATION:
        return world->n_classes > 0 && any(world, is_number);
    case W2:
    case SD_RATIO:
    case SD_RATIO_MIN:
    case KS:
        return any(world, is_number);
    case KUIPER:
        return any(world, is_angle);
    case COVERAGE:
        return any(world, is_bounded);
    case LEVEL_KL:
        return any(world, has_levels);
    default:
        return 1;
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Root mean square, without overflow. */
static double rms(size_t n, const double *x)
{
    double widest = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        widest = fmax(widest, x[i]);
    }
    for (size_t i = 0; i < n && widest > 0.0; i++) {
        sum += (x[i] / widest) * (x[i] / widest);
    }
    return widest * sqrt(sum / (double)n);
}

static double share(size_t n, const unsigned char *is)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += is[i];
    }
    return sum / (double)n;
}

static mad_status classes(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_recovery *found = in->fake_found;
    const size_t n = found->n_rows, n_classes = in->world->n_classes;
    const int32_t *label = in->fake->label;
    double hits = 0.0, *h = mad_arena_take(ctx->scratch, n_classes, sizeof *h);
    if (h == NULL) {
        return mad_fail_memory(ctx, "the class shares");
    }
    for (size_t i = 0; i < n; i++) {
        h[found->label[i]] += 1.0 / (double)n;
        hits += label != NULL && label[i] == found->label[i];
    }
    values[CLASS_KL] = mad_kl(n_classes, h, in->world->class_p);
    values[LABEL_HITS] = label != NULL ? hits / (double)n : (double)NAN;
    return MAD_OK;
}

/* ---- one factor ------------------------------------------------------------------------------ */

/* A factor of all rows, whitened when it is a number. */
static void column(const mad_world_info *world, const mad_recovery *found, size_t k, double *out)
{
    const mad_factor *f = &world->factor[k];
    for (size_t i = 0; i < found->n_rows; i++) {
        const double x = found->factor[i * world->n_factors + k];
        out[i] = is_number(f) ? (x - f->mean) / f->sd : x;
    }
}

static double sd_of(size_t n, const double *x)
{
    return sqrt(mad_variance(n, x, 1.0));
}

static double reached(const mad_factor *f, size_t n, const double *x)
{
    unsigned char hit[N_CELLS] = {0};
    const double mean = is_number(f) ? f->mean : 0.0, sd = is_number(f) ? f->sd : 1.0;
    for (size_t i = 0; i < n; i++) {
        const double place = (mean + sd * x[i] - f->low) / (f->high - f->low);
        if (place >= 0.0 && place <= 1.0) {
            const size_t cell = (size_t)(place * N_CELLS);
            hit[cell < N_CELLS ? cell : N_CELLS - 1] = 1;
        }
    }
    return share(N_CELLS, hit);
}

static mad_status level_kl(mad_ctx *ctx, const mad_factor *f, size_t n, const double *x,
                           double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *h = mad_arena_take(ctx->scratch, f->n_levels, sizeof *h);
    if (h == NULL) {
        return mad_fail_memory(ctx, "the levels of a factor");
    }
    for (size_t i = 0; i < n; i++) {
        h[(size_t)x[i]] += 1.0 / (double)n;
    }
    *out = mad_kl(f->n_levels, h, f->level_p);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* -1/2 ln(1 - eta^2); 0 where the factor does not vary. */
static mad_status information(mad_ctx *ctx, size_t n_classes, const mad_recovery *found,
                              const double *x, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = found->n_rows;
    double *mean = mad_arena_take(ctx->scratch, n_classes, sizeof *mean);
    double *count = mad_arena_take(ctx->scratch, n_classes, sizeof *count);
    double within = 0.0;
    if (mean == NULL || count == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "the means of classes");
    }
    for (size_t i = 0; i < n; i++) {
        mean[found->label[i]] += x[i];
        count[found->label[i]] += 1.0;
    }
    for (size_t c = 0; c < n_classes; c++) {
        mean[c] /= fmax(count[c], 1.0);
    }
    for (size_t i = 0; i < n; i++) {
        const double d = x[i] - mean[found->label[i]];
        within += d * d;
    }
    const double total = mad_variance(n, x, 0.0) * (double)n;
    *out = total > 0.0 ? -0.5 * log(fmin(within / total, 1.0)) : 0.0;
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* ---- all factors ----------------------------------------------------------------------------- */

typedef struct sums {
    size_t n_numbers, n_bounded, n_levels;
    double log_ratio, coverage, level_kl;
} sums;

/* x, y: a factor of the model's and of real rows; they are sorted here. */
static void compare_number(const mad_factor *f, size_t n, double *x, size_t m, double *y, sums *sum,
                           double *values)
{
    double above = 0.0, below = 0.0;
    if (is_number(f)) {
        const double ratio = sd_of(n, x) / sd_of(m, y);
        sum->log_ratio += log(ratio);
        values[SD_RATIO_MIN] =
            sum->n_numbers == 0 || isnan(ratio) ? ratio : fmin(values[SD_RATIO_MIN], ratio);
        sum->n_numbers++;
    }
    mad_sort(n, x);
    mad_sort(m, y);
    mad_cdf_distances(n, x, m, y, &above, &below);
    if (is_number(f)) {
        values[KS] = fmax(values[KS], fmax(above, below));
    } else {
        values[KUIPER] = fmax(values[KUIPER], above + below);
    }
}

static mad_status compare_factor(mad_ctx *ctx, const mad_metric_in *in, size_t k, double *x,
                                 double *y, sums *sum, double *values)
{
    const mad_factor *f = &in->world->factor[k];
    const size_t n = in->fake_found->n_rows, m = in->real_found->n_rows;
    double value = 0.0;
    mad_status st = MAD_OK;
    column(in->world, in->fake_found, k, x);
    column(in->world, in->real_found, k, y);
    if (is_bounded(f)) {
        sum->coverage += reached(f, n, x);
        sum->n_bounded++;
    }
    if (has_levels(f)) {
        MAD_TRY(level_kl(ctx, f, n, x, &value));
        sum->level_kl += value;
        sum->n_levels++;
        goto out;
    }
    if (is_number(f) && in->world->n_classes > 0) {
        MAD_TRY(information(ctx, in->world->n_classes, in->fake_found, x, &value));
        values[CLASS_INFORMATION] = sum->n_numbers == 0 ? value : values[CLASS_INFORMATION] + value;
    }
    compare_number(f, n, x, m, y, sum, values);
out:
    return st;
}

/* Mean and covariance (ddof 1) of the whitened numbers of one side. */
static mad_status law_of(mad_ctx *ctx, const mad_world_info *world, const mad_recovery *found,
                         size_t dim, double *mean, double *cov)
{
    const size_t n = found->n_rows;
    double *one = mad_arena_take_raw(ctx->scratch, n, sizeof *one);
    double *all = mad_arena_take_raw(ctx->scratch, n * dim, sizeof *all);
    if (one == NULL || all == NULL) {
        return mad_fail_memory(ctx, "the factors");
    }
    for (size_t k = 0, at = 0; k < world->n_factors; k++) {
        if (is_number(&world->factor[k])) {
            column(world, found, k, one);
            for (size_t i = 0; i < n; i++) {
                all[i * dim + at] = one[i];
            }
            at++;
        }
    }
    return mad_mean_cov(ctx, n, dim, all, NULL, 1, mean, cov);
}

static mad_status gaussian_w2(mad_ctx *ctx, const mad_metric_in *in, size_t dim, double *out)
{
    mad_status st = MAD_OK;
    double square = 0.0;
    double *law = mad_arena_take(ctx->scratch, 2 * dim * (dim + 1), sizeof *law);
    if (law == NULL) {
        return mad_fail_memory(ctx, "the laws of the factors");
    }
    double *mean[2] = {law, law + dim}, *cov[2] = {law + 2 * dim, law + 2 * dim + dim * dim};
    MAD_TRY(law_of(ctx, in->world, in->real_found, dim, mean[0], cov[0]));
    MAD_TRY(law_of(ctx, in->world, in->fake_found, dim, mean[1], cov[1]));
    MAD_TRY(mad_bures_sq(ctx, dim, mean[0], cov[0], mean[1], cov[1], &square));
    *out = sqrt(square);
out:
    return st;
}

static void finish(const mad_recovery *real, const mad_recovery *fake, const sums *sum,
                   double *values)
{
    const double floor = rms(real->n_rows, real->residual);
    values[RESIDUAL] = rms(fake->n_rows, fake->residual);
    values[RESIDUAL_RATIO] = floor > 0.0 ? values[RESIDUAL] / floor : (double)NAN;
    values[VALID] = share(fake->n_rows, fake->valid);
    values[RARE] = fake->rare != NULL ? share(fake->n_rows, fake->rare) : (double)NAN;
    if (sum->n_numbers > 0) {
        /* 0/0 and x/0 of a factor that is the same in all real rows */
        values[SD_RATIO] = exp(sum->log_ratio / (double)sum->n_numbers);
        if (!isfinite(values[SD_RATIO])) {
            values[SD_RATIO] = values[SD_RATIO_MIN] = (double)NAN;
        }
    }
    values[COVERAGE] = sum->n_bounded > 0 ? sum->coverage / (double)sum->n_bounded : (double)NAN;
    values[LEVEL_KL] = sum->n_levels > 0 ? sum->level_kl / (double)sum->n_levels : (double)NAN;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_recovery *real = in->real_found, *fake = in->fake_found;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    sums sum = {0};
    double *x = mad_arena_take_raw(ctx->scratch, fake->n_rows, sizeof *x);
    double *y = mad_arena_take_raw(ctx->scratch, real->n_rows, sizeof *y);
    if (x == NULL || y == NULL) {
        st = mad_fail_memory(ctx, "a factor");
        goto out;
    }
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        values[i] = (double)NAN;
    }
    for (size_t k = 0; k < in->world->n_factors; k++) {
        MAD_TRY(compare_factor(ctx, in, k, x, y, &sum, values));
    }
    if (in->world->n_classes > 0) {
        MAD_TRY(classes(ctx, in, values));
    }
    if (sum.n_numbers > 0) {
        MAD_TRY(gaussian_w2(ctx, in, sum.n_numbers, &values[W2]));
    }
    finish(real, fake, &sum, values);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_factors = {
    .name = "factors",
    .doc = "what the world reads back from rows: quality, classes and spread of the factors",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_FACTORS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .fits = fits,
    .eval = eval,
};
