/* tests/stat/curated.c: sums over points. */
#include "tests/stat/curated.h"

#include <math.h>

curated curated_normal(void)
{
    curated law = {.n = 401};
    for (size_t i = 0; i < law.n; i++) {
        law.x[i] = -10.0 + 0.05 * (double)i;
        law.p[i] = 0.05 * exp(-0.5 * law.x[i] * law.x[i]) / sqrt(2.0 * acos(-1.0));
    }
    return law;
}

curated curated_categories(size_t n, const double *p)
{
    curated law = {.n = n};
    for (size_t i = 0; i < n; i++) {
        law.x[i] = (double)i;
        law.p[i] = p[i];
    }
    return law;
}

curated curated_bradley_terry(const curated *law, const double *r, size_t k)
{
    enum { N_STEPS = 20000 };
    curated out = *law;
    double least = HUGE_VAL, e[CURATED_MAX];
    for (size_t i = 0; i < law->n; i++) {
        e[i] = exp(r[i]);
        least = fmin(least, e[i]);
        out.p[i] = 0.0;
    }
    /* u = log t: the integrand runs over as many scales as the rewards */
    const double low = -30.0 - log(curated_exp(law, r)), high = log(40.0 / least);
    const double step = (high - low) / N_STEPS;
    for (size_t s = 0; s <= N_STEPS; s++) {
        const double t = exp(low + step * (double)s);
        const double simpson = (s == 0 || s == N_STEPS ? 1.0 : s % 2 == 1 ? 4.0 : 2.0) / 3.0;
        double all = 0.0, each[CURATED_MAX];
        for (size_t i = 0; i < law->n; i++) {
            each[i] = exp(-e[i] * t);
            all += law->p[i] * each[i];
        }
        const double others = pow(all, (double)(k - 1)) * simpson * step * t;
        for (size_t i = 0; i < law->n; i++) {
            out.p[i] += law->p[i] * (double)k * e[i] * each[i] * others;
        }
    }
    return out;
}

curated curated_tilt(const curated *law, const double *r)
{
    curated out = *law;
    for (size_t i = 0; i < law->n; i++) {
        out.p[i] *= exp(r[i]) / curated_exp(law, r);
    }
    return out;
}

curated curated_mix(const curated *a, const curated *b, double w)
{
    curated out = *a;
    for (size_t i = 0; i < a->n; i++) {
        out.p[i] = (1.0 - w) * a->p[i] + w * b->p[i];
    }
    return out;
}

double curated_mean(const curated *law)
{
    double sum = 0.0;
    for (size_t i = 0; i < law->n; i++) {
        sum += law->p[i] * law->x[i];
    }
    return sum;
}

double curated_variance(const curated *law)
{
    const double mean = curated_mean(law);
    double sum = 0.0;
    for (size_t i = 0; i < law->n; i++) {
        sum += law->p[i] * (law->x[i] - mean) * (law->x[i] - mean);
    }
    return sum;
}

double curated_exp(const curated *law, const double *r)
{
    double sum = 0.0;
    for (size_t i = 0; i < law->n; i++) {
        sum += law->p[i] * exp(r[i]);
    }
    return sum;
}
