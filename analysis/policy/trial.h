/* analysis/policy/trial.h: runs of a user's configuration with other keys, in memory, one measure kept.
 */
#ifndef MAD_POLICY_TRIAL_H
#define MAD_POLICY_TRIAL_H

#include "sim/config/config.h"
#include "sim/iface/command.h"

enum { MAD_TRIAL_MAX_KEYS = 12 };

/* What all runs of one answer share. */
typedef struct mad_trials {
    mad_app *app;
    const char *config;           /* file */
    size_t n_overrides;           /* of the command line */
    char **overrides;             /* borrowed */
    const char *metric;           /* output of a measure */
    const char *model_cache;      /* as in mad_run_options; NULL: none */
    int with_trace;               /* 1: take the measure `trace` too, for real_trace */
    size_t n_runs, n_generations; /* so far: engine runs, and generations times replicates */
} mad_trials;

/* Keys of one run, "key=value". */
typedef struct mad_trial_keys {
    size_t n;
    char text[MAD_TRIAL_MAX_KEYS][64];
} mad_trial_keys;

typedef struct mad_trial {
    size_t n_replicates, n_generations;
    const double *value;   /* [n_replicates][n_generations] */
    const char *direction; /* "lower", "higher" or "target" */
    double
        real_trace; /* total variance of real rows, in the space of the measures; NaN unless asked
                              for */
} mad_trial;

/** One more key; whole numbers only. */
void mad_trial_set(mad_trial_keys *keys, const char *key, size_t value);

/** The configuration itself, checked: one loop a replicate, n_real and n_synthetic plain numbers
 *  above 0, at least 2 replicates.
 *  errors  MAD_E_CONFIG; those of mad_load_config */
MAD_MUST_CHECK mad_status mad_trials_config(const mad_trials *trials, mad_arena *mem,
                                            mad_config *out);

/** Run it; the values lie in mem. Only the measure asked for is taken.
 *  errors  MAD_E_CONFIG: no such measure; those of the configuration and of the engine */
MAD_MUST_CHECK mad_status mad_trial_run(mad_trials *trials, mad_arena *mem,
                                        const mad_trial_keys *keys, mad_trial *out);

#endif
