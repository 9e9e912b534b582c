/* tests/conformance/test_stages.c: what every stage between two generations must do, and the order they
 * come in. A new one is covered the moment it is listed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/builtin.h"
#include "sim/engine/engine.h"
#include "tests/conformance/threads.h"

enum { N_REPLICATES = 2, N_GENERATIONS = 3 };

/* World and model a stage is tried on, until one suits it. */
static const char *const settings[] = {
    "world: {kind: gauss, dim: 5}, model: {kind: gauss}, "
    "loop: {family: fresh, n_initial: 600, n_real: 300, n_synthetic: 300}",
    "world: {kind: ring}, model: {kind: exact, sampler: {kind: heun, steps: 8}}, "
    "loop: {family: fresh, n_initial: 600, n_real: 300, n_synthetic: 300}",
    "world: {kind: glyph}, model: {kind: kde}, "
    "loop: {family: fresh, n_initial: 600, n_real: 300, n_synthetic: 300}",
    "world: {kind: regression}, model: {kind: linear}, "
    "loop: {family: fresh, n_initial: 600, n_real: 300, n_synthetic: 300}",
    "world: {kind: zipf}, model: {kind: categorical}, "
    "loop: {family: fresh, n_initial: 600, n_real: 300, n_synthetic: 300}",
    /* trained: last, it takes longest */
    "world: {kind: ring}, model: {kind: diffusion, train: {steps: 20, batch: 64, warmup: 3}, "
    "schedule: {steps: 20}, net: {width: 32, depth: 2}}, "
    "loop: {family: fresh, n_initial: 100, n_real: 50, n_synthetic: 300}",
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* All series of a run. */
typedef struct outcome {
    mad_ctx *ctx;
    mad_arena *mem;
    const mad_run_layout *layout;
    double **value; /* [n_series][N_REPLICATES * N_GENERATIONS][width] */
} outcome;

static void keep(void *arg, size_t begin, size_t n_gens, const double *const *data)
{
    outcome *o = arg;
    assert_int_equal(begin, 1);
    assert_int_equal(n_gens, N_GENERATIONS);
    for (size_t i = 0; i < o->layout->n_series; i++) {
        const size_t n = (size_t)N_REPLICATES * N_GENERATIONS * o->layout->series[i].width;
        o->value[i] = mad_arena_take(o->mem, n, sizeof(double));
        memcpy(o->value[i], data[i], n * sizeof(double));
    }
}

static mad_status run(outcome *o, const mad_registry *registry, const char *text)
{
    mad_status st = MAD_OK;
    mad_config *config = mad_arena_take(o->mem, 1, sizeof *config);
    mad_experiment *experiment = NULL;
    mad_run_options options = {.first_generation = 1, .arg = o, .commit = keep};
    MAD_TRY(mad_config_load(o->ctx, o->mem, "stages", text, 0, NULL, registry, config));
    MAD_TRY(mad_experiment_create(o->ctx, o->mem, config, registry, &experiment));
    o->layout = mad_experiment_layout(experiment);
    o->value = mad_arena_take(o->mem, o->layout->n_series, sizeof *o->value);
    MAD_TRY(mad_engine_run(o->ctx, experiment, &options));
out:
    return st;
}

static outcome open_outcome(size_t n_threads)
{
    return (outcome){.ctx = mad_ctx_create(n_threads), .mem = mad_arena_create(1 << 20)};
}

static void close_outcome(outcome o)
{
    mad_arena_destroy(o.mem);
    mad_ctx_destroy(o.ctx);
}

static const char *text_of(mad_arena *mem, const char *setting, const char *stages,
                           const char *metrics)
{
    char text[2048];
    snprintf(text, sizeof text,
             "{seed: 5, replicates: %d, generations: %d, %s, %s, measure: {n: 64, metrics: [%s]}, "
             "checkpoint: {every: %d}}",
             N_REPLICATES, N_GENERATIONS, setting, stages, metrics, N_GENERATIONS);
    return mad_arena_text(mem, text);
}

/* Series that both runs have, costs excepted, hold the same bits. */
static void same_series(const char *what, const outcome *a, const outcome *b)
{
    size_t n_compared = 0;
    for (size_t i = 0; i < a->layout->n_series; i++) {
        const mad_series *s = &a->layout->series[i];
        for (size_t j = 0; strcmp(s->group, "cost") != 0 && j < b->layout->n_series; j++) {
            const mad_series *t = &b->layout->series[j];
            if (strcmp(s->group, t->group) == 0 && strcmp(s->name, t->name) == 0) {
                const size_t n = (size_t)N_REPLICATES * N_GENERATIONS * s->width;
                if (memcmp(a->value[i], b->value[j], n * sizeof(double)) != 0) {
                    fail_msg("%s: '/%s/%s' differs", what, s->group, s->name);
                }
                n_compared++;
            }
        }
    }
    assert_true(n_compared > 3);
}

/* The reports of a stage are numbers somewhere, NaN in generation 1. */
static void reports_are_made(const char *name, const outcome *o, const char *group,
                             const mad_report *reports)
{
    size_t n_numbers = 0;
    for (size_t i = 0; i < o->layout->n_series; i++) {
        if (strcmp(o->layout->series[i].group, group) == 0) {
            assert_true(isnan(o->value[i][0]));
            n_numbers += isfinite(o->value[i][N_GENERATIONS - 1]);
        }
    }
    if (reports != NULL && n_numbers == 0) {
        fail_msg("%s '%s' reports nothing", group, name);
    }
}

/* Every setting that the stage can be put into; returns in how many it can. */
static size_t try_stage(const char *section, const char *name, const mad_report *reports)
{
    size_t n_tried = 0;
    for (size_t s = 0; s < N_SETTINGS; s++) {
        char stage[128];
        const char *metric = strstr(settings[s], "zipf") != NULL ? "heterozygosity" : "trace";
        outcome o[N_THREAD_COUNTS];
        snprintf(stage, sizeof stage, "%s: {kind: %s}", section, name);
        o[0] = open_outcome(thread_counts[0]);
        const mad_status st =
            run(&o[0], &mad_builtin, text_of(o[0].mem, settings[s], stage, metric));
        if (st != MAD_OK) { /* refused before anything ran, with a message */
            assert_true(st == MAD_E_UNSUPPORTED || st == MAD_E_CONFIG);
            assert_true(strlen(o[0].ctx->message) > 20);
            close_outcome(o[0]);
            continue;
        }
        n_tried++;
        reports_are_made(name, &o[0], section, reports);
        for (size_t k = 1; k < N_THREAD_COUNTS; k++) {
            o[k] = open_outcome(thread_counts[k]);
            if (run(&o[k], &mad_builtin, text_of(o[k].mem, settings[s], stage, metric)) != MAD_OK) {
                fail_msg("%s '%s': %s", section, name, o[k].ctx->message);
            }
            same_series(name, &o[0], &o[k]);
            close_outcome(o[k]);
        }
        close_outcome(o[0]);
    }
    return n_tried;
}

static void stages_do_not_see_threads(void **state)
{
    (void)state;
    for (const mad_correct_type *const *t = mad_builtin.corrects; *t != NULL; t++) {
        assert_true(try_stage("correct", (*t)->name, (*t)->reports) > 0);
    }
    for (const mad_post_type *const *t = mad_builtin.posts; *t != NULL; t++) {
        assert_true(try_stage("post", (*t)->name, NULL) > 0);
    }
    for (const mad_channel_type *const *t = mad_builtin.channels; *t != NULL; t++) {
        assert_true(try_stage("channel", (*t)->name, (*t)->reports) > 0);
    }
}

/* What is measured changes nothing of what is trained on. */
static void measuring_leaves_the_rows_alone(void **state)
{
    (void)state;
    static const char *const stages[] = {
        "correct: {kind: nearest}, channel: {kind: watermark}",
        "correct: {kind: statistics}, channel: {kind: leak}, bias: {kind: shrink, strength: 0.9}"};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        outcome few = open_outcome(2), many = open_outcome(2);
        assert_int_equal(run(&few, &mad_builtin, text_of(few.mem, settings[0], stages[i], "trace")),
                         MAD_OK);
        assert_int_equal(
            run(&many, &mad_builtin, text_of(many.mem, settings[0], stages[i], "auto")), MAD_OK);
        assert_true(many.layout->n_series > few.layout->n_series);
        same_series(stages[i], &few, &many);
        close_outcome(few);
        close_outcome(many);
    }
}

/* ---- contradictions ------------------------------------------------------------------------ */

static void contradictions_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t setting;
        const char *stage, *first_key, *second_key;
    } cases[] = {
        {0, "channel: {kind: label}", "channel.kind: label", "world.kind"},
        {0, "channel: {kind: label_noise}", "channel.kind: label_noise", "world.kind"},
        {1, "channel: {kind: label_noise, sd: 2}", "sd", "world.kind"},
        {3, "channel: {kind: label_noise, eps: 0.2}", "eps", "world.kind"},
        {2, "channel: {kind: label}", "channel.kind: label", "model.kind"},
        {0, "channel: {kind: detector, tpr: 1, fpr: 1}", "channel.tpr", "channel.fpr"},
        {0, "channel: {kind: quantise}", "channel.step", "world.kind"},
        {0, "channel: {kind: quantise, step: 1, levels: 4}", "levels", "step"},
        {4, "channel: {kind: watermark}", "channel", "world"},
        {1, "channel: {kind: watermark}", "channel.kind: watermark", "world.kind"},
        {0, "post: {kind: neon, steps: 7}", "steps", "model.kind"},
        {1, "post: {kind: neon}", "post.kind", "model.kind"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome o = open_outcome(1);
        const char *text = text_of(o.mem, settings[cases[i].setting], cases[i].stage, "auto");
        const mad_status st = run(&o, &mad_builtin, text);
        if ((st != MAD_E_CONFIG && st != MAD_E_UNSUPPORTED) ||
            strstr(o.ctx->message, cases[i].first_key) == NULL ||
            strstr(o.ctx->message, cases[i].second_key) == NULL) {
            fail_msg("%s: %s", cases[i].stage, o.ctx->message);
        }
        close_outcome(o);
    }
}

static void refused_together(const char *model, const char *stages, const char *first_key,
                             const char *second_key)
{
    outcome o = open_outcome(1);
    char setting[512];
    snprintf(setting, sizeof setting,
             "world: {kind: ring}, model: %s, loop: {family: fully_synthetic, n_initial: 50, "
             "n_synthetic: 50}",
             model);
    const mad_status st = run(&o, &mad_builtin, text_of(o.mem, setting, stages, "auto"));
    if (st != MAD_E_CONFIG || strstr(o.ctx->message, first_key) == NULL ||
        strstr(o.ctx->message, second_key) == NULL) {
        fail_msg("%s, %s: %s", model, stages, o.ctx->message);
    }
    close_outcome(o);
}

static void loops_and_guidance_are_looked_at(void **state)
{
    (void)state;
    refused_together("{kind: exact}", "channel: {kind: leak}", "channel.kind: leak", "loop.family");
    refused_together("{kind: exact}", "channel: {kind: label}", "channel.kind: label",
                     "loop.family");
    refused_together("{kind: exact}", "channel: {kind: detector, tpr: 1}", "channel.tpr",
                     "loop.family");
    refused_together("{kind: exact, guide: {kind: cfg}}", "post: {kind: sims}", "post.kind: sims",
                     "model.guide.kind");
    refused_together("{kind: diffusion, guide: {kind: negative}}", "post: {kind: neon}",
                     "post.kind: neon", "model.guide.kind");
}

/* ---- order --------------------------------------------------------------------------------- */

/* What was called, and whether it saw the rows that the stages before it leave. */
static char called[64];
static int saw_wrong_rows;

static void note(char letter, int is_right)
{
    const size_t n = strlen(called);
    if (n + 1 < sizeof called) {
        called[n] = letter;
        called[n + 1] = '\0';
    }
    saw_wrong_rows |= !is_right;
}

static int all_within(const mad_set *rows, double low, double high)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (!(rows->x[i] >= low && rows->x[i] <= high)) {
            return 0;
        }
    }
    return 1;
}

static size_t many_candidates(const mad_setting *setting, size_t generation, size_t n_wanted)
{
    (void)setting;
    (void)generation;
    return 8 * n_wanted;
}

/* Rows above 0, which candidates are about half. */
static mad_status choose_positive(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    (void)ctx;
    note('s', !all_within(in->candidates, 0.0, 9.0) && all_within(in->candidates, -9.0, 9.0));
    out->n = 0;
    for (size_t i = 0; i < in->candidates->n_rows && out->n < in->n_wanted; i++) {
        if (in->candidates->x[i] > 0.0) {
            out->pick[out->n++] = i;
        }
    }
    return MAD_OK;
}

static mad_status correct_by_sign(mad_ctx *ctx, const mad_correct_in *in, mad_set *rows,
                                  double *report)
{
    (void)ctx;
    (void)in;
    (void)report;
    note('c', all_within(rows, 0.0, 9.0));
    for (size_t i = 0; i < rows->n_rows; i++) {
        rows->x[i] = -rows->x[i];
    }
    return MAD_OK;
}

static mad_status emit_far(mad_ctx *ctx, const mad_channel_in *in, mad_set *rows, double *report)
{
    (void)ctx;
    (void)in;
    (void)report;
    note('e', all_within(rows, -9.0, 0.0));
    for (size_t i = 0; i < rows->n_rows; i++) {
        rows->x[i] -= 100.0;
    }
    return MAD_OK;
}

/* Real rows first, as the world drew them, then the emitted ones. All become small again. */
static mad_status receive_both(mad_ctx *ctx, const mad_channel_in *in, mad_received *rows,
                               double *report)
{
    (void)ctx;
    (void)in;
    (void)report;
    const mad_set real = mad_set_rows(rows->rows, 0, 20);
    const mad_set synthetic = mad_set_rows(rows->rows, 20, rows->rows->n_rows - 20);
    note('r', rows->rows->n_rows == 50 && all_within(&real, -9.0, 9.0) &&
                  all_within(&synthetic, -109.0, -100.0));
    for (size_t i = 0; i < rows->rows->n_rows; i++) {
        saw_wrong_rows |= rows->is_real[i] != (i < 20);
        rows->rows->x[i] = i < 20 ? rows->rows->x[i] : rows->rows->x[i] + 101.0;
    }
    return MAD_OK;
}

static void stages_come_in_their_order(void **state)
{
    (void)state;
    static const mad_param none[] = {{.name = NULL}};
    static const mad_select_type select = {.name = "probe",
                                           .params = none,
                                           .worlds = ~0u,
                                           .n_candidates = many_candidates,
                                           .choose = choose_positive};
    static const mad_correct_type correct = {
        .name = "probe", .params = none, .worlds = ~0u, .apply = correct_by_sign};
    static const mad_channel_type channel = {
        .name = "probe", .params = none, .worlds = ~0u, .emit = emit_far, .receive = receive_both};
    const mad_select_type *const selects[] = {&select, NULL};
    const mad_correct_type *const corrects[] = {&correct, NULL};
    const mad_channel_type *const channels[] = {&channel, NULL};
    mad_registry registry = mad_builtin;
    registry.selects = selects;
    registry.corrects = corrects;
    registry.channels = channels;
    outcome o = open_outcome(1);
    const char *setting = "world: {kind: gauss, dim: 1}, model: {kind: gauss}, "
                          "loop: {family: fresh, n_initial: 50, n_real: 20, n_synthetic: 30}";
    const char *text =
        text_of(o.mem, setting,
                "select: {kind: probe}, correct: {kind: probe}, channel: {kind: probe}", "trace");
    called[0] = '\0';
    saw_wrong_rows = 0;
    if (run(&o, &registry, text) != MAD_OK) {
        fail_msg("%s", o.ctx->message);
    }
    assert_string_equal(called, "scerscerscerscer"); /* two replicates, generations 2 and 3 */
    assert_false(saw_wrong_rows);
    close_outcome(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_do_not_see_threads),
        cmocka_unit_test(measuring_leaves_the_rows_alone),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(loops_and_guidance_are_looked_at),
        cmocka_unit_test(stages_come_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
