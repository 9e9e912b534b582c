/* sim/cli/builtin.h: everything this program knows by name. */
#ifndef MAD_CLI_BUILTIN_H
#define MAD_CLI_BUILTIN_H

#include "sim/iface/command.h"

extern const mad_registry mad_builtin;
extern const mad_command *const mad_builtin_commands[]; /* ends with NULL, in the order of --help */

#endif
