/* tests/unit/test_objective.c: parameterisations, laws of the training noise, weights and loss. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/diffusion/net/objective.h"
#include "sim/num/stats.h"
#include "tests/support/fixture.h"

enum { N_KINDS = 6, N_LAWS = 8 };

static mad_noise_schedule schedule; /* linear, 1000 steps, 1e-4 to 0.02 */

static int setup_schedule(void **state)
{
    const mad_noise_options linear = {
        .kind = MAD_BETAS_LINEAR, .n_steps = 1000, .beta_min = 1e-4, .beta_max = 0.02};
    return setup(state) || mad_noise_schedule_create(ctx, &linear, mem, &schedule) != MAD_OK;
}

static mad_noise_law law_of(mad_noise_law_kind kind)
{
    mad_noise_law law = mad_noise_law_published(kind);
    law.schedule = &schedule;
    return law;
}

static mad_precondition plain(mad_parameterization kind, double sigma_data)
{
    return (mad_precondition){kind, sigma_data, -20.0, 20.0};
}

/* T1.2, and the values of the other kinds by hand at sigma = 3/4: alpha = 0.8, s = 0.6, t = 3/7. */
static void test_known_coefficients(void **state)
{
    (void)state;
    const mad_precondition half = plain(MAD_PREDICT_EDM, 0.5);
    mad_coefficients c = mad_coefficients_at(&half, 0.0);
    assert_near(c.c_skip, 0.2, 1e-12);
    assert_near(c.c_out, 0.447214, 5e-7);
    assert_near(c.c_in, 0.894427, 5e-7);
    assert_near(c.c_noise, 0.0, 1e-12);
    assert_near(1.0 / (c.c_out * c.c_out), 5.0, 1e-12); /* Karras's weight */
    c = mad_coefficients_at(&half, log(0.5));
    assert_near(c.c_skip, 0.5, 1e-12);
    assert_near(c.c_out, 0.353553, 5e-7);
    assert_near(c.c_in, 1.414214, 5e-7);
    assert_near(c.c_noise, -0.173287, 5e-7);
    assert_near(1.0 / (c.c_out * c.c_out), 8.0, 1e-12);

    static const double by_hand[N_KINDS][5] = {
        /* c_in, c_skip, c_out, from_x0, from_eps */
        {0.8, 0.64, 0.6, 0.6, -0.8}, {0.8, 1.0, -0.75, 0.0, 1.0},
        {0.8, 0.0, 1.0, 1.0, 0.0},   {0.8, 0.64, -0.6, -0.6, 0.8},
        {1.0, 1.0, 0.75, 0.0, -1.0}, {4.0 / 7, 4.0 / 7, -3.0 / 7, -1.0, 1.0}};
    for (int k = 0; k < N_KINDS; k++) {
        const mad_precondition p = plain((mad_parameterization)k, 1.0);
        c = mad_coefficients_at(&p, log(0.75));
        const double got[5] = {c.c_in, c.c_skip, c.c_out, c.from_x0, c.from_eps};
        for (int i = 0; i < 5; i++) {
            assert_near(got[i], by_hand[k][i], 1e-14);
        }
    }
}

/* T1.1: a network that hits its target gives D = x0, whatever the noise; sigma from 1e-6 to 1e6.
 * The error of a sum of terms of size |c_skip x| + |c_out F*| is a few ulps of that size. */
static void test_target_gives_x0(void **state)
{
    (void)state;
    static const double sigma_data[] = {1.0, 0.5, 0.01};
    for (int k = 0; k < N_KINDS; k++) {
        for (int i = 0; i < 3; i++) {
            const mad_precondition p = plain((mad_parameterization)k, sigma_data[i]);
            for (double log_sigma = -13.8; log_sigma < 13.8; log_sigma += 0.3) {
                const mad_coefficients c = mad_coefficients_at(&p, log_sigma);
                const double x0 = 0.7, eps = -1.3, x = x0 + exp(log_sigma) * eps;
                const double target = c.from_x0 * x0 + c.from_eps * eps;
                const double skip = c.c_skip * x, out = c.c_out * target;
                assert_near(skip + out, x0, 4e-16 * (fabs(skip) + fabs(out) + 1.0) * 4.0);
                assert_near(c.eps_per_out * exp(log_sigma) / c.c_out, 1.0, 1e-14);
                assert_true(isfinite(target) && isfinite(c.c_in) && c.c_noise == log_sigma / 4.0);
                if (p.kind == MAD_PREDICT_EDM) { /* unit variance for data of sd sigma_data */
                    assert_near(pow(c.from_x0 * p.sigma_data, 2.0) + pow(c.from_eps, 2.0), 1.0,
                                1e-12);
                }
            }
        }
    }
}

static void test_noise_input_is_held(void **state)
{
    (void)state;
    const mad_precondition p = {MAD_PREDICT_V, 1.0, -2.0, 3.0};
    assert_true(mad_coefficients_at(&p, -7.0).c_noise == -0.5);
    assert_true(mad_coefficients_at(&p, 7.0).c_noise == 0.75);
}

static void test_default_laws(void **state)
{
    (void)state;
    static const mad_noise_law_kind laws[N_KINDS] = {MAD_NOISE_LOGNORMAL,  MAD_NOISE_SCHEDULE,
                                                     MAD_NOISE_SCHEDULE,   MAD_NOISE_SCHEDULE,
                                                     MAD_NOISE_LOGUNIFORM, MAD_NOISE_FLOW};
    for (int k = 0; k < N_KINDS; k++) {
        assert_int_equal(mad_noise_law_default((mad_parameterization)k), laws[k]);
    }
}

/* Levels by hand, and slope = d ln sigma / du by central differences. */
static void test_laws(void **state)
{
    (void)state;
    for (int k = 0; k < N_LAWS; k++) {
        const mad_noise_law law = law_of((mad_noise_law_kind)k);
        assert_int_equal(mad_noise_law_check(ctx, &law, MAD_WEIGHT_SIMPLE), MAD_OK);
        const mad_level level = mad_noise_law_at(&law, 0.5, 0.25);
        const double s = exp(level.log_sigma), v = s * s;
        switch (law.kind) {
        case MAD_NOISE_LOGNORMAL:
            assert_near(level.log_sigma, log(0.5) - 0.507 + 0.3, 1e-14);
            break;
        case MAD_NOISE_LOGIT_NORMAL:
            assert_near(level.log_sigma, 0.25, 1e-14);
            break;
        case MAD_NOISE_SCHEDULE:
            assert_int_equal(level.step, 251);
            assert_near(v, 1.0 / schedule.abar[251] - 1.0, 1e-9);
            break;
        case MAD_NOISE_VP: { /* the inverse of systems.md 1.1.4: t(sigma(t)) = t */
            const double t = 1e-5 + (1.0 - 1e-5) * 0.25;
            assert_near((sqrt(0.01 + 2.0 * 19.9 * log1p(v)) - 0.1) / 19.9, t, 1e-6);
            break;
        }
        case MAD_NOISE_FLOW:
            assert_near(s, 1.0 / 3.0, 1e-14);
            break;
        case MAD_NOISE_OU:
            assert_near(v, exp(2.0 * (0.75e-3 + 1.0)) - 1.0, 1e-12 * v);
            break;
        case MAD_NOISE_OU_GEOMETRIC:
            assert_near(v, exp(2.0 * pow(1e-3, 0.75) * pow(4.0, 0.25)) - 1.0, 1e-12 * v);
            break;
        case MAD_NOISE_LOGUNIFORM:
            assert_near(s, pow(0.02, 0.75) * pow(100.0, 0.25), 1e-12 * s);
            break;
        }
        if (mad_noise_law_is_normal(law.kind)) {
            assert_true(level.slope == 0.0);
        } else if (law.kind != MAD_NOISE_SCHEDULE) {
            const double h = 1e-5, up = mad_noise_law_at(&law, 1.0, 0.25 + h).log_sigma;
            const double down = mad_noise_law_at(&law, 1.0, 0.25 - h).log_sigma;
            assert_near(level.slope, (up - down) / (2.0 * h), 1e-6 * level.slope);
        }
    }
}

/* Draws follow u -> ln sigma: the empirical quantiles of 40,000 draws; z at 1e-6 for a binomial. */
static void test_draws(void **state)
{
    (void)state;
    enum { N = 40000 };
    static double u[N];
    for (int k = 0; k < N_LAWS; k++) {
        const mad_noise_law law = law_of((mad_noise_law_kind)k);
        const int normal = mad_noise_law_is_normal(law.kind);
        mad_rng rng = mad_rng_open((mad_key){.seed = 2, .purpose = MAD_RNG_TEST}, (uint64_t)k);
        mad_noise_law_draw(&law, &rng, N, u);
        for (int q = 1; q < 10; q++) {
            const double p = q / 10.0, at = normal ? mad_normal_quantile(p) : p;
            size_t n_below = 0;
            for (size_t r = 0; r < N; r++) {
                n_below += u[r] < at;
                assert_true(isfinite(mad_noise_law_at(&law, 1.0, u[r]).log_sigma));
            }
            assert_true(fabs((double)n_below - N * p) < 4.89 * sqrt(N * p * (1.0 - p)));
        }
    }
    const mad_noise_law flow = law_of(MAD_NOISE_FLOW);
    assert_true(isfinite(mad_noise_law_at(&flow, 1.0, 0x1p-54).log_sigma));
    assert_true(isfinite(mad_noise_law_at(&flow, 1.0, 1.0 - 0x1p-53).log_sigma));
}

static void test_ranges(void **state)
{
    (void)state;
    double low, high;
    mad_noise_law law = law_of(MAD_NOISE_LOGNORMAL);
    mad_noise_law_range(&law, 1.0, &low, &high);
    assert_near(low, -0.507 - 4.8, 1e-12);
    assert_near(high, -0.507 + 4.8, 1e-12);
    law = law_of(MAD_NOISE_SCHEDULE);
    mad_noise_law_range(&law, 1.0, &low, &high);
    assert_near(low, -4.605, 5e-4); /* T1.4 */
    assert_near(high, 5.059, 5e-4);
    law = law_of(MAD_NOISE_FLOW);
    mad_noise_law_range(&law, 1.0, &low, &high);
    assert_near(high, mad_normal_quantile(0.5) + log((1.0 - 3.1671e-5) / 3.1671e-5), 1e-4);
    assert_near(low, -high, 1e-12);
    law = law_of(MAD_NOISE_LOGUNIFORM);
    mad_noise_law_range(&law, 1.0, &low, &high);
    assert_near(exp(low), 0.02, 1e-12);
    assert_near(exp(high), 100.0, 1e-10);
}

/* Mean over the law of the weight on the noise prediction. Likelihood: 1, since every ln sigma
 * counts alike. The schedule's first step, from sigma = 0, adds 1/2 to 9.66 nats of ln sigma. */
static void test_weights(void **state)
{
    (void)state;
    static const mad_noise_law_kind bounded[] = {MAD_NOISE_SCHEDULE, MAD_NOISE_VP, MAD_NOISE_OU,
                                                 MAD_NOISE_OU_GEOMETRIC, MAD_NOISE_LOGUNIFORM};
    enum { N = 200000 };
    for (size_t k = 0; k < 5; k++) {
        for (int kind = 0; kind < N_KINDS; kind++) {
            const mad_precondition p = plain((mad_parameterization)kind, 1.0);
            const mad_noise_law law = law_of(bounded[k]);
            assert_int_equal(mad_noise_law_check(ctx, &law, MAD_WEIGHT_LIKELIHOOD), MAD_OK);
            double sum = 0.0;
            for (size_t i = 0; i < N; i++) {
                const mad_level level = mad_noise_law_at(&law, 1.0, ((double)i + 0.5) / N);
                const mad_coefficients c = mad_coefficients_at(&p, level.log_sigma);
                sum += mad_loss_weight_at(MAD_WEIGHT_LIKELIHOOD, &law, 1.0, &level, &c) /
                       (c.eps_per_out * c.eps_per_out) / N;
            }
            assert_near(sum, 1.0, bounded[k] == MAD_NOISE_SCHEDULE ? 0.06 : 2e-3);
        }
    }
    /* VLB at step 1 and T of the published schedule: 1 / (2 alpha_1), beta_T / (2 alpha_T). */
    const mad_noise_law law = law_of(MAD_NOISE_SCHEDULE);
    const mad_precondition p = plain(MAD_PREDICT_EPS, 1.0);
    const mad_level first = mad_noise_law_at(&law, 1.0, 0.0);
    const mad_level last = mad_noise_law_at(&law, 1.0, 0.9999);
    const mad_coefficients c = mad_coefficients_at(&p, first.log_sigma);
    assert_int_equal(last.step, 1000);
    assert_near(mad_loss_weight_at(MAD_WEIGHT_VLB, &law, 1.0, &first, &c), 0.5 / (1.0 - 1e-4),
                1e-9);
    assert_near(mad_loss_weight_at(MAD_WEIGHT_VLB, &law, 1.0, &last, &c),
                0.02 / (2.0 * 0.98 * (1.0 - schedule.abar[1000])), 1e-9);
    /* EDM's weight is 1 on EDM's own target, 1 + sigma^2 on the noise. */
    const mad_precondition half = plain(MAD_PREDICT_EDM, 0.5);
    const mad_level at = {.log_sigma = 1.0};
    const mad_coefficients edm = mad_coefficients_at(&half, 1.0);
    assert_near(mad_loss_weight_at(MAD_WEIGHT_EDM, &law, 0.5, &at, &edm), 1.0, 1e-14);
    const mad_coefficients eps = mad_coefficients_at(&p, 1.0);
    assert_near(mad_loss_weight_at(MAD_WEIGHT_EDM, &law, 1.0, &at, &eps), 1.0 + exp(2.0), 1e-12);
}

static void refused(mad_noise_law law, mad_loss_weight weight, const char *word)
{
    assert_int_equal(mad_noise_law_check(ctx, &law, weight), MAD_E_CONFIG);
    if (strstr(ctx->message, word) == NULL) {
        fail_msg("'%s' does not name '%s'", ctx->message, word);
    }
    mad_ctx_clear(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    refused(law_of(MAD_NOISE_VP), MAD_WEIGHT_VLB, "vlb");
    refused(law_of(MAD_NOISE_LOGNORMAL), MAD_WEIGHT_LIKELIHOOD, "likelihood");
    refused(law_of(MAD_NOISE_FLOW), MAD_WEIGHT_LIKELIHOOD, "likelihood");
    refused((mad_noise_law){.kind = MAD_NOISE_OU, .low = 2.0, .high = 1.0}, MAD_WEIGHT_SIMPLE,
            "noise.min");
    refused((mad_noise_law){.kind = MAD_NOISE_OU, .low = 0.0, .high = 1.0}, MAD_WEIGHT_SIMPLE,
            "noise.min");
    refused((mad_noise_law){.kind = MAD_NOISE_VP, .low = 1e-3, .high = 1.5}, MAD_WEIGHT_SIMPLE,
            "noise.max");
}

/* ---- T1.5: the loss of the exact denoiser of N(0, s^2) ---- */

typedef struct floor_case {
    mad_parameterization kind;
    double s, sigma_data, floor;
} floor_case;

static const floor_case floors[] = {
    {MAD_PREDICT_EDM, 1.0, 1.0, 1.0},
    {MAD_PREDICT_EDM, 0.5, 0.5, 1.0},
    {MAD_PREDICT_EDM, 1.0, 0.5, 1.62832},
    {MAD_PREDICT_EDM, 0.25, 0.5, 0.58744},
    {MAD_PREDICT_EPS, 1.0, 1.0, 0.27551},
    {MAD_PREDICT_EPS, 0.5, 1.0, 0.17305},
    {MAD_PREDICT_FLOW, 1.0, 1.0, 0.5 * M_PI},
    {MAD_PREDICT_FLOW, 0.5, 1.0, 0.25 * M_PI},
    {MAD_PREDICT_V, 1.0, 1.0, 1.0},
    {MAD_PREDICT_X0, 1.0, 1.0, 0.72449},
    {MAD_PREDICT_SCORE, 1.0, 1.0, 0.45932655},
};
enum { N_FLOORS = sizeof floors / sizeof *floors };

static mad_objective objective_of(const floor_case *f)
{
    mad_objective o = {
        .precondition = {.kind = f->kind},
        .law = law_of(mad_noise_law_default(f->kind)),
    };
    mad_objective_centre(&o, f->sigma_data);
    return o;
}

/* By quadrature: E Var(x0 | x) / c_out^2 over the law. V at s = 1 is 1 by hand; x0 is
 * mean sigma^2 / (1 + sigma^2) = 1 - mean abar; score the same over ln sigma uniform:
 * (ln 5000 - ln((1 + 100^2) / (1 + 0.02^2)) / 2) / ln 5000. */
static void test_floors_by_quadrature(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FLOORS; i++) {
        const floor_case *f = &floors[i];
        const mad_objective o = objective_of(f);
        const int normal = mad_noise_law_is_normal(o.law.kind);
        const size_t n = o.law.kind == MAD_NOISE_SCHEDULE ? 1000 : 100000;
        double sum = 0.0, total = 0.0;
        for (size_t k = 0; k < n; k++) {
            const double mid = ((double)k + 0.5) / (double)n, u = normal ? 16.0 * mid - 8.0 : mid;
            const double mass = normal ? exp(-0.5 * u * u) : 1.0;
            const mad_level level = mad_noise_law_at(&o.law, f->sigma_data, u);
            const double v = exp(2.0 * level.log_sigma);
            const double c_out = mad_coefficients_at(&o.precondition, level.log_sigma).c_out;
            sum += mass * f->s * f->s * v / (f->s * f->s + v) / (c_out * c_out);
            total += mass;
        }
        /* EDM: the shift -0.507 is the rounded ln(2) - 1.2 */
        assert_near(sum / total, f->floor, f->kind == MAD_PREDICT_EDM ? 2e-4 : 1e-5);
    }
}

/* By the training code itself, fed with the exact network F = (D - c_skip x) / c_out; `offset`
 * is added to F: a network that must miss the floor. Returns the mean and its standard error. */
static double loss_of_exact(const floor_case *f, double offset, double *se)
{
    enum { N = 100000 };
    static double u[N], weight[1];
    const mad_objective o = objective_of(f);
    mad_rng rng = mad_rng_open((mad_key){.seed = 4, .purpose = MAD_RNG_TEST}, 0);
    double sum = 0.0, sum_sq = 0.0;
    mad_noise_law_draw(&o.law, &rng, N, u);
    for (size_t r = 0; r < N; r++) {
        double z[2];
        mad_rng_normals(&rng, 2, z);
        const mad_regression g = mad_objective_at(&o, u[r]);
        const float x0 = (float)(f->s * z[0]), eps = (float)z[1];
        const float target = g.from_x0 * x0 + g.from_eps * eps;
        const double log_sigma = mad_noise_law_at(&o.law, f->sigma_data, u[r]).log_sigma;
        const mad_coefficients c = mad_coefficients_at(&o.precondition, log_sigma);
        const double x = (double)(g.in_x0 * x0 + g.in_eps * eps) / c.c_in; /* as the network sees */
        const double v = exp(2.0 * log_sigma), d = f->s * f->s / (f->s * f->s + v) * x;
        float out = (float)((d - c.c_skip * x) / c.c_out + offset);
        const double miss = (double)out - (double)target;
        weight[0] = g.weight;
        double power = 1.0;
        const double loss = mad_objective_loss(1, 1, weight, &target, 1.0, &out, &power);
        assert_near(power, 1.0 + (double)target * (double)target, 1e-6 * power);
        assert_near(loss, miss * miss, 1e-5 * (loss + 1.0));
        assert_near((double)out, 2.0 * miss, 1e-5 * (fabs(miss) + 1.0));
        sum += loss / N;
        sum_sq += loss * loss / N;
    }
    *se = sqrt((sum_sq - sum * sum) / N);
    return sum;
}

static void test_floors_by_training_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FLOORS; i++) {
        double se, twin_se;
        const double loss = loss_of_exact(&floors[i], 0.0, &se);
        assert_near(loss, floors[i].floor, 4.89 * se + 2e-4);
        const double twin = loss_of_exact(&floors[i], 0.5, &twin_se); /* sabotaged */
        assert_true(fabs(twin - floors[i].floor) > 4.89 * twin_se + 2e-4);
    }
}

/* Rows, weights and share enter as documented; gradient against central differences. */
static void test_loss_gradient(void **state)
{
    (void)state;
    const float target[6] = {0.5f, -1.0f, 2.0f, 0.0f, 0.25f, -0.75f};
    const float out[6] = {1.5f, 1.0f, 0.0f, -0.5f, 0.25f, 1.25f};
    const double weight[3] = {1.0, 0.5, 4.0}, share = 1.0 / 6.0;
    float g[6];
    memcpy(g, out, sizeof g);
    /* misses 1, 2 | -2, -0.5 | 0, 2 */
    double power = 0.0;
    assert_near(mad_objective_loss(3, 2, weight, target, share, g, &power),
                (5.0 + 0.5 * 4.25 + 4.0 * 4.0) / 6.0, 1e-12);
    assert_near(power, (1.25 + 0.5 * 4.0 + 4.0 * 0.625) / 6.0, 1e-12);
    const double by_hand[6] = {2.0, 4.0, -2.0, -0.5, 0.0, 16.0};
    for (int i = 0; i < 6; i++) {
        assert_near((double)g[i], by_hand[i] / 6.0, 1e-7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_coefficients),
        cmocka_unit_test(test_target_gives_x0),
        cmocka_unit_test(test_noise_input_is_held),
        cmocka_unit_test(test_default_laws),
        cmocka_unit_test(test_laws),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_floors_by_quadrature),
        cmocka_unit_test(test_floors_by_training_code),
        cmocka_unit_test(test_loss_gradient),
    };
    return cmocka_run_group_tests(tests, setup_schedule, teardown);
}
