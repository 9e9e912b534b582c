/* sim/engine/features.h: the space in which measures compare rows, by its text. */
#ifndef MAD_ENGINE_FEATURES_H
#define MAD_ENGINE_FEATURES_H

#include "sim/iface/registry.h"

/* What was asked for, and what the rows are. */
typedef struct mad_features_asked {
    const char *text; /* "pca:64"; must outlive the space */
    const char
        *directory; /* where files are looked for besides mad_data_find's places; NULL: none */
    const mad_world_info *world;
} mad_features_asked;

/**
 * "raw" or "pixels": *out = NULL, rows are compared as they are. "pca:64": a space to be fitted.
 * "net:FILE", "net:FILE#HASH": one that was trained; HASH, 8 to 16 hex digits, is the beginning of
 * that of the file. Its text always carries the first 8.
 *
 * errors  MAD_E_CONFIG: unknown name (the nearest is named), bad argument or another hash; those of
 *         mad_feature_read and of the type's create; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_features_create(mad_ctx *ctx, const mad_registry *registry,
                                              const mad_features_asked *asked, mad_arena *mem,
                                              mad_feature **out);

/** The text of a space read from `path`, "net:PATH#1a2b3c4d", in mem; NULL when memory is short. */
const char *mad_features_text(mad_arena *mem, const char *type, const char *path, uint64_t hash);

/** Fit on the real rows, once; nothing for NULL. */
MAD_MUST_CHECK mad_status mad_features_fit(mad_ctx *ctx, mad_feature *feature, const mad_set *real);

/** The rows in the space, labels and weights kept; for NULL a view of the rows themselves. */
MAD_MUST_CHECK mad_status mad_features_map(mad_ctx *ctx, const mad_feature *feature,
                                           const mad_set *rows, mad_arena *mem, mad_set *out);

/** What is known of a world in the space: its columns and classes; for NULL all. */
mad_world_info mad_features_world(const mad_feature *feature, const mad_world_info *world);

/** 1: a measure that compares rows wherever they are mapped to; 0: it asks the world about the rows
 *  as they are. */
int mad_features_apply(const mad_metric_type *type);

#endif
