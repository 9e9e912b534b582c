/* models/optimiser.c: see the header. */
#include "models/optimiser.h"

#include <math.h>

enum { AUTO, GIVEN }; /* of the forms "auto|#" and "none|#" */

size_t mad_budget_steps(const mad_budget *budget, size_t n_rows, size_t n_batch)
{
    double n_steps = budget->amount;
    switch (budget->kind) {
    case MAD_BUDGET_STEPS:
        break;
    case MAD_BUDGET_EPOCHS:
        n_steps = ceil(budget->amount * (double)n_rows / (double)n_batch);
        break;
    case MAD_BUDGET_ROWS:
        n_steps = ceil(budget->amount / (double)n_batch);
        break;
    }
    return n_steps < 1.0 ? 1 : (size_t)n_steps;
}

static mad_status read_budget(mad_ctx *ctx, const mad_values *values, mad_budget *out)
{
    static const char *const keys[] = {"train.steps", "train.epochs", "train.samples"};
    const char *set = NULL;
    *out = (mad_budget){.kind = MAD_BUDGET_STEPS, .amount = 2000.0};
    for (size_t i = 0; i < 3; i++) {
        const mad_value *value = mad_get(values, keys[i]);
        if (value->choice != GIVEN) {
            continue;
        }
        if (set != NULL) {
            return mad_fail(
                ctx, MAD_E_CONFIG,
                "model.%s and model.%s are both set, and a fit has one length: set one of "
                "model.train.steps, model.train.epochs and model.train.samples",
                set, keys[i]);
        }
        set = keys[i];
        *out = (mad_budget){.kind = (mad_budget_kind)i, .amount = value->number};
    }
    return MAD_OK;
}

static mad_status read_average(mad_ctx *ctx, const mad_values *values, mad_train_options *out)
{
    const mad_value *ema = mad_get(values, "train.ema");
    out->ema = (mad_ema_kind)ema->choice;
    out->ema_value = ema->number;
    switch (out->ema) {
    case MAD_EMA_POWER:
        if (ema->number > 1000.0) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "model.train.ema: gamma of power(gamma) must be at most 1000, got %g",
                            ema->number);
        }
        break;
    case MAD_EMA_CONSTANT:
        if (!(ema->number < 1.0)) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "model.train.ema: the decay of constant(decay) must be below 1, got %g",
                            ema->number);
        }
        break;
    case MAD_EMA_HALF_LIFE:
        if (!(ema->number >= 1.0)) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "model.train.ema: the rows of halflife(rows) must be 1 or more, got %g",
                            ema->number);
        }
        break;
    }
    return MAD_OK;
}

mad_status mad_optimiser_read(mad_ctx *ctx, const mad_values *values, size_t auto_batch,
                              double auto_rate, mad_optimiser_settings *out)
{
    mad_status st = MAD_OK;
    const mad_value *batch = mad_get(values, "train.batch"), *rate = mad_get(values, "train.lr");
    mad_optimiser_settings s = {
        .n_batch = batch->choice == GIVEN ? (size_t)batch->number : auto_batch,
        .train = {.rate = rate->choice == GIVEN ? rate->number : auto_rate,
                  .n_warmup = mad_get_size(values, "train.warmup"),
                  .decay = (mad_rate_decay)mad_get_choice(values, "train.decay"),
                  .beta1 = mad_get_real(values, "train.beta1"),
                  .beta2 = mad_get_real(values, "train.beta2"),
                  .eps = mad_get_real(values, "train.eps"),
                  .weight_decay = mad_get_real(values, "train.weight_decay"),
                  .clip = mad_get_real(values, "train.clip")},
    };
    s.train.n_batch = s.n_batch;
    MAD_TRY(read_budget(ctx, values, &s.budget));
    MAD_TRY(read_average(ctx, values, &s.train));
    *out = s;
out:
    return st;
}

void mad_loss_note(size_t n_loss, double *curve, size_t n_steps, size_t step, double loss)
{
    if (n_loss == 0) {
        return;
    }
    const size_t part = step * n_loss / n_steps;
    const size_t begin = (part * n_steps + n_loss - 1) / n_loss;
    const double n_before = (double)(step - begin);
    const double before = step == begin ? 0.0 : curve[part];
    curve[part] = (before * n_before + loss) / (n_before + 1.0);
}

mad_status mad_check_parameters(mad_ctx *ctx, const char *name, size_t n, const float *x)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return mad_fail(ctx, MAD_E_NONFINITE, "the loaded model's %s %zu of %zu is %g", name, i,
                            n, (double)x[i]);
        }
    }
    return MAD_OK;
}
