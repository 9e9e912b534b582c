/* models/diffusion/adapters.h: the formulations of diffusion models as one denoiser.
 *
 * What a network or a formula may predict is linear in the state and the clean estimate D, so two
 * numbers per noise level turn one into the other. x is the state in VE coordinates, x0 + sigma n.
 *
 *   formulation        its state                          VE coordinates
 *   VE, EDM            x                                  itself
 *   VP, DDPM, OU       alpha x0 + s eps                   x = state / alpha, sigma = s / alpha
 *   flow matching      (1 - t) x0 + t eps                 x = state / (1 - t), sigma = t / (1 - t)
 * with alpha = 1 / sqrt(1 + sigma^2), s = sigma alpha; in the OU process alpha = exp(-t).
 */
#ifndef MAD_MODELS_DIFFUSION_ADAPTERS_H
#define MAD_MODELS_DIFFUSION_ADAPTERS_H

typedef enum mad_quantity {
    MAD_QUANTITY_X0,    /* D itself */
    MAD_QUANTITY_EPS,   /* noise (x - D) / sigma */
    MAD_QUANTITY_V,     /* alpha eps - s x0 (Salimans & Ho 2022) */
    MAD_QUANTITY_SCORE, /* grad log p(x; sigma) = (D - x) / sigma^2, in VE coordinates */
    MAD_QUANTITY_FLOW   /* velocity eps - x0 of straight paths (Liu et al. 2022) */
} mad_quantity;

/* D = from_x x + from_out out. */
typedef struct mad_adapter {
    double from_x, from_out;
} mad_adapter;

/** The coefficients at sigma > 0. */
mad_adapter mad_adapter_at(mad_quantity quantity, double sigma);

typedef enum mad_coordinates {
    MAD_COORDINATES_VE,
    MAD_COORDINATES_VP,
    MAD_COORDINATES_FLOW
} mad_coordinates;

/** Factor from x to the formulation's state: 1, alpha = 1 / sqrt(1 + sigma^2), 1 - t =
 *  1 / (1 + sigma). */
double mad_state_scale(mad_coordinates coordinates, double sigma);

#endif
