/* loops/channel/quantise.c: synthetic rows are stored with few digits: x <- step round(x / step), or,
 * of pictures, the nearest of equally spaced levels from black to white. Rounding to a step far below
 * the spread of a column adds step^2 / 12 to its variance (Sheppard). */
#include <math.h>

#include "loops/channel/draws.h"

static const mad_param params[] = {
    {.name = "step",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .unit = "data units",
     .doc = "values become multiples of it; 0: pictures, by levels"},
    {.name = "levels",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "256",
     .min = 2,
     .max = 65536,
     .doc = "pictures: grey levels from black to white; values beyond them are cut"},
    {.name = NULL},
};

static const mad_report reports[] = {
    {"error", "data units", "root mean square change of a value"},
    {"cut", "1", "share of the values that lay beyond black or white"},
    {0},
};

static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    int takes_levels = 0;
    for (size_t t = 2; t <= s->n_generations || t == 2; t++) {
        takes_levels =
            takes_levels || mad_get_at(s->channel_values, "step", t, s->n_generations) == 0.0;
    }
    if (takes_levels && s->world->info.height == 0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "channel.step must be above 0: channel.levels lie between black and white, "
                        "which world.kind: '%s' does not have",
                        s->world->type->name);
    }
    return mad_channel_refuse(ctx, s, (mad_key_use){"levels", takes_levels, "step: 0"});
}

static mad_status emit(mad_ctx *ctx, const mad_channel_in *in, mad_set *rows, double *report)
{
    (void)ctx;
    const mad_values *values = in->setting->channel_values;
    const mad_world_info *world = &in->setting->world->info;
    const size_t t = in->generation, n_gens = in->setting->n_generations;
    const double asked = mad_get_at(values, "step", t, n_gens);
    const double black = asked > 0.0 ? 0.0 : world->pixel_min;
    const double last = (double)mad_get_count(values, "levels", t, n_gens) - 1.0;
    const double step = asked > 0.0 ? asked : (world->pixel_max - world->pixel_min) / last;
    const size_t n = rows->n_rows * rows->dim;
    double sum = 0.0, n_cut = 0.0;
    for (size_t i = 0; i < n; i++) {
        double level = round((rows->x[i] - black) / step);
        if (asked == 0.0 && (level < 0.0 || level > last)) {
            level = level < 0.0 ? 0.0 : last;
            n_cut += 1.0;
        }
        const double x = black + step * level;
        sum += (x - rows->x[i]) * (x - rows->x[i]);
        rows->x[i] = x;
    }
    report[0] = sqrt(sum / (double)n);
    report[1] = asked > 0.0 ? (double)NAN : n_cut / (double)n;
    return MAD_OK;
}

const mad_channel_type mad_channel_quantise = {
    .name = "quantise",
    .doc = "values of synthetic rows are rounded to a step, or to the grey levels of pictures",
    .ref = "Sheppard 1898; 8-bit pictures between generations",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .reports = reports,
    .check = check,
    .emit = emit,
};
