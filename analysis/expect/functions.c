/* analysis/expect/functions.c: the functions that criteria know. */
#include <math.h>
#include <string.h>

#include "analysis/expect/internal.h"
#include "sim/num/stats.h"

/* What is not measured says so: comparisons would pass over it. */
static int has_nan(size_t n, const double *x)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) {
            return 1;
        }
    }
    return 0;
}

static double mean_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)y, (void)lag;
    return mad_mean(n, x);
}

static double sum_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)y, (void)lag;
    return mad_sum(n, x);
}

static double smallest_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)y, (void)lag;
    double smallest = has_nan(n, x) ? (double)NAN : x[0];
    for (size_t i = 1; i < n; i++) {
        smallest = x[i] < smallest ? x[i] : smallest;
    }
    return smallest;
}

static double largest_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)y, (void)lag;
    double largest = has_nan(n, x) ? (double)NAN : x[0];
    for (size_t i = 1; i < n; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    return largest;
}

/* Least squares against 0, 1, ... n - 1. */
static double slope_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)y, (void)lag;
    const double middle = 0.5 * (double)(n - 1);
    double sum = 0.0, square = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += ((double)i - middle) * x[i];
        square += ((double)i - middle) * ((double)i - middle);
    }
    return sum / square;
}

/* tau-a against the order. */
static double kendall_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)y, (void)lag;
    double sum = has_nan(n, x) ? (double)NAN : 0.0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            sum += (double)(x[k] > x[i]) - (double)(x[k] < x[i]);
        }
    }
    return sum / (0.5 * (double)n * (double)(n - 1));
}

static double corr_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)lag;
    const double mx = mad_mean(n, x), my = mad_mean(n, y);
    double xx = 0.0, yy = 0.0, xy = 0.0;
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xy / sqrt(xx * yy);
}

/* Ranks from 1, ties share the mean of theirs: of x[i] half of those it beats and of those not. */
static double rank_of(size_t n, const double *x, size_t i)
{
    double rank = 0.5;
    for (size_t k = 0; k < n; k++) {
        rank += 0.5 * (double)(x[k] < x[i]) + 0.5 * (double)(x[k] <= x[i]);
    }
    return rank;
}

/* Pearson's of the ranks, whose mean is (n + 1)/2. */
static double spearman_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)lag;
    const double middle = has_nan(n, x) || has_nan(n, y) ? (double)NAN : 0.5 * (double)(n + 1);
    double xx = 0.0, yy = 0.0, xy = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double a = rank_of(n, x, i) - middle, b = rank_of(n, y, i) - middle;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return xy / sqrt(xx * yy);
}

static double autocorr_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)y;
    const double m = mad_mean(n, x);
    double all = 0.0, product = 0.0;
    for (size_t i = 0; i < n; i++) {
        all += (x[i] - m) * (x[i] - m);
        product += i + lag < n ? (x[i] - m) * (x[i + lag] - m) : 0.0;
    }
    return product / all;
}

/* sum_m factor^m x[n - 1 - m] */
static double discounted_of(size_t n, const double *x, double factor)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum = factor * sum + x[i];
    }
    return sum;
}

static double variance_of(size_t n, const double *x, const double *y, size_t lag)
{
    (void)y, (void)lag;
    return mad_variance(n, x, 1.0);
}

static double square_root(double x)
{
    return sqrt(x);
}

static double natural_log(double x)
{
    return log(x);
}

static double exponential(double x)
{
    return exp(x);
}

static double absolute(double x)
{
    return fabs(x);
}

static const known functions[] = {
    {.name = "log", OF_NUMBER, 1, 1, .of = natural_log},
    {.name = "exp", OF_NUMBER, 1, 1, .of = exponential},
    {.name = "sqrt", OF_NUMBER, 1, 1, .of = square_root},
    {.name = "abs", OF_NUMBER, 1, 1, .of = absolute},
    {.name = "digamma", OF_NUMBER, 1, 1, .of = mad_digamma},
    {.name = "trigamma", OF_NUMBER, 1, 1, .of = mad_trigamma},
    {.name = "log_c4", OF_NUMBER, 1, 1, .of = mad_log_c4},
    {.name = "mean", OVER_TIME, 1, 3, .least = 1, .over = mean_of},
    {.name = "sum", OVER_TIME, 1, 3, .least = 1, .over = sum_of},
    {.name = "smallest", OVER_TIME, 1, 3, .least = 1, .over = smallest_of},
    {.name = "largest", OVER_TIME, 1, 3, .least = 1, .over = largest_of},
    {.name = "slope", OVER_TIME, 1, 3, .least = 2, .over = slope_of},
    {.name = "kendall", OVER_TIME, 1, 3, .least = 2, .over = kendall_of},
    {.name = "autocorr", OVER_TIME_LAG, 2, 4, .least = 2, .over = autocorr_of},
    {.name = "corr", OVER_TIME_TWO, 2, 4, .least = 2, .over = corr_of},
    {.name = "spearman", OVER_PAIRS, 2, MAX_ARGUMENTS, .over = spearman_of},
    {.name = "discounted", OVER_PAST, 2, 2, .past = discounted_of},
    {.name = "E", OVER_REPLICATES, 1, 1, .over = mean_of},
    {.name = "Var", OVER_REPLICATES, 1, 1, .over = variance_of},
};

const known *mad_expect_function(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return &functions[i];
        }
    }
    return NULL;
}
