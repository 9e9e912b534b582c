/* sim/num/stats.c: order-fixed sums, quantiles, sorting, and the hash of bytes. */
#include "sim/num/stats.h"

#include <math.h>

enum { LEAF = 128, N_LANES = 8, SORT_LEAF = 24 };

/* In fixed lanes, so that the order does not hang on the vectoriser. */
static double leaf_sum(size_t n, const double *x)
{
    double lane[N_LANES] = {0};
    size_t i = 0;
    for (; i + N_LANES <= n; i += N_LANES) {
        for (size_t j = 0; j < N_LANES; j++) {
            lane[j] += x[i + j];
        }
    }
    for (size_t j = 0; i < n; i++, j++) {
        lane[j] += x[i];
    }
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) +
           ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

static double leaf_squares(size_t n, const double *x, double centre)
{
    double square[LEAF];
    for (size_t i = 0; i < n; i++) {
        const double d = x[i] - centre;
        square[i] = d * d;
    }
    return leaf_sum(n, square);
}

double mad_sum(size_t n, const double *x)
{
    if (n <= LEAF) {
        return leaf_sum(n, x);
    }
    const size_t half = n / 2;
    return mad_sum(half, x) + mad_sum(n - half, x + half);
}

static double sum_squares(size_t n, const double *x, double centre)
{
    if (n <= LEAF) {
        return leaf_squares(n, x, centre);
    }
    const size_t half = n / 2;
    return sum_squares(half, x, centre) + sum_squares(n - half, x + half, centre);
}

int mad_is_constant(size_t n, const double *x, size_t stride)
{
    size_t i = 1;
    while (i < n && x[i * stride] == x[0]) {
        i++;
    }
    return i >= n;
}

double mad_mean(size_t n, const double *x)
{
    if (n == 0) {
        return (double)NAN;
    }
    return mad_is_constant(n, x, 1) ? x[0] : mad_sum(n, x) / (double)n;
}

double mad_variance(size_t n, const double *x, double ddof)
{
    const double freedom = (double)n - ddof;
    return freedom > 0.0 ? sum_squares(n, x, mad_mean(n, x)) / freedom : (double)NAN;
}

double mad_student_t(size_t n, const double *x, double c)
{
    const double mean = mad_mean(n, x);
    const double error = sqrt(mad_variance(n, x, 1.0) / (double)n);
    if (error == 0.0) {
        return mean == c ? 0.0 : copysign((double)INFINITY, mean - c);
    }
    return (mean - c) / error;
}

double mad_quantile_sorted(size_t n, const double *sorted, double p)
{
    MAD_ASSERT(n > 0 && p >= 0.0 && p <= 1.0);
    const double at = p * (double)(n - 1);
    const size_t i = (size_t)at;
    if (i + 1 >= n) {
        return sorted[n - 1];
    }
    const double frac = at - (double)i;
    return frac == 0.0 ? sorted[i] : sorted[i] + frac * (sorted[i + 1] - sorted[i]);
}

static void swap(double *x, size_t i, size_t j)
{
    const double t = x[i];
    x[i] = x[j];
    x[j] = t;
}

static void insertion_sort(size_t n, double *x)
{
    for (size_t i = 1; i < n; i++) {
        const double value = x[i];
        size_t j = i;
        for (; j > 0 && x[j - 1] > value; j--) {
            x[j] = x[j - 1];
        }
        x[j] = value;
    }
}

static void sift_down(size_t n, double *x, size_t root)
{
    for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && x[child] < x[child + 1]) {
            child++;
        }
        if (!(x[root] < x[child])) {
            return;
        }
        swap(x, root, child);
        root = child;
    }
}

static void heap_sort(size_t n, double *x)
{
    for (size_t i = n / 2; i-- > 0;) {
        sift_down(n, x, i);
    }
    for (size_t end = n; end-- > 1;) {
        swap(x, 0, end);
        sift_down(end, x, 0);
    }
}

/* Quicksort, median of three; heap sort below `depth` bad splits keeps it n log n (introsort). */
static void intro_sort(size_t n, double *x, unsigned depth)
{
    while (n > SORT_LEAF) {
        if (depth-- == 0) {
            heap_sort(n, x);
            return;
        }
        const double a = x[0], b = x[n / 2], c = x[n - 1];
        const double pivot = fmax(fmin(a, b), fmin(fmax(a, b), c));
        size_t i = 0, j = n - 1;
        for (;;) { /* Hoare: x[..j] <= pivot <= x[j + 1..] at the end, both sides non-empty */
            while (x[i] < pivot) {
                i++;
            }
            while (x[j] > pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            swap(x, i++, j--);
        }
        const size_t left = i == j ? i : j + 1;
        intro_sort(left, x, depth);
        x += left;
        n -= left;
    }
    insertion_sort(n, x);
}

void mad_sort(size_t n, double *x)
{
    size_t n_numbers = 0;
    unsigned depth = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(x[i])) {
            swap(x, n_numbers++, i);
        }
    }
    for (size_t m = n_numbers; m > 0; m /= 2) {
        depth += 2;
    }
    intro_sort(n_numbers, x, depth);
}

uint64_t mad_fnv1a(const void *bytes, size_t n_bytes, uint64_t start)
{
    const unsigned char *byte = bytes;
    uint64_t hash = start;
    for (size_t i = 0; i < n_bytes; i++) {
        hash = (hash ^ byte[i]) * 0x100000001b3ull;
    }
    return hash;
}
