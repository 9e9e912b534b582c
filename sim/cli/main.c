/* sim/cli/main.c: the one entrance and the one exit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/app.h"
#include "sim/cli/builtin.h"
#include "sim/config/config.h"

/* By default a waiting thread of libgomp spins for milliseconds: on a machine that does anything
 * else a training step then takes several times as long. The setting is read before main, so the
 * program starts itself once more with a spin of some ten microseconds. */
static void shorten_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") == NULL && getenv("OMP_WAIT_POLICY") == NULL &&
        setenv("GOMP_SPINCOUNT", "3000", 0) == 0) {
        (void)execv("/proc/self/exe", argv); /* when it fails, spinning costs time, nothing else */
    }
}

static void print_help(FILE *out)
{
    fprintf(out, "Usage: madloop VERB ...\n"
                 "Train generative models on their own output and measure what is lost.\n\n");
    for (const mad_command *const *command = mad_builtin_commands; *command != NULL; command++) {
        fprintf(out, "  %-8s %-38s %s\n", (*command)->name, (*command)->arguments, (*command)->doc);
    }
    fprintf(out, "\n`madloop VERB --help` tells more.  Version " MADLOOP_VERSION ".\n");
}

static const mad_command *find_command(const char *name)
{
    for (const mad_command *const *command = mad_builtin_commands; *command != NULL; command++) {
        if (strcmp((*command)->name, name) == 0) {
            return *command;
        }
    }
    return NULL;
}

static mad_status fail_unknown(mad_ctx *ctx, const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (; mad_builtin_commands[n] != NULL && n < 64; n++) {
        names[n] = mad_builtin_commands[n]->name;
    }
    const char *nearest = mad_nearest(name, n, names);
    return mad_fail(ctx, MAD_E_USAGE, "unknown verb '%s'%s%s%s", name,
                    nearest != NULL ? " (did you mean '" : "; see `madloop --help`",
                    nearest != NULL ? nearest : "", nearest != NULL ? "'?)" : "");
}

static mad_status run(mad_app *app, int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return MAD_E_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return MAD_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("madloop " MADLOOP_VERSION "\n");
        return MAD_OK;
    }
    const mad_command *command = find_command(argv[1]);
    return command != NULL ? command->run(app, argc - 1, argv + 1)
                           : fail_unknown(app->ctx, argv[1]);
}

int main(int argc, char **argv)
{
    shorten_spinning(argv);
    mad_app_guard_files();
    mad_app app = {.registry = &mad_builtin, .n_threads = mad_app_default_threads()};
    app.ctx = mad_ctx_create(app.n_threads);
    if (app.ctx == NULL) {
        fprintf(stderr, "madloop: not enough memory\n");
        return mad_status_exit_code(MAD_E_MEMORY);
    }
    mad_status st = run(&app, argc, argv);
    if (st != MAD_OK && app.ctx->message[0] != '\0') {
        fprintf(stderr, "madloop: %s\n", app.ctx->message);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && st == MAD_OK) {
        fprintf(stderr, "madloop: cannot write to standard output\n");
        st = MAD_E_IO;
    }
    mad_ctx_destroy(app.ctx);
    return mad_status_exit_code(st);
}
