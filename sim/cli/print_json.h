/* sim/cli/print_json.h: what verbs print with --json. */
#ifndef MAD_CLI_PRINT_JSON_H
#define MAD_CLI_PRINT_JSON_H

#include <jansson.h>

#include "sim/base/ctx.h"

/** Indented, on stdout, and a newline. Takes `root` over; NULL: memory was short when it was made.
 *  errors  MAD_E_MEMORY: nothing is printed */
MAD_MUST_CHECK mad_status mad_print_json(mad_ctx *ctx, json_t *root);

#endif
