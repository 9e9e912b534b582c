/* The model flow: its density against quadrature and the change of variables, its fits against closed
 * forms, its tilts against the noise behind the rows.
 *
 * Statistical: a fit on N normal rows comes within 0.02 nats of the entropy, judged on 40000 fresh
 * rows by the paired difference of log densities (its standard error is below 0.001; measured gap
 * about 0.0015). Twins that must not: a fit of few steps, a density without its determinant. */
#include "tests/support/fixture.h"

#include "models/flow/flow.h"
#include "tests/support/fields.h"
#include "tests/support/values.h"

extern const mad_model_type mad_model_flow;

#define LOG_TWO_PI 1.83787706640934548356

static const mad_key test_key = {.seed = 91, .generation = 1, .purpose = MAD_RNG_TEST};

/* ---- fitted flows ---------------------------------------------------------------------------- */

typedef struct rig {
    mad_model *model;
    mad_set train;
} rig;

static rig make(size_t dim, size_t n_rows, mad_tilt tilt, const char *const *pairs)
{
    rig r;
    mad_values *values = mad_arena_take(mem, 1, sizeof *values);
    mad_world_info *world = mad_arena_take(mem, 1, sizeof *world);
    must(mad_values_of(ctx, mem, mad_model_flow.params, mad_pairs_count(pairs), pairs, values));
    *world = (mad_world_info){.kind = MAD_WORLD_CONTINUOUS, .dim = dim};
    const mad_model_args args = {.values = values,
                                 .world = world,
                                 .max_train_rows = n_rows,
                                 .max_sample_rows = 1000,
                                 .n_generations = 2,
                                 .tilt = tilt};
    must(mad_model_flow.create(ctx, &args, mem, &r.model));
    must(mad_set_take(ctx, mem, n_rows, dim, 0, &r.train));
    mad_rng rng = mad_rng_open(test_key, 4);
    mad_rng_normals(&rng, n_rows * dim, r.train.x);
    return r;
}

static const mad_tilt no_tilt = {.kind = MAD_TILT_NONE};

static void fit(const rig *r, size_t warm_steps, size_t n_loss, double *curve)
{
    const mad_fit_args args = {.key = {.seed = 5, .generation = 1, .purpose = MAD_RNG_FIT},
                               .warm_steps = warm_steps,
                               .n_loss = n_loss,
                               .loss_curve = curve};
    must(mad_model_flow.fit(ctx, r->model, &r->train, &args));
}

static double *density(const rig *r, const mad_set *rows)
{
    double *out = mad_arena_take(mem, rows->n_rows, sizeof *out);
    must(mad_model_flow.log_density(ctx, r->model, test_key, rows, out));
    return out;
}

/* x = m + L z of standard normal z: covariance [4, 1.2; 1.2, 0.45]; returns its entropy. */
static double shape_normal(const mad_set *rows)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + 2 * i;
        x[1] = -1.0 + 0.6 * x[0] + 0.3 * x[1];
        x[0] = 3.0 + 2.0 * x[0];
    }
    return LOG_TWO_PI + 1.0 + log(0.6);
}

/* Mean of -ln q less that of -ln p on fresh rows: an estimate of KL(p || q). */
static double gap(const rig *r)
{
    enum { FRESH = 40000 };
    mad_set rows;
    double sum = 0.0;
    must(mad_set_take(ctx, mem, FRESH, 2, 0, &rows));
    mad_rng rng = mad_rng_open(test_key, 5);
    mad_rng_normals(&rng, FRESH * 2, rows.x);
    for (size_t i = 0; i < FRESH; i++) {
        sum -= 0.5 * (rows.x[2 * i] * rows.x[2 * i] + rows.x[2 * i + 1] * rows.x[2 * i + 1]);
    }
    sum -= (double)FRESH * (shape_normal(&rows) - 1.0);
    const double *log_q = density(r, &rows);
    for (size_t i = 0; i < FRESH; i++) {
        sum -= log_q[i];
    }
    return sum / FRESH;
}

static void test_entropy(void **state)
{
    (void)state;
    enum { ROWS = 8000, N_LOSS = 10 };
    static const char *const good[] = {"layers=4", "net.width=16", "train.steps=600", NULL};
    static const char *const hasty[] = {"layers=4", "net.width=16", "train.steps=20", NULL};
    double curve[N_LOSS];
    const rig r = make(2, ROWS, no_tilt, good), twin = make(2, ROWS, no_tilt, hasty);
    const double entropy = shape_normal(&r.train);
    (void)shape_normal(&twin.train);
    fit(&r, 0, N_LOSS, curve);
    fit(&twin, 0, 0, NULL);
    const double own = gap(&r), other = gap(&twin);
    print_message("%.4f nats above the entropy, the twin %.3f\n", own, other);
    assert_true(own > -0.005 && own < 0.02 && other > 0.02);
    assert_near(curve[N_LOSS - 1], entropy, 0.1); /* world units */
    assert_true(curve[0] > curve[N_LOSS - 1]);
}

/* The density on a grid, with and without the determinant. */
static void test_integral(void **state)
{
    (void)state;
    enum { SIDE = 600, ROWS = 2000 };
    static const char *const pairs[] = {"layers=4", "net.width=16", "train.steps=300", NULL};
    const rig r = make(2, ROWS, no_tilt, pairs);
    for (size_t i = 0; i < ROWS; i++) { /* a bent ridge */
        r.train.x[2 * i + 1] = 0.5 * r.train.x[2 * i] * r.train.x[2 * i] + r.train.x[2 * i + 1];
    }
    fit(&r, 0, 0, NULL);
    mad_set grid;
    must(mad_set_take(ctx, mem, (size_t)SIDE * SIDE, 2, 0, &grid));
    const double from = -12.0, step = 36.0 / SIDE;
    for (size_t i = 0; i < grid.n_rows; i++) {
        grid.x[2 * i] = from + step * ((double)(i % SIDE) + 0.5);
        grid.x[2 * i + 1] = from + step * ((double)(i / SIDE) + 0.5);
    }
    const double *log_q = density(&r, &grid);
    double mass = 0.0, twin = 0.0;
    const mad_flow *self = (const mad_flow *)r.model;
    mad_net_work *work = NULL;
    must(self->net->type->work_take(ctx, self->net, 0, mem, &work));
    self->net->type->level(self->net, self->average, self->packed, 0.0f, work);
    for (size_t i = 0; i < grid.n_rows; i++) {
        double z[2], log_det;
        for (size_t j = 0; j < 2; j++) {
            z[j] = (grid.x[2 * i + j] - self->centre[j]) / self->scale[j];
        }
        mad_couplings_to_noise(self->net, self->average, self->packed, 1, work, z, &log_det);
        const double change = -0.5 * (z[0] * z[0] + z[1] * z[1]) - LOG_TWO_PI + log_det -
                              log(self->scale[0] * self->scale[1]);
        assert_near(log_q[i], change, 1e-12 * (1.0 + fabs(change)));
        mass += exp(log_q[i]) * step * step;
        twin += exp(log_q[i] - log_det) * step * step;
    }
    print_message("mass 1 %+.2g, without the determinant %.3f\n", mass - 1.0, twin);
    assert_near(mass, 1.0, 1e-8);
    assert_true(fabs(twin - 1.0) > 1e-2);
}

/* One column: a normal law, and of weighted rows that of the weighted moments. */
static void test_one_column(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    static const char *const pairs[] = {"layers=2", "net.width=8", "train.steps=500", NULL};
    rig r = make(1, ROWS, no_tilt, pairs);
    double *weight = mad_arena_take(mem, ROWS, sizeof *weight);
    double mean = 0.0, square = 0.0;
    for (size_t i = 0; i < ROWS; i++) {
        weight[i] = i % 4 == 0 ? 2.5 : 0.5;
        r.train.x[i] += i % 4 == 0 ? 3.0 : -1.0;
        mean += weight[i] * r.train.x[i] / ROWS;
        square += weight[i] * r.train.x[i] * r.train.x[i] / ROWS;
    }
    r.train.weight = weight;
    fit(&r, 0, 0, NULL);
    double at[] = {-4, -2, 0, 1, 3, 6};
    const mad_set rows = {.n_rows = 6, .dim = 1, .x = at};
    const double *log_q = density(&r, &rows);
    for (size_t i = 0; i < 6; i++) {
        const double sd = sqrt(square - mean * mean), z = (at[i] - mean) / sd;
        assert_near(log_q[i], -0.5 * (z * z + LOG_TWO_PI) - log(sd), 0.03 * (1.0 + z * z));
    }
    r.train.weight = NULL; /* the twin: another law */
    fit(&r, 0, 0, NULL);
    const double sd = sqrt(square - mean * mean), z = (at[0] - mean) / sd;
    assert_true(fabs(density(&r, &rows)[0] + 0.5 * (z * z + LOG_TWO_PI) + log(sd)) >
                0.03 * (1.0 + z * z));
}

/* ---- tilts: the noise behind the rows -------------------------------------------------------- */

static double *noise_of(const rig *r, mad_set *rows)
{
    const mad_flow *self = (const mad_flow *)r->model;
    double log_det[64];
    mad_net_work *work = NULL;
    must(self->net->type->work_take(ctx, self->net, 0, mem, &work));
    self->net->type->level(self->net, self->average, self->packed, 0.0f, work);
    for (size_t i = 0; i < rows->n_rows * 2; i++) {
        rows->x[i] = (rows->x[i] - self->centre[i % 2]) / self->scale[i % 2];
    }
    for (size_t at = 0; at < rows->n_rows; at += 64) {
        mad_couplings_to_noise(self->net, self->average, self->packed, 64, work, rows->x + 2 * at,
                               log_det);
    }
    return rows->x;
}

static void test_tilts(void **state)
{
    (void)state;
    enum { ROWS = 640 };
    static const char *const pairs[] = {"layers=4", "net.width=16", "train.steps=100", NULL};
    static const struct {
        mad_tilt_kind kind;
        double strength;
    } tilts[] = {{MAD_TILT_TEMPERATURE, 0.75}, {MAD_TILT_TRUNCATION, 1.0}};
    for (size_t i = 0; i < 2; i++) {
        const mad_tilt tilt = {.kind = tilts[i].kind,
                               .strength = {.kind = MAD_SCHEDULE_CONSTANT, .a = tilts[i].strength},
                               .n_generations = 2};
        const rig r = make(2, 1000, tilt, pairs);
        mad_set plain, tilted;
        size_t n_same = 0, n_redrawn = 0;
        must(mad_set_take(ctx, mem, ROWS, 2, 0, &plain));
        must(mad_set_take(ctx, mem, ROWS, 2, 0, &tilted));
        (void)shape_normal(&r.train);
        fit(&r, 0, 0, NULL);
        must(mad_model_flow.sample(ctx, r.model, test_key, 9, &plain));
        must(mad_model_flow.sample_tilted(ctx, r.model, test_key, 9, 1, &tilted));
        const double *z = noise_of(&r, &plain), *y = noise_of(&r, &tilted);
        mad_rng rng = mad_rng_open(test_key, 9);
        double first[2 * MAD_CHUNK];
        mad_rng_normals(&rng, 2 * MAD_CHUNK, first);
        for (size_t k = 0; k < 2 * MAD_CHUNK; k++) {
            assert_near(z[k], first[k], 1e-9); /* the stream the row is made of */
        }
        for (size_t k = 0; k < 2 * ROWS; k++) {
            if (tilt.kind == MAD_TILT_TEMPERATURE) {
                assert_near(y[k], sqrt(0.75) * z[k], 1e-9);
            } else {
                assert_true(fabs(y[k]) < 1.0 + 1e-9);
                n_same += fabs(y[k] - z[k]) < 1e-9;
                n_redrawn += fabs(z[k]) > 1.0;
            }
        }
        assert_true(tilt.kind == MAD_TILT_TEMPERATURE || n_same + n_redrawn == 2 * ROWS);
    }
}

/* ---- state ----------------------------------------------------------------------------------- */

static void test_state(void **state)
{
    (void)state;
    static const char *const pairs[] = {"layers=2", "train.steps=30", NULL};
    static const char *const wider[] = {"layers=2", "train.steps=30", "bound=3", NULL};
    const rig r = make(2, 300, no_tilt, pairs), same = make(2, 300, no_tilt, pairs);
    const rig other = make(2, 300, no_tilt, wider);
    fit(&r, 0, 0, NULL);
    must(mad_test_copy_state(ctx, r.model, same.model));
    assert_int_equal(mad_test_copy_state(ctx, r.model, other.model), MAD_E_DATA);
    mad_ctx_clear(ctx);
    const double before = gap(&r);
    fit(&same, 200, 0, NULL); /* warm: goes on, with the scaling of the first fit */
    assert_true(gap(&same) != before);
    for (size_t j = 0; j < 2; j++) {
        same.train.x[j] = 100.0; /* another spread does not unfreeze it */
    }
    fit(&same, 0, 0, NULL);
    const mad_flow *a = (const mad_flow *)r.model, *b = (const mad_flow *)same.model;
    assert_memory_equal(a->scale, b->scale, 2 * sizeof *a->scale);
    assert_memory_equal(a->centre, b->centre, 2 * sizeof *a->centre);
    ((mad_flow *)same.model)->average[3] = NAN;
    assert_int_equal(mad_model_flow.loaded(ctx, same.model), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
    same.train.x[0] = (double)INFINITY;
    const mad_fit_args args = {.key = test_key};
    assert_int_equal(mad_model_flow.fit(ctx, same.model, &same.train, &args), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
    const mad_set none = {.dim = 2};
    assert_int_equal(mad_model_flow.fit(ctx, same.model, &none, &args), MAD_E_RANGE);
    mad_ctx_clear(ctx);
}

/* A training set that has collapsed to a point stays finite: each layer's scale is bounded. */
static void test_collapsed(void **state)
{
    (void)state;
    static const char *const pairs[] = {"layers=4", "net.width=16", "train.steps=300", NULL};
    const rig r = make(2, 500, no_tilt, pairs);
    fit(&r, 0, 0, NULL);
    for (size_t i = 0; i < 1000; i++) {
        r.train.x[i] = 0.5;
    }
    fit(&r, 0, 0, NULL);
    mad_set rows;
    must(mad_set_take(ctx, mem, 200, 2, 0, &rows));
    must(mad_model_flow.sample(ctx, r.model, test_key, 0, &rows));
    must(mad_set_check_finite(ctx, &rows, "rows"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entropy),    cmocka_unit_test(test_integral),
        cmocka_unit_test(test_one_column), cmocka_unit_test(test_tilts),
        cmocka_unit_test(test_state),      cmocka_unit_test(test_collapsed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
