/* tests/conformance/test_conformance_models.c: what every model must do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "sim/cli/builtin.h"
#include "sim/cli/lists.h"
#include "tests/conformance/bench.h"
#include "tests/conformance/threads.h"
#include "tests/support/fields.h"

enum { N_TRAIN = 300, N_SAMPLE = 600, MAX_REPORTS = 32 };

/* The first procedural world a model can be fitted to. */
static const mad_world_type *world_for(bench b, const mad_model_type *model)
{
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        if (is_procedural(*t) && model->worlds & 1u << create_world(b, *t)->info.kind) {
            return *t;
        }
    }
    fail_msg("no world for model '%s'", model->name);
    return NULL;
}

/* What is not finite in a file is refused when it is read: a good model never writes it. */
static void state_is_finite(mad_model *model)
{
    mad_fields fields = {0};
    model->type->fields(model, &fields);
    for (size_t i = 0; i < fields.n_fields; i++) {
        const mad_field *f = &fields.field[i];
        for (size_t k = 0; k < f->count; k++) {
            const int is_finite = f->kind == MAD_FIELD_F32   ? isfinite(((float *)f->data)[k])
                                  : f->kind == MAD_FIELD_F64 ? isfinite(((double *)f->data)[k])
                                                             : 1;
            if (!is_finite) {
                fail_msg("field '%s' of model '%s' is not finite", f->name, model->type->name);
            }
        }
    }
}

typedef struct life {
    mad_set first, second; /* samples of generations 1 and 2 */
    double report[2][MAX_REPORTS];
} life;

static size_t n_reports(const mad_model_type *type)
{
    size_t n = 0;
    while (type->reports != NULL && type->reports[n].name != NULL) {
        n++;
    }
    assert_true(n <= MAX_REPORTS);
    return n;
}

static int same_life(const life *a, const life *b, size_t n_said)
{
    return same_bits(&a->first, &b->first) && same_bits(&a->second, &b->second) &&
           memcmp(a->report[0], b->report[0], n_said * sizeof(double)) == 0 &&
           memcmp(a->report[1], b->report[1], n_said * sizeof(double)) == 0;
}

static mad_model *create_model(bench b, const mad_model_type *type, const mad_world *world)
{
    mad_model *model = NULL;
    mad_values *values = mad_arena_take(b.mem, 1, sizeof *values);
    *values = quick_values(b, type->params);
    const mad_model_args args = {.values = values,
                                 .world = &world->info,
                                 .max_first_rows = N_TRAIN,
                                 .max_train_rows = N_TRAIN,
                                 .max_sample_rows = N_SAMPLE,
                                 .n_generations = 3};
    must(b, type->create(b.ctx, &args, b.mem, &model), "create", type->name);
    return model;
}

static void fit(bench b, mad_model *model, const mad_set *train, uint32_t generation,
                double *report)
{
    double loss[4], flops = 0.0, seen = 0.0;
    for (size_t i = 0; i < n_reports(model->type); i++) {
        report[i] = (double)NAN;
    }
    const mad_fit_args args = {.key = key_for(MAD_RNG_FIT, generation),
                               .n_loss = 4,
                               .loss_curve = loss,
                               .samples_seen = &seen,
                               .flops = &flops,
                               .report = report};
    must(b, model->type->fit(b.ctx, model, train, &args), "fit", model->type->name);
    for (size_t i = 0; i < n_reports(model->type); i++) {
        if (isnan(report[i])) {
            fail_msg("model '%s' does not report '%s'", model->type->name,
                     model->type->reports[i].name);
        }
    }
}

/* Generation 1, sample, then generation 2 on those samples; with `change` every step happens in a
 * fresh object that was given the saved state alone. */
static life live(bench b, const mad_model_type *type, int change)
{
    const mad_world *world = create_world(b, world_for(b, type));
    const int with_labels = world->info.n_classes > 0 && type->flags & MAD_MODEL_LABELS;
    mad_world_info bare = world->info;
    bare.n_classes = with_labels ? bare.n_classes : 0;
    mad_set train = take_set(b, &bare, N_TRAIN);
    life l = {.first = take_set(b, &bare, N_SAMPLE), .second = take_set(b, &bare, N_SAMPLE)};
    must(b, world->type->draw(b.ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, 1), &train),
         "draw", world->type->name);
    mad_model *model = create_model(b, type, world);
    mad_set *const samples[] = {&l.first, &l.second};
    for (uint32_t generation = 1; generation <= 2; generation++) {
        fit(b, model, &train, generation, l.report[generation - 1]);
        state_is_finite(model);
        if (change) {
            mad_model *other = create_model(b, type, world);
            must(b, mad_test_copy_state(b.ctx, model, other), "loaded", type->name);
            model = other;
        }
        mad_set *out = samples[generation - 1];
        must(b, type->sample(b.ctx, model, key_for(MAD_RNG_SAMPLE, generation), 0, out), "sample",
             type->name);
        must(b, mad_set_check_finite(b.ctx, out, "samples"), "finite samples", type->name);
        const mad_set next = mad_set_rows(out, 0, N_TRAIN);
        mad_set_copy(&next, &train, 0);
    }
    return l;
}

static void models_live_in_their_saved_state(void **state)
{
    (void)state;
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        bench b = open_bench(2);
        const life one = live(b, *t, 0), many = live(b, *t, 1);
        if (!same_life(&one, &many, n_reports(*t))) {
            fail_msg("model '%s' is more than its fields", (*t)->name);
        }
        assert_false(same_bits(&one.first, &one.second));
        close_bench(b);
    }
}

static void models_do_not_see_threads(void **state)
{
    (void)state;
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        bench alone = open_bench(1);
        const life reference = live(alone, *t, 0);
        for (size_t i = 1; i < N_THREAD_COUNTS; i++) {
            bench b = open_bench(thread_counts[i]);
            const life l = live(b, *t, 0);
            if (!same_life(&reference, &l, n_reports(*t))) {
                fail_msg("model '%s' differs with %zu threads", (*t)->name, thread_counts[i]);
            }
            close_bench(b);
        }
        close_bench(alone);
    }
}

/* Rows of the classes asked for: labels are left alone, no thread is seen, the classes differ. */
static void given_classes_are_drawn(void **state)
{
    (void)state;
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        if (!((*t)->flags & MAD_MODEL_GIVEN)) {
            continue;
        }
        mad_set kept[2] = {{0}, {0}};
        bench b[2] = {open_bench(1), open_bench(3)};
        for (size_t k = 0; k < 2; k++) {
            const mad_world *world = create_world(b[k], &mad_world_ring);
            mad_set train = take_set(b[k], &world->info, N_TRAIN);
            double report[MAX_REPORTS];
            must(b[k],
                 world->type->draw(b[k].ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, 1),
                                   &train),
                 "draw", "ring");
            mad_model *model = create_model(b[k], *t, world);
            fit(b[k], model, &train, 1, report);
            kept[k] = take_set(b[k], &world->info, N_SAMPLE);
            for (size_t i = 0; i < N_SAMPLE; i++) {
                kept[k].label[i] = i < N_SAMPLE / 2 ? 1 : 5; /* opposite modes of 8 */
            }
            kept[k].is_label_given = 1;
            must(b[k], (*t)->sample(b[k].ctx, model, key_for(MAD_RNG_SAMPLE, 1), 0, &kept[k]),
                 "sample", (*t)->name);
        }
        double side[2] = {0.0, 0.0};
        for (size_t i = 0; i < N_SAMPLE; i++) {
            assert_int_equal(kept[0].label[i], i < N_SAMPLE / 2 ? 1 : 5);
            side[i < N_SAMPLE / 2] += kept[0].x[2 * i] + kept[0].x[2 * i + 1];
        }
        assert_true(same_bits(&kept[0], &kept[1]));
        if (!(side[1] > side[0])) {
            fail_msg("model '%s' does not tell its classes apart", (*t)->name);
        }
        close_bench(b[0]);
        close_bench(b[1]);
    }
}

/* What moments() says is what sample() draws: z of the mean of each coordinate, n = 600 rows, at
 * most 8 coordinates; |z| < 5.3 is a false alarm of 1e-6 per model. A shifted mean must fail. */
static double worst_mean_z(const mad_set *rows, const mad_moments *law, double shift)
{
    double worst = 0.0;
    for (size_t j = 0; j < rows->dim; j++) {
        double sum = 0.0;
        for (size_t i = 0; i < rows->n_rows; i++) {
            sum += rows->x[i * rows->dim + j];
        }
        const double sd = sqrt(law->cov[j * rows->dim + j] / (double)rows->n_rows);
        const double z = (sum / (double)rows->n_rows - law->mean[j]) / sd + 6.0 * shift;
        worst = fmax(worst, fabs(z));
    }
    return worst;
}

static void moments_are_those_of_the_samples(void **state)
{
    (void)state;
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        if ((*t)->moments == NULL) {
            continue;
        }
        bench b = open_bench(2);
        const mad_world *world = create_world(b, world_for(b, *t));
        const size_t dim = world->info.dim;
        mad_world_info bare = world->info;
        bare.n_classes = 0;
        mad_set train = take_set(b, &bare, N_TRAIN), rows = take_set(b, &bare, N_SAMPLE);
        mad_moments law = {.dim = dim,
                           .mean = mad_arena_take(b.mem, dim, sizeof(double)),
                           .cov = mad_arena_take(b.mem, dim * dim, sizeof(double))};
        must(b, world->type->draw(b.ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, 1), &train),
             "draw", world->type->name);
        mad_model *model = create_model(b, *t, world);
        double report[MAX_REPORTS];
        fit(b, model, &train, 1, report);
        must(b, (*t)->moments(b.ctx, model, &law), "moments", (*t)->name);
        must(b, (*t)->sample(b.ctx, model, key_for(MAD_RNG_SAMPLE, 1), 0, &rows), "sample",
             (*t)->name);
        const double z = worst_mean_z(&rows, &law, 0.0);
        if (!(z < 5.3)) {
            fail_msg("model '%s': mean of samples is %.2f sd off its moments", (*t)->name, z);
        }
        assert_false(worst_mean_z(&rows, &law, 2.0) < 5.3);
        close_bench(b);
    }
}

/* The loss of a row is not seen by threads, nor by the number of rows; it is positive, and below that of
 * not denoising on average. */
static void losses_are_those_of_rows(void **state)
{
    (void)state;
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        double loss[2][N_TRAIN], sum = 0.0, report[MAX_REPORTS];
        for (size_t k = 0; k < 2 && (*t)->loss != NULL; k++) {
            const size_t n = k == 0 ? N_TRAIN : N_TRAIN / 2;
            bench b = open_bench(1 + 2 * k);
            const mad_world *world = create_world(b, world_for(b, *t));
            mad_set train = take_set(b, &world->info, N_TRAIN);
            must(b,
                 world->type->draw(b.ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, 1), &train),
                 "draw", world->type->name);
            mad_model *model = create_model(b, *t, world);
            fit(b, model, &train, 1, report);
            const mad_set rows = mad_set_rows(&train, 0, n);
            must(b, (*t)->loss(b.ctx, model, key_for(MAD_RNG_TEST, 1), &rows, loss[k]), "loss",
                 (*t)->name);
            for (size_t i = 0; i < n; i++) {
                assert_true(loss[k][i] > 0.0 && loss[k][i] == loss[0][i]);
                sum += k == 0 ? loss[0][i] / N_TRAIN : 0.0;
            }
            close_bench(b);
        }
        if (!(sum < 1.0)) {
            fail_msg("model '%s' does not denoise: loss %g", (*t)->name, sum);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_live_in_their_saved_state),
        cmocka_unit_test(models_do_not_see_threads),
        cmocka_unit_test(given_classes_are_drawn),
        cmocka_unit_test(moments_are_those_of_the_samples),
        cmocka_unit_test(losses_are_those_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
