/* loops/bias/guide.c: strength and interval of guidance as a bias. */
#include "loops/bias/guide.h"

/* "w" where it was given, else "strength"; a default of one is the identity of the other. */
static const mad_schedule *given(const mad_values *values, int *is_lam)
{
    const mad_schedule *w = &mad_get(values, "w")->schedule;
    *is_lam = mad_schedule_is(w, 0.0);
    return *is_lam ? &mad_get(values, "strength")->schedule : w;
}

int mad_guide_bias_is_identity(const mad_values *values)
{
    int is_lam;
    const mad_schedule *strength = given(values, &is_lam);
    return mad_schedule_is(strength, is_lam ? 1.0 : 0.0);
}

mad_status mad_guide_bias_check(mad_ctx *ctx, const mad_setting *setting)
{
    const mad_values *values = setting->bias_values;
    if (!mad_schedule_is(&mad_get(values, "strength")->schedule, 1.0) &&
        !mad_schedule_is(&mad_get(values, "w")->schedule, 0.0)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "bias.strength and bias.w are one strength, lam = 1 / (1 + w): give one of "
                        "them");
    }
    for (size_t t = 2; t <= setting->n_generations || t == 2; t++) {
        const double low = mad_get_at(values, "low", t, setting->n_generations);
        const double high = mad_get_at(values, "high", t, setting->n_generations);
        if (!(low < high)) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "bias.low is %g in generation %zu, must be below bias.high = %g", low,
                            t, high);
        }
    }
    return MAD_OK;
}

mad_tilt mad_guide_bias_tilt(const mad_values *values, mad_tilt_kind kind)
{
    mad_tilt tilt = {.kind = kind,
                     .low = mad_get(values, "low")->schedule,
                     .high = mad_get(values, "high")->schedule};
    tilt.strength = *given(values, &tilt.is_lam);
    return tilt;
}

double mad_guide_bias_nominal(const mad_values *values, size_t generation, size_t n_generations)
{
    int is_lam;
    const double x = mad_schedule_at(given(values, &is_lam), generation, n_generations);
    return is_lam ? x : 1.0 / (1.0 + x);
}
