/* sim/iface/registry.h: the lists of everything that can be named in a configuration. */
#ifndef MAD_IFACE_REGISTRY_H
#define MAD_IFACE_REGISTRY_H

#include "sim/iface/bias.h"
#include "sim/iface/feature.h"
#include "sim/iface/loop.h"
#include "sim/iface/metric.h"
#include "sim/iface/model.h"
#include "sim/iface/theory.h"
#include "sim/iface/world.h"

/* Every list ends with NULL. The program's own is mad_builtin() in sim/cli/builtin.c; tests pass
 * others (sabotaged twins). */
typedef struct mad_registry {
    const mad_world_type *const *worlds;
    const mad_model_type *const *models;
    const mad_loop_type *const *loops; /* keyed by loop.family */
    const mad_bias_type *const *biases;
    const mad_metric_type *const *metrics;
    const mad_theory_type *const *theories;
    const mad_feature_type *const *features; /* NULL: rows are compared as they are */
} mad_registry;

#endif
