/* sim/engine/choose.c: which measures a run takes, of which laws and in which space. */
#include <stdint.h>
#include <string.h>

#include "sim/engine/internal.h"

int mad_knows_moments(const mad_setting *s)
{
    const mad_model_type *model = s->model;
    const mad_extrapolation_kind kind =
        s->post != NULL ? s->post->ask(s->post_values).kind : MAD_EXTRAPOLATE_NONE;
    return model->moments != NULL &&
           (model->knows_moments == NULL || model->knows_moments(s->model_values, kind));
}

/* The worlds a group asks for; groups name one kind, or all but the categories. */
static const char *kind_wanted(unsigned worlds)
{
    return worlds == 1u << MAD_WORLD_CATEGORICAL  ? "a world of categories, such as 'zipf'"
           : worlds == 1u << MAD_WORLD_REGRESSION ? "the world 'regression'"
                                                  : "a world of plain rows, such as 'gauss'";
}

/* NULL when the world and model offer what the group needs, else what is missing. */
static const char *missing(const mad_experiment *e, const mad_metric_type *type)
{
    const mad_world_info *info = &e->world->info;
    if (!(type->worlds & 1u << info->kind)) {
        return kind_wanted(type->worlds);
    }
    if (type->needs & MAD_NEEDS_LABELS &&
        (info->n_classes == 0 || !(e->setting.model->flags & MAD_MODEL_LABELS))) {
        return "a world with labels and a model that learns them";
    }
    if (type->needs & MAD_NEEDS_MODES && info->n_modes == 0) {
        return "a world that knows its modes";
    }
    if (type->needs & MAD_NEEDS_DENSITY && e->setting.model->log_density == NULL) {
        return "a model that knows its density";
    }
    if (type->needs & MAD_NEEDS_FACTORS && info->n_factors == 0) {
        return "a world that reads back what its rows are made of, such as 'glyph'";
    }
    if (type->needs & MAD_NEEDS_WORLD_DENSITY && !info->has_log_density) {
        return "a world that knows its density, such as 'gauss'";
    }
    return NULL;
}

static int is_automatic(const mad_value *metrics)
{
    for (size_t k = 0; k < metrics->n_list; k++) {
        if (strcmp(metrics->words[k], "auto") == 0) {
            return 1;
        }
    }
    return 0;
}

/* The closest way in which a word names the output. */
static mad_naming naming_of(const mad_experiment *e, const mad_value *metrics,
                            const mad_metric_type *type, size_t i_output)
{
    mad_naming closest = MAD_NOT_NAMED;
    for (size_t k = 0; k < metrics->n_list; k++) {
        const mad_naming naming = mad_measure_named(e->registry, type, i_output, metrics->words[k]);
        closest = naming > closest ? naming : closest;
    }
    return closest;
}

/* 1 when an output that is asked for wants this one beside it. */
static int wanted_beside(const mad_experiment *e, const mad_value *metrics, const char *name)
{
    for (const mad_metric_type *const *t = e->registry->metrics; *t != NULL; t++) {
        for (size_t i = 0; (*t)->beside != NULL && (*t)->outputs[i].name != NULL; i++) {
            if (strcmp((*t)->beside, name) == 0 && naming_of(e, metrics, *t, i) != MAD_NOT_NAMED) {
                return 1;
            }
        }
    }
    return 0;
}

/* The columns that a measure sees. */
static size_t dim_of(const mad_experiment *e, const mad_metric_type *type)
{
    return mad_features_apply(type) ? e->mapped_world.dim : e->world->info.dim;
}

static mad_status choose_output(mad_ctx *ctx, mad_experiment *e, const mad_metric_type *type,
                                size_t i_output, int by_name, metric_group *group)
{
    const size_t dim = dim_of(e, type);
    const size_t need = mad_metric_rows(type, e->setting.measure_values, dim, i_output);
    if (!by_name && type->fits != NULL && !type->fits(&e->world->info, i_output)) {
        return MAD_OK;
    }
    const int of_rows = type->needs & MAD_NEEDS_SAMPLES || !e->exact_fake_law;
    if (of_rows && e->n_measure < need) {
        if (by_name) {
            return mad_fail(ctx, MAD_E_RANGE,
                            "measure.n: '%s' needs at least %zu rows in %zu dimensions, got %zu",
                            type->outputs[i_output].name, need, dim, e->n_measure);
        }
        return MAD_OK; /* `auto` takes what can be had */
    }
    MAD_ASSERT(group->n_chosen < MAX_OUTPUTS);
    group->chosen[group->n_chosen++] = i_output;
    return MAD_OK;
}

static mad_status choose_group(mad_ctx *ctx, mad_experiment *e, const mad_metric_type *type,
                               const mad_value *metrics, unsigned char *found)
{
    const int automatic = is_automatic(metrics) && !(type->needs & MAD_BY_NAME);
    const char *const lacks = missing(e, type);
    mad_status st = MAD_OK;
    metric_group *group = &e->groups[e->n_groups];
    *group = (metric_group){.type = type};
    for (size_t i = 0; type->outputs[i].name != NULL; i++) {
        const mad_naming naming = naming_of(e, metrics, type, i);
        const int by_name = naming == MAD_NAMED || wanted_beside(e, metrics, type->outputs[i].name);
        const size_t n_before = group->n_chosen;
        if ((naming == MAD_NOT_NAMED && !by_name && !automatic) || lacks != NULL) {
            continue;
        }
        MAD_TRY(choose_output(ctx, e, type, i, by_name, group));
        for (size_t k = 0; k < metrics->n_list && group->n_chosen > n_before; k++) {
            found[k] |= (unsigned char)(mad_measure_named(e->registry, type, i,
                                                          metrics->words[k]) != MAD_NOT_NAMED);
        }
    }
    if (group->n_chosen > 0) {
        e->n_groups++;
        e->needs |= type->needs;
    }
out:
    return st;
}

/* A word that names what cannot be had here. */
static mad_status fail_not_found(mad_ctx *ctx, const mad_experiment *e, const char *word)
{
    const char *lacks = NULL;
    for (const mad_metric_type *const *type = e->registry->metrics; *type != NULL; type++) {
        for (size_t i = 0; lacks == NULL && (*type)->outputs[i].name != NULL; i++) {
            if (mad_measure_named(e->registry, *type, i, word) != MAD_NOT_NAMED) {
                lacks = missing(e, *type);
            }
        }
    }
    if (lacks == NULL) {
        lacks = "more rows (measure.n), or rows of another form";
    }
    return mad_fail(ctx, MAD_E_UNSUPPORTED,
                    "measure.metrics: '%s' needs %s (world '%s', model '%s')", word, lacks,
                    e->world->type->name, e->setting.model->name);
}

static mad_status choose_metrics(mad_ctx *ctx, mad_arena *mem, mad_experiment *e)
{
    mad_status st = MAD_OK;
    const mad_value *metrics = mad_get(e->setting.measure_values, "metrics");
    size_t n_types = 0;
    while (e->registry->metrics[n_types] != NULL) {
        n_types++;
    }
    e->groups = mad_arena_take(mem, n_types + 1, sizeof *e->groups);
    unsigned char *found = mad_arena_take(mem, metrics->n_list, sizeof *found);
    if (e->groups == NULL || found == NULL) {
        return mad_fail_memory(ctx, "the measures");
    }
    for (size_t i = 0; i < n_types; i++) {
        MAD_TRY(choose_group(ctx, e, e->registry->metrics[i], metrics, found));
    }
    for (size_t k = 0; k < metrics->n_list; k++) {
        if (!found[k] && strcmp(metrics->words[k], "auto") != 0) {
            st = fail_not_found(ctx, e, metrics->words[k]);
            goto out;
        }
    }
out:
    return st;
}

/* Whose mean and covariance (or probabilities) are compared: exact ones or those of rows. */
static mad_status choose_laws(mad_ctx *ctx, mad_experiment *e)
{
    enum { AUTO, MODEL, SAMPLES };
    const mad_world_info *info = &e->world->info;
    const mad_model_type *model = e->setting.model;
    const size_t choice = mad_get_choice(e->setting.measure_values, "moments");
    const int categorical = info->kind == MAD_WORLD_CATEGORICAL;
    const int offered = categorical ? model->probabilities != NULL : mad_knows_moments(&e->setting);
    const int known =
        categorical ? info->category_p != NULL : info->mean != NULL && info->cov != NULL;
    if (choice == MODEL && !offered) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "measure.moments: model '%s' does not know its own moments", model->name);
    }
    if (choice == MODEL && e->feature != NULL) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "measure.moments: no model knows its moments in features '%s'",
                        e->feature->text);
    }
    e->measures_bias = mad_get_choice(e->setting.measure_values, "bias") == 1;
    const int with_bias = e->setting.bias != NULL && model->tilted_probabilities != NULL;
    if (e->measures_bias && (e->setting.bias == NULL || (choice == MODEL && !with_bias))) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED, "measure.bias is yes, but %s",
                        choice == MODEL ? "measure.moments asks for the model's own"
                                        : "there is none (bias.kind)");
    }
    e->exact_fake_law =
        choice != SAMPLES && offered && e->feature == NULL && (!e->measures_bias || with_bias);
    e->exact_real_law = e->exact_fake_law && known;
    return MAD_OK;
}

static mad_status choose_features(mad_ctx *ctx, mad_arena *mem, mad_experiment *e)
{
    const mad_features_asked asked = {.text = mad_get_text(e->setting.measure_values, "features"),
                                      .directory = e->config->directory,
                                      .world = &e->world->info};
    const mad_status st = mad_features_create(ctx, e->registry, &asked, mem, &e->feature);
    if (st != MAD_OK) {
        return mad_fail_while(ctx, st, "measure.features");
    }
    e->mapped_world = mad_features_world(e->feature, &e->world->info);
    return MAD_OK;
}

static mad_status check_measure_size(mad_ctx *ctx, const mad_experiment *e)
{
    const mad_world_info *info = &e->world->info;
    const size_t limit = info->n_reference < info->n_train ? info->n_reference : info->n_train;
    if (limit > 0 && e->n_measure > limit) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "measure.n: %zu rows wanted, but the data hold %zu for training and %zu "
                        "for reference",
                        e->n_measure, info->n_train, info->n_reference);
    }
    return MAD_OK;
}

/* As many as generation 1 trains on, or as a finite world holds beside the rows of the floor. */
static void limit_floor_train(mad_experiment *e)
{
    const size_t n_held = e->world->info.n_train;
    if (!(e->needs & MAD_NEEDS_TRAIN)) {
        e->n_floor_train = 0;
    } else if (n_held > 0 && e->n_floor_train > n_held - e->n_measure) {
        e->n_floor_train = n_held - e->n_measure;
    }
}

mad_status mad_choose_measures(mad_ctx *ctx, mad_arena *mem, mad_experiment *e)
{
    mad_status st = MAD_OK;
    MAD_TRY(check_measure_size(ctx, e));
    MAD_TRY(choose_features(ctx, mem, e));
    MAD_TRY(choose_laws(ctx, e));
    MAD_TRY(choose_metrics(ctx, mem, e));
    e->needs_samples = !e->exact_fake_law || e->needs & (MAD_NEEDS_SAMPLES | MAD_NEEDS_LABELS);
    limit_floor_train(e);
    MAD_TRY(mad_check_memory(ctx, "the reference rows of the measures",
                             (double)(e->n_measure + e->n_floor_train) *
                                 (double)e->world->info.dim * sizeof(double) *
                                 (double)(e->setting.n_replicates + ctx->n_workers)));
    e->max_sample_rows = e->n_measure > e->max_sample_rows ? e->n_measure : e->max_sample_rows;
out:
    return st;
}
