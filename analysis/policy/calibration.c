/* analysis/policy/calibration.c: see the header. */
#include "analysis/policy/calibration.h"

#include <math.h>

#include "analysis/policy/bound.h"

enum { N_HALVINGS = 50 };

double mad_mean_without(size_t n, const double *x, size_t omitted)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += i == omitted ? 0.0 : x[i];
    }
    return sum / (double)(omitted < n ? n - 1 : n);
}

double mad_calibration_gain(const mad_calibration *fit, double n_real, double distance)
{
    return fit->amplitude / (distance - fit->floor) / n_real;
}

/* ---- one fit: floor + amplitude/n ----------------------------------------------------------- */

/* Least squares of relative errors, floor >= 0. */
static void fit_curve(const double *rows, const double *distance, mad_calibration *out)
{
    double s11 = 0.0, s12 = 0.0, s22 = 0.0, r1 = 0.0, r2 = 0.0;
    for (size_t i = 0; i < MAD_CALIBRATION_CURVE; i++) {
        const double one = 1.0 / distance[i], each = one / rows[i];
        s11 += one * one;
        s12 += one * each;
        s22 += each * each;
        r1 += one;
        r2 += each;
    }
    out->floor = (r1 * s22 - r2 * s12) / (s11 * s22 - s12 * s12);
    out->amplitude = (r2 * s11 - r1 * s12) / (s11 * s22 - s12 * s12);
    if (!(out->floor > 0.0)) {
        out->floor = 0.0;
        out->amplitude = r2 / s22;
    }
    out->misfit = 0.0;
    for (size_t i = 0; i < MAD_CALIBRATION_CURVE; i++) {
        const double fitted = out->floor + out->amplitude / rows[i];
        out->misfit = fmax(out->misfit, fabs(fitted / distance[i] - 1.0));
    }
}

/* d with d (d + 5)/4 = amplitude, or (d + 5) T/4 = amplitude; a Gaussian fit has d >= 1. */
static double dim_of(double amplitude, double trace)
{
    const double dim =
        isnan(trace) ? 0.5 * (sqrt(25.0 + 16.0 * amplitude) - 5.0) : 4.0 * amplitude / trace - 5.0;
    return fmax(dim, 1.0);
}

/* ---- lam_eff -------------------------------------------------------------------------------- */

static mad_policy policy_of(const mad_calibration *fit)
{
    return (mad_policy){.dim = fit->dim,
                        .lam = fit->is_own ? 1.0 : fit->lam,
                        .memory = 1.0,
                        .fit_loss = fit->is_own ? 1.0 - fit->lam : 0.0,
                        .order = MAD_ORDER_LEADING};
}

/* n_e/n_r of the Gaussian loop, of its mean level over the late generations. */
static double late_gain(const mad_measured *m, const mad_calibration *fit, size_t i, double *level)
{
    const mad_policy policy = policy_of(fit);
    const mad_fresh loop = mad_policy_loop(&policy, m->n_real, m->n_synthetic[i]);
    double sum = 0.0;
    mad_fresh_course(&loop, m->n_initial, m->n_generations, level);
    for (size_t t = m->first_late; t <= m->n_generations; t++) {
        sum += level[t - 1];
    }
    const double mean = sum / (double)(m->n_generations + 1 - m->first_late);
    return mad_fresh_amplitude(policy.dim, policy.fit_loss) /
           (mean - mad_fresh_single(policy.dim, policy.fit_loss, (double)INFINITY)) / m->n_real;
}

/* lam at which the loop with more synthetic rows, which shows a bias best, has the measured n_e; 1 where
 * that is no less than without a bias. Returns 0 where the Gaussian loop has no expansion. */
static int fit_lam(const mad_measured *m, mad_calibration *fit, double *level)
{
    const size_t last = MAD_CALIBRATION_LOOPS - 1;
    double low = 0.0, high = 1.0;
    fit->lam = 1.0;
    const double free = late_gain(m, fit, last, level);
    for (size_t i = 0; free > fit->gain[last] && i < N_HALVINGS; i++) {
        fit->lam = 0.5 * (low + high);
        const double gain = late_gain(m, fit, last, level);
        if (gain > fit->gain[last]) {
            high = fit->lam;
        } else {
            low = fit->lam; /* NaN too: so strong a bias has no expansion */
        }
    }
    return isfinite(late_gain(m, fit, last, level));
}

/* A bias of synthetic rows or an error of every fit, whichever meets the other loop better; 0: none has
 * an expansion. */
static int fit_bias(const mad_measured *m, mad_calibration *fit, double *level)
{
    mad_calibration other = *fit;
    fit->is_own = 0;
    other.is_own = 1;
    const int is_found = fit_lam(m, fit, level), is_other = fit_lam(m, &other, level);
    const double miss = fabs(log(late_gain(m, fit, 0, level) / fit->gain[0]));
    if (is_other &&
        !(is_found && miss <= fabs(log(late_gain(m, &other, 0, level) / fit->gain[0])))) {
        *fit = other;
    }
    return is_found || is_other;
}

/* ---- all of it ------------------------------------------------------------------------------ */

mad_status mad_calibration_predict(mad_ctx *ctx, const mad_calibration *fit, double n_real,
                                   double n_synthetic, double *out)
{
    const mad_policy policy = policy_of(fit);
    const mad_status st = mad_policy_rows(ctx, &policy, n_real, n_synthetic, out);
    *out /= n_real;
    return st;
}

mad_status mad_calibrate(mad_ctx *ctx, const mad_measured *m, size_t omitted,
                         const double *log_shift, mad_calibration *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *level = mad_arena_take(ctx->scratch, m->n_generations, sizeof *level);
    double distance[MAD_CALIBRATION_CURVE];
    mad_admissible_sizes sizes;
    mad_status st = MAD_OK;

    if (level == NULL) {
        return mad_fail_memory(ctx, "a calibration");
    }
    for (size_t i = 0; i < MAD_CALIBRATION_CURVE; i++) {
        distance[i] = mad_mean_without(m->n_replicates, m->curve[i], omitted);
    }
    fit_curve(m->rows, distance, out);
    if (!(out->amplitude > 0.0)) {
        st = mad_fail(ctx, MAD_E_FAILED,
                      "admissible: the distance of generation 1 does not fall with its rows");
        goto out;
    }
    out->dim = dim_of(out->amplitude, m->trace);
    for (size_t i = 0; i < MAD_CALIBRATION_LOOPS; i++) {
        const double d = mad_mean_without(m->n_replicates, m->loop[i], omitted);
        out->gain[i] = mad_calibration_gain(out, m->n_real, d);
        if (!(out->gain[i] > 0.0)) {
            st = mad_fail(
                ctx, MAD_E_FAILED,
                "admissible: the loop with n_synthetic %.0f is at %g, below the %g that one "
                "fit keeps with endless rows",
                m->n_synthetic[i], d, out->floor);
            goto out;
        }
    }
    for (size_t i = 0; i < MAD_CALIBRATION_LOOPS; i++) {
        out->gain[i] *= exp(log_shift[i]);
    }
    if (!fit_bias(m, out, level)) {
        st = mad_fail(ctx, MAD_E_UNSUPPORTED,
                      "admissible: d_eff %.3g is too large for n_real %.0f: no expansion in 1/n",
                      out->dim, m->n_real);
        goto out;
    }
    for (size_t i = 0; i < MAD_CALIBRATION_LOOPS; i++) {
        out->fitted[i] = late_gain(m, out, i, level);
    }
    const mad_policy policy = policy_of(out);
    MAD_TRY(mad_policy_sizes(ctx, &policy, m->n_real, m->target, &sizes));
    out->n_synthetic = sizes.largest;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}
