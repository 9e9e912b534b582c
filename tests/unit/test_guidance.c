/* tests/unit/test_guidance.c: guided denoisers between normal laws and on a ring, against closed
 * forms and published numbers (T1.13 to T1.15), rewards, intervals, conventions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/diffusion/exact/law.h"
#include "models/diffusion/guidance.h"
#include "models/diffusion/sampler.h"
#include "tests/support/fixture.h"

static const mad_key test_key = {.seed = 11, .purpose = MAD_RNG_TEST};

/* ---- normal laws on a line ---- */

/* N(mean[0], sd[0]^2) where a row has a class, N(mean[1], sd[1]^2) where it has none. */
typedef struct pair {
    double mean[2], sd[2];
} pair;

static void denoise_pair(void *self, double sigma, size_t n_rows, const int32_t *label,
                         const double *x, double *d)
{
    const pair *p = self;
    for (size_t r = 0; r < n_rows; r++) {
        const int i = label == NULL || label[r] == MAD_NO_CLASS;
        const double v = p->sd[i] * p->sd[i];
        d[r] = p->mean[i] + v / (v + sigma * sigma) * (x[r] - p->mean[i]);
    }
}

typedef struct law {
    double mean, sd;
} law;

static mad_guidance plain(mad_guide_kind kind, double w)
{
    return (mad_guidance){.kind = kind, .w = w, .high = 1e9, .tau = 1.0, .scale = 1.0};
}

/* The law of the guided flow: the map is affine, so that two rows tell it. */
static law flow(const mad_guidance *guidance, pair p, pair other, size_t n_steps, double sigma_max)
{
    const mad_sampler_options options = {.kind = MAD_SAMPLER_HEUN,
                                         .grid = MAD_GRID_LOG,
                                         .n_steps = n_steps,
                                         .sigma_min = 1e-4,
                                         .sigma_max = sigma_max,
                                         .alpha = 1.0};
    const mad_denoiser base = {.dim = 1, .self = &p, .denoise = denoise_pair};
    const mad_denoiser auxiliary = {.dim = 1, .self = &other, .denoise = denoise_pair};
    const mad_noise_schedule none = {0};
    const int32_t label[3] = {0, 0, 0};
    double x[3], z[3], work[3 * MAD_WALK_BUFFERS];
    mad_rng rng = mad_rng_open(test_key, 1), again = rng;
    mad_denoiser guided;
    mad_ladder ladder;
    must(mad_ladder_create(ctx, &options, &none, (mad_stop){0}, mem, &ladder));
    must(mad_guidance_open(ctx, guidance, &base, &auxiliary, 2, mem, &guided));
    mad_ladder_walk(&ladder, &guided, &rng, 3, label, x, work);
    mad_rng_normals(&again, 3, z);
    const double slope = (x[1] - x[0]) / (z[1] - z[0]);
    assert_near(x[2], x[0] + slope * (z[2] - z[0]), 1e-7 * (1.0 + fabs(x[2])));
    return (law){x[0] - slope * z[0], fabs(slope)};
}

/* The flow from sigma_max * N(0, 1): x(0) = x(sigma) H(sigma) about the mean, H as in T1.13's source:
 * (A / (A + sigma^2))^((1 + w)/2) ((B + sigma^2) / B)^(w/2). */
static double guided_sd(double a, double b, double w, double sigma)
{
    const double square = sigma * sigma;
    return sigma * pow(a / (a + square), 0.5 * (1.0 + w)) * pow((b + square) / b, 0.5 * w);
}

/* T1.13 */
static void test_guided_normal_laws(void **state)
{
    (void)state;
    static const double w[] = {0.0, 0.25, 0.515, 1.0, 3.0};
    static const double mean[] = {0.9975, 1.1097, 1.1950, 1.2886, 1.3354};
    static const double sd[] = {0.5, 0.40171, 0.31854, 0.20833, 0.03617};
    const pair p = {{1.0, 0.0}, {0.5, 1.2}};
    for (size_t i = 0; i < 5; i++) {
        const mad_guidance g = plain(MAD_GUIDE_CFG, w[i]);
        const law out = flow(&g, p, p, 4000, 200.0);
        assert_near(out.mean, mean[i], 1e-4);
        assert_near(out.sd, sd[i], 1e-4);
        assert_near(out.sd * out.sd, 0.25 * mad_guided_gain(0.25, 1.44, w[i]), 1e-4);
        /* not the variance of the tilted density, the common belief */
        if (w[i] >= 0.25) {
            const double tilted = 1.0 / ((1.0 + w[i]) / 0.25 - w[i] / 1.44);
            assert_true(fabs(out.sd * out.sd - tilted) > 0.01);
        }
        const pair equal = {{1.0, 0.0}, {0.5, 0.5}};
        const law moved = flow(&g, equal, equal, 4000, 2000.0);
        /* the mean starts from 0: 1 + w but for the share 0.5 / 2000 */
        assert_near(moved.mean, (1.0 + w[i]) * (1.0 - 0.5 / hypot(0.5, 2000.0)), 1e-5);
        assert_near(moved.sd, guided_sd(0.25, 0.25, w[i], 2000.0), 1e-5);
        assert_near(moved.sd, 0.5, 1e-5);
    }
}

/* T1.15, and autoguidance, which is the same rule against another model. */
static void test_negative_guidance(void **state)
{
    (void)state;
    const pair base = {{0.0, 0.0}, {0.9, 0.9}}, own = {{0.0, 0.0}, {0.81, 0.81}};
    for (int i = 0; i < 2; i++) {
        const mad_guidance g = plain(i == 0 ? MAD_GUIDE_NEGATIVE : MAD_GUIDE_AUTO, 1.0);
        assert_near(flow(&g, base, own, 4000, 2000.0).sd, guided_sd(0.81, 0.6561, 1.0, 2000.0),
                    1e-5);
        assert_near(guided_sd(0.81, 0.6561, 1.0, 2000.0), 1.0, 1e-6);
    }
    /* omega* = ln(s0^2 / s_b^2) / ln(s_b^2 / s_a^2) restores s0 = 1.2 */
    const double omega = log(1.44 / 0.81) / log(0.81 / 0.6561);
    const mad_guidance g = plain(MAD_GUIDE_NEGATIVE, omega);
    assert_near(flow(&g, base, own, 4000, 2000.0).sd, 1.2, 1e-5);
    assert_near(0.81 * mad_guided_gain(0.81, 0.6561, omega), 1.44, 1e-12);
}

/* Guidance acts on low < sigma <= high only; outside one evaluation is enough. */
static void test_interval(void **state)
{
    (void)state;
    mad_guidance g = plain(MAD_GUIDE_CFG, 1.0);
    const pair p = {{1.0, 0.0}, {0.5, 1.2}};
    g.low = 0.5;
    g.high = 2.0;
    assert_true(mad_guidance_acts(&g, 2.0) && !mad_guidance_acts(&g, 2.1));
    assert_true(!mad_guidance_acts(&g, 0.5) && mad_guidance_acts(&g, 0.51));
    assert_near(mad_guidance_cost(&g, 1.0), 2.0, 0.0);
    assert_near(mad_guidance_cost(&g, 5.0), 1.0, 0.0);
    /* d ln x / d sigma = sigma [(1 + w)/(A + sigma^2) - w/(B + sigma^2)] inside, w = 0 outside */
    const double factor = (0.25 + 0.25) / (0.25 + 4.0) * (1.44 + 4.0) / (1.44 + 0.25);
    /* each end falls inside a step of ln sigma, which is in or out as a whole: both together err by
     * at most 2 h times the jump of the slope, below 0.6 */
    const double sd = 0.5 * sqrt(factor), h = log(2000.0 / 1e-4) / 3999.0;
    assert_near(flow(&g, p, p, 4000, 2000.0).sd, sd, 2.0 * h * 0.6 * sd);
    g.low = 1e3;
    g.high = 1e4;
    g.w = 0.0;
    assert_false(mad_guidance_acts(&g, 5e3)); /* no strength, no second evaluation */
}

/* ---- rewards ---- */

/* Linear: the tilt p e^(r / tau) exactly, mean + v a / tau. Quadratic: to first order in 1 / tau, the
 * exact law of this flow being v exp(-v / tau) about its fixed point. */
static void test_rewards(void **state)
{
    (void)state;
    const pair p = {{0.3, 0.3}, {0.8, 0.8}};
    const double target[] = {1.5}, centre[] = {4.0};
    mad_guidance g = plain(MAD_GUIDE_REWARD, 0.0);
    g.target = target;
    g.centre = centre;
    g.scale = 2.0; /* world x = 4 + 2 x: r = 1.5 (4 + 2 x), slope 3 */
    g.tau = 4.0;
    g.reward = MAD_REWARD_LINEAR;
    law out = flow(&g, p, p, 2000, 2000.0);
    assert_near(out.mean, (0.3 + 0.64 * 3.0 / 4.0) * (1.0 - 0.8 / hypot(0.8, 2000.0)), 1e-5);
    assert_near(out.sd, 0.8, 1e-5);
    g.reward = MAD_REWARD_QUADRATIC;
    for (double tau = 4.0; tau <= 400.0; tau *= 10.0) {
        const double v = 0.64, unit = tau / 4.0; /* of (x - t)^2 / 2 in standardised units */
        g.tau = tau;
        out = flow(&g, p, p, 4000, 2000.0);
        assert_near(out.sd * out.sd, v * exp(-v / unit), 2e-5);
        const double tilted = v / (1.0 + v / unit), order = v * v / unit / unit;
        assert_near(out.sd * out.sd, tilted, order * v); /* agree to first order */
        const double t = (1.5 - 4.0) / 2.0;
        const double mean = (t + (0.3 - t) / (1.0 + v / unit)) * (1.0 - 0.8 / 2000.0);
        assert_near(out.mean, mean, order * fabs(0.3 - t));
    }
    assert_near(mad_guidance_cost(&g, 1.0), 3.0, 0.0);
}

/* ---- a ring ---- */

enum { N_RING = 20000, BLOCK = 1000, N_MODES = 8 };

static mad_law ring_of(double s)
{
    mad_law ring;
    must(mad_law_take(ctx, MAD_SHAPE_SPHERICAL, N_MODES, 2, N_MODES, mem, &ring));
    *ring.n = N_MODES;
    for (size_t k = 0; k < N_MODES; k++) {
        ring.mean[2 * k] = cos(2.0 * M_PI * (double)k / N_MODES);
        ring.mean[2 * k + 1] = sin(2.0 * M_PI * (double)k / N_MODES);
        ring.cov[k] = s * s;
        ring.weight[k * N_MODES + k] = 1.0;
        ring.weight[N_MODES * N_MODES + k] = 1.0 / N_MODES;
    }
    must(mad_law_derive(ctx, &ring));
    return ring;
}

typedef struct shape {
    double radius, radial, tangential; /* mean; variances over s^2 */
} shape;

/* Rows of class 0, whose radial direction is the first axis. */
static shape guide_ring(double s, double w)
{
    static double x[2 * BLOCK], work[MAD_WALK_BUFFERS * 2 * BLOCK];
    static int32_t label[BLOCK];
    const mad_sampler_options options = {.kind = MAD_SAMPLER_ABM3,
                                         .grid = MAD_GRID_EDM,
                                         .n_steps = 100,
                                         .sigma_min = 1e-3,
                                         .sigma_max = 80.0,
                                         .rho = 7.0,
                                         .alpha = 1.0};
    const mad_arena_mark mark = mad_arena_get_mark(mem);
    const mad_law ring = ring_of(s);
    const mad_noise_schedule none = {0};
    const mad_guidance g = plain(MAD_GUIDE_CFG, w);
    double sum[2] = {0}, sum_sq[2] = {0};
    mad_denoiser base, guided;
    mad_ladder ladder;
    must(mad_law_open(ctx, &ring, mem, &base));
    must(mad_guidance_open(ctx, &g, &base, &base, BLOCK, mem, &guided));
    must(mad_ladder_create(ctx, &options, &none, (mad_stop){0}, mem, &ladder));
    for (uint64_t block = 0; block < N_RING / BLOCK; block++) {
        mad_rng rng = mad_rng_open(test_key, 100 + block);
        mad_ladder_walk(&ladder, &guided, &rng, BLOCK, label, x, work);
        for (size_t i = 0; i < 2 * BLOCK; i++) {
            sum[i % 2] += x[i] / N_RING;
            sum_sq[i % 2] += x[i] * x[i] / N_RING;
        }
    }
    mad_arena_release(mem, mark);
    return (shape){sum[0], (sum_sq[0] - sum[0] * sum[0]) / (s * s),
                   (sum_sq[1] - sum[1] * sum[1]) / (s * s)};
}

/* T1.14: published to +-0.03; four standard errors of these rows besides. */
static double ring_allowed(double variance)
{
    return 0.03 + 4.0 * variance * sqrt(2.0 / N_RING);
}

static void test_ring(void **state)
{
    (void)state;
    static const double s[] = {0.1, 0.2, 0.3, 0.5}, w[] = {0.25, 1.0, 3.0};
    static const shape table[4][3] = {{{1.033, .75, .57}, {1.10, .51, .21}, {1.22, .32, .05}},
                                      {{1.065, .78, .57}, {1.20, .53, .20}, {1.44, .31, .05}},
                                      {{1.085, .79, .63}, {1.30, .53, .24}, {1.66, .32, .05}},
                                      {{1.122, .84, .73}, {1.47, .56, .37}, {2.07, .34, .09}}};
    for (size_t i = 0; i < 4; i++) {
        const shape whole = guide_ring(s[i], 0.0);
        assert_near(whole.radius, 1.0, 4.0 * s[i] / sqrt(N_RING));
        assert_near(whole.radial, 1.0, 4.0 * sqrt(2.0 / N_RING));
        assert_near(whole.tangential, 1.0, 4.0 * sqrt(2.0 / N_RING));
        for (size_t k = 0; k < 3; k++) {
            const shape out = guide_ring(s[i], w[k]);
            const double se = s[i] * sqrt(out.radial / N_RING);
            print_message("s %.1f w %.2f: radius %.3f, radial %.3f, tangential %.3f\n", s[i], w[k],
                          out.radius, out.radial, out.tangential);
            assert_near(out.radius, table[i][k].radius, 0.03 + 4.0 * se);
            assert_near(out.radial, table[i][k].radial, ring_allowed(out.radial));
            assert_near(out.tangential, table[i][k].tangential, ring_allowed(out.tangential));
        }
    }
    /* the sabotaged twin: a scale taken for a strength, w = 2 for w = 1 */
    assert_true(fabs(guide_ring(0.2, 2.0).radial - 0.53) > ring_allowed(0.53));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guided_normal_laws),
        cmocka_unit_test(test_negative_guidance),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_rewards),
        cmocka_unit_test(test_ring),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
