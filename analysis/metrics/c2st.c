/* analysis/metrics/c2st.c: how well a logistic classifier tells held-out real rows from the
 * model's. */
#include "analysis/metrics/logistic.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"

#include <math.h>
#include <string.h>

enum { N_FOLDS = 5 };

static const mad_param params[] = {
    {.name = "c2st_columns",
     .kind = MAD_PARAM_INT,
     .fallback = "2200",
     .min = 1,
     .max = 20000,
     .doc = "most columns of a classifier, whose cost grows with their square (c2st_*_auc)"},
    {.name = NULL},
};

/* The one output of a classifier. */
#define AREA(kind, note, columns)                                                                  \
    {                                                                                              \
        {.name = "c2st_" kind "_auc",                                                              \
         .long_name = "area under the ROC curve of a " kind " classifier of real and model rows",  \
         .units = "1",                                                                             \
         .direction = "target",                                                                    \
         .estimator = "5-fold cross-validation",                                                   \
         .definition =                                                                             \
             "area under the ROC curve of held-out rows, pooled over 5 folds (row index mod 5 on " \
             "either side), ties 1/2; logistic regression on columns standardised on the "         \
             "training "                                                                           \
             "rows, mean log-loss + 0.0005 |w|^2, free intercept; " note,                          \
         .reference = "Lopez-Paz & Oquab 2017, arXiv:1610.06545",                                  \
         .undefined = "with more " columns " than c2st_columns"},                                  \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }

static const mad_metric_output linear_outputs[] =
    AREA("linear", "1/2 for equal means, whatever the variances", "columns");

static const mad_metric_output quadratic_outputs[] =
    AREA("quadratic", "with all products z_i z_j, i <= j, of standardised columns",
         "columns and products");

typedef struct fold_job {
    const mad_set *side[2]; /* real, model */
    int has_products;
    double *score[2]; /* [n_rows] of every held-out row */
} fold_job;

/* Training rows of a fold, real ones first; *n_real of them. */
static size_t list_rows(const fold_job *job, size_t fold, const double **row, size_t *n_real)
{
    size_t n = 0;
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < job->side[s]->n_rows; i++) {
            if (i % N_FOLDS != fold) {
                row[n++] = job->side[s]->x + i * job->side[s]->dim;
            }
        }
        *n_real = s == 0 ? n : *n_real;
    }
    return n;
}

static mad_status run_fold(mad_ctx *ctx, void *arg, size_t fold)
{
    const fold_job *job = arg;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = job->side[0]->n_rows + job->side[1]->n_rows;
    mad_status st = MAD_OK;
    mad_logistic fit;
    const double **row = mad_arena_take_raw(ctx->scratch, n, sizeof *row);
    if (row == NULL) {
        st = mad_fail_memory(ctx, "a classifier");
        goto out;
    }
    mad_examples examples = {.dim = job->side[0]->dim, .row = row};
    examples.n_rows = list_rows(job, fold, row, &examples.n_zeros);
    MAD_TRY(mad_logistic_fit(ctx, ctx->scratch, &examples, job->has_products, &fit));
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = fold; i < job->side[s]->n_rows; i += N_FOLDS) {
            job->score[s][i] = mad_logistic_score(&fit, job->side[s]->x + i * examples.dim);
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status area(mad_ctx *ctx, const mad_metric_in *in, int has_products, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = in->real->n_rows, m = in->fake->n_rows;
    fold_job job = {.side = {in->real, in->fake}, .has_products = has_products};
    mad_status st = MAD_OK;
    *out = (double)NAN;
    if (mad_logistic_columns(in->real->dim, has_products) >
        mad_get_size(in->values, "c2st_columns")) {
        goto out;
    }
    job.score[0] = mad_arena_take_raw(ctx->scratch, n, sizeof(double));
    job.score[1] = mad_arena_take_raw(ctx->scratch, m, sizeof(double));
    if (job.score[0] == NULL || job.score[1] == NULL) {
        st = mad_fail_memory(ctx, "scores of a classifier");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, N_FOLDS, run_fold, &job));
    *out = mad_rank_u(n, job.score[0], m, job.score[1]) / ((double)n * (double)m);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status eval_linear(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    return area(ctx, in, 0, values);
}

static mad_status eval_quadratic(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    return area(ctx, in, 1, values);
}

/* A row of either side in every fold. */
static size_t min_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)values;
    (void)dim;
    (void)i_output;
    (void)side;
    return N_FOLDS;
}

const mad_metric_type mad_metric_c2st_linear = {
    .name = "c2st_linear",
    .doc = "how well a linear classifier tells real rows from the model's",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = linear_outputs,
    .min_rows = min_rows,
    .eval = eval_linear,
};

const mad_metric_type mad_metric_c2st_quadratic = {
    .name = "c2st_quadratic",
    .doc = "how well a quadratic classifier tells real rows from the model's",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = quadratic_outputs,
    .min_rows = min_rows,
    .eval = eval_quadratic,
};
