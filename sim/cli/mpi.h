/* sim/cli/mpi.h: the work queue under mpirun; without MPI in the program, a job of one process. */
#ifndef MAD_CLI_MPI_H
#define MAD_CLI_MPI_H

#include "sim/cli/worker.h"

/** Processes of the MPI job this one belongs to; 1 without mpirun, or in a program without MPI. The
 *  first call joins the job. */
size_t mad_mpi_size(void);

/** 0..size-1. Rank 0 hands out the work. */
size_t mad_mpi_rank(void);

/** Work for rank 0 until it leaves; for every other rank. */
void mad_mpi_serve(mad_app *app, const char *model_cache);

/** A line to a rank: 1. A rank that has gone ends the whole job, which is mpirun's way. */
int mad_mpi_send(size_t rank, const char *line);

/** The next line from a rank: 1, or 0 when there is none. Does not wait. */
int mad_mpi_line(size_t rank, char line[MAD_WORKER_BYTES]);

/** Leave the job, rank 0 with a word to the others that there is no more work; nothing to do where
 *  none was joined. */
void mad_mpi_leave(void);

#endif
