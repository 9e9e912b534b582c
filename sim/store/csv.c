/* sim/store/csv.c: text tables: comments, an optional header, any of three delimiters, quotes. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/store/reader.h"

enum { EXCERPT_BYTES = 48 };

/* What is still to be read. */
typedef struct cursor {
    const char *at, *end;
    size_t n_lines; /* read so far: the number, from 1, of the line read last */
} cursor;

/* A piece of the text, without the white space or the quotes around it. */
typedef struct span {
    const char *begin, *end;
} span;

typedef struct table_form {
    const char *path;
    char delimiter;
    size_t n_columns;
    size_t i_label;    /* SIZE_MAX: no label column */
    size_t first_line; /* where n_columns was counted */
} table_form;

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line that is neither blank nor a comment, without its end; 0 when there is none. */
static int next_line(cursor *c, span *line)
{
    while (c->at < c->end) {
        const char *stop = memchr(c->at, '\n', (size_t)(c->end - c->at));
        *line = (span){.begin = c->at, .end = stop == NULL ? c->end : stop};
        c->at = stop == NULL ? c->end : stop + 1;
        c->n_lines++;
        if (line->end > line->begin && line->end[-1] == '\r') {
            line->end--;
        }
        const char *first = line->begin;
        while (first < line->end && is_blank(*first)) {
            first++;
        }
        if (first < line->end && *first != '#') {
            return 1;
        }
    }
    return 0;
}

/* Cuts the next field off *rest; 0 when there is none left, -1 when its quotes are broken. */
static int next_field(span *rest, char delimiter, span *field)
{
    const char *at = rest->begin;
    if (at == NULL) {
        return 0;
    }
    while (at < rest->end && is_blank(*at) && *at != delimiter) {
        at++;
    }
    const int quoted = at < rest->end && *at == '"';
    field->begin = quoted ? ++at : at;
    if (quoted) {
        while (at < rest->end && (*at != '"' || (at + 1 < rest->end && at[1] == '"'))) {
            at += *at == '"' ? 2 : 1;
        }
        if (at >= rest->end) {
            return -1;
        }
        field->end = at++;
        while (at < rest->end && is_blank(*at) && *at != delimiter) {
            at++;
        }
        if (at < rest->end && *at != delimiter) {
            return -1;
        }
    } else {
        while (at < rest->end && *at != delimiter) {
            at++;
        }
        field->end = at;
        while (field->end > field->begin && is_blank(field->end[-1])) {
            field->end--;
        }
    }
    rest->begin = at < rest->end ? at + 1 : NULL; /* after a delimiter one more field follows */
    return 1;
}

static mad_status fail_quotes(mad_ctx *ctx, const char *path, size_t i_line, size_t i_column)
{
    return mad_fail(ctx, MAD_E_DATA, "'%s': line %zu, column %zu: broken quotes", path, i_line,
                    i_column);
}

static mad_status count_fields(mad_ctx *ctx, const char *path, span line, size_t i_line,
                               char delimiter, size_t *out)
{
    span field;
    int got;
    *out = 0;
    while ((got = next_field(&line, delimiter, &field)) > 0) {
        ++*out;
    }
    return got < 0 ? fail_quotes(ctx, path, i_line, *out + 1) : MAD_OK;
}

/* A semicolon wins over all (commas may then be decimal), a tab over nothing but no delimiter. */
static char find_delimiter(span line)
{
    int quoted = 0, has_comma = 0, has_tab = 0;
    for (const char *at = line.begin; at < line.end; at++) {
        quoted ^= *at == '"';
        if (!quoted && *at == ';') {
            return ';';
        }
        has_comma |= !quoted && *at == ',';
        has_tab |= !quoted && *at == '\t';
    }
    return has_tab && !has_comma ? '\t' : ',';
}

static int equals(span field, const char *text)
{
    const size_t n = (size_t)(field.end - field.begin);
    return n == strlen(text) && memcmp(field.begin, text, n) == 0;
}

static int is_missing(span field)
{
    static const char *const words[] = {"", "NA", "N/A", "NaN", "null", "?"};
    const size_t n = (size_t)(field.end - field.begin);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (n == strlen(words[i]) && strncasecmp(field.begin, words[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

/* 1 and a finite *out when the whole field is a decimal number. The byte behind a field is never
 * part of a number (a delimiter, quote, line end or the final zero), so strtod stops there. */
static int is_number(span field, double *out)
{
    char *stop;
    for (const char *at = field.begin; at < field.end; at++) {
        if (!isdigit((unsigned char)*at) && strchr("+-.eE", *at) == NULL) {
            return 0;
        }
    }
    if (field.begin == field.end) {
        return 0;
    }
    *out = strtod(field.begin, &stop);
    return stop == field.end && isfinite(*out);
}

/* The field as it may stand in a message: short, printable. */
static const char *excerpt(span field, char *out)
{
    const size_t n_all = (size_t)(field.end - field.begin);
    const size_t n = n_all < EXCERPT_BYTES - 4 ? n_all : EXCERPT_BYTES - 4;
    for (size_t i = 0; i < n; i++) {
        out[i] = isprint((unsigned char)field.begin[i]) ? field.begin[i] : (char)'?';
    }
    memcpy(out + n, n < n_all ? "..." : "", n < n_all ? 4 : 1);
    return out;
}

/* A header has words and no numbers, or the name asked for. */
static int is_header(span line, char delimiter, const char *label_column)
{
    span field;
    double number;
    size_t n_numbers = 0, n_words = 0;
    while (next_field(&line, delimiter, &field) > 0) {
        if (label_column != NULL && equals(field, label_column)) {
            return 1;
        }
        if (is_number(field, &number)) {
            n_numbers++;
        } else if (!is_missing(field)) {
            n_words++;
        }
    }
    return n_numbers == 0 && n_words > 0;
}

/* Index of the column of that name; SIZE_MAX when there is none. */
static size_t find_column(span line, char delimiter, const char *name)
{
    span field;
    for (size_t i = 0; next_field(&line, delimiter, &field) > 0; i++) {
        if (equals(field, name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Looks at the first line: delimiter, number of columns, header, label column. */
static mad_status find_form(mad_ctx *ctx, const char *path, span line, size_t i_line,
                            const char *label_column, table_form *form, int *has_header)
{
    const int by_name = strcmp(label_column, "none") != 0 && strcmp(label_column, "last") != 0 &&
                        strcmp(label_column, "first") != 0;
    *form = (table_form){.path = path, .i_label = SIZE_MAX, .first_line = i_line};
    form->delimiter = find_delimiter(line);
    const mad_status st = count_fields(ctx, path, line, i_line, form->delimiter, &form->n_columns);
    if (st != MAD_OK) {
        return st;
    }
    *has_header = is_header(line, form->delimiter, by_name ? label_column : NULL);
    if (by_name) {
        form->i_label = find_column(line, form->delimiter, label_column);
        if (form->i_label == SIZE_MAX) {
            return mad_fail(ctx, MAD_E_DATA,
                            "'%s': label_column '%s' is none, last, first or a name in the first "
                            "line, but line %zu has no such name",
                            path, label_column, i_line);
        }
    } else if (strcmp(label_column, "none") != 0) {
        form->i_label = strcmp(label_column, "first") == 0 ? 0 : form->n_columns - 1;
    }
    if (form->i_label != SIZE_MAX && form->n_columns == 1) {
        return mad_fail(ctx, MAD_E_DATA,
                        "'%s' has one column, the label: nothing is left to learn from", path);
    }
    return MAD_OK;
}

static mad_status fail_field(mad_ctx *ctx, const table_form *form, size_t i_line, size_t i_column,
                             span field)
{
    char text[EXCERPT_BYTES];
    excerpt(field, text);
    if (is_missing(field)) {
        return mad_fail(ctx, MAD_E_DATA, "'%s': line %zu, column %zu: missing value '%s'",
                        form->path, i_line, i_column + 1, text);
    }
    return mad_fail(ctx, MAD_E_DATA,
                    "'%s': line %zu, column %zu: expected a finite number, got '%s'", form->path,
                    i_line, i_column + 1, text);
}

/* One row into x (and *label_value); columns are numbered from 1 in messages. */
static mad_status read_row(mad_ctx *ctx, const table_form *form, span line, size_t i_line,
                           double *x, double *label_value)
{
    span rest = line, field;
    size_t n_fields, n_values = 0;
    const mad_status st = count_fields(ctx, form->path, line, i_line, form->delimiter, &n_fields);

    if (st != MAD_OK) {
        return st;
    }
    if (n_fields != form->n_columns) {
        return mad_fail(ctx, MAD_E_DATA, "'%s': line %zu has %zu columns, line %zu has %zu",
                        form->path, i_line, n_fields, form->first_line, form->n_columns);
    }
    for (size_t i = 0; next_field(&rest, form->delimiter, &field) > 0; i++) {
        double value;
        if (!is_number(field, &value)) {
            return fail_field(ctx, form, i_line, i, field);
        }
        if (i == form->i_label) {
            *label_value = value;
        } else {
            x[n_values++] = value;
        }
    }
    return MAD_OK;
}

static mad_status read_rows(mad_ctx *ctx, mad_arena *mem, const table_form *form, cursor c,
                            mad_table *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const int has_label = form->i_label != SIZE_MAX;
    mad_table table = {.dim = form->n_columns - (size_t)has_label};
    cursor ahead = c;
    span line;
    double *label;

    while (next_line(&ahead, &line)) {
        table.n_rows++;
    }
    if (table.n_rows == 0) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' has no rows", form->path);
    }
    /* a row is at least 2 bytes a value, so the sizes are bounded by the file's */
    table.x = mad_arena_take_raw(mem, table.n_rows * table.dim, sizeof *table.x);
    label = mad_arena_take_raw(ctx->scratch, table.n_rows, sizeof *label);
    if (table.x == NULL || label == NULL) {
        st = mad_fail_memory(ctx, form->path);
        goto out;
    }
    for (size_t i = 0; i < table.n_rows && next_line(&c, &line); i++) {
        MAD_TRY(read_row(ctx, form, line, c.n_lines, table.x + i * table.dim, &label[i]));
    }
    if (has_label) {
        MAD_TRY(mad_labels_map(ctx, mem, form->path, label, &table));
    }
    *out = table;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_csv_read(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw, const char *label_column,
                        mad_table *out)
{
    const char *text = (const char *)raw->bytes;
    const size_t mark_bytes = raw->n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    const cursor start = {.at = text + mark_bytes, .end = text + raw->n_bytes};
    cursor c = start;
    table_form form;
    span line;
    int has_header;

    if (!next_line(&c, &line)) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' has no rows", raw->path);
    }
    const mad_status st =
        find_form(ctx, raw->path, line, c.n_lines, label_column, &form, &has_header);
    if (st != MAD_OK) {
        return st;
    }
    return read_rows(ctx, mem, &form, has_header ? c : start, out);
}
