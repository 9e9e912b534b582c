/* tests/unit/test_sampler.c: adapters, schedules, grids and the gains of samplers against exact
 * numbers. T1.x are the acceptance tests' names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/diffusion/adapters.h"
#include "models/diffusion/sampler.h"
#include "tests/support/fixture.h"

static const mad_key test_key = {.seed = 11, .purpose = MAD_RNG_TEST};

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

static mad_noise_schedule schedule_of(mad_noise_options options)
{
    mad_noise_schedule s;
    if (mad_noise_schedule_create(ctx, &options, mem, &s) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    return s;
}

static mad_noise_options linear(size_t n_steps, int rescale)
{
    return (mad_noise_options){.kind = MAD_BETAS_LINEAR,
                               .n_steps = n_steps,
                               .beta_min = 1e-4,
                               .beta_max = 0.02,
                               .rescale = rescale};
}

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

static const mad_sampler_options edm = {.kind = MAD_SAMPLER_HEUN,
                                        .grid = MAD_GRID_EDM,
                                        .n_steps = 18,
                                        .sigma_min = 0.002,
                                        .sigma_max = 80.0,
                                        .rho = 7.0,
                                        .alpha = 1.0,
                                        .vp_beta_min = 0.1,
                                        .vp_beta_max = 20.0,
                                        .horizon = 4.0,
                                        .noise = 1};

static mad_ladder ladder_on(mad_sampler_options options, mad_noise_options noise, mad_stop stop)
{
    const mad_noise_schedule schedule = schedule_of(noise);
    mad_ladder ladder;
    if (mad_ladder_create(ctx, &options, &schedule, stop, mem, &ladder) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    return ladder;
}

static mad_ladder edm_ladder(mad_sampler_kind kind, size_t n)
{
    mad_sampler_options options = edm;
    options.kind = kind;
    options.n_steps = n;
    return ladder_on(options, linear(2, 0), (mad_stop){0});
}

/* D3's DDIM takes its levels evenly from T to 1. */
static mad_ladder linspace_ladder(size_t n, mad_noise_options noise)
{
    mad_sampler_options options = edm;
    options.kind = MAD_SAMPLER_DDIM;
    options.grid = MAD_GRID_SCHEDULE;
    options.spacing = MAD_SPACING_LINSPACE;
    options.n_steps = n;
    return ladder_on(options, noise, (mad_stop){0});
}

static mad_ladder schedule_ladder(mad_sampler_kind kind, mad_sigma2 sigma2, size_t n,
                                  mad_noise_options noise)
{
    mad_sampler_options options = edm;
    options.kind = kind;
    options.grid = MAD_GRID_SCHEDULE;
    options.sigma2 = sigma2;
    options.n_steps = n;
    return ladder_on(options, noise, (mad_stop){0});
}

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

/* ---- gains with the exact denoiser of N(0, s^2) ---- */

static void exact_gauss(void *self, double sigma, size_t n_rows, const int32_t *label,
                        const double *x, double *d)
{
    (void)label;
    const double s = *(const double *)self;
    for (size_t i = 0; i < n_rows; i++) {
        d[i] = s * s / (s * s + sigma * sigma) * x[i];
    }
}

/* Factor by which a deterministic walk stretches N(0, s^2): every row must show the same. */
static double walked_gain(const mad_ladder *ladder, double s)
{
    enum { N = 16 };
    double x[N], z[N], work[MAD_WALK_BUFFERS * N];
    const mad_denoiser denoiser = {.dim = 1, .self = &s, .denoise = exact_gauss};
    mad_rng rng = mad_rng_open(test_key, 1), again = rng;
    mad_ladder_walk(ladder, &denoiser, &rng, N, NULL, x, work);
    mad_rng_normals(&again, N, z);
    double gain = x[0] / z[0] / s;
    for (size_t i = 1; i < N; i++) {
        assert_near(x[i] / z[i] / s, gain, 1e-11 * gain);
    }
    return gain;
}

/* Euler's and Heun's factors, one by one. */
static double product_formula(const mad_ladder *ladder, double s)
{
    double product = ladder->start_sd / s;
    for (size_t i = 0; i < ladder->n_steps; i++) {
        const double a = ladder->sigma[i], b = ladder->sigma[i + 1];
        const double k = a / (s * s + a * a), euler = 1.0 + (b - a) * k;
        const int is_heun = ladder->options.kind == MAD_SAMPLER_HEUN && b > 0.0;
        product *= is_heun ? 1.0 + 0.5 * (b - a) * (k + b / (s * s + b * b) * euler) : euler;
    }
    return product;
}

static void check_gain(const mad_ladder *ladder, double s, double gain, double allowed)
{
    const double walked = walked_gain(ladder, s);
    assert_near(walked, gain, allowed * gain);
    assert_near(sqrt(mad_ladder_gain(ladder, s * s)), walked, 1e-11 * walked);
    if (ladder->options.kind == MAD_SAMPLER_EULER || ladder->options.kind == MAD_SAMPLER_DDIM ||
        ladder->options.kind == MAD_SAMPLER_HEUN) {
        assert_near(product_formula(ladder, s), walked, 1e-11 * walked);
    }
}

/* T1.8: gains of the sd, published to four digits; by the sampler, the exact propagation and, where
 * there is one, the product formula. */
static void test_deterministic_gains(void **state)
{
    (void)state;
    static const struct {
        mad_sampler_kind kind;
        size_t n;
        double s, gain;
    } table[] = {{MAD_SAMPLER_EULER, 10, 0.5, 0.7304},    {MAD_SAMPLER_EULER, 18, 0.5, 0.8461},
                 {MAD_SAMPLER_EULER, 35, 0.5, 0.9198},    {MAD_SAMPLER_EULER, 50, 0.5, 0.9436},
                 {MAD_SAMPLER_EULER, 100, 0.5, 0.9717},   {MAD_SAMPLER_EULER, 200, 0.5, 0.9858},
                 {MAD_SAMPLER_EULER, 18, 0.1, 0.8103},    {MAD_SAMPLER_EULER, 50, 0.1, 0.9295},
                 {MAD_SAMPLER_EULER, 18, 1.0, 0.8595},    {MAD_SAMPLER_EULER, 50, 1.0, 0.9488},
                 {MAD_SAMPLER_HEUN, 10, 0.5, 1.2196},     {MAD_SAMPLER_HEUN, 18, 0.5, 1.0553},
                 {MAD_SAMPLER_HEUN, 35, 0.5, 1.0130},     {MAD_SAMPLER_HEUN, 50, 0.5, 1.0061},
                 {MAD_SAMPLER_HEUN, 100, 0.5, 1.0014},    {MAD_SAMPLER_DPMPP_2M, 10, 0.5, 1.1588},
                 {MAD_SAMPLER_DPMPP_2M, 18, 0.5, 1.0623}, {MAD_SAMPLER_DPMPP_2M, 35, 0.5, 1.0139},
                 {MAD_SAMPLER_DPMPP_2M, 50, 0.5, 1.0064}, {MAD_SAMPLER_DPMPP_2M, 100, 0.5, 1.0015}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const mad_ladder ladder = edm_ladder(table[i].kind, table[i].n);
        check_gain(&ladder, table[i].s, table[i].gain, 1e-4);
    }
    static const struct {
        size_t n;
        double gain;
    } ddim[] = {{10, 0.7399}, {20, 0.8627}, {50, 0.9428}, {100, 0.9709}, {250, 0.9882}};
    for (size_t i = 0; i < 5; i++) {
        const mad_ladder ladder =
            schedule_ladder(MAD_SAMPLER_DDIM, MAD_SIGMA2_BETA, ddim[i].n, linear(1000, 0));
        check_gain(&ladder, 0.5, ddim[i].gain, 1e-4);
    }
    static const mad_sampler_kind rest[] = {MAD_SAMPLER_AB2, MAD_SAMPLER_ABM2, MAD_SAMPLER_ABM3,
                                            MAD_SAMPLER_RK4};
    for (size_t i = 0; i < 4; i++) { /* no published numbers: near 1, and walked as propagated */
        const mad_ladder ladder = edm_ladder(rest[i], 50);
        check_gain(&ladder, 0.5, 1.0, 0.02);
    }
}

/* D3: lam_eff of the variance, T = 500 without rescaling and EDM's grid; 10 generations. */
static void test_loop_gains(void **state)
{
    (void)state;
    static const double v[] = {1.0, 0.25, 0.04};
    static const double beta[] = {0.9999, 1.0044, 1.0142}, tilde[] = {0.9875, 0.9788, 0.9516};
    static const size_t n_ddim[] = {10, 25, 50, 100, 500};
    static const double ddim[3][5] = {{0.7517, 0.8989, 0.9491, 0.9744, 0.9948},
                                      {0.6436, 0.8517, 0.9265, 0.9651, 0.9965},
                                      {0.3704, 0.6971, 0.8415, 0.9203, 0.9864}};
    static const size_t n_edm[] = {10, 18, 40, 100};
    static const double euler[2][4] = {{0.5637, 0.7387, 0.8762, 0.9492},
                                       {0.4871, 0.6831, 0.8469, 0.9366}},
                        heun[2][4] = {{1.3816, 1.0915, 1.0159, 1.0022},
                                      {1.6855, 1.1514, 1.0257, 1.0037}};
    const mad_noise_options noise = linear(500, 0);
    const mad_ladder ddpm = schedule_ladder(MAD_SAMPLER_ANCESTRAL, MAD_SIGMA2_BETA, 500, noise);
    const mad_ladder small =
        schedule_ladder(MAD_SAMPLER_ANCESTRAL, MAD_SIGMA2_BETA_TILDE, 500, noise);
    for (size_t i = 0; i < 3; i++) {
        assert_near(mad_ladder_gain(&ddpm, v[i]), beta[i], 6e-5);
        assert_near(mad_ladder_gain(&small, v[i]), tilde[i], 6e-5);
        for (size_t k = 0; k < 5; k++) {
            const mad_ladder l = linspace_ladder(n_ddim[k], noise);
            assert_near(mad_ladder_gain(&l, v[i]), ddim[i][k], 6e-5);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 4; k++) {
            const mad_ladder e = edm_ladder(MAD_SAMPLER_EULER, n_edm[k]);
            const mad_ladder h = edm_ladder(MAD_SAMPLER_HEUN, n_edm[k]);
            assert_near(mad_ladder_gain(&e, v[2 * i]), euler[i][k], 6e-5);
            assert_near(mad_ladder_gain(&h, v[2 * i]), heun[i][k], 6e-5);
        }
    }
    const struct {
        mad_ladder ladder;
        double after_ten;
    } loops[] = {{linspace_ladder(50, noise), 0.5804},
                 {linspace_ladder(100, noise), 0.7709},
                 {small, 0.8801},
                 {ddpm, 0.9990},
                 {edm_ladder(MAD_SAMPLER_HEUN, 18), 2.2863}};
    for (size_t i = 0; i < 5; i++) {
        double variance = 1.0;
        for (int g = 0; g < 10; g++) {
            variance *= mad_ladder_gain(&loops[i].ladder, variance);
        }
        assert_near(variance, loops[i].after_ten, 6e-5);
    }
}

/* T1.9: sd of the fully synthetic loop with endless data, from s = 0.5. */
static void test_endless_loops(void **state)
{
    (void)state;
    static const struct {
        mad_sampler_kind kind;
        size_t n;
        double sd[5];
    } loops[] = {{MAD_SAMPLER_EULER, 18, {.423, .357, .208, .076, .006}},
                 {MAD_SAMPLER_HEUN, 18, {.528, .556, .649, .826, 1.279}},
                 {MAD_SAMPLER_DPMPP_2M, 18, {.531, .564, .670, .879, 1.427}},
                 {MAD_SAMPLER_EULER, 50, {.472, .445, .372, .274, .142}},
                 {MAD_SAMPLER_HEUN, 35, {.507, .513, .533, .567, .641}}};
    static const int at[] = {1, 2, 5, 10, 20};
    for (size_t i = 0; i < 5; i++) {
        const mad_ladder ladder = edm_ladder(loops[i].kind, loops[i].n);
        double s = 0.5;
        for (int g = 1, k = 0; g <= 20; g++) {
            s *= sqrt(mad_ladder_gain(&ladder, s * s));
            if (g == at[k]) {
                assert_near(s, loops[i].sd[k++], 1e-3);
            }
        }
    }
}

/* T1.10 by recursion; by rows in tests/stat. */
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
        const mad_noise_options noise = linear(table[i].n, table[i].rescale);
        for (int small = 0; small < 2; small++) {
            const mad_sigma2 sigma2 = small ? MAD_SIGMA2_BETA_TILDE : MAD_SIGMA2_BETA;
            const mad_ladder ladder =
                schedule_ladder(MAD_SAMPLER_ANCESTRAL, sigma2, table[i].n, noise);
            const double gain = mad_ladder_gain(&ladder, table[i].s * table[i].s);
            assert_near(gain, small ? table[i].tilde : table[i].beta, 6e-5);

            /* c = (1 - b/(abar v + 1 - abar))/sqrt(1 - b), v' = c^2 v + s^2, in VP coordinates */
            const mad_noise_schedule s = schedule_of(noise);
            const double data = table[i].s * table[i].s;
            double v = 1.0;
            for (size_t t = table[i].n; t > 0; t--) {
                const double b = 1.0 - s.abar[t] / s.abar[t - 1];
                const double c = (1.0 - b / (s.abar[t] * data + 1.0 - s.abar[t])) / sqrt(1.0 - b);
                const double put = small ? b * (1.0 - s.abar[t - 1]) / (1.0 - s.abar[t]) : b;
                v = c * c * v + (t > 1 ? put : 0.0);
            }
            assert_near(gain, v / data, 1e-9);
        }
    }
    /* skipping steps composes posteriors; DDIM with eta 1 and VE's rule are the same sampler */
    mad_sampler_options options =
        schedule_ladder(MAD_SAMPLER_ANCESTRAL, MAD_SIGMA2_BETA_TILDE, 40, linear(1000, 0)).options;
    const mad_ladder ancestral = ladder_on(options, linear(1000, 0), (mad_stop){0});
    options.kind = MAD_SAMPLER_VE_ANCESTRAL;
    const mad_ladder ve = ladder_on(options, linear(1000, 0), (mad_stop){0});
    options.kind = MAD_SAMPLER_DDIM;
    options.eta = 1.0;
    const mad_ladder ddim = ladder_on(options, linear(1000, 0), (mad_stop){0});
    for (size_t i = 0; i < 40; i++) {
        assert_near(ve.rung[i].from_x, ancestral.rung[i].from_x, 1e-14);
        assert_near(ddim.rung[i].from_x, ancestral.rung[i].from_x, 1e-12);
        assert_near(ve.rung[i].noise, ancestral.rung[i].noise, 1e-14);
        assert_near(ddim.rung[i].noise, ancestral.rung[i].noise, 1e-14);
    }
    assert_true(ve.rung[39].from_x == 0.0 && ve.rung[39].noise == 0.0); /* the last returns D */
}

/* T8.7: inverted by Euler steps upwards from sigma_min and drawn again downwards on the same levels,
 * as image-to-image passes do, a row comes back shrunk. */
static void test_inversion(void **state)
{
    (void)state;
    static const size_t n[] = {20, 50, 100};
    static const double gain[] = {0.75266, 0.89255, 0.94475};
    for (size_t k = 0; k < 3; k++) {
        mad_sampler_options options = edm;
        options.kind = MAD_SAMPLER_EULER;
        options.n_steps = n[k];
        const mad_ladder ladder = ladder_on(options, linear(2, 0), (mad_stop){.sigma = 0.002});
        double s = 0.5, x = 1.0;
        for (size_t i = n[k]; i > 0; i--) {
            double d;
            exact_gauss(&s, ladder.sigma[i], 1, NULL, &x, &d);
            x += (ladder.sigma[i - 1] - ladder.sigma[i]) / ladder.sigma[i] * (x - d);
        }
        /* the walk down multiplies its start by gain s / start_sd */
        const double down = walked_gain(&ladder, s) * s / ladder.start_sd;
        assert_near(x * down, gain[k], 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adapters),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_grids),
        cmocka_unit_test(test_grid_refusals),
        cmocka_unit_test(test_deterministic_gains),
        cmocka_unit_test(test_loop_gains),
        cmocka_unit_test(test_endless_loops),
        cmocka_unit_test(test_ancestral_gains),
        cmocka_unit_test(test_inversion),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
