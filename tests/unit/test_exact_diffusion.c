/* tests/unit/test_exact_diffusion.c: the family `exact`: its denoisers against finite differences
 * and hand-made posteriors, its fits, its state, and what it says of the law it samples. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/diffusion/exact/exact.h"
#include "models/diffusion/exact/sample.h"
#include "sim/cli/lists.h"
#include "tests/support/values.h"

static const mad_key test_key = {.seed = 11, .generation = 1, .purpose = MAD_RNG_TEST};
static mad_ctx *ctx;
static mad_arena *mem;

static int setup(void **state)
{
    (void)state;
    ctx = mad_ctx_create(2);
    mem = mad_arena_create(1 << 22);
    return ctx == NULL || mem == NULL;
}

static int teardown(void **state)
{
    (void)state;
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return 0;
}

static void assert_near(double a, double b, double allowed)
{
    if (!(fabs(a - b) <= allowed)) {
        fail_msg("%.12g against %.12g, allowed %.3g", a, b, allowed);
    }
}

static void must(mad_status st)
{
    if (st != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
}

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

enum { MAX_PAIRS = 16, N_ROWS = 400 };

typedef struct fixture {
    mad_world_info world;
    mad_values values;
    mad_model *model;
    mad_set train;
} fixture;

static const double modes[] = {2.0, 1.0, -2.0, 0.0}; /* of the two clusters */

static mad_world_info plane(size_t n_classes)
{
    return (mad_world_info){.kind = MAD_WORLD_CONTINUOUS,
                            .dim = 2,
                            .n_classes = n_classes,
                            .n_modes = 2,
                            .mode_centre = modes};
}

static mad_world_info categories(size_t n)
{
    return (mad_world_info){.kind = MAD_WORLD_CATEGORICAL, .dim = 1, .n_categories = n};
}

static mad_status make(fixture *f, mad_world_info world, size_t n_pairs, const char *const *pairs)
{
    *f = (fixture){.world = world};
    const mad_status st =
        mad_values_of(ctx, mem, mad_model_exact.params, n_pairs, pairs, &f->values);
    if (st != MAD_OK) {
        return st;
    }
    mad_world_info *kept = mad_arena_take(mem, 1, sizeof *kept);
    *kept = world;
    const mad_model_args args = {&f->values, kept, N_ROWS, N_ROWS, 5};
    return mad_model_exact.create(ctx, &args, mem, &f->model);
}

/* Two clusters of unequal size; class = cluster, category = a skewed number below 6. */
static void draw_train(fixture *f)
{
    must(mad_set_take(ctx, mem, N_ROWS, f->world.dim, f->world.n_classes > 0, &f->train));
    mad_rng rng = mad_rng_open(test_key, 7);
    mad_rng_normals(&rng, N_ROWS * f->world.dim, f->train.x);
    for (size_t r = 0; r < N_ROWS; r++) {
        const size_t k = r % 4 == 0;
        if (f->world.kind == MAD_WORLD_CATEGORICAL) {
            f->train.x[r] = (double)(r % 10 < 4 ? 0 : r % 10 < 9 ? 1 + r % 3 : 5);
            continue;
        }
        f->train.x[2 * r] = modes[2 * k] + 0.3 * f->train.x[2 * r];
        f->train.x[2 * r + 1] = modes[2 * k + 1] + 0.1 * f->train.x[2 * r + 1];
        if (f->world.n_classes > 0) {
            f->train.label[r] = (int32_t)k;
        }
    }
}

static void fit(fixture *f, uint32_t generation, double *report)
{
    const mad_fit_args args = {.key = {.seed = 5, .generation = generation, .purpose = MAD_RNG_FIT},
                               .report = report};
    must(mad_model_exact.fit(ctx, f->model, &f->train, &args));
}

static mad_set sample(const fixture *f, size_t n_rows)
{
    mad_set out;
    const mad_key key = {.seed = 5, .generation = 1, .purpose = MAD_RNG_SAMPLE};
    must(mad_set_take(ctx, mem, n_rows, f->world.dim, f->world.n_classes > 0, &out));
    must(mad_model_exact.sample(ctx, f->model, key, 40, &out));
    return out;
}

#define FIT(f, world, ...)                                                                         \
    do {                                                                                           \
        const char *const pairs_[] = {__VA_ARGS__};                                                \
        must(make((f), (world), sizeof pairs_ / sizeof *pairs_, pairs_));                          \
        draw_train(f);                                                                             \
        fit((f), 1, NULL);                                                                         \
    } while (0)

static const mad_exact *self_of(const fixture *f)
{
    return (const mad_exact *)f->model;
}

/* Weighted moments per class, in standardised units, by hand. */
static void test_gauss_fit(void **state)
{
    (void)state;
    for (int unbiased = 0; unbiased < 2; unbiased++) {
        fixture f;
        const char *const pairs[] = {"law=gauss", unbiased ? "ddof=unbiased" : "ddof=ml"};
        must(make(&f, plane(2), 2, pairs));
        draw_train(&f);
        f.train.weight = mad_arena_take(mem, N_ROWS, sizeof(double));
        for (size_t r = 0; r < N_ROWS; r++) {
            f.train.weight[r] = r % 2 == 0 ? 0.5 : 1.5;
        }
        fit(&f, 1, NULL);
        const mad_exact *self = self_of(&f);
        for (size_t k = 0; k < 2; k++) {
            double total = 0.0, total_sq = 0.0, mean = 0.0, var = 0.0;
            for (int pass = 0; pass < 2; pass++) {
                for (size_t r = 0; r < N_ROWS; r++) {
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
            assert_near(self->law.weight[2 * 2 + k], total / N_ROWS, 1e-12);
            assert_near(self->law.weight[2 * k + k], 1.0, 0.0);
        }
    }
}

/* EM and the world's modes find the same two clusters, with labels and without. */
static void test_mixture_fit(void **state)
{
    (void)state;
    for (size_t n_classes = 0; n_classes <= 2; n_classes += 2) {
        fixture em, world;
        FIT(&em, plane(n_classes), "law=mixture", "components=2");
        FIT(&world, plane(n_classes), "law=mixture", "modes=world", "ddof=ml");
        const mad_law *a = &self_of(&em)->law, *b = &self_of(&world)->law;
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
    fixture f;
    FIT(&f, plane(2), "law=empirical", "sampler.kind=heun", "sampler.steps=40");
    const mad_set rows = sample(&f, 200);
    for (size_t r = 0; r < 200; r++) {
        double nearest = HUGE_VAL;
        for (size_t i = 0; i < N_ROWS; i++) {
            const double d =
                hypot(rows.x[2 * r] - f.train.x[2 * i], rows.x[2 * r + 1] - f.train.x[2 * i + 1]);
            if (f.train.label[i] == rows.label[r]) {
                nearest = fmin(nearest, d);
            }
        }
        assert_near(nearest, 0.0, 0.01);
    }
    FIT(&f, plane(0), "law=empirical", "width=0.5");
    const mad_law *law = &self_of(&f)->law;
    assert_int_equal(*law->n, N_ROWS);
    assert_near(law->variance[17], 0.25, 0.0);
}

/* Categories come back as themselves; none that was not there. */
static void test_categories(void **state)
{
    (void)state;
    fixture f;
    FIT(&f, categories(6), "sampler.kind=dpmpp_2m");
    const mad_set rows = sample(&f, 20000);
    size_t count[6] = {0}, truth[6] = {0};
    for (size_t r = 0; r < 20000; r++) {
        assert_true(rows.x[r] >= 0.0 && rows.x[r] < 6.0 && rows.x[r] == floor(rows.x[r]));
        count[(size_t)rows.x[r]]++;
    }
    for (size_t r = 0; r < N_ROWS; r++) {
        truth[(size_t)f.train.x[r]]++;
    }
    assert_int_equal(count[4], 0);
    /* a 20-step flow is a little off the exact frequencies: a coarse check of the embedding */
    for (size_t k = 0; k < 6; k++) {
        assert_near((double)count[k] / 20000.0, (double)truth[k] / N_ROWS, 0.06);
    }
    assert_int_equal(self_of(&f)->standard.dim, 16);
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
        const mad_world_info world = i == 6 ? categories(6) : plane(2);
        const char *const pairs[] = {laws[i][0], laws[i][1], "sampler.kind=heun"};
        mad_set first = {0};
        for (size_t t = 0; t < 4; t++) {
            mad_ctx *const shared = ctx;
            fixture f, copy;
            ctx = mad_ctx_create(threads[t]);
            must(make(&f, world, 3, pairs));
            must(make(&copy, world, 3, pairs));
            draw_train(&f);
            fit(&f, 1, NULL);
            mad_fields from = {0}, to = {0};
            mad_model_exact.fields(f.model, &from);
            mad_model_exact.fields(copy.model, &to);
            assert_int_equal(from.n_fields, to.n_fields);
            for (size_t k = 0; k < from.n_fields; k++) {
                memcpy(to.field[k].data, from.field[k].data, from.field[k].count * sizeof(double));
            }
            must(mad_model_exact.loaded(ctx, copy.model));
            const mad_set a = sample(&f, 700), b = sample(&copy, 700);
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

/* moments() against 20000 rows: |z| < 5.5 for 5 numbers of 6 samplers is a false alarm of 1e-6. A
 * model that forgot the gain of ddim with 20 steps (variance 0.76) would be off by 24 sd. */
static void test_moments(void **state)
{
    (void)state;
    enum { N = 20000 };
    static const char *const samplers[][2] = {{"sampler.kind=ddim", "sampler.steps=20"},
                                              {"sampler.kind=ancestral", "schedule.steps=60"},
                                              {"sampler.kind=abm3", "sampler.steps=8"},
                                              {"sampler.kind=ou", "sampler.steps=50"},
                                              {"sampler.kind=heun", "sampler.stop_time=0.5"},
                                              {"sampler.kind=heun", "sampler.stop_sigma=0.5"}};
    for (size_t i = 0; i < 6; i++) {
        fixture f;
        const char *const pairs[] = {samplers[i][0], samplers[i][1], "covariance=full"};
        double mean[2], cov[4], m[2] = {0}, c[4] = {0};
        mad_moments law = {.dim = 2, .mean = mean, .cov = cov};
        must(make(&f, plane(2), 3, pairs));
        draw_train(&f);
        fit(&f, 1, NULL);
        must(mad_model_exact.moments(ctx, f.model, &law));
        const mad_set rows = sample(&f, N);
        for (size_t r = 0; r < N; r++) {
            m[0] += rows.x[2 * r] / N;
            m[1] += rows.x[2 * r + 1] / N;
        }
        for (size_t r = 0; r < N; r++) {
            for (size_t a = 0; a < 4; a++) {
                c[a] += (rows.x[2 * r + a / 2] - m[a / 2]) * (rows.x[2 * r + a % 2] - m[a % 2]) / N;
            }
        }
        for (size_t a = 0; a < 2; a++) {
            assert_true(fabs(m[a] - mean[a]) < 5.5 * sqrt(cov[3 * a] / N));
            /* two clusters are flatter than a normal law: its 2/n bounds their variance's */
            assert_true(fabs(c[3 * a] / cov[3 * a] - 1.0) < 5.5 * sqrt(2.0 / N));
        }
        assert_true(fabs(c[1] - cov[1]) < 5.5 * sqrt((cov[0] * cov[3] + cov[1] * cov[1]) / N));
    }
    fixture f;
    must(make(&f, plane(2), 1, (const char *[]){"sampler.kind=pc"}));
    assert_false(mad_model_exact.knows_moments(&f.values));
    must(make(&f, plane(2), 1, (const char *[]){"law=empirical"}));
    assert_false(mad_model_exact.knows_moments(&f.values));
    must(make(&f, plane(2), 1, (const char *[]){"law=gauss"}));
    assert_true(mad_model_exact.knows_moments(&f.values));
}

/* sampler.calibrate: one generation of the exact sampler leaves the variance of the training set;
 * the report tells lam_eff of the sampler as it is used. */
static void test_calibrate(void **state)
{
    (void)state;
    for (int calibrated = 0; calibrated < 2; calibrated++) {
        fixture f;
        const char *const pairs[] = {"covariance=spherical", "sampler.kind=euler", "ddof=ml",
                                     calibrated ? "sampler.calibrate=yes" : "sampler.calibrate=no"};
        double mean[2], cov[4], report[3] = {0};
        mad_moments law = {.dim = 2, .mean = mean, .cov = cov};
        must(make(&f, plane(2), 4, pairs));
        draw_train(&f);
        f.train.n_rows = 4; /* one class only: a single cluster of four rows */
        for (size_t r = 0; r < 4; r++) {
            f.train.label[r] = 1;
        }
        fit(&f, 1, report);
        const mad_standard *s = &self_of(&f)->standard;
        must(mad_model_exact.moments(ctx, f.model, &law));
        const double gain = 0.5 * (cov[0] + cov[3]) / (s->scale[0] * s->scale[0]) / s->variance[0];
        assert_near(report[0], gain, 1e-9);
        assert_near(report[1], s->variance[0], 0.0);
        if (calibrated) {
            assert_near(gain, 1.0, 1e-9);
        } else {
            assert_true(gain < 0.95);
        }
    }
}

/* Mean over the columns of the variance within classes, over that of the training rows. */
static double variance_ratio(const fixture *f, const mad_set *rows)
{
    const mad_set *sets[2] = {&f->train, rows};
    double within[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        for (int32_t k = 0; k < 2; k++) {
            for (size_t a = 0; a < 2; a++) {
                double n = 0.0, sum = 0.0, sum_sq = 0.0;
                for (size_t r = 0; r < sets[i]->n_rows; r++) {
                    const double x = sets[i]->x[2 * r + a];
                    n += sets[i]->label[r] == k;
                    sum += sets[i]->label[r] == k ? x : 0.0;
                    sum_sq += sets[i]->label[r] == k ? x * x : 0.0;
                }
                within[i] += (sum_sq - sum * sum / n) / (double)sets[i]->n_rows;
            }
        }
    }
    return within[1] / within[0];
}

static double guided_ratio(size_t n_pairs, const char *const *pairs, double report[3])
{
    fixture f;
    must(make(&f, plane(2), n_pairs, pairs));
    draw_train(&f);
    fit(&f, 1, report);
    const mad_set rows = sample(&f, 20000);
    return variance_ratio(&f, &rows);
}

/* Negative guidance undoes the sampler's own bias (its auxiliary was fitted on rows that had gone
 * through the sampler once), guidance by class contracts, a worse model of the same law does
 * neither. se of a ratio from 20000 rows in 2 columns of very unequal variance: sqrt(2 / 20000). */
static void test_guidance(void **state)
{
    (void)state;
    const double allowed = 4.0 * sqrt(2.0 / 20000.0);
    double report[3];
    static const char *const own[] = {"ddof=ml", "sampler.kind=ddim", "sampler.steps=40",
                                      "guide.kind=negative", "guide.w=1"};
    const double biased = guided_ratio(3, own, report);
    assert_true(biased < 0.9);
    assert_near(biased, report[0], 0.08); /* lam_eff at the mean of unequal variances */
    /* the auxiliary has 400 rows: its variance has a standard error of 0.06 */
    assert_near(guided_ratio(5, own, report), 1.0, allowed + 4.0 * 0.06);
    assert_true(guided_ratio(5, own, report) > biased + 0.05);
    assert_near(report[2], 1.0 / report[0], 0.25);

    static const char *const cfg[] = {"ddof=ml", "guide.kind=cfg", "guide.w=0.5",
                                      "sampler.kind=abm3", "sampler.steps=40"};
    const double contracted = guided_ratio(5, cfg, report);
    assert_true(contracted < 0.9 && report[2] < 0.5);
    static const char *const scale[] = {"ddof=ml", "guide.kind=cfg", "guide.scale=1.5",
                                        "sampler.kind=abm3", "sampler.steps=40"};
    assert_near(guided_ratio(5, scale, report), contracted, 0.0); /* another word for it */
    static const char *const mad[] = {"ddof=ml", "guide.kind=cfg", "guide.mad=0.5",
                                      "sampler.kind=abm3", "sampler.steps=40"};
    static const char *const one[] = {"ddof=ml", "guide.kind=cfg", "guide.w=1", "sampler.kind=abm3",
                                      "sampler.steps=40"};
    assert_near(guided_ratio(5, mad, report), guided_ratio(5, one, report), 0.0);
    static const char *const worse[] = {"ddof=ml",           "guide.kind=auto",  "guide.w=1",
                                        "sampler.kind=abm3", "sampler.steps=40", "guide.worse=1"};
    assert_near(guided_ratio(6, worse, report), 1.01, allowed); /* abm3's own bias is 1 % */
    assert_near(report[2], 1.0, 1e-12);
}

/* What is advised can be typed, and does what it says. */
static void test_advice(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[2], *begins;
        double limit;
    } cases[] = {
        {{"sampler.kind=ddim", "sampler.steps=50"}, "model.sampler.steps=", 0.02},
        {{"sampler.sigma2=beta_tilde", "schedule.steps=200"}, "model.sampler.sigma2=beta", 0.02},
        {{"sampler.kind=heun", "sampler.rho=5"}, "model.sampler.steps=", 0.002},
        {{"sampler.kind=pc", "sampler.steps=500"},
         "model.sampler.kind=ancestral model.sampler.steps=auto",
         0.002},
        {{"sampler.kind=euler", "sampler.stop_sigma=0.5"}, "model.sampler.calibrate=yes", 0.02},
        {{"sampler.kind=ancestral", "sampler.sigma2=beta"}, "", 0.02}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        const char *pairs[8] = {cases[i].pairs[0], cases[i].pairs[1]};
        char text[256], *rest = NULL;
        size_t n_pairs = 2;
        double promised = 0.0, gain = 0.0;
        const double one = 1.0;
        must(make(&f, plane(0), 2, pairs));
        must(mad_model_exact.gain(ctx, f.model, 1, 1, &one, &gain));
        must(mad_model_exact.advise(ctx, f.model, 1.0, cases[i].limit, sizeof text, text,
                                    &promised));
        if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0 ||
            (text[0] == '\0') != (cases[i].begins[0] == '\0')) {
            fail_msg("advised '%s', expected '%s...'", text, cases[i].begins);
        }
        assert_true(text[0] == '\0' ? promised == gain : fabs(log(gain)) > cases[i].limit);
        for (char *word = strtok_r(text, " ", &rest); word != NULL;
             word = strtok_r(NULL, " ", &rest)) {
            pairs[n_pairs++] = mad_arena_text(mem, word + strlen("model."));
        }
        must(make(&f, plane(0), n_pairs, pairs));
        must(mad_model_exact.gain(ctx, f.model, 1, 1, &one, &gain));
        assert_near(gain, promised, 1e-12);
        assert_true(fabs(log(gain)) <= cases[i].limit);
    }
}

/* A class that the reference has no row of is sampled without guidance; the rows are finite. */
static void test_class_without_reference(void **state)
{
    (void)state;
    fixture guided, plain;
    mad_fit_args args = {.key = test_key};
    must(make(&guided, plane(2), 4,
              (const char *[]){"guide.kind=auto", "guide.w=1", "guide.worse=0.001",
                               "sampler.kind=heun"}));
    must(make(&plain, plane(2), 1, (const char *[]){"sampler.kind=heun"}));
    draw_train(&guided);
    draw_train(&plain);
    must(mad_model_exact.fit(ctx, guided.model, &guided.train, &args));
    must(mad_model_exact.fit(ctx, plain.model, &plain.train, &args));
    const mad_set a = sample(&guided, 300), b = sample(&plain, 300);
    const mad_law *law = &self_of(&guided)->auxiliary; /* a single row */
    const int32_t known = law->weight[0] > 0.0 ? 0 : 1;
    size_t n_same = 0, n_other = 0;
    for (size_t r = 0; r < 300; r++) {
        assert_int_equal(a.label[r], b.label[r]);
        const int same = memcmp(a.x + 2 * r, b.x + 2 * r, 2 * sizeof *a.x) == 0;
        assert_int_equal(same, a.label[r] != known);
        n_same += same;
        n_other += !same;
    }
    assert_true(n_same > 0 && n_other > 0);
}

/* A number of components beyond the memory of the law is damage, not a length. */
static void test_damaged(void **state)
{
    (void)state;
    fixture f;
    FIT(&f, plane(2), "law=gauss");
    static const int64_t bad[] = {0, -5, 3, 1000000000};
    for (size_t i = 0; i < 4; i++) {
        *self_of(&f)->law.n = bad[i];
        assert_int_equal(mad_model_exact.loaded(ctx, f.model), MAD_E_DATA);
        assert_non_null(strstr(ctx->message, "1 to 2"));
        mad_ctx_clear(ctx);
    }
}

/* What hangs on the data is the same whether the model was fitted or has only observed its rows. */
static void test_observed_gain(void **state)
{
    (void)state;
    enum { N = 4 };
    static const double variance[N] = {2.0, 1.0, 0.25, 0.01};
    static const char *const settings[] = {"sampler.clip=range", "sampler.calibrate=yes"};
    for (size_t i = 0; i < 2; i++) {
        const char *const pairs[] = {"sampler.kind=ddim", "sampler.steps=20", settings[i]};
        fixture seen, fitted, plain;
        double blank[N], after[N], whole[N], bare[N];
        must(make(&plain, plane(0), 2, pairs));
        must(make(&seen, plane(0), 3, pairs));
        must(make(&fitted, plane(0), 3, pairs));
        draw_train(&seen);
        draw_train(&fitted);
        const mad_fit_args args = {.key = test_key};
        must(mad_model_exact.gain(ctx, plain.model, 1, N, variance, bare));
        must(mad_model_exact.gain(ctx, seen.model, 1, N, variance, blank));
        assert_true(mad_model_exact.gain_needs_rows(seen.model));
        assert_false(mad_model_exact.gain_needs_rows(plain.model));
        must(mad_model_exact.observe(ctx, seen.model, &seen.train));
        must(mad_model_exact.gain(ctx, seen.model, 1, N, variance, after));
        must(mad_model_exact.fit(ctx, fitted.model, &fitted.train, &args));
        must(mad_model_exact.gain(ctx, fitted.model, 1, N, variance, whole));
        assert_memory_equal(after, whole, sizeof whole);
        assert_memory_not_equal(after, blank, sizeof blank);
        for (size_t k = 1; k < N && i == 1; k++) { /* one factor for all */
            assert_near(after[k] / after[0], bare[k] / bare[0], 1e-12);
        }
    }
}

/* sampler.clip: no row leaves the range of the first training set, and the gain tells what that
 * costs: the same noise with and without clipping, rows against it as in test_moments. */
static void test_clip(void **state)
{
    (void)state;
    fixture f;
    double gain[2], report[3], smallest = HUGE_VAL, largest = -HUGE_VAL;
    for (int clips = 0; clips < 2; clips++) {
        const char *const pairs[] = {"sampler.kind=ddim", "covariance=spherical",
                                     clips ? "sampler.clip=range" : "sampler.clip=none"};
        must(make(&f, plane(0), 3, pairs));
        draw_train(&f);
        for (size_t i = 0; i < 2 * N_ROWS; i++) { /* flat: its range is 1.7 sd */
            f.train.x[i] = (double)(i % 397);
        }
        fit(&f, 1, report);
        must(mad_model_exact.gain(ctx, f.model, 1, 1, &report[1], &gain[clips]));
        assert_near(report[0], gain[clips], 0.0);
    }
    enum { N = 20000 };
    const mad_set rows = sample(&f, N);
    const double centre = self_of(&f)->standard.centre[0], scale = self_of(&f)->standard.scale[0];
    double sum_sq = 0.0;
    for (size_t i = 0; i < 2 * N; i++) {
        const double z = (rows.x[i] - centre) / scale;
        smallest = fmin(smallest, rows.x[i]);
        largest = fmax(largest, rows.x[i]);
        sum_sq += z * z / (2.0 * N);
    }
    assert_true(smallest >= 0.0 && largest <= 396.0);
    assert_true(gain[1] < 0.9 * gain[0]);
    /* se of the rows sqrt(2 / 40000) at most, of the difference behind the gain below 0.005 */
    assert_near(sum_sq / report[1], gain[1], 4.0 * hypot(sqrt(2.0 / (2.0 * N)), 0.005));
}

static void refuse(mad_world_info world, mad_status code, const char *word, size_t n_pairs,
                   const char *const *pairs)
{
    fixture f;
    assert_int_equal(make(&f, world, n_pairs, pairs), code);
    if (strstr(ctx->message, word) == NULL) {
        fail_msg("'%s' does not name '%s'", ctx->message, word);
    }
    mad_ctx_clear(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    const mad_world_info world = plane(0);
    refuse(world, MAD_E_UNSUPPORTED, "law: categorical", 1, (const char *[]){"law=categorical"});
    refuse(categories(3), MAD_E_UNSUPPORTED, "categories", 1, (const char *[]){"law=empirical"});
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
    refuse(plane(2), MAD_E_CONFIG, "one strength", 3,
           (const char *[]){"guide.kind=cfg", "guide.w=1", "guide.mad=0.5"});
    refuse(plane(2), MAD_E_CONFIG, "guide.w is set, but has no effect", 1,
           (const char *[]){"guide.w=1"});
    refuse(plane(2), MAD_E_CONFIG, "guide.low", 3,
           (const char *[]){"guide.kind=cfg", "guide.low=2", "guide.high=1"});
    refuse(plane(2), MAD_E_CONFIG, "guide.target has 3 numbers", 2,
           (const char *[]){"guide.kind=reward", "guide.target=[1,2,3]"});
    refuse(plane(2), MAD_E_CONFIG, "guide.worse", 1, (const char *[]){"guide.worse=0.1"});
    refuse(categories(3), MAD_E_UNSUPPORTED, "plain rows", 1,
           (const char *[]){"guide.kind=reward"});
    mad_world_info bare = world;
    bare.n_modes = 0;
    refuse(bare, MAD_E_UNSUPPORTED, "knows its modes", 2,
           (const char *[]){"law=mixture", "modes=world"});
    fixture f; /* defaults written out are no mistake: a resumed run does so */
    must(make(&f, world, 3, (const char *[]){"sampler.rho=7", "width=0", "sampler.eta=0.0"}));
    FIT(&f, plane(2), "law=gauss");
    f.train.n_rows = 0;
    const mad_fit_args args = {.key = test_key};
    assert_int_equal(mad_model_exact.fit(ctx, f.model, &f.train, &args), MAD_E_RANGE);
    mad_ctx_clear(ctx);
    FIT(&f, categories(6), "law=auto");
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
        cmocka_unit_test(test_state),     cmocka_unit_test(test_moments),
        cmocka_unit_test(test_calibrate), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_class_without_reference),
        cmocka_unit_test(test_advice),    cmocka_unit_test(test_observed_gain),
        cmocka_unit_test(test_guidance),  cmocka_unit_test(test_clip),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
