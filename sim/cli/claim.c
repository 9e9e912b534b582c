/* sim/cli/claim.c: see the header. */
#include "sim/cli/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sim/cli/path.h"

enum {
    BEAT_S = 30,
    STALE_S = 300,
    WAITS_A_SECOND = 50,
    ID_BYTES = 64,
    OWNER_BYTES = 384,
    MAX_TRIES = 16
};

/* ---- who is who ---------------------------------------------------------------------------- */

static void read_line(const char *path, size_t n_bytes, char *out)
{
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    if (fgets(out, (int)n_bytes, file) == NULL) {
        out[0] = '\0';
    }
    out[strcspn(out, "\n")] = '\0';
    (void)fclose(file);
}

/* One running kernel: two containers on a machine share it, and so its locks. */
static void machine_id(char out[ID_BYTES])
{
    read_line("/proc/sys/kernel/random/boot_id", ID_BYTES, out);
}

/* "BOOT-ID PID HOST": what `owner` says of this process. */
static void own_line(char out[OWNER_BYTES])
{
    char id[ID_BYTES], host[256] = "";
    machine_id(id);
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(out, OWNER_BYTES, "%s %ld %s", id, (long)getpid(), host);
}

/* 1 when this machine wrote it. */
static int is_local(const char *owner)
{
    char id[ID_BYTES];
    machine_id(id);
    const size_t n = strlen(id);
    return n > 0 && strncmp(owner, id, n) == 0 && owner[n] == ' ';
}

/* ---- the lock ------------------------------------------------------------------------------ */

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* 0: busy. A file system without locks leaves everything to the folder. */
static int try_lock(int fd)
{
    struct flock lock = whole_file();
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

static int is_lock_held(int fd)
{
    struct flock lock = whole_file();
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---- the folder ---------------------------------------------------------------------------- */

/* Seconds since `path` was touched, by the clock of the file system: that of `fd` when it may be
 * touched. Infinite when there is no such file. */
static double age_s(const char *path, int fd)
{
    struct stat then, now;
    if (stat(path, &then) != 0) {
        return 1e30;
    }
    if (fd < 0 || futimens(fd, NULL) != 0 || fstat(fd, &now) != 0) {
        return difftime(time(NULL), then.st_mtime);
    }
    return difftime(now.st_mtime, then.st_mtime);
}

/* `owner` is that of DIR/claim. A local one whose lock is free is dead. */
static int is_alive(const char *owner, const char *path, int fd)
{
    return !is_local(owner) && age_s(path, fd) < STALE_S;
}

static int write_owner(const char *path)
{
    char line[OWNER_BYTES];
    own_line(line);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return 0;
    }
    const int printed = fprintf(file, "%s\n", line);
    return fclose(file) == 0 && printed > 0;
}

static void remove_claim(const char *claim)
{
    char owner[PATH_MAX];
    if (mad_path_join(owner, claim, "owner")) {
        (void)unlink(owner);
    }
    (void)rmdir(claim);
}

/* `target` becomes a folder with this process as its `owner`, whole or not at all: 1; 0: there is one
 * that is not empty; -1: it cannot be written. `draft` is this process's own name for it. */
static int place(const char *draft, const char *target)
{
    char owner[PATH_MAX];
    if (!mad_path_join(owner, draft, "owner") || (mkdir(draft, 0777) != 0 && errno != EEXIST)) {
        return -1;
    }
    const int is_written = write_owner(owner);
    const int is_placed = is_written && rename(draft, target) == 0;
    const int is_occupied = errno == ENOTEMPTY || errno == EEXIST;
    if (!is_placed) {
        const int reason = errno;
        remove_claim(draft);
        errno = reason;
    }
    return is_placed ? 1 : is_written && is_occupied ? 0 : -1;
}

/* A dead claim gets this process as its owner. Of several that try, the folder `takeover` in it admits
 * one, which looks again before it believes what it saw. Returns 1 when the claim is its own. */
static int take_over(const char *draft, const char *claim, const char *owner, int lock)
{
    char gate[PATH_MAX], gate_owner[PATH_MAX], line[OWNER_BYTES];
    if (!mad_path_join(gate, claim, "takeover") || !mad_path_join(gate_owner, gate, "owner")) {
        return 0;
    }
    if (place(draft, gate) != 1) {
        read_line(gate_owner, sizeof line, line);
        if (!is_alive(line, gate_owner, lock)) { /* of one that was killed in these few lines */
            remove_claim(gate);
        }
        return 0;
    }
    read_line(owner, sizeof line, line);
    const int taken = !is_alive(line, owner, lock) && rename(gate_owner, owner) == 0;
    remove_claim(gate);
    return taken;
}

/* DIR/claim with this process as its owner: as place(). */
static int claim_folder(const char *dir, int lock)
{
    char claim[PATH_MAX], owner[PATH_MAX], draft[PATH_MAX];
    char name[ID_BYTES + 64], id[ID_BYTES], line[OWNER_BYTES];
    machine_id(id);
    (void)snprintf(name, sizeof name, ".claim-%s-%ld", id, (long)getpid());
    if (!mad_path_join(claim, dir, "claim") || !mad_path_join(owner, claim, "owner") ||
        !mad_path_join(draft, dir, name)) {
        return -1;
    }
    for (int i = 0; i < MAX_TRIES; i++) {
        const int placed = place(draft, claim);
        if (placed != 0) {
            return placed;
        }
        read_line(owner, sizeof line, line);
        if (is_alive(line, owner, lock)) {
            return 0;
        }
        if (take_over(draft, claim, owner, lock)) {
            return 1;
        }
    }
    return 0;
}

/* 1 when this process is what `owner` names. */
static int is_own(const char *owner)
{
    char line[OWNER_BYTES], mine[OWNER_BYTES];
    own_line(mine);
    read_line(owner, sizeof line, line);
    return strcmp(line, mine) == 0;
}

/* ---- a sign of life ------------------------------------------------------------------------ */

static void *beat(void *arg)
{
    mad_claim *claim = arg;
    char owner[PATH_MAX];
    (void)mad_path_join(owner, claim->dir, "claim/owner");
    pthread_mutex_lock(&claim->mutex);
    while (!claim->is_ended) {
        struct timespec next;
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_sec += BEAT_S;
        const int late = pthread_cond_timedwait(&claim->ended, &claim->mutex, &next) == ETIMEDOUT;
        if (!late || claim->is_ended) {
            continue;
        }
        if (is_own(owner)) {
            (void)utimensat(AT_FDCWD, owner, NULL, 0);
        }
    }
    pthread_mutex_unlock(&claim->mutex);
    return NULL;
}

/* Signals are the main thread's. */
static int start_beat(mad_claim *claim)
{
    sigset_t all, before;
    claim->is_ended = 0;
    (void)pthread_mutex_init(&claim->mutex, NULL);
    (void)pthread_cond_init(&claim->ended, NULL);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int started = pthread_create(&claim->beat, NULL, beat, claim) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* ---- interface ----------------------------------------------------------------------------- */

/* What was taken so far. */
static void give_back(mad_claim *claim)
{
    char path[PATH_MAX], owner[PATH_MAX];
    if (claim->dir[0] != '\0' && mad_path_join(path, claim->dir, "claim") &&
        mad_path_join(owner, path, "owner") && is_own(owner)) {
        remove_claim(path);
    }
    (void)close(claim->lock);
    claim->dir[0] = '\0';
}

mad_status mad_claim_take(mad_ctx *ctx, const char *dir, mad_claim *out)
{
    char path[PATH_MAX];
    mad_status st = MAD_OK;
    out->dir[0] = '\0';
    out->lock = -1;
    const int fits = mad_path_join(path, dir, "lock") && strlen(dir) + ID_BYTES < PATH_MAX - 64;
    out->lock = fits ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (out->lock < 0) {
        return mad_fail(ctx, MAD_E_IO, "%s: cannot write: %s", dir,
                        fits ? strerror(errno) : "the name is too long");
    }
    const int claimed = try_lock(out->lock) ? claim_folder(dir, out->lock) : 0;
    if (claimed < 0) {
        st = mad_fail(ctx, MAD_E_IO, "%s: cannot write: %s", dir, strerror(errno));
    } else if (claimed == 0) {
        st = mad_fail(ctx, MAD_E_EXISTS, "%s: another process is running this", dir);
    } else {
        (void)snprintf(out->dir, sizeof out->dir, "%s", dir);
        st = start_beat(out) ? MAD_OK : mad_fail_memory(ctx, "a thread");
    }
    if (st != MAD_OK) {
        give_back(out);
    }
    return st;
}

mad_status mad_claim_check(mad_ctx *ctx, void *claim)
{
    const mad_claim *c = claim;
    char owner[PATH_MAX];
    return mad_path_join(owner, c->dir, "claim/owner") && is_own(owner)
               ? MAD_OK
               : mad_fail(ctx, MAD_E_EXISTS,
                          "%s: another process has taken this over while this one stood still",
                          c->dir);
}

mad_status mad_claim_wait(mad_ctx *ctx, const char *dir, mad_claim *out)
{
    const struct timespec pause = {.tv_nsec = 1000000000 / WAITS_A_SECOND};
    mad_status st = mad_claim_take(ctx, dir, out);
    for (int i = 0; st == MAD_E_EXISTS && i < 600 * WAITS_A_SECOND; i++) {
        mad_ctx_clear(ctx);
        (void)nanosleep(&pause, NULL);
        st = mad_ctx_poll(ctx) == MAD_OK ? mad_claim_take(ctx, dir, out) : MAD_E_INTERRUPTED;
    }
    return st;
}

void mad_claim_release(mad_claim *claim)
{
    if (claim->dir[0] == '\0') {
        return;
    }
    pthread_mutex_lock(&claim->mutex);
    claim->is_ended = 1;
    pthread_cond_signal(&claim->ended);
    pthread_mutex_unlock(&claim->mutex);
    (void)pthread_join(claim->beat, NULL);
    (void)pthread_cond_destroy(&claim->ended);
    (void)pthread_mutex_destroy(&claim->mutex);
    give_back(claim);
}

int mad_claim_is_held(const char *dir)
{
    char path[PATH_MAX], line[OWNER_BYTES];
    const int fd = mad_path_join(path, dir, "lock") ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return 0;
    }
    const int is_locked = is_lock_held(fd);
    (void)close(fd);
    if (is_locked || !mad_path_join(path, dir, "claim/owner")) {
        return is_locked;
    }
    read_line(path, sizeof line, line);
    return line[0] != '\0' && is_alive(line, path, -1);
}
