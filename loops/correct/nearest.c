/* loops/correct/nearest.c: every row moves towards its nearest real one:
 *   x <- x + gamma / (1 + gamma) (r(x) - x),
 * r(x) the row of generation 1's training set nearest to x, of x's class where rows have labels. */
#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/iface/setting.h"

static const mad_param params[] = {
    {.name = "gamma",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .doc = "strength: a row goes gamma / (1 + gamma) of the way to its nearest real row"},
    {.name = NULL},
};

static const mad_report reports[] = {
    {"moved", "data units", "root mean square distance that rows were moved"},
    {"distance", "data units",
     "root mean square distance of rows from their nearest real row, before they were moved"},
    {0},
};

typedef struct job {
    const mad_set *real;
    mad_set *rows;
    double share;        /* gamma / (1 + gamma) */
    double *distance_sq; /* [n_chunks] sums */
} job;

/* |a - b|^2, or more than `limit` as soon as it is seen to be. */
static double distance_sq(size_t dim, const double *a, const double *b, double limit)
{
    enum { STRIDE = 16 };
    double sum = 0.0;
    for (size_t begin = 0; begin < dim && sum <= limit; begin += STRIDE) {
        const size_t end = begin + STRIDE < dim ? begin + STRIDE : dim;
        for (size_t j = begin; j < end; j++) {
            sum += (a[j] - b[j]) * (a[j] - b[j]);
        }
    }
    return sum;
}

/* The nearest real row of the class, the first of equals; of any class when label < 0 or the class has
 * no real row. */
static const double *nearest(const mad_set *real, const double *x, int32_t label, double *out)
{
    const double *found = NULL;
    *out = (double)INFINITY;
    for (size_t i = 0; i < real->n_rows; i++) {
        if (label >= 0 && real->label[i] != label) {
            continue;
        }
        const double *candidate = real->x + i * real->dim;
        const double d = distance_sq(real->dim, x, candidate, *out);
        if (d < *out) {
            *out = d;
            found = candidate;
        }
    }
    return found != NULL || label < 0 ? found : nearest(real, x, -1, out);
}

static mad_status move_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    (void)ctx;
    const job *j = arg;
    const size_t dim = j->rows->dim, begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(j->rows->n_rows, i_chunk);
    const int has_labels = j->rows->label != NULL && j->real->label != NULL;
    for (size_t i = begin; i < end; i++) {
        double *x = j->rows->x + i * dim, d;
        const double *r = nearest(j->real, x, has_labels ? j->rows->label[i] : -1, &d);
        j->distance_sq[i_chunk] += d;
        for (size_t k = 0; k < dim; k++) {
            x[k] += j->share * (r[k] - x[k]);
        }
    }
    return MAD_OK;
}

static mad_status apply(mad_ctx *ctx, const mad_correct_in *in, mad_set *rows, double *report)
{
    const mad_setting *s = in->setting;
    const double gamma = mad_get_at(s->correct_values, "gamma", in->generation, s->n_generations);
    const size_t n_chunks = mad_n_chunks(rows->n_rows);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    job j = {.real = in->real,
             .rows = rows,
             .share = gamma / (1.0 + gamma),
             .distance_sq = mad_arena_take(ctx->scratch, n_chunks, sizeof *j.distance_sq)};
    double sum = 0.0;
    mad_status st = MAD_OK;
    if (j.distance_sq == NULL) {
        return mad_fail_memory(ctx, "the distances of a correction");
    }
    MAD_TRY(mad_par_for(ctx, n_chunks, move_chunk, &j));
    for (size_t i = 0; i < n_chunks; i++) {
        sum += j.distance_sq[i];
    }
    report[1] = sqrt(sum / (double)rows->n_rows);
    report[0] = j.share * report[1];
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_correct_type mad_correct_nearest = {
    .name = "nearest",
    .doc = "rows move towards their nearest real row by gamma / (1 + gamma) of the way",
    .ref = "Gillman et al. 2024, arXiv:2402.07087 (a corrector that knows the data by examples)",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .reports = reports,
    .apply = apply,
};
