/* models/diffusion/sampling_keys.h: the keys of schedules and samplers, for the parameter table of
 * every diffusion model. */
#ifndef MAD_MODELS_DIFFUSION_SAMPLING_KEYS_H
#define MAD_MODELS_DIFFUSION_SAMPLING_KEYS_H

#include "models/keys.h"

/* Words of a choice stand in the order of the enums of noise.h and sampler.h. */
#define MAD_SAMPLING_PARAMS                                                                        \
    MAD_CHOICE("schedule.kind", "linear", "linear|ldm|cosine|vp|ou",                               \
               "discrete noise levels: DDPM's betas, latent diffusion's, cosine, or equal times "  \
               "of the VP-SDE or of the OU process"),                                              \
        MAD_INT("schedule.steps", "1000", 2, 100000, "noise levels T of the schedule"),            \
        MAD_FORM("schedule.beta_min", "auto", 1e-8, 1000, "auto|#",                                \
                 "beta of the first level at T = 1000; auto = 1e-4 (linear), 8.5e-4 (ldm), 0.1 "   \
                 "(vp)"),                                                                          \
        MAD_FORM(                                                                                  \
            "schedule.beta_max", "auto", 1e-8, 1000, "auto|#",                                     \
            "beta of the last level at T = 1000; auto = 0.02 (linear), 0.012 (ldm), 20 (vp)"),     \
        MAD_CHOICE("schedule.rescale", "yes", "yes|no",                                            \
                   "linear, ldm: multiply betas by 1000 / T, so that the last level is pure "      \
                   "noise for any T"),                                                             \
        MAD_REAL("schedule.horizon", "4", 1e-3, 20, "ou: time T of dX = -X dt + sqrt(2) dW"),      \
        MAD_CHOICE("sampler.kind", "ancestral",                                                    \
                   "ancestral|ddim|euler|heun|dpmpp_2m|ab2|abm2|abm3|ve_ancestral|pc|ou|rk4",      \
                   "how noise becomes data; docs/samplers.md says what each does to a variance"),  \
        MAD_FORM("sampler.steps", "auto", 1, 100000, "auto|#",                                     \
                 "noise levels walked: auto = all of the schedule, 50 (ddim, euler), 18 (heun), "  \
                 "20 (dpmpp_2m, ab2, abm2, abm3), 100 (rk4), 1000 (ve_ancestral, pc, ou)"),        \
        MAD_CHOICE("sampler.grid", "auto",                                                         \
                   "auto|edm|log|linear|cosine|vp|schedule|ou|ou_geometric",                       \
                   "where the levels stand: auto = schedule (ancestral, ddim), ou (ou), log "      \
                   "(ve_ancestral, pc), edm (others)"),                                            \
        MAD_CHOICE("sampler.spacing", "trailing", "trailing|leading|linspace",                     \
                   "grid schedule, fewer steps than T: levels round(i T / n), every floor(T / n) " \
                   "from 1 on, or evenly from T to 1"),                                            \
        MAD_REAL("sampler.sigma_min", "0.002", 1e-6, 1,                                            \
                 "lowest level of grids but schedule and ou, in units of the data's sd"),          \
        MAD_REAL("sampler.sigma_max", "80", 1, 1e6,                                                \
                 "highest level of grids edm, log, linear, cosine, vp"),                           \
        MAD_REAL("sampler.rho", "7", 1, 100, "grid edm: its curvature"),                           \
        MAD_CHOICE("sampler.sigma2", "beta", "beta|beta_tilde",                                    \
                   "ancestral: variance of the noise put back; beta_tilde shrinks the data a "     \
                   "little"),                                                                      \
        MAD_REAL("sampler.eta", "0", 0, 1, "ddim: noise, from 0 (none) to 1 (the posterior's)"),   \
        MAD_REAL("sampler.churn", "0", 0, 1e6, "heun: S_churn, noise put in over the walk"),       \
        MAD_REAL("sampler.churn_min", "0", 0, 1e9, "heun: S_min, lowest level with churn"),        \
        MAD_REAL("sampler.churn_max", "1e9", 0, 1e9, "heun: S_max, highest level with churn"),     \
        MAD_REAL("sampler.churn_noise", "1", 0, 2, "heun: S_noise, sd of the churned noise"),      \
        MAD_REAL("sampler.alpha", "1", 0.01, 1,                                                    \
                 "heun: where in a step the second slope is taken; 0.5 = midpoint"),               \
        MAD_REAL("sampler.snr", "0.16", 0, 10, "pc: signal-to-noise ratio r of a Langevin step"),  \
        MAD_INT("sampler.corrections", "1", 0, 1000, "pc: Langevin steps per level"),              \
        MAD_CHOICE("sampler.noise", "yes", "yes|no",                                               \
                   "ou: the reverse SDE, or its probability flow"),                                \
        MAD_PER_GENERATION("sampler.stop_sigma", "0", 0, 1e6,                                      \
                           "early stop at this noise level; rows keep its noise: x0 + sigma n"),   \
        MAD_PER_GENERATION("sampler.stop_time", "0", 0, 20,                                        \
                           "early stop at this time t0 of the OU process; rows are its state, "    \
                           "exp(-t0) x0 + sqrt(1 - exp(-2 t0)) n"),                                \
        MAD_CHOICE("sampler.final", "state", "state|tweedie",                                      \
                   "at an early stop: leave the noisy state, or one more step to D(x; sigma)"),    \
        MAD_CHOICE("sampler.clip", "none", "none|range",                                           \
                   "hold D in the range of the first training set; a bias of its own"),            \
        MAD_CHOICE("sampler.calibrate", "no", "no|yes",                                            \
                   "divide rows about their class mean by sqrt(lam_eff) of the training set's "    \
                   "variance"),                                                                    \
        MAD_CHOICE(                                                                                \
            "guide.kind", "none", "none|cfg|auto|negative|reward",                                 \
            "guidance: against the unconditional denoiser (cfg), a worse model (auto), the "       \
            "model tuned on its own samples (negative); or up a reward"),                          \
        MAD_PER_GENERATION("guide.w", "0", -1, 1000, "strength: D + w (D - D_reference)"),         \
        MAD_PER_GENERATION("guide.scale", "1", 0, 1001, "the same as a scale: 1 + w"),             \
        MAD_PER_GENERATION("guide.mad", "1", 1e-3, 1,                                              \
                           "the same as the MAD paper labels it: 1 / (1 + w); not a variance"),    \
        MAD_REAL("guide.low", "0", 0, 1e9, "guidance acts above this noise level"),                \
        MAD_REAL("guide.high", "1e9", 0, 1e9, "and up to this one"),                               \
        MAD_CHOICE("guide.reward", "quadratic", "linear|quadratic",                                \
                   "reward: <target, x>, or -|x - target|^2 / 2, in world units"),                 \
        {.name = "guide.target",                                                                   \
         .kind = MAD_PARAM_REALS,                                                                  \
         .fallback = "0",                                                                          \
         .min = -1e12,                                                                             \
         .max = 1e12,                                                                              \
         .doc = "reward: a number per column, or one for all"},                                    \
        MAD_REAL("guide.tau", "1", 1e-12, 1e12, "reward: its unit; smaller = stronger"),           \
        MAD_INT("likelihood.steps", "100", 1, 100000,                                              \
                "log density: Heun steps of the flow upwards, uniform in ln sigma"),               \
        MAD_REAL("likelihood.sigma_min", "0.002", 1e-6, 1, "log density: the level of the rows"),  \
        MAD_REAL("likelihood.sigma_max", "80", 1, 1e6, "log density: where the flow ends"),        \
        MAD_INT("likelihood.probes", "1", 1, 4096,                                                 \
                "log density beyond 4 dimensions: Rademacher vectors per row for the trace"),      \
        MAD_CHOICE("likelihood.richardson", "no", "no|yes",                                        \
                   "log density: extrapolate from steps and 2 steps")

#endif
