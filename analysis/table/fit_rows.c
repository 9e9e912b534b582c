/* analysis/table/fit_rows.c: see the header; JSON is in fit_json.c. */
#include "analysis/table/fit_rows.h"

#include <math.h>
#include <string.h>

#include "sim/base/par.h"

/* ---- taking ---------------------------------------------------------------------------------- */

static mad_status take_row(mad_ctx *ctx, void *arg, size_t i_row)
{
    mad_fit_row *row = (mad_fit_row *)arg + i_row;
    return mad_fits_take(ctx, row->run->run.n_generations, row->run->run.n_done, row->series->value,
                         &row->fits);
}

mad_status mad_fit_rows_take(mad_ctx *ctx, mad_arena *mem, const mad_fractions *fractions,
                             size_t n_rows, mad_fit_row *rows)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < n_rows; i++) {
        MAD_TRY(
            mad_fits_reserve(ctx, mem, rows[i].run->run.n_replicates, fractions, &rows[i].fits));
    }
    MAD_TRY(mad_par_for(ctx, n_rows, take_row, rows));
out:
    return st;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* A line of a table in the making. */
typedef struct line {
    mad_arena *mem;
    size_t n;
    const char **cell;
} line;

static void put(line *l, const char *text)
{
    l->cell[l->n++] = text;
}

static void put_number(line *l, double x)
{
    put(l, mad_cell_number(l->mem, x));
}

static void put_exact(line *l, double x)
{
    put(l, mad_cell_exact(l->mem, x));
}

static void put_bounds(line *l, double x, mad_interval interval)
{
    put_exact(l, x);
    put_exact(l, interval.low);
    put_exact(l, interval.high);
}

/* What is missing where no law is chosen. */
static const mad_law_fit *best_fit(const mad_fits *f)
{
    static const mad_law_fit none = {(double)NAN, (double)NAN, (double)NAN,   (double)NAN,
                                     (double)NAN, (double)NAN, MAD_BOUND_NONE};
    return f->best == MAD_N_LAWS ? &none : &f->fit[f->best];
}

static mad_law_intervals best_intervals(const mad_fits *f)
{
    const mad_interval none = {(double)NAN, (double)NAN};
    return f->best == MAD_N_LAWS ? (mad_law_intervals){none, none, none} : f->interval[f->best];
}

static const char *flags_of(const mad_fits *f)
{
    const int turns = f->turn.kind != MAD_TURN_NONE;
    if (f->best == MAD_N_LAWS) {
        return turns ? "short, turns" : "short";
    }
    switch (f->fit[f->best].bound) {
    case MAD_BOUND_LOW:
        return turns ? "b at least, turns" : "b at least";
    case MAD_BOUND_HIGH:
        return turns ? "b at most, turns" : "b at most";
    case MAD_BOUND_NONE:
        break;
    }
    return turns ? "turns" : "";
}

static void law_line(line *l, const mad_fit_row *row)
{
    static const char *const head[] = {"metric",   "run",   "law",  "c",    "a",    "b",
                                       "AICc exp", "power", "line", "flat", "flags"};
    if (row == NULL) {
        memcpy(l->cell, head, sizeof head);
        l->n = sizeof head / sizeof *head;
        return;
    }
    const mad_law_fit *fit = best_fit(&row->fits);
    put(l, row->name);
    put(l, row->run->label);
    put(l, mad_law_text(row->fits.best));
    put_number(l, fit->c);
    put_number(l, fit->a);
    put_number(l, fit->b);
    for (mad_law law = MAD_LAW_EXPONENTIAL; law < MAD_N_LAWS; law++) {
        put_number(l, row->fits.fit[law].aicc);
    }
    put(l, flags_of(&row->fits));
}

static void time_line(line *l, const mad_fit_row *row)
{
    static const char *const head[] = {"metric",         "run",  "rate", "half-life to c",
                                       "half-life to 0", "turn", "p"};
    if (row == NULL) {
        memcpy(l->cell, head, sizeof head);
        l->n = sizeof head / sizeof *head;
        return;
    }
    const mad_fits *f = &row->fits;
    const mad_law_fit *fit = best_fit(f);
    const mad_law_intervals interval = best_intervals(f);
    put(l, row->name);
    put(l, row->run->label);
    put(l, mad_cell_interval(l->mem, mad_law_rate(f->best, fit), interval.rate.low,
                             interval.rate.high));
    put(l,
        mad_cell_interval(l->mem, fit->half_life, interval.half_life.low, interval.half_life.high));
    put(l, mad_cell_interval(l->mem, fit->half_life_zero, interval.half_life_zero.low,
                             interval.half_life_zero.high));
    put(l,
        mad_cell_interval(l->mem, f->turn.generation, f->turn.interval.low, f->turn.interval.high));
    put_number(l, f->turn.p);
}

static void crossing_head(line *l, const mad_fractions *fractions, const char *form)
{
    for (size_t k = 0; k < fractions->n; k++) {
        char text[2 * MAD_CELL_BYTES], number[MAD_CELL_BYTES];
        mad_format_number(number, fractions->at[k]);
        (void)snprintf(text, sizeof text, form, number);
        const char *copy = mad_arena_text(l->mem, text);
        put(l, copy != NULL ? copy : "");
    }
}

/* "7 (9 of 10)": median, and how many crossed */
static void crossing_line(line *l, const mad_fit_row *row)
{
    put(l, row->name);
    put(l, row->run->label);
    for (size_t k = 0; k < row->fits.fractions.n; k++) {
        const mad_survival *s = &row->fits.survival[k];
        char text[2 * MAD_CELL_BYTES], number[MAD_CELL_BYTES];
        mad_format_number(number, s->median);
        (void)snprintf(text, sizeof text, "%s (%zu of %zu)", number, s->n_crossed, s->n);
        const char *copy = mad_arena_text(l->mem, text);
        put(l, copy != NULL ? copy : "");
    }
}

/* csv: one number per cell */
static void exact_head(line *l, const mad_fractions *fractions)
{
    static const char *const head[] = {"run",
                                       "dir",
                                       "metric",
                                       "n_replicates",
                                       "n_points",
                                       "law",
                                       "flags",
                                       "c",
                                       "a",
                                       "b",
                                       "aicc_exponential",
                                       "aicc_power",
                                       "aicc_linear",
                                       "aicc_plateau",
                                       "rate",
                                       "rate_low",
                                       "rate_high",
                                       "half_life",
                                       "half_life_low",
                                       "half_life_high",
                                       "half_life_zero",
                                       "half_life_zero_low",
                                       "half_life_zero_high",
                                       "turn",
                                       "turn_generation",
                                       "turn_low",
                                       "turn_high",
                                       "turn_p"};
    memcpy(l->cell, head, sizeof head);
    l->n = sizeof head / sizeof *head;
    crossing_head(l, fractions, "crossing_%s");
    crossing_head(l, fractions, "crossing_%s_low");
    crossing_head(l, fractions, "crossing_%s_high");
    crossing_head(l, fractions, "n_crossed_%s");
}

static void exact_line(line *l, const mad_fit_row *row)
{
    const mad_fits *f = &row->fits;
    const mad_law_fit *fit = best_fit(f);
    const mad_law_intervals interval = best_intervals(f);
    const size_t n = f->fractions.n;
    put(l, row->run->label);
    put(l, row->run->dir);
    put(l, row->name);
    put(l, mad_cell_count(l->mem, f->n_replicates));
    put(l, mad_cell_count(l->mem, f->n_points));
    put(l, f->best == MAD_N_LAWS ? "" : mad_law_text(f->best));
    put(l, flags_of(f));
    put_exact(l, fit->c);
    put_exact(l, fit->a);
    put_exact(l, fit->b);
    for (mad_law law = MAD_LAW_EXPONENTIAL; law < MAD_N_LAWS; law++) {
        put_exact(l, f->fit[law].aicc);
    }
    put_bounds(l, mad_law_rate(f->best, fit), interval.rate);
    put_bounds(l, fit->half_life, interval.half_life);
    put_bounds(l, fit->half_life_zero, interval.half_life_zero);
    put(l, f->turn.kind == MAD_TURN_NONE ? "" : mad_turn_text(f->turn.kind));
    put_bounds(l, f->turn.generation, f->turn.interval);
    put_exact(l, f->turn.p);
    for (size_t part = 0; part < 3; part++) {
        for (size_t k = 0; k < n; k++) {
            const mad_survival *s = &f->survival[k];
            put_exact(l, part == 0 ? s->median : part == 1 ? s->low : s->high);
        }
    }
    for (size_t k = 0; k < n; k++) {
        put(l, mad_cell_count(l->mem, f->survival[k].n_crossed));
    }
}

/* The heading line is in `head`; the others are filled row by row. */
static mad_status print_table(mad_ctx *ctx, mad_arena *mem, mad_grid_format format, size_t n_rows,
                              const mad_fit_row *rows, const line *head,
                              void (*fill)(line *, const mad_fit_row *))
{
    const size_t n = head->n;
    const char **cell = mad_arena_take(mem, (n_rows + 1) * n, sizeof *cell);
    if (cell == NULL) {
        return mad_fail_memory(ctx, "a table of fits");
    }
    memcpy(cell, head->cell, n * sizeof *cell);
    for (size_t i = 0; i < n_rows; i++) {
        fill(&(line){.mem = mem, .cell = cell + (i + 1) * n}, &rows[i]);
    }
    mad_grid_print(stdout, format, &(mad_grid){n_rows + 1, n, cell});
    return MAD_OK;
}

mad_status mad_fit_rows_print(mad_ctx *ctx, mad_arena *mem, mad_grid_format format, size_t n_rows,
                              const mad_fit_row *rows)
{
    const char *cell[MAD_GRID_COLUMNS];
    const mad_fractions none = {.n = 0};
    const mad_fractions *fractions = n_rows > 0 ? &rows[0].fits.fractions : &none;
    line head = {.mem = mem, .cell = cell};
    mad_status st = MAD_OK;

    if (format == MAD_GRID_CSV) {
        exact_head(&head, fractions);
        return print_table(ctx, mem, format, n_rows, rows, &head, exact_line);
    }
    law_line(&head, NULL);
    MAD_TRY(print_table(ctx, mem, format, n_rows, rows, &head, law_line));
    (void)putchar('\n');
    time_line(&head, NULL);
    MAD_TRY(print_table(ctx, mem, format, n_rows, rows, &head, time_line));
    (void)putchar('\n');
    head.n = 2; /* metric and run stay */
    crossing_head(&head, fractions, "at %s");
    MAD_TRY(print_table(ctx, mem, format, n_rows, rows, &head, crossing_line));
out:
    return st;
}

/* ---- survival curves ------------------------------------------------------------------------- */

enum { N_SURVIVAL = 9 };

static void survival_line(line *l, const mad_fit_row *row, size_t k, const mad_survival_step *step,
                          const char *(*number)(mad_arena *, double))
{
    put(l, row->name);
    put(l, row->run->label);
    put(l, number(l->mem, row->fits.fractions.at[k]));
    put(l, step->generation > 0 ? mad_cell_count(l->mem, step->generation) : "-");
    put(l, mad_cell_count(l->mem, step->n_at_risk));
    put(l, mad_cell_count(l->mem, step->n_crossed));
    put(l, number(l->mem, step->survival));
    put(l, number(l->mem, step->low));
    put(l, number(l->mem, step->high));
}

static size_t count_lines(size_t n_rows, const mad_fit_row *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t k = 0; k < rows[i].fits.fractions.n; k++) {
            const size_t n_steps = rows[i].fits.survival[k].n_steps;
            n += n_steps > 0 ? n_steps : 1;
        }
    }
    return n;
}

mad_status mad_fit_survival_print(mad_ctx *ctx, mad_arena *mem, mad_grid_format format,
                                  size_t n_rows, const mad_fit_row *rows)
{
    static const char *const head[N_SURVIVAL] = {"metric",     "run",     "threshold",
                                                 "generation", "at risk", "crossed",
                                                 "survival",   "low",     "high"};
    const char *(*number)(mad_arena *, double) =
        format == MAD_GRID_CSV ? mad_cell_exact : mad_cell_number;
    const size_t n_lines = count_lines(n_rows, rows) + 1;
    const char **cell = mad_arena_take(mem, n_lines * N_SURVIVAL, sizeof *cell);
    if (cell == NULL) {
        return mad_fail_memory(ctx, "a table of survival curves");
    }
    memcpy(cell, head, sizeof head);
    line l = {.mem = mem, .n = N_SURVIVAL, .cell = cell};
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t k = 0; k < rows[i].fits.fractions.n; k++) {
            const mad_survival *s = &rows[i].fits.survival[k];
            const mad_survival_step start = {
                0, s->n, 0, s->n > 0 ? 1.0 : (double)NAN, (double)NAN, (double)NAN};
            for (size_t j = 0; j < s->n_steps; j++) {
                survival_line(&l, &rows[i], k, &s->step[j], number);
            }
            if (s->n_steps == 0) {
                survival_line(&l, &rows[i], k, &start, number);
            }
        }
    }
    mad_grid_print(stdout, format, &(mad_grid){n_lines, N_SURVIVAL, cell});
    return MAD_OK;
}
