/* sim/cli/pool.c: see the header. */
#include "sim/cli/pool.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/claim.h"
#include "sim/cli/cost.h"
#include "sim/cli/mpi.h"
#include "sim/cli/path.h"
#include "sim/cli/pool_view.h"
#include "sim/cli/seat.h"

enum { WAIT_MS = 250 };
static const double busy_interval_s = 0.5; /* between looks at what other processes work on */

typedef struct pool {
    mad_app *app;
    mad_arena *mem;
    const mad_pool_options *options;
    size_t n;
    mad_pool_run *run;
    size_t n_in[MAD_POOL_FAILED + 1]; /* runs in each state */
    size_t i_next;                    /* no run before it is waiting */
    size_t n_seats;
    mad_seat *seat; /* [n_seats]: processes, then ranks */
    double start_s, looked_s;
    int is_ending; /* nothing is started any more */
    mad_pool_view view;
} pool;

/* ---- what becomes of runs ------------------------------------------------------------------ */

static size_t count_busy_seats(const pool *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_seats; i++) {
        n += p->seat[i].is_busy != 0;
    }
    return n;
}

static void set_state(pool *p, size_t i, mad_pool_state state)
{
    mad_pool_run *run = &p->run[i];
    p->n_in[run->state]--;
    p->n_in[state]++;
    run->state = state;
    run->seconds = mad_cost_now_s() - run->start_s;
    if (state == MAD_POOL_WAITING && i < p->i_next) {
        p->i_next = i;
    }
    if (state == MAD_POOL_DONE && !p->options->is_quiet) {
        mad_pool_view_clear(&p->view);
        printf("%s\n", run->dir);
        (void)fflush(stdout);
    }
    if (state == MAD_POOL_DONE || state == MAD_POOL_FAILED) {
        mad_pool_view_update(&p->view, p->n, p->run, i);
    }
}

static void fail_run(pool *p, size_t i, mad_status st, const char *message)
{
    const char *text = mad_arena_text(p->mem, message);
    p->run[i].status = st;
    p->run[i].message = text != NULL ? text : "failed, and memory is short";
    set_state(p, i, MAD_POOL_FAILED);
}

static int is_over(const pool *p, double *hours_left)
{
    const double limit = p->options->execute.max_hours;
    *hours_left = 0.0;
    if (limit <= 0.0) {
        return 0;
    }
    *hours_left = limit - (mad_cost_now_s() - p->start_s) / 3600.0;
    return *hours_left <= 0.0;
}

/* A worker that was interrupted was so with all of them, or alone: then its run has failed. */
static int is_to_end(const pool *p)
{
    double hours_left;
    const int is_stopped = mad_ctx_poll(p->app->ctx) != MAD_OK;
    mad_ctx_clear(p->app->ctx);
    return p->is_ending || is_stopped || is_over(p, &hours_left);
}

static void take_answer(pool *p, mad_seat *seat, const mad_answer *answer)
{
    const size_t i = seat->i_run;
    mad_pool_run *run = &p->run[i];
    if (answer->kind == MAD_ANSWER_GENERATION) {
        run->generation = answer->generation;
        run->n_generations = answer->n_generations;
        mad_pool_view_update(&p->view, p->n, p->run, i);
        return;
    }
    seat->is_busy = 0;
    if (answer->kind == MAD_ANSWER_BUSY) {
        set_state(p, i, MAD_POOL_BUSY);
    } else if (answer->kind == MAD_ANSWER_FAILED && answer->status == MAD_E_INTERRUPTED &&
               is_to_end(p)) {
        p->is_ending = 1;
        set_state(p, i, MAD_POOL_WAITING);
    } else if (answer->kind == MAD_ANSWER_FAILED) {
        fail_run(p, i, answer->status, answer->message);
        if (answer->status == MAD_E_INTERRUPTED) {
            mad_seat_end(seat, 0, NULL); /* it is on its way out: nothing more for it */
        }
    } else {
        run->is_new = answer->kind == MAD_ANSWER_DONE;
        set_state(p, i, MAD_POOL_DONE);
    }
}

/* A worker went, without being asked to: its run has failed, the others go on with a new worker. */
static void bury(pool *p, mad_seat *seat)
{
    char reason[128], message[192];
    const int was_busy = seat->is_busy;
    const size_t i = seat->i_run;
    mad_seat_end(seat, sizeof reason, reason);
    if (was_busy && p->is_ending) {
        set_state(p, i, MAD_POOL_WAITING);
    } else if (was_busy) {
        (void)snprintf(message, sizeof message, "its process was %s", reason);
        fail_run(p, i, MAD_E_FAILED, message);
    }
}

static void listen_to(pool *p, mad_seat *seat)
{
    char line[MAD_WORKER_BYTES];
    mad_answer answer;
    int got = 0;
    while ((got = mad_seat_line(seat, line)) > 0) {
        if (seat->is_busy && mad_answer_parse(line, &answer)) {
            take_answer(p, seat, &answer);
        }
    }
    if (got < 0) {
        bury(p, seat);
    }
}

/* ---- handing out --------------------------------------------------------------------------- */

/* Threads for the next run: those of all, shared by the runs that will be under way at a time. */
static size_t share_threads(const pool *p, size_t n_waiting)
{
    const size_t n_left = count_busy_seats(p) + n_waiting;
    const size_t n_at_a_time = n_left < p->n_seats ? n_left : p->n_seats;
    const size_t n = p->app->n_threads / n_at_a_time;
    return n > 0 ? n : 1;
}

static mad_status start_run(pool *p, mad_seat *seat, size_t i, size_t n_waiting)
{
    mad_status st = MAD_OK;
    char line[MAD_WORKER_BYTES];
    mad_task task = {.dir = p->run[i].dir};
    p->is_ending |= is_over(p, &task.max_hours);
    if (p->is_ending) {
        goto out;
    }
    if (seat->rank == 0 && seat->pid == 0) {
        MAD_TRY(mad_seat_start(p->app->ctx, p->options->execute.model_cache, seat));
    }
    task.n_threads = seat->rank > 0 ? 0 : share_threads(p, n_waiting);
    MAD_TRY(mad_task_print(p->app->ctx, &task, line));
    if (!mad_seat_send(seat, line)) {
        bury(p, seat); /* idle, killed: the run stays waiting for a new worker */
        goto out;
    }
    seat->is_busy = 1;
    seat->i_run = i;
    p->run[i].start_s = mad_cost_now_s();
    p->i_next = i + 1;
    set_state(p, i, MAD_POOL_RUNNING);
out:
    return st;
}

static mad_status hand_out(pool *p)
{
    mad_status st = MAD_OK;
    for (size_t s = 0; s < p->n_seats && !p->is_ending; s++) {
        while (p->i_next < p->n && p->run[p->i_next].state != MAD_POOL_WAITING) {
            p->i_next++;
        }
        if (p->i_next == p->n) {
            break;
        }
        if (!p->seat[s].is_busy) {
            MAD_TRY(start_run(p, &p->seat[s], p->i_next, p->n - p->i_next));
        }
    }
out:
    return st;
}

/* What others work on is looked at again when there is nothing else to do. */
static void look_at_busy(pool *p)
{
    const double now_s = mad_cost_now_s();
    if (p->is_ending || p->i_next < p->n || now_s - p->looked_s < busy_interval_s) {
        return;
    }
    p->looked_s = now_s;
    for (size_t i = 0; i < p->n; i++) {
        if (p->run[i].state == MAD_POOL_BUSY && !mad_claim_is_held(p->run[i].dir)) {
            set_state(p, i, MAD_POOL_WAITING);
        }
    }
}

static int has_work(const pool *p)
{
    return count_busy_seats(p) > 0 ||
           (!p->is_ending && p->n_in[MAD_POOL_WAITING] + p->n_in[MAD_POOL_BUSY] > 0);
}

static mad_status work(pool *p)
{
    mad_status st = MAD_OK;
    while (st == MAD_OK && has_work(p)) {
        if (!p->is_ending && mad_ctx_poll(p->app->ctx) != MAD_OK) {
            mad_ctx_clear(p->app->ctx);
            p->is_ending = 1;
            for (size_t s = 0; s < p->n_seats; s++) {
                mad_seat_interrupt(&p->seat[s]);
            }
        }
        st = hand_out(p);
        if (st == MAD_OK) {
            mad_seats_wait(p->n_seats, p->seat, WAIT_MS);
        }
        for (size_t s = 0; s < p->n_seats; s++) {
            listen_to(p, &p->seat[s]);
        }
        look_at_busy(p);
    }
    return st;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static mad_status take_seats(pool *p)
{
    const size_t n_ranks = mad_mpi_size() - 1;
    size_t n_jobs = p->options->n_jobs;
    if (n_jobs == 0) {
        n_jobs = n_ranks > 0 ? 1 : p->app->n_threads;
    }
    n_jobs = n_jobs < p->n ? n_jobs : p->n;
    n_jobs = n_jobs < MAD_MAX_SEATS ? n_jobs : MAD_MAX_SEATS;
    p->n_seats = n_jobs + n_ranks < MAD_MAX_SEATS ? n_jobs + n_ranks : MAD_MAX_SEATS;
    p->seat = mad_arena_take(p->mem, p->n_seats, sizeof *p->seat);
    if (p->seat == NULL) {
        return mad_fail_memory(p->app->ctx, "workers");
    }
    for (size_t i = n_jobs; i < p->n_seats; i++) {
        p->seat[i].rank = i - n_jobs + 1;
    }
    return MAD_OK;
}

static mad_status conclude(const pool *p)
{
    mad_ctx *ctx = p->app->ctx;
    char word[MAD_MESSAGE_BYTES];
    const size_t n_failed = p->n_in[MAD_POOL_FAILED], n_done = p->n_in[MAD_POOL_DONE];
    mad_shell_word(p->options->whole, sizeof word, word);
    if (p->is_ending && n_done + n_failed < p->n) {
        return mad_fail(ctx, MAD_E_INTERRUPTED,
                        "interrupted: %zu of %zu runs are done, go on with: madloop resume %s",
                        n_done, p->n, word);
    }
    if (n_failed > 0) {
        return mad_fail(ctx, MAD_E_FAILED,
                        "%zu of %zu runs failed (named above); try again with: madloop resume %s",
                        n_failed, p->n, word);
    }
    return MAD_OK;
}

mad_status mad_pool_execute(mad_app *app, mad_arena *mem, size_t n, mad_pool_run *run,
                            const mad_pool_options *options)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    pool p = {.app = app,
              .mem = mem,
              .options = options,
              .n = n,
              .n_in = {[MAD_POOL_WAITING] = n},
              .run = run,
              .start_s = mad_cost_now_s(),
              .looked_s = -1e9,
              .view = mad_pool_view_for((mad_progress_style)options->execute.progress)};
    mad_status st = MAD_OK;
    MAD_TRY(take_seats(&p));
    mad_app_catch_signals(app);
    (void)sigaction(SIGPIPE, &ignore, &before);
    st = work(&p);
    for (size_t s = 0; s < p.n_seats; s++) {
        mad_seat_end(&p.seat[s], 0, NULL);
    }
    (void)sigaction(SIGPIPE, &before, NULL);
    mad_pool_view_end(&p.view, n, run);
    MAD_TRY(st);
    MAD_TRY(conclude(&p));
out:
    return st;
}
