/* Exact models: fits against known answers, state that copies, laws against their own moments.
 *
 * Statistical checks: z-scores of first and second moments of N = 200000 sampled rows against
 * moments() (central limit), rejected beyond |z| = 4.89 (two-sided 1e-6); the sabotaged twin, rows
 * stretched by 2 % about the mean (variance + 4 %), must be rejected. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/values.h"

enum { N = 200000, MAX_PAIRS = 6 };

#define Z_LIMIT 4.89

typedef struct known_model {
    const mad_model_type *type;
    const char *pairs[MAX_PAIRS];
    const mad_world_type *world;
    const char *world_pairs[MAX_PAIRS];
} known_model;

static const known_model models[] = {
    {&mad_model_gauss, {NULL}, &mad_world_gauss, {"sd=3", NULL}},
    {&mad_model_gauss,
     {"ddof=ml", NULL},
     &mad_world_gauss,
     {"dim=5", "spectrum=1", "rotate=haar", NULL}},
    {&mad_model_mixture, {"components=3", NULL}, &mad_world_moons, {NULL}},
    {&mad_model_mixture, {"components=8", "restarts=2", NULL}, &mad_world_ring, {NULL}},
    {&mad_model_kde, {NULL}, &mad_world_moons, {NULL}},
    {&mad_model_kde, {"bandwidth=0.3", NULL}, &mad_world_gauss, {"dim=2", NULL}},
    {&mad_model_linear, {NULL}, &mad_world_regression, {"features=3", "noise=0.5", NULL}},
    {&mad_model_linear, {"design=reused", NULL}, &mad_world_regression, {"features=3", NULL}},
    {&mad_model_categorical, {NULL}, &mad_world_zipf, {"categories=30", NULL}},
};
enum { N_MODELS = sizeof models / sizeof *models };

/* A model, the world it learns, and what a fit needs. */
typedef struct rig {
    mad_arena *mem;
    const mad_world *world;
    mad_model *model;
    double loss[400], samples_seen, flops;
} rig;

static size_t count_pairs(const char *const *pairs)
{
    size_t n = 0;
    while (pairs[n] != NULL) {
        n++;
    }
    return n;
}

static int is_reused(const known_model *known)
{
    return known->pairs[0] != NULL && strcmp(known->pairs[0], "design=reused") == 0;
}

static rig *rig_create(mad_ctx *ctx, const known_model *known)
{
    mad_arena *mem = mad_arena_create(1 << 20);
    rig *r = mad_arena_take(mem, 1, sizeof *r);
    mad_values *values = mad_arena_take(mem, 2, sizeof *values);
    mad_world *world = NULL;
    r->mem = mem;
    assert_int_equal(mad_values_of(ctx, mem, known->world->params, count_pairs(known->world_pairs),
                                   known->world_pairs, &values[0]),
                     MAD_OK);
    const mad_world_args world_args = {.values = &values[0], .seed = 12};
    assert_int_equal(known->world->create(ctx, &world_args, mem, &world), MAD_OK);
    assert_int_equal(mad_values_of(ctx, mem, known->type->params, count_pairs(known->pairs),
                                   known->pairs, &values[1]),
                     MAD_OK);
    const mad_model_args args = {
        .values = &values[1], .world = &world->info, .max_train_rows = 5000, .max_sample_rows = N};
    assert_int_equal(known->type->create(ctx, &args, mem, &r->model), MAD_OK);
    assert_ptr_equal(r->model->type, known->type);
    r->world = world;
    return r;
}

static mad_set take(mad_ctx *ctx, rig *r, size_t n)
{
    mad_set set;
    assert_int_equal(
        mad_set_take(ctx, r->mem, n, r->world->info.dim, r->world->info.n_classes > 0, &set),
        MAD_OK);
    return set;
}

static mad_set real_rows(mad_ctx *ctx, rig *r, size_t n)
{
    const mad_key key = {.seed = 12, .generation = 1, .purpose = MAD_RNG_REAL};
    mad_set set = take(ctx, r, n);
    assert_int_equal(r->world->type->draw(ctx, r->world, MAD_PART_TRAIN, key, &set), MAD_OK);
    return set;
}

static mad_status fit(mad_ctx *ctx, rig *r, const mad_set *train, size_t warm_steps)
{
    for (size_t i = 0; i < 400; i++) {
        r->loss[i] = (double)NAN;
    }
    const mad_fit_args args = {.key = {.seed = 12, .generation = 1, .purpose = MAD_RNG_FIT},
                               .warm_steps = warm_steps,
                               .n_loss = 400,
                               .loss_curve = r->loss,
                               .samples_seen = &r->samples_seen,
                               .flops = &r->flops};
    return r->model->type->fit(ctx, r->model, train, &args);
}

static mad_set sample(mad_ctx *ctx, rig *r, size_t n, uint64_t first_item)
{
    const mad_key key = {.seed = 12, .generation = 1, .purpose = MAD_RNG_SAMPLE};
    mad_set set = take(ctx, r, n);
    assert_int_equal(r->model->type->sample(ctx, r->model, key, first_item, &set), MAD_OK);
    return set;
}

static void copy_state(mad_ctx *ctx, mad_model *from, mad_model *to)
{
    static const size_t bytes[] = {[MAD_FIELD_F64] = 8, [MAD_FIELD_F32] = 4, [MAD_FIELD_I64] = 8};
    mad_fields a, b;
    from->type->fields(from, &a);
    to->type->fields(to, &b);
    assert_int_equal(a.n_fields, b.n_fields);
    for (size_t i = 0; i < a.n_fields; i++) {
        assert_string_equal(a.field[i].name, b.field[i].name);
        assert_int_equal(a.field[i].count, b.field[i].count);
        memcpy(b.field[i].data, a.field[i].data, a.field[i].count * bytes[a.field[i].kind]);
    }
    if (to->type->loaded != NULL) {
        assert_int_equal(to->type->loaded(ctx, to), MAD_OK);
    }
}

static void assert_same_rows(const mad_set *a, const mad_set *b)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_memory_equal(a->x, b->x, a->n_rows * a->dim * sizeof *a->x);
    if (a->label != NULL) {
        assert_memory_equal(a->label, b->label, a->n_rows * sizeof *a->label);
    }
}

/* The fields are the whole state; threads and the size of the request change nothing. */
static void test_state(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t i = 0; i < N_MODELS; i++) {
        rig *r = rig_create(ctx, &models[i]), *copy = rig_create(ctx, &models[i]);
        const mad_set train = real_rows(ctx, r, 900);
        assert_int_equal(fit(ctx, r, &train, 0), MAD_OK);
        copy_state(ctx, r->model, copy->model);
        const mad_set a = sample(ctx, r, 600, 5), b = sample(ctx, copy, 600, 5);
        assert_same_rows(&a, &b);
        if (!is_reused(&models[i])) { /* those count design rows from the start of a call */
            mad_set second = sample(ctx, r, 344, 6), tail = mad_set_rows(&a, 256, 344);
            assert_same_rows(&tail, &second); /* chunk i takes item first_item + i */
        }
        for (size_t n_threads = 1; n_threads <= 5; n_threads++) {
            mad_ctx *other = mad_ctx_create(n_threads);
            assert_int_equal(fit(other, copy, &train, 0), MAD_OK);
            const mad_set c = sample(other, copy, 600, 5);
            assert_same_rows(&a, &c);
            mad_ctx_destroy(other);
        }
        mad_arena_destroy(copy->mem);
        mad_arena_destroy(r->mem);
    }
}

/* A loop of fits and draws takes no memory after its first turn. */
static void test_memory(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t i = 0; i < N_MODELS; i++) {
        rig *r = rig_create(ctx, &models[i]);
        mad_set train = real_rows(ctx, r, 900);
        const mad_key key = {.seed = 12, .generation = 1, .purpose = MAD_RNG_SAMPLE};
        size_t scratch = 0, own = 0;
        for (size_t turn = 0; turn < 4; turn++) {
            assert_int_equal(fit(ctx, r, &train, 0), MAD_OK);
            assert_int_equal(r->model->type->sample(ctx, r->model, key, 0, &train), MAD_OK);
            if (turn == 0) {
                scratch = mad_arena_bytes(ctx->scratch);
                own = mad_arena_bytes(r->mem);
            }
            assert_int_equal(mad_arena_bytes(ctx->scratch), scratch);
            assert_int_equal(mad_arena_bytes(r->mem), own);
        }
        mad_arena_destroy(r->mem);
    }
}

static double worst_z(const mad_set *set, const mad_moments *law)
{
    const size_t dim = set->dim;
    double worst = 0;
    for (size_t a = 0; a < dim; a++) {
        for (size_t b = 0; b <= dim; b++) { /* b == dim: the mean itself */
            double sum = 0, sum_sq = 0;
            for (size_t i = 0; i < set->n_rows; i++) {
                const double *x = set->x + i * dim;
                const double e = b == dim ? x[a] - law->mean[a]
                                          : (x[a] - law->mean[a]) * (x[b] - law->mean[b]) -
                                                law->cov[a * dim + b];
                sum += e;
                sum_sq += e * e;
            }
            worst = fmax(worst, fabs(sum) / sqrt(sum_sq));
        }
    }
    return worst;
}

static mad_moments law_of(mad_ctx *ctx, rig *r)
{
    const size_t dim = r->world->info.dim;
    mad_moments law = {.dim = dim,
                       .mean = mad_arena_take(r->mem, dim, sizeof(double)),
                       .cov = mad_arena_take(r->mem, dim * dim, sizeof(double))};
    assert_int_equal(r->model->type->moments(ctx, r->model, &law), MAD_OK);
    return law;
}

static void test_laws(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t i = 0; i < N_MODELS; i++) {
        rig *r = rig_create(ctx, &models[i]);
        const mad_set train = real_rows(ctx, r, 700);
        if (r->model->type->moments != NULL && !is_reused(&models[i])) {
            assert_int_equal(fit(ctx, r, &train, 0), MAD_OK);
            const mad_moments law = law_of(ctx, r);
            mad_set set = sample(ctx, r, N, 0);
            double z = worst_z(&set, &law);
            if (z > Z_LIMIT) {
                fail_msg("model %zu (%s): z = %g", i, r->model->type->name, z);
            }
            for (size_t j = 0; j < set.n_rows * set.dim; j++) {
                const double mean = law.mean[j % set.dim];
                set.x[j] = mean + 1.02 * (set.x[j] - mean);
            }
            z = worst_z(&set, &law);
            if (z <= Z_LIMIT) {
                fail_msg("model %zu (%s): the twin passes, z = %g", i, r->model->type->name, z);
            }
        }
        mad_arena_destroy(r->mem);
    }
}

/* numpy.mean, numpy.var(ddof), numpy.cov of small sets whose moments are exact in binary. */
static void test_gauss_values(void **state)
{
    mad_ctx *ctx = *state;
    double line[] = {1, 2, 4, 9}, plane[] = {1, 0, 2, 4, 4, 2, 9, 6};
    const mad_set small = {.n_rows = 4, .dim = 1, .x = line};
    const mad_set wide = {.n_rows = 4, .dim = 2, .x = plane};
    static const known_model unbiased = {&mad_model_gauss, {NULL}, &mad_world_gauss, {NULL}};
    static const known_model ml = {&mad_model_gauss, {"ddof=ml", NULL}, &mad_world_gauss, {NULL}};
    static const known_model ml2 = {
        &mad_model_gauss, {"ddof=ml", NULL}, &mad_world_gauss, {"dim=2", NULL}};
    rig *a = rig_create(ctx, &unbiased), *b = rig_create(ctx, &ml), *c = rig_create(ctx, &ml2);
    assert_int_equal(fit(ctx, a, &small, 0), MAD_OK);
    assert_int_equal(fit(ctx, b, &small, 0), MAD_OK);
    assert_int_equal(fit(ctx, c, &wide, 0), MAD_OK);
    assert_true(law_of(ctx, a).mean[0] == 4.0 && law_of(ctx, a).cov[0] == 38.0 / 3.0);
    assert_true(law_of(ctx, b).mean[0] == 4.0 && law_of(ctx, b).cov[0] == 9.5);
    const mad_moments law = law_of(ctx, c);
    assert_true(law.mean[0] == 4.0 && law.mean[1] == 3.0);
    assert_true(law.cov[0] == 9.5 && law.cov[1] == 5.5 && law.cov[2] == 5.5 && law.cov[3] == 5.0);
    mad_set one = mad_set_rows(&small, 2, 1);
    assert_int_equal(fit(ctx, a, &one, 0), MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "at least 2 rows, not 1"));
    mad_ctx_clear(ctx);
    assert_int_equal(fit(ctx, b, &one, 0), MAD_OK); /* a point is a legal ML fit */
    assert_true(law_of(ctx, b).mean[0] == 4.0 && law_of(ctx, b).cov[0] == 0.0);
    const mad_set still = sample(ctx, b, 3, 0);
    assert_true(still.x[0] == 4.0 && still.x[2] == 4.0);
    line[1] = (double)NAN;
    assert_int_equal(fit(ctx, a, &small, 0), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
    mad_arena_destroy(a->mem);
    mad_arena_destroy(b->mem);
    mad_arena_destroy(c->mem);
}

/* Many rows and a far mean against long double sums: the lanes lose nothing. */
static void test_gauss_line(void **state)
{
    mad_ctx *ctx = *state;
    rig *r = rig_create(ctx, &models[0]);
    for (size_t n = 2; n <= 4097; n = 2 * n + 1) {
        mad_set train = real_rows(ctx, r, n);
        long double sum = 0, square = 0;
        for (size_t i = 0; i < n; i++) {
            train.x[i] += 1e6;
            sum += (long double)train.x[i];
        }
        const long double mean = sum / (long double)n;
        for (size_t i = 0; i < n; i++) {
            const long double off = (long double)train.x[i] - mean;
            square += off * off;
        }
        assert_int_equal(fit(ctx, r, &train, 0), MAD_OK);
        const mad_moments law = law_of(ctx, r);
        assert_true(fabs(law.mean[0] / (double)mean - 1) < 1e-15);
        assert_true(fabs(law.cov[0] / (double)(square / (long double)(n - 1)) - 1) < 1e-14);
    }
    mad_arena_destroy(r->mem);
}

/* Rows with weight 2 (over the mean weight) count as two rows, in every ML-like fit. */
static void test_weights(void **state)
{
    mad_ctx *ctx = *state;
    static const size_t which[] = {1, 3, 5, 6, 8};
    for (size_t k = 0; k < sizeof which / sizeof *which; k++) {
        const known_model *known = &models[which[k]];
        rig *r = rig_create(ctx, known), *twice = rig_create(ctx, known);
        const size_t n = 400;
        mad_set train = real_rows(ctx, r, n), repeated = take(ctx, r, n + n / 4);
        double *weight = mad_arena_take(r->mem, n, sizeof *weight);
        mad_set_copy(&train, &repeated, 0);
        for (size_t i = 0; i < n; i++) {
            weight[i] = (i % 4 == 0 ? 2 : 1) / 1.25;
            if (i % 4 == 0) {
                const mad_set row = mad_set_rows(&train, i, 1);
                mad_set_copy(&row, &repeated, n + i / 4);
            }
        }
        size_t warm_steps = 0;
        if (known->type == &mad_model_mixture) { /* from one start: k-means++ draws rows */
            assert_int_equal(fit(ctx, r, &train, 0), MAD_OK);
            copy_state(ctx, r->model, twice->model);
            warm_steps = 3;
        }
        train.weight = weight;
        assert_int_equal(fit(ctx, r, &train, warm_steps), MAD_OK);
        assert_int_equal(fit(ctx, twice, &repeated, warm_steps), MAD_OK);
        mad_fields a, b;
        r->model->type->fields(r->model, &a);
        twice->model->type->fields(twice->model, &b);
        for (size_t f = 0; f < a.n_fields && known->type != &mad_model_kde; f++) {
            const double *x = a.field[f].data, *y = b.field[f].data;
            for (size_t i = 0; i < a.field[f].count; i++) {
                assert_true(fabs(x[i] - y[i]) < 1e-12);
            }
        }
        if (r->model->type->moments != NULL) {
            const mad_moments p = law_of(ctx, r), q = law_of(ctx, twice);
            for (size_t i = 0; i < p.dim * p.dim; i++) {
                assert_true(fabs(p.cov[i] - q.cov[i]) < 1e-12);
            }
        }
        mad_arena_destroy(twice->mem);
        mad_arena_destroy(r->mem);
    }
}

static void test_categorical(void **state)
{
    mad_ctx *ctx = *state;
    static const known_model known = {
        &mad_model_categorical, {NULL}, &mad_world_zipf, {"categories=4", NULL}};
    rig *r = rig_create(ctx, &known);
    double x[] = {0, 2, 2, 2, 3, 3, 0, 2}, p[4];
    const mad_set train = {.n_rows = 8, .dim = 1, .x = x};
    assert_int_equal(fit(ctx, r, &train, 0), MAD_OK);
    assert_int_equal(r->model->type->probabilities(ctx, r->model, p), MAD_OK);
    assert_true(p[0] == 0.25 && p[1] == 0 && p[2] == 0.5 && p[3] == 0.25);
    const mad_set drawn = sample(ctx, r, N, 0);
    double count[4] = {0};
    for (size_t i = 0; i < N; i++) {
        count[(size_t)drawn.x[i]]++;
    }
    assert_true(count[1] == 0); /* an extinct category stays extinct */
    assert_true(fabs(count[0] - 0.25 * N) / sqrt(0.1875 * N) < Z_LIMIT);
    assert_true(fabs(count[2] - 0.5 * N) / sqrt(0.25 * N) < Z_LIMIT);
    assert_true(fabs(count[2] - 0.51 * N) / sqrt(0.2499 * N) > Z_LIMIT); /* the twin */
    x[3] = 4;
    assert_int_equal(fit(ctx, r, &train, 0), MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "row 3: category 4 is not in 0..3"));
    mad_ctx_clear(ctx);
    mad_arena_destroy(r->mem);
}

/* Silverman's factor by hand: n = 4, d = 1: sd (4 / 12)^(1/5); the law's variance is the ML one
 * plus h^2. */
static void test_kde(void **state)
{
    mad_ctx *ctx = *state;
    static const known_model rule = {&mad_model_kde, {NULL}, &mad_world_gauss, {NULL}};
    static const known_model fixed = {
        &mad_model_kde, {"bandwidth=0.5", NULL}, &mad_world_gauss, {NULL}};
    rig *a = rig_create(ctx, &rule), *b = rig_create(ctx, &fixed);
    double x[] = {1, 2, 4, 9};
    const mad_set train = {.n_rows = 4, .dim = 1, .x = x};
    const double h = sqrt(38.0 / 3) * pow(1.0 / 3, 0.2);
    assert_int_equal(fit(ctx, a, &train, 0), MAD_OK);
    assert_int_equal(fit(ctx, b, &train, 0), MAD_OK);
    assert_true(law_of(ctx, a).mean[0] == 4);
    assert_true(fabs(law_of(ctx, a).cov[0] - (9.5 + h * h)) < 1e-13);
    assert_true(fabs(law_of(ctx, b).cov[0] - 9.75) < 1e-13);
    const mad_set one = mad_set_rows(&train, 0, 1);
    assert_int_equal(fit(ctx, a, &one, 0), MAD_E_RANGE);
    mad_ctx_clear(ctx);
    mad_arena_destroy(a->mem);
    mad_arena_destroy(b->mem);
}

static void test_linear(void **state)
{
    mad_ctx *ctx = *state;
    static const known_model known = {&mad_model_linear,
                                      {"design=reused", NULL},
                                      &mad_world_regression,
                                      {"features=2", "noise=0.25", "norm=3", NULL}};
    rig *r = rig_create(ctx, &known);
    double rows[] = {1, 0, 3, 0, 2, -4, 1, 1, 1};
    const mad_set exact = {.n_rows = 3, .dim = 3, .x = rows};
    const mad_set short_set = mad_set_rows(&exact, 2, 1);
    mad_fields state_of;
    r->model->type->fields(r->model, &state_of);
    const double *w = state_of.field[0].data;
    assert_int_equal(fit(ctx, r, &exact, 0), MAD_OK); /* y = 3 x0 - 2 x1 */
    assert_true(fabs(w[0] - 3) < 1e-14 && fabs(w[1] + 2) < 1e-14);
    const mad_moments law = law_of(ctx, r);
    assert_true(fabs(law.cov[8] - (13 + 0.0625)) < 1e-13); /* noise as in the world */
    assert_true(law.cov[0] == 1 && law.cov[1] == 0 && law.cov[2] == w[0] && law.cov[7] == w[1]);
    const mad_set drawn = sample(ctx, r, 300, 0); /* design rows in turn, new noise */
    double sum_sq = 0;
    for (size_t i = 0; i < 300; i++) {
        const double *x = drawn.x + 3 * i, *from = rows + 3 * (i % 3);
        assert_true(x[0] == from[0] && x[1] == from[1]);
        sum_sq += pow((x[2] - w[0] * x[0] - w[1] * x[1]) / 0.25, 2);
    }
    assert_true(fabs(sum_sq - 300) / sqrt(600.0) < Z_LIMIT);
    assert_int_equal(fit(ctx, r, &short_set, 0), MAD_OK); /* minimum norm: x y / |x|^2 */
    assert_true(fabs(w[0] - 0.5) < 1e-14 && fabs(w[1] - 0.5) < 1e-14);
    mad_arena_destroy(r->mem);
}

/* A later generation keeps the design of generation 1. */
static void test_linear_design(void **state)
{
    mad_ctx *ctx = *state;
    rig *r = rig_create(ctx, &models[7]);
    const mad_set first = real_rows(ctx, r, 40);
    assert_int_equal(fit(ctx, r, &first, 0), MAD_OK);
    mad_set second = take(ctx, r, 80);
    for (size_t i = 0; i < 80 * second.dim; i++) {
        second.x[i] = (double)i;
    }
    const mad_fit_args later = {.key = {.seed = 12, .generation = 2, .purpose = MAD_RNG_FIT},
                                .samples_seen = &r->samples_seen,
                                .flops = &r->flops};
    assert_int_equal(r->model->type->fit(ctx, r->model, &second, &later), MAD_OK);
    const mad_set drawn = sample(ctx, r, 80, 0);
    for (size_t i = 0; i < 80; i++) {
        assert_memory_equal(drawn.x + i * 4, first.x + i % 40 * 4, 3 * sizeof(double));
    }
    mad_arena_destroy(r->mem);
}

/* Counts of a damaged file must not become lengths. */
static void test_damaged_counts(void **state)
{
    static const int64_t bad[] = {0, -5, 1000000000};
    static const size_t which[] = {4, 7};
    mad_ctx *ctx = *state;
    for (size_t k = 0; k < 2; k++) {
        rig *r = rig_create(ctx, &models[which[k]]);
        const mad_set rows = real_rows(ctx, r, 40);
        mad_fields fields;
        assert_int_equal(fit(ctx, r, &rows, 0), MAD_OK);
        assert_int_equal(r->model->type->loaded(ctx, r->model), MAD_OK);
        r->model->type->fields(r->model, &fields);
        for (size_t i = 0; i < fields.n_fields; i++) {
            if (fields.field[i].kind != MAD_FIELD_I64 || fields.field[i].count != 1) {
                continue;
            }
            for (size_t j = 0; j < 3; j++) {
                *(int64_t *)fields.field[i].data = bad[j];
                assert_int_equal(r->model->type->loaded(ctx, r->model), MAD_E_DATA);
                mad_ctx_clear(ctx);
            }
        }
        mad_arena_destroy(r->mem);
    }
}

static void test_shrink(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    rig *r = rig_create(ctx, &models[1]);
    const mad_set train = real_rows(ctx, r, 300);
    assert_int_equal(fit(ctx, r, &train, 0), MAD_OK);
    const mad_moments law = law_of(ctx, r);
    const mad_set before = sample(ctx, r, 300, 0);
    mad_set after = sample(ctx, r, 300, 0);
    static const char *const weak[] = {"strength=0.64"};
    mad_values values, identity;
    assert_int_equal(mad_values_of(ctx, mem, mad_bias_shrink.params, 1, weak, &values), MAD_OK);
    assert_int_equal(mad_values_of(ctx, mem, mad_bias_shrink.params, 0, NULL, &identity), MAD_OK);
    const mad_bias_in untouched = {&identity, 1, 2, &law}, shrunk = {&values, 1, 2, &law};
    assert_true(mad_bias_shrink.is_identity(&identity) && !mad_bias_shrink.is_identity(&values));
    assert_int_equal(mad_bias_shrink.apply(ctx, &untouched, &after), MAD_OK);
    assert_same_rows(&before, &after);
    assert_int_equal(mad_bias_shrink.apply(ctx, &shrunk, &after), MAD_OK);
    for (size_t a = 0; a < 5; a++) { /* second moments about the law's mean: 0.64 times, exactly */
        for (size_t b = 0; b < 5; b++) {
            double was = 0, is = 0;
            for (size_t i = 0; i < 300; i++) {
                const double *x = before.x + i * 5, *y = after.x + i * 5;
                was += (x[a] - law.mean[a]) * (x[b] - law.mean[b]);
                is += (y[a] - law.mean[a]) * (y[b] - law.mean[b]);
            }
            assert_true(fabs(is - 0.64 * was) < 1e-12 * 300);
        }
    }
    static const char *const zero[] = {"strength=0"};
    assert_int_equal(mad_values_of(ctx, mem, mad_bias_shrink.params, 1, zero, &values),
                     MAD_E_CONFIG);
    mad_ctx_clear(ctx);
    mad_arena_destroy(r->mem);
    mad_arena_destroy(mem);
}

int main(void)
{
    mad_ctx *ctx = mad_ctx_create(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_state, ctx),
        cmocka_unit_test_prestate(test_memory, ctx),
        cmocka_unit_test_prestate(test_laws, ctx),
        cmocka_unit_test_prestate(test_gauss_values, ctx),
        cmocka_unit_test_prestate(test_gauss_line, ctx),
        cmocka_unit_test_prestate(test_weights, ctx),
        cmocka_unit_test_prestate(test_categorical, ctx),
        cmocka_unit_test_prestate(test_kde, ctx),
        cmocka_unit_test_prestate(test_linear, ctx),
        cmocka_unit_test_prestate(test_linear_design, ctx),
        cmocka_unit_test_prestate(test_damaged_counts, ctx),
        cmocka_unit_test_prestate(test_shrink, ctx),
    };
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    mad_ctx_destroy(ctx);
    return n_failed;
}
