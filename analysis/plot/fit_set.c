/* analysis/plot/fit_set.c: see the header. */
#include "analysis/plot/fit_set.h"

/* Thresholds of the figures. */
static const mad_fractions half = {1, {0.5}};

mad_status mad_fit_sets_read(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, size_t n_names,
                             const char *const *names, mad_fit_set *out)
{
    mad_status st = MAD_OK;
    const size_t n_runs = runs->n_runs;
    mad_fit_row *all = mad_arena_take(mem, n_names * n_runs, sizeof *all);
    mad_fit_row *filled = mad_arena_take(mem, n_names * n_runs, sizeof *filled);
    size_t n_filled = 0;

    if (all == NULL || filled == NULL) {
        return mad_fail_memory(ctx, "fits");
    }
    for (size_t i = 0; i < n_names * n_runs; i++) {
        const mad_run_entry *entry = &runs->runs[i % n_runs];
        const mad_run_series *series = mad_run_find(&entry->run, "metrics", names[i / n_runs]);
        if (series != NULL && series->rank == 2 && entry->run.n_done > 0) {
            filled[n_filled++] =
                (mad_fit_row){.run = entry, .name = names[i / n_runs], .series = series};
        }
    }
    MAD_TRY(mad_fit_rows_take(ctx, mem, &half, n_filled, filled));
    for (size_t k = 0; k < n_names; k++) {
        out[k] = (mad_fit_set){names[k], names[k], n_runs, all + k * n_runs};
    }
    for (size_t i = 0, j = 0; i < n_names * n_runs && j < n_filled; i++) {
        if (filled[j].run == &runs->runs[i % n_runs] && filled[j].name == names[i / n_runs]) {
            const mad_run_series *series = filled[j].series;
            const char *text =
                mad_attribute_text(series->n_attributes, series->attributes, "long_name");
            out[i / n_runs].long_name =
                text != NULL && text[0] != '\0' ? text : out[i / n_runs].long_name;
            all[i] = filled[j++];
        }
    }
out:
    return st;
}

mad_status mad_fit_sets_draw(mad_ctx *ctx, const mad_fit_figure *figure, const mad_runs *runs,
                             const char *dir, size_t n_sets, const mad_fit_set *sets, int *done)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_fit_set **shown = mad_arena_take(ctx->scratch, n_sets, sizeof(const mad_fit_set *));
    mad_status st = MAD_OK;
    size_t n_shown = 0;

    *done = 0;
    if (shown == NULL) {
        return mad_fail_memory(ctx, "a figure of fits");
    }
    for (size_t i = 0; i < n_sets; i++) {
        if (figure->shows(&sets[i])) {
            shown[n_shown++] = &sets[i];
        }
    }
    if (n_shown > 0) {
        MAD_TRY(figure->draw(ctx, runs, dir, n_shown, shown));
        *done = 1;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}
