/* tests/support/values.h: parameter values from "key=text" pairs, without a configuration file. */
#ifndef MAD_TESTS_SUPPORT_VALUES_H
#define MAD_TESTS_SUPPORT_VALUES_H

#include "sim/iface/param.h"

/** Number of pairs in a list that ends at NULL. */
size_t mad_pairs_count(const char *const *pairs);

/**
 * Values of a table: its defaults, overridden by "key=text" pairs ("[a,b]" is a list of texts).
 * A failure (unknown key, refused text) is left in ctx and returned.
 */
mad_status mad_values_of(mad_ctx *ctx, mad_arena *mem, const mad_param *params, size_t n_pairs,
                         const char *const *pairs, mad_values *out);

#endif
