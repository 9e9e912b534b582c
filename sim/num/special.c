/* sim/num/special.c: special functions that libm does not have. */
#include <math.h>

#include "sim/num/stats.h"

static const double log_2 = 0.693147180559945309417;
static const double sqrt_2 = 1.41421356237309504880;
static const double sqrt_2pi = 2.50662827463100050242;

double mad_digamma(double x)
{
    double sum = 0.0;
    while (x < 10.0) {
        sum -= 1.0 / x;
        x += 1.0;
    }
    /* ln x - 1/(2x) - sum_k B_2k / (2k x^2k) */
    const double r = 1.0 / (x * x);
    const double tail =
        r * (1.0 / 12 -
             r * (1.0 / 120 -
                  r * (1.0 / 252 - r * (1.0 / 240 - r * (1.0 / 132 - r * (691.0 / 32760))))));
    return sum + (log(x) - 0.5 / x - tail);
}

double mad_trigamma(double x)
{
    double sum = 0.0;
    while (x < 10.0) {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    /* 1/x + 1/(2x^2) + sum_k B_2k / x^(2k+1) */
    const double r = 1.0 / (x * x);
    const double tail =
        r * (1.0 / 6 - r * (1.0 / 30 -
                            r * (1.0 / 42 - r * (1.0 / 30 - r * (5.0 / 66 - r * (691.0 / 2730))))));
    return sum + (1.0 + 0.5 / x + tail) / x;
}

double mad_normal_cdf(double z)
{
    return 0.5 * erfc(-z / sqrt_2);
}

double mad_normal_quantile(double p)
{
    MAD_ASSERT(p > 0.0 && p < 1.0);
    if (p > 0.5) {
        return -mad_normal_quantile(1.0 - p); /* 1 - p is exact there */
    }
    /* Abramowitz & Stegun 26.2.23 (error below 4.5e-4), then Halley steps on the exact cdf. */
    const double t = sqrt(-2.0 * log(p));
    double z = (2.515517 + t * (0.802853 + t * 0.010328)) /
                   (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
               t;
    for (int i = 0; i < 3; i++) {
        const double step = (mad_normal_cdf(z) - p) * sqrt_2pi * exp(0.5 * z * z);
        z -= step / (1.0 + 0.5 * z * step);
    }
    return z;
}

double mad_log_c4(double n)
{
    const double a = 0.5 * (n - 1.0);
    int sign = 0;
    if (a < 12.0) {
        return 0.5 * (log_2 - log(n - 1.0)) + lgamma_r(0.5 * n, &sign) - lgamma_r(a, &sign);
    }
    /* ln Gamma(a + 1/2) - ln Gamma(a) - ln(a)/2: lgamma would cancel for large n. */
    const double r = 1.0 / (a * a);
    return (-1.0 / 8 +
            r * (1.0 / 192 + r * (-1.0 / 640 + r * (17.0 / 14336 + r * (-31.0 / 18432))))) /
           a;
}

/* Continued fraction of the incomplete beta function, DLMF 8.17.22, by modified Lentz steps.
 * I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * fraction, fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1.0, d = 0.0, value = 1.0;
    for (int j = 1; j < 100000; j++) {
        const int half = j / 2;
        const double m = half;
        const double term = j % 2 == 0
                                ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                                : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1.0 + term * d;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = 1.0 + term / c;
        c = fabs(c) < tiny ? tiny : c;
        value *= c * d;
        if (fabs(c * d - 1.0) < 1e-15) {
            break;
        }
    }
    return 1.0 / value;
}

/* P(|T_df| > t) = I_x(df/2, 1/2) with x = df / (df + t^2). */
double mad_student_t_two_sided(double df, double t)
{
    const double a = 0.5 * df, b = 0.5;
    const double x = df / (df + t * t), y = t * t / (df + t * t);
    /* 1 / B(a, 1/2) = Gamma(a + 1/2) / (Gamma(a) sqrt(pi)), free of cancellation */
    const double log_inverse_beta = mad_log_c4(df + 1.0) + 0.5 * log(a) - 0.57236494292470008707;
    const double front = exp(log_inverse_beta - a * log1p(t * t / df) + b * log(y));
    if (x < (a + 1.0) / (a + b + 2.0)) {
        return front * beta_fraction(x, a, b) / a;
    }
    return 1.0 - front * beta_fraction(y, b, a) / b;
}

double mad_student_t_critical(double df, double alpha)
{
    MAD_ASSERT(df >= 1.0 && alpha > 0.0 && alpha < 1.0);
    double low = -80.0, high = 340.0; /* ln t; t * t stays finite */
    for (int i = 0; i < 70; i++) {
        const double middle = 0.5 * (low + high);
        if (mad_student_t_two_sided(df, exp(middle)) > alpha) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return exp(0.5 * (low + high));
}

/* P(chi^2_df > x) = Q(a, z) with a = df/2, z = x/2: series of P below a + 1 (DLMF 8.7.1), continued
 * fraction of Q above (DLMF 8.9.2, modified Lentz). */
static double chi_square_above(double df, double x)
{
    const double a = 0.5 * df, z = 0.5 * x;
    int sign = 0;
    const double front = exp(a * log(z) - z - lgamma_r(a, &sign));
    if (z < a + 1.0) {
        double term = 1.0 / a, sum = term, k = a;
        while (term > 1e-17 * sum) {
            k += 1.0;
            term *= z / k;
            sum += term;
        }
        return 1.0 - front * sum;
    }
    double b = z + 1.0 - a, c = 1e300, d = 1.0 / b, value = d;
    for (int k = 1; k < 100000; k++) {
        const double term = -k * (k - a);
        b += 2.0;
        d = 1.0 / (term * d + b);
        c = b + term / c;
        value *= c * d;
        if (fabs(c * d - 1.0) < 1e-15) {
            break;
        }
    }
    return front * value;
}

double mad_chi_square_quantile(double df, double p)
{
    MAD_ASSERT(df > 0.0 && p > 0.0 && p < 1.0);
    double low = -700.0, high = log(df) + 10.0; /* ln x */
    while (chi_square_above(df, exp(high)) > 1.0 - p) {
        high += 1.0;
    }
    for (int i = 0; i < 70; i++) {
        const double middle = 0.5 * (low + high);
        if (chi_square_above(df, exp(middle)) > 1.0 - p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return exp(0.5 * (low + high));
}
