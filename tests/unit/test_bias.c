/* tests/unit/test_bias.c: what each bias does to the law of rows, against closed forms.
 *
 * Most checks are exact: rows with and without a bias come from the same random numbers. Those of
 * truncated noise and of clip are moments of N rows, refused beyond |z| = 4.89 (two-sided 1e-6; 13
 * checks, so 1.3e-5 for a new seed; seeds are fixed). Their twins, another closed form in the place
 * of the right one, must be refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/categorical.h"
#include "models/diffusion/guidance.h"
#include "sim/iface/setting.h"
#include "tests/support/fixture.h"
#include "tests/support/values.h"

extern const mad_bias_type mad_bias_clip, mad_bias_guidance;
extern const mad_model_type mad_model_gauss, mad_model_mixture, mad_model_kde, mad_model_exact,
    mad_model_diffusion;

#define Z_LIMIT 4.89

enum { N = 200000, MAX_PAIRS = 8 };

static const mad_key test_key = {.seed = 11, .generation = 1, .purpose = MAD_RNG_TEST};

/* ---- closed forms of the standard normal law ---- */

static double phi(double c)
{
    return exp(-0.5 * c * c) / sqrt(2.0 * M_PI);
}

static double upper_tail(double c)
{
    return 0.5 * erfc(c / sqrt(2.0));
}

static double truncated_variance(double c)
{
    return 1.0 - 2.0 * c * phi(c) / (1.0 - 2.0 * upper_tail(c));
}

static double clipped_variance(double c)
{
    return 1.0 - 2.0 * upper_tail(c) - 2.0 * c * phi(c) + 2.0 * c * c * upper_tail(c);
}

/* z of the mean square of n numbers: their fourth moment is at most that of a normal law. */
static double z_of(size_t n, const double *x, double variance)
{
    double square = 0.0;
    for (size_t i = 0; i < n; i++) {
        square += x[i] * x[i] / (double)n;
    }
    return (square / variance - 1.0) * sqrt((double)n / 2.0);
}

/* ---- noise ---- */

static void test_noise(void **state)
{
    (void)state;
    static const double limits[] = {0.3, 1.0, 2.0};
    double *const plain = mad_arena_take(mem, N, sizeof *plain);
    double *const out = mad_arena_take(mem, N, sizeof *out);
    for (size_t i = 0; i < 3; i++) {
        const mad_noise_tilt noise = {.sd = 1.0, .limit = limits[i]};
        mad_rng rng = mad_rng_open(test_key, i), same = rng;
        mad_rng_normals(&rng, N, plain);
        mad_noise_normals(&noise, &same, N, out);
        assert_memory_equal(&rng, &same, sizeof rng); /* what comes later stays */
        for (size_t k = 0; k < N; k++) {
            assert_true(fabs(out[k]) <= limits[i]);
            assert_true(out[k] == plain[k] || fabs(plain[k]) > limits[i]);
        }
        const double z = z_of(N, out, truncated_variance(limits[i]));
        const double twin = z_of(N, out, clipped_variance(limits[i]));
        print_message("noise within %.1f: z %.2f, twin %.0f\n", limits[i], z, twin);
        assert_true(fabs(z) < Z_LIMIT && fabs(twin) > Z_LIMIT);
    }
    const mad_noise_tilt warm = {.sd = 3.0, .limit = HUGE_VAL};
    mad_rng rng = mad_rng_open(test_key, 2);
    mad_noise_normals(&warm, &rng, N, out);
    for (size_t k = 0; k < N; k++) {
        assert_true(out[k] == 3.0 * plain[k]);
    }
}

static void test_strength(void **state)
{
    (void)state;
    const double list[] = {0.5, 0.8, 1.0};
    mad_tilt tilt = {.kind = MAD_TILT_GUIDANCE,
                     .strength = {.kind = MAD_SCHEDULE_LIST, .list = list, .n_list = 3},
                     .is_lam = 1,
                     .n_generations = 9};
    assert_near(mad_tilt_strength(&tilt, 2), 1.0, 1e-15);
    assert_near(mad_tilt_strength(&tilt, 3), 0.25, 1e-15);
    assert_near(mad_tilt_strength(&tilt, 9), 0.0, 0.0);
    tilt = (mad_tilt){.kind = MAD_TILT_STEPS,
                      .strength = {.kind = MAD_SCHEDULE_LINEAR, .a = 10, .b = 11},
                      .n_generations = 4};
    assert_near(mad_tilt_strength(&tilt, 3), 11.0, 0.0); /* 10.5 */
}

/* ---- categories ---- */

/* S6: after t rounds at temperature tau log-odds are tau^-t times the first. */
static void test_temper(void **state)
{
    (void)state;
    const double p[5] = {0.4, 0.3, 0.2, 0.1, 0.0}, taus[] = {0.7, 1.3};
    for (size_t i = 0; i < 2; i++) {
        double q[5];
        memcpy(q, p, sizeof q);
        for (int t = 1; t <= 5; t++) {
            const double power = pow(taus[i], -t);
            double total = 0.0;
            mad_categorical_temper(5, q, taus[i], q);
            for (size_t k = 0; k < 4; k++) {
                total += q[k];
                const double odds = log(p[k] / p[0]) * power;
                assert_near(log(q[k] / q[0]), odds, 1e-12 * (1.0 + fabs(odds)));
                /* the twin: p^tau */
                assert_true(k == 0 || fabs(odds - log(p[k] / p[0]) / power) > 1e-3);
            }
            assert_near(total, 1.0, 1e-12);
            assert_true(q[4] == 0.0);
        }
        mad_categorical_temper(5, p, 1.0, q);
        assert_memory_equal(p, q, sizeof q);
    }
    double cold[5];
    mad_categorical_temper(5, p, 1e-3, cold);
    assert_near(cold[0], 1.0, 1e-12);
}

/* ---- models ---- */

/* A model under a tilt, and rows drawn with and without it. */
typedef struct rig {
    mad_model *model;
    mad_world_info world;
    mad_set train, with, without;
} rig;

static mad_tilt constant(mad_tilt_kind kind, double strength)
{
    return (mad_tilt){.kind = kind,
                      .strength = {.kind = MAD_SCHEDULE_CONSTANT, .a = strength},
                      .n_generations = 3,
                      .high = {.a = 1e9}};
}

static size_t count(const char *const *pairs)
{
    size_t n = 0;
    while (n < MAX_PAIRS && pairs[n] != NULL) {
        n++;
    }
    return n;
}

static mad_status make(const mad_model_type *type, const char *const *pairs, mad_tilt tilt,
                       size_t n_classes, rig *r)
{
    mad_values *values = mad_arena_take(mem, 1, sizeof *values);
    mad_world_info *world = mad_arena_take(mem, 1, sizeof *world);
    must(mad_values_of(ctx, mem, type->params, count(pairs), pairs, values));
    r->world = *world =
        (mad_world_info){.kind = MAD_WORLD_CONTINUOUS, .dim = 1, .n_classes = n_classes};
    const mad_model_args args = {.values = values,
                                 .world = world,
                                 .max_train_rows = 1000,
                                 .max_sample_rows = N,
                                 .n_generations = 3,
                                 .tilt = tilt};
    return type->create(ctx, &args, mem, &r->model);
}

static void fit_and_draw(rig *r, size_t n_rows)
{
    const mad_model_type *type = r->model->type;
    const int with_labels = r->world.n_classes > 0;
    double seen, flops = 0.0;
    const mad_fit_args args = {.key = test_key, .samples_seen = &seen, .flops = &flops};
    must(type->fit(ctx, r->model, &r->train, &args));
    must(mad_set_take(ctx, mem, n_rows, 1, with_labels, &r->with));
    must(mad_set_take(ctx, mem, n_rows, 1, with_labels, &r->without));
    must(type->sample(ctx, r->model, test_key, 50, &r->without));
    must(type->sample_tilted(ctx, r->model, test_key, 50, 1, &r->with));
}

/* Rows about 0.5 of sd 2, far from normal. */
static void draw_train(rig *r)
{
    must(mad_set_take(ctx, mem, 300, 1, 0, &r->train));
    for (size_t i = 0; i < 300; i++) {
        r->train.x[i] = 0.5 + 2.0 * (i % 3 == 0 ? 1.4 : -0.7) + 0.01 * (double)(i % 7);
    }
}

static const double *tempered(const mad_model_type *type, const char *const *pairs, double tau,
                              rig *r)
{
    must(make(type, pairs, constant(MAD_TILT_TEMPERATURE, tau), 0, r));
    draw_train(r);
    fit_and_draw(r, 700);
    return r->with.x;
}

static const struct {
    const mad_model_type *type;
    const char *pairs[MAX_PAIRS];
    int is_normal; /* one normal law of known moments */
} tempered_models[] = {
    {&mad_model_gauss, {NULL}, 1},
    {&mad_model_mixture, {"components=2", NULL}, 0},
    {&mad_model_kde, {"bandwidth=0.4", NULL}, 0},
    {&mad_model_exact, {"schedule.steps=60", NULL}, 1},
    {&mad_model_exact, {"sampler.kind=ddim", "sampler.steps=20", NULL}, 1},
    {&mad_model_exact, {"sampler.kind=heun", "sampler.churn=20", NULL}, 1},
    {&mad_model_exact, {"sampler.kind=dpmpp_2m", NULL}, 1},
    {&mad_model_exact, {"sampler.kind=ou", "sampler.steps=100", NULL}, 1},
};
enum { N_TEMPERED = sizeof tempered_models / sizeof *tempered_models };

/* A row is linear in the noise it is made of: m + sqrt(tau) e, for all samplers of a normal law. With
 * one mean m for all rows lam_eff is tau, whatever the sampler's own gain. */
static void test_temperature(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_TEMPERED; i++) {
        const mad_model_type *type = tempered_models[i].type;
        const char *const *pairs = tempered_models[i].pairs;
        rig r;
        const double *cold = tempered(type, pairs, 0.25, &r), *warm = tempered(type, pairs, 4, &r);
        const double *plain = r.without.x;
        double mean, cov, error = 0.0;
        mad_moments law = {.dim = 1, .mean = &mean, .cov = &cov};
        must(type->moments(ctx, r.model, &law));
        for (size_t k = 0; k < r.with.n_rows; k++) {
            assert_near(warm[k] - plain[k], 2.0 * (plain[k] - cold[k]), 1e-9);
            error = fmax(error, fabs(2.0 * cold[k] - plain[k] - mean));
        }
        assert_true(!tempered_models[i].is_normal || error < 1e-9);
    }
}

/* Rows are m + e with e made of truncated noise: variance times that of the noise. A walk with fresh
 * noise on every level is truncated on all of them: the twin, of its start alone, would keep 1. */
static void test_truncation(void **state)
{
    (void)state;
    static const struct {
        const mad_model_type *type;
        const char *pairs[MAX_PAIRS];
    } cases[] = {{&mad_model_gauss, {NULL}},
                 {&mad_model_exact, {"schedule.steps=60", NULL}},
                 {&mad_model_exact, {"sampler.kind=ddim", "sampler.steps=20", NULL}}};
    for (size_t i = 0; i < 3; i++) {
        enum { N_ROWS = 40000 };
        rig r;
        double mean, cov;
        mad_moments law = {.dim = 1, .mean = &mean, .cov = &cov};
        must(make(cases[i].type, cases[i].pairs, constant(MAD_TILT_TRUNCATION, 1.0), 0, &r));
        draw_train(&r);
        fit_and_draw(&r, N_ROWS);
        must(cases[i].type->moments(ctx, r.model, &law));
        for (size_t k = 0; k < N_ROWS; k++) {
            r.with.x[k] = (r.with.x[k] - mean) / sqrt(cov);
        }
        const double z = z_of(N_ROWS, r.with.x, truncated_variance(1.0));
        const double twin = z_of(N_ROWS, r.with.x, 1.0);
        print_message("truncation %zu: z %.2f, twin %.0f\n", i, z, twin);
        assert_true(fabs(z) < Z_LIMIT && fabs(twin) > Z_LIMIT);
    }
}

/* ---- clip ---- */

static void test_clip(void **state)
{
    (void)state;
    static const double limits[] = {0.5, 1.0, 2.0};
    for (size_t i = 0; i < 6; i++) {
        const double c = limits[i % 3];
        const int knows_law = i < 3;
        double mean = 3.0, cov = 4.0, square = 0.0;
        const mad_moments law = {.dim = 1, .mean = &mean, .cov = &cov};
        char text[32];
        const char *const pair[] = {text};
        mad_values values;
        mad_set rows;
        snprintf(text, sizeof text, "strength=%g", c);
        must(mad_values_of(ctx, mem, mad_bias_clip.params, 1, pair, &values));
        const mad_bias_in in = {
            .values = &values, .generation = 2, .n_generations = 3, .law = knows_law ? &law : NULL};
        must(mad_set_take(ctx, mem, N, 1, 0, &rows));
        mad_rng rng = mad_rng_open(test_key, i);
        mad_rng_normals(&rng, N, rows.x);
        for (size_t k = 0; k < N; k++) {
            rows.x[k] = mean + 2.0 * rows.x[k];
            square += pow((rows.x[k] - mean) / 2.0, 2.0) / N;
        }
        must(mad_bias_clip.apply(ctx, &in, &rows));
        for (size_t k = 0; k < N; k++) {
            rows.x[k] = (rows.x[k] - mean) / 2.0;
            assert_true(fabs(rows.x[k]) <= c * (knows_law ? 1.0 + 1e-15 : 1.02));
        }
        /* the rows' own sd takes the error of their spread along */
        const double scale = knows_law ? 1.0 : square;
        const double z = z_of(N, rows.x, scale * clipped_variance(c));
        const double twin = z_of(N, rows.x, scale * truncated_variance(c));
        print_message("clip at %.1f: z %.2f, twin %.0f\n", c, z, twin);
        assert_true(fabs(z) < Z_LIMIT && fabs(twin) > Z_LIMIT);
    }
}

/* ---- steps ---- */

/* With an exact denoiser of one normal law rows are m + g z: lam_eff is the ratio of the gains. */
static void test_steps(void **state)
{
    (void)state;
    static const char *const own[] = {"sampler.kind=ddim", "sampler.steps=50", NULL};
    static const char *const few[] = {"sampler.kind=ddim", "sampler.steps=10", NULL};
    rig r, other;
    double mean, cov, gain[2], one = 1.0 + 1.0 / 299.0; /* units: the first set, divisor n */
    mad_moments law = {.dim = 1, .mean = &mean, .cov = &cov};
    must(make(&mad_model_exact, own, constant(MAD_TILT_STEPS, 10), 0, &r));
    must(make(&mad_model_exact, few, (mad_tilt){0}, 0, &other));
    draw_train(&r);
    fit_and_draw(&r, 700);
    must(mad_model_exact.moments(ctx, r.model, &law));
    must(mad_model_exact.gain(ctx, r.model, 1, 1, &one, &gain[0]));
    must(mad_model_exact.gain(ctx, other.model, 1, 1, &one, &gain[1]));
    for (size_t k = 0; k < r.with.n_rows; k++) {
        const double ratio = (r.with.x[k] - mean) / (r.without.x[k] - mean);
        assert_near(ratio * ratio, gain[1] / gain[0], 1e-7);
    }
    assert_true(gain[1] / gain[0] < 0.9);
    /* the sampler's own number: the same bits */
    must(make(&mad_model_exact, own, constant(MAD_TILT_STEPS, 50), 0, &r));
    draw_train(&r);
    fit_and_draw(&r, 700);
    assert_memory_equal(r.with.x, r.without.x, 700 * sizeof(double));
}

/* ---- guidance ---- */

enum { N_SIDE = 18, N_CLASSES = 2 * N_SIDE + 1, N_GUIDED = 600 };

#define WITHIN 0.25
#define TOTAL  1.44

/* Classes N(m_k, A) whose means stand 0.4 apart with the weights of N(0, B - A): together N(0, B) to
 * exp(-25). Two rows a class give its moments exactly. */
static void draw_classes(rig *r)
{
    must(mad_set_take(ctx, mem, 2 * N_CLASSES, 1, 1, &r->train));
    r->train.weight = mad_arena_take(mem, r->train.n_rows, sizeof(double));
    for (size_t i = 0; i < r->train.n_rows; i++) {
        const double m = 0.4 * ((double)(i / 2) - N_SIDE);
        r->train.x[i] = m + (i % 2 == 0 ? 1.0 : -1.0) * sqrt(WITHIN);
        r->train.weight[i] = exp(-0.5 * m * m / (TOTAL - WITHIN));
        r->train.label[i] = (int32_t)(i / 2);
    }
}

static double within(const mad_set *rows)
{
    double total = 0.0;
    for (int32_t label = 0; label < N_CLASSES; label++) {
        double n = 0.0, sum = 0.0, square = 0.0;
        for (size_t i = 0; i < rows->n_rows; i++) {
            const double x = rows->label[i] == label ? rows->x[i] : 0.0;
            n += rows->label[i] == label;
            sum += x;
            square += x * x;
        }
        total += n > 0.0 ? square - sum * sum / n : 0.0;
    }
    return total;
}

static double lam_eff_within(double low, double high, mad_tilt tilt)
{
    static const char *const pairs[] = {
        "ddof=ml",           "sampler.kind=heun",     "sampler.grid=log",
        "sampler.steps=300", "sampler.sigma_max=300", NULL};
    rig r;
    tilt.low = (mad_schedule){.kind = MAD_SCHEDULE_CONSTANT, .a = low};
    tilt.high = (mad_schedule){.kind = MAD_SCHEDULE_CONSTANT, .a = high};
    must(make(&mad_model_exact, pairs, tilt, N_CLASSES, &r));
    draw_classes(&r);
    fit_and_draw(&r, N_GUIDED);
    assert_memory_equal(r.with.label, r.without.label, N_GUIDED * sizeof(int32_t));
    return within(&r.with) / within(&r.without);
}

/* D4: (A / B)^w exactly, since both maps are affine within a class and take the same noise; left over
 * are 300 steps and the start at a finite level. Twins: the label lam, the tilted density. */
static void test_guidance(void **state)
{
    (void)state;
    static const double lams[] = {1.0, 0.8, 0.5};
    for (size_t i = 0; i < 3; i++) {
        const double w = 1.0 / lams[i] - 1.0, expected = mad_guided_gain(WITHIN, TOTAL, w);
        mad_tilt tilt = constant(MAD_TILT_GUIDANCE, lams[i]);
        tilt.is_lam = 1;
        const double out = lam_eff_within(0.0, 1e9, tilt);
        const double same = lam_eff_within(0.0, 1e9, constant(MAD_TILT_GUIDANCE, w));
        const double density = 1.0 / (1.0 + w - w * WITHIN / TOTAL);
        print_message("guidance lam %.1f: lam_eff %.5f, closed form %.5f\n", lams[i], out,
                      expected);
        assert_near(out, expected, 2e-3);
        assert_near(same, out, 1e-12);
        assert_true(w == 0.0 ||
                    (fabs(expected - lams[i]) > 0.02 && fabs(expected - density) > 0.02));
        assert_true(w > 0.0 || out == 1.0);
    }
    /* an interval of world units lies at sigma / scale; above all levels nothing acts */
    const mad_tilt strong = constant(MAD_TILT_GUIDANCE, 1.0);
    assert_true(lam_eff_within(1e4, 1e5, strong) == 1.0);
    const double part = lam_eff_within(0.5, 2.0, strong);
    assert_true(part > mad_guided_gain(WITHIN, TOTAL, 1.0) + 0.05 && part < 0.95);
}

/* ---- refusals ---- */

static void refused(const mad_model_type *type, const char *pair, mad_tilt tilt, size_t n_classes,
                    const char *one, const char *other)
{
    const char *const pairs[] = {pair, NULL};
    rig r;
    if (make(type, pairs, tilt, n_classes, &r) == MAD_OK) {
        fail_msg("%s with a tilt of kind %d was taken", pair, (int)tilt.kind);
    }
    if (strstr(ctx->message, one) == NULL || strstr(ctx->message, other) == NULL) {
        fail_msg("'%s' names not both %s and %s", ctx->message, one, other);
    }
    mad_ctx_clear(ctx);
}

static void test_refused(void **state)
{
    (void)state;
    static const mad_model_type *const types[] = {&mad_model_exact, &mad_model_diffusion};
    for (size_t i = 0; i < 2; i++) {
        const mad_tilt guided = constant(MAD_TILT_GUIDANCE, 1.0);
        const mad_tilt autoguided = constant(MAD_TILT_AUTOGUIDANCE, 1.0);
        refused(types[i], "guide.kind=cfg", guided, 2, "bias.kind: guidance", "guide.kind: cfg");
        refused(types[i], "guide.kind=negative", autoguided, 2, "bias.kind: autoguidance",
                "guide.kind: negative");
        refused(types[i], "guide.w=0", guided, 0, "bias.kind: guidance", "world.kind");
        refused(types[i], "schedule.steps=40", constant(MAD_TILT_STEPS, 41), 0, "bias.strength",
                "schedule.steps");
        refused(types[i], "sampler.calibrate=yes", constant(MAD_TILT_STEPS, 4), 0,
                "bias.kind: steps", "sampler.calibrate");
    }
    refused(&mad_model_diffusion, "train.label_dropout=0", constant(MAD_TILT_GUIDANCE, 1.0), 2,
            "bias.kind: guidance", "train.label_dropout");
    refused(&mad_model_exact, "guide.worse=0.3", constant(MAD_TILT_GUIDANCE, 1.0), 2, "guide.worse",
            "bias.kind: autoguidance");
}

/* Strength and w contradict each other, also when only one of them is more than its default. */
static void test_one_strength(void **state)
{
    (void)state;
    static const char *const pairs[3][2] = {
        {"strength=0.5", "w=1"}, {"strength=0.5", "w=0"}, {"strength=1", "w=3"}};
    static const double nominal[3] = {0.0, 0.5, 0.25};
    const mad_world world = {.info = {.kind = MAD_WORLD_CONTINUOUS, .n_classes = 2}};
    for (size_t i = 0; i < 3; i++) {
        mad_values values;
        must(mad_values_of(ctx, mem, mad_bias_guidance.params, 2, pairs[i], &values));
        const mad_setting setting = {.world = &world, .bias_values = &values};
        const mad_status st = mad_bias_guidance.check(ctx, &setting);
        assert_int_equal(st, i == 0 ? MAD_E_CONFIG : MAD_OK);
        assert_true(i > 0 || (strstr(ctx->message, "bias.strength") != NULL &&
                              strstr(ctx->message, "bias.w") != NULL));
        assert_true(i == 0 || mad_bias_guidance.nominal(&values, 2, 3) == nominal[i]);
        mad_ctx_clear(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise),      cmocka_unit_test(test_strength),
        cmocka_unit_test(test_temper),     cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_truncation), cmocka_unit_test(test_clip),
        cmocka_unit_test(test_steps),      cmocka_unit_test(test_guidance),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_one_strength),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
