/* sim/nn/watch.c: running averages of a loss. */
#include "sim/nn/watch.h"

#include <math.h>

mad_status mad_watch_step(mad_ctx *ctx, mad_watch *w, size_t step, size_t n_steps, double rate,
                          double loss, double power)
{
    if (!isfinite(loss)) {
        return mad_fail(
            ctx, MAD_E_NONFINITE,
            "training diverged at step %zu of %zu (learning rate %.3g): the loss is not "
            "finite",
            step, n_steps, rate);
    }
    w->n++;
    const double share = 1.0 / (double)(w->n < MAD_WATCH_WINDOW ? w->n : MAD_WATCH_WINDOW);
    w->power += share * (power - w->power);
    const double most = 2.0 * fmax(w->power, MAD_WATCH_FACTOR * w->best); /* a spike shall fade */
    w->loss += share * (fmin(loss, most) - w->loss);
    if (w->n < MAD_WATCH_WINDOW) {
        return MAD_OK; /* the average of a few steps may be low by chance */
    }
    if (w->n == MAD_WATCH_WINDOW || w->loss < w->best) {
        w->best = w->loss;
    }
    w->n_bad = w->loss > MAD_WATCH_FACTOR * w->best && w->loss > MAD_WATCH_POWER * w->power
                   ? w->n_bad + 1
                   : 0;
    if (w->n_bad == MAD_WATCH_PATIENCE) {
        return mad_fail(ctx, MAD_E_NONFINITE,
                        "training diverged by step %zu of %zu (learning rate %.3g): the loss has "
                        "been above %g times its best, %.3g, for %zu steps and is %.3g; a lower "
                        "train.lr, a longer train.warmup or a smaller train.clip may help",
                        step, n_steps, rate, MAD_WATCH_FACTOR, w->best, MAD_WATCH_PATIENCE,
                        w->loss);
    }
    return MAD_OK;
}
