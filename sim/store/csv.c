/* sim/store/csv.c: text tables: comments, an optional header, any of three delimiters, quotes,
 * columns of numbers or of words.
 *
 * Three passes over the bytes: the first line tells the form; a survey of all lines counts them and
 * tells columns of words (no field of them begins as a number does) from columns of numbers; then
 * rows are read. */
#include <stdio.h>
#include <string.h>

#include "sim/store/fields.h"
#include "sim/store/levels.h"
#include "sim/store/reader.h"

typedef struct word_column {
    mad_span *field; /* [n_lines], NULL: a column of numbers */
} word_column;

typedef struct table_form {
    const char *path;
    char delimiter;
    size_t n_columns;
    size_t i_label;    /* SIZE_MAX: no label column */
    size_t first_line; /* where n_columns was counted */
    int drops_bad_rows;
    mad_table_column *column; /* [n_columns] names */
    word_column *words;       /* [n_columns] */
    size_t n_lines;           /* of rows, good or bad */
} table_form;

/* ---- the form -------------------------------------------------------------------------------- */

static mad_status fail_quotes(mad_ctx *ctx, const char *path, size_t i_line, size_t i_column)
{
    (void)mad_fail(ctx, MAD_E_DATA, "'%s': line %zu, column %zu: broken quotes", path, i_line,
                   i_column);
    return MAD_E_DATA;
}

/* 0 and the number of fields before it when quotes are broken. */
static int count_fields(mad_span line, char delimiter, size_t *out)
{
    mad_span field;
    int got;
    *out = 0;
    while ((got = mad_fields_next(&line, delimiter, &field)) > 0) {
        ++*out;
    }
    return got == 0;
}

/* A header has words and no numbers, or the name asked for. */
static int is_header(mad_span line, char delimiter, const char *label_column)
{
    mad_span field;
    double number;
    size_t n_numbers = 0, n_words = 0;
    while (mad_fields_next(&line, delimiter, &field) > 0) {
        if (label_column != NULL && mad_span_equals(field, label_column)) {
            return 1;
        }
        if (mad_span_number(field, &number) || mad_span_is_infinite(field)) {
            n_numbers++;
        } else if (!mad_span_is_missing(field)) {
            n_words++;
        }
    }
    return n_numbers == 0 && n_words > 0;
}

static mad_status name_columns(mad_ctx *ctx, mad_arena *mem, mad_span line, table_form *form)
{
    mad_span field;
    for (size_t i = 0; mad_fields_next(&line, form->delimiter, &field) > 0; i++) {
        form->column[i].name = mad_span_copy(mem, field);
        if (form->column[i].name == NULL) {
            return mad_fail_memory(ctx, form->path);
        }
    }
    return MAD_OK;
}

/* The label column: by place, or by its name in the header. */
static mad_status find_label(mad_ctx *ctx, const char *label, int by_name, table_form *form)
{
    form->i_label = SIZE_MAX;
    if (by_name) {
        for (size_t i = 0; i < form->n_columns && form->i_label == SIZE_MAX; i++) {
            const char *name = form->column[i].name;
            form->i_label = name != NULL && strcmp(name, label) == 0 ? i : SIZE_MAX;
        }
        if (form->i_label == SIZE_MAX) {
            return mad_fail(ctx, MAD_E_DATA,
                            "'%s': label_column '%s' is none, last, first or a name in the first "
                            "line, but line %zu has no such name",
                            form->path, label, form->first_line);
        }
    } else if (label != NULL) {
        form->i_label = strcmp(label, "first") == 0 ? 0 : form->n_columns - 1;
    }
    if (form->i_label != SIZE_MAX && form->n_columns == 1) {
        return mad_fail(ctx, MAD_E_DATA,
                        "'%s' has one column, the label: nothing is left to learn from",
                        form->path);
    }
    return MAD_OK;
}

/* Looks at the first line: delimiter, number of columns, header, label column. */
static mad_status find_form(mad_ctx *ctx, mad_arena *mem, mad_span line, size_t i_line,
                            const mad_reading *how, table_form *form, int *has_header)
{
    mad_status st = MAD_OK;
    const char *label = how->labels;
    const int by_name = label != NULL && strcmp(label, "last") != 0 && strcmp(label, "first") != 0;
    form->first_line = i_line;
    form->drops_bad_rows = how->drops_bad_rows;
    form->delimiter = how->delimiter;
    if (form->delimiter == 0) {
        form->delimiter = mad_fields_delimiter(line);
    }
    if (!count_fields(line, form->delimiter, &form->n_columns)) {
        return fail_quotes(ctx, form->path, i_line, form->n_columns + 1);
    }
    *has_header = how->header == MAD_HEADER_AUTO
                      ? is_header(line, form->delimiter, by_name ? label : NULL)
                      : how->header == MAD_HEADER_YES;
    form->column = mad_arena_take(mem, form->n_columns, sizeof *form->column);
    form->words = mad_arena_take(ctx->scratch, form->n_columns, sizeof *form->words);
    if (form->column == NULL || form->words == NULL) {
        return mad_fail_memory(ctx, form->path);
    }
    if (*has_header) {
        MAD_TRY(name_columns(ctx, mem, line, form));
    }
    MAD_TRY(find_label(ctx, label, by_name, form));
out:
    return st;
}

/* ---- the survey ------------------------------------------------------------------------------ */

/* Counts lines; a column with words only gets room for its fields. */
static mad_status survey(mad_ctx *ctx, mad_lines lines, const mad_reading *how, table_form *form)
{
    enum { HAS_WORD = 1, HAS_OTHER = 2 };
    unsigned char *has = mad_arena_take(ctx->scratch, form->n_columns, sizeof *has);
    mad_span line, field;
    if (has == NULL) {
        return mad_fail_memory(ctx, form->path);
    }
    while (mad_lines_next(&lines, &line)) {
        size_t n_fields;
        form->n_lines++;
        if (!count_fields(line, form->delimiter, &n_fields) || n_fields != form->n_columns) {
            continue;
        }
        for (size_t i = 0; mad_fields_next(&line, form->delimiter, &field) > 0; i++) {
            if (!mad_span_is_missing(field)) {
                has[i] |= mad_span_is_word(field) ? HAS_WORD : HAS_OTHER;
            }
        }
    }
    for (size_t i = 0; i < form->n_columns; i++) {
        if (has[i] == HAS_WORD && (form->n_columns > 1 || how->takes_one_word)) {
            form->words[i].field =
                mad_arena_take_raw(ctx->scratch, form->n_lines, sizeof *form->words[i].field);
            if (form->words[i].field == NULL) {
                return mad_fail_memory(ctx, form->path);
            }
        }
    }
    return MAD_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static mad_status fail_field(mad_ctx *ctx, const table_form *form, size_t i_line, size_t i_column,
                             mad_span field)
{
    char text[MAD_EXCERPT_BYTES];
    mad_span_excerpt(field, text);
    if (mad_span_is_missing(field)) {
        return mad_fail(ctx, MAD_E_DATA, "'%s': line %zu, column %zu: missing value '%s'",
                        form->path, i_line, i_column + 1, text);
    }
    return mad_fail(ctx, MAD_E_DATA,
                    "'%s': line %zu, column %zu: expected a finite number, got '%s'", form->path,
                    i_line, i_column + 1, text);
}

/* One row into x (and *label_value), words into place i_row of their column; columns are numbered
 * from 1 in messages. */
static mad_status read_row(mad_ctx *ctx, const table_form *form, mad_span line, size_t i_line,
                           size_t i_row, double *x, double *label_value)
{
    mad_span rest = line, field;
    size_t n_fields, n_values = 0;

    if (!count_fields(line, form->delimiter, &n_fields)) {
        return fail_quotes(ctx, form->path, i_line, n_fields + 1);
    }
    if (n_fields != form->n_columns) {
        return mad_fail(ctx, MAD_E_DATA, "'%s': line %zu has %zu columns, line %zu has %zu",
                        form->path, i_line, n_fields, form->first_line, form->n_columns);
    }
    for (size_t i = 0; mad_fields_next(&rest, form->delimiter, &field) > 0; i++) {
        double value = 0.0;
        const int is_good = form->words[i].field != NULL ? !mad_span_is_missing(field)
                                                         : mad_span_number(field, &value);
        if (!is_good) {
            return fail_field(ctx, form, i_line, i, field);
        }
        if (form->words[i].field != NULL) {
            form->words[i].field[i_row] = field;
        }
        if (i == form->i_label) {
            *label_value = value;
        } else {
            x[n_values++] = value;
        }
    }
    return MAD_OK;
}

/* Good rows up to the end; bad ones are refused, or left out and counted. */
static mad_status read_rows(mad_ctx *ctx, const table_form *form, mad_lines lines, double *label,
                            mad_table *table)
{
    mad_span line;
    while (mad_lines_next(&lines, &line)) {
        const size_t i = table->n_rows;
        const mad_status st =
            read_row(ctx, form, line, lines.n_lines, i, table->x + i * table->dim, &label[i]);
        if (st == MAD_OK) {
            table->n_rows++;
        } else if (form->drops_bad_rows) {
            mad_ctx_clear(ctx);
            table->n_dropped++;
        } else {
            return st;
        }
    }
    return table->n_rows > 0
               ? MAD_OK
               : mad_fail(ctx, MAD_E_DATA, "'%s' has no rows without bad fields", form->path);
}

/* Words become ranks, in the columns and in the labels; names of the columns without the labels'. */
static mad_status rank_words(mad_ctx *ctx, mad_arena *mem, table_form *form, double *label,
                             mad_table *table)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *rank = mad_arena_take_raw(ctx->scratch, table->n_rows, sizeof *rank);
    size_t j = 0;
    if (rank == NULL) {
        st = mad_fail_memory(ctx, form->path);
        goto out;
    }
    for (size_t i = 0; i < form->n_columns; i++) {
        const int is_label = i == form->i_label;
        if (form->words[i].field != NULL) {
            double *to = is_label ? label : rank;
            MAD_TRY(mad_levels_rank(ctx, mem, table->n_rows, form->words[i].field, to,
                                    &form->column[i]));
            for (size_t r = 0; !is_label && r < table->n_rows; r++) {
                table->x[r * table->dim + j] = rank[r];
            }
        }
        j += !is_label;
    }
    if (form->i_label != SIZE_MAX) {
        const mad_table_column labels = form->column[form->i_label];
        MAD_TRY(mad_labels_map(ctx, mem, form->path, label, table));
        if (labels.n_levels > 0) {
            MAD_TRY(mad_labels_name(ctx, mem, &labels, table));
        }
        memmove(form->column + form->i_label, form->column + form->i_label + 1,
                (form->n_columns - form->i_label - 1) * sizeof *form->column);
    }
    table->column = form->column;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status read_table(mad_ctx *ctx, mad_arena *mem, const mad_reading *how, table_form *form,
                             mad_lines lines, mad_table *out)
{
    mad_status st = MAD_OK;
    mad_table table = {.dim = form->n_columns - (size_t)(form->i_label != SIZE_MAX)};
    double *label;
    MAD_TRY(survey(ctx, lines, how, form));
    if (form->n_lines == 0) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' has no rows", form->path);
        goto out;
    }
    /* ragged lines may be shorter than 2 bytes a value: a bound by the file's size is checked */
    size_t n_values = 0;
    if (mad_size_mul(form->n_lines, table.dim, &n_values) != MAD_OK ||
        n_values > MAD_RAW_MAX_BYTES / sizeof *table.x) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' is more than 4 GiB of numbers", form->path);
        goto out;
    }
    table.x = mad_arena_take_raw(mem, n_values, sizeof *table.x);
    label = mad_arena_take_raw(ctx->scratch, form->n_lines, sizeof *label);
    if (table.x == NULL || label == NULL) {
        st = mad_fail_memory(ctx, form->path);
        goto out;
    }
    MAD_TRY(read_rows(ctx, form, lines, label, &table));
    MAD_TRY(rank_words(ctx, mem, form, label, &table));
    *out = table;
out:
    return st;
}

mad_status mad_csv_read(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw, const mad_reading *how,
                        mad_table *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const char *text = (const char *)raw->bytes;
    const size_t mark_bytes = raw->n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    const mad_lines start = {.at = text + mark_bytes, .end = text + raw->n_bytes};
    mad_lines lines = start;
    table_form form = {.path = raw->path};
    mad_span line;
    int has_header = 0;

    if (!mad_lines_next(&lines, &line)) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' has no rows", raw->path);
        goto out;
    }
    MAD_TRY(find_form(ctx, mem, line, lines.n_lines, how, &form, &has_header));
    if (how->takes_one_word && how->header == MAD_HEADER_AUTO && form.n_columns == 1) {
        mad_lines second = lines; /* a word above words is one of them */
        has_header = has_header && mad_lines_next(&second, &line) && !mad_span_is_word(line);
    }
    MAD_TRY(read_table(ctx, mem, how, &form, has_header ? lines : start, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}
