/* sim/cli/key_options.h: rows of a parameter table as options of a verb. */
#ifndef MAD_CLI_KEY_OPTIONS_H
#define MAD_CLI_KEY_OPTIONS_H

#include "sim/cli/options.h"

typedef struct mad_key_options {
    size_t n;
    const mad_param *param[MAD_MAX_OPTIONS];
    const char *text[MAD_MAX_OPTIONS]; /* as given; NULL: the default */
} mad_key_options;

/**
 * Append `--kernel-sigma VALUE` for the key kernel_sigma to a list with room for it, which ends at
 * name == NULL. Returns the option, to be changed further; NULL when memory is short.
 */
mad_option *mad_key_options_add(mad_arena *mem, const mad_param *param, mad_key_options *keys,
                                mad_option *list);

/** The values of a table: those given as options, else defaults. MAD_E_USAGE names verb and key;
 *  MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_key_options_read(mad_ctx *ctx, mad_arena *mem, const char *verb,
                                               const mad_param *table, const mad_key_options *keys,
                                               mad_values *out);

#endif
