/* sim/cli/mpi.c: lines as messages of an MPI job. */
#include "sim/cli/mpi.h"

#ifdef MADLOOP_MPI

#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int is_joined;

/* mpirun and srun say so in the environment: a program started without them must not need MPI. */
static int is_started_by_mpi(void)
{
    static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (getenv(marks[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

static void join(void)
{
    int given;
    if (!is_joined && is_started_by_mpi()) {
        is_joined = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given) == MPI_SUCCESS;
    }
}

size_t mad_mpi_size(void)
{
    int n = 1;
    join();
    if (is_joined) {
        (void)MPI_Comm_size(MPI_COMM_WORLD, &n);
    }
    return (size_t)n;
}

size_t mad_mpi_rank(void)
{
    int i = 0;
    join();
    if (is_joined) {
        (void)MPI_Comm_rank(MPI_COMM_WORLD, &i);
    }
    return (size_t)i;
}

int mad_mpi_send(size_t rank, const char *line)
{
    return MPI_Send(line, (int)strlen(line) + 1, MPI_CHAR, (int)rank, 0, MPI_COMM_WORLD) ==
           MPI_SUCCESS;
}

int mad_mpi_line(size_t rank, char line[MAD_WORKER_BYTES])
{
    int is_there = 0;
    MPI_Status what;
    if (MPI_Iprobe((int)rank, 0, MPI_COMM_WORLD, &is_there, &what) != MPI_SUCCESS || !is_there) {
        return 0;
    }
    line[MAD_WORKER_BYTES - 1] = '\0';
    return MPI_Recv(line, MAD_WORKER_BYTES - 1, MPI_CHAR, (int)rank, 0, MPI_COMM_WORLD,
                    MPI_STATUS_IGNORE) == MPI_SUCCESS;
}

static void answer(void *arg, const char *line)
{
    (void)arg;
    (void)mad_mpi_send(0, line);
}

void mad_mpi_serve(mad_app *app, const char *model_cache)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    char line[MAD_WORKER_BYTES];
    for (;;) {
        while (!mad_mpi_line(0, line)) { /* MPI_Recv would wait at full load */
            (void)nanosleep(&pause, NULL);
        }
        if (line[0] == '\0') {
            return;
        }
        mad_worker_serve(app, line, model_cache, answer, NULL);
    }
}

void mad_mpi_leave(void)
{
    if (!is_joined) {
        return;
    }
    for (size_t i = 1; mad_mpi_rank() == 0 && i < mad_mpi_size(); i++) {
        (void)mad_mpi_send(i, "");
    }
    (void)MPI_Finalize();
    is_joined = 0;
}

#else

size_t mad_mpi_size(void)
{
    return 1;
}

size_t mad_mpi_rank(void)
{
    return 0;
}

int mad_mpi_send(size_t rank, const char *line)
{
    (void)rank;
    (void)line;
    return 0;
}

int mad_mpi_line(size_t rank, char line[MAD_WORKER_BYTES])
{
    (void)rank;
    (void)line;
    return 0;
}

void mad_mpi_serve(mad_app *app, const char *model_cache)
{
    (void)app;
    (void)model_cache;
}

void mad_mpi_leave(void)
{
}

#endif
