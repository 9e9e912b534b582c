/* tests/unit/test_sampler_gains.c: by how much samplers stretch N(0, s^2) with its exact denoiser,
 * against published and exact numbers. T1.x are the acceptance tests' names. */
#include "tests/support/sampler_fixture.h"

static const mad_key test_key = {.seed = 11, .purpose = MAD_RNG_TEST};

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
        cmocka_unit_test(test_deterministic_gains), cmocka_unit_test(test_loop_gains),
        cmocka_unit_test(test_endless_loops),       cmocka_unit_test(test_ancestral_gains),
        cmocka_unit_test(test_inversion),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
