/* loops/correct/statistics.c: rows are mapped until their mean and covariance lie between their own
 * and those of real data.
 *
 * n rows of mean m and covariance C, real rows of mean m* and covariance C* (generation 1's):
 *   m' = (m + gamma m*) / (1 + gamma),   C' = (C + gamma C*) / (1 + gamma),
 *   x <- m' + e + T (x - m),   T the symmetric map with T C T = C' + E (optimal transport).
 * A map keeps only 1 / (1 + gamma) of the error that the rows' own moments have as those of a sample.
 * e and E put the rest back, so that n corrected rows scatter as n rows drawn from the corrected law:
 * e is the error of the mean, and C' + E the covariance, of k rows from N(0, C'), where
 *   1/k = (1 - (1 + gamma)^-2) / n.
 * The loop's mean error then follows q -> q / (1 + gamma) with the innovation as without correction.
 * Where C has no spread there stays none. */
#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/iface/setting.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

static const mad_param params[] = {
    {.name = "gamma",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .doc = "strength: the corrected law has mean (mu + gamma mu*) / (1 + gamma), and so its "
            "covariance"},
    {.name = NULL},
};

static const mad_report reports[] = {
    {"moved", "data units", "root mean square distance that rows were moved"},
    {"mean_shift", "data units", "distance that the mean of the rows was moved"},
    {0},
};

typedef struct map {
    size_t dim;
    double *mean, *real_mean; /* [dim] m, m* */
    double *cov, *real_cov;   /* [dim][dim] C, C* */
    double *to_mean, *to_cov; /* of the corrected rows */
    double *t;                /* [dim][dim] T */
    double *work[2];          /* [dim][dim] */
} map;

static mad_status take_map(mad_ctx *ctx, size_t dim, map *m)
{
    double **const square[] = {&m->cov, &m->real_cov, &m->to_cov, &m->t, &m->work[0], &m->work[1]};
    double **const line[] = {&m->mean, &m->real_mean, &m->to_mean};
    m->dim = dim;
    for (size_t i = 0; i < sizeof square / sizeof *square; i++) {
        *square[i] = mad_arena_take(ctx->scratch, dim * dim, sizeof **square[i]);
        if (*square[i] == NULL) {
            return mad_fail_memory(ctx, "the moments of a correction");
        }
    }
    for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
        *line[i] = mad_arena_take(ctx->scratch, dim, sizeof **line[i]);
        if (*line[i] == NULL) {
            return mad_fail_memory(ctx, "the moments of a correction");
        }
    }
    return MAD_OK;
}

/* Bartlett: A A^T is the scatter of a sample with `dof` degrees of freedom from N(0, I). */
static void draw_scatter_root(mad_rng *rng, size_t dim, double dof, double *a)
{
    mad_rng_normals(rng, dim * dim, a);
    for (size_t i = 0; i < dim; i++) {
        const double left = dof - (double)i, p = fmax(mad_rng_uniform(rng), 0x1p-53);
        a[i * dim + i] = left > 0.0 ? sqrt(mad_chi_square_quantile(left, p)) : 0.0;
        for (size_t j = i + 1; j < dim; j++) {
            a[i * dim + j] = 0.0;
        }
    }
}

/* to_mean += e, to_cov += E */
static mad_status put_error_back(mad_ctx *ctx, double n_rows, double gamma, mad_rng *rng, map *m)
{
    const size_t dim = m->dim;
    const double k = n_rows / (1.0 - 1.0 / ((1.0 + gamma) * (1.0 + gamma)));
    const double dof = fmax(k - 1.0, 1.0);
    double *const lower = m->work[0], *const root = m->t;
    mad_status st = MAD_OK;
    MAD_TRY(mad_cholesky_semi(ctx, dim, m->to_cov, lower));
    double *const normal = m->work[1];
    mad_rng_normals(rng, dim, normal);
    for (size_t i = 0; i < dim; i++) {
        for (size_t j = 0; j <= i; j++) {
            m->to_mean[i] += lower[i * dim + j] * normal[j] / sqrt(k);
        }
    }
    draw_scatter_root(rng, dim, dof, normal);
    mad_gemm(dim, dim, dim, 1.0, lower, normal, 0.0, root);
    mad_gemm_nt(dim, dim, dim, 1.0 / dof, root, root, 0.0, m->to_cov);
out:
    return st;
}

/* T = C^-1/2 (C^1/2 to_cov C^1/2)^1/2 C^-1/2 */
static mad_status solve_map(mad_ctx *ctx, map *m)
{
    const size_t dim = m->dim;
    double *const half = m->work[0], *const product = m->work[1], *const middle = m->t;
    mad_status st = MAD_OK;
    MAD_TRY(mad_sym_power(ctx, dim, m->cov, 0.5, half));
    mad_gemm(dim, dim, dim, 1.0, half, m->to_cov, 0.0, product);
    mad_gemm(dim, dim, dim, 1.0, product, half, 0.0, middle);
    MAD_TRY(mad_sym_power(ctx, dim, middle, 0.5, middle));
    MAD_TRY(mad_sym_power(ctx, dim, m->cov, -0.5, half));
    mad_gemm(dim, dim, dim, 1.0, half, middle, 0.0, product);
    mad_gemm(dim, dim, dim, 1.0, product, half, 0.0, m->t);
out:
    return st;
}

static mad_status moments_of(mad_ctx *ctx, const mad_set *rows, double *mean, double *cov)
{
    return mad_mean_cov(ctx, rows->n_rows, rows->dim, rows->x, NULL, rows->n_rows > 1, mean, cov);
}

/* Whole chunks are multiplied: the bits of a row do not hang on the rows behind it. Sum of squared
 * moves in *moved. */
static mad_status move_rows(mad_ctx *ctx, const map *m, mad_set *rows, double *moved)
{
    const size_t dim = m->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *from = mad_arena_take(ctx->scratch, MAD_CHUNK * dim, sizeof *from);
    double *to = mad_arena_take(ctx->scratch, MAD_CHUNK * dim, sizeof *to);
    if (from == NULL || to == NULL) {
        return mad_fail_memory(ctx, "corrected rows");
    }
    *moved = 0.0;
    for (size_t c = 0; c < mad_n_chunks(rows->n_rows); c++) {
        const size_t n = mad_chunk_rows(rows->n_rows, c) * dim;
        double *x = rows->x + mad_chunk_begin(c) * dim;
        for (size_t i = 0; i < n; i++) {
            from[i] = x[i] - m->mean[i % dim];
        }
        mad_gemm(MAD_CHUNK, dim, dim, 1.0, from, m->t, 0.0, to);
        for (size_t i = 0; i < n; i++) {
            const double y = m->to_mean[i % dim] + to[i];
            *moved += (y - x[i]) * (y - x[i]);
            x[i] = y;
        }
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status correct(mad_ctx *ctx, const mad_correct_in *in, double gamma, mad_set *rows,
                          double *report)
{
    const size_t dim = rows->dim;
    const double share = gamma / (1.0 + gamma);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_rng rng = mad_rng_open(in->key, 0);
    double shift = 0.0, moved;
    map m = {0};
    mad_status st = MAD_OK;
    MAD_TRY(take_map(ctx, dim, &m));
    MAD_TRY(moments_of(ctx, rows, m.mean, m.cov));
    MAD_TRY(moments_of(ctx, in->real, m.real_mean, m.real_cov));
    for (size_t i = 0; i < dim; i++) {
        m.to_mean[i] = m.mean[i] + share * (m.real_mean[i] - m.mean[i]);
    }
    for (size_t i = 0; i < dim * dim; i++) {
        m.to_cov[i] = m.cov[i] + share * (m.real_cov[i] - m.cov[i]);
    }
    MAD_TRY(put_error_back(ctx, (double)rows->n_rows, gamma, &rng, &m));
    MAD_TRY(solve_map(ctx, &m));
    MAD_TRY(move_rows(ctx, &m, rows, &moved));
    for (size_t i = 0; i < dim; i++) {
        shift += (m.to_mean[i] - m.mean[i]) * (m.to_mean[i] - m.mean[i]);
    }
    report[0] = sqrt(moved / (double)rows->n_rows);
    report[1] = sqrt(shift);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status apply(mad_ctx *ctx, const mad_correct_in *in, mad_set *rows, double *report)
{
    const mad_setting *s = in->setting;
    const double gamma = mad_get_at(s->correct_values, "gamma", in->generation, s->n_generations);
    if (gamma > 0.0) {
        return correct(ctx, in, gamma, rows, report);
    }
    report[0] = report[1] = 0.0; /* the identity, bit for bit */
    return MAD_OK;
}

const mad_correct_type mad_correct_statistics = {
    .name = "statistics",
    .doc = "rows are mapped to a mean and covariance between their own and those of real rows",
    .ref = "Gillman et al. 2024, arXiv:2402.07087, the Gaussian example",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .reports = reports,
    .apply = apply,
};
