/* sim/iface/set.h: a data set: rows with, where they have them, labels and weights. */
#ifndef MAD_IFACE_SET_H
#define MAD_IFACE_SET_H

#include <stddef.h>
#include <stdint.h>

#include "sim/base/ctx.h"

/* Views and owners look alike; whoever carved the arrays owns them.
 * Categorical worlds have dim = 1 and x = the category index 0..K-1 as a double. */
typedef struct mad_set {
    size_t n_rows;
    size_t dim;
    double *x;          /* [n_rows][dim] row-major */
    int32_t *label;     /* [n_rows] class 0..n_classes-1, or NULL when the world has no labels */
    int is_label_given; /* asked of sample(): rows of the classes that stand in label already */
    double *weight;     /* [n_rows] > 0, mean 1; or NULL = all equal */
    int32_t *parent; /* [n_rows] asked of sample() where it has_parents: the training row that each
                           was drawn about; or NULL */
} mad_set;

/** Carve a set; labels only when asked for, weight NULL. MAD_E_MEMORY, MAD_E_RANGE. */
MAD_MUST_CHECK mad_status mad_set_take(mad_ctx *ctx, mad_arena *mem, size_t n_rows, size_t dim,
                                       int with_labels, mad_set *out);

/** The rows begin..begin+n_rows-1 as a view. */
mad_set mad_set_rows(const mad_set *set, size_t begin, size_t n_rows);

/** Copy rows (and labels, when both have them) of `from` to rows at..at+from->n_rows-1 of `to`. */
void mad_set_copy(const mad_set *from, mad_set *to, size_t at);

/** MAD_E_NONFINITE naming the first row and column that is NaN or Inf. */
MAD_MUST_CHECK mad_status mad_set_check_finite(mad_ctx *ctx, const mad_set *set, const char *what);

/** FNV-1a over the rows as float64, then their labels as int32; goes on from `start`
 *  (MAD_FNV1A_START). */
uint64_t mad_set_hash(const mad_set *set, uint64_t start);

/**
 * How many rows of a set are, bit for bit, rows of another (labels do not count; told by 64-bit
 * hashes).
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_set_count_shared(mad_ctx *ctx, const mad_set *set,
                                               const mad_set *other, size_t *out);

#endif
