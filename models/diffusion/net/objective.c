/* models/diffusion/net/objective.c: denoising regression. */
#include "models/diffusion/net/objective.h"

#include <math.h>

void mad_objective_centre(mad_objective *objective, double sigma_data)
{
    mad_precondition *p = &objective->precondition;
    p->sigma_data = sigma_data;
    mad_noise_law_range(&objective->law, sigma_data, &p->log_sigma_low, &p->log_sigma_high);
}

mad_regression mad_objective_at(const mad_objective *objective, double u)
{
    const double sigma_data = objective->precondition.sigma_data;
    const mad_level level = mad_noise_law_at(&objective->law, sigma_data, u);
    const mad_coefficients c = mad_coefficients_at(&objective->precondition, level.log_sigma);
    return (mad_regression){
        .in_x0 = (float)c.c_in,
        .in_eps = (float)(c.c_in * exp(level.log_sigma)),
        .c_noise = (float)c.c_noise,
        .from_x0 = (float)c.from_x0,
        .from_eps = (float)c.from_eps,
        .weight = mad_loss_weight_at(objective->weight, &objective->law, sigma_data, &level, &c),
    };
}

double mad_objective_loss(size_t n_rows, size_t dim, const double *weight, const float *target,
                          double share, float *out, double *power)
{
    double loss = 0.0, all = 0.0;
    for (size_t r = 0; r < n_rows; r++) {
        const float pull = (float)(2.0 * weight[r] * share);
        double row = 0.0, zero = 0.0;
        for (size_t j = 0; j < dim; j++) {
            const float aim = target[r * dim + j], miss = out[r * dim + j] - aim;
            row += (double)miss * (double)miss;
            zero += (double)aim * (double)aim;
            out[r * dim + j] = pull * miss;
        }
        loss += weight[r] * row;
        all += weight[r] * zero;
    }
    *power += all * share;
    return loss * share;
}
