/* models/diffusion/net/report.c: what the trained model says of each fit. */
#include "models/diffusion/net/diffusion.h"

enum { REPORT_LOSS, REPORT_SIGMA_DATA, REPORT_SAMPLING };

const mad_report mad_diffusion_reports[] = {
    [REPORT_LOSS] = {"train_loss_last", "1", "training loss over the last 50 steps"},
    [REPORT_SIGMA_DATA] = {"sigma_data", "sd of generation 1's real data",
                           "sd of the data that the coefficients assume"},
    MAD_SAMPLING_REPORTS,
    {NULL, NULL, NULL},
};

mad_status mad_diffusion_report(mad_ctx *ctx, const mad_diffusion *self, size_t generation,
                                double last_loss, double *report)
{
    mad_source source = mad_standard_source(&self->standard);
    source.auxiliary_variance = self->own_variance;
    report[REPORT_LOSS] = last_loss;
    report[REPORT_SIGMA_DATA] = self->sigma_data[0];
    return mad_sampling_report(ctx, self->sampling, &source, generation, report + REPORT_SAMPLING);
}
