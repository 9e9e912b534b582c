/* sim/iface/metric.c: see the header. */
#include "sim/iface/metric.h"

#include <math.h>

size_t mad_metric_rows(const mad_metric_type *type, const mad_values *values, size_t dim,
                       size_t i_output)
{
    const size_t real = type->min_rows(values, dim, i_output, MAD_SIDE_REAL);
    const size_t fake = type->min_rows(values, dim, i_output, MAD_SIDE_FAKE);
    return real > fake ? real : fake;
}

int mad_metric_can_square(const mad_metric_in *in)
{
    const mad_set *const sets[] = {in->real, in->fake, in->train};
    double largest = 0.0;
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        for (size_t i = 0; sets[s] != NULL && i < sets[s]->n_rows * sets[s]->dim; i++) {
            const double size = fabs(sets[s]->x[i]);
            largest = size > largest ? size : largest;
        }
    }
    return largest == 0.0 || (largest >= 0x1p-496 && largest <= 0x1p496);
}

double mad_metric_value(const mad_metric_output *output, double value)
{
    return isinf(value) && value > 0.0 && !output->is_infinite ? (double)NAN : value;
}
