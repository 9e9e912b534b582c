/* loops/operator.h: the one data operator behind every loop family.
 *
 * Generation t trains on
 *   D_1 = R_1                                     n_initial real rows, nothing else
 *   D_t = Budget( R_t u Pool_t )                  t >= 2
 *   R_t    = none                                 {}
 *            fixed                                the first n_real(t) rows of the one real draw
 *            fresh                                n_real(t) new real rows
 *            fresh_accumulate                     D_1 and the fresh rows of generations 2..t
 *   Pool_t = replace                              S_{t-1}
 *            window(W(t))                         S_{t-1} ... S_{t-W}, of what the last pool held
 *            accumulate                           S_{t-1} ... S_1
 *   S_g    : n_synthetic(g+1) rows, each from its own model tau <= g, drawn by the age law
 *            last         tau = g
 *            uniform(K)   tau uniform on the last K(g + 1) models (fewer while g < K)
 *            geometric(r) P(tau) ~ r(g + 1)^(g - tau)
 *            all          tau uniform on 1..g
 *   Budget : all of it, or B rows without replacement, anew every generation t >= 2
 * `age` says which old MODELS are sampled, `retain` what happens to old SAMPLES; n_synthetic(t) is
 * the size of the block that is new in generation t, so the block left by g has n_synthetic(g + 1).
 */
#ifndef MAD_LOOPS_OPERATOR_H
#define MAD_LOOPS_OPERATOR_H

#include "sim/iface/loop.h"

/* Order of the words in the `real` parameter. */
typedef enum mad_operator_real {
    MAD_OPERATOR_AUTO,
    MAD_OPERATOR_NONE,
    MAD_OPERATOR_FIXED,
    MAD_OPERATOR_FRESH,
    MAD_OPERATOR_FRESH_ACCUMULATE,
    MAD_OPERATOR_ARCHIVE
} mad_operator_real;

extern const mad_param mad_operator_params[];

/**
 * Create the operator for a family.
 *
 * preset   what real: auto means; any other word for `real` is an error unless `is_custom`
 * errors   MAD_E_CONFIG: `real` contradicts the family; K or steps no whole number >= 1; rho
 *          outside (0, 1); real data asked for but n_real is 0 throughout; fixed real data of
 *          changing n_real; a real_weight outside (0, 1) or without real rows; a budget that cuts
 *          nothing; age, retain or real_weight without synthetic rows; a generation with nothing to train on
 * memory   O(n_generations) from mem
 */
MAD_MUST_CHECK mad_status mad_operator_create(mad_ctx *ctx, const mad_loop_type *type,
                                              mad_operator_real preset, int is_custom,
                                              const mad_values *values, size_t n_generations,
                                              mad_arena *mem, mad_loop **out);

/* The entries of every family's mad_loop_type (contracts in sim/iface/loop.h). */
MAD_MUST_CHECK mad_status mad_operator_plan(mad_ctx *ctx, const mad_loop *loop, size_t generation,
                                            mad_arena *mem, mad_plan *out);
size_t mad_operator_n_synthetic(const mad_loop *loop, size_t generation);
void mad_operator_sources(const mad_loop *loop, size_t generation, double *p);
size_t mad_operator_n_models_kept(const mad_loop *loop);

#endif
