/* tests/conformance/test_conformance.c: what every plug-in of the registry must do. A new one is
 * covered the moment it is listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/builtin.h"
#include "sim/cli/lists.h"
#include "sim/config/config.h"
#include "sim/engine/features.h"
#include "sim/store/feature_file.h"
#include "tests/conformance/bench.h"

enum { N_TRAIN = 300, N_SAMPLE = 600, N_THREAD_COUNTS = 4, MAX_REPORTS = 32 };

static const size_t thread_counts[N_THREAD_COUNTS] = {1, 2, 3, 5};

/* ---- documentation ------------------------------------------------------------------------- */

static void documented(const char *name, const char *doc, const char *ref, const mad_param *params)
{
    assert_non_null(name);
    if (doc == NULL || strlen(doc) < 10 || ref == NULL || strlen(ref) < 3) {
        fail_msg("'%s' lacks a doc or a source", name);
    }
    for (const mad_param *p = params; p != NULL && p->name != NULL; p++) {
        if (p->doc == NULL || strlen(p->doc) < 5) {
            fail_msg("'%s.%s' lacks a doc", name, p->name);
        }
    }
}

static void reports_are_documented(const mad_report *reports)
{
    for (const mad_report *r = reports; r != NULL && r->name != NULL; r++) {
        documented(r->name, r->long_name, "report", NULL);
        assert_non_null(r->units);
    }
}

static void everything_is_documented(void **state)
{
    (void)state;
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
    }
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        assert_non_null((*t)->fit);
        assert_non_null((*t)->sample);
        assert_non_null((*t)->fields);
        reports_are_documented((*t)->reports);
    }
    for (const mad_loop_type *const *t = mad_builtin.loops; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
    }
    for (const mad_bias_type *const *t = mad_builtin.biases; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
    }
    for (const mad_select_type *const *t = mad_builtin.selects; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        assert_non_null((*t)->n_candidates);
        assert_non_null((*t)->choose);
        reports_are_documented((*t)->reports);
    }
    for (const mad_correct_type *const *t = mad_builtin.corrects; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        reports_are_documented((*t)->reports);
    }
    for (const mad_post_type *const *t = mad_builtin.posts; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
    }
    for (const mad_channel_type *const *t = mad_builtin.channels; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        reports_are_documented((*t)->reports);
    }
    for (const mad_metric_type *const *t = mad_builtin.metrics; *t != NULL; t++) {
        for (const mad_metric_output *o = (*t)->outputs; o->name != NULL; o++) {
            documented(o->name, o->definition, o->reference, (*t)->params);
            assert_non_null(o->long_name);
            assert_non_null(o->units);
            assert_true(strcmp(o->direction, "higher") == 0 || strcmp(o->direction, "lower") == 0 ||
                        strcmp(o->direction, "target") == 0);
        }
    }
    for (const mad_theory_type *const *t = mad_builtin.theories; *t != NULL; t++) {
        documented((*t)->name, (*t)->statement, (*t)->ref, NULL);
        assert_non_null((*t)->assumptions);
    }
    for (const mad_feature_type *const *t = mad_builtin.features; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        assert_non_null((*t)->argument);
        assert_true(!(*t)->reads_file || (*t)->train != NULL);
    }
    for (const mad_command *const *c = mad_builtin_commands; *c != NULL; c++) {
        documented((*c)->name, (*c)->doc, "cli", NULL);
    }
}

/* Every parameter refuses what it cannot hold, with a message. */
static void refuses_nonsense(bench b, const mad_param *params)
{
    for (const mad_param *p = params; p != NULL && p->name != NULL; p++) {
        const char *const nonsense = "no-such-value(";
        mad_value value;
        if (p->kind == MAD_PARAM_TEXT || p->kind == MAD_PARAM_PATH || p->kind == MAD_PARAM_WORDS) {
            continue;
        }
        if (mad_value_parse(b.ctx, b.mem, p, 1, &nonsense, 0, &value) != MAD_E_CONFIG ||
            strstr(b.ctx->message, nonsense) == NULL) {
            fail_msg("'%s' took nonsense: %s", p->name, b.ctx->message);
        }
        mad_ctx_clear(b.ctx);
    }
}

static void bad_parameters_are_refused(void **state)
{
    (void)state;
    bench b = open_bench(1);
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_loop_type *const *t = mad_builtin.loops; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_bias_type *const *t = mad_builtin.biases; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_select_type *const *t = mad_builtin.selects; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_correct_type *const *t = mad_builtin.corrects; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_post_type *const *t = mad_builtin.posts; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_channel_type *const *t = mad_builtin.channels; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_feature_type *const *t = mad_builtin.features; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    close_bench(b);
}

/* ---- worlds -------------------------------------------------------------------------------- */

static void worlds_draw_prefixes(void **state)
{
    (void)state;
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        bench b = open_bench(2);
        if (is_procedural(*t)) {
            const mad_world *world = create_world(b, *t);
            mad_set all = take_set(b, &world->info, 1000), part = take_set(b, &world->info, 300);
            const mad_key key = key_for(MAD_RNG_REAL, 1);
            must(b, (*t)->draw(b.ctx, world, MAD_PART_TRAIN, key, &all), "draw", (*t)->name);
            must(b, (*t)->draw(b.ctx, world, MAD_PART_TRAIN, key, &part), "draw", (*t)->name);
            must(b, mad_set_check_finite(b.ctx, &all, "rows"), "finite rows", (*t)->name);
            const mad_set prefix = mad_set_rows(&all, 0, 300);
            assert_true(same_bits(&prefix, &part));
            must(b, (*t)->draw(b.ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, 2), &part),
                 "draw", (*t)->name);
            assert_false(same_bits(&prefix, &part)); /* another key, other rows */
        }
        close_bench(b);
    }
}

static mad_recovery take_recovery(bench b, const mad_world_info *info, size_t n_rows)
{
    mad_recovery found;
    must(b, mad_recovery_take(b.ctx, b.mem, info, n_rows, &found), "recovery", "");
    return found;
}

static int same_bytes(const void *a, const void *b, size_t n_bytes)
{
    return a == NULL || b == NULL ? a == b : memcmp(a, b, n_bytes) == 0;
}

/* The first n rows of both. */
static int same_recovery(const mad_world_info *info, size_t n, const mad_recovery *a,
                         const mad_recovery *b)
{
    const size_t n_places = info->scene != NULL ? info->scene->n_places : 0;
    return same_bytes(a->factor, b->factor, n * info->n_factors * sizeof *a->factor) &&
           same_bytes(a->residual, b->residual, n * sizeof *a->residual) &&
           same_bytes(a->label, b->label, n * sizeof *a->label) &&
           same_bytes(a->valid, b->valid, n) && same_bytes(a->rare, b->rare, n) &&
           same_bytes(a->track, b->track, n * info->n_frames * sizeof *a->track) &&
           same_bytes(a->object, b->object, n * n_places * sizeof *a->object);
}

static void law_is_a_law(const mad_world_type *type, const mad_factor *f)
{
    double sum = 0.0, mean = 0.0;
    for (size_t k = 0; k < f->n_levels; k++) {
        sum += f->level_p[k];
        mean += f->level_p[k] * (double)k;
    }
    if (f->name == NULL || f->units == NULL || !(f->sd > 0.0) || f->low > f->high ||
        (f->n_levels > 0 && !(fabs(sum - 1.0) < 1e-12 && fabs(mean - f->mean) < 1e-12))) {
        fail_msg("world '%s': the law of factor '%s' is none", type->name, f->name);
    }
}

/* Read alone or with others, by any number of threads: the same bits. Case 0 has the first rows alone
 * and is compared with case 1, that with the others. */
static void worlds_read_rows_back(void **state)
{
    (void)state;
    enum { N_ALL = 300, N_PART = 100 };
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        if (!is_procedural(*t) || (*t)->recover == NULL) {
            continue;
        }
        bench b[N_THREAD_COUNTS];
        mad_recovery found[N_THREAD_COUNTS], truth[N_THREAD_COUNTS];
        for (size_t k = 0; k < N_THREAD_COUNTS; k++) {
            const size_t n = k == 0 ? N_PART : N_ALL;
            b[k] = open_bench(thread_counts[k]);
            const mad_world *world = create_world(b[k], *t);
            const mad_key key = key_for(MAD_RNG_REAL, 1);
            mad_set rows = take_set(b[k], &world->info, n);
            found[k] = take_recovery(b[k], &world->info, n);
            truth[k] = take_recovery(b[k], &world->info, n);
            must(b[k], (*t)->draw(b[k].ctx, world, MAD_PART_TRAIN, key, &rows), "draw", (*t)->name);
            must(b[k], (*t)->recover(b[k].ctx, world, &rows, &found[k]), "recover", (*t)->name);
            must(b[k], (*t)->draw_factors(b[k].ctx, world, MAD_PART_TRAIN, key, &truth[k]),
                 "draw_factors", (*t)->name);
            assert_true(same_bytes(rows.label, truth[k].label, n * sizeof *rows.label));
            assert_true(same_recovery(&world->info, k == 1 ? N_PART : n, &found[k], &found[k / 2]));
            assert_true(same_recovery(&world->info, k == 1 ? N_PART : n, &truth[k], &truth[k / 2]));
            for (size_t j = 0; j < world->info.n_factors; j++) {
                law_is_a_law(*t, &world->info.factor[j]);
            }
        }
        for (size_t k = 0; k < N_THREAD_COUNTS; k++) {
            close_bench(b[k]);
        }
    }
}

/* ---- models -------------------------------------------------------------------------------- */

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

static size_t field_bytes(const mad_field *field)
{
    return field->count * (field->kind == MAD_FIELD_F32 ? sizeof(float) : sizeof(double));
}

static void copy_state(mad_model *from, mad_model *to)
{
    mad_fields a = {0}, b = {0};
    from->type->fields(from, &a);
    to->type->fields(to, &b);
    assert_int_equal(a.n_fields, b.n_fields);
    for (size_t i = 0; i < a.n_fields; i++) {
        assert_string_equal(a.field[i].name, b.field[i].name);
        assert_int_equal(a.field[i].count, b.field[i].count);
        memcpy(b.field[i].data, a.field[i].data, field_bytes(&a.field[i]));
    }
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
            copy_state(model, other);
            if (type->loaded != NULL) {
                must(b, type->loaded(b.ctx, other), "loaded", type->name);
            }
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

/* ---- metrics -------------------------------------------------------------------- */

static void names_are_unique(void **state)
{
    (void)state;
    const mad_metric_type *const *list = mad_builtin.metrics;
    for (size_t a = 0; list[a] != NULL; a++) {
        for (size_t c = 0; list[c] != NULL; c++) {
            for (const mad_metric_output *x = list[a]->outputs; x->name != NULL; x++) {
                for (const mad_metric_output *y = list[c]->outputs; y->name != NULL; y++) {
                    /* one name may have one maker per kind of world */
                    const int clash = x != y && strcmp(x->name, y->name) == 0 &&
                                      list[a]->worlds & list[c]->worlds;
                    if (clash) {
                        fail_msg("metric '%s' is made twice", x->name);
                    }
                }
            }
        }
    }
}

/* ---- feature spaces ------------------------------------------------------------------------ */

/* Labelled pictures, for spaces that are trained; any rows do for the others. */
static mad_world *pictures(bench b)
{
    return create_world(b, &mad_world_glyph);
}

static mad_set world_rows(bench b, const mad_world *world, uint32_t generation)
{
    mad_set rows = take_set(b, &world->info, N_SAMPLE);
    must(b,
         world->type->draw(b.ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, generation), &rows),
         "draw", world->type->name);
    return rows;
}

/* A space that reads files is trained, written to `path` and read back; the text it is asked by. */
static const char *ready_text(bench b, const mad_feature_type *type, const mad_world *world,
                              const char *path, mad_feature_file *trained)
{
    char text[256];
    snprintf(text, sizeof text, "%s:%s", type->name, type->reads_file ? path : "3");
    if (type->train != NULL) {
        const mad_set rows = world_rows(b, world, 1);
        const mad_values values = quick_values(b, type->params);
        const mad_feature_training args = {
            .values = &values, .world = &world->info, .train = &rows, .test = &rows, .seed = 3};
        mad_feature_trained out;
        mad_publish to;
        must(b, type->train(b.ctx, &args, b.mem, &out), "train", type->name);
        *trained = out.file;
        must(b, mad_publish_claim(b.ctx, path, 1, &to), "claim", path);
        must(b, mad_feature_write(b.ctx, &to, trained, 0, NULL), "write", path);
        must(b, mad_publish_commit(b.ctx, &to), "publish", path);
    }
    return mad_arena_text(b.mem, text);
}

static mad_feature *create_feature(bench b, const char *text, const mad_world *world)
{
    mad_feature *feature = NULL;
    const mad_features_asked asked = {.text = text, .world = &world->info};
    const mad_set real = world_rows(b, world, 1);
    must(b, mad_features_create(b.ctx, &mad_builtin, &asked, b.mem, &feature), "create", text);
    must(b, mad_features_fit(b.ctx, feature, &real), "fit", text);
    assert_int_equal(feature->dim_in, world->info.dim);
    assert_true(strncmp(feature->text, text, strlen(text)) == 0);
    return feature;
}

static void same_weights(const mad_feature_file *a, const mad_feature_file *b)
{
    assert_int_equal(a->n_arrays, b->n_arrays);
    assert_int_equal(mad_feature_hash(a), mad_feature_hash(b));
    assert_true(a->pixel_mean == b->pixel_mean && a->pixel_sd == b->pixel_sd);
    for (size_t i = 0; i < a->n_arrays; i++) {
        size_t n = 1;
        assert_string_equal(a->array[i].name, b->array[i].name);
        assert_int_equal(a->array[i].rank, b->array[i].rank);
        for (size_t k = 0; k < a->array[i].rank; k++) {
            assert_int_equal(a->array[i].shape[k], b->array[i].shape[k]);
            n *= a->array[i].shape[k];
        }
        assert_memory_equal(a->array[i].data, b->array[i].data, n * sizeof(float));
    }
}

/* Trained, written, read, fitted and applied: the same bits for any number of threads, and for rows
 * whatever comes behind them. */
static void features_do_not_see_threads(void **state)
{
    (void)state;
    enum { N_PART = 512 }; /* whole chunks: the bits of a product may hang on its size */
    for (const mad_feature_type *const *t = mad_builtin.features; *t != NULL; t++) {
        char path[] = "/tmp/madloop-test-features-XXXXXX";
        const int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        bench first = {0};
        mad_set expected = {0};
        mad_feature_file weights = {0};
        for (size_t i = 0; i < N_THREAD_COUNTS; i++) {
            bench b = open_bench(thread_counts[i]);
            mad_feature_file trained = {0}, read = {0};
            mad_set mapped, some;
            const mad_world *world = pictures(b);
            const char *text = ready_text(b, *t, world, path, &trained);
            const mad_feature *feature = create_feature(b, text, world);
            const mad_set rows = world_rows(b, world, 2), part = mad_set_rows(&rows, 0, N_PART);
            must(b, mad_features_map(b.ctx, feature, &rows, b.mem, &mapped), "map", text);
            must(b, mad_features_map(b.ctx, feature, &part, b.mem, &some), "map", text);
            assert_int_equal(mapped.dim, feature->dim);
            must(b, mad_set_check_finite(b.ctx, &mapped, "mapped rows"), "finite", text);
            assert_memory_equal(mapped.x, some.x, N_PART * feature->dim * sizeof *some.x);
            assert_true(memcmp(mapped.x, mapped.x + mapped.dim, mapped.dim * sizeof *some.x) != 0);
            if ((*t)->reads_file) {
                must(b, mad_feature_read(b.ctx, b.mem, path, &read, NULL), "read", path);
                same_weights(&trained, &read);
            }
            if (i == 0) {
                first = b;
                expected = mapped;
                weights = trained;
                continue;
            }
            assert_true(same_bits(&expected, &mapped));
            same_weights(&weights, &trained);
            close_bench(b);
        }
        close_bench(first);
        assert_int_equal(unlink(path), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_documented),
        cmocka_unit_test(bad_parameters_are_refused),
        cmocka_unit_test(worlds_draw_prefixes),
        cmocka_unit_test(worlds_read_rows_back),
        cmocka_unit_test(models_live_in_their_saved_state),
        cmocka_unit_test(models_do_not_see_threads),
        cmocka_unit_test(given_classes_are_drawn),
        cmocka_unit_test(moments_are_those_of_the_samples),
        cmocka_unit_test(losses_are_those_of_rows),
        cmocka_unit_test(features_do_not_see_threads),
        cmocka_unit_test(names_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
