/* loops/bias/none.c: synthetic rows are reused as the model drew them. */
#include "sim/iface/bias.h"

static const mad_param params[] = {{.name = NULL}};

static int is_identity(const mad_values *values)
{
    (void)values;
    return 1;
}

static mad_status apply(mad_ctx *ctx, const mad_values *values, const mad_moments *law,
                        mad_set *rows)
{
    (void)ctx;
    (void)values;
    (void)law;
    (void)rows;
    return MAD_OK;
}

const mad_bias_type mad_bias_none = {
    .name = "none",
    .doc = "no sampling bias",
    .ref = "Alemohammad et al. 2023, arXiv:2307.01850: lambda = 1",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_CATEGORICAL | 1u << MAD_WORLD_REGRESSION,
    .is_identity = is_identity,
    .apply = apply,
};
