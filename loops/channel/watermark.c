/* loops/channel/watermark.c: a spread-spectrum mark: x <- x + a k, k a keyed pattern of +-1 over the
 * columns with as many of either sign (one more +1 in odd dimensions).
 *
 * A detector that knows the key regresses a row on (1, k):
 *   z = <x - mean(x), k~> / (s |k~|),  k~ = k - mean(k),  s^2 = residual sum of squares / (dim - 2):
 * Student's t with dim - 2 degrees of freedom for independent normal columns of one mean and
 * variance s^2 without the mark, shifted by a sqrt(dim) / s with it.
 * A model of marked rows draws marked rows itself (radioactivity): of a share 1 - phi of marked rows
 * it keeps (1 - phi) a, and rows that are marked again a_t = (1 - phi) a_(t-1) + a. */
#include <math.h>

#include "loops/channel/draws.h"

static const mad_param params[] = {
    {.name = "amplitude",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0.1",
     .min = 0,
     .max = 1e6,
     .unit = "data units",
     .doc = "height a of the mark"},
    {.name = "key",
     .kind = MAD_PARAM_INT,
     .fallback = "1",
     .min = 0,
     .max = 1e9,
     .doc = "number that the pattern is drawn from"},
    {.name = NULL},
};

static const mad_report reports[] = {
    {"z", "1", "mean z of the mark in emitted rows; 0 = none, sd 1 per row"},
    {"radioactivity", "1", "mean z of the mark in the same rows before they were marked"},
    {"detected", "1", "share of emitted rows with z above 4 (false alarms 3.2e-5 in many columns)"},
    {0},
};

enum { LEAST_DIM = 4 };
#define THRESHOLD 4.0

static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    const size_t dim = s->world->info.dim;
    if (dim < LEAST_DIM) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "channel.kind: watermark needs rows of at least %d columns, world.kind: "
                        "'%s' has %zu",
                        LEAST_DIM, s->world->type->name, dim);
    }
    return MAD_OK;
}

/* k[dim], from the key alone. */
static mad_status draw_pattern(mad_ctx *ctx, uint64_t key, size_t dim, double *k)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n_minus = dim / 2;
    size_t *pick = mad_arena_take_raw(ctx->scratch, n_minus, sizeof *pick);
    size_t *work = mad_arena_take_raw(ctx->scratch, dim, sizeof *work);
    mad_rng rng = mad_rng_open((mad_key){.seed = key, .purpose = MAD_RNG_CHANNEL}, 0);
    if (pick == NULL || work == NULL) {
        return mad_fail_memory(ctx, "the pattern of a watermark");
    }
    mad_rng_choose(&rng, dim, n_minus, pick, work);
    for (size_t j = 0; j < dim; j++) {
        k[j] = 1.0;
    }
    for (size_t i = 0; i < n_minus; i++) {
        k[pick[i]] = -1.0;
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* z of one row; 0 where the row is the pattern and a constant. */
static double z_of(size_t dim, const double *k, const double *x)
{
    const double n = (double)dim;
    double sum = 0.0, sum_k = 0.0, xx = 0.0, xk = 0.0;
    for (size_t j = 0; j < dim; j++) {
        sum += x[j] / n;
        sum_k += k[j] / n;
    }
    for (size_t j = 0; j < dim; j++) {
        xx += (x[j] - sum) * (x[j] - sum);
        xk += (x[j] - sum) * (k[j] - sum_k);
    }
    const double kk = n * (1.0 - sum_k * sum_k);
    const double residual = (xx - xk * xk / kk) / (n - 2.0);
    return residual > 0.0 ? xk / sqrt(kk * residual) : 0.0;
}

static void judge(const mad_set *rows, const double *k, double *mean, double *detected)
{
    *mean = *detected = 0.0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const double z = z_of(rows->dim, k, rows->x + i * rows->dim);
        *mean += z / (double)rows->n_rows;
        *detected += (z > THRESHOLD) / (double)rows->n_rows;
    }
}

static mad_status emit(mad_ctx *ctx, const mad_channel_in *in, mad_set *rows, double *report)
{
    const mad_setting *s = in->setting;
    const double a = mad_get_at(s->channel_values, "amplitude", in->generation, s->n_generations);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *k = mad_arena_take_raw(ctx->scratch, rows->dim, sizeof *k);
    double unmarked;
    mad_status st = MAD_OK;
    if (k == NULL) {
        return mad_fail_memory(ctx, "the pattern of a watermark");
    }
    MAD_TRY(draw_pattern(ctx, mad_get_size(s->channel_values, "key"), rows->dim, k));
    judge(rows, k, &report[1], &unmarked);
    for (size_t i = 0; i < rows->n_rows * rows->dim; i++) {
        rows->x[i] += a * k[i % rows->dim];
    }
    judge(rows, k, &report[0], &report[2]);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_channel_type mad_channel_watermark = {
    .name = "watermark",
    .doc = "synthetic rows carry a keyed pattern of +-1; models trained on them reproduce it",
    .ref = "Cox et al. 1997 (spread spectrum); Sablayrolles et al. 2020, arXiv:2002.00937",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .reports = reports,
    .check = check,
    .emit = emit,
};
