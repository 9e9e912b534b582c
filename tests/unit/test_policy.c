/* tests/unit/test_policy.c: where fresh loops settle, against the recursion, the Marchenko-Pastur law,
 * simulated levels and printed roots. Marks such as F4 are those of the method notes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "analysis/policy/bound.h"
#include "analysis/policy/calibration.h"
#include "analysis/theory/second_moments.h"
#include "sim/num/stats.h"
#include "tests/support/theory_case.h"

enum { N_GENS = 600 };

/* The fixed point is where the recursion of any policy goes: memory, weights and bias together. */
static void test_fixed_point(void **state)
{
    static const struct {
        double n_real, n_synthetic, weight, lam;
        int memory;
    } cells[] = {{20, 80, 0.2, 1.0, 1},       {20, 80, 0.2, 0.8, 1},  {200, 300, 0.4, 0.9, 1},
                 {20, 200, 1.0 / 11, 1.0, 3}, {50, 150, 0.6, 0.9, 4}, {50, 500, 0.15, 0.85, 10}};
    mad_theory_case *f = *state;

    for (size_t i = 0; i < N_SIZES(cells); i++) {
        const mad_fresh loop = {.n_real = cells[i].n_real,
                                .n_synthetic = cells[i].n_synthetic,
                                .weight = cells[i].weight,
                                .lam = cells[i].lam,
                                .memory = cells[i].memory,
                                .dim = 1.0};
        const mad_fresh_point at = mad_fresh_settle(&loop);
        double row_variance[N_GENS];
        char text[160];
        mad_values values;

        snprintf(
            text, sizeof text,
            "n_initial=30 n_real=%g n_synthetic=%g real=fresh age=uniform(%d) real_weight=%.17g",
            loop.n_real, loop.n_synthetic, cells[i].memory, loop.weight);
        const mad_loop *walked = mad_theory_loop_of(f, text, N_GENS, &values);
        const mad_second_rule law = {.trace0 = 1.0, .ddof = 1, .lam = loop.lam};
        assert_int_equal(mad_second_moments(f->ctx, walked, N_GENS, &law, f->drift, f->spread),
                         MAD_OK);
        ASSERT_NEAR(at.drift, f->drift[N_GENS - 1], 1e-10 * at.drift);
        ASSERT_NEAR(at.spread, f->spread[N_GENS - 1], 1e-10);
        for (size_t t = 0; t < N_GENS; t++) {
            row_variance[t] = pow(loop.lam * at.spread, 2.0);
        }
        const mad_second_rule noise = {
            .trace0 = 1.0, .row_variance = row_variance, .carry = loop.lam};
        assert_int_equal(mad_second_moments(f->ctx, walked, N_GENS, &noise, f->drift, f->spread),
                         MAD_OK);
        ASSERT_NEAR(at.phi, f->drift[N_GENS - 1], 1e-10 * at.phi);
    }
}

/* On the way there, and with a loss of every fit: the course against the recursion's own steps, the end
 * against the fixed point. */
static void test_course(void **state)
{
    static const double cells[][4] = {/* n_real, n_synthetic, lam, fit_loss */
                                      {200, 600, 0.9, 0.0},
                                      {200, 600, 1.0, 0.05},
                                      {300, 100, 0.8, 0.1}};
    mad_theory_case *f = *state;
    double level[N_GENS];
    for (size_t i = 0; i < N_SIZES(cells); i++) {
        const double n_r = cells[i][0], n_s = cells[i][1], n = n_r + n_s, d = 3.0;
        const mad_fresh loop = {.n_real = n_r,
                                .n_synthetic = n_s,
                                .weight = n_r / n,
                                .lam = cells[i][2],
                                .memory = 1.0,
                                .dim = d,
                                .fit_loss = cells[i][3]};
        mad_fresh_course(&loop, 77.0, N_GENS, level);
        ASSERT_NEAR(level[0], mad_fresh_single(d, loop.fit_loss, 77.0), 1e-14);
        ASSERT_NEAR(level[N_GENS - 1], mad_fresh_level(&loop), 1e-12);
        if (loop.fit_loss == 0.0) { /* F2 */
            const mad_second_rule law = {.trace0 = 1.0, .ddof = 1, .lam = loop.lam};
            char text[96];
            mad_values values;
            snprintf(text, sizeof text, "n_initial=77 n_real=%g n_synthetic=%g real=fresh", n_r,
                     n_s);
            const mad_loop *walked = mad_theory_loop_of(f, text, 5, &values);
            assert_int_equal(mad_second_moments(f->ctx, walked, 5, &law, f->drift, f->spread),
                             MAD_OK);
            const double rest = level[4] - d * pow(1.0 - sqrt(f->spread[4]), 2.0) - d * f->drift[4];
            assert_true(rest > 0.0 && rest < 3.0 / n_r); /* the fluctuation of Sigma alone */
        }
        /* a loss and no synthetic rows: S = u, whatever came before */
        const mad_fresh alone = {
            .n_real = n_r, .lam = 1.0, .memory = 1.0, .dim = d, .fit_loss = 0.1};
        ASSERT_NEAR(mad_fresh_settle(&alone).spread, 0.9, 1e-15);
        ASSERT_NEAR(mad_fresh_level(&alone), mad_fresh_single(d, 0.1, n_r), 1e-14);
    }
}

static double level_wide(mad_ctx *ctx, double n_real, double n_synthetic, double lam, double dim)
{
    const mad_fresh loop = {.n_real = n_real,
                            .n_synthetic = n_synthetic,
                            .weight = n_real / (n_real + n_synthetic),
                            .lam = lam,
                            .memory = 1.0,
                            .dim = dim};
    double level;
    assert_int_equal(mad_fresh_level_wide(ctx, &loop, &level), MAD_OK);
    return level;
}

/* One fit: d/n + the mean of d (1 - sqrt x)^2 over the Marchenko-Pastur law of ratio d/(n - 1), and
 * its correction for real matrices (Bai & Silverstein 2004); in one dimension 1/n + 2 (1 - c4). With
 * d + 1 for d the form is right to 1/n, relative: ratio d/n times 1/d. */
static double one_fit(double n, double d)
{
    enum { POINTS = 20000 };
    const double c = d / (n - 1.0), root = sqrt(c);
    double inner = 0.0, plain = 0.0;
    for (size_t i = 0; i < POINTS; i++) {
        const double angle = ((double)i + 0.5) * acos(-1.0) / POINTS;
        const double x = 1.0 + c + 2.0 * root * cos(angle), f = pow(1.0 - sqrt(x), 2.0);
        inner += 2.0 * f * pow(sin(angle), 2.0) / x / POINTS;
        plain += f / POINTS;
    }
    const double ends = pow(1.0 - sqrt(pow(1.0 - root, 2.0)), 2.0) + c;
    return d / n + d * inner + ends / 4.0 - plain / 2.0;
}

static void test_one_fit(void **state)
{
    static const double cells[][2] = {{100, 1e4}, {100, 1e3}, {100, 200},
                                      {16, 200},  {16, 50},   {300, 1e6}};
    mad_theory_case *f = *state;
    for (size_t i = 0; i < N_SIZES(cells); i++) {
        const double d = cells[i][0], n = cells[i][1], exact = one_fit(n, d);
        ASSERT_NEAR(level_wide(f->ctx, n, 0.0, 1.0, d), exact, 0.5 / n * exact);
    }
    for (double n = 20.0; n < 1e6; n *= 7.0) {
        const double exact = 1.0 / n + 2.0 * (1.0 - exp(mad_log_c4(n)));
        ASSERT_NEAR(level_wide(f->ctx, n, 0.0, 1.0, 1.0), exact, 0.7 / n * exact);
        ASSERT_NEAR(level_wide(f->ctx, 1e3 * n, 0.0, 1.0, 1.0), 1.5e-3 / n, 1e-2 / n * 1.5e-3 / n);
    }
}

/* Levels of simulated loops (configs/papers/fresh-forgets-init.yaml, phase-nr-ns.yaml; 8 or 2000
 * replicates, generations 30 to 60): 4 standard errors and 1/2 % of the formula. Null law: normal, a
 * right formula fails one of the four with probability below 3e-4. */
static void test_simulated(void **state)
{
    static const struct {
        double n_real, n_synthetic, lam, dim, level, error;
    } cells[] = {{1000, 4000, 0.85, 100, 5.22796, 0.00682},
                 {100, 900, 1.0, 100, 12.1947, 0.0839},
                 {100, 900, 0.8, 100, 20.57721, 0.03556},
                 {100, 245, 0.8, 16, 0.842936, 0.000458}};
    mad_theory_case *f = *state;
    for (size_t i = 0; i < N_SIZES(cells); i++) {
        const double level =
            level_wide(f->ctx, cells[i].n_real, cells[i].n_synthetic, cells[i].lam, cells[i].dim);
        ASSERT_NEAR(level, cells[i].level, 4.0 * cells[i].error + 0.005 * level);
    }
    /* sabotaged twin: to leading order the second setting lies outside */
    const mad_fresh loop = {.n_real = 100,
                            .n_synthetic = 245,
                            .weight = 100.0 / 345,
                            .lam = 0.8,
                            .memory = 1.0,
                            .dim = 16};
    assert_true(fabs(mad_fresh_level(&loop) - cells[3].level) > 4.0 * cells[3].error);
}

/* F7: printed roots of F4, and its limit; F5 and F8 for n_r >> d. */
static void test_roots(void **state)
{
    static const double printed[][3] = {{1e4, 0.7, 1126},   {1e5, 0.7, 1232},   {1e6, 0.7, 1246},
                                        {1e4, 0.85, 3417},  {1e5, 0.85, 4620},  {1e6, 0.85, 4894},
                                        {1e4, 0.95, 13900}, {1e5, 0.95, 28683}, {1e6, 0.95, 40095}};
    mad_theory_case *f = *state;
    mad_policy policy = {.dim = 100.0, .memory = 1.0, .order = MAD_ORDER_LEADING};
    mad_admissible_sizes sizes;
    double rows;

    for (size_t i = 0; i < N_SIZES(printed); i++) {
        policy.lam = printed[i][1];
        assert_int_equal(mad_policy_sizes(f->ctx, &policy, printed[i][0], 1.0, &sizes), MAD_OK);
        ASSERT_NEAR(sizes.largest, printed[i][2], 1.0);
        assert_int_equal(mad_policy_sizes(f->ctx, &policy, 1e9, 1.0, &sizes), MAD_OK);
        ASSERT_NEAR(sizes.largest, mad_fresh_limit(100.0, policy.lam), 1.0 + 1e-4 * sizes.largest);
    }
    policy.lam = 1.0;
    for (double memory = 1.0; memory < 200.0; memory *= 3.0) { /* F5 */
        const double n_r = 1e7, n_s = 1e8, p = n_r / (n_r + n_s), q = 1.0 - p;
        policy.memory = memory;
        assert_int_equal(mad_policy_rows(f->ctx, &policy, n_r, n_s, &rows), MAD_OK);
        ASSERT_NEAR(rows / n_r, (memory + q) / (memory * p + q), 1e-4 * rows / n_r);
    }
    policy.memory = 1.0;
    policy.weighting = MAD_WEIGHT_GOLDEN;
    for (double k = 0.5; k < 20.0; k *= 2.0) { /* F8 */
        assert_int_equal(mad_policy_rows(f->ctx, &policy, 1e7, k * 1e7, &rows), MAD_OK);
        ASSERT_NEAR(rows / 1e7, 0.5 * (1.0 + sqrt(1.0 + 4.0 * k)), 1e-4 * rows / 1e7);
    }
}

/* Distances of a Gaussian loop without noise, in other units and above a floor: its d and lam come back, and
 * its bound; of a bias of synthetic rows and of an error of every fit. */
static void test_calibration(void **state)
{
    enum { LATE = 7, GENS = 12 };
    static const double no_shift[MAD_CALIBRATION_LOOPS] = {0.0, 0.0};
    mad_theory_case *f = *state;
    for (int is_own = 0; is_own < 2; is_own++) {
        const double d = 6.0, lam = 0.93, unit = 2.5;
        const mad_policy policy = {.dim = d,
                                   .lam = is_own ? 1.0 : lam,
                                   .fit_loss = is_own ? 1.0 - lam : 0.0,
                                   .memory = 1.0,
                                   .order = MAD_ORDER_LEADING};
        double curve[MAD_CALIBRATION_CURVE], loop[MAD_CALIBRATION_LOOPS] = {0.0}, level[GENS];
        mad_measured m = {.n_replicates = 1,
                          .n_real = 400.0,
                          .n_initial = 300.0,
                          .n_generations = GENS,
                          .first_late = LATE,
                          .target = 1.0};
        mad_calibration fit;
        mad_admissible_sizes sizes;

        m.trace = 4.0 * unit * mad_fresh_amplitude(d, policy.fit_loss) / (d + 5.0);
        for (size_t i = 0; i < MAD_CALIBRATION_CURVE; i++) {
            m.rows[i] = 200.0 * pow(2.0, (double)i);
            curve[i] = unit * (0.01 + mad_fresh_single(d, policy.fit_loss, m.rows[i]));
            m.curve[i] = &curve[i];
        }
        for (size_t i = 0; i < MAD_CALIBRATION_LOOPS; i++) {
            m.n_synthetic[i] = i == 0 ? 400.0 : 1600.0;
            const mad_fresh settled = mad_policy_loop(&policy, m.n_real, m.n_synthetic[i]);
            mad_fresh_course(&settled, m.n_initial, GENS, level);
            for (size_t t = LATE; t <= GENS; t++) {
                loop[i] += unit * (0.01 + level[t - 1]) / (GENS + 1 - LATE);
            }
            m.loop[i] = &loop[i];
        }
        assert_int_equal(mad_calibrate(f->ctx, &m, SIZE_MAX, no_shift, &fit), MAD_OK);
        ASSERT_NEAR(fit.dim, d, 1e-6);
        ASSERT_NEAR(fit.lam, lam, 1e-6);
        assert_int_equal(fit.is_own, is_own);
        ASSERT_NEAR(fit.misfit, 0.0, 1e-9);
        assert_int_equal(mad_policy_sizes(f->ctx, &policy, m.n_real, 1.0, &sizes), MAD_OK);
        ASSERT_NEAR(fit.n_synthetic, sizes.largest, 1.0);
        m.trace = (double)NAN; /* units unknown: d (d + 5)/4 is the amplitude */
        assert_int_equal(mad_calibrate(f->ctx, &m, SIZE_MAX, no_shift, &fit), MAD_OK);
        ASSERT_NEAR(fit.dim * (fit.dim + 5.0) / 4.0, fit.amplitude, 1e-9 * fit.amplitude);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibration),

        cmocka_unit_test(test_fixed_point), cmocka_unit_test(test_course),
        cmocka_unit_test(test_one_fit),     cmocka_unit_test(test_simulated),
        cmocka_unit_test(test_roots)};

    return cmocka_run_group_tests(tests, mad_theory_set_up, mad_theory_tear_down);
}
