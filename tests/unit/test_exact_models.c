/* tests/unit/test_exact_models.c: what holds of every model without a training loop: state that
 * copies, memory, laws against their own moments, weights of rows, damaged counts.
 *
 * Statistical checks: z-scores of first and second moments of N = 200000 sampled rows against
 * moments() (central limit), rejected beyond |z| = 4.89 (two-sided 1e-6); the sabotaged twin, rows
 * stretched by 2 % about the mean (variance + 4 %), must be rejected. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/fields.h"
#include "tests/support/model_case.h"
#include "tests/support/rows.h"
#include "tests/support/values.h"

enum { N = MAD_MODEL_CASE_ROWS };

static const mad_known_model models[] = {
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

static int is_reused(const mad_known_model *known)
{
    return known->pairs[0] != NULL && strcmp(known->pairs[0], "design=reused") == 0;
}

/* The fields are the whole state; threads and the size of the request change nothing. */
static void test_state(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t i = 0; i < N_MODELS; i++) {
        mad_model_case *r = mad_model_case_create(ctx, &models[i]),
                       *copy = mad_model_case_create(ctx, &models[i]);
        const mad_set train = mad_model_case_real(ctx, r, 900);
        assert_int_equal(mad_model_case_fit(ctx, r, &train, 0), MAD_OK);
        assert_int_equal(mad_test_copy_state(ctx, r->model, copy->model), MAD_OK);
        const mad_set a = mad_model_case_sample(ctx, r, 600, 5),
                      b = mad_model_case_sample(ctx, copy, 600, 5);
        mad_test_same_rows(&a, &b);
        if (!is_reused(&models[i])) { /* those count design rows from the start of a call */
            mad_set second = mad_model_case_sample(ctx, r, 344, 6),
                    tail = mad_set_rows(&a, 256, 344);
            mad_test_same_rows(&tail, &second); /* chunk i takes item first_item + i */
        }
        for (size_t n_threads = 1; n_threads <= 5; n_threads++) {
            mad_ctx *other = mad_ctx_create(n_threads);
            assert_int_equal(mad_model_case_fit(other, copy, &train, 0), MAD_OK);
            const mad_set c = mad_model_case_sample(other, copy, 600, 5);
            mad_test_same_rows(&a, &c);
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
        mad_model_case *r = mad_model_case_create(ctx, &models[i]);
        mad_set train = mad_model_case_real(ctx, r, 900);
        const mad_key key = {.seed = 12, .generation = 1, .purpose = MAD_RNG_SAMPLE};
        size_t scratch = 0, own = 0;
        for (size_t turn = 0; turn < 4; turn++) {
            assert_int_equal(mad_model_case_fit(ctx, r, &train, 0), MAD_OK);
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

static void test_laws(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t i = 0; i < N_MODELS; i++) {
        mad_model_case *r = mad_model_case_create(ctx, &models[i]);
        const mad_set train = mad_model_case_real(ctx, r, 700);
        if (r->model->type->moments != NULL && !is_reused(&models[i])) {
            assert_int_equal(mad_model_case_fit(ctx, r, &train, 0), MAD_OK);
            const mad_moments law = mad_model_case_law(ctx, r);
            mad_set set = mad_model_case_sample(ctx, r, N, 0);
            double z = mad_test_worst_z(&set, law.mean, law.cov);
            if (z > MAD_TEST_Z) {
                fail_msg("model %zu (%s): z = %g", i, r->model->type->name, z);
            }
            for (size_t j = 0; j < set.n_rows * set.dim; j++) {
                const double mean = law.mean[j % set.dim];
                set.x[j] = mean + 1.02 * (set.x[j] - mean);
            }
            z = mad_test_worst_z(&set, law.mean, law.cov);
            if (z <= MAD_TEST_Z) {
                fail_msg("model %zu (%s): the twin passes, z = %g", i, r->model->type->name, z);
            }
        }
        mad_arena_destroy(r->mem);
    }
}

/* Rows with weight 2 (over the mean weight) count as two rows, in every ML-like fit. */
static void test_weights(void **state)
{
    mad_ctx *ctx = *state;
    static const size_t which[] = {1, 3, 5, 6, 8};
    for (size_t k = 0; k < sizeof which / sizeof *which; k++) {
        const mad_known_model *known = &models[which[k]];
        mad_model_case *r = mad_model_case_create(ctx, known),
                       *twice = mad_model_case_create(ctx, known);
        const size_t n = 400;
        mad_set train = mad_model_case_real(ctx, r, n),
                repeated = mad_model_case_take(ctx, r, n + n / 4);
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
            assert_int_equal(mad_model_case_fit(ctx, r, &train, 0), MAD_OK);
            assert_int_equal(mad_test_copy_state(ctx, r->model, twice->model), MAD_OK);
            warm_steps = 3;
        }
        train.weight = weight;
        assert_int_equal(mad_model_case_fit(ctx, r, &train, warm_steps), MAD_OK);
        assert_int_equal(mad_model_case_fit(ctx, twice, &repeated, warm_steps), MAD_OK);
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
            const mad_moments p = mad_model_case_law(ctx, r), q = mad_model_case_law(ctx, twice);
            for (size_t i = 0; i < p.dim * p.dim; i++) {
                assert_true(fabs(p.cov[i] - q.cov[i]) < 1e-12);
            }
        }
        mad_arena_destroy(twice->mem);
        mad_arena_destroy(r->mem);
    }
}

/* Counts of a damaged file must not become lengths. */
static void test_damaged_counts(void **state)
{
    static const int64_t bad[] = {0, -5, 1000000000};
    static const size_t which[] = {4, 7};
    mad_ctx *ctx = *state;
    for (size_t k = 0; k < 2; k++) {
        mad_model_case *r = mad_model_case_create(ctx, &models[which[k]]);
        const mad_set rows = mad_model_case_real(ctx, r, 40);
        mad_fields fields;
        assert_int_equal(mad_model_case_fit(ctx, r, &rows, 0), MAD_OK);
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
    mad_model_case *r = mad_model_case_create(ctx, &models[1]);
    const mad_set train = mad_model_case_real(ctx, r, 300);
    assert_int_equal(mad_model_case_fit(ctx, r, &train, 0), MAD_OK);
    const mad_moments law = mad_model_case_law(ctx, r);
    const mad_set before = mad_model_case_sample(ctx, r, 300, 0);
    mad_set after = mad_model_case_sample(ctx, r, 300, 0);
    static const char *const weak[] = {"strength=0.64"};
    mad_values values, identity;
    assert_int_equal(mad_values_of(ctx, mem, mad_bias_shrink.params, 1, weak, &values), MAD_OK);
    assert_int_equal(mad_values_of(ctx, mem, mad_bias_shrink.params, 0, NULL, &identity), MAD_OK);
    const mad_bias_in untouched = {&identity, 1, 2, &law}, shrunk = {&values, 1, 2, &law};
    assert_true(mad_bias_shrink.is_identity(&identity) && !mad_bias_shrink.is_identity(&values));
    assert_int_equal(mad_bias_shrink.apply(ctx, &untouched, &after), MAD_OK);
    mad_test_same_rows(&before, &after);
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
        cmocka_unit_test_prestate(test_weights, ctx),
        cmocka_unit_test_prestate(test_damaged_counts, ctx),
        cmocka_unit_test_prestate(test_shrink, ctx),
    };
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    mad_ctx_destroy(ctx);
    return n_failed;
}
