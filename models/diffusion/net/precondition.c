/* models/diffusion/net/precondition.c: the coefficients of every parameterisation. */
#include "models/diffusion/net/precondition.h"

#include <math.h>

#include "models/diffusion/adapters.h"

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

/* F is a quantity of adapters.h, read from the state of its process, up to a factor: score has
 * sigma times the score, which is -eps, so that the target has unit size. */
static mad_coefficients of_quantity(mad_quantity quantity, mad_coordinates state, double sigma)
{
    const mad_adapter a = mad_adapter_at(quantity, sigma);
    return (mad_coefficients){
        .c_in = mad_state_scale(state, sigma), .c_skip = a.from_x, .c_out = a.from_out};
}

mad_coefficients mad_coefficients_at(const mad_precondition *p, double log_sigma)
{
    const double sigma = exp(log_sigma), alpha = 1.0 / hypot(1.0, sigma);
    mad_coefficients c = {0};
    switch (p->kind) {
    case MAD_PREDICT_EDM:
        c = edm(sigma, p->sigma_data);
        break;
    case MAD_PREDICT_EPS:
        c = of_quantity(MAD_QUANTITY_EPS, MAD_COORDINATES_VP, sigma);
        c.from_eps = 1.0;
        c.eps_per_out = -1.0;
        break;
    case MAD_PREDICT_X0:
        c = of_quantity(MAD_QUANTITY_X0, MAD_COORDINATES_VP, sigma);
        c.from_x0 = 1.0;
        c.eps_per_out = 1.0 / sigma;
        break;
    case MAD_PREDICT_V:
        c = of_quantity(MAD_QUANTITY_V, MAD_COORDINATES_VP, sigma);
        c.from_x0 = -sigma * alpha;
        c.from_eps = alpha;
        c.eps_per_out = -alpha;
        break;
    case MAD_PREDICT_SCORE:
        c = of_quantity(MAD_QUANTITY_EPS, MAD_COORDINATES_VE, sigma);
        c.c_out = sigma;
        c.from_eps = -1.0;
        c.eps_per_out = 1.0;
        break;
    case MAD_PREDICT_FLOW:
        c = of_quantity(MAD_QUANTITY_FLOW, MAD_COORDINATES_FLOW, sigma);
        c.from_x0 = -1.0;
        c.from_eps = 1.0;
        c.eps_per_out = -1.0 / (1.0 + sigma);
        break;
    }
    c.c_noise = 0.25 * fmin(fmax(log_sigma, p->log_sigma_low), p->log_sigma_high);
    return c;
}
