/* sim/cli/claim.h: a folder has one process at work in it, of all machines that see it. */
#ifndef MAD_CLI_CLAIM_H
#define MAD_CLI_CLAIM_H

#include <limits.h>
#include <pthread.h>

#include "sim/base/ctx.h"

/* What a process that works in a folder holds: the lock of the file DIR/lock, which the kernel gives
 * back when the process ends in whatever way; and the folder DIR/claim, which appears as a whole or
 * not at all on every file system and names machine and process in its file `owner`. */
typedef struct mad_claim {
    char dir[PATH_MAX]; /* "" = nothing is held */
    int lock;           /* descriptor */
    pthread_t beat;     /* touches `owner`, so that other machines see that somebody is alive */
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    int is_ended;
} mad_claim;

/**
 * Take the folder. A claim that a process of this machine left when it was killed is taken over at
 * once; one of another machine (or from before a reboot) when `owner` has not been touched for five
 * minutes, which a living process does twice a minute. A process that stood still for so long finds its
 * claim taken over by mad_claim_check.
 *
 * errors  MAD_E_EXISTS: another process holds it;  MAD_E_IO
 * threads main thread; *out must stay where it is until it is given back
 */
MAD_MUST_CHECK mad_status mad_claim_take(mad_ctx *ctx, const char *dir, mad_claim *out);

/** Before anything is written (a mad_claim *, as a run's guard): MAD_E_EXISTS when another process has
 *  taken the folder over. */
MAD_MUST_CHECK mad_status mad_claim_check(mad_ctx *ctx, void *claim);

/** As mad_claim_take, but whoever else holds the folder is waited for: for work of a moment.
 *  errors  MAD_E_EXISTS: for ten minutes, in vain; MAD_E_INTERRUPTED; MAD_E_IO */
MAD_MUST_CHECK mad_status mad_claim_wait(mad_ctx *ctx, const char *dir, mad_claim *out);

/** Give it back; nothing to do where nothing is held. */
void mad_claim_release(mad_claim *claim);

/** 1 when a process holds the folder. Touches nothing. */
int mad_claim_is_held(const char *dir);

#endif
