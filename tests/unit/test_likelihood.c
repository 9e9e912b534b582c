/* tests/unit/test_likelihood.c: log densities by the flow (T1.12), traces, and what the model
 * `exact` says of rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/diffusion/exact/exact.h"
#include "models/diffusion/exact/sample.h"
#include "models/diffusion/likelihood.h"
#include "sim/cli/lists.h"
#include "tests/support/fixture.h"
#include "tests/support/values.h"

#define LOG_TWO_PI 1.83787706640934548356

static const mad_key test_key = {.seed = 11, .generation = 1, .purpose = MAD_RNG_TEST};

/* ---- the flow ---- */

static void exact_gauss(void *self, double sigma, size_t n_rows, const int32_t *label,
                        const double *x, double *d)
{
    (void)label;
    const mad_denoiser *denoiser = self;
    const double s = *(const double *)denoiser->self;
    for (size_t i = 0; i < n_rows * denoiser->dim; i++) {
        d[i] = s * s / (s * s + sigma * sigma) * x[i];
    }
}

static double log_normal(double x, double sd)
{
    return -0.5 * (x * x / (sd * sd) + LOG_TWO_PI) - log(sd);
}

/* The denoiser N(0, s^2 I) in dim dimensions; `inner` holds dim and s for exact_gauss. */
static mad_denoiser gauss(size_t dim, double *s, mad_denoiser *inner)
{
    *inner = (mad_denoiser){.dim = dim, .self = s};
    return (mad_denoiser){.dim = dim, .self = inner, .denoise = exact_gauss};
}

static void test_flow(void **state)
{
    (void)state;
    static const size_t n_steps[] = {25, 50, 100, 200};
    static const double error[] = {0.146, 0.0372, 0.00936, 0.00234};
    double s = 0.5, out;
    const double x = 0.7;
    mad_denoiser inner;
    const mad_denoiser denoiser = gauss(1, &s, &inner);
    mad_rng rng = mad_rng_open(test_key, 1);
    mad_likelihood o = {.sigma_min = 0.002, .sigma_max = 80.0, .n_probes = 1};
    for (size_t i = 0; i < 4; i++) {
        o.n_steps = n_steps[i];
        must(mad_flow_log_density(ctx, &o, &denoiser, &rng, 1, NULL, &x, &out));
        const double miss = fabs(out - log_normal(0.7, 0.5));
        print_message("%zu steps: %.5f nats\n", n_steps[i], miss);
        assert_near(miss, error[i], i == 2 ? 1e-4 : 0.02 * error[i]);
    }
    o.n_steps = 100;
    o.richardson = 1;
    must(mad_flow_log_density(ctx, &o, &denoiser, &rng, 1, NULL, &x, &out));
    assert_near(out, log_normal(0.7, 0.5), 2e-4);

    /* round laws have round Jacobians: one probe is exact in any dimension */
    double row[20], sum = 0.0;
    const mad_denoiser many = gauss(20, &s, &inner);
    mad_rng_normals(&rng, 20, row);
    for (size_t a = 0; a < 20; a++) {
        row[a] *= 0.5;
        sum += log_normal(row[a], 0.5);
    }
    must(mad_flow_log_density(ctx, &o, &many, &rng, 1, NULL, row, &out));
    assert_near(out, sum, 20.0 * 2e-4);
}

/* ---- traces ---- */

/* Hutchinson's mean over 4096 probes against the axes, on a mixture in 16 dimensions; four standard
 * errors are a false alarm of 6e-5. A denoiser 2 % off must be seen. */
static void test_traces(void **state)
{
    (void)state;
    enum { DIM = 16, N_PROBES = 4096, N_COMP = 3 };
    static double probe[N_PROBES * DIM], axes[DIM * DIM];
    mad_law law;
    mad_denoiser denoiser;
    must(mad_law_take(ctx, MAD_SHAPE_DIAGONAL, N_COMP, DIM, 0, mem, &law));
    *law.n = N_COMP;
    mad_rng rng = mad_rng_open(test_key, 2);
    mad_rng_normals(&rng, N_COMP * DIM, law.mean);
    for (size_t i = 0; i < N_COMP * DIM; i++) {
        law.mean[i] *= 0.3;
        law.cov[i] = 0.1 + 0.5 * mad_rng_uniform(&rng);
    }
    for (size_t j = 0; j < N_COMP; j++) {
        law.weight[j] = 1.0 / N_COMP;
    }
    must(mad_law_derive(ctx, &law));
    must(mad_law_open(ctx, &law, mem, &denoiser));
    double x[DIM], work[4 * DIM], exact = 0.0, sum = 0.0, sum_sq = 0.0, t;
    mad_rng_normals(&rng, DIM, x);
    for (size_t a = 0; a < DIM; a++) {
        axes[a * DIM + a] = 1.0;
        mad_denoiser_trace(&denoiser, 0.7, 1, NULL, x, 1, axes + a * DIM, &t, work, NULL);
        exact += t;
    }
    for (size_t i = 0; i < N_PROBES * DIM; i++) {
        probe[i] = mad_rng_next(&rng) >> 63 ? 1.0 : -1.0;
    }
    for (size_t k = 0; k < N_PROBES; k++) {
        mad_denoiser_trace(&denoiser, 0.7, 1, NULL, x, 1, probe + k * DIM, &t, work, NULL);
        sum += t / N_PROBES;
        sum_sq += t * t / N_PROBES;
    }
    const double se = sqrt((sum_sq - sum * sum) / N_PROBES);
    assert_true(se > 0.0);
    assert_near(sum, exact, 4.0 * se);
    assert_true(fabs(0.98 * sum - exact) > 4.0 * se);
    mad_denoiser_trace(&denoiser, 0.7, 1, NULL, x, N_PROBES, probe, &t, work, NULL);
    assert_near(t, sum, 1e-9); /* all probes at once */
}

/* ---- the model ---- */

enum { N_ROWS = 300 };

typedef struct fixture {
    mad_values values;
    mad_model *model;
    mad_set train;
} fixture;

static void make(fixture *f, size_t n_pairs, const char *const *pairs)
{
    static mad_world_info world = {.kind = MAD_WORLD_CONTINUOUS, .dim = 2, .n_classes = 2};
    *f = (fixture){0};
    must(mad_values_of(ctx, mem, mad_model_exact.params, n_pairs, pairs, &f->values));
    const mad_model_args args = {.values = &f->values,
                                 .world = &world,
                                 .max_train_rows = N_ROWS,
                                 .max_sample_rows = N_ROWS,
                                 .n_generations = 2};
    must(mad_model_exact.create(ctx, &args, mem, &f->model));
    must(mad_set_take(ctx, mem, N_ROWS, 2, 1, &f->train));
    mad_rng rng = mad_rng_open(test_key, 7);
    mad_rng_normals(&rng, 2 * N_ROWS, f->train.x);
    for (size_t r = 0; r < N_ROWS; r++) {
        const double a = f->train.x[2 * r], b = f->train.x[2 * r + 1];
        f->train.label[r] = r % 3 == 0;
        f->train.x[2 * r] = (r % 3 == 0 ? 30.0 : 10.0) + 4.0 * a;
        f->train.x[2 * r + 1] = 5.0 + 3.0 * b + 2.0 * a;
    }
    const mad_fit_args fit = {.key = test_key};
    must(mad_model_exact.fit(ctx, f->model, &f->train, &fit));
}

/* ln N(x; mean, cov) of class k, by hand from the model's state, in world units. */
static double by_hand(const mad_exact *self, size_t k, const double *x)
{
    const double *m = self->law.mean + 2 * k, *c = self->law.cov + 4 * k;
    const double scale = self->standard.scale[0], det = c[0] * c[3] - c[1] * c[1];
    const double a = (x[0] - self->standard.centre[0]) / scale - m[0];
    const double b = (x[1] - self->standard.centre[1]) / scale - m[1];
    const double square = (c[3] * a * a - 2.0 * c[1] * a * b + c[0] * b * b) / det;
    return -0.5 * square - LOG_TWO_PI - 0.5 * log(det) - 2.0 * log(scale);
}

static void test_model(void **state)
{
    (void)state;
    fixture f;
    /* the flow ends in N(0, sigma_max^2) about 0, not about the class mean m: that errs by z m /
     * sigma_max. Guidance is not part of the density. */
    static const char *const pairs[] = {"likelihood.richardson=yes", "likelihood.sigma_max=5000",
                                        "likelihood.steps=150", "guide.kind=cfg", "guide.w=3"};
    double given[N_ROWS], whole[N_ROWS], summed[N_ROWS], again[N_ROWS];
    make(&f, 5, pairs);
    mad_exact *self = (mad_exact *)f.model;
    must(mad_model_exact.log_density(ctx, f.model, test_key, &f.train, given));
    mad_set bare = f.train;
    bare.label = NULL;
    must(mad_model_exact.log_density(ctx, f.model, test_key, &bare, whole));
    mad_source source = mad_exact_source(self);
    source.is_conditional_only = 1;
    must(mad_sampling_log_density(ctx, self->sampling, &source, test_key, &bare, summed));
    for (size_t r = 0; r < N_ROWS; r++) {
        const size_t k = (size_t)f.train.label[r];
        const double *x = f.train.x + 2 * r;
        const double a = log(self->standard.class_p[0]) + by_hand(self, 0, x);
        const double b = log(self->standard.class_p[1]) + by_hand(self, 1, x);
        const double both = fmax(a, b) + log1p(exp(-fabs(a - b)));
        assert_near(given[r], by_hand(self, k, x), 2e-3);
        assert_near(summed[r], both, 2e-3);
        assert_near(whole[r], both, 1e-2); /* the flow of a mixture bends more */
    }
    mad_ctx *const shared = ctx;
    ctx = mad_ctx_create(3);
    must(mad_model_exact.log_density(ctx, f.model, test_key, &f.train, again));
    assert_memory_equal(given, again, sizeof given);
    mad_ctx_destroy(ctx);
    ctx = shared;
    f.train.label[17] = 2;
    assert_int_equal(mad_model_exact.log_density(ctx, f.model, test_key, &f.train, given),
                     MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "row 17 has class 2"));
    mad_ctx_clear(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_traces),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
