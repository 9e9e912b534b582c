/* analysis/theory/conditions.h: what a setting is, as the assumptions of closed forms ask it. */
#ifndef MAD_THEORY_CONDITIONS_H
#define MAD_THEORY_CONDITIONS_H

#include "sim/iface/setting.h"

/** 1 when the model or world of that registry name is used. */
int mad_theory_uses_model(const mad_setting *setting, const char *name);
int mad_theory_uses_world(const mad_setting *setting, const char *name);

/** Covariance factor of the sampling bias: 1 without one, a constant strength of `shrink`, or of
 *  `temperature` on model gauss, else NaN; NaN, too, where rows are selected, corrected or pass a
 *  channel, models are extrapolated, or loops feed each other. */
double mad_theory_lam(const mad_setting *setting);

/** 1 when real rows are independent draws of a law (not a finite file). */
int mad_theory_has_iid_rows(const mad_setting *setting);

/** 1 when generation t >= 2 trains on the whole block that model t - 1 alone left, and on nothing
 *  else (fully synthetic, replaced). */
int mad_theory_is_chain(const mad_setting *setting);

/** 1 when generation t trains on the real rows of generation 1 and all earlier blocks, equally
 *  weighted, each block drawn from the newest model. */
int mad_theory_is_accumulate(const mad_setting *setting);

/** 1 when the last generation trains on a random part of its pool. */
int mad_theory_has_budget(const mad_setting *setting);

/** Rows generation 1 trains on. */
size_t mad_theory_n_initial(const mad_setting *setting);

/** Rows that are new in the training set of a generation of a chain or an accumulating loop. */
size_t mad_theory_n_new(const mad_setting *setting, size_t generation);

#endif
