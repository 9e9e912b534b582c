/* sim/cli/options.c: option tables on top of glibc's argp. */
#include "sim/cli/options.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/config/config.h"

enum { KEY_HELP = 'h', KEY_FIRST = 256, NAME_BYTES = 64 };

/* What the argp callback sees. `st` is set at the first failure; later ones are echoes of it. */
typedef struct parse_state {
    mad_app *app;
    const mad_command *command;
    const mad_usage *usage;
    mad_arguments *out;
    int is_given[MAD_MAX_OPTIONS];
    mad_status st;
} parse_state;

static const mad_option *option_list(const mad_usage *usage)
{
    static const mad_option none[] = {{.name = NULL}};
    return usage->options != NULL ? usage->options : none;
}

static int option_key(const mad_option *list, size_t i)
{
    return list[i].letter != 0 ? list[i].letter : KEY_FIRST + (int)i;
}

/* Index of a word of length n in "a|b|c", or SIZE_MAX. */
static size_t choice_index(const char *choices, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0;; i++) {
        size_t width = strcspn(choices, "|");
        if (n == width && memcmp(choices, word, n) == 0) {
            return i;
        }
        if (choices[width] == '\0') {
            return SIZE_MAX;
        }
        choices += width + 1;
    }
}

static mad_status set_number(parse_state *p, const mad_option *option, const char *text)
{
    char *end = NULL;
    double value = strtod(text, &end);
    int is_number = end != text && *end == '\0' && isfinite(value);

    if (!is_number || value < option->min || value > option->max ||
        (option->count != NULL && value != floor(value))) {
        return mad_fail(p->app->ctx, MAD_E_USAGE,
                        "%s: option '--%s' expects a %s from %.10g to %.10g, got '%s'",
                        p->command->name, option->name,
                        option->count != NULL ? "whole number" : "number", option->min, option->max,
                        text);
    }
    if (option->count != NULL) {
        *option->count = (size_t)value;
    } else {
        *option->real = value;
    }
    return MAD_OK;
}

static mad_status set_option(parse_state *p, const mad_option *option, const char *text)
{
    if (option->flag != NULL) {
        *option->flag = 1;
        return MAD_OK;
    }
    if (option->text != NULL) {
        *option->text = text;
        return MAD_OK;
    }
    if (option->choices == NULL) {
        return set_number(p, option, text);
    }
    size_t i = choice_index(option->choices, text);
    if (i == SIZE_MAX) {
        return mad_fail(p->app->ctx, MAD_E_USAGE, "%s: option '--%s' expects one of %s, got '%s'",
                        p->command->name, option->name, option->choices, text);
    }
    *option->count = i;
    return MAD_OK;
}

/* The option a command-line word names: "--format=svg", "--form" (a unique prefix), "-o". */
static const mad_option *find_option(const mad_usage *usage, const char *word)
{
    const mad_option *list = option_list(usage);
    const mad_option *found = NULL;

    if (word[0] != '-' || word[1] == '\0') {
        return NULL;
    }
    for (size_t i = 0; list[i].name != NULL; i++) {
        if (word[1] != '-') {
            if (list[i].letter == word[1]) {
                return &list[i];
            }
            continue;
        }
        size_t n = strcspn(word + 2, "=");
        if (strncmp(list[i].name, word + 2, n) == 0) {
            if (list[i].name[n] == '\0') {
                return &list[i];
            }
            if (found != NULL) {
                return NULL; /* ambiguous */
            }
            found = &list[i];
        }
    }
    return found;
}

/* argp has only said that some word is wrong; find out which one, and why. */
static mad_status explain(parse_state *p, const struct argp_state *state)
{
    const char *verb = p->command->name;
    const mad_option *list = option_list(p->usage);
    const char *names[MAD_MAX_OPTIONS + 2];
    size_t n_names = 0;
    const char *word = state->argv[state->next - 1];
    const mad_option *option = find_option(p->usage, word);

    if (word[0] != '-' ||
        (option != NULL && option->flag != NULL && strchr(word, '=') == NULL && word[1] == '-')) {
        /* inside a cluster of letters ("-xj4") argp has not stepped past the word yet */
        word = state->next < state->argc ? state->argv[state->next] : word;
        option = find_option(p->usage, word);
    }
    if (option != NULL && option->flag != NULL && strchr(word, '=') != NULL) {
        return mad_fail(p->app->ctx, MAD_E_USAGE, "%s: option '--%s' takes no value", verb,
                        option->name);
    }
    if (option != NULL && option->flag == NULL) {
        return mad_fail(p->app->ctx, MAD_E_USAGE, "%s: option '--%s' needs a value: %s", verb,
                        option->name, option->argument);
    }
    for (size_t i = 0; list[i].name != NULL; i++) {
        names[n_names++] = list[i].name;
    }
    names[n_names++] = "help";
    const char *near = word[1] == '-' ? mad_nearest(word + 2, n_names, names) : NULL;
    if (near != NULL) {
        return mad_fail(p->app->ctx, MAD_E_USAGE, "%s: unknown option '%s' (did you mean '--%s'?)",
                        verb, word, near);
    }
    return mad_fail(p->app->ctx, MAD_E_USAGE, "%s: unknown option '%s' (see madloop %s --help)",
                    verb, word, verb);
}

static error_t on_option(parse_state *p, int key, const char *text)
{
    const mad_option *list = option_list(p->usage);
    for (size_t i = 0; list[i].name != NULL; i++) {
        if (option_key(list, i) == key) {
            p->st = p->is_given[i]++ == 0
                        ? set_option(p, &list[i], text)
                        : mad_fail(p->app->ctx, MAD_E_USAGE, "%s: option '--%s' is given twice",
                                   p->command->name, list[i].name);
            return p->st == MAD_OK ? 0 : EINVAL;
        }
    }
    return ARGP_ERR_UNKNOWN;
}

static error_t on_key(int key, char *text, struct argp_state *state)
{
    parse_state *p = state->input;

    switch (key) {
    case KEY_HELP:
        p->out->shown_help = 1;
        return ECANCELED; /* stop parsing: what follows --help does not matter */
    case ARGP_KEY_ARGS:
        p->out->n = (size_t)(state->argc - state->next);
        p->out->text = state->argv + state->next;
        state->next = state->argc; /* all consumed */
        return 0;
    case ARGP_KEY_ERROR:
        if (!p->out->shown_help && p->st == MAD_OK) {
            p->st = explain(p, state);
        }
        return 0;
    default:
        return on_option(p, key, text);
    }
}

static mad_status check_arguments(const parse_state *p)
{
    const mad_command *command = p->command;
    if (p->out->n < p->usage->min_args) {
        return mad_fail(p->app->ctx, MAD_E_USAGE, "%s: expected %s (see madloop %s --help)",
                        command->name, command->arguments, command->name);
    }
    if (p->out->n > p->usage->max_args) {
        return mad_fail(p->app->ctx, MAD_E_USAGE, "%s: unexpected argument '%s'", command->name,
                        p->out->text[p->usage->max_args]);
    }
    return MAD_OK;
}

mad_status mad_options_parse(mad_app *app, const mad_command *command, int argc, char **argv,
                             const mad_usage *usage, mad_arguments *out)
{
    const mad_option *list = option_list(usage);
    struct argp_option options[MAD_MAX_OPTIONS + 2] = {0};
    parse_state p = {.app = app, .command = command, .usage = usage, .out = out, .st = MAD_OK};
    char doc[2048];
    char name[NAME_BYTES];
    size_t n = 0;

    *out = (mad_arguments){0};
    for (; list[n].name != NULL; n++) {
        MAD_ASSERT(n < MAD_MAX_OPTIONS);
        options[n] = (struct argp_option){.name = list[n].name,
                                          .key = option_key(list, n),
                                          .arg = list[n].argument,
                                          .doc = list[n].doc};
    }
    options[n] =
        (struct argp_option){.name = "help", .key = KEY_HELP, .doc = "show this help", .group = -1};

    /* argp prints what stands before \v above the options and the rest below them */
    (void)snprintf(doc, sizeof doc, "%s%s%s", command->doc, usage->notes != NULL ? "\v" : "",
                   usage->notes != NULL ? usage->notes : "");
    const struct argp argp = {
        .options = options, .parser = on_key, .args_doc = command->arguments, .doc = doc};
    error_t err =
        argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &p);
    if (out->shown_help) {
        (void)snprintf(name, sizeof name, "madloop %s", command->name);
        argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, name);
        return MAD_OK;
    }
    if (p.st == MAD_OK && err != 0) {
        return mad_fail(app->ctx, MAD_E_USAGE, "%s: cannot read the options: %s", command->name,
                        strerror(err));
    }
    return p.st == MAD_OK ? check_arguments(&p) : p.st;
}
