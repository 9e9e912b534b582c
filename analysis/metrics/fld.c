/* analysis/metrics/fld.c: feature likelihood divergence: held-out real rows under a mixture of
 * Gaussians that stand on the model's rows, as wide as the training rows want them. */
#include <math.h>
#include <string.h>

#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/pairs.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/num/stats.h"

enum { FLD, FLD_GAP };
enum { N_STEPS = 50, TILE = MAD_PAIR_TILE };

static const double learning_rate = 0.5, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
static const double least_log_var = -40.0, largest_log_var = 20.0;
static const double nearest_slack = 1e-3; /* added to squared distances of the first widths */
static const double origin_share = 0.81;  /* (1 - 0.1)^2 of the squared distance to the mean */

static const char reference[] = "Jiralerspong et al. 2023, arXiv:2302.04440";

static const mad_param params[] = {
    {.name = "fld_rows",
     .kind = MAD_PARAM_INT,
     .fallback = "5000",
     .min = 2,
     .max = 100000,
     .doc = "most rows of a side of fld and fld_gap, which need the square of it in memory"},
    {.name = NULL},
};

#define UNDEFINED                                                                                  \
    "with fewer than two training rows, more rows than fld_rows, a column without variance in "    \
    "the real rows, or " MAD_SQUARES_OVERFLOW

static const mad_metric_output outputs[] = {
    [FLD] = {.name = "fld",
             .long_name = "feature likelihood divergence",
             .units = "nats/100 per dimension",
             .direction = "lower",
             .definition =
                 "100 (mean -ln q(x) / d over held-out real rows - the same of a baseline), "
                 "columns scaled by their mean and sd (ddof = 1); q: Gaussians of equal "
                 "weight on the model's rows, one variance each, fitted to the training "
                 "rows by 50 steps of Adam; baseline: the first half of the training rows "
                 "fitted to the second",
             .reference = reference,
             .undefined = UNDEFINED},
    [FLD_GAP] = {.name = "fld_gap",
                 .long_name = "generalisation gap of the feature likelihood divergence",
                 .units = "nats/100 per dimension",
                 .direction = "target",
                 .definition =
                     "100 (mean -ln q / d over training rows - the same over held-out real "
                     "rows), q as in fld; below 0: the model knows its training rows",
                 .reference = reference,
                 .undefined = UNDEFINED},
    {.name = NULL},
};

/* ---- mixtures --------------------------------------------------------------------------------- */

/* N(centre_j, exp(log_var_j) I) with weights 1/n. Past the last one stand widths of 1, up to whole
 * tiles, at infinite distance from every row. */
typedef struct mixture {
    const mad_set *centres;
    size_t n_padded;
    double *log_var;      /* [n_padded] */
    double *half_inverse; /* [n_padded] 1 / (2 var) */
} mixture;

/* out[n_padded] = |x - centre_j|^2 */
static void squares_to(const mixture *q, const double *x, double *out)
{
    const size_t n = q->centres->n_rows, dim = q->centres->dim;
    for (size_t j = 0; j < q->n_padded; j++) {
        out[j] = j < n ? mad_distance_sq(dim, x, q->centres->x + j * dim) : (double)INFINITY;
    }
}

/* term[j] <- s_j / (2 var_j) + d/2 ln var_j: -ln of the density without its constant. The least. */
static double exponents(const mixture *q, const double *square, double *term)
{
    const double half_dim = 0.5 * (double)q->centres->dim;
    double least = (double)INFINITY;
    for (size_t j = 0; j < q->n_padded; j++) {
        term[j] = square[j] * q->half_inverse[j] + half_dim * q->log_var[j];
        least = term[j] < least || isnan(term[j]) ? term[j] : least;
    }
    return least;
}

/* term[j] <- exp(least - term[j]) */
static void take_exponentials(size_t n_padded, double least, double *term)
{
    static const mad_kernel unit = {.kind = MAD_PAIR_GAUSS, .scale = 1.0};
    const mad_pair_code *codes[MAD_MAX_PAIR_CODES + 1];
    size_t n_codes = 0;
    for (mad_pair_codes(codes); codes[n_codes] != NULL; n_codes++) {
    }
    for (size_t j = 0; j < n_padded; j++) {
        term[j] -= least;
    }
    codes[n_codes - 1]->finish(&unit, n_padded, term);
}

static void take_inverses(const mixture *q)
{
    for (size_t j = 0; j < q->n_padded; j++) {
        q->half_inverse[j] = 0.5 * exp(-q->log_var[j]);
    }
}

/* ---- fit -------------------------------------------------------------------------------------- */

/* One more Gaussian of weight 1 at the rows' mean lets no row be without density; it takes part in
 * the fit only. */
typedef struct fit_job {
    const mixture *q;
    const mad_set *rows;
    double *square;         /* [n_rows][n_padded] to the centres */
    double *from_mean;      /* [n_rows] origin_share times the squared distance to the mean */
    double *origin_log_var; /* [1] */
    double *partial;        /* [n_chunks][n_padded + 1] of the gradient, the origin last */
} fit_job;

static mad_status measure_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    (void)ctx;
    const fit_job *job = arg;
    const size_t begin = mad_chunk_begin(i_chunk), dim = job->rows->dim;
    for (size_t i = begin; i < begin + mad_chunk_rows(job->rows->n_rows, i_chunk); i++) {
        squares_to(job->q, job->rows->x + i * dim, job->square + i * job->q->n_padded);
    }
    return MAD_OK;
}

/* d/d ln var_j of -ln q(x) = r_j (d/2 - s_j / (2 var_j)), r_j the share of centre j in q(x). */
static void add_row(const fit_job *job, size_t i, double *term, double *gradient)
{
    const mixture *q = job->q;
    const size_t n = q->centres->n_rows;
    const double half_dim = 0.5 * (double)q->centres->dim, *square = job->square + i * q->n_padded;
    const double origin = 0.5 * job->from_mean[i] * exp(-job->origin_log_var[0]);
    const double of_origin = origin + half_dim * job->origin_log_var[0] - log((double)n);
    const double least = fmin(exponents(q, square, term), of_origin);
    double sum = exp(least - of_origin);
    const double share_of_origin = sum;
    take_exponentials(q->n_padded, least, term);
    for (size_t j = 0; j < n; j++) {
        sum += term[j];
    }
    for (size_t j = 0; j < n; j++) {
        gradient[j] += term[j] / sum * (half_dim - square[j] * q->half_inverse[j]);
    }
    gradient[q->n_padded] += share_of_origin / sum * (half_dim - origin);
}

static mad_status derive_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const fit_job *job = arg;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t begin = mad_chunk_begin(i_chunk), n = job->q->n_padded;
    double *gradient = job->partial + i_chunk * (n + 1);
    double *term = mad_arena_take_raw(ctx->scratch, n, sizeof *term);
    if (term == NULL) {
        return mad_fail_memory(ctx, "densities of a mixture");
    }
    memset(gradient, 0, (n + 1) * sizeof *gradient);
    for (size_t i = begin; i < begin + mad_chunk_rows(job->rows->n_rows, i_chunk); i++) {
        add_row(job, i, term, gradient);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* Adam (Kingma & Ba 2015), a number at a time. */
typedef struct adam {
    double *first, *second;         /* [n] moments */
    double first_part, second_part; /* 1 - beta^step */
} adam;

static void move(const adam *a, size_t i, double gradient, double *x)
{
    a->first[i] = beta1 * a->first[i] + (1.0 - beta1) * gradient;
    a->second[i] = beta2 * a->second[i] + (1.0 - beta2) * gradient * gradient;
    *x -= learning_rate / a->first_part * a->first[i] /
          (sqrt(a->second[i]) / sqrt(a->second_part) + epsilon);
}

static void step(const fit_job *job, const adam *a)
{
    const mixture *q = job->q;
    const size_t n_chunks = mad_n_chunks(job->rows->n_rows), stride = q->n_padded + 1;
    const double all = (double)job->rows->n_rows * (double)job->rows->dim;
    for (size_t j = 0; j < stride; j++) {
        const int is_origin = j == q->n_padded;
        double sum = 0.0;
        if (j >= q->centres->n_rows && !is_origin) {
            continue;
        }
        for (size_t c = 0; c < n_chunks; c++) {
            sum += job->partial[c * stride + j];
        }
        double *x = is_origin ? job->origin_log_var : &q->log_var[j];
        move(a, j, sum / all, x);
        if (!is_origin) { /* a centre on a training row would become a spike */
            *x = *x < least_log_var ? least_log_var : *x > largest_log_var ? largest_log_var : *x;
        }
    }
}

/* ln((d_min^2 + 0.001) / d): the best width for the nearest row alone. */
static void start_widths(const fit_job *job)
{
    const mixture *q = job->q;
    for (size_t j = 0; j < q->n_padded; j++) {
        q->log_var[j] = (double)INFINITY; /* the smallest square so far */
    }
    for (size_t i = 0; i < job->rows->n_rows; i++) {
        for (size_t j = 0; j < q->centres->n_rows; j++) {
            q->log_var[j] = fmin(q->log_var[j], job->square[i * q->n_padded + j]);
        }
    }
    for (size_t j = 0; j < q->n_padded; j++) {
        q->log_var[j] = j < q->centres->n_rows
                            ? log((q->log_var[j] + nearest_slack) / (double)job->rows->dim)
                            : 0.0;
    }
    job->origin_log_var[0] = 0.0;
}

static mad_status measure_from_mean(mad_ctx *ctx, const fit_job *job)
{
    const size_t n = job->rows->n_rows, dim = job->rows->dim;
    double *mean = mad_arena_take(ctx->scratch, dim, sizeof *mean);
    if (mean == NULL) {
        return mad_fail_memory(ctx, "the fit of a mixture");
    }
    for (size_t i = 0; i < n * dim; i++) {
        mean[i % dim] += job->rows->x[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        job->from_mean[i] = origin_share * mad_distance_sq(dim, job->rows->x + i * dim, mean);
    }
    return MAD_OK;
}

/* Fit the widths of the mixture on `centres` to rows; it lies on ctx->scratch. */
static mad_status fit(mad_ctx *ctx, const mad_set *centres, const mad_set *rows, mixture *out)
{
    const size_t n_chunks = mad_n_chunks(rows->n_rows);
    const size_t n_padded = (centres->n_rows + TILE - 1) / TILE * TILE;
    mad_status st = MAD_OK;
    *out = (mixture){.centres = centres,
                     .n_padded = n_padded,
                     .log_var = mad_arena_take(ctx->scratch, n_padded, sizeof(double)),
                     .half_inverse = mad_arena_take(ctx->scratch, n_padded, sizeof(double))};
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    fit_job job = {.q = out, .rows = rows};
    adam a = {0};
    double power1 = 1.0, power2 = 1.0;
    job.square = rows->n_rows <= SIZE_MAX / sizeof(double) / n_padded
                     ? mad_arena_take_raw(ctx->scratch, rows->n_rows * n_padded, sizeof(double))
                     : NULL;
    job.from_mean = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof(double));
    job.partial = mad_arena_take_raw(ctx->scratch, n_chunks * (n_padded + 1), sizeof(double));
    job.origin_log_var = mad_arena_take(ctx->scratch, 1, sizeof(double));
    a.first = mad_arena_take(ctx->scratch, n_padded + 1, sizeof(double));
    a.second = mad_arena_take(ctx->scratch, n_padded + 1, sizeof(double));
    if (out->log_var == NULL || out->half_inverse == NULL || job.square == NULL ||
        job.from_mean == NULL || job.partial == NULL || job.origin_log_var == NULL ||
        a.first == NULL || a.second == NULL) {
        st = mad_fail_memory(ctx, "the fit of a mixture");
        goto out;
    }
    MAD_TRY(measure_from_mean(ctx, &job));
    MAD_TRY(mad_par_for(ctx, n_chunks, measure_chunk, &job));
    start_widths(&job);
    take_inverses(out);
    for (size_t i = 0; i < N_STEPS; i++) {
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(mad_par_for(ctx, n_chunks, derive_chunk, &job));
        power1 *= beta1;
        power2 *= beta2;
        a.first_part = 1.0 - power1;
        a.second_part = 1.0 - power2;
        step(&job, &a);
        take_inverses(out);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- likelihood ------------------------------------------------------------------------------- */

typedef struct likelihood_job {
    const mixture *q;
    const mad_set *rows;
    double *value; /* [n_rows] -ln q(x) / d */
} likelihood_job;

static mad_status likelihood_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const likelihood_job *job = arg;
    const mixture *q = job->q;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t begin = mad_chunk_begin(i_chunk), dim = job->rows->dim;
    const double pi = 3.14159265358979323846;
    double *square = mad_arena_take_raw(ctx->scratch, q->n_padded, sizeof *square);
    double *term = mad_arena_take_raw(ctx->scratch, q->n_padded, sizeof *term);
    if (square == NULL || term == NULL) {
        return mad_fail_memory(ctx, "densities of a mixture");
    }
    for (size_t i = begin; i < begin + mad_chunk_rows(job->rows->n_rows, i_chunk); i++) {
        squares_to(q, job->rows->x + i * dim, square);
        const double least = exponents(q, square, term);
        take_exponentials(q->n_padded, least, term);
        const double mean = mad_sum(q->n_padded, term) / (double)q->centres->n_rows;
        job->value[i] = (least - log(mean)) / (double)dim + 0.5 * log(2.0 * pi);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* Mean of -ln q / d over rows. */
static mad_status surprise(mad_ctx *ctx, const mixture *q, const mad_set *rows, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    likelihood_job job = {q, rows, mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof(double))};
    if (job.value == NULL) {
        st = mad_fail_memory(ctx, "densities of a mixture");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, mad_n_chunks(rows->n_rows), likelihood_chunk, &job));
    *out = mad_mean(rows->n_rows, job.value);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- the measure ------------------------------------------------------------------------------ */

/* Mean and sd (ddof = 1) of a column. 0 when it has no variance. */
static int describe_column(const mad_set *set, size_t j, double *mean, double *sd)
{
    const double n = (double)set->n_rows, first = set->x[j];
    double sum = 0.0, largest = 0.0, squares = 0.0;
    for (size_t i = 0; i < set->n_rows; i++) {
        const double shift = set->x[i * set->dim + j] - first;
        sum += shift / n;
        largest = fmax(largest, fabs(shift));
    }
    *mean = first + sum;
    for (size_t i = 0; i < set->n_rows && largest > 0.0; i++) {
        const double part = (set->x[i * set->dim + j] - *mean) / largest;
        squares += part * part;
    }
    *sd = largest * sqrt(squares / (n - 1.0));
    return *sd > 0.0;
}

/* to[k] <- from[k] with columns scaled as the first of them wants; 0 when it has a flat one. */
static mad_status scale_columns(mad_ctx *ctx, size_t n, const mad_set *const from[], mad_set to[],
                                int *has_variance)
{
    const size_t dim = from[0]->dim;
    mad_status st = MAD_OK;
    *has_variance = 1;
    for (size_t k = 0; k < n; k++) {
        MAD_TRY(mad_set_take(ctx, ctx->scratch, from[k]->n_rows, dim, 0, &to[k]));
    }
    for (size_t j = 0; j < dim && *has_variance; j++) {
        double mean = 0.0, sd = 0.0;
        *has_variance = describe_column(from[0], j, &mean, &sd);
        for (size_t k = 0; k < n && *has_variance; k++) {
            for (size_t i = 0; i < from[k]->n_rows; i++) {
                to[k].x[i * dim + j] = (from[k]->x[i * dim + j] - mean) / sd;
            }
        }
    }
out:
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    enum { TEST, FAKE, TRAIN, N_SIDES };
    const mad_set *const given[] = {[TEST] = in->real, [FAKE] = in->fake, [TRAIN] = in->train};
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t most = mad_get_size(in->values, "fld_rows"), n_train = in->train->n_rows;
    mad_set side[N_SIDES];
    mixture model, baseline;
    double of_test = 0.0, of_train = 0.0, of_baseline = 0.0;
    int has_variance = 0;
    mad_status st = MAD_OK;
    values[FLD] = values[FLD_GAP] = (double)NAN;
    if (n_train < 2 || n_train > most || in->real->n_rows > most || in->fake->n_rows > most) {
        goto out;
    }
    MAD_TRY(scale_columns(ctx, N_SIDES, given, side, &has_variance));
    if (!has_variance) {
        goto out;
    }
    const mad_set first = mad_set_rows(&side[TRAIN], 0, n_train / 2);
    const mad_set second = mad_set_rows(&side[TRAIN], n_train / 2, n_train - n_train / 2);
    MAD_TRY(fit(ctx, &side[FAKE], &side[TRAIN], &model));
    MAD_TRY(fit(ctx, &first, &second, &baseline));
    MAD_TRY(surprise(ctx, &model, &side[TEST], &of_test));
    MAD_TRY(surprise(ctx, &model, &side[TRAIN], &of_train));
    MAD_TRY(surprise(ctx, &baseline, &side[TEST], &of_baseline));
    values[FLD] = isfinite(of_test) ? 100.0 * (of_test - of_baseline) : (double)NAN;
    values[FLD_GAP] = isfinite(of_test) ? 100.0 * (of_train - of_test) : (double)NAN;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_fld = {
    .name = "fld",
    .doc = "likelihood of held-out rows near the model's rows, and its gap to training rows",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_TRAIN | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .eval = eval,
};
