/* analysis/metrics/prdc.c: precision, recall, density and coverage by k-nearest-neighbour balls. */
#include <math.h>
#include <stdatomic.h>

#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/iface/metric.h"

enum { PRECISION, RECALL, DENSITY, COVERAGE };
enum { RULE_LT, RULE_LE };

static const mad_param params[] = {
    MAD_NEIGHBOURS_PARAM(
        "k", "5", 1,
        "neighbour whose distance is the radius of a ball (precision, recall, density, "
        "coverage)"),
    {.name = "rule",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "lt",
     .choices = "lt|le",
     .doc = "a row on the surface of a ball is outside (lt) or inside (le)"},
    {.name = NULL},
};

static const mad_metric_output outputs[] = {
    [PRECISION] = {.name = "precision",
                   .long_name = "share of model rows inside the real data's support",
                   .units = "1",
                   .direction = "higher",
                   .definition = "share of model rows inside any real ball; radius of a ball: "
                                 "distance to the k-th nearest other row of the same set",
                   .reference = "Kynkaanniemi et al. 2019, arXiv:1904.06991"},
    [RECALL] = {.name = "recall",
                .long_name = "share of real rows inside the model's support",
                .units = "1",
                .direction = "higher",
                .definition = "share of real rows inside any model ball; radius of a ball: "
                              "distance to the k-th nearest other row of the same set",
                .reference = "Kynkaanniemi et al. 2019, arXiv:1904.06991"},
    [DENSITY] = {.name = "density",
                 .long_name = "mean number of real balls around a model row, over k",
                 .units = "1",
                 .direction = "target",
                 .definition = "sum over real balls of the model rows inside / (k n_synthetic); "
                               "expected value for equal laws: 1, may exceed 1",
                 .reference = "Naeem et al. 2020, arXiv:2002.09797"},
    [COVERAGE] = {.name = "coverage",
                  .long_name = "share of real balls that hold a model row",
                  .units = "1",
                  .direction = "higher",
                  .definition = "share of real balls with at least one model row inside; expected "
                                "value for equal laws: 1 - prod_{j=1..k} (n - j) / (n + m - j)",
                  .reference = "Naeem et al. 2020, arXiv:2002.09797"},
    {.name = NULL},
};

/* Balls around the rows of one side: a row at squared distance s of row i is inside when
 * s < limit[i]. */
typedef struct balls {
    mad_cloud cloud;
    const double *limit; /* [n_rows] */
    mad_reach *reach;    /* [n_rows] */
} balls;

typedef struct prdc_job {
    balls real, fake;
    uint32_t *n_inside;      /* [n_real] model rows inside each real ball */
    unsigned char *recalled; /* [n_real] inside some model ball */
    unsigned char *precise;  /* [n_blocks][n_fake] inside some real ball of a block */
} prdc_job;

/* Rows i of real and j of fake, and what is known of their squared distance. */
typedef struct pair {
    const double *x, *y;
    size_t dim;
    mad_bounds bounds;
} pair;

static int is_inside(pair *p, double limit)
{
    if (p->bounds.low < limit && limit <= p->bounds.high) { /* too near to tell */
        p->bounds.low = p->bounds.high = mad_distance_sq(p->dim, p->x, p->y);
    }
    return p->bounds.high < limit;
}

typedef struct prdc_block {
    const prdc_job *job;
    unsigned char *precise; /* [n_fake] of this block */
} prdc_block;

static void count_inside(void *arg, size_t i, size_t j, int32_t square)
{
    const prdc_block *block = arg;
    const prdc_job *job = block->job;
    const mad_cloud *real = &job->real.cloud, *fake = &job->fake.cloud;
    const size_t dim = real->set->dim;
    pair p = {.x = real->set->x + i * dim,
              .y = fake->set->x + j * dim,
              .dim = dim,
              .bounds = mad_screen_bounds(real, i, fake, j, square)};
    if (is_inside(&p, job->real.limit[i])) {
        job->n_inside[i]++;
        block->precise[j] = 1;
    }
    if (!job->recalled[i] && is_inside(&p, job->fake.limit[j])) {
        job->recalled[i] = 1;
    }
}

static mad_status compare_rows(mad_ctx *ctx, void *arg, size_t i_block)
{
    (void)ctx;
    const prdc_job *job = arg;
    prdc_block block = {job, job->precise + i_block * job->fake.cloud.set->n_rows};
    const mad_scan scan = {.a = &job->real.cloud,
                           .b = &job->fake.cloud,
                           .a_reach = job->real.reach,
                           .b_reach = job->fake.reach,
                           .fn = count_inside,
                           .arg = &block};
    mad_scan_block(&scan, i_block, 0);
    return MAD_OK;
}

/* Limits such that "inside" is always s < limit[i]: s <= r is s < the next number above r. They are
 * exact, and the same whatever the images of the cloud. With too few rows they stay 0: balls of
 * which nothing is inside. */
static mad_status take_limits(mad_ctx *ctx, const mad_cloud *cloud, const mad_values *values,
                              double *limit)
{
    mad_status st = MAD_OK;
    const size_t k = mad_get_size(values, "k");
    if (cloud->set->n_rows < k + 2) {
        return MAD_OK;
    }
    MAD_TRY(mad_knn_radius_sq(ctx, cloud, k, limit));
    for (size_t i = 0; i < cloud->set->n_rows && mad_get_choice(values, "rule") == RULE_LE; i++) {
        limit[i] = nextafter(limit[i], (double)INFINITY);
    }
out:
    return st;
}

static mad_status take_reach(mad_ctx *ctx, balls *b)
{
    const size_t n = b->cloud.set->n_rows;
    b->reach = mad_arena_take_raw(ctx->scratch, n, sizeof *b->reach);
    if (b->reach == NULL) {
        return mad_fail_memory(ctx, "the neighbour balls");
    }
    for (size_t i = 0; i < n; i++) {
        atomic_init(&b->reach[i], sqrt(b->limit[i]) / b->cloud.step + b->cloud.miss[i]);
    }
    return MAD_OK;
}

static void shares(const prdc_job *job, size_t n_blocks, size_t k, double *values)
{
    const size_t n = job->real.cloud.set->n_rows, m = job->fake.cloud.set->n_rows;
    size_t n_precise = 0, n_recalled = 0, n_covered = 0;
    uint64_t n_inside = 0;
    for (size_t i = 0; i < n; i++) {
        n_recalled += job->recalled[i];
        n_covered += job->n_inside[i] > 0;
        n_inside += job->n_inside[i];
    }
    for (size_t j = 0; j < m; j++) {
        unsigned char any = 0;
        for (size_t b = 0; b < n_blocks; b++) {
            any |= job->precise[b * m + j];
        }
        n_precise += any;
    }
    values[PRECISION] = (double)n_precise / (double)m;
    values[RECALL] = (double)n_recalled / (double)n;
    values[DENSITY] = (double)n_inside / ((double)k * (double)m);
    values[COVERAGE] = (double)n_covered / (double)n;
}

static size_t min_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)dim;
    return (side == MAD_SIDE_FAKE) == (i_output == RECALL) ? mad_get_size(values, "k") + 2 : 1;
}

/* *out: the limits of the real balls. */
static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_cloud cloud, same;
    mad_status st = MAD_OK;
    double *limit = mad_arena_take(mem, in->real->n_rows, sizeof *limit);
    if (limit == NULL) {
        return mad_fail_memory(ctx, "the neighbour balls");
    }
    MAD_TRY(mad_clouds_take(ctx, ctx->scratch, in->real, in->real, &cloud, &same));
    MAD_TRY(take_limits(ctx, &cloud, in->values, limit));
    *out = limit;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status take_balls(mad_ctx *ctx, const mad_metric_in *in, balls *real, balls *fake)
{
    mad_status st = MAD_OK;
    double *limit = mad_arena_take(ctx->scratch, in->fake->n_rows, sizeof *limit);
    if (limit == NULL) {
        return mad_fail_memory(ctx, "the neighbour balls");
    }
    MAD_TRY(mad_clouds_take(ctx, ctx->scratch, in->real, in->fake, &real->cloud, &fake->cloud));
    MAD_TRY(take_limits(ctx, &fake->cloud, in->values, limit));
    real->limit = in->prepared;
    fake->limit = limit;
    MAD_TRY(take_reach(ctx, real));
    MAD_TRY(take_reach(ctx, fake));
out:
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n = in->real->n_rows, m = in->fake->n_rows, k = mad_get_size(in->values, "k");
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    prdc_job job = {0};
    size_t n_blocks = 0;
    mad_status st = MAD_OK;
    MAD_TRY(take_balls(ctx, in, &job.real, &job.fake));
    n_blocks = mad_n_blocks(&job.real.cloud);
    job.n_inside = mad_arena_take(ctx->scratch, n, sizeof *job.n_inside);
    job.recalled = mad_arena_take(ctx->scratch, n, sizeof *job.recalled);
    job.precise = mad_arena_take(ctx->scratch, n_blocks * m, sizeof *job.precise);
    if (job.n_inside == NULL || job.recalled == NULL || job.precise == NULL) {
        st = mad_fail_memory(ctx, "precision and recall");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, n_blocks, compare_rows, &job));
    shares(&job, n_blocks, k, values);
    if (n < k + 2) {
        values[PRECISION] = values[DENSITY] = values[COVERAGE] = (double)NAN;
    }
    if (m < k + 2) {
        values[RECALL] = (double)NAN;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_prdc = {
    .name = "prdc",
    .doc = "precision, recall, density and coverage by k-nearest-neighbour balls",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = min_rows,
    .prepare = prepare,
    .eval = eval,
};
