/* models/diffusion/net/settings.c: keys of the trained model, and what they say. */
#include "models/diffusion/net/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/diffusion/sampling_keys.h"

enum { AUTO, GIVEN }; /* of the forms "auto|#" and "none|#" */

/* Words of a choice stand in the order of the enums they are cast to. */
const mad_param mad_diffusion_params[] = {
    MAD_CHOICE("parameterization", "edm", "edm|eps|x0|v|score|flow",
               "what the network learns: EDM's unit-variance target, the noise (DDPM), the clean "
               "row, v = alpha eps - s x0, sigma times the score (VE), eps - x0 (flow matching)"),
    MAD_CHOICE("noise.kind", "auto", "auto|" MAD_NOISE_LAWS,
               "law of the noise levels in training; auto: lognormal (edm), schedule (eps, x0, v), "
               "loguniform (score), flow (flow)"),
    MAD_FORM("noise.mean", "auto", -50, 50, "auto|#",
             "lognormal: mean of ln(sigma / sigma_data), auto -0.507, which is EDM's -1.2 at "
             "sigma_data 0.5; logit_normal: mean of logit(t) = ln(sigma), auto 0"),
    MAD_FORM("noise.sd", "auto", 1e-6, 10, "auto|#",
             "its standard deviation; auto: 1.2, logit_normal 1"),
    MAD_FORM("noise.min", "auto", 0, 1e6, "auto|#",
             "lowest time (vp, auto 1e-5; flow, 0; ou, ou_geometric, 1e-3) or sigma (loguniform, "
             "0.02)"),
    MAD_FORM("noise.max", "auto", 0, 1e6, "auto|#",
             "highest time (vp, flow, auto 1; ou, ou_geometric, schedule.horizon) or sigma "
             "(loguniform, 100)"),
    MAD_CHOICE("loss", "simple", "simple|edm|vlb|likelihood",
               "weight of a noise level: 1 on the network's target; EDM's on x0; the variational "
               "bound's on the noise; g^2 on the score"),
    MAD_CHOICE("sigma_data", "fixed", "fixed|auto",
               "sd of the data that EDM's coefficients assume: that of generation 1's real rows, "
               "or of each training set anew, a feedback of its own"),
    MAD_CHOICE("labels", "empirical", "empirical|balanced",
               "classes of samples: by the training set's frequencies, which drift over "
               "generations, or uniform"),
    MAD_CHOICE("net.kind", "mlp", "mlp|unet",
               "multilayer perceptron, or a U-Net where rows are pictures"),
    MAD_INT("net.width", "128", 8, 2048, "mlp: units of a hidden layer"),
    MAD_INT("net.depth", "3", 1, 16, "mlp: hidden layers"),
    MAD_INT("net.embedding", "32", 2, 256, "sines and cosines of the noise level; even"),
    MAD_CHOICE("net.embed", "sinusoidal", "sinusoidal|fourier",
               "their frequencies: geometric from 1 to 32, or drawn from N(0, 16^2)"),
    MAD_INT("net.base", "32", 1, 1024, "unet: channels of the first level, before net.mult"),
    {.name = "net.mult",
     .kind = MAD_PARAM_REALS,
     .fallback = "[1,2,2]",
     .min = 1,
     .max = 64,
     .doc = "unet: channels of each level over net.base; every level halves the picture"},
    MAD_INT("net.blocks", "1", 1, 8, "unet: residual blocks of a level, down and up"),
    {.name = "net.attention",
     .kind = MAD_PARAM_WORDS,
     .fallback = "lowest",
     .doc = "unet: levels with self-attention, from 0 = the first; 'lowest'; [] = none"},
    MAD_INT("net.groups", "8", 2, 256, "unet: groups of GroupNorm; even, divides every level"),
    MAD_INT("net.hidden", "128", 8, 2048, "unet: width of the embedding of noise and class"),
    MAD_INT("net.patch", "1", 1, 2, "unet: 2 = work on blocks of 2 x 2 pixels"),
    MAD_OPTIMISER_PARAMS("512 (mlp), 128 (unet)", "5e-3 (mlp), 2e-3 (unet)"),
    MAD_REAL("train.label_dropout", "0.1", 0, 0.999,
             "worlds with classes: share of rows that train the denoiser without class, which "
             "guidance needs"),
    MAD_REAL("guide.worse", "0.25", 0.001, 0.999,
             "autoguidance: the worse model is the average after this share of the steps"),
    MAD_INT("guide.tune_steps", "500", 1, 1e7,
            "negative guidance: steps that tune a copy on the model's own samples"),
    MAD_FORM("guide.own", "auto", 1, 1e9, "auto|#N",
             "negative guidance: how many own samples; auto = as many as training rows"),
    MAD_SAMPLING_PARAMS,
    {.name = NULL},
};

static double number_or(const mad_values *values, const char *key, double otherwise)
{
    const mad_value *value = mad_get(values, key);
    return value->choice == GIVEN ? value->number : otherwise;
}

mad_status mad_fit_settings_read(mad_ctx *ctx, const mad_values *values,
                                 const mad_world_info *world, mad_fit_settings *out)
{
    mad_status st = MAD_OK;
    const int is_unet = mad_get_choice(values, "net.kind") == MAD_NET_UNET;
    mad_fit_settings s = {
        .label_dropout = world->n_classes > 0 ? mad_get_real(values, "train.label_dropout") : 0.0,
        .balanced = mad_get_choice(values, "labels") == 1,
        .sigma_data_auto = mad_get_choice(values, "sigma_data") == 1,
        .worse = mad_get_real(values, "guide.worse"),
        .n_tune_steps = mad_get_size(values, "guide.tune_steps"),
        .n_own = (size_t)number_or(values, "guide.own", 0.0),
    };
    MAD_TRY(
        mad_optimiser_read(ctx, values, is_unet ? 128 : 512, is_unet ? 2e-3 : 5e-3, &s.optimiser));
    *out = s;
out:
    return st;
}

/* ---- what is learnt, at which noise levels ---- */

static mad_noise_law_kind chosen_law(const mad_values *values)
{
    const size_t choice = mad_get_choice(values, "noise.kind");
    return choice > 0 ? (mad_noise_law_kind)(choice - 1)
                      : mad_noise_law_default(
                            (mad_parameterization)mad_get_choice(values, "parameterization"));
}

static int is_ou(mad_noise_law_kind law)
{
    return law == MAD_NOISE_OU || law == MAD_NOISE_OU_GEOMETRIC;
}

int mad_objective_has_horizon(const mad_values *values)
{
    return is_ou(chosen_law(values)) && mad_get(values, "noise.max")->choice != GIVEN;
}

mad_status mad_objective_read(mad_ctx *ctx, const mad_values *values, mad_objective *out)
{
    mad_status st = MAD_OK;
    const mad_noise_law_kind law = chosen_law(values);
    const int is_normal = mad_noise_law_is_normal(law);
    const int has_ends = !is_normal && law != MAD_NOISE_SCHEDULE;
    static const char normal[] = "noise.kind: lognormal or logit_normal";
    static const char ended[] = "noise.kind: vp, flow, ou, ou_geometric or loguniform";
    const mad_key_use use[] = {
        {"noise.mean", is_normal, normal},
        {"noise.sd", is_normal, normal},
        {"noise.min", has_ends, ended},
        {"noise.max", has_ends, ended},
    };
    mad_objective o = {
        .precondition = {.kind = (mad_parameterization)mad_get_choice(values, "parameterization")},
        .law = mad_noise_law_published(law),
        .weight = (mad_loss_weight)mad_get_choice(values, "loss")};

    MAD_TRY(mad_refuse_unused(ctx, "model", values, sizeof use / sizeof *use, use));
    if (is_ou(law)) {
        o.law.high = mad_get_real(values, "schedule.horizon");
    }
    o.law.mean = number_or(values, "noise.mean", o.law.mean);
    o.law.sd = number_or(values, "noise.sd", o.law.sd);
    o.law.low = number_or(values, "noise.min", o.law.low);
    o.law.high = number_or(values, "noise.max", o.law.high);
    MAD_TRY(mad_noise_law_check(ctx, &o.law, o.weight));
    *out = o;
out:
    return st;
}

/* ---- the network ---- */

/* Keys of the other kind would do nothing. */
static mad_status check_net_keys(mad_ctx *ctx, const mad_values *values)
{
    const int is_unet = mad_get_choice(values, "net.kind") == MAD_NET_UNET, is_mlp = !is_unet;
    static const char mlp[] = "net.kind: mlp", unet[] = "net.kind: unet";
    const mad_key_use use[] = {
        {"net.width", is_mlp, mlp},    {"net.depth", is_mlp, mlp},
        {"net.base", is_unet, unet},   {"net.mult", is_unet, unet},
        {"net.blocks", is_unet, unet}, {"net.attention", is_unet, unet},
        {"net.groups", is_unet, unet}, {"net.hidden", is_unet, unet},
        {"net.patch", is_unet, unet},
    };
    return mad_refuse_unused(ctx, "model", values, sizeof use / sizeof *use, use);
}

static mad_status read_mult(mad_ctx *ctx, const mad_values *values, mad_unet_options *out)
{
    const mad_value *mult = mad_get(values, "net.mult");
    if (mult->n_list == 0 || mult->n_list > MAD_UNET_MAX_LEVELS) {
        return mad_fail(ctx, MAD_E_CONFIG, "model.net.mult lists %zu levels, must be 1 to %d",
                        mult->n_list, MAD_UNET_MAX_LEVELS);
    }
    out->n_levels = mult->n_list;
    for (size_t i = 0; i < mult->n_list; i++) {
        if (mult->reals[i] != floor(mult->reals[i])) {
            return mad_fail(ctx, MAD_E_CONFIG, "model.net.mult must be whole numbers, got %g",
                            mult->reals[i]);
        }
        out->mult[i] = (size_t)mult->reals[i];
    }
    return MAD_OK;
}

static mad_status read_attention(mad_ctx *ctx, const mad_values *values, mad_unet_options *out)
{
    const mad_value *levels = mad_get(values, "net.attention");
    for (size_t i = 0; i < levels->n_list; i++) {
        char *end = NULL;
        const char *word = levels->words[i];
        size_t level = out->n_levels - 1;
        if (strcmp(word, "lowest") != 0) {
            level = (size_t)strtoul(word, &end, 10);
            if (end == word || *end != '\0' || level >= out->n_levels) {
                return mad_fail(
                    ctx, MAD_E_CONFIG,
                    "model.net.attention: expected 'lowest' or a level from 0 to %zu, got "
                    "'%s'",
                    out->n_levels - 1, word);
            }
        }
        out->attention[level] = 1;
    }
    return MAD_OK;
}

static mad_status read_unet(mad_ctx *ctx, const mad_values *values, const mad_world_info *world,
                            mad_unet_options *out)
{
    mad_status st = MAD_OK;
    mad_unet_options o = {.height = world->height,
                          .width = world->width,
                          .channels = world->channels,
                          .n_classes = world->n_classes,
                          .patch = mad_get_size(values, "net.patch"),
                          .base = mad_get_size(values, "net.base"),
                          .n_blocks = mad_get_size(values, "net.blocks"),
                          .groups = mad_get_size(values, "net.groups"),
                          .n_embed = mad_get_size(values, "net.embedding"),
                          .n_hidden = mad_get_size(values, "net.hidden"),
                          .embedding = (mad_embedding)mad_get_choice(values, "net.embed")};
    if (world->height == 0) {
        st = mad_fail(
            ctx, MAD_E_CONFIG,
            "model.net.kind: unet needs pictures, and the rows of this world are vectors of "
            "%zu numbers: use model.net.kind: mlp",
            world->dim);
        goto out;
    }
    MAD_TRY(read_mult(ctx, values, &o));
    MAD_TRY(read_attention(ctx, values, &o));
    *out = o;
out:
    return st;
}

mad_status mad_net_read(mad_ctx *ctx, const mad_values *values, const mad_world_info *world,
                        mad_arena *mem, mad_net **out)
{
    mad_status st = MAD_OK;
    const mad_kernels *kernels = NULL;
    MAD_TRY(mad_kernels_choose(ctx, &kernels));
    MAD_TRY(check_net_keys(ctx, values));
    if (mad_get_choice(values, "net.kind") == MAD_NET_UNET) {
        mad_unet_options options = {0};
        MAD_TRY(read_unet(ctx, values, world, &options));
        MAD_TRY(mad_unet_create(ctx, kernels, &options, mem, out));
    } else {
        const mad_mlp_options options = {.dim = world->dim,
                                         .n_classes = world->n_classes,
                                         .width = mad_get_size(values, "net.width"),
                                         .depth = mad_get_size(values, "net.depth"),
                                         .n_embed = mad_get_size(values, "net.embedding"),
                                         .embedding =
                                             (mad_embedding)mad_get_choice(values, "net.embed")};
        MAD_TRY(mad_mlp_create(ctx, kernels, &options, mem, out));
    }
out:
    return st;
}
