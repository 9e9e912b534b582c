/* loops/post/own.c: what both ways of leading a model away from its own samples share. */
#include "loops/post/own.h"

#include <string.h>

const mad_param mad_post_params[] = {
    {.name = "w",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = -1,
     .max = 100,
     .doc = "strength: (1 + w) times the model less w times its copy tuned on own rows; 0 = none"},
    {.name = "n",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1000",
     .min = 2,
     .max = 1e8,
     .unit = "rows",
     .doc = "own rows the copy is tuned on, drawn as the loop draws them, with its bias"},
    {.name = "steps",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "100",
     .min = 1,
     .max = 1e9,
     .doc = "optimiser steps of the tuning; models in closed form are fitted anew instead"},
    {.name = NULL},
};

mad_extrapolation mad_post_extrapolation(const mad_values *values, mad_extrapolation_kind kind)
{
    return (mad_extrapolation){.kind = kind,
                               .w = mad_get(values, "w")->schedule,
                               .n_rows = mad_get(values, "n")->schedule,
                               .n_steps = mad_get(values, "steps")->schedule};
}

const mad_value *mad_post_model_key(const mad_setting *setting, const char *name)
{
    const mad_values *values = setting->model_values;
    for (size_t i = 0; i < values->n_values; i++) {
        if (strcmp(values->value[i].param->name, name) == 0) {
            return &values->value[i];
        }
    }
    return NULL;
}

mad_status mad_post_check_steps(mad_ctx *ctx, const mad_setting *setting)
{
    const mad_key_use use = {"steps", (setting->model->flags & MAD_MODEL_STEPS) != 0,
                             "a model that takes steps (model.kind: diffusion)"};
    return mad_refuse_unused(ctx, "post", setting->post_values, 1, &use);
}
