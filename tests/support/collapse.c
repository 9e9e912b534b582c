/* tests/support/collapse.c: see the header. */
#include "tests/support/collapse.h"

#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/stats.h"

enum { MAX_OUTPUTS = 24, MAX_FACTORS = 8, N_HALVINGS = 40 };

const mad_collapse mad_collapses[MAD_N_COLLAPSES] = {
    [MAD_COLLAPSE_VARIANCE] =
        {.name = "variance (%)",
         .doc = "factors, where a law has them, keep 1 - s of their variance (rows far from the "
                "mean are kept more\n  rarely); else coordinates move towards the mean, in *modes* "
                "that of the mode",
         .scale = 100.0,
         .n_severities = 8,
         .severity = {0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4}},
    [MAD_COLLAPSE_TAIL] =
        {.name = "tail cut (%)",
         .doc = "the share s is missing that is farthest from the mean, by coordinates or "
                "standardised\n  factors; of categories the rarest",
         .scale = 100.0,
         .n_severities = 8,
         .severity = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2}},
    [MAD_COLLAPSE_MEMORY] = {.name = "memorised (%)",
                             .doc = "the share s is copied from the training rows",
                             .scale = 100.0,
                             .n_severities = 8,
                             .severity = {0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5}},
    [MAD_COLLAPSE_MODES] = {.name = "modes lost",
                            .doc = "s of the modes, classes or categories are missing",
                            .scale = 1.0,
                            .n_severities = 6,
                            .severity = {1, 2, 3, 5, 10, 20}},
    [MAD_COLLAPSE_CLASSES] =
        {.name = "classes rarer (%)",
         .doc = "half of the modes, classes or categories (12 of 25, 5 of 10, 1 of 3), and rows "
                "with a rare\n  feature, are drawn 1 - s times as often",
         .scale = 100.0,
         .n_severities = 8,
         .severity = {0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8}},
    [MAD_COLLAPSE_BLUR] =
        {.name = "blurred (%)",
         .doc = "a pixel takes the share s from its neighbours left and right; only measures of "
                "pictures",
         .scale = 100.0,
         .n_severities = 8,
         .severity = {0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8}},
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

/* Whether the law has what the measure needs. */
static int suits(const mad_known_law *law, const mad_metric_type *type)
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
    for (size_t i = 0; i < n_laws; i++) {
        const mad_world_info *info = &laws[i].world->info;
        const int is_for = suits(&laws[i], type) &&
                           (type->fits == NULL || type->fits(info, i_output)) &&
                           mad_metric_rows(type, values, info->dim, i_output) <= n_rows;
        if (is_for && laws[i].type->collapses & 1u << kind) {
            return i;
        }
        if (is_for && kind == MAD_COLLAPSE_BLUR) {
            break;
        }
    }
    return n_laws;
}

/* ---- which rows a collapsed model keeps ------------------------------------------------------- */

/* With which probability a row is kept for one of its factors: a narrower normal law remains of a
 * normal one, the middle of the range of a bounded one. */
static double weight(const mad_factor *f, double a, double square)
{
    return f->low < f->high ? a * square <= 1.0 : exp(-0.5 * a * square);
}

static double weighted_square(const mad_known_law *law, size_t i_factor, double a)
{
    const mad_world_info *info = &law->world->info;
    double sum = 0.0, weights = 0.0;
    for (size_t i = 0; i < law->n_pool; i++) {
        const double square = law->square[i * info->n_factors + i_factor];
        const double w = weight(&info->factor[i_factor], a, square);
        sum += w * square;
        weights += w;
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
        if (weighted_square(law, i_factor, middle) > wanted) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

typedef struct job {
    const mad_collapse_run *run;
    double farthest;          /* reach of the rows that are kept */
    double thin[MAX_FACTORS]; /* the a of every factor's weight */
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

static int is_kept(const job *j, const mad_sample *rows, size_t i, mad_rng *rng)
{
    const mad_collapse_run *run = j->run;
    const mad_known_law *law = run->law;
    const mad_world_info *info = &law->world->info;
    double p = 1.0;
    switch (run->kind) {
    case MAD_COLLAPSE_VARIANCE:
        for (size_t k = 0; k < info->n_factors; k++) {
            p *= weight(&info->factor[k], j->thin[k], law->square[i * info->n_factors + k]);
        }
        break;
    case MAD_COLLAPSE_TAIL:
        p = mad_known_law_reach(law, rows, i, rng) <= j->farthest;
        break;
    case MAD_COLLAPSE_MODES:
        p = mad_known_law_group(law, rows, i) < law->n_groups - (size_t)run->severity;
        break;
    case MAD_COLLAPSE_CLASSES:
        p = mad_known_law_group(law, rows, i) < law->n_groups - law->n_groups / 2
                ? 1.0
                : 1.0 - run->severity;
        p *= rows->found.rare != NULL && rows->found.rare[i] ? 1.0 - run->severity : 1.0;
        break;
    case MAD_COLLAPSE_MEMORY:
    case MAD_COLLAPSE_BLUR:
    case MAD_N_COLLAPSES:
        break;
    }
    return p == 1.0 || mad_rng_uniform(rng) < p;
}

/* Coordinates: all towards the centre, of a regression the response alone. */
static void shrink(const job *j, mad_sample *rows)
{
    const mad_known_law *law = j->run->law;
    const size_t dim = rows->rows.dim;
    const size_t first = law->world->info.kind == MAD_WORLD_REGRESSION ? dim - 1 : 0;
    for (size_t i = 0; i < rows->rows.n_rows; i++) {
        const double *centre = mad_known_law_centre(law, rows, i);
        for (size_t k = first; k < dim; k++) {
            double *x = &rows->rows.x[i * dim + k];
            *x = centre[k] + sqrt(1.0 - j->run->severity) * (*x - centre[k]);
        }
    }
}

/* One line of pixels, its ends neighbours. */
static void blur_line(size_t n, double severity, double *x)
{
    const double first = x[0];
    double left = x[n - 1];
    for (size_t k = 0; k < n; k++) {
        const double here = x[k], right = k + 1 < n ? x[k + 1] : first;
        x[k] += severity * (0.5 * (left + right) - here);
        left = here;
    }
}

/* What the world reads back is read anew. */
static mad_status blur(mad_ctx *ctx, const job *j, mad_sample *rows)
{
    const mad_world *world = j->run->law->world;
    const size_t width = world->info.width;
    for (size_t i = 0; i < rows->rows.n_rows * rows->rows.dim; i += width) {
        blur_line(width, j->run->severity, rows->rows.x + i);
    }
    return world->info.n_factors > 0 ? world->type->recover(ctx, world, &rows->rows, &rows->found)
                                     : MAD_OK;
}

/* What happens to rows that were kept. */
static mad_status change(mad_ctx *ctx, const job *j, mad_sample *rows)
{
    const mad_collapse_kind kind = j->run->kind;
    if (j->run->severity == 0.0) {
        return MAD_OK;
    }
    if (kind == MAD_COLLAPSE_VARIANCE && j->run->law->world->info.n_factors == 0) {
        shrink(j, rows);
    }
    return kind == MAD_COLLAPSE_BLUR ? blur(ctx, j, rows) : MAD_OK;
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

/* train: NULL for a real side; else the rows that the collapsed model was trained on. */
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
            } while (train != NULL && !is_kept(j, from, i, &rng));
        }
        mad_sample_copy(info, from, i, to, out);
    }
    if (train != NULL) {
        MAD_TRY(change(ctx, j, out));
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
