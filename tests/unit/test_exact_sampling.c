/* tests/unit/test_exact_sampling.c: the family `exact`: what it says of the law it samples (moments,
 * gain, advice) against its rows; guidance, calibration, clipping. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/exact_case.h"
#include "tests/support/fixture.h"

static const mad_key test_key = {.seed = 11, .generation = 1, .purpose = MAD_RNG_TEST};

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
        mad_exact_case f;
        const char *const pairs[] = {samplers[i][0], samplers[i][1], "covariance=full"};
        double mean[2], cov[4], m[2] = {0}, c[4] = {0};
        mad_moments law = {.dim = 2, .mean = mean, .cov = cov};
        must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(2), 3, pairs));
        mad_exact_case_draw(ctx, mem, &f);
        mad_exact_case_fit(ctx, &f, 1, NULL);
        must(mad_model_exact.moments(ctx, f.model, &law));
        const mad_set rows = mad_exact_case_rows(ctx, mem, &f, N);
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
    mad_exact_case f;
    must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(2), 1,
                             (const char *[]){"sampler.kind=pc"}));
    assert_false(mad_model_exact.knows_moments(&f.values, MAD_EXTRAPOLATE_NONE));
    must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(2), 1,
                             (const char *[]){"law=empirical"}));
    assert_false(mad_model_exact.knows_moments(&f.values, MAD_EXTRAPOLATE_NONE));
    must(
        mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(2), 1, (const char *[]){"law=gauss"}));
    assert_true(mad_model_exact.knows_moments(&f.values, MAD_EXTRAPOLATE_NONE));
    assert_false(mad_model_exact.knows_moments(&f.values, MAD_EXTRAPOLATE_SCORES));
}

/* sampler.calibrate: one generation of the exact sampler leaves the variance of the training set;
 * the report tells lam_eff of the sampler as it is used. */
static void test_calibrate(void **state)
{
    (void)state;
    for (int calibrated = 0; calibrated < 2; calibrated++) {
        mad_exact_case f;
        const char *const pairs[] = {"covariance=spherical", "sampler.kind=euler", "ddof=ml",
                                     calibrated ? "sampler.calibrate=yes" : "sampler.calibrate=no"};
        double mean[2], cov[4], report[3] = {0};
        mad_moments law = {.dim = 2, .mean = mean, .cov = cov};
        must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(2), 4, pairs));
        mad_exact_case_draw(ctx, mem, &f);
        f.train.n_rows = 4; /* one class only: a single cluster of four rows */
        for (size_t r = 0; r < 4; r++) {
            f.train.label[r] = 1;
        }
        mad_exact_case_fit(ctx, &f, 1, report);
        const mad_standard *s = &mad_exact_case_state(&f)->standard;
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
static double variance_ratio(const mad_exact_case *f, const mad_set *rows)
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
    mad_exact_case f;
    must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(2), n_pairs, pairs));
    mad_exact_case_draw(ctx, mem, &f);
    mad_exact_case_fit(ctx, &f, 1, report);
    const mad_set rows = mad_exact_case_rows(ctx, mem, &f, 20000);
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
        mad_exact_case f;
        const char *pairs[8] = {cases[i].pairs[0], cases[i].pairs[1]};
        char text[256], *rest = NULL;
        size_t n_pairs = 2;
        double promised = 0.0, gain = 0.0;
        const double one = 1.0;
        must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(0), 2, pairs));
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
        must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(0), n_pairs, pairs));
        must(mad_model_exact.gain(ctx, f.model, 1, 1, &one, &gain));
        assert_near(gain, promised, 1e-12);
        assert_true(fabs(log(gain)) <= cases[i].limit);
    }
}

/* A class that the reference has no row of is sampled without guidance; the rows are finite. */
static void test_class_without_reference(void **state)
{
    (void)state;
    mad_exact_case guided, plain;
    mad_fit_args args = {.key = test_key};
    must(mad_exact_case_make(ctx, mem, &guided, mad_exact_on_plane(2), 4,
                             (const char *[]){"guide.kind=auto", "guide.w=1", "guide.worse=0.001",
                                              "sampler.kind=heun"}));
    must(mad_exact_case_make(ctx, mem, &plain, mad_exact_on_plane(2), 1,
                             (const char *[]){"sampler.kind=heun"}));
    mad_exact_case_draw(ctx, mem, &guided);
    mad_exact_case_draw(ctx, mem, &plain);
    must(mad_model_exact.fit(ctx, guided.model, &guided.train, &args));
    must(mad_model_exact.fit(ctx, plain.model, &plain.train, &args));
    const mad_set a = mad_exact_case_rows(ctx, mem, &guided, 300),
                  b = mad_exact_case_rows(ctx, mem, &plain, 300);
    const mad_law *law = &mad_exact_case_state(&guided)->auxiliary; /* a single row */
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

/* What hangs on the data is the same whether the model was fitted or has only observed its rows. */
static void test_observed_gain(void **state)
{
    (void)state;
    enum { N = 4 };
    static const double variance[N] = {2.0, 1.0, 0.25, 0.01};
    static const char *const settings[] = {"sampler.clip=range", "sampler.calibrate=yes"};
    for (size_t i = 0; i < 2; i++) {
        const char *const pairs[] = {"sampler.kind=ddim", "sampler.steps=20", settings[i]};
        mad_exact_case seen, fitted, plain;
        double blank[N], after[N], whole[N], bare[N];
        must(mad_exact_case_make(ctx, mem, &plain, mad_exact_on_plane(0), 2, pairs));
        must(mad_exact_case_make(ctx, mem, &seen, mad_exact_on_plane(0), 3, pairs));
        must(mad_exact_case_make(ctx, mem, &fitted, mad_exact_on_plane(0), 3, pairs));
        mad_exact_case_draw(ctx, mem, &seen);
        mad_exact_case_draw(ctx, mem, &fitted);
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
    mad_exact_case f;
    double gain[2], report[3], smallest = HUGE_VAL, largest = -HUGE_VAL;
    for (int clips = 0; clips < 2; clips++) {
        const char *const pairs[] = {"sampler.kind=ddim", "covariance=spherical",
                                     clips ? "sampler.clip=range" : "sampler.clip=none"};
        must(mad_exact_case_make(ctx, mem, &f, mad_exact_on_plane(0), 3, pairs));
        mad_exact_case_draw(ctx, mem, &f);
        for (size_t i = 0; i < 2 * MAD_EXACT_CASE_ROWS; i++) { /* flat: its range is 1.7 sd */
            f.train.x[i] = (double)(i % 397);
        }
        mad_exact_case_fit(ctx, &f, 1, report);
        must(mad_model_exact.gain(ctx, f.model, 1, 1, &report[1], &gain[clips]));
        assert_near(report[0], gain[clips], 0.0);
    }
    enum { N = 20000 };
    const mad_set rows = mad_exact_case_rows(ctx, mem, &f, N);
    const double centre = mad_exact_case_state(&f)->standard.centre[0],
                 scale = mad_exact_case_state(&f)->standard.scale[0];
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_calibrate),
        cmocka_unit_test(test_guidance),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_class_without_reference),
        cmocka_unit_test(test_observed_gain),
        cmocka_unit_test(test_clip),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
