/* analysis/metrics/vendi.c: Vendi scores of the model's rows with the cosine and Gaussian kernels. */
#include "analysis/metrics/vendi.h"

#include <math.h>
#include <string.h>

#include "analysis/metrics/bandwidth.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/num/linalg.h"

enum { N_ORDERS = 4 };
static const double orders[N_ORDERS] = {0.5, 1.0, 2.0, (double)INFINITY};

#define VENDI_ROWS_PARAM                                                                           \
    {                                                                                              \
        .name = "vendi_rows", .kind = MAD_PARAM_INT, .fallback = "2000", .min = 1, .max = 20000,   \
        .unit = "rows",                                                                            \
        .doc = "largest eigenvalue problem of a Vendi score: of more model rows (cosine: and "     \
               "more coordinates) so many are taken at random"                                     \
    }

static const mad_param cosine_params[] = {VENDI_ROWS_PARAM, {.name = NULL}};
static const mad_param rbf_params[] = {MAD_KERNEL_SIGMA_PARAM, VENDI_ROWS_PARAM, {.name = NULL}};

#define OUTPUT(kernel, suffix, order_text, kernel_text, why)                                       \
    {                                                                                              \
        .name = "vendi_" kernel "_" suffix, .long_name = "Vendi score, " kernel ", " order_text,   \
        .units = "1", .direction = "target",                                                       \
        .definition =                                                                              \
            "exp of the Renyi entropy of " order_text " of the eigenvalues of K/n of the "         \
            "model rows, " kernel_text "; eigenvalues <= 1e-12 do not count; of more than "        \
            "vendi_rows rows that many, taken at random",                                          \
        .reference = "Friedman & Dieng 2023, arXiv:2210.02410; Pasarkar & Dieng 2023, "            \
                     "arXiv:2310.12952",                                                           \
        .undefined = (why)                                                                         \
    }
#define OUTPUTS(kernel, kernel_text, why)                                                          \
    {                                                                                              \
        OUTPUT(kernel, "q05", "order 1/2", kernel_text, why),                                      \
            OUTPUT(kernel, "q1", "order 1", kernel_text, why),                                     \
            OUTPUT(kernel, "q2", "order 2", kernel_text, why),                                     \
            OUTPUT(kernel, "qinf", "order infinity", kernel_text, why),                            \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }

static const mad_metric_output cosine_outputs[] =
    OUTPUTS("cosine", "K = cosine of the angle between rows, rows of zeros left out",
            "where all model rows are zero");
static const mad_metric_output rbf_outputs[] =
    OUTPUTS("rbf", "K = exp(-|x - y|^2/(2 s^2)), s as for mmd2_rbf_unbiased", MAD_NO_KERNEL);

double mad_vendi_score(size_t n, const double *p, double q)
{
    const double least = 1e-12;
    double sum = 0.0, largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!(p[i] <= least)) { /* NaN stays */
            sum += q == 1.0 ? -p[i] * log(p[i]) : q < (double)INFINITY ? pow(p[i], q) : p[i];
            largest = fmax(largest, p[i]);
        }
    }
    if (!(largest > 0.0) || isnan(sum)) {
        return (double)NAN;
    }
    return q == 1.0 ? exp(sum) : q < (double)INFINITY ? pow(sum, 1.0 / (1.0 - q)) : 1.0 / largest;
}

/* K/n has trace 1, and so have its eigenvalues once their rounding is divided out. */
static mad_status scores(mad_ctx *ctx, size_t n, const double *k, double *values)
{
    mad_status st = MAD_OK;
    double trace = 0.0;
    double *p = mad_arena_take_raw(ctx->scratch, n, sizeof *p);
    if (p == NULL) {
        return mad_fail_memory(ctx, "the spectrum of a kernel");
    }
    MAD_TRY(mad_eigen_sym(ctx, n, k, p, NULL));
    for (size_t i = 0; i < n; i++) {
        trace += p[i];
    }
    for (size_t i = 0; i < n; i++) {
        p[i] /= trace;
    }
    for (size_t i = 0; i < N_ORDERS; i++) {
        values[i] = mad_vendi_score(n, p, orders[i]);
    }
out:
    return st;
}

static void undefined(double *values)
{
    for (size_t i = 0; i < N_ORDERS; i++) {
        values[i] = (double)NAN;
    }
}

/* n of the model's rows, whatever order they came in, in scratch memory. */
static mad_status take_rows(mad_ctx *ctx, const mad_metric_in *in, size_t n, mad_set *out)
{
    const mad_set *set = in->fake;
    mad_status st = MAD_OK;
    mad_key key = in->key;
    if (n == set->n_rows) {
        *out = *set;
        return MAD_OK;
    }
    size_t *pick = mad_arena_take_raw(ctx->scratch, n, sizeof *pick);
    size_t *work = mad_arena_take_raw(ctx->scratch, set->n_rows, sizeof *work);
    if (pick == NULL || work == NULL) {
        return mad_fail_memory(ctx, "a choice of rows");
    }
    key.purpose = MAD_RNG_SUBSET;
    mad_rng rng = mad_rng_open(key, 0);
    mad_rng_choose(&rng, set->n_rows, n, pick, work);
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n, set->dim, 0, out));
    for (size_t i = 0; i < n; i++) {
        memcpy(out->x + i * set->dim, set->x + pick[i] * set->dim, set->dim * sizeof *out->x);
    }
out:
    return st;
}

/* ---- cosine: the spectrum of Z Z^T / n is that of Z^T Z / n, Z the rows at length 1 ----------- */

/* out: x / |x|; 0 when x is zero. By its largest coordinate first, whose square may overflow. */
static int unit_row(size_t dim, const double *x, double *out)
{
    double largest = 0.0, square = 0.0;
    for (size_t k = 0; k < dim; k++) {
        largest = fmax(largest, fabs(x[k]));
    }
    if (largest == 0.0) {
        return 0;
    }
    for (size_t k = 0; k < dim; k++) {
        out[k] = x[k] / largest;
        square += out[k] * out[k];
    }
    for (size_t k = 0; k < dim; k++) {
        out[k] /= sqrt(square);
    }
    return 1;
}

static mad_status eval_cosine(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    const mad_set *set = in->fake;
    const size_t most = mad_get_size(in->values, "vendi_rows"), dim = set->dim;
    const size_t n_taken = set->n_rows > most && dim > most ? most : set->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    size_t n = 0;
    mad_set taken;
    undefined(values);
    MAD_TRY(take_rows(ctx, in, n_taken, &taken));
    double *z = mad_arena_take_raw(ctx->scratch, n_taken * dim, sizeof *z), *k = NULL;
    if (z == NULL) {
        st = mad_fail_memory(ctx, "rows of length 1");
        goto out;
    }
    for (size_t i = 0; i < n_taken; i++) {
        n += (size_t)unit_row(dim, taken.x + i * dim, z + n * dim);
    }
    if (n == 0) {
        goto out;
    }
    const size_t n_values = n < dim ? n : dim;
    k = mad_arena_take_raw(ctx->scratch, n_values * n_values, sizeof *k);
    if (k == NULL) {
        st = mad_fail_memory(ctx, "a kernel matrix");
        goto out;
    }
    if (dim <= n) {
        mad_gram(n, dim, z, k);
    } else {
        mad_gemm_nt(n, n, dim, 1.0, z, z, 0.0, k);
    }
    for (size_t i = 0; i < n_values * n_values; i++) {
        k[i] /= (double)n;
    }
    MAD_TRY(scores(ctx, n_values, k, values));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- Gauss ------------------------------------------------------------------------------------ */

typedef struct kernel_job {
    const mad_kernel *kernel;
    const mad_pack *rows;
    double *k; /* [n][n] K/n */
} kernel_job;

static void store_run(void *arg, size_t i, size_t j, size_t n_run, const double *value)
{
    const kernel_job *job = arg;
    const size_t n = job->rows->n_rows;
    for (size_t c = 0; c < n_run; c++) {
        job->k[i * n + j + c] = job->k[(j + c) * n + i] = value[c] / (double)n;
    }
}

static mad_status kernel_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    const kernel_job *job = arg;
    const mad_status st = mad_ctx_poll(ctx);
    if (st == MAD_OK) {
        mad_pair_scan(job->kernel, job->rows, job->rows, i_block, store_run, arg);
    }
    return st;
}

static mad_status prepare_rbf(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem,
                              const void **out)
{
    mad_rbf *rbf = mad_arena_take(mem, 1, sizeof *rbf);
    *out = rbf;
    return rbf != NULL ? mad_rbf_take(ctx, in, rbf) : mad_fail_memory(ctx, "a kernel");
}

static mad_status eval_rbf(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    const mad_rbf *rbf = in->prepared;
    const size_t most = mad_get_size(in->values, "vendi_rows");
    const size_t n = in->fake->n_rows < most ? in->fake->n_rows : most;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_set taken;
    mad_pack rows;
    undefined(values);
    if (!rbf->is_defined) {
        goto out;
    }
    MAD_TRY(take_rows(ctx, in, n, &taken));
    MAD_TRY(mad_pack_take(ctx, ctx->scratch, &taken, &rows));
    kernel_job job = {.kernel = &rbf->kernel, .rows = &rows};
    job.k = mad_arena_take_raw(ctx->scratch, n * n, sizeof *job.k);
    if (job.k == NULL) {
        st = mad_fail_memory(ctx, "a kernel matrix");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        job.k[i * n + i] = 1.0 / (double)n;
    }
    MAD_TRY(mad_par_for(ctx, mad_pair_blocks(n), kernel_block, &job));
    MAD_TRY(scores(ctx, n, job.k, values));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_vendi_cosine = {
    .name = "vendi_cosine",
    .doc = "effective number of distinct model rows by the cosine kernel",
    .params = cosine_params,
    .needs = MAD_ANY_SCALE | MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = cosine_outputs,
    .min_rows = mad_rows_one,
    .eval = eval_cosine,
};

const mad_metric_type mad_metric_vendi_rbf = {
    .name = "vendi_rbf",
    .doc = "effective number of distinct model rows by the Gaussian kernel",
    .params = rbf_params,
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = rbf_outputs,
    .beside = MAD_KERNEL_WIDTH,
    .min_rows = mad_rows_one,
    .prepare = prepare_rbf,
    .eval = eval_rbf,
};
