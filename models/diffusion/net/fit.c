/* models/diffusion/net/fit.c: a generation's training: scaling, the network, guidance's other model,
 * reports.
 */
#include <math.h>
#include <string.h>

#include "models/diffusion/net/diffusion.h"

/* Streams of one fit: steps begin at 0, label dropout of train.c lies at 1 << 61. */
#define INIT_ITEM (1ull << 62)
#define TUNE_ITEM (1ull << 60) /* steps on own samples */
#define OWN_ITEM  (1ull << 59) /* the own samples */

/* Least sigma_data: a training set that has collapsed to a point keeps finite coefficients. */
#define LEAST_SIGMA_DATA 1e-6

size_t mad_diffusion_steps(const mad_diffusion *self, size_t n_rows)
{
    return mad_budget_steps(&self->settings.optimiser.budget, n_rows,
                            self->settings.optimiser.n_batch);
}

size_t mad_diffusion_own_rows(const mad_diffusion *self, size_t generation, size_t n_train)
{
    if (self->extrapolation.kind != MAD_EXTRAPOLATE_NONE) {
        return mad_schedule_count(&self->extrapolation.n_rows, generation, self->n_generations);
    }
    return self->settings.n_own > 0 ? self->settings.n_own : n_train;
}

size_t mad_diffusion_tune_steps(const mad_diffusion *self, size_t generation)
{
    return self->extrapolation.kind != MAD_EXTRAPOLATE_NONE
               ? mad_schedule_count(&self->extrapolation.n_steps, generation, self->n_generations)
               : self->settings.n_tune_steps;
}

double mad_diffusion_eval_flops(const mad_diffusion *self)
{
    return 2.0 * self->net->macs; /* a multiply-add is two operations */
}

/* Forward, and two products of its size backward. */
double mad_diffusion_step_flops(const mad_diffusion *self)
{
    return 3.0 * mad_diffusion_eval_flops(self) * (double)self->settings.optimiser.n_batch;
}

static void standardise(const mad_diffusion *self, const mad_set *set)
{
    const size_t dim = self->dim;
    const mad_standard *s = &self->standard;
    for (size_t r = 0; r < set->n_rows; r++) {
        for (size_t j = 0; j < dim; j++) {
            self->rows[r * dim + j] = (float)((set->x[r * dim + j] - s->centre[j]) / s->scale[0]);
        }
    }
}

/* Root mean square of the standardised rows about the frozen centre: what c_in must bring to 1. */
static double spread_of(const mad_diffusion *self, const mad_set *set)
{
    double sum = 0.0, total = 0.0;
    for (size_t r = 0; r < set->n_rows; r++) {
        const double w = set->weight == NULL ? 1.0 : set->weight[r];
        double row = 0.0;
        for (size_t j = 0; j < self->dim; j++) {
            const double x = (double)self->rows[r * self->dim + j];
            row += x * x;
        }
        sum += w * row;
        total += w;
    }
    return sqrt(sum / (total * (double)self->dim));
}

static mad_status prepare(mad_ctx *ctx, mad_diffusion *self, const mad_set *train,
                          const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_standard_fit(ctx, &self->standard, train));
    standardise(self, train);
    self->sigma_data[0] =
        self->settings.sigma_data_auto ? fmax(spread_of(self, train), LEAST_SIGMA_DATA) : 1.0;
    mad_objective_centre(&self->objective, self->sigma_data[0]);
    if (args->warm_steps == 0) {
        self->net->type->init(self->net, args->key, INIT_ITEM, self->theta);
    }
out:
    return st;
}

/* A copy of the model, tuned on its own samples: tuned_average. */
static mad_status tune_on_own(mad_ctx *ctx, mad_diffusion *self, const mad_set *own, mad_key key)
{
    mad_status st = MAD_OK;
    const size_t n_steps = mad_diffusion_tune_steps(self, key.generation);
    mad_training run = {.n_rows = own->n_rows,
                        .label = own->label,
                        .key = key,
                        .first_item = TUNE_ITEM,
                        .n_steps = n_steps,
                        .n_done = n_steps,
                        .theta = self->tuned,
                        .mean = self->tuned_average};

    standardise(self, own);
    MAD_TRY(mad_variance_within(ctx, own, self->n_classes, &self->own_variance));
    self->own_variance /= self->standard.scale[0] * self->standard.scale[0];
    memcpy(self->tuned, self->average, self->net->n_params * sizeof *self->tuned);
    MAD_TRY(mad_diffusion_train(ctx, self, &run));
out:
    return st;
}

/* Negative guidance: the auxiliary is tuned on samples that the model draws without guidance. */
static mad_status tune_auxiliary(mad_ctx *ctx, mad_diffusion *self, size_t n_train, mad_key key)
{
    mad_status st = MAD_OK;
    mad_set own = self->own;
    const mad_source source = mad_diffusion_source(self);
    own.n_rows = mad_diffusion_own_rows(self, key.generation, n_train);
    MAD_TRY(mad_sampling_own_rows(ctx, self->sampling, &source, key, OWN_ITEM, &own));
    MAD_TRY(tune_on_own(ctx, self, &own, key));
out:
    return st;
}

/* theta + w (average - tuned average), for the parameters and their average alike: a warm start goes
 * on from there. */
static void move_away(mad_diffusion *self, double w)
{
    for (size_t i = 0; i < self->net->n_params; i++) {
        const float step = (float)w * (self->average[i] - self->tuned_average[i]);
        self->average[i] += step;
        self->theta[i] += step;
    }
}

/* The auxiliary is tuned where scores are extrapolated: the sampler guides. */
mad_status mad_diffusion_extrapolate(mad_ctx *ctx, mad_model *model, const mad_set *own,
                                     const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    mad_diffusion *self = (mad_diffusion *)model;
    const double w =
        mad_schedule_at(&self->extrapolation.w, args->key.generation, self->n_generations);
    const size_t n_steps = mad_diffusion_tune_steps(self, args->key.generation);
    if (w == 0.0) {
        goto out;
    }
    MAD_TRY(tune_on_own(ctx, self, own, args->key));
    if (self->extrapolation.kind == MAD_EXTRAPOLATE_WEIGHTS) {
        move_away(self, w);
    }
    if (args->samples_seen != NULL) {
        *args->samples_seen += (double)(n_steps * self->settings.optimiser.n_batch);
    }
    if (args->flops != NULL) {
        *args->flops += mad_diffusion_step_flops(self) * (double)n_steps +
                        mad_diffusion_eval_flops(self) * (double)own->n_rows *
                            mad_sampling_evaluations(self->sampling, args->key.generation);
    }
    if (args->report != NULL) {
        MAD_TRY(
            mad_diffusion_report(ctx, self, args->key.generation, args->report[0], args->report));
    }
out:
    return st;
}

/* A warm start goes on from the parameters as they are, with fresh moments and a fresh average:
 * the learning-rate schedule and the averaging window span the warm steps alone. */
mad_status mad_diffusion_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                             const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    mad_diffusion *self = (mad_diffusion *)model;
    const mad_fit_settings *s = &self->settings;
    const size_t n_steps =
        args->warm_steps > 0 ? args->warm_steps : mad_diffusion_steps(self, train->n_rows);
    const int is_trial = args->trial_steps > 0;
    size_t n_done = is_trial && args->trial_steps < n_steps ? args->trial_steps : n_steps;
    double own_flops = 0.0;
    mad_training run = {.n_rows = train->n_rows,
                        .label = train->label,
                        .weight = train->weight,
                        .key = args->key,
                        .n_steps = n_steps,
                        .n_done = n_done,
                        .theta = self->theta,
                        .mean = self->average,
                        .n_loss = args->n_loss,
                        .loss_curve = args->loss_curve};

    if (self->needs.worse) {
        run.keep_after = (size_t)fmax(1.0, round(s->worse * (double)n_steps));
        run.kept = self->auxiliary;
    }
    MAD_TRY(prepare(ctx, self, train, args));
    MAD_TRY(mad_diffusion_train(ctx, self, &run));
    if (self->needs.own && self->extrapolation.kind == MAD_EXTRAPOLATE_SCORES) {
        memcpy(self->auxiliary, self->average, self->net->n_params * sizeof *self->auxiliary);
        self->own_variance = *self->standard.variance;
    } else if (self->needs.own && !is_trial) {
        MAD_TRY(tune_auxiliary(ctx, self, train->n_rows, args->key));
        n_done += mad_diffusion_tune_steps(self, args->key.generation);
        own_flops = mad_diffusion_eval_flops(self) *
                    mad_sampling_own_evaluations(self->sampling, args->key.generation) *
                    (double)mad_diffusion_own_rows(self, args->key.generation, train->n_rows);
    }
    if (args->samples_seen != NULL) {
        *args->samples_seen = (double)n_done * (double)s->optimiser.n_batch;
    }
    if (args->flops != NULL) {
        *args->flops += mad_diffusion_step_flops(self) * (double)n_done + own_flops;
    }
    if (args->report != NULL && !is_trial) {
        MAD_TRY(mad_diffusion_report(ctx, self, args->key.generation, run.last_loss, args->report));
    }
out:
    return st;
}
