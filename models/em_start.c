/* models/em_start.c: where EM starts: k-means++ centres, a few Lloyd steps, hard shares. */
#include <math.h>
#include <string.h>

#include "models/em.h"

enum { N_LLOYD = 10 };

/* Scratch of one start. */
typedef struct start {
    const mad_set *train;
    double *near_sq; /* [n_rows] squared distance to the nearest centre so far */
    double *try_sq;  /* [n_rows] the same with the candidate under trial */
    double *best_sq; /* [n_rows] the same with the best candidate */
    double *cum;     /* [n_rows] running sums to draw rows from */
    size_t *nearest; /* [n_rows] centre of a row */
} start;

static double row_weight(const mad_set *train, size_t i)
{
    return train->weight == NULL ? 1 : train->weight[i];
}

static double between_sq(size_t dim, const double *x, const double *y)
{
    double sum = 0;
    for (size_t a = 0; a < dim; a++) {
        sum += (x[a] - y[a]) * (x[a] - y[a]);
    }
    return sum;
}

/* A row drawn with probability proportional to its weight times near_sq; by weight alone when there
 * are no centres yet, or when every row sits on one. */
static size_t draw_row(start *work, mad_rng *rng, int by_distance)
{
    const size_t n = work->train->n_rows;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += row_weight(work->train, i) * (by_distance ? work->near_sq[i] : 1);
        work->cum[i] = sum;
    }
    return sum > 0 ? mad_rng_index(rng, n, work->cum) : draw_row(work, rng, 0);
}

/* Potential (weighted sum of near_sq) once row `pick` is a centre too; near_sq then in try_sq. */
static double try_centre(start *work, size_t pick)
{
    const mad_set *train = work->train;
    const size_t dim = train->dim;
    double potential = 0;
    for (size_t i = 0; i < train->n_rows; i++) {
        const double sq = between_sq(dim, train->x + i * dim, train->x + pick * dim);
        work->try_sq[i] = fmin(work->near_sq[i], sq);
        potential += row_weight(train, i) * work->try_sq[i];
    }
    return potential;
}

static void swap(double **a, double **b)
{
    double *keep = *a;
    *a = *b;
    *b = keep;
}

static void seed_centres(start *work, mad_rng *rng, mad_mixture *mixture)
{
    const mad_set *train = work->train;
    const size_t dim = train->dim, k = mixture->n_components;
    const size_t n_trials = 2 + (size_t)log((double)k);
    for (size_t i = 0; i < train->n_rows; i++) {
        work->near_sq[i] = HUGE_VAL;
    }
    for (size_t j = 0; j < k; j++) {
        double best = HUGE_VAL;
        size_t best_pick = 0;
        for (size_t i_trial = 0; i_trial < (j == 0 ? 1 : n_trials); i_trial++) {
            const size_t pick = draw_row(work, rng, j > 0);
            const double potential = try_centre(work, pick);
            if (i_trial == 0 || potential < best) {
                best = potential;
                best_pick = pick;
                swap(&work->try_sq, &work->best_sq);
            }
        }
        swap(&work->near_sq, &work->best_sq);
        memcpy(mixture->mean + j * dim, train->x + best_pick * dim, dim * sizeof(double));
    }
}

static size_t nearest_centre(const mad_mixture *mixture, const double *x)
{
    double best = HUGE_VAL;
    size_t nearest = 0;
    for (size_t j = 0; j < mixture->n_components; j++) {
        const double sq = between_sq(mixture->dim, x, mixture->mean + j * mixture->dim);
        if (sq < best) {
            best = sq;
            nearest = j;
        }
    }
    return nearest;
}

/* Rows to their nearest centre; returns how many changed it. */
static size_t assign(start *work, const mad_mixture *mixture)
{
    size_t n_changed = 0;
    for (size_t i = 0; i < work->train->n_rows; i++) {
        const size_t nearest = nearest_centre(mixture, work->train->x + i * mixture->dim);
        n_changed += nearest != work->nearest[i];
        work->nearest[i] = nearest;
    }
    return n_changed;
}

/* Centres to the mean of their rows; a centre without rows stays. Uses weight as a counter. */
static void move_centres(const start *work, mad_mixture *mixture)
{
    const mad_set *train = work->train;
    const size_t dim = mixture->dim, k = mixture->n_components;
    memset(mixture->weight, 0, k * sizeof *mixture->weight);
    for (size_t i = 0; i < train->n_rows; i++) {
        double *mean = mixture->mean + work->nearest[i] * dim;
        if (mixture->weight[work->nearest[i]] == 0) {
            memset(mean, 0, dim * sizeof *mean);
        }
        mixture->weight[work->nearest[i]] += row_weight(train, i);
        for (size_t a = 0; a < dim; a++) {
            mean[a] += row_weight(train, i) * train->x[i * dim + a];
        }
    }
    for (size_t j = 0; j < k; j++) {
        for (size_t a = 0; mixture->weight[j] > 0 && a < dim; a++) {
            mixture->mean[j * dim + a] /= mixture->weight[j];
        }
    }
}

static mad_status take(mad_ctx *ctx, const mad_set *train, start *work)
{
    const size_t n = train->n_rows;
    work->train = train;
    work->near_sq = mad_arena_take_raw(ctx->scratch, n, sizeof *work->near_sq);
    work->try_sq = mad_arena_take_raw(ctx->scratch, n, sizeof *work->try_sq);
    work->best_sq = mad_arena_take_raw(ctx->scratch, n, sizeof *work->best_sq);
    work->cum = mad_arena_take_raw(ctx->scratch, n, sizeof *work->cum);
    work->nearest = mad_arena_take(ctx->scratch, n, sizeof *work->nearest);
    if (work->near_sq == NULL || work->try_sq == NULL || work->best_sq == NULL ||
        work->cum == NULL || work->nearest == NULL) {
        return mad_fail_memory(ctx, "the start of a mixture fit");
    }
    return MAD_OK;
}

mad_status mad_em_start(mad_ctx *ctx, mad_em *em, mad_rng *rng)
{
    mad_mixture *mixture = em->mixture;
    const size_t n = em->train->n_rows, dim = mixture->dim, k = mixture->n_components;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    start work = {0};
    mad_status st = MAD_OK;
    MAD_TRY(take(ctx, em->train, &work));
    seed_centres(&work, rng, mixture);
    (void)assign(&work, mixture);
    for (size_t i_step = 0; i_step < N_LLOYD; i_step++) {
        move_centres(&work, mixture);
        if (assign(&work, mixture) == 0) {
            break;
        }
    }
    memset(mixture->cov, 0, k * dim * dim * sizeof *mixture->cov);
    for (size_t j = 0; j < k; j++) { /* kept by a component that gets no rows */
        for (size_t a = 0; a < dim; a++) {
            mixture->cov[j * dim * dim + a * dim + a] = em->spread;
        }
    }
    memset(em->share, 0, k * n * sizeof *em->share);
    for (size_t i = 0; i < n; i++) {
        em->share[work.nearest[i] * n + i] = row_weight(em->train, i);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}
