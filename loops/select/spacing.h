/* loops/select/spacing.h: how far rows lie from a growing set of them, and from each other. */
#ifndef MAD_LOOPS_SELECT_SPACING_H
#define MAD_LOOPS_SELECT_SPACING_H

#include "sim/iface/set.h"

typedef struct mad_spacing {
    const mad_set *rows; /* borrowed */
    double *near_sq;     /* [n_rows] squared distance to the nearest row of the set */
    size_t *far;         /* [n_chunks] the farthest of each chunk */
} mad_spacing;

/** The empty set: all distances infinite. Arrays lie in ctx->scratch. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_spacing_start(mad_ctx *ctx, const mad_set *rows, mad_spacing *out);

/**
 * Row i joins the set; *far = the row farthest from it, the first of equals.
 * threads  parallel over chunks of MAD_CHUNK rows, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_spacing_add(mad_ctx *ctx, mad_spacing *spacing, size_t i,
                                          size_t *far);

/**
 * Entropy in nats by nearest neighbours:
 *   psi(n) - psi(1) + ln V_d + d mean ln eps,   eps the distance to the nearest other row,
 *   V_d the volume of the unit ball. NaN for fewer than 2 rows; -INFINITY where two rows are equal.
 *
 * ref      Kozachenko & Leonenko 1987; Kraskov et al. 2004, Eq. 20
 * errors   MAD_E_MEMORY
 * threads  parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_spacing_entropy(mad_ctx *ctx, const mad_set *rows, double *out);

#endif
