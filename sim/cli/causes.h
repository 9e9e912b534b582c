/* sim/cli/causes.h: what may drive a loop away from the real data, each with a way to switch it off. */
#ifndef MAD_CLI_CAUSES_H
#define MAD_CLI_CAUSES_H

#include "sim/config/config.h"
#include "sim/iface/command.h"

typedef enum mad_cause {
    MAD_CAUSE_SAMPLE,   /* finitely many rows: `large` times as many are off */
    MAD_CAUSE_TRAINING, /* a trained denoiser: the exact one is off */
    MAD_CAUSE_SAMPLER,  /* the sampler's own variance gain: off with sampler.calibrate */
    MAD_CAUSE_GUIDANCE, /* guide.kind of the model */
    MAD_CAUSE_BIAS,     /* the section bias */
    MAD_CAUSE_START,    /* warm start: from scratch is off */
    MAD_N_CAUSES
} mad_cause;

/** "sample", "training", ... */
const char *mad_cause_name(mad_cause cause);

/** What switching it off does, in a few words. */
const char *mad_cause_off(mad_cause cause);

/** 1 when the configuration has the cause. A sampler counts where the model offers its gain and the
 *  bias is not its few steps; training where the exact denoiser can do what bias and post ask. */
int mad_cause_is_there(const mad_registry *registry, const mad_config *config, mad_cause cause);

/**
 * The configuration with the causes of `on` (bits 1u << mad_cause) as they are and the others off.
 * errors  MAD_E_CONFIG: a size that is no plain number cannot be made `large` times as large; those
 *         of mad_config_load
 */
MAD_MUST_CHECK mad_status mad_causes_config(mad_app *app, mad_arena *mem, const mad_config *config,
                                            unsigned on, size_t large, mad_config *out);

#endif
