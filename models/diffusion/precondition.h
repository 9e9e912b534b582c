/* models/diffusion/precondition.h: what a network predicts, and how D is made of it.
 *
 * D(x; sigma) = c_skip x + c_out F(c_in x; c_noise) in variance-exploding coordinates.
 * ref  Karras et al. 2022 (arXiv:2206.00364), Table 1; Ho et al. 2020 (arXiv:2006.11239)
 */
#ifndef MAD_MODELS_DIFFUSION_PRECONDITION_H
#define MAD_MODELS_DIFFUSION_PRECONDITION_H

typedef enum mad_parameterization {
    MAD_PREDICT_EDM, /* Karras et al. 2022: the network predicts the unit-variance target F* */
    MAD_PREDICT_EPS  /* Ho et al. 2020: the network predicts the noise eps */
} mad_parameterization;

typedef struct mad_precondition {
    mad_parameterization kind;
    double sigma_data;                    /* sd of the clean data, EDM only */
    double log_sigma_low, log_sigma_high; /* the network sees ln sigma held in this range: what
                                             training covers */
} mad_precondition;

/* D(x; sigma) = c_skip x + c_out F(c_in x; c_noise); F is trained with unit weight on the target
 * from_x0 x0 + from_eps eps, x = x0 + sigma eps. */
typedef struct mad_coefficients {
    double c_in, c_skip, c_out, c_noise;
    double from_x0, from_eps;
} mad_coefficients;

/** EDM: Karras et al. 2022, Table 1, with F* = (x0 - c_skip x) / c_out written without
 *  cancellation. eps: c_skip 1, c_out -sigma, c_in = 1 / sqrt(1 + sigma^2) (the DDPM state). */
mad_coefficients mad_coefficients_at(const mad_precondition *p, double log_sigma);

/* Training noise levels of EDM: ln sigma ~ N(ln sigma_data + MAD_EDM_SHIFT, MAD_EDM_SD^2), which is
 * N(-1.2, 1.2^2) at sigma_data = 0.5. */
#define MAD_EDM_SHIFT (-0.507)
#define MAD_EDM_SD    1.2

#endif
