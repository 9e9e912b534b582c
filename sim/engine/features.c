/* sim/engine/features.c: see the header. */
#include "sim/engine/features.h"

#include <string.h>

#include "sim/config/config.h"

enum { MAX_FEATURES = 32 };

static mad_status fail_unknown(mad_ctx *ctx, const mad_registry *registry, const char *text)
{
    const char *names[MAX_FEATURES] = {"raw", "pixels"};
    size_t n = 2;
    for (size_t i = 0; registry->features != NULL && registry->features[i] != NULL; i++) {
        MAD_ASSERT(n < MAX_FEATURES);
        names[n++] = registry->features[i]->name;
    }
    const char *nearest = mad_nearest(text, n, names);
    return mad_fail(ctx, MAD_E_CONFIG, "unknown features '%s'%s%s%s", text,
                    nearest != NULL ? " (did you mean '" : "; see `madloop list features`",
                    nearest != NULL ? nearest : "", nearest != NULL ? "'?)" : "");
}

mad_status mad_features_create(mad_ctx *ctx, const mad_registry *registry, const char *text,
                               const mad_world_info *world, mad_arena *mem, mad_feature **out)
{
    mad_status st = MAD_OK;
    const size_t n_name = strcspn(text, ":");
    *out = NULL;
    if (strcmp(text, "raw") == 0 || strcmp(text, "pixels") == 0) {
        goto out;
    }
    if (world->kind != MAD_WORLD_CONTINUOUS) {
        st = mad_fail(ctx, MAD_E_UNSUPPORTED, "features '%s' are of plain rows only", text);
        goto out;
    }
    for (size_t i = 0; registry->features != NULL && registry->features[i] != NULL; i++) {
        const mad_feature_type *type = registry->features[i];
        if (strlen(type->name) != n_name || strncmp(type->name, text, n_name) != 0) {
            continue;
        }
        const mad_feature_args args = {
            .text = text, .argument = text + n_name + (text[n_name] == ':'), .world = world};
        MAD_TRY(type->create(ctx, &args, mem, out));
        (*out)->type = type;
        (*out)->dim_in = world->dim;
        (*out)->text = text;
        goto out;
    }
    st = fail_unknown(ctx, registry, text);
out:
    return st;
}

mad_status mad_features_fit(mad_ctx *ctx, mad_feature *feature, const mad_set *real)
{
    return feature == NULL || feature->type->fit == NULL ? MAD_OK
                                                         : feature->type->fit(ctx, feature, real);
}

mad_status mad_features_map(mad_ctx *ctx, const mad_feature *feature, const mad_set *rows,
                            mad_arena *mem, mad_set *out)
{
    mad_status st = MAD_OK;
    mad_set mapped = *rows;
    if (feature != NULL) {
        MAD_TRY(mad_set_take(ctx, mem, rows->n_rows, feature->dim, 0, &mapped));
        mapped.label = rows->label;
        mapped.weight = rows->weight;
        MAD_TRY(feature->type->map(ctx, feature, rows, mapped.x));
    }
    *out = mapped;
out:
    return st;
}

mad_world_info mad_features_world(const mad_feature *feature, const mad_world_info *world)
{
    return feature == NULL ? *world
                           : (mad_world_info){.kind = MAD_WORLD_CONTINUOUS,
                                              .dim = feature->dim,
                                              .n_classes = world->n_classes,
                                              .class_p = world->class_p};
}

int mad_features_apply(const mad_metric_type *type)
{
    const unsigned of_rows_as_they_are = MAD_NEEDS_MODES | MAD_NEEDS_DENSITY |
                                         MAD_NEEDS_CATEGORIES | MAD_NEEDS_FACTORS |
                                         MAD_NEEDS_WORLD_DENSITY;
    return !(type->needs & of_rows_as_they_are) && type->worlds & 1u << MAD_WORLD_CONTINUOUS;
}
