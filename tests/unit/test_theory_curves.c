/* tests/unit/test_theory_curves.c: curves of the closed forms against printed values. Marks such as
 * F4 are those of the method notes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "analysis/theory/wright_fisher.h"
#include "sim/cli/lists.h"
#include "tests/support/theory_case.h"

typedef struct experiment {
    mad_setting setting;
    mad_values world_values, model_values, loop_values, bias_values;
} experiment;

static const mad_setting *setting_of(mad_theory_case *f, const mad_world_type *world,
                                     const char *world_text, const mad_model_type *model,
                                     const char *model_text, const char *loop_text,
                                     const char *strength, size_t n_gens)
{
    experiment *e = mad_arena_take(f->mem, 1, sizeof *e);
    mad_world_args args = {.values = &e->world_values, .seed = 1};
    mad_world *made = NULL;

    e->world_values = mad_theory_values_of(f, world->params, world_text);
    e->model_values = mad_theory_values_of(f, model->params, model_text);
    e->bias_values = mad_theory_values_of(f, mad_bias_shrink.params, strength);
    assert_int_equal(world->create(f->ctx, &args, f->mem, &made), MAD_OK);
    e->setting = (mad_setting){.n_replicates = 1,
                               .n_generations = n_gens,
                               .world = made,
                               .world_values = &e->world_values,
                               .model = model,
                               .model_values = &e->model_values,
                               .bias = &mad_bias_shrink,
                               .bias_values = &e->bias_values,
                               .loop_values = &e->loop_values};
    e->setting.loop = mad_theory_loop_of(f, loop_text, n_gens, &e->loop_values);
    return &e->setting;
}

/* The curve of one closed form, in f->spread. */
static const double *curve_of(mad_theory_case *f, const mad_theory_type *theory,
                              const mad_setting *setting)
{
    assert_true(theory->applies(setting));
    assert_int_equal(theory->curve(f->ctx, setting, f->spread), MAD_OK);
    return f->spread;
}

#define CHAIN_10 "n_initial=10 n_synthetic=10 real=none"
#define CHAIN_50 "n_initial=50 n_synthetic=50 real=none"

static const mad_setting *gauss(mad_theory_case *f, const char *world, const char *model,
                                const char *loop, const char *strength, size_t n_gens)
{
    return setting_of(f, &mad_world_gauss, world, &mad_model_gauss, model, loop, strength, n_gens);
}

/* G4: printed values, and Shumailov's first order. */
static void test_frechet_line(void **state)
{
    static const struct {
        const char *loop, *strength;
        double value;
    } cells[] = {
        {CHAIN_10, "", 2.851},
        {CHAIN_50, "", 0.594},
        {CHAIN_10, "strength=0.9", 1.591},
        {CHAIN_50, "strength=0.9", 0.647},
    };
    mad_theory_case *f = *state;
    const double *w2;

    for (size_t i = 0; i < N_SIZES(cells); i++) {
        w2 = curve_of(f, &mad_theory_gauss_frechet_line,
                      gauss(f, "dim=1", "", cells[i].loop, cells[i].strength, 20));
        ASSERT_NEAR(w2[19], cells[i].value, 6e-4);
    }
    w2 = curve_of(f, &mad_theory_gauss_frechet_line,
                  gauss(f, "dim=1 sd=2", "", "n_initial=1e4 n_synthetic=1e4 real=none", "", 20));
    ASSERT_NEAR(w2[19], 4.0 * 1.5 * 20.0 / 1e4, 1e-4 * w2[19]);
    w2 = curve_of(f, &mad_theory_gauss_frechet_line,
                  gauss(f, "dim=1", "ddof=ml", CHAIN_10, "", 2000));
    ASSERT_NEAR(w2[1999], 2.0, 1e-9);
}

/* F4 and the n_e/n_r table of F7: n_e = d (d + 5)/(4 W2^2). */
static void test_frechet(void **state)
{
    static const struct {
        int dim;
        double n_real, n_synthetic, lam, gain;
    } cells[] = {
        {16, 1e3, 1e2, 1.0, 1.091},   {16, 1e3, 1e3, 0.95, 1.349}, {16, 1e3, 4e3, 0.85, 0.115},
        {16, 1e3, 1e3, 0.7, 0.293},   {2, 1e3, 1e3, 0.85, 0.315},  {100, 1e3, 4e3, 0.95, 1.378},
        {100, 1e3, 4e3, 0.85, 0.502},
    };
    mad_theory_case *f = *state;
    const double *w2;

    for (size_t i = 0; i < N_SIZES(cells); i++) {
        char world[32], loop[96], bias[32];
        double d = cells[i].dim;

        snprintf(world, sizeof world, "dim=%d", cells[i].dim);
        snprintf(bias, sizeof bias, "strength=%g", cells[i].lam);
        snprintf(loop, sizeof loop, "n_initial=1000 n_real=%g n_synthetic=%g", cells[i].n_real,
                 cells[i].n_synthetic);
        w2 = curve_of(f, &mad_theory_gauss_frechet, gauss(f, world, "", loop, bias, 200));
        ASSERT_NEAR(d * (d + 5.0) / (4.0 * w2[199]) / cells[i].n_real, cells[i].gain, 2e-3);
    }
    w2 = curve_of(f, &mad_theory_gauss_frechet,
                  gauss(f, "dim=100", "", "n_initial=1000 n_real=2000 n_synthetic=0", "", 2));
    ASSERT_NEAR(w2[0], 2.625, 1e-12); /* one fit */
    ASSERT_NEAR(w2[1], 1.3125, 1e-12);
    w2 = curve_of(f, &mad_theory_gauss_frechet, gauss(f, "dim=100", "", CHAIN_50, "", 2));
    assert_true(isnan(w2[0])); /* n < d: no expansion */
    assert_false(mad_theory_gauss_frechet.applies(
        gauss(f, "dim=1", "", "n_initial=9 n_real=9 n_synthetic=9 budget=12", "", 3)));
}

/* F7: the largest n_s at which a biased loop is worth its real rows, by halving. */
static double boundary(mad_theory_case *f, const char *world, const char *bias, double single,
                       double n_real)
{
    double low = 1.0, high = 1e6;

    while (high - low > 1.0) {
        const double middle = floor(0.5 * (low + high));
        char loop[96];
        const double *w2;

        snprintf(loop, sizeof loop, "n_initial=%.0f n_real=%.0f n_synthetic=%.0f", n_real, n_real,
                 middle);
        w2 = curve_of(f, &mad_theory_gauss_frechet, gauss(f, world, "", loop, bias, 60));
        if (w2[59] <= single / n_real) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* F7: printed boundaries of finite n_r, and n_s* of n_r -> infinity, which is not yet its scale (d +
 * 5)/(1 - lam)^2. */
static void test_boundary(void **state)
{
    static const double lams[] = {0.7, 0.85, 0.95}, n_reals[] = {1e4, 1e5, 1e6};
    static const double printed[][3] = {
        {1126, 1232, 1246}, {3417, 4620, 4894}, {13900, 28683, 40095}};
    static const struct {
        double d, lam, printed;
    } limits[] = {{100, 0.7, 1247}, {100, 0.85, 4929}, {100, 0.95, 42989}, {1, 0.9, 648}};
    mad_theory_case *f = *state;
    char world[32], bias[32];

    for (size_t i = 0; i < 9; i++) {
        snprintf(bias, sizeof bias, "strength=%g", lams[i / 3]);
        ASSERT_NEAR(boundary(f, "dim=100", bias, 100.0 * 105.0 / 4.0, n_reals[i % 3]),
                    printed[i / 3][i % 3], 1.0);
    }
    for (size_t i = 0; i < N_SIZES(limits); i++) {
        const double d = limits[i].d, lam = limits[i].lam, scale = (d + 5.0) / pow(1.0 - lam, 2.0);
        const double limit =
            (4.0 * (2.0 - lam) + (d + 1.0) * (0.5 + 1.5 * lam - lam * lam)) / pow(1.0 - lam, 2.0);
        double n_s;

        snprintf(world, sizeof world, "dim=%g", d);
        snprintf(bias, sizeof bias, "strength=%g", lam);
        n_s = boundary(f, world, bias, d * (d + 5.0) / 4.0, 1e9);
        ASSERT_NEAR(limit, limits[i].printed, 0.5);
        ASSERT_NEAR(n_s, limit, 1.0 + 1e-4 * limit); /* n_s/n_r is at most 4e-5 */
        assert_true(fabs(n_s - scale) > 0.01 * scale);
    }
}

/* G2, G8. */
static void test_log_det(void **state)
{
    mad_theory_case *f = *state;
    const double *log_det = curve_of(f, &mad_theory_gauss_log_det,
                                     gauss(f, "dim=2 spectrum=1", "", CHAIN_50, "strength=0.8", 7));

    for (size_t t = 1; t <= 7; t++) {
        ASSERT_NEAR(log_det[t - 1],
                    log(0.5) + 2.0 * (double)(t - 1) * log(0.8) - 0.062144 * (double)t, 4e-6);
    }
    assert_false(mad_theory_gauss_log_det.applies(gauss(f, "dim=10", "", CHAIN_10, "", 3)));
    assert_false(mad_theory_gauss_log_det.applies(
        gauss(f, "dim=1", "", "n_initial=9 n_real=9 n_synthetic=9", "", 3)));
    assert_false(mad_theory_gauss_log_det.applies(
        gauss(f, "dim=1", "", CHAIN_50 " retain=window(2)", "", 3)));
    assert_false(
        mad_theory_gauss_log_det.applies(gauss(f, "dim=1", "", CHAIN_50 " budget=20", "", 3)));
}

static void test_moment_plugins(void **state)
{
    mad_theory_case *f = *state;
    const mad_setting *s = gauss(f, "dim=3 spectrum=1", "ddof=ml", CHAIN_10, "strength=0.5", 4);
    double trace0 = 1.0 + 1.0 / 2 + 1.0 / 3;

    ASSERT_NEAR(curve_of(f, &mad_theory_trace, s)[3], trace0 * pow(0.9, 4.0) / 8.0, 1e-14);
    ASSERT_NEAR(curve_of(f, &mad_theory_mean_error_sq, s)[0], trace0 / 10.0, 1e-15);
    /* any world with known moments, not only a Gaussian one */
    s = setting_of(f, &mad_world_ring, "", &mad_model_kde, "bandwidth=0.5", CHAIN_10, "", 2);
    assert_true(mad_theory_trace.applies(s));
    ASSERT_NEAR(curve_of(f, &mad_theory_trace, s)[0],
                0.9 * (s->world->info.cov[0] + s->world->info.cov[3]) + 0.5, 1e-12);
    s = setting_of(f, &mad_world_zipf, "categories=4 exponent=0", &mad_model_categorical, "",
                   CHAIN_10, "", 2);
    assert_false(mad_theory_trace.applies(s));
    ASSERT_NEAR(curve_of(f, &mad_theory_heterozygosity, s)[1], 0.75 * 0.81, 1e-15);
}

/* C3: the printed table; one step against (1-p)^n (C6). */
static void test_alive(void **state)
{
    static const struct {
        const char *world, *loop;
        size_t t;
        double alive;
    } cells[] = {
        {"categories=10 exponent=0", CHAIN_50, 1, 9.9485},
        {"categories=10 exponent=0", CHAIN_50, 5, 8.0831},
        {"categories=10 exponent=0", CHAIN_50, 10, 6.0416},
        {"categories=10 exponent=0", CHAIN_50, 20, 3.9964},
        {"categories=10 exponent=0", CHAIN_50, 50, 2.1130},
        {"categories=25 exponent=0", "n_initial=250 n_synthetic=250 real=none", 1, 24.9991},
        {"categories=25 exponent=0", "n_initial=250 n_synthetic=250 real=none", 50, 8.2881},
        {"categories=25 exponent=0", "n_initial=250 n_synthetic=250 real=none", 500, 1.3953},
        {"categories=25 exponent=0", "n_initial=1000 n_synthetic=1000 real=none", 200, 8.4775},
    };
    mad_theory_case *f = *state;
    double alive = 0.0;
    const mad_setting *s;

    for (size_t i = 0; i < N_SIZES(cells); i++) {
        s = setting_of(f, &mad_world_zipf, cells[i].world, &mad_model_categorical, "",
                       cells[i].loop, "", cells[i].t);
        ASSERT_NEAR(curve_of(f, &mad_theory_categories_alive, s)[cells[i].t - 1], cells[i].alive,
                    6e-5);
    }
    s = setting_of(f, &mad_world_zipf, "categories=1000 exponent=2", &mad_model_categorical, "",
                   CHAIN_50, "", 1);
    for (size_t i = 0; i < 1000; i++) {
        alive += 1.0 - pow(1.0 - s->world->info.category_p[i], 50.0);
    }
    ASSERT_NEAR(curve_of(f, &mad_theory_categories_alive, s)[0], alive, 1e-12);
}

static void test_binomial(void **state)
{
    static const double ps[] = {0.0, 1e-9, 0.02, 0.5, 0.999, 1.0};

    (void)state;
    for (size_t i = 0; i < N_SIZES(ps); i++) {
        double pmf[401] = {0}, total = 0.0, mean = 0.0, second = 0.0;

        mad_binomial_add(400, ps[i], 2.0, pmf);
        for (size_t j = 0; j <= 400; j++) {
            total += pmf[j];
            mean += (double)j * pmf[j];
            second += (double)(j * j) * pmf[j];
        }
        ASSERT_NEAR(total, 2.0, 1e-12);
        ASSERT_NEAR(mean / 2.0, 400.0 * ps[i], 1e-10);
        ASSERT_NEAR(second / 2.0 - mean * mean / 4.0, 400.0 * ps[i] * (1.0 - ps[i]), 1e-8);
    }
}

/* L1, L2 with both designs, L4. */
static void test_regression(void **state)
{
    static const double minimum_norm[] = {0.400, 0.640, 0.784, 0.870};
    mad_theory_case *f = *state;
    const char *world = "features=5 noise=1", *chain = "n_initial=20 n_synthetic=20 real=none";
    const char *keep = "n_initial=20 n_real=20 n_synthetic=20 real=fixed retain=accumulate";
    const double *risk;
    const mad_setting *s =
        setting_of(f, &mad_world_regression, world, &mad_model_linear, "", chain, "", 8);

    ASSERT_NEAR(curve_of(f, &mad_theory_regression_chain, s)[7], 8.0 * 5.0 / 14.0, 1e-12);
    assert_false(mad_theory_regression_accumulate.applies(s));
    s = setting_of(f, &mad_world_regression, world, &mad_model_linear, "design=reused", keep, "",
                   8);
    ASSERT_NEAR(curve_of(f, &mad_theory_regression_accumulate, s)[7], 0.5455, 5e-5);
    s = setting_of(f, &mad_world_regression, world, &mad_model_linear, "", keep, "", 8);
    ASSERT_NEAR(curve_of(f, &mad_theory_regression_accumulate, s)[7], 0.5058, 5e-5);
    s = setting_of(f, &mad_world_regression, "features=30 noise=0", &mad_model_linear, "",
                   "n_initial=18 n_synthetic=18 real=none", "", 4);
    risk = curve_of(f, &mad_theory_regression_chain, s);
    for (size_t t = 0; t < 4; t++) {
        ASSERT_NEAR(risk[t], minimum_norm[t], 5e-4);
        ASSERT_NEAR(risk[t], 1.0 - pow(0.6, (double)(t + 1)), 1e-12);
    }
    s = setting_of(f, &mad_world_regression, "features=20 noise=1", &mad_model_linear, "", chain,
                   "", 4);
    assert_false(mad_theory_regression_chain.applies(s)); /* T = d: infinite risk */
}

/* What /theory prints beside a curve is there, and ids are unique. */
static void test_documented(void **state)
{
    static const mad_theory_type *const all[] = {
        &mad_theory_trace,
        &mad_theory_mean_error_sq,
        &mad_theory_heterozygosity,
        &mad_theory_gauss_log_det,
        &mad_theory_gauss_frechet_line,
        &mad_theory_gauss_frechet,
        &mad_theory_categories_alive,
        &mad_theory_regression_chain,
        &mad_theory_regression_accumulate,
    };

    (void)state;
    for (size_t i = 0; i < N_SIZES(all); i++) {
        assert_true(all[i]->statement[0] && all[i]->assumptions[0] && all[i]->ref[0]);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(all[i]->name, all[j]->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frechet_line),   cmocka_unit_test(test_frechet),
        cmocka_unit_test(test_boundary),       cmocka_unit_test(test_log_det),
        cmocka_unit_test(test_moment_plugins), cmocka_unit_test(test_alive),
        cmocka_unit_test(test_binomial),       cmocka_unit_test(test_regression),
        cmocka_unit_test(test_documented),
    };

    return cmocka_run_group_tests(tests, mad_theory_set_up, mad_theory_tear_down);
}
