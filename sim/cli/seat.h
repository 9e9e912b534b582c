/* sim/cli/seat.h: the places of a pool: a worker process of this machine, or a rank of an MPI job. */
#ifndef MAD_CLI_SEAT_H
#define MAD_CLI_SEAT_H

#include <sys/types.h>

#include "sim/cli/worker.h"

enum { MAD_MAX_SEATS = 1024 };

typedef struct mad_seat {
    size_t rank;  /* of the MPI job; 0 = a process of this machine: */
    pid_t pid;    /* 0 = none was started, or it has ended */
    int to, from; /* its standard input and output; -1 = closed */
    size_t i_run; /* what it works on, if is_busy */
    int is_busy;
    size_t n_bytes; /* read and not yet a whole line */
    char bytes[MAD_WORKER_BYTES];
} mad_seat;

/** Start `madloop worker` in a process group of its own, so that Ctrl-C reaches it through the pool
 *  alone. The seat must be of rank 0. MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_seat_start(mad_ctx *ctx, const char *model_cache, mad_seat *seat);

/** Hand over a line; 0: the worker has gone. */
int mad_seat_send(mad_seat *seat, const char *line);

/** Wait until one of the seats has something to say, at most so long. n <= MAD_MAX_SEATS */
void mad_seats_wait(size_t n, mad_seat *seats, int timeout_ms);

/** The next whole line of a seat: 1; 0: there is none yet; -1: the worker has gone and has nothing
 *  more to say. Does not wait. */
int mad_seat_line(mad_seat *seat, char line[MAD_WORKER_BYTES]);

/** Ask a worker to save and end, as Ctrl-C would. */
void mad_seat_interrupt(const mad_seat *seat);

/** Wait for a process to end, which its closed input tells it. `reason` (NULL: not wanted) becomes
 *  "killed by signal 9" or "ended with code 3". */
void mad_seat_end(mad_seat *seat, size_t n_bytes, char *reason);

#endif
