/* Degenerate rows: every measure of plain rows gives a number, -inf, or NaN where its output says
 * that it is not defined; +inf and a failure never. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/builtin.h"
#include "sim/config/config.h"
#include "sim/engine/compare.h"

enum { MAX_OUTPUTS = 24, N_MODES = 4 };

typedef enum shape {
    POINT,        /* all rows of both sides equal */
    TWO_POINTS,   /* all rows of a side equal, the sides differ */
    FAKE_POINT,   /* the model's rows equal, the real ones sound */
    DUPLICATES,   /* every row three times */
    COPIES,       /* the model's rows are the training rows */
    FLAT,         /* a column without variance on both sides */
    FLAT_FAKE,    /* ... of the model's rows */
    FEW,          /* fewer rows than columns */
    HUGE_NUMBERS, /* 1e150 */
    TINY,         /* 1e-150 */
    TINIEST,      /* 1e-200: squares are 0 */
    ONE_MODE,     /* the model's rows in one mode and class, the real ones in all */
    PICTURES,     /* constant pictures, all alike */
    ONE_ROW,      /* on every side */
    N_SHAPES
} shape;

static const char *const shape_names[N_SHAPES] = {"point",
                                                  "two points",
                                                  "the model a point",
                                                  "duplicates",
                                                  "copies",
                                                  "a flat column",
                                                  "the model flat",
                                                  "n < d",
                                                  "1e150",
                                                  "1e-150",
                                                  "1e-200",
                                                  "one mode left",
                                                  "constant pictures",
                                                  "one row"};

static void fill(mad_rng *rng, shape of, int is_fake, mad_set *set)
{
    const size_t n = set->n_rows, dim = set->dim;
    const double scale = of == HUGE_NUMBERS ? 1e150
                         : of == TINY       ? 1e-150
                         : of == TINIEST    ? 1e-200
                                            : 1.0;
    const int is_point =
        of == POINT || of == TWO_POINTS || of == PICTURES || (of == FAKE_POINT && is_fake);
    mad_rng_normals(rng, n * dim, set->x);
    for (size_t i = 0; i < n * dim; i++) {
        set->x[i] *= scale;
        if (is_point) {
            set->x[i] = of == TWO_POINTS && is_fake ? 2.1 : 0.3; /* no sums are exact */
        }
        if (i % dim == 1 && (of == FLAT || (of == FLAT_FAKE && is_fake))) {
            set->x[i] = 3.0;
        }
    }
    for (size_t i = 0; i < n; i++) {
        set->label[i] = is_point || (of == ONE_MODE && is_fake) ? 0 : (int32_t)(i % N_MODES);
        for (size_t j = 0; j < dim && of == ONE_MODE; j++) {
            set->x[i * dim + j] =
                0.01 * set->x[i * dim + j] + (j == 0 ? (double)set->label[i] - 1.5 : 0.0);
        }
        if (of == DUPLICATES) {
            memcpy(set->x + i * dim, set->x + i / 3 * dim, dim * sizeof *set->x);
        }
    }
}

static mad_status draw(mad_ctx *ctx, mad_arena *mem, shape of, size_t dim, mad_comparison *out)
{
    mad_pair *pair = &out->raw;
    const size_t n = of == FEW ? dim / 2 + 7 : of == ONE_ROW ? 1 : 60;
    mad_rng rng = mad_rng_open((mad_key){.seed = 3, .purpose = MAD_RNG_TEST}, (uint64_t)of);
    mad_status st = MAD_OK;
    double *centre = mad_arena_take(mem, N_MODES * dim, sizeof *centre);
    double *p = mad_arena_take(mem, N_MODES, sizeof *p);
    assert_true(centre != NULL && p != NULL);
    for (size_t k = 0; k < N_MODES; k++) {
        centre[k * dim] = (double)k - 1.5;
        p[k] = 1.0 / N_MODES;
    }
    pair->world = (mad_world_info){.kind = MAD_WORLD_CONTINUOUS,
                                   .dim = dim,
                                   .n_classes = N_MODES,
                                   .n_modes = N_MODES,
                                   .mode_centre = centre,
                                   .mode_p = p,
                                   .mode_sd = 0.5};
    if (of == PICTURES) {
        pair->world.height = dim / 2;
        pair->world.width = 2;
        pair->world.channels = 1;
    }
    mad_set *const sides[] = {&pair->real, &pair->fake, &pair->train, &pair->test};
    for (size_t i = 0; i < 4; i++) {
        MAD_TRY(mad_set_take(ctx, mem, i == 1 ? n + (of == ONE_ROW ? 0 : 3) : n, dim, 1, sides[i]));
        fill(&rng, of, i == 1, sides[i]);
    }
    if (of == COPIES) {
        pair->fake = pair->train;
    }
    MAD_TRY(mad_comparison_map(ctx, NULL, mem, out));
out:
    return st;
}

static void check(const char *where, const mad_metric_type *type, size_t n, const mad_verdict *v)
{
    for (size_t k = 0; k < n; k++) {
        const int is_sound = isfinite(v[k].value) || (isinf(v[k].value) && v[k].value < 0.0) ||
                             (isnan(v[k].value) && v[k].why != NULL);
        if (!is_sound) {
            fail_msg("%s of %s: %g, reason '%s'", type->outputs[k].name, where, v[k].value,
                     v[k].why != NULL ? v[k].why : "none");
        }
    }
}

/* What the definitions say when all rows of all sides are one point, or the model has one mode. */
static const struct {
    shape of;
    const char *name;
    double value;
} expected[] = {
    {POINT, "mean_error", 0.0},
    {POINT, "trace", 0.0},
    {POINT, "log_det", -(double)INFINITY},
    {POINT, "frechet", 0.0},
    {POINT, "frechet_ddof0", 0.0},
    {POINT, "sliced_w2", 0.0},
    {POINT, "axis_w2_sq", 0.0},
    {POINT, "emd_w2_sq", 0.0},
    {POINT, "energy_v", 0.0},
    {POINT, "energy_u", 0.0},
    {POINT, "kid_unbiased", 0.0},
    {POINT, "kernel_sigma_used", 0.0},
    {POINT, "vendi_cosine_q1", 1.0},
    {POINT, "vendi_cosine_qinf", 1.0},
    {POINT, "precision", 0.0},
    {POINT, "recall", 0.0},
    {POINT, "density", 0.0},
    {POINT, "coverage", 0.0},
    {POINT, "authenticity", 0.0},
    {POINT, "memorised_fraction", 0.0},
    {POINT, "knn_entropy", -(double)INFINITY},
    {POINT, "class_entropy", 0.0},
    {POINT, "class_entropy_exp", 1.0},
    {FAKE_POINT, "vendi_rbf_q1", 1.0},
    {FAKE_POINT, "vendi_rbf_qinf", 1.0},
    {FAKE_POINT, "recall", 0.0},
    {FAKE_POINT, "trace_ratio", 0.0},
    {FLAT_FAKE, "log_det", -(double)INFINITY},
    {COPIES, "authenticity", 0.0},
    {COPIES, "memorised_fraction", 1.0},
    {COPIES, "nn_distance_vs_base", 0.0},
    {ONE_MODE, "modes_covered", 1.0},
    {ONE_MODE, "hq_ratio", 1.0},
    {ONE_MODE, "mode_kl_fake_true", 1.3862943611198906}, /* ln 4 */
    {ONE_MODE, "mode_tv", 0.75},
    {ONE_MODE, "modes_missed", 3.0},
    {ONE_MODE, "class_entropy", 0.0},
    {ONE_MODE, "class_tv", 0.75},
};

static void compare_with_expected(shape of, const mad_metric_type *type, const mad_verdict *v,
                                  size_t *n_checked)
{
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        for (size_t k = 0; type->outputs[k].name != NULL && expected[i].of == of; k++) {
            if (strcmp(type->outputs[k].name, expected[i].name) != 0) {
                continue;
            }
            (*n_checked)++;
            if (v[k].value != expected[i].value &&
                !(fabs(v[k].value - expected[i].value) < 1e-15)) {
                fail_msg("%s of %s: %.17g, expected %.17g", expected[i].name, shape_names[of],
                         v[k].value, expected[i].value);
            }
        }
    }
}

static void test_every_measure(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(2);
    mad_arena *mem = mad_arena_create(1 << 20);
    const mad_param *table = NULL;
    mad_values values;
    size_t n_checked = 0;
    assert_true(ctx != NULL && mem != NULL);
    assert_int_equal(mad_measure_table(ctx, mem, &mad_builtin, &table), MAD_OK);
    assert_int_equal(mad_values_default(ctx, mem, table, &values), MAD_OK);
    for (int of = 0; of < N_SHAPES; of++) {
        for (size_t dim = 2; dim <= 32; dim += 30) {
            mad_comparison c = {.values = &values, .key = {.purpose = MAD_RNG_DIRECTIONS}};
            assert_int_equal(draw(ctx, mem, (shape)of, dim, &c), MAD_OK);
            for (size_t i = 0; mad_builtin.metrics[i] != NULL; i++) {
                const mad_metric_type *type = mad_builtin.metrics[i];
                mad_verdict verdict[MAX_OUTPUTS];
                size_t n = 0;
                if (!(type->worlds & 1u << MAD_WORLD_CONTINUOUS)) {
                    continue;
                }
                while (type->outputs[n].name != NULL) {
                    n++;
                }
                if (mad_compare(ctx, &c, type, mem, verdict) != MAD_OK) {
                    fail_msg("%s of %s: %s", type->name, shape_names[of], ctx->message);
                }
                check(shape_names[of], type, n, verdict);
                compare_with_expected((shape)of, type, verdict, &n_checked);
            }
        }
    }
    assert_int_equal(n_checked, 2 * sizeof expected / sizeof *expected); /* in both dimensions */
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
