/* loops/families.c: the named loop families: presets of `real` over the one operator. */
#include "loops/operator.h"
#include "sim/iface/loop.h"

extern const mad_loop_type mad_loop_custom, mad_loop_fully_synthetic,
    mad_loop_synthetic_augmentation, mad_loop_fresh;

static mad_status create_custom(mad_ctx *ctx, const mad_values *values, size_t n_generations,
                                mad_arena *mem, mad_loop **out)
{
    return mad_operator_create(ctx, &mad_loop_custom, MAD_OPERATOR_FRESH, 1, values, n_generations,
                               mem, out);
}

static mad_status create_fully_synthetic(mad_ctx *ctx, const mad_values *values,
                                         size_t n_generations, mad_arena *mem, mad_loop **out)
{
    return mad_operator_create(ctx, &mad_loop_fully_synthetic, MAD_OPERATOR_NONE, 0, values,
                               n_generations, mem, out);
}

static mad_status create_synthetic_augmentation(mad_ctx *ctx, const mad_values *values,
                                                size_t n_generations, mad_arena *mem,
                                                mad_loop **out)
{
    return mad_operator_create(ctx, &mad_loop_synthetic_augmentation, MAD_OPERATOR_FIXED, 0, values,
                               n_generations, mem, out);
}

static mad_status create_fresh(mad_ctx *ctx, const mad_values *values, size_t n_generations,
                               mad_arena *mem, mad_loop **out)
{
    return mad_operator_create(ctx, &mad_loop_fresh, MAD_OPERATOR_FRESH, 0, values, n_generations,
                               mem, out);
}

const mad_loop_type mad_loop_custom = {
    .name = "custom",
    .doc = "any combination of the knobs; real: auto means fresh",
    .ref = "this project's data operator, loops/operator.h",
    .params = mad_operator_params,
    .create = create_custom,
    .plan = mad_operator_plan,
    .n_synthetic = mad_operator_n_synthetic,
    .sources = mad_operator_sources,
    .n_models_kept = mad_operator_n_models_kept,
};

const mad_loop_type mad_loop_fully_synthetic = {
    .name = "fully_synthetic",
    .doc = "from generation 2 on only rows of earlier models",
    .ref = "Alemohammad et al. 2024 (arXiv:2307.01850), section 3",
    .params = mad_operator_params,
    .create = create_fully_synthetic,
    .plan = mad_operator_plan,
    .n_synthetic = mad_operator_n_synthetic,
    .sources = mad_operator_sources,
    .n_models_kept = mad_operator_n_models_kept,
};

const mad_loop_type mad_loop_synthetic_augmentation = {
    .name = "synthetic_augmentation",
    .doc = "the same fixed real rows every generation, and synthetic rows beside them",
    .ref = "Alemohammad et al. 2024 (arXiv:2307.01850), section 4; Bertrand et al. 2024 "
           "(arXiv:2310.00429)",
    .params = mad_operator_params,
    .create = create_synthetic_augmentation,
    .plan = mad_operator_plan,
    .n_synthetic = mad_operator_n_synthetic,
    .sources = mad_operator_sources,
    .n_models_kept = mad_operator_n_models_kept,
};

const mad_loop_type mad_loop_fresh = {
    .name = "fresh",
    .doc = "new real rows every generation, and synthetic rows beside them",
    .ref = "Alemohammad et al. 2024 (arXiv:2307.01850), section 5",
    .params = mad_operator_params,
    .create = create_fresh,
    .plan = mad_operator_plan,
    .n_synthetic = mad_operator_n_synthetic,
    .sources = mad_operator_sources,
    .n_models_kept = mad_operator_n_models_kept,
};
