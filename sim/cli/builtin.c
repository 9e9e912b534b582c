/* sim/cli/builtin.c: the list as tables. */
#include "sim/cli/builtin.h"

#include <stddef.h>

#include "sim/cli/lists.h"

#define ADDRESS(name) &(name),

static const mad_world_type *const worlds[] = {MAD_WORLD_LIST(ADDRESS) NULL};
static const mad_model_type *const models[] = {MAD_MODEL_LIST(ADDRESS) NULL};
static const mad_loop_type *const loops[] = {MAD_LOOP_LIST(ADDRESS) NULL};
static const mad_bias_type *const biases[] = {MAD_BIAS_LIST(ADDRESS) NULL};
static const mad_select_type *const selects[] = {MAD_SELECT_LIST(ADDRESS) NULL};
static const mad_correct_type *const corrects[] = {MAD_CORRECT_LIST(ADDRESS) NULL};
static const mad_post_type *const posts[] = {MAD_POST_LIST(ADDRESS) NULL};
static const mad_channel_type *const channels[] = {MAD_CHANNEL_LIST(ADDRESS) NULL};
static const mad_metric_type *const metrics[] = {MAD_METRIC_LIST(ADDRESS) NULL};
static const mad_theory_type *const theories[] = {MAD_THEORY_LIST(ADDRESS) NULL};
static const mad_feature_type *const features[] = {MAD_FEATURE_LIST(ADDRESS) NULL};

const mad_registry mad_builtin = {.worlds = worlds,
                                  .models = models,
                                  .loops = loops,
                                  .biases = biases,
                                  .selects = selects,
                                  .corrects = corrects,
                                  .posts = posts,
                                  .channels = channels,
                                  .metrics = metrics,
                                  .theories = theories,
                                  .features = features};
const mad_command *const mad_builtin_commands[] = {MAD_COMMAND_LIST(ADDRESS) NULL};
