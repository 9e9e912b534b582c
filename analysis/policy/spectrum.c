/* analysis/policy/spectrum.c: eigenvalues of the settled covariance, for any ratio of d and n.
 *
 * A fit on weighted rows of I (real) and of lam X (the model before, spectrum X) has for large d the
 * resolvent (Silverstein & Bai 1995; Hachem, Loubaton & Najim 2007)
 *   E (Sigma - z)^-1 = (w/(1 + h1) + g lam X/(1 + h2) - z)^-1,
 *   h1 = (w/n_r) tr (Sigma - z)^-1,  h2 = (g/n_s) tr lam X (Sigma - z)^-1.
 * The loop has settled when Sigma and X have the same law. Its moments follow one by one: the k-th
 * moment of Sigma holds that of X times (g lam)^k, and lower ones. They are taken of u = (x - s)/sd,
 * about the mean s = w/(1 - g lam), and give Gauss nodes, on which (1 - sqrt x)^2 is averaged. In the
 * variable zeta = -sd/(z - s),
 *   T(zeta) = sd E tr (Sigma - z)^-1/d = sum_i mu_i (-beta1)^i E^(i+1),  E = zeta/(1 + zeta beta0),
 *   beta0 = [w (1/(1 + h1) - 1) + g lam s (1/(1 + h2) - 1)]/sd,  beta1 = g lam/(1 + h2),
 * whose coefficient at zeta^(k+1) is (-1)^k mu_k. Finite d: a real Wishart matrix scatters as d + 1
 * columns do, so d + 1 stands for d in h (exact in the leading order, F4).
 */
#include <math.h>
#include <string.h>

#include "analysis/policy/fresh.h"
#include "sim/num/linalg.h"

enum { N_NODES = 8, N_MOMENTS = 2 * N_NODES, N_TERMS = N_MOMENTS + 1 };

typedef double series[N_TERMS]; /* coefficients of zeta^0, zeta^1, ... */

typedef struct law {
    double w, g_lam, s, sd;   /* as above */
    double real, other;       /* h1 = real T1, h2 = other T2 */
    double moment[N_MOMENTS]; /* mu_k */
    series power[N_MOMENTS];  /* (-beta1)^i E^(i+1) */
    series h1, h2;
} law;

static void multiply(const double *a, const double *b, double *out)
{
    series product = {0};
    for (size_t i = 0; i < N_TERMS; i++) {
        for (size_t j = 0; i + j < N_TERMS; j++) {
            product[i + j] += a[i] * b[j];
        }
    }
    memcpy(out, product, sizeof product);
}

/* 1/(1 + a), a without a constant term. */
static void reciprocal(const double *a, double *out)
{
    series b = {1.0};
    for (size_t k = 1; k < N_TERMS; k++) {
        for (size_t j = 1; j <= k; j++) {
            b[k] -= a[j] * b[k - j];
        }
    }
    memcpy(out, b, sizeof b);
}

/* The powers that h1 and h2, known below zeta^k, give; right up to zeta^(k+1). */
static void take_powers(law *l)
{
    series real, other, beta0 = {0}, shifted = {0}, e = {0}, factor;
    reciprocal(l->h1, real);
    reciprocal(l->h2, other);
    for (size_t i = 1; i < N_TERMS; i++) {
        beta0[i] = (l->w * real[i] + l->g_lam * l->s * other[i]) / l->sd;
        shifted[i] = beta0[i - 1];
    }
    reciprocal(shifted, factor);
    memcpy(e + 1, factor, (N_TERMS - 1) * sizeof *e);
    memcpy(l->power[0], e, sizeof e);
    for (size_t i = 0; i < N_TERMS; i++) {
        other[i] *= -l->g_lam;
    }
    multiply(e, other, factor);
    for (size_t i = 1; i < N_MOMENTS; i++) {
        multiply(l->power[i - 1], factor, l->power[i]);
    }
}

static void take_moments(law *l)
{
    l->moment[0] = 1.0;
    for (size_t k = 1; k < N_MOMENTS; k++) {
        double at = 0.0, t1 = 0.0, t2 = 0.0;
        take_powers(l);
        for (size_t i = 0; i < k; i++) {
            at += l->moment[i] * l->power[i][k + 1];
        }
        l->moment[k] = (k % 2 == 0 ? at : -at) / (1.0 - pow(l->g_lam, (double)k));
        for (size_t i = 0; i < k; i++) {
            t1 += l->moment[i] * l->power[i][k];
            t2 += (l->s * l->moment[i] + l->sd * l->moment[i + 1]) * l->power[i][k];
        }
        l->h1[k] = l->real * t1;
        l->h2[k] = l->other * t2;
    }
}

/* Cholesky rows of the Hankel matrix of moments: r[i][j], i < n <= N_NODES, j <= n. Returns how many
 * rows there are before a pivot is lost in rounding. */
static size_t factorise(const double *moment, double r[N_NODES][N_NODES + 1])
{
    for (size_t i = 0; i < N_NODES; i++) {
        for (size_t j = i; j <= N_NODES; j++) {
            double rest = moment[i + j];
            for (size_t k = 0; k < i; k++) {
                rest -= r[k][i] * r[k][j];
            }
            if (i == j && !(rest > 1e-10)) {
                return i;
            }
            r[i][j] = i == j ? sqrt(rest) : rest / r[i][i];
        }
    }
    return N_NODES;
}

/* Gauss nodes of the moments: eigenvalues of the Jacobi matrix (Golub & Welsch 1969). */
static mad_status take_nodes(mad_ctx *ctx, const double *moment, size_t *n, double *node,
                             double *weight)
{
    double r[N_NODES][N_NODES + 1], jacobi[N_NODES * N_NODES] = {0};
    const size_t m = *n = factorise(moment, r);
    mad_status st = MAD_OK;
    for (size_t j = 0; j < m; j++) {
        jacobi[j * m + j] = r[j][j + 1] / r[j][j] - (j > 0 ? r[j - 1][j] / r[j - 1][j - 1] : 0.0);
        if (j > 0) {
            jacobi[j * m + j - 1] = jacobi[(j - 1) * m + j] = r[j][j] / r[j - 1][j - 1];
        }
    }
    MAD_TRY(mad_eigen_sym(ctx, m, jacobi, node, jacobi));
    for (size_t i = 0; i < m; i++) {
        weight[i] = jacobi[i * m] * jacobi[i * m];
    }
out:
    return st;
}

mad_status mad_fresh_level_wide(mad_ctx *ctx, const mad_fresh *loop, double *out)
{
    const mad_fresh_point at = mad_fresh_settle(loop);
    const int is_mixed = loop->n_synthetic > 0.0;
    const double w = is_mixed ? loop->weight : 1.0, g = is_mixed ? 1.0 - w : 0.0;
    const double columns = (loop->dim + 1.0) * at.gain;
    const double real = columns * w / loop->n_real;
    const double other = is_mixed ? columns * g / loop->n_synthetic : 0.0;
    double node[N_NODES], weight[N_NODES], sum = 0.0;
    size_t n;
    mad_status st = MAD_OK;
    law l = {.w = w, .g_lam = g * loop->lam};

    l.s = w / (1.0 - l.g_lam);
    l.sd = sqrt((real * w + other * g * loop->lam * loop->lam * l.s * l.s) /
                (1.0 - l.g_lam * l.g_lam));
    l.real = real / l.sd;
    l.other = other * loop->lam / l.sd;
    take_moments(&l);
    MAD_TRY(take_nodes(ctx, l.moment, &n, node, weight));
    for (size_t i = 0; i < n; i++) {
        const double root = sqrt(fmax((l.s + l.sd * node[i]) * at.spread / l.s, 0.0));
        sum += weight[i] * (1.0 - root) * (1.0 - root);
    }
    *out = loop->dim * (sum + at.drift);
out:
    return st;
}
