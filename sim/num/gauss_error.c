/* sim/num/gauss_error.c: see the header. */
#include "sim/num/gauss_error.h"

#include <math.h>

double mad_gauss_error(double dim, double trace0, double cost, double drift, double ratio,
                       double phi)
{
    const double gap = 1.0 - sqrt(ratio);
    const int valid = phi * (dim + 1.0) <= 0.5 * ratio * ratio;
    return valid ? gap * gap * trace0 + drift + phi * pow(ratio, -1.5) * cost : (double)NAN;
}
