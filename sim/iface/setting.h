/* sim/iface/setting.h: one experiment, resolved and created: what engine and theory look at. */
#ifndef MAD_IFACE_SETTING_H
#define MAD_IFACE_SETTING_H

#include "sim/iface/bias.h"
#include "sim/iface/channel.h"
#include "sim/iface/correct.h"
#include "sim/iface/loop.h"
#include "sim/iface/metric.h"
#include "sim/iface/model.h"
#include "sim/iface/post.h"
#include "sim/iface/select.h"
#include "sim/iface/world.h"

typedef struct mad_setting {
    const char *name;
    uint64_t seed;
    size_t n_replicates, n_generations; /* n_models loops count as so many replicates each */
    size_t n_models;                    /* that interact; 1 = none */
    mad_schedule
        own_share;   /* probability that a synthetic row comes from the loop's own model, by the
                               generation that trains on it; the rest is spread over the others */
    int crosses;     /* 1: own_share is below 1 in some generation */
    int shares_real; /* 1: the n_models draw the same real training rows */
    const mad_world *world;
    const mad_values *world_values;
    const mad_model_type *model;
    const mad_values *model_values;
    const mad_loop *loop;
    const mad_values *loop_values;
    const mad_bias_type *bias;
    const mad_values *bias_values;
    const mad_select_type *select;
    const mad_values *select_values;
    const mad_table *rewards; /* the file that its reward.file names; NULL: none */
    const mad_correct_type *correct;
    const mad_values *correct_values;
    const mad_post_type *post;
    const mad_values *post_values;
    const mad_channel_type *channel;
    const mad_values *channel_values;
    const mad_values *measure_values;
} mad_setting;

#endif
