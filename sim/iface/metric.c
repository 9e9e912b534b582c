/* sim/iface/metric.c: see the header. */
#include "sim/iface/metric.h"

#include <math.h>

double mad_metric_value(const mad_metric_output *output, double value)
{
    return isinf(value) && value > 0.0 && !output->is_infinite ? (double)NAN : value;
}
