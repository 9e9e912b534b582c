/* models/diffusion/precondition.c: coefficients of a network's target. */
#include "models/diffusion/precondition.h"

#include <math.h>

mad_coefficients mad_coefficients_at(const mad_precondition *p, double log_sigma)
{
    const double sigma = exp(log_sigma);
    mad_coefficients c = {.c_noise =
                              0.25 * fmin(fmax(log_sigma, p->log_sigma_low), p->log_sigma_high)};
    switch (p->kind) {
    case MAD_PREDICT_EDM: {
        const double s = p->sigma_data, total = hypot(sigma, s);
        c.c_in = 1.0 / total;
        c.c_skip = s / total * (s / total);
        c.c_out = s * (sigma / total);
        c.from_x0 = sigma / (s * total); /* (1 - c_skip) / c_out */
        c.from_eps = -s / total;         /* -c_skip sigma / c_out */
        break;
    }
    case MAD_PREDICT_EPS:
        c.c_in = 1.0 / hypot(1.0, sigma);
        c.c_skip = 1.0;
        c.c_out = -sigma;
        c.from_eps = 1.0;
        break;
    }
    return c;
}
