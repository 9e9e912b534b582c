/* sim/cli/pool_view.c: see the header. */
#include "sim/cli/pool_view.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/cost.h"
#include "sim/cli/path.h"
#include "sim/store/json.h"

enum { LINE_BYTES = 512, MAX_COLUMNS = 79 };

static const double bar_interval_s = 0.1;
static const double line_interval_s = 1.0;

mad_pool_view mad_pool_view_for(mad_progress_style style)
{
    if (style == MAD_PROGRESS_AUTO) {
        style = isatty(STDERR_FILENO) ? MAD_PROGRESS_BAR : MAD_PROGRESS_LINE;
    }
    return (mad_pool_view){.style = style, .start_s = mad_cost_now_s(), .shown_s = -1e9};
}

/* How many are in each state, and the seconds that the new ones took. */
typedef struct tally {
    size_t n, n_done, n_new, n_running, n_busy, n_failed;
    double work_s;
} tally;

static tally count(size_t n, const mad_pool_run *run)
{
    tally t = {.n = n};
    for (size_t i = 0; i < n; i++) {
        t.n_done += run[i].state == MAD_POOL_DONE;
        t.n_running += run[i].state == MAD_POOL_RUNNING;
        t.n_busy += run[i].state == MAD_POOL_BUSY;
        t.n_failed += run[i].state == MAD_POOL_FAILED;
        if (run[i].is_new) {
            t.n_new++;
            t.work_s += run[i].seconds;
        }
    }
    return t;
}

/* "12/144 done, 1 failed, 2 running, 0:31, about 5:12 left" */
static void describe(const mad_pool_view *view, const tally *t, char out[LINE_BYTES])
{
    char failed[48] = "", elapsed[32], left[32] = "?";
    const double passed_s = mad_cost_now_s() - view->start_s;
    const size_t n_over = t->n_new + t->n_failed;
    const size_t n_left = t->n - t->n_done - t->n_failed;
    if (t->n_failed > 0) {
        (void)snprintf(failed, sizeof failed, ", %zu failed", t->n_failed);
    }
    mad_progress_time(passed_s, sizeof elapsed, elapsed);
    if (n_over > 0) {
        mad_progress_time(passed_s * (double)n_left / (double)n_over, sizeof left, left);
    }
    (void)snprintf(out, LINE_BYTES, "%zu/%zu runs done%s, %zu running, %s, about %s left",
                   t->n_done, t->n, failed, t->n_running + t->n_busy, elapsed, left);
}

static void show_bar(mad_pool_view *view, const tally *t, const mad_pool_run *run)
{
    char text[LINE_BYTES], line[2 * LINE_BYTES];
    describe(view, t, text);
    int n = snprintf(line, sizeof line, "%s", text);
    if (run->state == MAD_POOL_RUNNING && run->n_generations > 0) {
        n = snprintf(line, sizeof line, "%s  (%s: generation %zu/%zu)", text,
                     mad_path_name(run->dir), run->generation, run->n_generations);
    }
    const size_t n_now = n > MAX_COLUMNS ? MAX_COLUMNS : (size_t)n;
    const int n_blanks = view->n_columns > n_now ? (int)(view->n_columns - n_now) : 0;
    fprintf(stderr, "\r%.*s%*s", MAX_COLUMNS, line, n_blanks, "");
    (void)fflush(stderr);
    view->n_columns = n_now;
}

static void show_line(const mad_pool_view *view, const tally *t, const mad_pool_run *run)
{
    char text[LINE_BYTES], what[64];
    describe(view, t, text);
    (void)snprintf(what, sizeof what, "generation %zu/%zu", run->generation, run->n_generations);
    fprintf(stderr, "%s: %s; %s\n", mad_path_name(run->dir),
            run->state == MAD_POOL_RUNNING ? what
            : run->is_new                  ? "done"
                                           : "was done",
            text);
}

static void show_json(const tally *t, const mad_pool_run *run)
{
    static const char *const words[] = {[MAD_POOL_WAITING] = "waiting",
                                        [MAD_POOL_RUNNING] = "running",
                                        [MAD_POOL_BUSY] = "busy",
                                        [MAD_POOL_DONE] = "done",
                                        [MAD_POOL_FAILED] = "failed"};
    json_t *event =
        json_pack("{s:s, s:o, s:s, s:I, s:I, s:f, s:I, s:I, s:I}", "event", "run", "dir",
                  mad_json_text(run->dir), "state", words[run->state], "generation",
                  (json_int_t)run->generation, "generations", (json_int_t)run->n_generations,
                  "seconds", run->seconds, "n_done", (json_int_t)t->n_done, "n_failed",
                  (json_int_t)t->n_failed, "n_runs", (json_int_t)t->n);
    char *text = event != NULL ? json_dumps(event, JSON_COMPACT) : NULL;
    if (text != NULL) {
        fprintf(stderr, "%s\n", text);
    }
    free(text);
    json_decref(event);
}

void mad_pool_view_clear(mad_pool_view *view)
{
    if (view->n_columns > 0) {
        fprintf(stderr, "\r%*s\r", (int)view->n_columns, "");
        (void)fflush(stderr);
        view->n_columns = 0;
    }
}

void mad_pool_view_update(mad_pool_view *view, size_t n, const mad_pool_run *run, size_t i)
{
    const double now_s = mad_cost_now_s();
    const double interval_s = view->style == MAD_PROGRESS_BAR    ? bar_interval_s
                              : view->style == MAD_PROGRESS_LINE ? line_interval_s
                                                                 : 0.0;
    const int has_failed = run[i].state == MAD_POOL_FAILED;
    if (has_failed) {
        mad_pool_view_clear(view);
        fprintf(stderr, "madloop: %s: %s\n", run[i].dir, run[i].message);
    }
    if (view->style == MAD_PROGRESS_NONE || now_s - view->shown_s < interval_s ||
        (has_failed && view->style == MAD_PROGRESS_LINE)) {
        return;
    }
    const tally t = count(n, run);
    view->shown_s = now_s;
    if (view->style == MAD_PROGRESS_BAR) {
        show_bar(view, &t, &run[i]);
    } else if (view->style == MAD_PROGRESS_JSON) {
        show_json(&t, &run[i]);
    } else {
        show_line(view, &t, &run[i]);
    }
}

void mad_pool_view_end(mad_pool_view *view, size_t n, const mad_pool_run *run)
{
    char work[32], elapsed[32];
    const tally t = count(n, run);
    mad_pool_view_clear(view);
    mad_progress_time(t.work_s, sizeof work, work);
    mad_progress_time(mad_cost_now_s() - view->start_s, sizeof elapsed, elapsed);
    if (view->style == MAD_PROGRESS_LINE || view->style == MAD_PROGRESS_BAR) {
        fprintf(stderr, "%zu of %zu runs done (%zu now: %s of work in %s), %zu failed\n", t.n_done,
                t.n, t.n_new, work, elapsed, t.n_failed);
    }
    for (size_t i = 0; t.n_failed > 1 && i < n; i++) {
        if (run[i].state == MAD_POOL_FAILED) {
            fprintf(stderr, "  failed  %s  %s\n", run[i].dir, run[i].message);
        }
    }
}
