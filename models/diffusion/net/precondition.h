/* models/diffusion/net/precondition.h: what a network predicts, and how D is made of it.
 *
 * D(x; sigma) = c_skip x + c_out F(c_in x; c_noise) in variance-exploding coordinates,
 * x = x0 + sigma eps. The DDPM state is x_t = alpha x, alpha = 1 / sqrt(1 + sigma^2), with noise
 * s = sigma alpha; the flow-matching state is (1 - t) x, t = sigma / (1 + sigma).
 * ref  Karras et al. 2022 (arXiv:2206.00364), Table 1; Ho et al. 2020 (arXiv:2006.11239);
 *      Salimans & Ho 2022 (arXiv:2202.00512); Song et al. 2021 (arXiv:2011.13456);
 *      Liu et al. 2022 (arXiv:2209.03003)
 */
#ifndef MAD_MODELS_DIFFUSION_NET_PRECONDITION_H
#define MAD_MODELS_DIFFUSION_NET_PRECONDITION_H

/* What F learns; in this order in the key `parameterization`. */
typedef enum mad_parameterization {
    MAD_PREDICT_EDM,   /* (x0 - c_skip x) / c_out, of unit variance at every level (Karras) */
    MAD_PREDICT_EPS,   /* the noise eps, from the DDPM state (Ho) */
    MAD_PREDICT_X0,    /* the clean row, from the DDPM state */
    MAD_PREDICT_V,     /* alpha eps - s x0, from the DDPM state (Salimans & Ho) */
    MAD_PREDICT_SCORE, /* sigma times the score of p(x; sigma), from the VE state (Song) */
    MAD_PREDICT_FLOW   /* eps - x0, from the flow-matching state (Liu) */
} mad_parameterization;

typedef struct mad_precondition {
    mad_parameterization kind;
    double sigma_data;                    /* sd of the clean data, > 0; MAD_PREDICT_EDM only */
    double log_sigma_low, log_sigma_high; /* the network sees ln sigma held in this range: what
                                             training covers */
} mad_precondition;

/* The target of F is from_x0 x0 + from_eps eps. */
typedef struct mad_coefficients {
    double c_in, c_skip, c_out, c_noise;
    double from_x0, from_eps;
    double
        eps_per_out; /* c_out / sigma: an error of F by 1 is one of the predicted noise by -this */
} mad_coefficients;

/**
 * Every coefficient in a form without cancellation or overflow at small sigma.
 *
 * differs from the sources: c_noise is ln(sigma) / 4, EDM's, for every kind (others use the index
 * or time of their own process: the same information in other units, for which the frequencies of
 * the embedding would have to differ)
 */
mad_coefficients mad_coefficients_at(const mad_precondition *p, double log_sigma);

#endif
