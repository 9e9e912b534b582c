/* analysis/table/grid.c: the four formats. */
#include "analysis/table/grid.h"

#include <math.h>
#include <string.h>

static const double ROUNDING = 1e-12; /* relative: intervals of equal values */

/* Characters, not bytes, of a UTF-8 text: continuation bytes do not count. */
static size_t text_width(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xC0u) != 0x80u;
    }
    return n;
}

static int is_control(char c)
{
    return ((unsigned char)c < 0x20u) || c == 0x7F;
}

static void print_padding(FILE *file, size_t n, char c)
{
    for (size_t i = 0; i < n; i++) {
        (void)fputc(c, file);
    }
}

static void print_plain(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        (void)fputc(is_control(*text) ? ' ' : *text, file);
    }
}

static void print_latex(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *escape = strchr("&%$#_{}", *text);
        if (strncmp(text, "\xC2\xB1", 2) == 0) { /* plus-minus sign */
            (void)fputs("$\\pm$", file);
            text++;
        } else if (*text == '\\') {
            (void)fputs("\\textbackslash{}", file);
        } else if (*text == '~' || *text == '^') {
            (void)fprintf(file, "\\%c{}", *text);
        } else if (escape != NULL) {
            (void)fprintf(file, "\\%c", *text);
        } else {
            (void)fputc(is_control(*text) ? ' ' : *text, file);
        }
    }
}

static void print_csv(FILE *file, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        (void)fputs(text, file);
        return;
    }
    (void)fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            (void)fputc('"', file);
        }
        (void)fputc(*text, file);
    }
    (void)fputc('"', file);
}

/* Markdown: a bar would end the cell; its escape counts in the width. */
static size_t print_markdown(FILE *file, const char *text)
{
    size_t n_extra = 0;
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            (void)fputc('\\', file);
            n_extra++;
        }
        (void)fputc(is_control(*text) ? ' ' : *text, file);
    }
    return n_extra;
}

static void column_widths(const mad_grid *grid, size_t *width)
{
    for (size_t c = 0; c < grid->n_columns; c++) {
        width[c] = 3; /* Markdown's rule needs three dashes */
        for (size_t r = 0; r < grid->n_rows; r++) {
            size_t n = text_width(grid->cell[r * grid->n_columns + c]);
            width[c] = n > width[c] ? n : width[c];
        }
    }
}

static void print_text_row(FILE *file, const mad_grid *grid, size_t i_row, const size_t *width)
{
    for (size_t c = 0; c < grid->n_columns; c++) {
        const char *cell = grid->cell[i_row * grid->n_columns + c];
        print_plain(file, cell);
        if (c + 1 < grid->n_columns) {
            print_padding(file, width[c] + 2 - text_width(cell), ' ');
        }
    }
    (void)fputc('\n', file);
}

static void print_markdown_row(FILE *file, const mad_grid *grid, size_t i_row, const size_t *width)
{
    for (size_t c = 0; c < grid->n_columns; c++) {
        const char *cell = grid->cell[i_row * grid->n_columns + c];
        (void)fputs("| ", file);
        size_t used = text_width(cell) + print_markdown(file, cell);
        print_padding(file, used < width[c] ? width[c] - used : 0, ' ');
        (void)fputc(' ', file);
    }
    (void)fputs("|\n", file);
}

static void print_rule(FILE *file, mad_grid_format format, const mad_grid *grid,
                       const size_t *width)
{
    for (size_t c = 0; c < grid->n_columns; c++) {
        if (format == MAD_GRID_MARKDOWN) {
            (void)fputs("| ", file);
        }
        print_padding(file, width[c], '-');
        (void)fputs(format == MAD_GRID_MARKDOWN ? " " : c + 1 < grid->n_columns ? "  " : "", file);
    }
    (void)fputs(format == MAD_GRID_MARKDOWN ? "|\n" : "\n", file);
}

static void print_latex_row(FILE *file, const mad_grid *grid, size_t i_row)
{
    for (size_t c = 0; c < grid->n_columns; c++) {
        print_latex(file, grid->cell[i_row * grid->n_columns + c]);
        (void)fputs(c + 1 < grid->n_columns ? " & " : " \\\\\n", file);
    }
    if (i_row == 0) {
        (void)fputs("\\midrule\n", file);
    }
}

static void print_csv_row(FILE *file, const mad_grid *grid, size_t i_row)
{
    for (size_t c = 0; c < grid->n_columns; c++) {
        print_csv(file, grid->cell[i_row * grid->n_columns + c]);
        (void)fputs(c + 1 < grid->n_columns ? "," : "\n", file);
    }
}

void mad_grid_print(FILE *file, mad_grid_format format, const mad_grid *grid)
{
    size_t width[MAD_GRID_COLUMNS] = {0};

    MAD_ASSERT(grid->n_columns <= MAD_GRID_COLUMNS);
    column_widths(grid, width);
    if (format == MAD_GRID_LATEX) {
        (void)fputs("% needs \\usepackage{booktabs}\n\\begin{tabular}{", file);
        print_padding(file, grid->n_columns, 'l');
        (void)fputs("}\n\\toprule\n", file);
    }
    for (size_t r = 0; r < grid->n_rows; r++) {
        switch (format) {
        case MAD_GRID_TEXT:
            print_text_row(file, grid, r, width);
            break;
        case MAD_GRID_MARKDOWN:
            print_markdown_row(file, grid, r, width);
            break;
        case MAD_GRID_LATEX:
            print_latex_row(file, grid, r);
            break;
        case MAD_GRID_CSV:
            print_csv_row(file, grid, r);
            break;
        }
        if (r == 0 && (format == MAD_GRID_TEXT || format == MAD_GRID_MARKDOWN)) {
            print_rule(file, format, grid, width);
        }
    }
    if (format == MAD_GRID_LATEX) {
        (void)fputs("\\bottomrule\n\\end{tabular}\n", file);
    }
}

void mad_format_number(char out[MAD_CELL_BYTES], double x)
{
    if (isnan(x)) {
        (void)snprintf(out, MAD_CELL_BYTES, "-");
    } else {
        (void)snprintf(out, MAD_CELL_BYTES, "%.4g", x);
    }
}

void mad_format_estimate(char out[MAD_CELL_BYTES], const mad_estimate *estimate)
{
    double size = fmax(fabs(estimate->mean), estimate->half);

    if (!isfinite(estimate->mean) || !isfinite(estimate->half) ||
        estimate->half <= ROUNDING * size) {
        mad_format_number(out, estimate->mean);
        return;
    }
    int place = 1 - (int)floor(log10(estimate->half)); /* decimals that show 2 digits of it */
    if (size >= 1e5 || place > 7) {
        (void)snprintf(out, MAD_CELL_BYTES, "%.3e ± %.1e", estimate->mean, estimate->half);
        return;
    }
    place = place < 0 ? 0 : place;
    (void)snprintf(out, MAD_CELL_BYTES, "%.*f ± %.*f", place, estimate->mean, place,
                   estimate->half);
}
