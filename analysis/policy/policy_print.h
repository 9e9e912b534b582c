/* analysis/policy/policy_print.h: curves and answers as tables, CSV and JSON. */
#ifndef MAD_POLICY_PRINT_H
#define MAD_POLICY_PRINT_H

#include <stdio.h>

#include "analysis/policy/policy_curves.h"

/* All there is to show. */
typedef struct mad_policy_result {
    mad_policy_curves curves;
    mad_policy_question question;    /* level NaN: none */
    const mad_policy_answer *answer; /* [curves.n_curves] */
    const char **paragraph;          /* [curves.n_curves] */
} mad_policy_result;

/** To be read: what is meant, a table of the points, one of the answers, the paragraphs. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_policy_print_text(mad_ctx *ctx, mad_arena *mem, FILE *file,
                                                const mad_policy_result *result);

/** One line a point and, with a level, one a curve (column `row`: point, level); all digits.
 *  MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_policy_print_csv(mad_ctx *ctx, mad_arena *mem, FILE *file,
                                               const mad_policy_result *result);

/** MAD_E_IO, MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_policy_print_json(mad_ctx *ctx, FILE *file,
                                                const mad_policy_result *result);

/** "crossed", "never", "always", "unknown" */
const char *mad_policy_kind_word(mad_policy_kind kind);

#endif
