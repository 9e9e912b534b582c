/* analysis/table/pairs.h: a resolved configuration as flat "a.b" = value pairs. */
#ifndef MAD_TABLE_PAIRS_H
#define MAD_TABLE_PAIRS_H

#include "sim/base/ctx.h"

typedef struct mad_pair {
    const char *key;   /* "loop.family" */
    const char *value; /* scalar text; a list as "[a, b]" */
} mad_pair;

/**
 * Flatten YAML text in document order. No parameter table is asked, so configurations of other
 * versions of the program read as well.
 *
 * errors  MAD_E_DATA: not YAML;  MAD_E_MEMORY
 * memory  pairs and texts from mem
 */
MAD_MUST_CHECK mad_status mad_pairs_parse(mad_ctx *ctx, mad_arena *mem, const char *text,
                                          size_t *n_pairs, const mad_pair **pairs);

/** The value of a key, or NULL. */
const char *mad_pair_value(size_t n_pairs, const mad_pair *pairs, const char *key);

#endif
