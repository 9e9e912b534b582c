/* sim/iface/tilt.h: ways in which a model can be asked to draw that are not its own law. */
#ifndef MAD_IFACE_TILT_H
#define MAD_IFACE_TILT_H

#include "sim/base/rng.h"
#include "sim/iface/param.h"

typedef enum mad_tilt_kind {
    MAD_TILT_NONE,
    MAD_TILT_GUIDANCE,     /* w: against the unconditional model */
    MAD_TILT_AUTOGUIDANCE, /* w: against a worse model of the same data */
    MAD_TILT_TRUNCATION,   /* c: the normal noise that rows are made of, redrawn where |z| > c */
    MAD_TILT_TEMPERATURE,  /* tau: that noise has variance tau; categories p^(1/tau) */
    MAD_TILT_STEPS         /* n: steps of the sampler */
} mad_tilt_kind;

typedef struct mad_tilt {
    mad_tilt_kind kind;
    mad_schedule strength;  /* w, c, tau or n, by the generation that trains on the rows */
    int is_lam;             /* guidance: strength is lam = 1 / (1 + w) in place of w */
    size_t n_generations;   /* of the whole run: where schedules end */
    mad_schedule low, high; /* guidance acts at noise levels low < sigma <= high */
} mad_tilt;

/** w, c, tau or n of rows that `generation` trains on; n is whole. */
double mad_tilt_strength(const mad_tilt *tilt, size_t generation);

/* Normal noise that is not standard: sd z, z standard but redrawn where |z| > limit. */
typedef struct mad_noise_tilt {
    double sd, limit;
} mad_noise_tilt;

/* Noise as it is. */
extern const mad_noise_tilt mad_noise_plain;

/** What the tilt makes of the noise of rows that `generation` trains on: plain but for truncation and
 *  temperature. */
mad_noise_tilt mad_tilt_noise(const mad_tilt *tilt, size_t generation);

/**
 * mad_rng_normals under the tilt; plain noise has the same bits. Redrawn numbers come from a stream
 * of their own, hashed from where rng stands: what the limit leaves alone stays, here and later.
 *
 * shape   out: [n]
 * units   variance sd^2 (1 - 2 limit phi(limit) / (2 Phi(limit) - 1))
 */
void mad_noise_normals(const mad_noise_tilt *noise, mad_rng *rng, size_t n, double *out);

#endif
