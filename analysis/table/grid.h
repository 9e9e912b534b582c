/* analysis/table/grid.h: a table of texts, printed as text, Markdown, LaTeX or CSV. */
#ifndef MAD_TABLE_GRID_H
#define MAD_TABLE_GRID_H

#include <stdio.h>

#include "analysis/table/summary.h"

typedef enum mad_grid_format {
    MAD_GRID_TEXT,
    MAD_GRID_MARKDOWN,
    MAD_GRID_LATEX,
    MAD_GRID_CSV
} mad_grid_format;
#define MAD_GRID_FORMATS "text|markdown|latex|csv" /* in the order of the enum */

#define MAD_GRID_COLUMNS 64 /* at most */

/* cell[i_row * n_columns + i_column], UTF-8; row 0 is the heading. */
typedef struct mad_grid {
    size_t n_rows, n_columns;
    const char *const *cell;
} mad_grid;

/** Print. Text and Markdown pad to equal widths; LaTeX is a booktabs tabular with special
 *  characters escaped; CSV quotes as RFC 4180. Control characters print as spaces. */
void mad_grid_print(FILE *file, mad_grid_format format, const mad_grid *grid);

#define MAD_CELL_BYTES 64

/** "0.7312", "-inf", "-" for NaN: 4 significant digits. */
void mad_format_number(char out[MAD_CELL_BYTES], double x);

/** "0.731 ± 0.012": the interval to 2 digits, the mean to the same place. */
void mad_format_estimate(char out[MAD_CELL_BYTES], const mad_estimate *estimate);

#endif
