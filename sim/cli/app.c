/* sim/cli/app.c: threads and signals of the process. */
#include "sim/cli/app.h"

#include <fcntl.h>
#include <omp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static atomic_int stop_requested; /* signal handlers reach nothing but globals */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "what a handler sets must be free of locks");

static void on_signal(int number)
{
    (void)number;
    if (stop_requested) {
        _exit(mad_status_exit_code(MAD_E_INTERRUPTED));
    }
    stop_requested = 1;
}

size_t mad_app_default_threads(void)
{
    const int n = omp_get_max_threads();
    return n > 0 ? (size_t)n : 1;
}

mad_status mad_app_set_threads(mad_app *app, size_t n_threads)
{
    if (n_threads == 0 || n_threads == app->n_threads) {
        return MAD_OK;
    }
    mad_ctx *ctx = mad_ctx_create(n_threads);
    if (ctx == NULL) {
        return mad_fail_memory(app->ctx, "threads");
    }
    ctx->stop = app->ctx->stop;
    mad_ctx_destroy(app->ctx);
    app->ctx = ctx;
    app->n_threads = n_threads;
    return MAD_OK;
}

void mad_app_guard_files(void)
{
    struct sigaction action;
    int fd;
    do { /* takes the lowest free number */
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        (void)close(fd);
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGXFSZ, &action, NULL);
}

void mad_app_catch_signals(mad_app *app)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    app->ctx->stop = &stop_requested;
}
