/* sim/cli/cost.h: the forecast of a run, as `run --dry-run` and `audit` make and show it. */
#ifndef MAD_CLI_COST_H
#define MAD_CLI_COST_H

#include <jansson.h>

#include "sim/engine/forecast.h"
#include "sim/iface/command.h"

#define MAD_PROBE_SECONDS 5.0

/** Row of an option table for the length of the probe. */
#define MAD_PROBE_OPTION(seconds)                                                                  \
    {                                                                                              \
        "seconds", 0, "S", "time for the cost probe (default 5)", .real = &(seconds), .min = 0.01, \
                                                                  .max = 1e5                       \
    }

/** Seconds of a clock that only goes on. */
double mad_cost_now_s(void);

/** mad_forecast_make in a folder of its own, which is gone afterwards. Ctrl-C ends it. */
MAD_MUST_CHECK mad_status mad_cost_probe(mad_app *app, mad_arena *mem,
                                         const mad_experiment *experiment, double seconds,
                                         mad_forecast *out);

/** A few lines, each behind `prefix`; setup_s is what came before the probe. */
void mad_cost_print(const char *prefix, const mad_app *app, const mad_experiment *experiment,
                    double setup_s, const mad_forecast *forecast);

/** The same as an object; NULL when memory is short. */
json_t *mad_cost_json(const mad_app *app, double setup_s, const mad_forecast *forecast);

#endif
