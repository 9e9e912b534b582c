/* analysis/metrics/logistic.c: see the header. */
#include "analysis/metrics/logistic.h"

#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/linalg.h"

enum { MAX_STEPS = 200, MAX_HALVINGS = 60 };

static const double ridge = 5e-4;

size_t mad_logistic_columns(size_t dim, int has_products)
{
    return has_products ? dim + dim * (dim + 1) / 2 : dim;
}

/* ---- columns ---------------------------------------------------------------------------------- */

/* Mean and 1 / sd of a column; squares of numbers scaled to at most 1 do not overflow. */
static void describe_column(const mad_examples *e, size_t j, double *mean, double *scale)
{
    const double n = (double)e->n_rows, first = e->row[0][j];
    double sum = 0.0, largest = 0.0, squares = 0.0;
    for (size_t i = 0; i < e->n_rows; i++) {
        sum += (e->row[i][j] - first) / n;
    }
    *mean = first + sum;
    for (size_t i = 0; i < e->n_rows; i++) {
        largest = fmax(largest, fabs(e->row[i][j] - first));
    }
    for (size_t i = 0; i < e->n_rows && largest > 0.0; i++) {
        const double part = (e->row[i][j] - *mean) / largest;
        squares += part * part;
    }
    *scale = largest > 0.0 ? 1.0 / (largest * sqrt(squares / n)) : 0.0;
}

/* Columns of a row, with products in the order (0,0), (0,1), ..., (1,1), ..., and 1 at last. */
static void fill_columns(const mad_logistic *fit, const double *row, double *column)
{
    const size_t dim = fit->dim;
    size_t at = dim;
    for (size_t j = 0; j < dim; j++) {
        column[j] = (row[j] - fit->mean[j]) * fit->scale[j];
    }
    for (size_t i = 0; i < dim && fit->n_columns > dim; i++) {
        for (size_t j = i; j < dim; j++) {
            column[at++] = column[i] * column[j];
        }
    }
    column[at] = 1.0;
}

static double dot(size_t n, const double *x, const double *y)
{
    double lane[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (size_t l = 0; l < 4; l++) {
            lane[l] += x[i + l] * y[i + l];
        }
    }
    for (size_t l = 0; i < n; i++, l++) {
        lane[l] += x[i] * y[i];
    }
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

double mad_logistic_score(const mad_logistic *fit, const double *row)
{
    fill_columns(fit, row, fit->column);
    return dot(fit->n_columns + 1, fit->weight, fit->column);
}

/* ---- loss ------------------------------------------------------------------------------------- */

typedef struct newton {
    const mad_examples *examples;
    mad_logistic *fit;
    size_t n;         /* columns and the intercept */
    double *gradient; /* [n] */
    double *hessian;  /* [n][n], then its factor */
    double *step;     /* [n] */
    double *start;    /* [n] weights before a step */
    double *rows;     /* [MAD_CHUNK][n] */
} newton;

static double penalty(const newton *w)
{
    return ridge * dot(w->n - 1, w->fit->weight, w->fit->weight);
}

static double sign_of(const mad_examples *e, size_t i)
{
    return i < e->n_zeros ? -1.0 : 1.0;
}

static double loss(const newton *w)
{
    const mad_examples *e = w->examples;
    double sum = 0.0;
    for (size_t c = 0; c < mad_n_chunks(e->n_rows); c++) {
        double part = 0.0;
        for (size_t i = mad_chunk_begin(c); i < mad_chunk_begin(c) + mad_chunk_rows(e->n_rows, c);
             i++) {
            const double margin = sign_of(e, i) * mad_logistic_score(w->fit, e->row[i]);
            part += fmax(-margin, 0.0) + log1p(exp(-fabs(margin)));
        }
        sum += part;
    }
    return sum / (double)e->n_rows + penalty(w);
}

/* With p the probability of a row's own class: gradient of -t (1 - p) z, Hessian p (1 - p) z z^T. */
static void add_chunk(const newton *w, size_t c)
{
    const mad_examples *e = w->examples;
    const size_t begin = mad_chunk_begin(c), n_rows = mad_chunk_rows(e->n_rows, c), n = w->n;
    for (size_t r = 0; r < n_rows; r++) {
        double *z = w->rows + r * n;
        fill_columns(w->fit, e->row[begin + r], z);
        const double sign = sign_of(e, begin + r), margin = sign * dot(n, w->fit->weight, z);
        const double tail = exp(-fabs(margin));
        const double wrong = (margin > 0.0 ? tail : 1.0) / (1.0 + tail);
        const double pull = -sign * wrong / (double)e->n_rows;
        const double spread = sqrt(tail / (double)e->n_rows) / (1.0 + tail);
        for (size_t j = 0; j < n; j++) {
            w->gradient[j] += pull * z[j];
            z[j] *= spread;
        }
    }
    mad_gram_add(n_rows, n, w->rows, w->hessian);
}

static void take_derivatives(const newton *w)
{
    const size_t n = w->n;
    memset(w->gradient, 0, n * sizeof *w->gradient);
    memset(w->hessian, 0, n * n * sizeof *w->hessian);
    for (size_t c = 0; c < mad_n_chunks(w->examples->n_rows); c++) {
        add_chunk(w, c);
    }
    for (size_t j = 0; j + 1 < n; j++) {
        w->gradient[j] += 2.0 * ridge * w->fit->weight[j];
        w->hessian[j * n + j] += 2.0 * ridge;
    }
}

/* step = H^-1 gradient; *decrement = gradient.step. */
static mad_status solve(mad_ctx *ctx, const newton *w, double *decrement)
{
    const size_t n = w->n;
    mad_status st = MAD_OK;
    double *l = w->hessian, *x = w->step;
    MAD_TRY(mad_cholesky_semi(ctx, n, w->hessian, l));
    for (size_t i = 0; i < n; i++) {
        const double pivot = l[i * n + i];
        x[i] = pivot > 0.0 ? (w->gradient[i] - dot(i, l + i * n, x)) / pivot : 0.0;
    }
    for (size_t i = n; i-- > 0;) {
        const double pivot = l[i * n + i];
        x[i] = pivot > 0.0 ? x[i] / pivot : 0.0;
        for (size_t j = 0; j < i; j++) {
            x[j] -= l[i * n + j] * x[i];
        }
    }
    *decrement = dot(n, w->gradient, x);
out:
    return st;
}

/* Along -step, at most its length; `slack` is what rounding of the loss may hide. */
static void descend(const newton *w, double decrement)
{
    const double before = loss(w), slack = 1e-14 * (1.0 + before);
    memcpy(w->start, w->fit->weight, w->n * sizeof *w->start);
    for (int k = 0; k < MAX_HALVINGS; k++) {
        const double length = ldexp(1.0, -k);
        for (size_t j = 0; j < w->n; j++) {
            w->fit->weight[j] = w->start[j] - length * w->step[j];
        }
        if (loss(w) <= before - 1e-4 * length * decrement + slack) {
            return;
        }
    }
}

static mad_status minimise(mad_ctx *ctx, newton *w)
{
    const double negligible = 1e-20; /* of the loss; the last step squares it */
    const size_t n = w->n;
    mad_status st = MAD_OK;
    double decrement = 1.0;
    w->gradient = mad_arena_take_raw(ctx->scratch, n, sizeof *w->gradient);
    w->step = mad_arena_take_raw(ctx->scratch, n, sizeof *w->step);
    w->start = mad_arena_take_raw(ctx->scratch, n, sizeof *w->start);
    w->hessian = mad_arena_take_raw(ctx->scratch, n * n, sizeof *w->hessian);
    w->rows = mad_arena_take_raw(ctx->scratch, MAD_CHUNK * n, sizeof *w->rows);
    if (w->gradient == NULL || w->step == NULL || w->start == NULL || w->hessian == NULL ||
        w->rows == NULL) {
        st = mad_fail_memory(ctx, "a classifier");
        goto out;
    }
    for (size_t i = 0; i < MAX_STEPS && decrement > negligible; i++) {
        MAD_TRY(mad_ctx_poll(ctx));
        take_derivatives(w);
        MAD_TRY(solve(ctx, w, &decrement));
        descend(w, decrement);
    }
out:
    return st;
}

mad_status mad_logistic_fit(mad_ctx *ctx, mad_arena *mem, const mad_examples *examples,
                            int has_products, mad_logistic *out)
{
    const size_t dim = examples->dim, n = mad_logistic_columns(dim, has_products) + 1;
    double *mean = mad_arena_take_raw(mem, dim, sizeof *mean);
    double *scale = mad_arena_take_raw(mem, dim, sizeof *scale);
    *out = (mad_logistic){.dim = dim,
                          .n_columns = n - 1,
                          .mean = mean,
                          .scale = scale,
                          .weight = mad_arena_take(mem, n, sizeof *out->weight),
                          .column = mad_arena_take(mem, n, sizeof *out->column)};
    if (mean == NULL || scale == NULL || out->weight == NULL || out->column == NULL) {
        return mad_fail_memory(ctx, "a classifier");
    }
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    newton work = {.examples = examples, .fit = out, .n = n};
    for (size_t j = 0; j < dim; j++) {
        describe_column(examples, j, &mean[j], &scale[j]);
    }
    const mad_status st = minimise(ctx, &work);
    mad_arena_release(ctx->scratch, mark);
    return st;
}
