/* sim/config/catalog.c: the sections of a configuration and the tables that fill them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/config/internal.h"

#define MAX_WHOLE 9007199254740991.0 /* 2^53 - 1 */

const mad_param mad_root_params[] = {
    {"name", MAD_PARAM_TEXT, "", 0, 0, NULL, NULL,
     "name of the experiment and of its folder; empty: the file's name"},
    {"seed", MAD_PARAM_INT, "1", 0, MAX_WHOLE, NULL, NULL, "root of every random number"},
    {"replicates", MAD_PARAM_INT, "1", 1, 1e6, NULL, NULL,
     "independent repetitions, for error bars"},
    {"models", MAD_PARAM_INT, "1", 1, 64, NULL, NULL,
     "loops that run side by side in every replicate and may consume each other's rows"},
    {"cross", MAD_PARAM_FORM, "own", 0, 1, "own|others|all|mixed(share(t))", NULL,
     "whose model a synthetic row comes from: the loop's own, one of the others, any, or its own "
     "with this probability"},
    {"shared_real", MAD_PARAM_CHOICE, "no", 0, 0, "no|yes", NULL,
     "the loops of a replicate draw the same real training rows"},
    {"generations", MAD_PARAM_INT, "10", 1, 1e6, NULL, NULL,
     "length of the loop; generation 1 trains on real data only"},
    {0}};

const mad_param mad_measure_params[] = {
    {"n", MAD_PARAM_INT, "1000", 2, 1e6, NULL, "rows", "rows per side that measures compare"},
    {"metrics", MAD_PARAM_WORDS, "auto", 0, 0, NULL, NULL,
     "measures to take: outputs, groups of `madloop list metrics` (prdc), first parts of names "
     "(vendi); auto: all that fit world and model"},
    {"moments", MAD_PARAM_CHOICE, "auto", 0, 0, "auto|model|samples", NULL,
     "where the model's mean and covariance come from: its exact law or its samples"},
    {"bias", MAD_PARAM_CHOICE, "no", 0, 0, "no|yes", NULL,
     "measure rows drawn with the loop's bias, as the next generation gets them, in place of the "
     "model's own"},
    {"features", MAD_PARAM_TEXT, "raw", 0, 0, NULL, NULL,
     "space in which measures compare rows: raw, pca:N, net:FILE, see `madloop list features`"},
    {"preview", MAD_PARAM_INT, "256", 0, 10000, NULL, "rows",
     "sample rows stored per generation, to be looked at"},
    {"lineage_ages", MAD_PARAM_INT, "16", 0, 1000, NULL, "generations",
     "columns of /lineage/origin_share, ancestor_share and depth_share; 0 leaves them out"},
    {"ancestors", MAD_PARAM_CHOICE, "no", 0, 0, "no|yes", NULL,
     "follow every row back to the real row it descends from: /lineage/ancestors; models that draw "
     "about a training row each, and worlds of categories"},
    {"loss_points", MAD_PARAM_INT, "50", 0, 10000, NULL, NULL,
     "points of the training loss curve, for models that have one; 0 leaves it out"},
    {0}};

const mad_param mad_checkpoint_params[] = {
    {"every", MAD_PARAM_INT, "1", 1, 1e6, NULL, "generations", "generations per commit to disk"},
    {0}};

const mad_param mad_stop_params[] = {
    {"metric", MAD_PARAM_TEXT, "none", 0, 0, NULL, NULL, "output that the tests below look at"},
    {"below", MAD_PARAM_FORM, "none", -1e300, 1e300, "none|#", NULL,
     "stop once its mean over replicates is below this"},
    {"above", MAD_PARAM_FORM, "none", -1e300, 1e300, "none|#", NULL,
     "stop once its mean over replicates is above this"},
    {"plateau", MAD_PARAM_FORM, "none", 1e-300, 1e300, "none|#", NULL,
     "stop once its mean has moved by less than this per generation, over the whole window"},
    {"window", MAD_PARAM_INT, "5", 1, 1e6, NULL, "generations", "length of a plateau"},
    {"alpha", MAD_PARAM_REAL, "0.05", 1e-9, 0.5, NULL, NULL,
     "probability of a wrong stop, over all tests of the run together"},
    {"samples", MAD_PARAM_FORM, "none", 1, MAX_WHOLE, "none|#N", "rows",
     "budget: stop once the fits of all replicates have seen so many rows"},
    {0}};

const mad_section_info mad_sections[MAD_N_SECTIONS] = {
    [MAD_SECTION_ROOT] = {.name = ""},
    [MAD_SECTION_WORLD] = {.name = "world", .selector = "kind", .doc = "where real data come from"},
    [MAD_SECTION_MODEL] = {.name = "model", .selector = "kind", .doc = "the generative model"},
    [MAD_SECTION_LOOP] = {.name = "loop",
                          .selector = "family",
                          .fallback = "custom",
                          .doc = "what each generation trains on"},
    [MAD_SECTION_BIAS] = {.name = "bias",
                          .selector = "kind",
                          .fallback = "none",
                          .doc = "how rows that are reused differ from the model's own law"},
    [MAD_SECTION_SELECT] = {.name = "select",
                            .selector = "kind",
                            .fallback = "none",
                            .doc = "which of the rows a model drew are reused"},
    [MAD_SECTION_CORRECT] = {.name = "correct",
                             .selector = "kind",
                             .fallback = "none",
                             .doc = "pulls synthetic rows towards real data"},
    [MAD_SECTION_POST] = {.name = "post",
                          .selector = "kind",
                          .fallback = "none",
                          .doc = "what is done to a fitted model with its own samples"},
    [MAD_SECTION_CHANNEL] = {.name = "channel",
                             .selector = "kind",
                             .fallback = "none",
                             .doc = "what lies between synthetic rows and the next training set"},
    [MAD_SECTION_MEASURE] = {.name = "measure"},
    [MAD_SECTION_CHECKPOINT] = {.name = "checkpoint"},
    [MAD_SECTION_STOP] = {.name = "stop", .may_be_absent = 1},
};

/* world_plugin(list, i, out): the i-th entry of a NULL-ended registry list (NULL: an empty one), as
 * name and table. */
#define PLUGIN_LIST(type)                                                                          \
    static int type##_plugin(const mad_##type##_type *const *list, size_t i, mad_plugin *out)      \
    {                                                                                              \
        if (list == NULL) {                                                                        \
            return 0;                                                                              \
        }                                                                                          \
        for (size_t k = 0; k < i && list[k] != NULL; k++) {                                        \
            if (list[k + 1] == NULL) {                                                             \
                return 0;                                                                          \
            }                                                                                      \
        }                                                                                          \
        if (list[0] == NULL) {                                                                     \
            return 0;                                                                              \
        }                                                                                          \
        *out = (mad_plugin){.name = list[i]->name, .params = list[i]->params};                     \
        return 1;                                                                                  \
    }

PLUGIN_LIST(world)
PLUGIN_LIST(model)
PLUGIN_LIST(loop)
PLUGIN_LIST(bias)
PLUGIN_LIST(select)
PLUGIN_LIST(correct)
PLUGIN_LIST(post)
PLUGIN_LIST(channel)
PLUGIN_LIST(metric)

static int fixed_plugin(const mad_param *params, size_t i, mad_plugin *out)
{
    *out = (mad_plugin){.params = params};
    return i == 0;
}

static int may_be_none(mad_section section)
{
    const char *fallback = mad_sections[section].fallback;
    return fallback != NULL && strcmp(fallback, "none") == 0;
}

int mad_section_plugin(const mad_registry *registry, mad_section section, size_t i, mad_plugin *out)
{
    if (may_be_none(section) && i-- == 0) {
        *out = (mad_plugin){.name = "none"};
        return 1;
    }
    switch (section) {
    case MAD_SECTION_ROOT:
        return fixed_plugin(mad_root_params, i, out);
    case MAD_SECTION_CHECKPOINT:
        return fixed_plugin(mad_checkpoint_params, i, out);
    case MAD_SECTION_STOP:
        return fixed_plugin(mad_stop_params, i, out);
    case MAD_SECTION_WORLD:
        return world_plugin(registry->worlds, i, out);
    case MAD_SECTION_MODEL:
        return model_plugin(registry->models, i, out);
    case MAD_SECTION_LOOP:
        return loop_plugin(registry->loops, i, out);
    case MAD_SECTION_BIAS:
        return bias_plugin(registry->biases, i, out);
    case MAD_SECTION_SELECT:
        return select_plugin(registry->selects, i, out);
    case MAD_SECTION_CORRECT:
        return correct_plugin(registry->corrects, i, out);
    case MAD_SECTION_POST:
        return post_plugin(registry->posts, i, out);
    case MAD_SECTION_CHANNEL:
        return channel_plugin(registry->channels, i, out);
    case MAD_SECTION_MEASURE:
        return i == 0 ? fixed_plugin(mad_measure_params, 0, out)
                      : metric_plugin(registry->metrics, i - 1, out);
    case MAD_N_SECTIONS:
        break;
    }
    mad_assert_failed("a section", __FILE__, __LINE__);
}

mad_values *mad_section_values(mad_config *c, mad_section section)
{
    mad_values *const values[MAD_N_SECTIONS] = {[MAD_SECTION_ROOT] = &c->root,
                                                [MAD_SECTION_WORLD] = &c->world,
                                                [MAD_SECTION_MODEL] = &c->model,
                                                [MAD_SECTION_LOOP] = &c->loop,
                                                [MAD_SECTION_BIAS] = &c->bias,
                                                [MAD_SECTION_SELECT] = &c->select,
                                                [MAD_SECTION_CORRECT] = &c->correct,
                                                [MAD_SECTION_POST] = &c->post,
                                                [MAD_SECTION_CHANNEL] = &c->channel,
                                                [MAD_SECTION_MEASURE] = &c->measure,
                                                [MAD_SECTION_CHECKPOINT] = &c->checkpoint,
                                                [MAD_SECTION_STOP] = &c->stop};
    return values[section];
}

const mad_param *mad_param_find(const mad_param *params, const char *name)
{
    for (const mad_param *p = params; p != NULL && p->name != NULL; p++) {
        if (strcmp(p->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int same_param(const mad_param *a, const mad_param *b)
{
    return a->kind == b->kind && same_text(a->fallback, b->fallback) && a->min == b->min &&
           a->max == b->max && same_text(a->choices, b->choices);
}

mad_status mad_measure_table(mad_ctx *ctx, mad_arena *mem, const mad_registry *registry,
                             const mad_param **out)
{
    size_t n = 0, n_rows = 0;
    mad_plugin plugin;
    for (size_t i = 0; mad_section_plugin(registry, MAD_SECTION_MEASURE, i, &plugin); i++) {
        for (const mad_param *p = plugin.params; p != NULL && p->name != NULL; p++) {
            n_rows++;
        }
    }
    mad_param *table = mad_arena_take(mem, n_rows + 1, sizeof *table); /* zeroed: ends itself */
    if (table == NULL) {
        return mad_fail_memory(ctx, "the table of measure keys");
    }
    for (size_t i = 0; mad_section_plugin(registry, MAD_SECTION_MEASURE, i, &plugin); i++) {
        for (const mad_param *p = plugin.params; p != NULL && p->name != NULL; p++) {
            const mad_param *known = mad_param_find(table, p->name);
            if (known == NULL) {
                table[n++] = *p;
            } else if (!same_param(known, p)) {
                return mad_fail(ctx, MAD_E_FAILED, "metric '%s' redefines the key 'measure.%s'",
                                plugin.name, p->name);
            }
        }
    }
    *out = table;
    return MAD_OK;
}

/* "gauss|ring|grid" for the row that stands for a section's selector. */
static void plugin_names(const mad_registry *registry, mad_section section, size_t n_bytes,
                         char *out)
{
    mad_plugin plugin;
    out[0] = '\0';
    for (size_t i = 0; mad_section_plugin(registry, section, i, &plugin); i++) {
        const size_t used = strlen(out);
        snprintf(out + used, n_bytes - used, "%s%s", i == 0 ? "" : "|", plugin.name);
    }
}

/* 1 when an earlier metric has the key already: `measure` shows it once. */
static int seen_before(const mad_registry *registry, size_t i_plugin, const char *name)
{
    mad_plugin plugin;
    for (size_t i = 0; i < i_plugin; i++) {
        if (mad_section_plugin(registry, MAD_SECTION_MEASURE, i, &plugin) &&
            mad_param_find(plugin.params, name) != NULL) {
            return 1;
        }
    }
    return 0;
}

void mad_config_keys(const mad_registry *registry, void *arg,
                     void (*visit)(void *arg, const char *section, const char *plugin,
                                   const mad_param *param))
{
    for (mad_section s = 0; s < MAD_N_SECTIONS; s++) {
        const mad_section_info *info = &mad_sections[s];
        mad_plugin plugin;
        if (info->selector != NULL) {
            char names[1024];
            plugin_names(registry, s, sizeof names, names);
            const mad_param selector = {.name = info->selector,
                                        .kind = MAD_PARAM_CHOICE,
                                        .fallback = info->fallback,
                                        .choices = names,
                                        .doc = info->doc};
            visit(arg, info->name, NULL, &selector);
        }
        for (size_t i = 0; mad_section_plugin(registry, s, i, &plugin); i++) {
            for (const mad_param *p = plugin.params; p != NULL && p->name != NULL; p++) {
                if (s != MAD_SECTION_MEASURE || !seen_before(registry, i, p->name)) {
                    visit(arg, info->name, s == MAD_SECTION_MEASURE ? NULL : plugin.name, p);
                }
            }
        }
    }
}
