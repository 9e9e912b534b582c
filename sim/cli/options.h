/* sim/cli/options.h: the options of a verb: one table gives parsing, checks and --help. */
#ifndef MAD_CLI_OPTIONS_H
#define MAD_CLI_OPTIONS_H

#include "sim/iface/command.h"

/* One option. Exactly one of flag, text, count, real is set: it says the kind and where the value
 * goes; what is not given on the command line keeps the value it had. */
typedef struct mad_option {
    const char *name;     /* long name without dashes; NULL ends a table */
    char letter;          /* short name, 0 = none; 'h' is taken by --help */
    const char *argument; /* "DIR", shown in the help; NULL for flags */
    const char *doc;      /* one line */
    int *flag;            /* no value; set to 1 */
    const char **text;    /* any text; borrowed from argv */
    size_t *count;        /* whole number in min..max, or an index into `choices` */
    double *real;         /* finite number in min..max */
    double min, max;      /* inclusive */
    const char *choices;  /* with count: "auto|bar|line", the value is the index of the word */
} mad_option;

#define MAD_MAX_OPTIONS 64

/* What a verb accepts. */
typedef struct mad_usage {
    const mad_option *options; /* ends at name == NULL; NULL = none but --help */
    size_t min_args, max_args; /* arguments that are no options; max_args 0 = none */
    const char *notes;         /* shown below the options; NULL = none */
} mad_usage;

/* Arguments that are no options, in order. Options may stand between them; "--" ends options. */
typedef struct mad_arguments {
    size_t n;
    char **text;    /* [n], inside argv */
    int shown_help; /* 1: --help was given and printed to stdout; the verb has nothing left to do */
} mad_arguments;

/**
 * Parse argv[1..argc-1] of a verb. argv is reordered (options first).
 *
 *     mad_option options[] = {
 *         {"out", 'o', "DIR", "folder for the figures", .text = &out_dir},
 *         {"json", 0, NULL, "print JSON", .flag = &is_json},
 *         {"jobs", 'j', "N", "runs at a time", .count = &n_jobs, .min = 1, .max = 1024},
 *         {.name = NULL},
 *     };
 *     MAD_TRY(mad_options_parse(app, &mad_command_x, argc, argv,
 *                               &(mad_usage){options, 1, SIZE_MAX, NULL}, &args));
 *     if (args.shown_help) {
 *         goto out;
 *     }
 *
 * errors  MAD_E_USAGE: unknown option (with the nearest one), missing or superfluous value, value
 *         out of range, an option given twice, too few or too many arguments; targets may have
 *         been partly set
 * threads main thread only; reads the environment variable ARGP_HELP_FMT as argp does
 */
MAD_MUST_CHECK mad_status mad_options_parse(mad_app *app, const mad_command *command, int argc,
                                            char **argv, const mad_usage *usage,
                                            mad_arguments *out);

#endif
