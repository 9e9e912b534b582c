/* sim/cli/pool.h: many runs on the processes of one machine, or on those of an MPI job. */
#ifndef MAD_CLI_POOL_H
#define MAD_CLI_POOL_H

#include "sim/cli/execute.h"

typedef enum mad_pool_state {
    MAD_POOL_WAITING,
    MAD_POOL_RUNNING,
    MAD_POOL_BUSY, /* another process works on it */
    MAD_POOL_DONE,
    MAD_POOL_FAILED
} mad_pool_state;

typedef struct mad_pool_run {
    const char *dir;
    mad_pool_state state;
    int is_new;                       /* done by this pool, not before or elsewhere */
    size_t generation, n_generations; /* last heard of it */
    double start_s, seconds;          /* from its start to its end */
    mad_status status;                /* of one that failed, */
    const char *message;              /* and why */
} mad_pool_run;

typedef struct mad_pool_options {
    size_t n_jobs;     /* runs at a time; 0 = a thread each, as many as there are threads */
    int is_quiet;      /* 1: what is done is not named on stdout */
    const char *whole; /* what `madloop resume` goes on with */
    mad_execute_options execute; /* n_threads: of all runs together */
} mad_pool_options;

/**
 * Run what is left of every run. Threads are shared out among the runs that are under way; where
 * fewer are left than can be, each gets more. A run that fails, or whose
 * process dies, keeps no other from running; what another process works on is waited for, and run if
 * that one leaves it unfinished. What is done goes to stdout, what fails to stderr at once and in a
 * list at the end.
 *
 * Runs are taken up in their order by the first worker that is free. Under mpirun (in a program built
 * with MPI) the other ranks are workers too, and the call must be made in rank 0 alone.
 *
 * shape   run: [n], state WAITING; read them for what became of each
 * errors  MAD_E_FAILED: some failed; MAD_E_INTERRUPTED: a signal or --max-hours, with the command
 *         that goes on; MAD_E_IO: workers cannot be started; MAD_E_MEMORY
 * memory  messages from mem
 */
MAD_MUST_CHECK mad_status mad_pool_execute(mad_app *app, mad_arena *mem, size_t n,
                                           mad_pool_run *run, const mad_pool_options *options);

#endif
