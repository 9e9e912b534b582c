/* sim/worlds/weights.c: Zipf weights; exponent 0 is uniform. */
#include "sim/worlds/weights.h"

#include <math.h>

void mad_zipf_weights(size_t n, double exponent, double *p, double *cum)
{
    double total = 0;
    for (size_t i = n; i > 0; i--) { /* small terms first: less rounding */
        p[i - 1] = pow((double)i, -exponent);
        total += p[i - 1];
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        p[i] /= total;
        sum += p[i];
        cum[i] = sum;
    }
}
