/* analysis/table/decay_rows.c: see the header. */
#include "analysis/table/decay_rows.h"

#include <math.h>
#include <string.h>

enum { N_COLUMNS = 11 };

mad_status mad_decay_row_take(mad_ctx *ctx, const mad_run_entry *run, const mad_run_series *series,
                              const mad_summary *summary, mad_decay_row *out)
{
    const size_t n_rep = run->run.n_replicates, n_gen = run->run.n_generations;
    const size_t last = run->run.n_done;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    mad_estimate *curve = mad_arena_take_raw(ctx->scratch, n_gen, sizeof *curve);
    double *mean = mad_arena_take_raw(ctx->scratch, n_gen, sizeof *mean);
    if (curve == NULL || mean == NULL) {
        st = mad_fail_memory(ctx, "a decay");
        goto out;
    }
    MAD_TRY(mad_estimate_curve(ctx, n_rep, n_gen, 1, series->value, curve));
    for (size_t g = 0; g < last; g++) {
        mean[g] = curve[g].mean;
    }
    *out = (mad_decay_row){.run = run, .summary = summary};
    for (int law = 0; law < MAD_N_DECAY_LAWS; law++) {
        MAD_TRY(mad_decay_fit(ctx, (mad_decay_law)law, last, mean, &out->fit[law]));
        MAD_TRY(mad_decay_interval(ctx, (mad_decay_law)law, n_rep, n_gen, last, series->value,
                                   out->interval[law]));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_decay_rows_print(mad_ctx *ctx, mad_arena *mem, mad_grid_format format, size_t n_rows,
                                const mad_decay_row *rows)
{
    static const char *const head[N_COLUMNS] = {
        "metric",         "run",  "law",     "c", "a", "b", "half-life", "half-life low",
        "half-life high", "AICc", "at bound"};
    const char *(*number)(mad_arena *, double) =
        format == MAD_GRID_CSV ? mad_cell_exact : mad_cell_number;
    mad_grid grid = {.n_rows = n_rows * MAD_N_DECAY_LAWS + 1, .n_columns = N_COLUMNS};
    const char **cell = mad_arena_take(mem, grid.n_rows * N_COLUMNS, sizeof *cell);
    if (cell == NULL) {
        return mad_fail_memory(ctx, "a table of decays");
    }
    memcpy(cell, head, sizeof head);
    for (size_t i = 0; i + 1 < grid.n_rows; i++) {
        const mad_decay_row *row = &rows[i / MAD_N_DECAY_LAWS];
        const mad_decay_law law = (mad_decay_law)(i % MAD_N_DECAY_LAWS);
        const mad_decay *fit = &row->fit[law];
        const char *const line[N_COLUMNS] = {row->summary->name,
                                             row->run->label,
                                             mad_decay_text(law),
                                             number(mem, fit->c),
                                             number(mem, fit->a),
                                             number(mem, fit->b),
                                             number(mem, fit->half_life),
                                             number(mem, row->interval[law][0]),
                                             number(mem, row->interval[law][1]),
                                             number(mem, fit->aicc),
                                             fit->at_bound ? "yes" : "no"};
        memcpy(cell + (i + 1) * N_COLUMNS, line, sizeof line);
    }
    grid.cell = cell;
    mad_grid_print(stdout, format, &grid);
    return MAD_OK;
}

json_t *mad_decay_row_json(const mad_decay_row *row)
{
    json_t *array = json_array();
    for (int law = 0; law < MAD_N_DECAY_LAWS; law++) {
        const mad_decay *fit = &row->fit[law];
        (void)json_array_append_new(
            array, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "law",
                             mad_decay_text((mad_decay_law)law), "c", mad_json_number(fit->c), "a",
                             mad_json_number(fit->a), "b", mad_json_number(fit->b), "half_life",
                             mad_json_number(fit->half_life), "half_life_low",
                             mad_json_number(row->interval[law][0]), "half_life_high",
                             mad_json_number(row->interval[law][1]), "aicc",
                             mad_json_number(fit->aicc), "at_bound", fit->at_bound));
    }
    return array;
}
