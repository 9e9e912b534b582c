/* models/diffusion/net/report.c: what the trained model says of each fit. */
#include "models/diffusion/net/diffusion.h"

enum { REPORT_LOSS, REPORT_SIGMA_DATA, REPORT_VARIANCE, REPORT_GAIN };

const mad_report mad_diffusion_reports[] = {
    [REPORT_LOSS] = {"train_loss_last", "1", "training loss over the last 50 steps"},
    [REPORT_SIGMA_DATA] = {"sigma_data", "sd of generation 1's real data",
                           "sd of the data that the coefficients assume"},
    [REPORT_VARIANCE] = {"variance", "variance of generation 1's real data",
                         "mean variance per coordinate of the training set, within classes"},
    [REPORT_GAIN] = {"lam_eff", "1",
                     "output variance over data variance of the sampler alone, with the exact "
                     "denoiser of Gaussian data of that variance"},
    {NULL, NULL, NULL},
};

mad_status mad_diffusion_report(mad_ctx *ctx, const mad_diffusion *self, size_t generation,
                                double last_loss, double *report)
{
    mad_status st = MAD_OK;
    const mad_source source = mad_standard_source(&self->standard);
    const double variance = self->standard.variance[0];
    report[REPORT_LOSS] = last_loss;
    report[REPORT_SIGMA_DATA] = self->sigma_data[0];
    report[REPORT_VARIANCE] = variance;
    if (variance > 0.0) { /* a point has no gain */
        MAD_TRY(mad_sampling_gain(ctx, self->sampling, &source, generation, 1, &variance,
                                  &report[REPORT_GAIN]));
    }
out:
    return st;
}
