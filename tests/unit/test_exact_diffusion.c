/* tests/unit/test_exact_diffusion.c: the family `exact`: its denoisers against finite differences
 * and hand-made posteriors, its fits, its state, what it refuses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/exact_case.h"
#include "tests/support/fixture.h"

static const mad_key test_key = {.seed = 11, .generation = 1, .purpose = MAD_RNG_TEST};

/* ---- denoisers ---- */

/* Three components in three dimensions, two classes. */
static mad_law law_of(mad_shape shape)
{
    static const double weight[3][3] = {{0.7, 0.3, 0.0}, {0.0, 0.5, 0.5}, {0.4, 0.4, 0.2}};
    static const double mean[9] = {-1.0, 0.2, 0.5, 0.3, 1.0, -0.4, 1.4, -0.6, 0.0};
    static const double lower[6] = {0.5, 0.1, 0.3, -0.2, 0.05, 0.15};
    mad_law law;
    must(mad_law_take(ctx, shape, 4, 3, 2, mem, &law));
    *law.n = 3;
    for (size_t k = 0; k < 3; k++) {
        memcpy(law.weight + 4 * k, weight[k], sizeof weight[k]);
    }
    memcpy(law.mean, mean, sizeof mean);
    for (size_t j = 0; j < 3; j++) {
        const double scale = 1.0 + (double)j;
        double cov[9] = {0};
        for (size_t a = 0; a < 3; a++) {
            for (size_t b = 0; b < 3; b++) {
                for (size_t c = 0; c <= (a < b ? a : b); c++) {
                    cov[3 * a + b] +=
                        scale * lower[a * (a + 1) / 2 + c] * lower[b * (b + 1) / 2 + c];
                }
            }
        }
        if (shape == MAD_SHAPE_FULL) {
            memcpy(law.cov + 9 * j, cov, sizeof cov);
        } else if (shape == MAD_SHAPE_DIAGONAL) {
            for (size_t a = 0; a < 3; a++) {
                law.cov[3 * j + a] = cov[4 * a];
            }
        } else {
            law.cov[j] = scale * 0.04;
        }
    }
    must(mad_law_derive(ctx, &law));
    return law;
}

/* T1.6: D = x + sigma^2 grad ln p(x; sigma), by central differences of ln p. */
static void test_score(void **state)
{
    (void)state;
    static const double x[] = {0.3, -0.2, 0.4};
    static const double sigmas[] = {0.05, 0.3, 1.0, 5.0, 80.0};
    for (int shape = 0; shape < 3; shape++) {
        const mad_law law = law_of((mad_shape)shape);
        mad_denoiser denoiser;
        must(mad_law_open(ctx, &law, mem, &denoiser));
        for (size_t i = 0; i < 5; i++) {
            for (int32_t label = -1; label < 2; label++) {
                const double sigma = sigmas[i], h = 1e-5 * fmax(1.0, sigma);
                double d[3], r[3];
                denoiser.denoise(denoiser.self, sigma, 1, &label, x, d);
                for (size_t a = 0; a < 3; a++) {
                    double up[3], down[3];
                    memcpy(up, x, sizeof up);
                    memcpy(down, x, sizeof down);
                    up[a] += h;
                    down[a] -= h;
                    const double slope = (mad_law_posterior(&denoiser, sigma, label, up, r) -
                                          mad_law_posterior(&denoiser, sigma, label, down, r)) /
                                         (2.0 * h);
                    const double score = (d[a] - x[a]) / (sigma * sigma);
                    assert_near(score, slope, 1e-4 * fmax(fabs(slope), 1e-3 / sigma));
                }
            }
        }
    }
}

/* Rows do not see each other, d may be x, far points do not underflow (trap 18). */
static void test_rows(void **state)
{
    (void)state;
    const mad_law law = law_of(MAD_SHAPE_FULL);
    mad_denoiser denoiser;
    double x[30], d[30], one[3], r[3];
    int32_t label[10];
    must(mad_law_open(ctx, &law, mem, &denoiser));
    mad_rng rng = mad_rng_open(test_key, 3);
    mad_rng_normals(&rng, 30, x);
    for (size_t i = 0; i < 10; i++) {
        label[i] = (int32_t)(i % 3) - 1;
    }
    denoiser.denoise(denoiser.self, 0.4, 10, label, x, d);
    for (size_t i = 0; i < 10; i++) {
        memcpy(one, x + 3 * i, sizeof one);
        denoiser.denoise(denoiser.self, 0.4, 1, label + i, one, one);
        assert_memory_equal(one, d + 3 * i, sizeof one);
    }
    const double far[] = {1000.0, 0.0, 0.0};
    assert_true(mad_law_posterior(&denoiser, 0.002, MAD_NO_CLASS, far, r) < -1e5);
    assert_near(r[0] + r[1] + r[2], 1.0, 1e-12);
    const double nothing[] = {(double)NAN, 0.0, 0.0};
    denoiser.denoise(denoiser.self, 1.0, 1, NULL, nothing, one);
    assert_true(isnan(one[0]));
}

/* ---- the model ---- */

#define FIT(f, world, ...)                                                                         \
    do {                                                                                           \
        const char *const pairs_[] = {__VA_ARGS__};                                                \
        must(mad_exact_case_make(ctx, mem, (f), (world), sizeof pairs_ / sizeof *pairs_, pairs_)); \
        mad_exact_case_draw(ctx, mem, f);                                                          \
        mad_exact_case_fit(ctx, (f), 1, NULL);                                                     \
    } while (0)

/* Weighted moments per class, in standardised units, by hand. */
static void test_gauss_fit(void **state)
{
    (void)state;
    for (int unbiased = 0; unbiased < 2; unbiased++) {
        mad_exact_case f;
        const char *const pairs[] = {"law=gauss", unbiased ? "ddof=unbiased" : "ddof=ml"};
        must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(2), 2, pairs));
        mad_exact_case_draw(ctx, mem, &f);
        f.train.weight = mad_arena_take(mem, MAD_EXACT_CASE_ROWS, sizeof(double));
        for (size_t r = 0; r < MAD_EXACT_CASE_ROWS; r++) {
            f.train.weight[r] = r % 2 == 0 ? 0.5 : 1.5;
        }
        mad_exact_case_fit(ctx, &f, 1, NULL);
        const mad_exact *self = mad_exact_case_state(&f);
        for (size_t k = 0; k < 2; k++) {
            double total = 0.0, total_sq = 0.0, mean = 0.0, var = 0.0;
            for (int pass = 0; pass < 2; pass++) {
                for (size_t r = 0; r < MAD_EXACT_CASE_ROWS; r++) {
                    const double w = f.train.weight[r];
                    const double x =
                        (f.train.x[2 * r] - self->standard.centre[0]) / self->standard.scale[0];
                    if ((size_t)f.train.label[r] != k) {
                        continue;
                    }
                    if (pass == 0) {
                        total += w;
                        total_sq += w * w;
                        mean += w * x;
                    } else {
                        var += w * (x - mean / total) * (x - mean / total);
                    }
                }
            }
            assert_near(self->law.mean[2 * k], mean / total, 1e-12);
            assert_near(self->law.cov[4 * k], var / (total - (unbiased ? total_sq / total : 0.0)),
                        1e-12);
            assert_near(self->law.weight[2 * 2 + k], total / MAD_EXACT_CASE_ROWS, 1e-12);
            assert_near(self->law.weight[2 * k + k], 1.0, 0.0);
        }
    }
}

/* EM and the world's modes find the same two clusters, with labels and without. */
static void test_mixture_fit(void **state)
{
    (void)state;
    for (size_t n_classes = 0; n_classes <= 2; n_classes += 2) {
        mad_exact_case em, world;
        FIT(&em, mad_exact_on_plane(n_classes), "law=mixture", "components=2");
        FIT(&world, mad_exact_on_plane(n_classes), "law=mixture", "modes=world", "ddof=ml");
        const mad_law *a = &mad_exact_case_state(&em)->law, *b = &mad_exact_case_state(&world)->law;
        const size_t swap = fabs(a->mean[0] - b->mean[0]) > 0.1;
        for (size_t j = 0; j < 2; j++) {
            const size_t i = swap ? 1 - j : j;
            for (size_t c = 0; c < 2; c++) {
                assert_near(a->mean[2 * i + c], b->mean[2 * j + c], 1e-6);
            }
            for (size_t c = 0; c < 4; c++) {
                assert_near(a->cov[4 * i + c], b->cov[4 * j + c], 1e-6);
            }
            for (size_t k = 0; k <= n_classes; k++) {
                assert_near(a->weight[2 * k + i], b->weight[2 * k + j], 1e-6);
            }
        }
        assert_near(b->weight[2 * n_classes], 0.75, 1e-12);
    }
}

/* D7's ends: with no width and an exact flow a row ends on a training row; with a width its law is
 * the kernel density. */
static void test_empirical(void **state)
{
    (void)state;
    mad_exact_case f;
    FIT(&f, mad_exact_on_plane(2), "law=empirical", "sampler.kind=heun", "sampler.steps=40");
    const mad_set rows = mad_exact_case_rows(ctx, mem, &f, 200);
    for (size_t r = 0; r < 200; r++) {
        double nearest = HUGE_VAL;
        for (size_t i = 0; i < MAD_EXACT_CASE_ROWS; i++) {
            const double d =
                hypot(rows.x[2 * r] - f.train.x[2 * i], rows.x[2 * r + 1] - f.train.x[2 * i + 1]);
            if (f.train.label[i] == rows.label[r]) {
                nearest = fmin(nearest, d);
            }
        }
        assert_near(nearest, 0.0, 0.01);
    }
    FIT(&f, mad_exact_on_plane(0), "law=empirical", "width=0.5");
    const mad_law *law = &mad_exact_case_state(&f)->law;
    assert_int_equal(*law->n, MAD_EXACT_CASE_ROWS);
    assert_near(law->variance[17], 0.25, 0.0);
}

/* Categories come back as themselves; none that was not there. */
static void test_categories(void **state)
{
    (void)state;
    mad_exact_case f;
    FIT(&f, mad_exact_on_categories(6), "sampler.kind=dpmpp_2m");
    const mad_set rows = mad_exact_case_rows(ctx, mem, &f, 20000);
    size_t count[6] = {0}, truth[6] = {0};
    for (size_t r = 0; r < 20000; r++) {
        assert_true(rows.x[r] >= 0.0 && rows.x[r] < 6.0 && rows.x[r] == floor(rows.x[r]));
        count[(size_t)rows.x[r]]++;
    }
    for (size_t r = 0; r < MAD_EXACT_CASE_ROWS; r++) {
        truth[(size_t)f.train.x[r]]++;
    }
    assert_int_equal(count[4], 0);
    /* a 20-step flow is a little off the exact frequencies: a coarse check of the embedding */
    for (size_t k = 0; k < 6; k++) {
        assert_near((double)count[k] / 20000.0, (double)truth[k] / MAD_EXACT_CASE_ROWS, 0.06);
    }
    assert_int_equal(mad_exact_case_state(&f)->standard.dim, 16);
}

/* Every law: the state is all there is, and threads are not seen. */
static void test_state(void **state)
{
    (void)state;
    static const char *const laws[][2] = {
        {"law=gauss", "covariance=full"},      {"law=gauss", "covariance=diagonal"},
        {"law=gauss", "covariance=spherical"}, {"law=mixture", "components=3"},
        {"law=mixture", "modes=world"},        {"law=empirical", "width=0.1"},
        {"law=categorical", "embedding=5"}};
    static const size_t threads[] = {1, 2, 3, 5};
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        const mad_world_info world = i == 6 ? mad_exact_on_categories(6) : mad_exact_on_plane(2);
        const char *const pairs[] = {laws[i][0], laws[i][1], "sampler.kind=heun"};
        mad_set first = {0};
        for (size_t t = 0; t < 4; t++) {
            mad_ctx *const shared = ctx;
            mad_exact_case f, copy;
            ctx = mad_ctx_create(threads[t]);
            must(mad_exact_case_make(ctx, mem, &f, world, 3, pairs));
            must(mad_exact_case_make(ctx, mem, &copy, world, 3, pairs));
            mad_exact_case_draw(ctx, mem, &f);
            mad_exact_case_fit(ctx, &f, 1, NULL);
            mad_fields from = {0}, to = {0};
            mad_model_exact.fields(f.model, &from);
            mad_model_exact.fields(copy.model, &to);
            assert_int_equal(from.n_fields, to.n_fields);
            for (size_t k = 0; k < from.n_fields; k++) {
                memcpy(to.field[k].data, from.field[k].data, from.field[k].count * sizeof(double));
            }
            must(mad_model_exact.loaded(ctx, copy.model));
            const mad_set a = mad_exact_case_rows(ctx, mem, &f, 700),
                          b = mad_exact_case_rows(ctx, mem, &copy, 700);
            assert_memory_equal(a.x, b.x, a.n_rows * a.dim * sizeof *a.x);
            if (t == 0) {
                first = a;
            }
            assert_memory_equal(a.x, first.x, a.n_rows * a.dim * sizeof *a.x);
            mad_ctx_destroy(ctx);
            ctx = shared;
        }
    }
}

/* A number of components beyond the memory of the law is damage, not a length. */
static void test_damaged(void **state)
{
    (void)state;
    mad_exact_case f;
    FIT(&f, mad_exact_on_plane(2), "law=gauss");
    static const int64_t bad[] = {0, -5, 3, 1000000000};
    for (size_t i = 0; i < 4; i++) {
        *mad_exact_case_state(&f)->law.n = bad[i];
        assert_int_equal(mad_model_exact.loaded(ctx, f.model), MAD_E_DATA);
        assert_non_null(strstr(ctx->message, "1 to 2"));
        mad_ctx_clear(ctx);
    }
}

static void refuse(mad_world_info world, mad_status code, const char *word, size_t n_pairs,
                   const char *const *pairs)
{
    mad_exact_case f;
    assert_int_equal(mad_exact_case_make(ctx, mem, &f, world, n_pairs, pairs), code);
    if (strstr(ctx->message, word) == NULL) {
        fail_msg("'%s' does not name '%s'", ctx->message, word);
    }
    mad_ctx_clear(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    const mad_world_info world = mad_exact_on_plane(0);
    refuse(world, MAD_E_UNSUPPORTED, "law: categorical", 1, (const char *[]){"law=categorical"});
    refuse(mad_exact_on_categories(3), MAD_E_UNSUPPORTED, "categories", 1,
           (const char *[]){"law=empirical"});
    refuse(world, MAD_E_CONFIG, "width is set, but has no effect", 1, (const char *[]){"width=1"});
    refuse(world, MAD_E_CONFIG, "covariance", 2,
           (const char *[]){"law=mixture", "covariance=diagonal"});
    refuse(world, MAD_E_CONFIG, "components", 3,
           (const char *[]){"law=mixture", "modes=world", "components=2"});
    refuse(world, MAD_E_CONFIG, "sampler.eta", 1, (const char *[]){"sampler.eta=1"});
    refuse(world, MAD_E_CONFIG, "schedule.beta_min", 2,
           (const char *[]){"sampler.kind=euler", "schedule.beta_min=0.001"});
    refuse(world, MAD_E_CONFIG, "both set", 2,
           (const char *[]){"sampler.stop_time=0.1", "sampler.stop_sigma=0.1"});
    refuse(world, MAD_E_CONFIG, "sampler.final", 1, (const char *[]){"sampler.final=tweedie"});
    refuse(world, MAD_E_CONFIG, "early stop", 2,
           (const char *[]){"sampler.kind=heun", "sampler.stop_sigma=[0.1,90]"});
    refuse(world, MAD_E_UNSUPPORTED, "needs a world with classes", 1,
           (const char *[]){"guide.kind=cfg"});
    refuse(mad_exact_on_plane(2), MAD_E_CONFIG, "one strength", 3,
           (const char *[]){"guide.kind=cfg", "guide.w=1", "guide.mad=0.5"});
    refuse(mad_exact_on_plane(2), MAD_E_CONFIG, "guide.w is set, but has no effect", 1,
           (const char *[]){"guide.w=1"});
    refuse(mad_exact_on_plane(2), MAD_E_CONFIG, "guide.low", 3,
           (const char *[]){"guide.kind=cfg", "guide.low=2", "guide.high=1"});
    refuse(mad_exact_on_plane(2), MAD_E_CONFIG, "guide.target has 3 numbers", 2,
           (const char *[]){"guide.kind=reward", "guide.target=[1,2,3]"});
    refuse(mad_exact_on_plane(2), MAD_E_CONFIG, "guide.worse", 1,
           (const char *[]){"guide.worse=0.1"});
    refuse(mad_exact_on_categories(3), MAD_E_UNSUPPORTED, "plain rows", 1,
           (const char *[]){"guide.kind=reward"});
    mad_world_info bare = world;
    bare.n_modes = 0;
    refuse(bare, MAD_E_UNSUPPORTED, "knows its modes", 2,
           (const char *[]){"law=mixture", "modes=world"});
    mad_exact_case f; /* defaults written out are no mistake: a resumed run does so */
    must(mad_exact_case_make(ctx, mem, &f, world, 3,
                             (const char *[]){"sampler.rho=7", "width=0", "sampler.eta=0.0"}));
    FIT(&f, mad_exact_on_plane(2), "law=gauss");
    f.train.n_rows = 0;
    const mad_fit_args args = {.key = test_key};
    assert_int_equal(mad_model_exact.fit(ctx, f.model, &f.train, &args), MAD_E_RANGE);
    mad_ctx_clear(ctx);
    FIT(&f, mad_exact_on_categories(6), "law=auto");
    f.train.x[9] = 6.0;
    assert_int_equal(mad_model_exact.fit(ctx, f.model, &f.train, &args), MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "row 9 has category 6"));
    mad_ctx_clear(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_score),     cmocka_unit_test(test_rows),
        cmocka_unit_test(test_gauss_fit), cmocka_unit_test(test_mixture_fit),
        cmocka_unit_test(test_empirical), cmocka_unit_test(test_categories),
        cmocka_unit_test(test_state),     cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
