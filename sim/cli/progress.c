/* sim/cli/progress.c: bar, lines or JSON. */
#include "sim/cli/progress.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double bar_interval_s = 0.1;
static const double line_interval_s = 1.0; /* in files and pipes */

mad_progress_view mad_progress_view_for(mad_progress_style style, const char *name)
{
    if (style == MAD_PROGRESS_AUTO) {
        style = isatty(STDERR_FILENO) ? MAD_PROGRESS_BAR : MAD_PROGRESS_LINE;
    }
    return (mad_progress_view){.style = style, .name = name, .last_shown_s = -1.0};
}

void mad_progress_time(double seconds, size_t n_bytes, char *out)
{
    const unsigned long s = seconds > 0.0 ? (unsigned long)(seconds + 0.5) : 0;
    if (s >= 3600) {
        snprintf(out, n_bytes, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    } else {
        snprintf(out, n_bytes, "%lu:%02lu", s / 60, s % 60);
    }
}

static void show_bar(mad_progress_view *view, const mad_progress *p)
{
    enum { WIDTH = 24 };
    char line[256], elapsed[32], left[32], bar[WIDTH + 1];
    const double share =
        ((double)(p->generation - 1) + (double)p->replicate / (double)p->n_replicates) /
        (double)p->n_generations;
    const size_t n_full = (size_t)(share * WIDTH + 0.5);
    for (size_t i = 0; i < WIDTH; i++) {
        bar[i] = i < n_full ? '#' : '.';
    }
    bar[WIDTH] = '\0';
    mad_progress_time(p->elapsed_s, sizeof elapsed, elapsed);
    mad_progress_time(p->eta_s, sizeof left, left);
    const int n = snprintf(
        line, sizeof line, "%s [%s] generation %zu/%zu replicate %zu/%zu  %s, %s left", view->name,
        bar, p->generation, p->n_generations, p->replicate, p->n_replicates, elapsed, left);
    const size_t n_now = n > 0 ? (size_t)n : 0;
    const int n_blanks = view->n_columns > n_now ? (int)(view->n_columns - n_now) : 0;
    fprintf(stderr, "\r%s%*s", line, n_blanks, "");
    fflush(stderr);
    view->n_columns = n_now;
}

static void show_line(const mad_progress_view *view, const mad_progress *p)
{
    char elapsed[32], left[32];
    mad_progress_time(p->elapsed_s, sizeof elapsed, elapsed);
    mad_progress_time(p->eta_s, sizeof left, left);
    fprintf(stderr, "%s: generation %zu/%zu done, %s elapsed, %s left\n", view->name, p->generation,
            p->n_generations, elapsed, left);
}

static void show_json(const mad_progress_view *view, const mad_progress *p)
{
    json_t *event =
        json_pack("{s:s, s:s, s:I, s:I, s:f, s:f}", "event", "generation", "name", view->name,
                  "generation", (json_int_t)p->generation, "generations",
                  (json_int_t)p->n_generations, "elapsed_s", p->elapsed_s, "eta_s", p->eta_s);
    char *text = event != NULL ? json_dumps(event, JSON_COMPACT) : NULL;
    if (text != NULL) {
        fprintf(stderr, "%s\n", text);
    }
    free(text);
    json_decref(event);
}

void mad_progress_show(void *arg, const mad_progress *p)
{
    mad_progress_view *view = arg;
    const int ends_generation = p->replicate == p->n_replicates;
    const int is_last = ends_generation && p->generation == p->n_generations;
    const double interval_s = view->style == MAD_PROGRESS_BAR    ? bar_interval_s
                              : view->style == MAD_PROGRESS_LINE ? line_interval_s
                                                                 : 0.0;
    const int is_soon = view->last_shown_s >= 0.0 && p->elapsed_s - view->last_shown_s < interval_s;
    if (view->style == MAD_PROGRESS_NONE || (is_soon && !is_last) ||
        (view->style != MAD_PROGRESS_BAR && !ends_generation)) {
        return;
    }
    view->last_shown_s = p->elapsed_s;
    if (view->style == MAD_PROGRESS_BAR) {
        show_bar(view, p);
    } else if (view->style == MAD_PROGRESS_JSON) {
        show_json(view, p);
    } else {
        show_line(view, p);
    }
}

void mad_progress_end(mad_progress_view *view)
{
    if (view->n_columns > 0) {
        fputc('\n', stderr);
        view->n_columns = 0;
    }
}
