/* analysis/policy/calibration.h: the Gaussian loop that behaves as a measured one.
 *
 * The distance of one fit on n rows is floor + amplitude/n: the floor is what stays with endless data
 * (a network's error, the measure's own bias). n_e of a distance D is amplitude/(D - floor). The
 * Gaussian loop has 1/n_e = level/(amplitude of d columns), d (d + 5)/4 in units of one variance:
 *   d_eff    from the amplitude: d (d + 5)/4, or, where T, the total variance of real rows, is known,
 *            (d + 5) T/4
 *   lam_eff  in (0, 1], from n_e of the loop with more synthetic rows, on the course from generation 1 on:
 *            either a factor of the synthetic rows alone (a sampling bias) or one of every fit (a model
 *            that errs alike on real rows, whose error the floor shows and the loop adds up), whichever
 *            meets the other loop better
 */
#ifndef MAD_POLICY_CALIBRATION_H
#define MAD_POLICY_CALIBRATION_H

#include <stdint.h>

#include "sim/base/ctx.h"

enum { MAD_CALIBRATION_CURVE = 4, MAD_CALIBRATION_LOOPS = 2 };

/* Measured distances, by replicate; replicates share random numbers across all arrays. */
typedef struct mad_measured {
    size_t n_replicates;
    double rows[MAD_CALIBRATION_CURVE];         /* of generation 1 */
    const double *curve[MAD_CALIBRATION_CURVE]; /* [n_replicates] each */
    double n_synthetic[MAD_CALIBRATION_LOOPS];
    const double *loop[MAD_CALIBRATION_LOOPS]; /* [n_replicates]: mean over the late generations */
    double n_real, n_initial;                  /* of the loops */
    size_t n_generations, first_late;          /* late: first_late..n_generations */
    double trace;                              /* T; NaN: not in the units of the distance */
    double target;                             /* wanted n_e/n_r */
} mad_measured;

typedef struct mad_calibration {
    double amplitude, floor, misfit; /* misfit: largest |relative residual| of the curve */
    double dim, lam;
    int is_own;                           /* 1: lam is a factor of every fit */
    double gain[MAD_CALIBRATION_LOOPS];   /* measured n_e/n_r of the loops */
    double fitted[MAD_CALIBRATION_LOOPS]; /* the same of the Gaussian loop */
    double
        n_synthetic; /* largest admissible; infinite: no bound up to MAD_POLICY_MAX_ROWS; NaN: the
                           target is not reached */
} mad_calibration;

/**
 * Fit without replicate `omitted` (SIZE_MAX: with all), with log_shift added to ln n_e/n_r of the loops.
 * errors  MAD_E_FAILED: distances that do not fall with n, or a loop nearer than the floor;
 *         MAD_E_UNSUPPORTED: d_eff too large for n_real (no expansion);  those of bound.h
 */
MAD_MUST_CHECK mad_status mad_calibrate(mad_ctx *ctx, const mad_measured *measured, size_t omitted,
                                        const double *log_shift, mad_calibration *out);

/** n_e/n_r of a distance; not positive or NaN when it lies below the floor. */
double mad_calibration_gain(const mad_calibration *fit, double n_real, double distance);

/** n_e/n_r that the fitted loop settles at. errors  those of bound.h */
MAD_MUST_CHECK mad_status mad_calibration_predict(mad_ctx *ctx, const mad_calibration *fit,
                                                  double n_real, double n_synthetic, double *out);

/** Mean of n numbers without number `omitted` (SIZE_MAX: of all). */
double mad_mean_without(size_t n, const double *x, size_t omitted);

#endif
