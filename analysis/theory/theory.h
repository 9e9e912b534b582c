/* analysis/theory/theory.h: the closed forms there are; sim/cli/builtin.c lists them.
 *
 * Where two predict the same metric the first of the list that applies is taken: exact forms stand
 * before leading-order ones.
 */
#ifndef MAD_THEORY_THEORY_H
#define MAD_THEORY_THEORY_H

#include "sim/iface/theory.h"

/* second moments of any data policy (recursion.c) */
extern const mad_theory_type mad_theory_trace;
extern const mad_theory_type mad_theory_mean_error_sq;
extern const mad_theory_type mad_theory_heterozygosity;
/* Gaussian chains (gauss.c) */
extern const mad_theory_type mad_theory_gauss_log_det;
extern const mad_theory_type mad_theory_gauss_frechet_line;
extern const mad_theory_type mad_theory_gauss_frechet;
/* Wright-Fisher chain (categories.c) */
extern const mad_theory_type mad_theory_categories_alive;
/* least squares (regression.c) */
extern const mad_theory_type mad_theory_regression_chain;
extern const mad_theory_type mad_theory_regression_accumulate;

#endif
