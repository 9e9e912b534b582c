/* sim/nn/watch.h: tells a training run that has diverged from one that is merely noisy. */
#ifndef MAD_NN_WATCH_H
#define MAD_NN_WATCH_H

#include "sim/base/ctx.h"

/* Averages run over the last MAD_WATCH_WINDOW steps. A run has diverged when for MAD_WATCH_PATIENCE
 * steps on end its loss exceeds MAD_WATCH_FACTOR times its best so far AND MAD_WATCH_POWER times
 * the power of the target, the loss of answering 0: either alone also happens to sound runs, the
 * first where the data can be learnt exactly (a collapsed set), the second before anything was
 * learnt. */
#define MAD_WATCH_WINDOW   ((size_t)50)
#define MAD_WATCH_PATIENCE ((size_t)100)
#define MAD_WATCH_FACTOR   3.0
#define MAD_WATCH_POWER    0.9

/* Zero-initialised at the start of a fit. */
typedef struct mad_watch {
    double loss, power; /* averages; one step's loss counts at most twice what is alarming */
    double best;
    size_t n, n_bad;
} mad_watch;

/**
 * Take in the loss and the power of the target of step 1..n_steps.
 *
 * errors  MAD_E_NONFINITE: the loss is NaN or Inf, or the run has diverged; the message names step
 *         and learning rate
 */
MAD_MUST_CHECK mad_status mad_watch_step(mad_ctx *ctx, mad_watch *watch, size_t step,
                                         size_t n_steps, double rate, double loss, double power);

#endif
