/* models/optimiser.h: how a model with a network is trained: its keys, read alike by all of them, and
 * its loss curve. */
#ifndef MAD_MODELS_OPTIMISER_H
#define MAD_MODELS_OPTIMISER_H

#include "models/keys.h"
#include "sim/iface/model.h"
#include "sim/nn/train.h"

/* The last two texts say what `auto` is. */
#define MAD_OPTIMISER_PARAMS(batch_auto, rate_auto)                                                \
    MAD_FORM("train.steps", "auto", 1, 1e7, "auto|#N",                                             \
             "optimiser steps of a fit from scratch; auto: 2000, or as train.epochs or "           \
             "train.samples say"),                                                                 \
        MAD_FORM("train.epochs", "none", 1e-6, 1e7, "none|#",                                      \
                 "instead: passes over the training set"),                                         \
        MAD_FORM("train.samples", "none", 1, 1e13, "none|#N", "instead: training rows seen"),      \
        MAD_FORM("train.batch", "auto", 1, 65536, "auto|#N",                                       \
                 "rows per step, drawn with replacement; auto: " batch_auto),                      \
        MAD_FORM("train.lr", "auto", 1e-8, 1, "auto|#",                                            \
                 "learning rate of Adam after the warm-up; auto: " rate_auto),                     \
        MAD_INT("train.warmup", "100", 0, 1e6, "steps of linear warm-up"),                         \
        MAD_CHOICE("train.decay", "cosine", "constant|cosine|linear",                              \
                   "learning rate after the warm-up"),                                             \
        MAD_REAL("train.beta1", "0.9", 0, 0.9999, "decay of Adam's first moment"),                 \
        MAD_REAL("train.beta2", "0.999", 0, 0.99999, "decay of Adam's second moment"),             \
        MAD_REAL("train.eps", "1e-8", 1e-12, 1, "Adam's epsilon"),                                 \
        MAD_REAL("train.weight_decay", "0", 0, 10, "decoupled weight decay (AdamW)"),              \
        MAD_REAL("train.clip", "1", 0, 1e9, "largest gradient norm; 0 = no limit"),                \
        MAD_FORM("train.ema", "power(6.94)", 0, 1e12,                                              \
                 "power(gamma)|constant(decay)|halflife(rows)",                                    \
                 "parameter average that samples: decay (1 - 1/n)^(gamma + 1), 6.94 = a window "   \
                 "of 10 % of the run; min(decay, (1 + n)/(10 + n)); or half a weight after so "    \
                 "many rows seen")

/* How long a fit from scratch is. */
typedef enum mad_budget_kind {
    MAD_BUDGET_STEPS,
    MAD_BUDGET_EPOCHS, /* passes over the training set, in expectation: rows are drawn with
                          replacement */
    MAD_BUDGET_ROWS    /* training rows seen */
} mad_budget_kind;

typedef struct mad_budget {
    mad_budget_kind kind;
    double amount;
} mad_budget;

/** Optimiser steps, rounded up, at least 1. */
size_t mad_budget_steps(const mad_budget *budget, size_t n_rows, size_t n_batch);

typedef struct mad_optimiser_settings {
    mad_budget budget;
    size_t n_batch;
    mad_train_options train;
} mad_optimiser_settings;

/** errors  MAD_E_CONFIG naming the key */
MAD_MUST_CHECK mad_status mad_optimiser_read(mad_ctx *ctx, const mad_values *values,
                                             size_t auto_batch, double auto_rate,
                                             mad_optimiser_settings *out);

/** Take the loss of step 0..n_steps-1 into the mean over its part of the fit. curve: [n_loss] */
void mad_loss_note(size_t n_loss, double *curve, size_t n_steps, size_t step, double loss);

/** MAD_E_NONFINITE: a number of a loaded block; name: what it is, "parameter". x: [n] */
MAD_MUST_CHECK mad_status mad_check_parameters(mad_ctx *ctx, const char *name, size_t n,
                                               const float *x);

#endif
