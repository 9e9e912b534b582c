/* sim/iface/command.h: a verb of the command line. */
#ifndef MAD_IFACE_COMMAND_H
#define MAD_IFACE_COMMAND_H

#include "sim/iface/registry.h"

/* What main hands to a verb. Results go to stdout, messages and progress to stderr. */
typedef struct mad_app {
    mad_ctx *ctx;
    const mad_registry *registry;
    size_t n_threads;
} mad_app;

typedef struct mad_command {
    const char *name;
    const char *arguments; /* "CONFIG [key=value ...]" */
    const char *doc;       /* one line */
    /** argv[0] is the verb. Usage errors: mad_fail(MAD_E_USAGE). */
    mad_status (*run)(mad_app *app, int argc, char **argv);
} mad_command;

#endif
