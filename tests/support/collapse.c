/* tests/support/collapse.c: see the header. */
#include "tests/support/collapse.h"

#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/stats.h"

enum { MAX_OUTPUTS = 24, MAX_FACTORS = 8, N_HALVINGS = 40 };

const mad_collapse mad_collapses[MAD_N_COLLAPSES] = {
    [MAD_COLLAPSE_VARIANCE] =
        {"variance", "%", 100.0, 8, {0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4}},
    [MAD_COLLAPSE_TAIL] =
        {"tail cut", "%", 100.0, 8, {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2}},
    [MAD_COLLAPSE_MEMORY] =
        {"memorised", "%", 100.0, 8, {0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5}},
    [MAD_COLLAPSE_MODES] = {"modes lost", "", 1.0, 6, {1, 2, 3, 5, 10, 20}},
    [MAD_COLLAPSE_CLASSES] = {"half of the classes rarer by",
                              "%",
                              100.0,
                              8,
                              {0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8}},
};

size_t mad_collapse_n_severities(const mad_known_law *law, mad_collapse_kind kind)
{
    const mad_collapse *collapse = &mad_collapses[kind];
    size_t n = collapse->n_severities;
    while (kind == MAD_COLLAPSE_MODES && n > 0 &&
           collapse->severity[n - 1] >= (double)law->n_groups) {
        n--;
    }
    return n;
}

size_t mad_collapse_n_outputs(const mad_metric_type *type)
{
    size_t n = 0;
    while (type->outputs[n].name != NULL) {
        n++;
    }
    MAD_ASSERT(n <= MAX_OUTPUTS);
    return n;
}

int mad_collapse_suits(const mad_known_law *law, const mad_metric_type *type)
{
    const mad_world_info *info = &law->world->info;
    const unsigned lacks = MAD_NEEDS_DENSITY | (info->n_classes == 0 ? MAD_NEEDS_LABELS : 0) |
                           (info->n_modes == 0 ? MAD_NEEDS_MODES : 0) |
                           (info->n_factors == 0 ? MAD_NEEDS_FACTORS : 0) |
                           (info->has_log_density ? 0 : MAD_NEEDS_WORLD_DENSITY);
    return type->worlds & 1u << info->kind && !(type->needs & lacks);
}

size_t mad_collapse_choose(size_t n_laws, const mad_known_law *laws, mad_collapse_kind kind,
                           const mad_metric_type *type, size_t i_output, const mad_values *values,
                           size_t n_rows)
{
    size_t i = 0;
    for (; i < n_laws; i++) {
        const mad_world_info *info = &laws[i].world->info;
        if (laws[i].type->collapses & 1u << kind && mad_collapse_suits(&laws[i], type) &&
            (type->fits == NULL || type->fits(info, i_output)) &&
            mad_metric_rows(type, values, info->dim, i_output) <= n_rows) {
            break;
        }
    }
    return i;
}

/* ---- which rows a collapsed model keeps ------------------------------------------------------- */

/* Mean of z^2 over the pool, row weights exp(-a z^2 / 2). */
static double weighted_square(const mad_known_law *law, size_t i_factor, double a)
{
    const size_t n_factors = law->world->info.n_factors;
    double sum = 0.0, weights = 0.0;
    for (size_t i = 0; i < law->n_pool; i++) {
        const double square = law->square[i * n_factors + i_factor];
        const double weight = exp(-0.5 * a * square);
        sum += weight * square;
        weights += weight;
    }
    return sum / weights;
}

/* The a that leaves `share` of the variance of a factor. */
static double thinning(const mad_known_law *law, size_t i_factor, double share)
{
    const double wanted = share * weighted_square(law, i_factor, 0.0);
    double low = 0.0, high = 1.0;
    while (weighted_square(law, i_factor, high) > wanted) {
        high *= 2.0;
    }
    for (size_t i = 0; i < N_HALVINGS; i++) {
        const double middle = 0.5 * (low + high);
        *(weighted_square(law, i_factor, middle) > wanted ? &low : &high) = middle;
    }
    return high;
}

typedef struct job {
    const mad_collapse_run *run;
    double farthest;          /* reach of the rows that are kept */
    double thin[MAX_FACTORS]; /* a row is kept with probability exp(-sum thin z^2 / 2) */
} job;

static job plan(const mad_collapse_run *run)
{
    const mad_known_law *law = run->law;
    job j = {.run = run, .farthest = (double)INFINITY};
    if (run->kind == MAD_COLLAPSE_TAIL && run->severity > 0.0) {
        j.farthest = mad_quantile_sorted(law->n_pool, law->reach, 1.0 - run->severity);
    }
    MAD_ASSERT(law->world->info.n_factors <= MAX_FACTORS);
    for (size_t k = 0; k < law->world->info.n_factors; k++) {
        if (run->kind == MAD_COLLAPSE_VARIANCE && run->severity > 0.0) {
            j.thin[k] = thinning(law, k, 1.0 - run->severity);
        }
    }
    return j;
}

static int is_kept(const job *j, const mad_set *rows, size_t i, mad_rng *rng)
{
    const mad_collapse_run *run = j->run;
    const mad_known_law *law = run->law;
    const size_t n_factors = law->world->info.n_factors;
    double sum = 0.0;
    switch (run->kind) {
    case MAD_COLLAPSE_VARIANCE:
        for (size_t k = 0; k < n_factors; k++) {
            sum += j->thin[k] * law->square[i * n_factors + k];
        }
        return sum == 0.0 || mad_rng_uniform(rng) < exp(-0.5 * sum);
    case MAD_COLLAPSE_TAIL:
        return mad_known_law_reach(law, rows, i, rng) <= j->farthest;
    case MAD_COLLAPSE_MODES:
        return mad_known_law_group(law, rows, i) < law->n_groups - (size_t)run->severity;
    case MAD_COLLAPSE_CLASSES:
        return mad_known_law_group(law, rows, i) < law->n_groups - law->n_groups / 2 ||
               mad_rng_uniform(rng) >= run->severity;
    case MAD_COLLAPSE_MEMORY:
    case MAD_N_COLLAPSES:
        break;
    }
    return 1;
}

/* Coordinates: all towards the centre, of a regression the response alone. */
static void shrink(const job *j, mad_set *rows)
{
    const mad_known_law *law = j->run->law;
    const size_t dim = rows->dim;
    const size_t first = law->world->info.kind == MAD_WORLD_REGRESSION ? dim - 1 : 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const double *centre = mad_known_law_centre(law, rows, i);
        for (size_t k = first; k < dim; k++) {
            double *x = &rows->x[i * dim + k];
            *x = centre[k] + sqrt(1.0 - j->run->severity) * (*x - centre[k]);
        }
    }
}

/* ---- sides ------------------------------------------------------------------------------------ */

/* Rows to choose from: the pool in random order, or fresh blocks one after the other. */
typedef struct stream {
    const mad_known_law *law;
    mad_key key;
    mad_sample block; /* without rows for the pool */
    size_t at;
} stream;

static mad_status next(mad_ctx *ctx, stream *s, mad_rng *rng, const mad_sample **from, size_t *i)
{
    const mad_world *world = s->law->world;
    mad_status st = MAD_OK;
    if (mad_known_law_is_pooled(s->law)) {
        *from = &s->law->pool;
        *i = (size_t)mad_rng_below(rng, s->law->n_pool);
        return MAD_OK;
    }
    if (s->at == s->block.rows.n_rows) {
        s->key.generation++;
        s->at = 0;
        MAD_TRY(world->type->draw(ctx, world, MAD_PART_TRAIN, s->key, &s->block.rows));
    }
    *from = &s->block;
    *i = s->at++;
out:
    return st;
}

/* train: NULL, or of the model that has collapsed, whose rows these are. */
static mad_status draw_side(mad_ctx *ctx, mad_arena *mem, const job *j, mad_key key,
                            const mad_sample *train, mad_sample *out)
{
    const mad_collapse_run *run = j->run;
    const mad_world_info *info = &run->law->world->info;
    const double copied = train != NULL && run->kind == MAD_COLLAPSE_MEMORY ? run->severity : 0.0;
    mad_rng rng = mad_rng_open(mad_key_for(key, MAD_RNG_TEST), (uint64_t)key.purpose);
    stream s = {.law = run->law, .key = key, .at = run->n_rows};
    mad_status st = MAD_OK;
    MAD_TRY(mad_sample_take(ctx, mem, info, run->n_rows, out));
    if (!mad_known_law_is_pooled(run->law)) {
        MAD_TRY(mad_sample_take(ctx, mem, info, run->n_rows, &s.block));
    }
    for (size_t to = 0; to < run->n_rows; to++) {
        const mad_sample *from = train;
        size_t i = 0;
        if (mad_rng_uniform(&rng) < copied) {
            i = (size_t)mad_rng_below(&rng, train->rows.n_rows);
        } else {
            do {
                MAD_TRY(next(ctx, &s, &rng, &from, &i));
            } while (train != NULL && !is_kept(j, &from->rows, i, &rng));
        }
        mad_sample_copy(info, from, i, to, out);
    }
    if (train != NULL && run->kind == MAD_COLLAPSE_VARIANCE && run->severity > 0.0 &&
        info->n_factors == 0) {
        shrink(j, &out->rows);
    }
out:
    return st;
}

/* ---- a repetition ----------------------------------------------------------------------------- */

/* What measures ask of a side beside its rows. */
typedef struct known {
    mad_moments law;
    double *p, *log_p;
} known;

static mad_status learn(mad_ctx *ctx, mad_arena *mem, const job *j, const mad_set *rows, known *out)
{
    const mad_world *world = j->run->law->world;
    const unsigned needs = j->run->type->needs;
    const size_t n = rows->n_rows, dim = needs & MAD_NEEDS_LAW ? rows->dim : 0;
    mad_status st = MAD_OK;
    *out = (known){.law = {.dim = dim,
                           .mean = mad_arena_take(mem, dim, sizeof *out->law.mean),
                           .cov = mad_arena_take(mem, dim * dim, sizeof *out->law.cov)},
                   .p = mad_arena_take(mem, world->info.n_categories, sizeof *out->p),
                   .log_p = mad_arena_take(mem, n, sizeof *out->log_p)};
    if (out->law.mean == NULL || out->law.cov == NULL || out->p == NULL || out->log_p == NULL) {
        return mad_fail_memory(ctx, "what is known of rows");
    }
    for (size_t i = 0; needs & MAD_NEEDS_CATEGORIES && i < n; i++) {
        out->p[(size_t)rows->x[i]] += 1.0 / (double)n;
    }
    if (dim > 0) {
        MAD_TRY(mad_mean_cov(ctx, n, dim, rows->x, NULL, 1, out->law.mean, out->law.cov));
    }
    if (needs & MAD_NEEDS_WORLD_DENSITY) {
        MAD_TRY(world->type->log_density(ctx, world, rows, out->log_p));
    }
out:
    return st;
}

static mad_status measure(mad_ctx *ctx, mad_arena *mem, const job *j, uint64_t i, double *value)
{
    const mad_collapse_run *run = j->run;
    const mad_metric_type *type = run->type;
    mad_key key = {.seed = 11, .replicate = (uint32_t)i, .purpose = MAD_RNG_REFERENCE};
    mad_sample real, fake, train;
    known of_real, of_fake;
    mad_status st = MAD_OK;
    MAD_TRY(draw_side(ctx, mem, j, key, NULL, &real));
    MAD_TRY(draw_side(ctx, mem, j, mad_key_for(key, MAD_RNG_REAL), NULL, &train));
    MAD_TRY(draw_side(ctx, mem, j, mad_key_for(key, MAD_RNG_SAMPLE), &train, &fake));
    MAD_TRY(learn(ctx, mem, j, &real.rows, &of_real));
    MAD_TRY(learn(ctx, mem, j, &fake.rows, &of_fake));
    mad_metric_in in = {.world = &run->law->world->info,
                        .values = run->values,
                        .real = &real.rows,
                        .real_law = &of_real.law,
                        .real_p = of_real.p,
                        .real_found = &real.found,
                        .real_log_p = of_real.log_p,
                        .key = mad_key_for(key, MAD_RNG_DIRECTIONS)};
    if (type->prepare != NULL) {
        MAD_TRY(type->prepare(ctx, &in, mem, &in.prepared));
    }
    in.fake = &fake.rows;
    in.train = &train.rows;
    in.fake_law = &of_fake.law;
    in.fake_p = of_fake.p;
    in.fake_found = &fake.found;
    in.fake_log_p = of_fake.log_p;
    MAD_TRY(type->eval(ctx, &in, value));
    for (size_t k = 0; type->outputs[k].name != NULL; k++) {
        value[k] = mad_metric_value(&type->outputs[k], value[k]);
    }
out:
    return st;
}

static mad_status repeat(mad_ctx *ctx, void *arg, size_t i)
{
    const job *j = arg;
    mad_arena *mem = mad_arena_create(1 << 18);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a repetition");
    }
    const mad_status st = measure(ctx, mem, j, j->run->first + i,
                                  j->run->value + i * mad_collapse_n_outputs(j->run->type));
    mad_arena_destroy(mem);
    return st;
}

mad_status mad_collapse_repeat(mad_ctx *ctx, const mad_collapse_run *run)
{
    job j = plan(run);
    return mad_par_for(ctx, run->n, repeat, &j);
}
