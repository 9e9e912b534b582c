/* tests/unit/test_sampler.c: schedules and samplers against exact numbers. T1.x
 * are the acceptance tests' names. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/diffusion/sampler.h"

static const mad_key test_key = {.seed = 11, .purpose = MAD_RNG_TEST};
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

/* ---- noise ---- */

static mad_noise_schedule linear(size_t n_steps, int rescale)
{
    mad_noise_schedule s;
    assert_int_equal(mad_noise_schedule_create(ctx, n_steps, 1e-4, 0.02, rescale, mem, &s), MAD_OK);
    return s;
}

/* T1.4 */
static void test_schedule(void **state)
{
    (void)state;
    mad_noise_schedule s = linear(1000, 1);
    assert_near(s.abar[0], 1.0, 0.0);
    assert_near(s.abar[1000], 4.036e-5, 5e-9);
    assert_near(s.abar[500], 0.0786, 5e-5);
    assert_near(log(mad_noise_sigma(&s, 1)), -4.605, 5e-4);
    assert_near(log(mad_noise_sigma(&s, 1000)), 5.059, 5e-4);
    s = linear(500, 0);
    assert_near(s.abar[500], 0.0064, 5e-5);
    assert_near(linear(500, 1).abar[500], 4.036e-5, 3e-6); /* about that of 1000 steps */
    mad_noise_schedule none;
    assert_int_equal(mad_noise_schedule_create(ctx, 10, 1e-4, 0.02, 1, mem, &none), MAD_E_CONFIG);
    assert_non_null(strstr(ctx->message, "step 6 of 10"));
    mad_ctx_clear(ctx);
}

/* ---- samplers with the exact denoiser of N(0, s^2) ---- */

static void exact_gauss(void *self, double sigma, size_t n_rows, const int32_t *label,
                        const float *x, float *d)
{
    (void)label;
    const double s = *(const double *)self;
    const float k = (float)(s * s / (s * s + sigma * sigma));
    for (size_t i = 0; i < n_rows; i++) {
        d[i] = k * x[i];
    }
}

static mad_ladder ladder_of(mad_sampler_options options, size_t n_levels, int rescale)
{
    const mad_noise_schedule schedule = linear(n_levels, rescale);
    mad_ladder ladder;
    assert_int_equal(mad_ladder_create(ctx, &options, &schedule, mem, &ladder), MAD_OK);
    return ladder;
}

static mad_ladder heun_ladder(size_t n)
{
    return ladder_of((mad_sampler_options){.kind = MAD_SAMPLER_HEUN,
                                           .n_steps = n,
                                           .sigma_min = 0.002,
                                           .sigma_max = 80.0,
                                           .rho = 7.0},
                     2, 0);
}

/* Factor by which the whole walk stretches N(0, s^2): every row must show the same. */
static double deterministic_gain(const mad_ladder *ladder, double s)
{
    enum { N = 16 };
    float x[N], z[N], work[3 * N];
    mad_rng rng = mad_rng_open(test_key, 1), again = rng;
    mad_ladder_walk(ladder, exact_gauss, &s, &rng, N, 1, NULL, x, work);
    mad_rng_normals_f32(&again, N, z);
    double gain = (double)x[0] / (double)z[0] / s;
    for (size_t i = 1; i < N; i++) {
        assert_near((double)x[i] / (double)z[i] / s, gain, 2e-5 * gain);
    }
    return gain;
}

/* T1.3: the grid, against the formula in long double. */
static void test_heun_grid(void **state)
{
    (void)state;
    const mad_ladder ladder = heun_ladder(18);
    for (int i = 0; i < 18; i++) {
        const long double a = powl(80.0L, 1.0L / 7.0L), b = powl(0.002L, 1.0L / 7.0L);
        const long double sigma = powl(a + (long double)i / 17.0L * (b - a), 7.0L);
        assert_near(ladder.rung[i].sigma, (double)sigma, 1e-13 * (double)sigma);
        assert_true(ladder.rung[i].sigma_next < ladder.rung[i].sigma);
    }
    assert_near(ladder.rung[0].sigma, 80.0, 1e-12);
    assert_near(ladder.rung[17].sigma, 0.002, 1e-15);
    assert_true(ladder.rung[17].sigma_next == 0.0);
    assert_int_equal(mad_ladder_evaluations(&ladder), 35);
}

/* T1.8: published gains, and the product formula in double. */
static void test_deterministic_gains(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double gain;
    } heun[] = {{10, 1.2196}, {18, 1.0553}, {35, 1.0130}, {50, 1.0061}, {100, 1.0014}},
      ddim[] = {{10, 0.7399}, {20, 0.8627}, {50, 0.9428}, {100, 0.9709}, {250, 0.9882}};
    for (size_t i = 0; i < 5; i++) {
        mad_ladder ladder = heun_ladder(heun[i].n);
        const double s = 0.5;
        double product = 80.0 / s;
        for (size_t j = 0; j < heun[i].n; j++) {
            const double a = ladder.rung[j].sigma, b = ladder.rung[j].sigma_next;
            const double k = a / (s * s + a * a), euler = 1.0 + (b - a) * k;
            product *= b > 0.0 ? 1.0 + 0.5 * (b - a) * (k + b / (s * s + b * b) * euler) : euler;
        }
        const double gain = deterministic_gain(&ladder, s);
        assert_near(gain, product, 2e-5 * product);
        assert_near(gain, heun[i].gain, 1e-4 * heun[i].gain);

        ladder = ladder_of((mad_sampler_options){.kind = MAD_SAMPLER_DDIM, .n_steps = ddim[i].n},
                           1000, 0);
        assert_near(deterministic_gain(&ladder, s), ddim[i].gain, 1e-4 * ddim[i].gain);
    }
}

/* Variance the ancestral walk leaves, by recursion over the rungs: exact for a linear denoiser. */
static double ancestral_gain(const mad_ladder *ladder, double s)
{
    double v = ladder->start_sd * ladder->start_sd;
    for (size_t i = 0; i < ladder->n_steps; i++) {
        const mad_rung r = ladder->rung[i];
        const double k = s * s / (s * s + r.sigma * r.sigma), factor = k + r.keep * (1.0 - k);
        v = v * factor * factor + r.noise * r.noise;
    }
    return v / (s * s);
}

static mad_ladder ancestral(size_t n_levels, int rescale, mad_sigma2 sigma2)
{
    return ladder_of(
        (mad_sampler_options){.kind = MAD_SAMPLER_ANCESTRAL, .n_steps = n_levels, .sigma2 = sigma2},
        n_levels, rescale);
}

/* z of the variance of 10^5 sampled rows against `gain` s^2: se of the ratio is sqrt(2 / n). */
static double sampled_z(const mad_ladder *ladder, double s, double gain)
{
    enum { CHUNK = 1000, N = 100 * CHUNK };
    static float x[CHUNK], work[3 * CHUNK];
    double sum_sq = 0.0;
    for (uint64_t chunk = 0; chunk < N / CHUNK; chunk++) {
        mad_rng rng = mad_rng_open(test_key, 100 + chunk);
        mad_ladder_walk(ladder, exact_gauss, &s, &rng, CHUNK, 1, NULL, x, work);
        for (size_t i = 0; i < CHUNK; i++) {
            sum_sq += (double)x[i] * (double)x[i];
        }
    }
    return (sum_sq / N / (s * s) / gain - 1.0) / sqrt(2.0 / N);
}

/* T1.10 */
static void test_ancestral_gains(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int rescale;
        double s, beta, tilde;
    } table[] = {{1000, 0, 0.5, 1.0030, 0.9845}, {1000, 0, 1.0, 0.9999, 0.9911},
                 {1000, 0, 0.1, 1.0154, 0.9276}, {500, 0, 0.5, 1.0044, 0.9788},
                 {500, 0, 1.0, 0.9999, 0.9875},  {500, 0, 0.1, 1.0256, 0.9090},
                 {100, 1, 0.5, 1.0311, 0.8769},  {50, 1, 0.5, 1.0648, 0.7862}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const mad_ladder beta = ancestral(table[i].n, table[i].rescale, MAD_SIGMA2_BETA);
        const mad_ladder tilde = ancestral(table[i].n, table[i].rescale, MAD_SIGMA2_BETA_TILDE);
        assert_near(ancestral_gain(&beta, table[i].s), table[i].beta, 6e-5);
        assert_near(ancestral_gain(&tilde, table[i].s), table[i].tilde, 6e-5);
    }
    for (size_t i = 6; i < 8; i++) { /* rows drawn: |z| < 4.89 is a false alarm of 1e-6 */
        const mad_ladder beta = ancestral(table[i].n, 1, MAD_SIGMA2_BETA);
        const mad_ladder tilde = ancestral(table[i].n, 1, MAD_SIGMA2_BETA_TILDE);
        assert_true(fabs(sampled_z(&beta, 0.5, table[i].beta)) < 4.89);
        assert_true(fabs(sampled_z(&tilde, 0.5, table[i].tilde)) < 4.89);
        /* the sabotaged twin: the other variance */
        assert_true(fabs(sampled_z(&tilde, 0.5, table[i].beta)) > 4.89);
    }
    /* skipping steps composes posteriors: the last rung returns D itself */
    const mad_ladder few =
        ladder_of((mad_sampler_options){.kind = MAD_SAMPLER_ANCESTRAL, .n_steps = 40}, 1000, 0);
    assert_true(few.rung[39].keep == 0.0 && few.rung[39].noise == 0.0);
    assert_near(few.rung[0].sigma,
                mad_noise_sigma(&(mad_noise_schedule){1000, linear(1000, 0).abar}, 1000), 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_heun_grid),
        cmocka_unit_test(test_deterministic_gains),
        cmocka_unit_test(test_ancestral_gains),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
