/* sim/worlds/shapes.c: see the header. */
#include "sim/worlds/shapes.h"

#include <math.h>

static double depth(mad_shape shape, double side, double x, double y)
{
    double under_base = 0.0, under_sides = 0.0;
    switch (shape) {
    case MAD_SHAPE_DISC:
        return 0.5 * side - sqrt(x * x + y * y);
    case MAD_SHAPE_SQUARE:
        return 0.5 * side - fmax(fabs(x), fabs(y));
    case MAD_SHAPE_TRIANGLE:
        under_base = 0.5 * side - y;
        under_sides = (y + 0.5 * side - 2.0 * fabs(x)) / sqrt(5.0);
        return fmin(under_base, under_sides);
    case MAD_N_SHAPES:
        break;
    }
    return -(double)INFINITY;
}

double mad_shape_light(mad_shape shape, double side, double x, double y)
{
    const double level = 0.5 + depth(shape, side, x, y);
    return level < 0.0 ? 0.0 : level > 1.0 ? 1.0 : level;
}
