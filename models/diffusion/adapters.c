/* models/diffusion/adapters.c: coefficients between formulations. */
#include "models/diffusion/adapters.h"

#include <math.h>

#include "sim/base/status.h"

mad_adapter mad_adapter_at(mad_quantity quantity, double sigma)
{
    switch (quantity) {
    case MAD_QUANTITY_X0:
        return (mad_adapter){0.0, 1.0};
    case MAD_QUANTITY_EPS:
        return (mad_adapter){1.0, -sigma};
    case MAD_QUANTITY_V: { /* x0 = alpha x_t - s v with x_t = alpha x */
        const double alpha = 1.0 / hypot(1.0, sigma);
        return (mad_adapter){alpha * alpha, -sigma * alpha};
    }
    case MAD_QUANTITY_SCORE:
        return (mad_adapter){1.0, sigma * sigma};
    case MAD_QUANTITY_FLOW: /* x0 = x_t - t v with x_t = (1 - t) x, t = sigma / (1 + sigma) */
        return (mad_adapter){1.0 / (1.0 + sigma), -sigma / (1.0 + sigma)};
    }
    mad_assert_failed("a quantity", __FILE__, __LINE__);
}

double mad_state_scale(mad_coordinates coordinates, double sigma)
{
    switch (coordinates) {
    case MAD_COORDINATES_VE:
        return 1.0;
    case MAD_COORDINATES_VP:
        return 1.0 / hypot(1.0, sigma);
    case MAD_COORDINATES_FLOW:
        return 1.0 / (1.0 + sigma);
    }
    mad_assert_failed("coordinates", __FILE__, __LINE__);
}
