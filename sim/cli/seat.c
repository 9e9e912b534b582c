/* sim/cli/seat.c: see the header. */
#include "sim/cli/seat.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/cli/mpi.h"

extern char **environ;

enum { MPI_POLL_MS = 2 };

/* ---- a process ----------------------------------------------------------------------------- */

static int spawn(pid_t *pid, int in, int out, const char *model_cache)
{
    const char *const argv[] = {"madloop", "worker", model_cache != NULL ? "--model-cache" : NULL,
                                model_cache, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    if (posix_spawn_file_actions_init(&files) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&how) != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int error = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    error = error != 0 ? error : posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    error = error != 0 ? error : posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
    error = error != 0 ? error : posix_spawnattr_setpgroup(&how, 0);
    error = error != 0
                ? error
                : posix_spawn(pid, "/proc/self/exe", &files, &how, (char *const *)argv, environ);
    (void)posix_spawnattr_destroy(&how);
    (void)posix_spawn_file_actions_destroy(&files);
    return error;
}

mad_status mad_seat_start(mad_ctx *ctx, const char *model_cache, mad_seat *seat)
{
    int down[2] = {-1, -1}, up[2] = {-1, -1};
    int error = pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0 ? errno : 0;
    pid_t pid = 0;
    error = error != 0 ? error : spawn(&pid, down[0], up[1], model_cache);
    const int mine[] = {down[1], up[0]}, others[] = {down[0], up[1]};
    for (size_t i = 0; i < 2; i++) {
        if (others[i] >= 0) {
            (void)close(others[i]);
        }
        if (error != 0 && mine[i] >= 0) {
            (void)close(mine[i]);
        }
    }
    if (error != 0) {
        return mad_fail(ctx, MAD_E_IO, "cannot start a worker: %s", strerror(error));
    }
    (void)fcntl(up[0], F_SETFL, O_NONBLOCK);
    *seat = (mad_seat){.pid = pid, .to = down[1], .from = up[0]};
    return MAD_OK;
}

/* SIGPIPE is ignored by the pool: a worker that has gone is an error of write(). */
static int send_to_process(const mad_seat *seat, const char *line)
{
    char text[MAD_WORKER_BYTES + 1];
    const int n = snprintf(text, sizeof text, "%s\n", line);
    size_t n_sent = 0;
    while (n_sent < (size_t)n) {
        const ssize_t k = write(seat->to, text + n_sent, (size_t)n - n_sent);
        if (k < 0 && errno != EINTR) {
            return 0;
        }
        n_sent += k > 0 ? (size_t)k : 0;
    }
    return 1;
}

/* Bytes from the pipe; 0: its end. */
static int fill(mad_seat *seat)
{
    const ssize_t n =
        read(seat->from, seat->bytes + seat->n_bytes, sizeof seat->bytes - seat->n_bytes);
    seat->n_bytes += n > 0 ? (size_t)n : 0;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The first whole line of what was read. One that is too long is cut into pieces. */
static int take_line(mad_seat *seat, char line[MAD_WORKER_BYTES])
{
    const char *end = memchr(seat->bytes, '\n', seat->n_bytes);
    if (end == NULL && seat->n_bytes < sizeof seat->bytes) {
        return 0;
    }
    const size_t n = end != NULL ? (size_t)(end - seat->bytes) : seat->n_bytes - 1;
    memcpy(line, seat->bytes, n);
    line[n] = '\0';
    seat->n_bytes -= n + 1;
    memmove(seat->bytes, seat->bytes + n + 1, seat->n_bytes);
    return 1;
}

/* ---- either -------------------------------------------------------------------------------- */

int mad_seat_send(mad_seat *seat, const char *line)
{
    return seat->rank > 0 ? mad_mpi_send(seat->rank, line) : send_to_process(seat, line);
}

void mad_seats_wait(size_t n, mad_seat *seats, int timeout_ms)
{
    struct pollfd wanted[MAD_MAX_SEATS];
    nfds_t n_wanted = 0;
    for (size_t i = 0; i < n; i++) {
        if (seats[i].rank > 0) {
            timeout_ms = timeout_ms < MPI_POLL_MS ? timeout_ms : MPI_POLL_MS;
        } else if (seats[i].pid > 0) {
            wanted[n_wanted++] = (struct pollfd){.fd = seats[i].from, .events = POLLIN};
        }
    }
    (void)poll(wanted, n_wanted, timeout_ms); /* a signal ends it too */
}

int mad_seat_line(mad_seat *seat, char line[MAD_WORKER_BYTES])
{
    if (seat->rank > 0) {
        return mad_mpi_line(seat->rank, line);
    }
    if (seat->pid <= 0) {
        return -1;
    }
    if (take_line(seat, line)) {
        return 1;
    }
    const int is_open = fill(seat);
    return take_line(seat, line) ? 1 : is_open ? 0 : -1;
}

void mad_seat_interrupt(const mad_seat *seat)
{
    if (seat->rank == 0 && seat->pid > 0) {
        (void)kill(seat->pid, SIGTERM); /* mpirun hands signals to its ranks itself */
    }
}

void mad_seat_end(mad_seat *seat, size_t n_bytes, char *reason)
{
    int how = 0;
    if (seat->rank > 0 || seat->pid <= 0) {
        return;
    }
    (void)close(seat->to);
    (void)close(seat->from);
    while (waitpid(seat->pid, &how, 0) < 0 && errno == EINTR) {
    }
    if (reason != NULL && WIFSIGNALED(how)) {
        (void)snprintf(reason, n_bytes, "killed by signal %d (%s)", WTERMSIG(how),
                       strsignal(WTERMSIG(how)));
    } else if (reason != NULL) {
        (void)snprintf(reason, n_bytes, "ended with code %d", WEXITSTATUS(how));
    }
    seat->pid = 0;
    seat->is_busy = 0;
}
