/* models/diffusion/net/precondition.c: the coefficients of every parameterisation. */
#include "models/diffusion/net/precondition.h"

#include <math.h>

/* Karras et al. 2022, Table 1: s = sigma_data, F* = (x0 - c_skip x) / c_out. */
static mad_coefficients edm(double sigma, double s)
{
    const double total = hypot(sigma, s);
    return (mad_coefficients){.c_in = 1.0 / total,
                              .c_skip = s / total * (s / total),
                              .c_out = s * (sigma / total),
                              .from_x0 = sigma / (s * total), /* (1 - c_skip) / c_out */
                              .from_eps = -s / total,         /* -c_skip sigma / c_out */
                              .eps_per_out = s / total};
}

mad_coefficients mad_coefficients_at(const mad_precondition *p, double log_sigma)
{
    const double sigma = exp(log_sigma);
    const double alpha = 1.0 / hypot(1.0, sigma), s = sigma * alpha; /* of the DDPM state */
    const double data = 1.0 / (1.0 + sigma), t = sigma * data;       /* of flow matching */
    mad_coefficients c = {0};
    switch (p->kind) {
    case MAD_PREDICT_EDM:
        c = edm(sigma, p->sigma_data);
        break;
    case MAD_PREDICT_EPS: /* D = x - sigma F */
        c = (mad_coefficients){
            .c_in = alpha, .c_skip = 1.0, .c_out = -sigma, .from_eps = 1.0, .eps_per_out = -1.0};
        break;
    case MAD_PREDICT_X0: /* D = F */
        c = (mad_coefficients){
            .c_in = alpha, .c_out = 1.0, .from_x0 = 1.0, .eps_per_out = 1.0 / sigma};
        break;
    case MAD_PREDICT_V: /* D = alpha x_t - s F */
        c = (mad_coefficients){.c_in = alpha,
                               .c_skip = alpha * alpha,
                               .c_out = -s,
                               .from_x0 = -s,
                               .from_eps = alpha,
                               .eps_per_out = -alpha};
        break;
    case MAD_PREDICT_SCORE: /* D = x + sigma^2 score, F = sigma score */
        c = (mad_coefficients){
            .c_in = 1.0, .c_skip = 1.0, .c_out = sigma, .from_eps = -1.0, .eps_per_out = 1.0};
        break;
    case MAD_PREDICT_FLOW: /* D = (1 - t) x - t F */
        c = (mad_coefficients){.c_in = data,
                               .c_skip = data,
                               .c_out = -t,
                               .from_x0 = -1.0,
                               .from_eps = 1.0,
                               .eps_per_out = -data};
        break;
    }
    c.c_noise = 0.25 * fmin(fmax(log_sigma, p->log_sigma_low), p->log_sigma_high);
    return c;
}
