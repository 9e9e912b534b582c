/* sim/engine/features.c: see the header. */
#include "sim/engine/features.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/config/config.h"
#include "sim/store/datafile.h"
#include "sim/store/feature_file.h"

enum { MAX_FEATURES = 32, SHORT_HASH = 8, LONG_HASH = 16, TEXT_BYTES = MAD_PATH_BYTES + 64 };

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

/* ---- spaces that lie in a file ---- */

const char *mad_features_text(mad_arena *mem, const char *type, const char *path, uint64_t hash)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%s:%s#%0*" PRIx64, type, path, SHORT_HASH,
             hash >> 4 * (LONG_HASH - SHORT_HASH));
    return mad_arena_text(mem, text);
}

/* The hash behind the last # of "FILE#HASH", or NULL: a file may have # in its name. */
static const char *hash_of(const char *argument)
{
    const char *mark = strrchr(argument, '#');
    if (mark == NULL) {
        return NULL;
    }
    const size_t n = strlen(mark + 1);
    const int is_hash =
        n >= SHORT_HASH && n <= LONG_HASH && strspn(mark + 1, "0123456789abcdef") == n;
    return is_hash ? mark + 1 : NULL;
}

static mad_status check_file(mad_ctx *ctx, const mad_feature_type *type, const char *text,
                             const char *hash, const mad_feature_file *file)
{
    char now[LONG_HASH + 1];
    snprintf(now, sizeof now, "%016" PRIx64, file->hash);
    if (strcmp(file->type, type->name) != 0) {
        return mad_fail(ctx, MAD_E_DATA, "features '%s': the file holds features '%s'", text,
                        file->type);
    }
    if (hash != NULL && strncmp(hash, now, strlen(hash)) != 0) {
        return mad_fail(ctx, MAD_E_CONFIG, "features '%s': the file has hash %s", text, now);
    }
    return MAD_OK;
}

/* Reads the file and sets what the space is called. */
static mad_status open_file(mad_ctx *ctx, const mad_feature_type *type,
                            const mad_features_asked *asked, mad_arena *mem, mad_feature_args *args,
                            const char **text)
{
    mad_status st = MAD_OK;
    const char *path = args->argument, *found = NULL, *hash = hash_of(path);
    mad_feature_file *file = mad_arena_take(mem, 1, sizeof *file);
    char *name = mad_arena_text(mem, path);
    if (file == NULL || name == NULL) {
        return mad_fail_memory(ctx, "a feature file");
    }
    if (hash != NULL) {
        name[hash - 1 - path] = '\0';
    }
    if (name[0] == '\0') {
        return mad_fail(ctx, MAD_E_CONFIG, "features '%s': expected %s:%s", asked->text, type->name,
                        type->argument);
    }
    MAD_TRY(mad_data_find(ctx, mem, asked->directory, name, &found));
    MAD_TRY(mad_feature_read(ctx, mem, found, file, NULL));
    MAD_TRY(check_file(ctx, type, asked->text, hash, file));
    args->file = file;
    *text = mad_features_text(mem, type->name, name, file->hash);
    if (*text == NULL) {
        return mad_fail_memory(ctx, "the name of a feature file");
    }
out:
    return st;
}

/* ---- all ---- */

static mad_status create(mad_ctx *ctx, const mad_feature_type *type,
                         const mad_features_asked *asked, mad_arena *mem, mad_feature **out)
{
    mad_status st = MAD_OK;
    const char *colon = strchr(asked->text, ':'), *text = asked->text;
    mad_feature *feature = NULL;
    mad_feature_args args = {
        .text = asked->text, .argument = colon != NULL ? colon + 1 : "", .world = asked->world};
    if (type->reads_file) {
        MAD_TRY(open_file(ctx, type, asked, mem, &args, &text));
    }
    MAD_TRY(type->create(ctx, &args, mem, &feature));
    feature->type = type;
    feature->dim_in = asked->world->dim;
    feature->text = text;
    feature->hash = args.file != NULL ? args.file->hash : 0;
    *out = feature;
out:
    return st;
}

mad_status mad_features_create(mad_ctx *ctx, const mad_registry *registry,
                               const mad_features_asked *asked, mad_arena *mem, mad_feature **out)
{
    const char *text = asked->text;
    const size_t n_name = strcspn(text, ":");
    *out = NULL;
    if (strcmp(text, "raw") == 0 || strcmp(text, "pixels") == 0) {
        return MAD_OK;
    }
    if (asked->world->kind != MAD_WORLD_CONTINUOUS) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED, "features '%s' are of plain rows only", text);
    }
    for (size_t i = 0; registry->features != NULL && registry->features[i] != NULL; i++) {
        const mad_feature_type *type = registry->features[i];
        if (strlen(type->name) == n_name && strncmp(type->name, text, n_name) == 0) {
            return create(ctx, type, asked, mem, out);
        }
    }
    return fail_unknown(ctx, registry, text);
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
