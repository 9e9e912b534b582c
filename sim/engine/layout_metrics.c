/* sim/engine/layout_metrics.c: the datasets of measures, and what their attributes say. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/engine/layout.h"

/* When a value is NaN. */
static const char *undefined_text(mad_arena *mem, const mad_metric_output *output)
{
    char words[512];
    if (output->undefined == NULL) {
        return MAD_METRIC_OVERFLOW;
    }
    (void)snprintf(words, sizeof words, "%s; " MAD_METRIC_OVERFLOW, output->undefined);
    return mad_arena_text(mem, words);
}

/* From which rows a value of the group is; the floor puts real rows in the model's place. */
static void rows_attributes(layout_builder *b, const metric_group *group, int is_floor)
{
    const mad_experiment *e = b->e;
    const int of_rows = (group->type->needs & (MAD_NEEDS_SAMPLES | MAD_NEEDS_LABELS)) != 0;
    if (!of_rows) {
        mad_layout_text(b, "real_law", e->exact_real_law ? "exact" : "reference rows");
        mad_layout_text(b, "model_law",
                        is_floor            ? "real rows in place of the model's"
                        : e->exact_fake_law ? "exact"
                                            : "sampled rows");
    }
    if (of_rows || !e->exact_real_law) {
        mad_layout_number(b, "n_real", (double)e->n_measure);
        mad_layout_text(b, "reference_set", "data/reference_hash");
    }
    if (of_rows || is_floor || !e->exact_fake_law) {
        mad_layout_number(b, "n_synthetic", (double)e->n_measure);
    }
    if (!(group->type->needs & MAD_NEEDS_TRAIN)) {
        return;
    }
    if (is_floor) {
        mad_layout_number(b, "n_train", (double)e->n_floor_train);
    } else {
        mad_layout_text(b, "train_rows", "lineage/n_train");
    }
}

/* How the group's values are taken: the keys it reads, and where what hangs on the rows is kept. */
static void parameter_attributes(layout_builder *b, const mad_metric_type *type)
{
    for (const mad_param *p = type->params; p != NULL && p->name != NULL; p++) {
        const mad_value *value = mad_get(b->e->setting.measure_values, p->name);
        if (p->kind == MAD_PARAM_INT || p->kind == MAD_PARAM_REAL) {
            mad_layout_number(b, p->name, value->number);
        } else {
            mad_layout_text(b, p->name, value->text);
        }
    }
    mad_layout_text(b, "beside", type->beside);
}

/* What a value of the group is and how it was taken. */
static void metric_attributes(layout_builder *b, const metric_group *group,
                              const mad_metric_output *output, int is_floor)
{
    const mad_experiment *e = b->e;
    const int of_rows = (group->type->needs & (MAD_NEEDS_SAMPLES | MAD_NEEDS_LABELS)) != 0;
    mad_layout_text(b, "long_name", output->long_name);
    mad_layout_text(b, "units", output->units);
    mad_layout_text(b, "direction", output->direction);
    mad_layout_text(b, "definition", output->definition);
    mad_layout_text(b, "reference", output->reference);
    mad_layout_text(b, "estimator",
                    !of_rows && e->exact_real_law && e->exact_fake_law && !is_floor
                        ? "none: exact laws"
                        : mad_metric_estimator(group->type, output));
    mad_layout_text(b, "undefined", undefined_text(b->mem, output));
    if (e->feature != NULL && mad_features_apply(group->type)) {
        mad_layout_text(b, "features", e->feature->text);
    } else if (of_rows) {
        mad_layout_text(b, "features", "raw");
    }
    rows_attributes(b, group, is_floor);
    parameter_attributes(b, group->type);
}

static mad_status add_theory(mad_ctx *ctx, layout_builder *b, const char *metric)
{
    const mad_experiment *e = b->e;
    const mad_setting *setting = &e->setting;
    mad_status st = MAD_OK;
    if (!e->exact_fake_law || e->measures_bias) {
        return MAD_OK; /* closed forms speak of the model's law, not of rows drawn from it */
    }
    for (const mad_theory_type *const *t = e->registry->theories; *t != NULL; t++) {
        if (strcmp((*t)->metric, metric) != 0 || !(*t)->applies(setting)) {
            continue;
        }
        double *value = mad_arena_take(b->mem, setting->n_generations, sizeof *value);
        if (value == NULL) {
            return mad_fail_memory(ctx, "a theory curve");
        }
        MAD_TRY((*t)->curve(ctx, setting, value));
        mad_layout_text(b, "law", (*t)->name);
        mad_layout_text(b, "statement", (*t)->statement);
        mad_layout_text(b, "assumptions", (*t)->assumptions);
        mad_layout_text(b, "reference", (*t)->ref);
        mad_layout_text(b, "order", (*t)->exact ? "exact" : "leading order");
        (void)mad_layout_vector(b, "theory", metric, setting->n_generations, value);
        break;
    }
out:
    return st;
}

mad_status mad_layout_group(mad_ctx *ctx, layout_builder *b, metric_group *group)
{
    mad_status st = MAD_OK;
    for (size_t k = 0; k < group->n_chosen; k++) {
        const mad_metric_output *output = &group->type->outputs[group->chosen[k]];
        double *floor = mad_arena_take(b->mem, b->e->setting.n_replicates, sizeof *floor);
        if (floor == NULL) {
            return mad_fail_memory(ctx, "the floor of a measure");
        }
        metric_attributes(b, group, output, 0);
        group->series[k] = mad_layout_series(b, "metrics", output->name, 1);
        metric_attributes(b, group, output, 1);
        group->floor[k] =
            mad_layout_vector(b, "floor", output->name, b->e->setting.n_replicates, floor);
        b->e->floors[group->floor[k]] = floor;
        MAD_TRY(add_theory(ctx, b, output->name));
    }
out:
    return st;
}
