/* analysis/policy/bound.h: how many synthetic rows are admissible, how few real ones enough: roots of
 * the closed forms of fresh.h. "Rows" are those a policy counts: bought as real, generated. */
#ifndef MAD_POLICY_BOUND_H
#define MAD_POLICY_BOUND_H

#include "analysis/policy/fresh.h"

/* Fewest real rows: with 5 in two dimensions the bound is 15 % too high, with 10 in one it is right to
 * 1 % (simulated). */
enum { MAD_POLICY_MIN_ROWS = 10 };

/* Most rows a search looks at. */
#define MAD_POLICY_MAX_ROWS 1e12

typedef enum mad_weighting {
    MAD_WEIGHT_PROPORTIONAL, /* every row the same */
    MAD_WEIGHT_FIXED,        /* real rows weigh `weight` in all */
    MAD_WEIGHT_GOLDEN        /* F8 at each size */
} mad_weighting;

typedef enum mad_order {
    MAD_ORDER_WIDE,   /* any ratio of dimensions and rows; K = 1 */
    MAD_ORDER_LEADING /* first order in 1/n: F4, F5, F8 as they stand */
} mad_order;

typedef struct mad_policy {
    double dim, lam, memory;
    mad_weighting weighting;
    double weight;   /* of MAD_WEIGHT_FIXED */
    double leak;     /* F11: share of the rows believed real that the newest model made */
    double tpr, fpr; /* F11: shares of synthetic and of real rows that a detector drops */
    double fit_loss; /* as in fresh.h; to leading order only */
    mad_order order;
} mad_policy;

/* Synthetic sizes with n_e/n_r >= target, n_r fixed. */
typedef struct mad_admissible_sizes {
    double least;   /* smallest of them: 0 where none is enough; NaN: there are none */
    double largest; /* infinite: still admissible at MAD_POLICY_MAX_ROWS; NaN: there are none */
    double best, best_gain; /* the size with the largest n_e/n_r, to 12 %, and that ratio */
} mad_admissible_sizes;

/** What is trained on when a policy counts n_real and n_synthetic rows. */
mad_fresh mad_policy_loop(const mad_policy *policy, double n_real, double n_synthetic);

/** n_e: rows of one fit as close to the real law. NaN: no formula there (leading order only).
 *  errors  MAD_E_NONFINITE, MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_policy_rows(mad_ctx *ctx, const mad_policy *policy, double n_real,
                                          double n_synthetic, double *out);

/** The admissible synthetic sizes.
 *  errors  MAD_E_UNSUPPORTED: the formula ends before the target is missed; those above */
MAD_MUST_CHECK mad_status mad_policy_sizes(mad_ctx *ctx, const mad_policy *policy, double n_real,
                                           double target, mad_admissible_sizes *out);

/** The least n_real with n_e >= wanted, beside n_synthetic rows or, where that is NaN, (1 - share)/share
 *  of n_real; at least dim and MAD_POLICY_MIN_ROWS. NaN: not up to MAD_POLICY_MAX_ROWS.
 *  errors  as above */
MAD_MUST_CHECK mad_status mad_policy_least_real(mad_ctx *ctx, const mad_policy *policy,
                                                double wanted, double n_synthetic, double share,
                                                double *out);

/** A size as text: "1968", "unbounded" (infinite), "none" (NaN). Returns text or a constant. */
const char *mad_size_text(double size, char text[32]);

#endif
