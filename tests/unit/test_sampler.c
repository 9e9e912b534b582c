/* tests/unit/test_sampler.c: adapters, noise schedules and grids against exact numbers. T1.x are the
 * acceptance tests' names. */
#include <string.h>

#include "models/diffusion/adapters.h"
#include "tests/support/sampler_fixture.h"

/* ---- adapters ---- */

/* T1.1: from one D every quantity, and back, in single precision at its border. */
static void test_adapters(void **state)
{
    (void)state;
    static const mad_quantity all[] = {MAD_QUANTITY_X0, MAD_QUANTITY_EPS, MAD_QUANTITY_V,
                                       MAD_QUANTITY_SCORE, MAD_QUANTITY_FLOW};
    for (double log_sigma = log(0.002); log_sigma < log(80.1); log_sigma += log(4e4) / 40.0) {
        const double sigma = exp(log_sigma), n = -1.3, x = 0.7 + sigma * n;
        const double d = x / (1.0 + sigma * sigma); /* exact for N(0, 1) */
        const double eps = (x - d) / sigma, alpha = 1.0 / sqrt(1.0 + sigma * sigma);
        const double truth[] = {d, eps, alpha * eps - sigma * alpha * d, (d - x) / (sigma * sigma),
                                eps - d};
        for (size_t i = 0; i < 5; i++) {
            const mad_adapter a = mad_adapter_at(all[i], sigma);
            assert_near(a.from_x * x + a.from_out * truth[i], d, 1e-12 * (1.0 + fabs(x)));
            assert_near((d - a.from_x * x) / a.from_out, truth[i], 1e-9 * (1.0 + fabs(truth[i])));
            const float out = (float)truth[i];
            assert_near(a.from_x * x + a.from_out * (double)out, d, 1e-5);
        }
        assert_near(mad_state_scale(MAD_COORDINATES_VP, sigma), alpha, 1e-15);
        /* the flow's state is (1 - t) x0 + t eps at t = sigma / (1 + sigma) */
        const double t = sigma / (1.0 + sigma),
                     scale = mad_state_scale(MAD_COORDINATES_FLOW, sigma);
        assert_near(scale * (0.7 + sigma * n), (1.0 - t) * 0.7 + t * n, 1e-12);
        assert_near(mad_state_scale(MAD_COORDINATES_VP, mad_ou_sigma(0.3)), exp(-0.3), 1e-15);
    }
}

/* ---- noise ---- */

/* T1.4 */
static void test_schedules(void **state)
{
    (void)state;
    mad_noise_schedule s = schedule_of(linear(1000, 1));
    assert_near(s.abar[0], 1.0, 0.0);
    assert_near(s.sigma[0], 0.0, 0.0);
    assert_near(s.abar[1000], 4.036e-5, 5e-9);
    assert_near(s.abar[500], 0.0786, 5e-5);
    assert_near(log(mad_noise_sigma(&s, 1)), -4.605, 5e-4);
    assert_near(log(mad_noise_sigma(&s, 1000)), 5.059, 5e-4);
    s = schedule_of(linear(500, 0));
    assert_near(s.abar[500], 0.0064, 5e-5);
    assert_near(schedule_of(linear(500, 1)).abar[500], 4.036e-5, 3e-6); /* about as 1000 steps */

    const mad_noise_options ldm = {MAD_BETAS_LDM, 1000, 8.5e-4, 0.012, 0, 0.0};
    s = schedule_of(ldm);
    assert_near(1.0 - s.abar[1], 8.5e-4, 1e-15);
    assert_near(1.0 - s.abar[1000] / s.abar[999], 0.012, 1e-12);
    const double middle = sqrt(8.5e-4) + 499.0 / 999.0 * (sqrt(0.012) - sqrt(8.5e-4));
    assert_near(1.0 - s.abar[500] / s.abar[499], middle * middle, 1e-12);

    const mad_noise_options cosine = {.kind = MAD_BETAS_COSINE, .n_steps = 1000};
    s = schedule_of(cosine);
    assert_near(s.abar[0], 1.0, 0.0);
    for (size_t t = 1; t <= 1000; t++) {
        assert_true(1.0 - s.abar[t] / s.abar[t - 1] <= 0.999 + 1e-12);
        assert_true(s.sigma[t] > s.sigma[t - 1]);
    }
    const double f = cos(0.508 / 1.008 * acos(0.0)), f0 = cos(0.008 / 1.008 * acos(0.0));
    assert_near(s.abar[500], f * f / (f0 * f0), 1e-12);

    const mad_noise_options vp = {MAD_BETAS_VP, 1000, 0.1, 20.0, 0, 0.0};
    s = schedule_of(vp);
    for (double t = 1e-5; t <= 1.0; t *= 1.7) {
        assert_near(mad_vp_time(0.1, 20.0, mad_vp_sigma(0.1, 20.0, t)), t, 1e-6 * t);
    }
    assert_near(s.sigma[1000], sqrt(exp(0.5 * 19.9 + 0.1) - 1.0), 1e-9);
    assert_near(s.sigma[1], mad_vp_sigma(0.1, 20.0, 1e-3), 1e-15);

    const mad_noise_options ou = {.kind = MAD_BETAS_OU, .n_steps = 100, .horizon = 4.0};
    s = schedule_of(ou);
    assert_near(s.abar[100], exp(-8.0), 1e-15);
    assert_near(s.sigma[25], sqrt(exp(2.0) - 1.0), 1e-14);
    assert_near(mad_ou_time(mad_ou_sigma(1e-9)), 1e-9, 1e-20);

    mad_noise_schedule none;
    const mad_noise_options steep = linear(10, 1);
    assert_int_equal(mad_noise_schedule_create(ctx, &steep, mem, &none), MAD_E_CONFIG);
    assert_non_null(strstr(ctx->message, "step 6 of 10"));
    mad_ctx_clear(ctx);
}

/* ---- grids ---- */

/* T1.3: EDM's grid against the formula in long double; the others' ends, order and evenness. */
static void test_grids(void **state)
{
    (void)state;
    mad_ladder ladder = edm_ladder(MAD_SAMPLER_HEUN, 18);
    for (int i = 0; i < 18; i++) {
        const long double a = powl(80.0L, 1.0L / 7.0L), b = powl(0.002L, 1.0L / 7.0L);
        const long double sigma = powl(a + (long double)i / 17.0L * (b - a), 7.0L);
        assert_near(ladder.sigma[i], (double)sigma, 1e-13 * (double)sigma);
        assert_true(ladder.sigma[i + 1] < ladder.sigma[i]);
    }
    assert_near(ladder.sigma[0], 80.0, 0.0);
    assert_near(ladder.sigma[17], 0.002, 1e-15);
    assert_true(ladder.sigma[18] == 0.0);
    assert_int_equal(edm_ladder(MAD_SAMPLER_HEUN, 1).n_steps, 1);

    static const mad_grid_kind kinds[] = {MAD_GRID_LOG, MAD_GRID_LINEAR, MAD_GRID_COSINE,
                                          MAD_GRID_VP, MAD_GRID_OU_GEOMETRIC};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        mad_sampler_options options = edm;
        options.grid = kinds[k];
        for (int stops = 0; stops < 2; stops++) {
            const mad_stop stop = {.sigma = stops ? 0.3 : 0.0};
            double *s = (ladder = ladder_on(options, linear(2, 0), stop)).sigma;
            const size_t last = stops ? 18 : 17; /* the last level of the grid itself */
            assert_near(s[18], stop.sigma, 0.0);
            assert_near(s[last], stops ? 0.3 : 0.002, 1e-12);
            for (size_t i = 0; i < 18; i++) {
                assert_true(s[i + 1] < s[i]);
            }
            for (size_t i = 1; i < last; i++) {
                const double before = s[i - 1], at = s[i], next = s[i + 1];
                if (kinds[k] == MAD_GRID_LOG) {
                    assert_near(before / at, at / next, 1e-10);
                } else if (kinds[k] == MAD_GRID_LINEAR) {
                    assert_near(before - at, at - next, 1e-10);
                } else if (kinds[k] == MAD_GRID_COSINE) {
                    assert_near(atan(before) - atan(at), atan(at) - atan(next), 1e-10);
                } else if (kinds[k] == MAD_GRID_VP) {
                    assert_near(mad_vp_time(0.1, 20.0, before) + mad_vp_time(0.1, 20.0, next),
                                2.0 * mad_vp_time(0.1, 20.0, at), 1e-10);
                } else {
                    assert_near(log1p(before * before) / log1p(at * at),
                                log1p(at * at) / log1p(next * next), 1e-7);
                }
            }
        }
    }
    mad_sampler_options options = edm;
    options.grid = MAD_GRID_OU;
    ladder = ladder_on(options, linear(2, 0), (mad_stop){0});
    for (size_t i = 0; i <= 18; i++) {
        assert_near(mad_ou_time(ladder.sigma[i]), 4.0 * (18.0 - (double)i) / 18.0, 1e-12);
    }
    assert_near(ladder.start_sd, exp(4.0), 1e-10);

    /* the schedule's levels, and a stop in their midst */
    const mad_noise_schedule s = schedule_of(linear(1000, 0));
    ladder = schedule_ladder(MAD_SAMPLER_DDIM, MAD_SIGMA2_BETA, 40, linear(1000, 0));
    for (size_t i = 0; i <= 40; i++) {
        assert_near(ladder.sigma[i], s.sigma[1000 - 25 * i], 0.0);
    }
    options = ladder.options;
    options.spacing = MAD_SPACING_LEADING;
    const mad_ladder leading = ladder_on(options, linear(1000, 0), (mad_stop){0});
    options.spacing = MAD_SPACING_LINSPACE;
    const mad_ladder even = ladder_on(options, linear(1000, 0), (mad_stop){0});
    for (size_t i = 0; i < 40; i++) {
        assert_near(leading.sigma[i], s.sigma[976 - 25 * i], 0.0);
        const double t = 1000.0 - (double)i * 999.0 / 39.0;
        assert_near(even.sigma[i], s.sigma[(size_t)(t + 0.5)], 0.0);
    }
    options.spacing = MAD_SPACING_TRAILING;
    ladder = ladder_on(options, linear(1000, 0), (mad_stop){.sigma = s.sigma[100]});
    assert_int_equal(ladder.n_steps, 36);
    assert_near(ladder.sigma[35], s.sigma[125], 0.0);
    assert_near(ladder.sigma[36], s.sigma[100], 0.0);
}

static void test_grid_refusals(void **state)
{
    (void)state;
    const mad_noise_schedule schedule = schedule_of(linear(100, 1));
    mad_ladder none;
    mad_sampler_options options = edm;
    options.sigma_min = 1.0;
    options.sigma_max = 1.0;
    assert_int_equal(mad_ladder_create(ctx, &options, &schedule, (mad_stop){0}, mem, &none),
                     MAD_E_CONFIG);
    assert_non_null(strstr(ctx->message, "sampler.sigma_min is 1"));
    mad_ctx_clear(ctx);
    assert_int_equal(mad_ladder_create(ctx, &edm, &schedule, (mad_stop){.sigma = 80}, mem, &none),
                     MAD_E_CONFIG);
    assert_non_null(strstr(ctx->message, "early stop"));
    mad_ctx_clear(ctx);
    options.grid = MAD_GRID_SCHEDULE;
    options.n_steps = 101;
    assert_int_equal(mad_ladder_create(ctx, &options, &schedule, (mad_stop){0}, mem, &none),
                     MAD_E_CONFIG);
    assert_non_null(strstr(ctx->message, "only 100 steps"));
    mad_ctx_clear(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adapters),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_grids),
        cmocka_unit_test(test_grid_refusals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
