/* models/diffusion/denoiser.h: the one interface behind every sampler, guidance and likelihood.
 *
 * D(x; sigma, class) ~ E[x0 | x0 + sigma n = x, class] in variance-exploding (VE) coordinates, in the
 * model's standardised units. Score = (D - x) / sigma^2, noise = (x - D) / sigma. Other formulations
 * (DDPM eps, x0, v, flow matching, OU/VP) are adapters: see adapters.h.
 * ref  Karras et al. 2022 (arXiv:2206.00364), section 2
 */
#ifndef MAD_MODELS_DIFFUSION_DENOISER_H
#define MAD_MODELS_DIFFUSION_DENOISER_H

#include <stddef.h>
#include <stdint.h>

/* Label of a row without a class: the unconditional denoiser. */
#define MAD_NO_CLASS ((int32_t)-1)

typedef struct mad_denoiser {
    size_t dim;
    void *self;
    /**
     * d[r] = D(x[r]; sigma, label[r]), sigma > 0. d may be x.
     *
     * shape    x, d: [n_rows][dim]; label: [n_rows] or NULL = MAD_NO_CLASS for all
     * threads  one thread at a time: every thread has a denoiser of its own; rows do not see each
     *          other, so the result does not depend on how rows are grouped
     */
    void (*denoise)(void *self, double sigma, size_t n_rows, const int32_t *label, const double *x,
                    double *d);
} mad_denoiser;

#endif
