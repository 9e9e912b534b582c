/* tests/stat/sabotage.h: registries for tests: the exact plug-ins, and wrong ones in their place.
 */
#ifndef MAD_TESTS_STAT_SABOTAGE_H
#define MAD_TESTS_STAT_SABOTAGE_H

#include "sim/iface/registry.h"

/* One thing wrong with the program, put in under the honest plug-in's name. */
typedef enum law_sabotage {
    LAW_HONEST,          /* everything exact, and the measures mean_first and chi2_categories beside
                            the program's own */
    LAW_EARLY_BIAS,      /* world gauss shrinks its real rows too: bias one generation early */
    LAW_BARE_STREAMS,    /* model gauss draws row i from the raw PCG stream with increment i */
    LAW_SAME_GENERATION, /* model gauss draws every generation from the streams of the first */
    LAW_SHRUNK_ERROR,    /* correct statistics does not put the sampling error back */
    LAW_N_SABOTAGES
} law_sabotage;

/** The registry with that sabotage; valid for the life of the program, main thread only. */
const mad_registry *law_registry(law_sabotage kind);

#endif
