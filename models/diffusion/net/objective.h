/* models/diffusion/net/objective.h: denoising regression: inputs, targets and loss of noised rows.
 *
 *   loss = mean over rows and coordinates of w(sigma) |F(c_in x; c_noise, class) - F*|^2,
 *   x = x0 + sigma eps,  F* = from_x0 x0 + from_eps eps.
 */
#ifndef MAD_MODELS_DIFFUSION_NET_OBJECTIVE_H
#define MAD_MODELS_DIFFUSION_NET_OBJECTIVE_H

#include "models/diffusion/net/noise_law.h"

typedef struct mad_objective {
    mad_precondition precondition; /* sigma_data and what follows from it by mad_objective_centre */
    mad_noise_law law;
    mad_loss_weight weight;
} mad_objective;

/** Set sigma_data > 0, and with it the range of noise levels that training covers. */
void mad_objective_centre(mad_objective *objective, double sigma_data);

/* What turns (x0, eps) of one row into its input in_x0 x0 + in_eps eps and its target. */
typedef struct mad_regression {
    float in_x0, in_eps, c_noise, from_x0, from_eps;
    double weight;
} mad_regression;

/** At the noise level of a draw u, see mad_noise_law_at. */
mad_regression mad_objective_at(const mad_objective *objective, double u);

/**
 * Returns share * sum over rows of weight |out - target|^2 and leaves its gradient in out; adds
 * share * sum of weight |target|^2 to *power.
 *
 * shape  out, target: [n_rows][dim]; weight: [n_rows]
 */
double mad_objective_loss(size_t n_rows, size_t dim, const double *weight, const float *target,
                          double share, float *out, double *power);

#endif
