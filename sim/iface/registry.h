/* sim/iface/registry.h: the lists of everything that can be named in a configuration. */
#ifndef MAD_IFACE_REGISTRY_H
#define MAD_IFACE_REGISTRY_H

#include "sim/iface/feature.h"
#include "sim/iface/setting.h"
#include "sim/iface/theory.h"

/* Every list ends with NULL. The program's own is mad_builtin() in sim/cli/builtin.c; tests pass
 * others (sabotaged twins). */
typedef struct mad_registry {
    const mad_world_type *const *worlds;
    const mad_model_type *const *models;
    const mad_loop_type *const *loops; /* keyed by loop.family */
    const mad_bias_type *const *biases;
    const mad_select_type *const *selects;
    const mad_correct_type *const *corrects;
    const mad_post_type *const *posts;
    const mad_channel_type *const *channels;
    const mad_metric_type *const *metrics;
    const mad_theory_type *const *theories;
    const mad_feature_type *const *features; /* NULL: rows are compared as they are */
} mad_registry;

#endif
