/* models/diffusion/exact/exact.c: exact denoisers as a model family: keys, memory, state. */
#include "models/diffusion/exact/exact.h"

#include "models/diffusion/exact/sample.h"
#include "models/diffusion/sampling_keys.h"

extern const mad_model_type mad_model_exact;

static const mad_param params[] = {
    MAD_CHOICE(
        "law", "auto", "auto|gauss|mixture|empirical|categorical",
        "what the denoiser is exact for: moments of each class, a mixture, the training rows "
        "themselves, or embedded categories; auto = gauss, or categorical where the world is"),
    MAD_CHOICE("labels", "empirical", "empirical|balanced",
               "classes of samples: by the training set's frequencies, or uniform over the classes "
               "that it has"),
    MAD_CHOICE("covariance", "full", "full|diagonal|spherical",
               "gauss, and mixture with modes: world: what of a covariance is kept"),
    MAD_CHOICE("ddof", "unbiased", "unbiased|ml",
               "gauss, and mixture with modes: world: covariances divide by n - 1 or by n"),
    MAD_CHOICE(
        "modes", "em", "em|world",
        "mixture: fitted by expectation-maximisation, or rows go to the world's nearest mode"),
    MAD_INT("components", "8", 1, 1000, "mixture by em: number of components"),
    MAD_INT("iterations", "200", 1, 100000, "mixture by em: at most so many steps per restart"),
    MAD_REAL("tolerance", "1e-6", 0, 1, "mixture by em: nats per row a step must gain"),
    MAD_INT("restarts", "1", 1, 1000, "mixture by em: k-means++ starts; the best is kept"),
    MAD_REAL("ridge", "1e-6", 1e-30, 1,
             "mixture by em: share of the mean variance added to a singular component"),
    MAD_REAL("width", "0", 0, 1e6,
             "empirical: sd of a normal kernel on every row, in units of the first set's sd; 0 = "
             "the memorising optimum"),
    MAD_INT("embedding", "16", 1, 4096, "categorical: dimensions of the random unit vectors"),
    MAD_REAL("guide.worse", "0.5", 1e-6, 1,
             "autoguidance: share of the training rows that the worse model is fitted to"),
    MAD_SAMPLING_PARAMS,
    {.name = NULL},
};

/* ---- create ---- */

static mad_status choose_law(mad_ctx *ctx, const mad_model_args *args, mad_exact *self)
{
    const int is_categorical = args->world->kind == MAD_WORLD_CATEGORICAL;
    const size_t choice = mad_get_choice(args->values, "law");
    self->kind = choice > 0       ? (mad_exact_kind)(choice - 1)
                 : is_categorical ? MAD_EXACT_CATEGORICAL
                                  : MAD_EXACT_GAUSS;
    if (is_categorical != (self->kind == MAD_EXACT_CATEGORICAL)) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED, "model.law: %s does not fit a world of %s",
                        mad_get_text(args->values, "law"),
                        is_categorical ? "categories: use categorical" : "plain rows");
    }
    return MAD_OK;
}

/* Keys of one law set with another would do nothing: refused. */
static mad_status check_unused(mad_ctx *ctx, const mad_values *values, const mad_exact *self)
{
    const int is_mixture = self->kind == MAD_EXACT_MIXTURE;
    const int by_modes = is_mixture && mad_get_choice(values, "modes") == 1;
    const int by_em = is_mixture && !by_modes;
    const int has_moments = self->kind == MAD_EXACT_GAUSS || by_modes;
    static const char moments[] = "law: gauss, or law: mixture with modes: world";
    static const char em[] = "law: mixture with modes: em";
    const mad_key_use use[] = {
        {"covariance", has_moments, moments},
        {"ddof", has_moments, moments},
        {"modes", is_mixture, "law: mixture"},
        {"components", by_em, em},
        {"iterations", by_em, em},
        {"tolerance", by_em, em},
        {"restarts", by_em, em},
        {"ridge", by_em, em},
        {"width", self->kind == MAD_EXACT_EMPIRICAL, "law: empirical"},
        {"embedding", self->kind == MAD_EXACT_CATEGORICAL, "law: categorical"},
        {"guide.worse", mad_sampling_needs(self->sampling).worse,
         "guide.kind: auto or bias.kind: autoguidance"},
    };
    return mad_refuse_unused(ctx, "model", values, sizeof use / sizeof *use, use);
}

/* Shape and size of the law, and whose modes it has. */
static mad_status plan_law(mad_ctx *ctx, const mad_model_args *args, mad_exact *self,
                           mad_shape *shape, size_t *n_max)
{
    const mad_values *values = args->values;
    const mad_world_info *world = args->world;
    *shape = (mad_shape)mad_get_choice(values, "covariance");
    switch (self->kind) {
    case MAD_EXACT_GAUSS:
        *n_max = world->n_classes > 0 ? world->n_classes : 1;
        break;
    case MAD_EXACT_MIXTURE:
        if (mad_get_choice(values, "modes") == 0) {
            *n_max = mad_get_size(values, "components");
            break;
        }
        if (world->n_modes == 0) {
            return mad_fail(ctx, MAD_E_UNSUPPORTED,
                            "model.modes: world needs a world that knows its modes");
        }
        self->mode_centre = world->mode_centre;
        *n_max = world->n_modes;
        break;
    case MAD_EXACT_EMPIRICAL:
        *shape = MAD_SHAPE_SPHERICAL;
        *n_max = args->max_train_rows;
        if (self->is_extrapolated) {
            const size_t n_own =
                mad_schedule_most(&args->extrapolation.n_rows, args->n_generations);
            *n_max = n_own > *n_max ? n_own : *n_max;
        }
        break;
    case MAD_EXACT_CATEGORICAL:
        *shape = MAD_SHAPE_SPHERICAL;
        *n_max = world->n_categories;
        break;
    }
    return MAD_OK;
}

static mad_status take_laws(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem,
                            mad_exact *self)
{
    mad_status st = MAD_OK;
    const mad_guide_needs needs = mad_sampling_needs(self->sampling);
    const size_t n_classes = args->world->n_classes;
    mad_shape shape = MAD_SHAPE_FULL;
    size_t n_max = 0;

    MAD_TRY(plan_law(ctx, args, self, &shape, &n_max));
    MAD_TRY(mad_law_take(ctx, shape, n_max, self->dim, n_classes, mem, &self->law));
    if (needs.worse || needs.own) {
        MAD_TRY(mad_law_take(ctx, shape, n_max, self->dim, n_classes, mem, &self->auxiliary));
    }
    MAD_TRY(mad_standard_take(ctx, self->dim, n_classes, mem, &self->standard));
    self->standard.one_centre = args->world->height > 0;
    self->generation = mad_arena_take(mem, 1, sizeof *self->generation);
    self->auxiliary_variance = mad_arena_take(mem, 1, sizeof *self->auxiliary_variance);
    if (self->generation == NULL || self->auxiliary_variance == NULL) {
        st = mad_fail_memory(ctx, "the exact model");
    }
out:
    return st;
}

static mad_status create(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem, mad_model **out)
{
    mad_status st = MAD_OK;
    const mad_values *values = args->values;
    const mad_sampling_args sampling = {.values = values,
                                        .world = args->world,
                                        .n_generations = args->n_generations,
                                        .extrapolation = &args->extrapolation,
                                        .without_density = args->without_density,
                                        .tilt = args->tilt};
    mad_exact *self = mad_arena_take(mem, 1, sizeof *self);

    if (self == NULL) {
        return mad_fail_memory(ctx, "the exact model");
    }
    self->base.type = &mad_model_exact;
    self->is_extrapolated = args->extrapolation.kind != MAD_EXTRAPOLATE_NONE;
    MAD_TRY(choose_law(ctx, args, self));
    self->dim =
        self->kind == MAD_EXACT_CATEGORICAL ? mad_get_size(values, "embedding") : args->world->dim;
    self->ddof = mad_get_choice(values, "ddof") == 0;
    self->balanced = mad_get_choice(values, "labels") == 1;
    self->width = mad_get_real(values, "width");
    self->em = (mad_em_options){.n_iterations = mad_get_size(values, "iterations"),
                                .n_restarts = mad_get_size(values, "restarts"),
                                .tolerance = mad_get_real(values, "tolerance"),
                                .ridge = mad_get_real(values, "ridge")};
    self->worse = mad_get_real(values, "guide.worse");
    MAD_TRY(mad_sampling_create(ctx, &sampling, mem, &self->sampling));
    MAD_TRY(check_unused(ctx, values, self));
    if (self->kind == MAD_EXACT_CATEGORICAL) {
        self->n_categories = args->world->n_categories;
        MAD_TRY(mad_exact_embed(ctx, self->n_categories, self->dim, mem, &self->embedding));
    }
    MAD_TRY(take_laws(ctx, args, mem, self));
    *out = &self->base;
out:
    return st;
}

/* ---- the model ---- */

static void fields(mad_model *model, mad_fields *out)
{
    mad_exact *self = (mad_exact *)model;
    *out =
        (mad_fields){.n_fields = 1, .field = {{"generation", MAD_FIELD_I64, 1, self->generation}}};
    mad_standard_fields(&self->standard, out);
    mad_law_fields(&self->law, 0, out);
    if (self->auxiliary.n_max > 0) {
        mad_law_fields(&self->auxiliary, 1, out);
        out->field[out->n_fields++] =
            (mad_field){"auxiliary_variance", MAD_FIELD_F64, 1, self->auxiliary_variance};
    }
}

static mad_status loaded(mad_ctx *ctx, mad_model *model)
{
    mad_status st = MAD_OK;
    mad_exact *self = (mad_exact *)model;
    MAD_TRY(mad_standard_check(ctx, &self->standard));
    MAD_TRY(mad_law_derive(ctx, &self->law));
    if (self->auxiliary.n_max > 0) {
        MAD_TRY(mad_law_derive(ctx, &self->auxiliary));
    }
out:
    return st;
}

static void cost(const mad_model *model, mad_fit_size fit, mad_model_cost *out)
{
    const mad_exact *self = (const mad_exact *)model;
    const mad_law *law = &self->law;
    const double n = (double)(self->kind == MAD_EXACT_EMPIRICAL ? fit.n_train : law->n_max);
    const double dim = (double)law->dim, turns = law->shape == MAD_SHAPE_FULL ? 4.0 * dim : 0.0;
    *out = (mad_model_cost){
        .row_evaluations = mad_sampling_evaluations(self->sampling, fit.generation),
        .tilted_evaluations = mad_sampling_tilted_evaluations(self->sampling, fit.generation)};
    out->row_flops = out->row_evaluations * n * dim * (6.0 + turns);
}

static int knows_moments(const mad_values *values, mad_extrapolation_kind kind)
{
    const size_t law = mad_get_choice(values, "law");
    return (law == 0 || law == 1) && mad_sampling_is_linear(values) && kind == MAD_EXTRAPOLATE_NONE;
}

static void class_p(const mad_model *model, double *p)
{
    const mad_exact *self = (const mad_exact *)model;
    mad_standard_class_p(&self->standard, self->balanced, p);
}

static const mad_report reports[] = {MAD_SAMPLING_REPORTS, {.name = NULL}};

const mad_model_type mad_model_exact = {
    .name = "exact",
    .doc = "diffusion model whose denoiser is the exact formula for a law of the training rows",
    .ref = "Karras et al. 2022 (arXiv:2206.00364), Eq. 3 and appendix B.3",
    .params = params,
    .flags = MAD_MODEL_LABELS | MAD_MODEL_GIVEN,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_CATEGORICAL,
    .create = create,
    .fit = mad_exact_fit,
    .sample = mad_exact_sample,
    .tilts = MAD_SAMPLING_TILTS,
    .sample_tilted = mad_exact_sample_tilted,
    .extrapolations = 1u << MAD_EXTRAPOLATE_SCORES,
    .extrapolate = mad_exact_extrapolate,
    .fields = fields,
    .loaded = loaded,
    .moments = mad_exact_moments,
    .knows_moments = knows_moments,
    .has_parents = mad_exact_has_parents,
    .class_p = class_p,
    .reports = reports,
    .cost = cost,
    .gain = mad_exact_gain,
    .gain_needs_rows = mad_exact_gain_needs_rows,
    .observe = mad_exact_observe,
    .advise = mad_exact_advise,
    .log_density = mad_exact_log_density,
    .loss = mad_exact_loss,
};
