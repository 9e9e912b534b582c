/* sim/cli/progress.h: what is shown while a run goes on, on stderr. */
#ifndef MAD_CLI_PROGRESS_H
#define MAD_CLI_PROGRESS_H

#include "sim/engine/engine.h"

#define MAD_PROGRESS_CHOICES "auto|bar|line|json|none"

typedef enum mad_progress_style {
    MAD_PROGRESS_AUTO, /* bar on a terminal, else line */
    MAD_PROGRESS_BAR,  /* one line, redrawn, with the time left */
    MAD_PROGRESS_LINE, /* one line per generation */
    MAD_PROGRESS_JSON, /* one JSON object per generation */
    MAD_PROGRESS_NONE
} mad_progress_style;

typedef struct mad_progress_view {
    mad_progress_style style;
    const char *name;    /* of the run */
    double last_shown_s; /* elapsed time when something was shown last */
    size_t n_columns;    /* of the bar on screen; 0 = none */
} mad_progress_view;

mad_progress_view mad_progress_view_for(mad_progress_style style, const char *name);

/** mad_run_options.progress with the view as arg. */
void mad_progress_show(void *view, const mad_progress *progress);

/** "0:07", "12:31", "1:02:03". */
void mad_progress_time(double seconds, size_t n_bytes, char *out);

/** Leave a clean line behind. */
void mad_progress_end(mad_progress_view *view);

#endif
