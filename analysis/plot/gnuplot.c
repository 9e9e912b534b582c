/* analysis/plot/gnuplot.c: gnuplot as a separate process: no shell, no start-up file. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/plot/figure.h"

enum { LOG_BYTES = 512, PATH_BYTES = 4096 };

extern char **environ;

/* Read all of a pipe, keep its beginning. */
static void drain(int fd, char log[LOG_BYTES])
{
    char buffer[LOG_BYTES];
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        size_t room = LOG_BYTES - 1 - n;
        size_t take = (size_t)got < room ? (size_t)got : room;
        memcpy(log + n, buffer, take);
        n += take;
    }
    log[n] = '\0';
}

/* gnuplot points below the bad line with a caret; the message is the last line that says something
 * with a colon. One line is enough for the user: the script is there to be run. */
static const char *first_message(char *log)
{
    char *rest = NULL;
    const char *found = "no message";
    for (char *line = strtok_r(log, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strstr(line, "line ") != NULL && strchr(line, ':') != NULL) {
            return line;
        }
        if (line[strspn(line, " ^\t")] != '\0') {
            found = line;
        }
    }
    return found;
}

static int spawn(const char *dir, const char *name, const char *format, int log_fd, pid_t *pid)
{
    char choose[64];
    char script[MAD_FIGURE_NAME + 4];
    posix_spawn_file_actions_t actions;
    int err = posix_spawn_file_actions_init(&actions);

    if (err != 0) {
        return err;
    }
    (void)snprintf(choose, sizeof choose, "format='%s'", format);
    (void)snprintf(script, sizeof script, "%s.gp", name);
    char program[] = "gnuplot";
    char quiet[] = "-d"; /* ignore start-up files */
    char execute[] = "-e";
    char *const argv[] = {program, quiet, execute, choose, script, NULL};
    err = posix_spawn_file_actions_addchdir_np(&actions, dir);
    err = err != 0 ? err : posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(&actions, log_fd, 1);
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(&actions, log_fd, 2);
    err = err != 0 ? err : posix_spawnp(pid, program, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return err;
}

static mad_status check_picture(mad_ctx *ctx, const char *dir, const char *name, const char *format)
{
    char path[PATH_BYTES];
    struct stat info;
    int n = snprintf(path, sizeof path, "%s/%s.%s", dir, name, format);
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &info) != 0 || info.st_size == 0) {
        return mad_fail(ctx, MAD_E_IO, "gnuplot left no picture %s", path);
    }
    return MAD_OK;
}

mad_status mad_gnuplot_draw(mad_ctx *ctx, const char *dir, const char *name, const char *format)
{
    char log[LOG_BYTES];
    int fd[2];
    int state = 0;
    pid_t pid = 0;

    if (pipe2(fd, O_CLOEXEC) != 0) {
        return mad_fail(ctx, MAD_E_IO, "pipe to gnuplot: %s", strerror(errno));
    }
    int err = spawn(dir, name, format, fd[1], &pid);
    (void)close(fd[1]);
    if (err != 0) {
        (void)close(fd[0]);
        return mad_fail(ctx, MAD_E_IO,
                        "cannot start gnuplot (%s): install it (Debian, Ubuntu: apt install "
                        "gnuplot-nox); the scripts are in %s, draw one by 'gnuplot %s.gp' there",
                        strerror(err), dir, name);
    }
    drain(fd[0], log);
    (void)close(fd[0]);
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
        return mad_fail(ctx, MAD_E_IO, "gnuplot refuses %s/%s.gp: %s", dir, name,
                        first_message(log));
    }
    return check_picture(ctx, dir, name, format);
}
