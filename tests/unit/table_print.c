/* tests/unit/table_print.c: reads a data file, prints its table as JSON and raw numbers.
 *
 * table_print READER OUT key=text...: OUT.x gets the rows (float64), OUT.label the classes (int32);
 * OUT = -: no files, only mean and sd of all values.
 * Refused: the message on stderr, and the status's exit code.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/store/datafile.h"

enum { N_KEYS = 7 };

static const mad_param params[N_KEYS + 1] = {
    {.name = "images", .kind = MAD_PARAM_PATH},
    {.name = "labels", .kind = MAD_PARAM_PATH},
    {.name = "path", .kind = MAD_PARAM_PATH},
    {.name = "label_column", .kind = MAD_PARAM_TEXT},
    {.name = "bad_rows", .kind = MAD_PARAM_CHOICE, .fallback = "refuse", .choices = "refuse|drop"},
    {.name = "delimiter",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "auto",
     .choices = "auto|comma|semicolon|tab"},
    {.name = "header", .kind = MAD_PARAM_CHOICE, .fallback = "auto", .choices = "auto|yes|no"}};

static int write_raw(const char *stem, const char *suffix, const void *data, size_t n, size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s.%s", stem, suffix);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return 1;
    }
    const size_t n_written = fwrite(data, size, n, file);
    return fclose(file) != 0 || n_written != n;
}

/* Mean and sd of all values, as further members of the JSON object. */
static void print_spread(const mad_table *table)
{
    const size_t n = table->n_rows * table->dim;
    double sum = 0, sum_squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += table->x[i];
    }
    for (size_t i = 0; i < n; i++) {
        sum_squares += (table->x[i] - sum / (double)n) * (table->x[i] - sum / (double)n);
    }
    printf(", \"mean\": %.17g, \"sd\": %.17g", sum / (double)n, sqrt(sum_squares / (double)n));
}

static void print_words(const char *key, size_t n, const char *const *word)
{
    printf(", \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        printf("%s\"", i > 0 ? ", " : "");
        for (const char *c = word[i] != NULL ? word[i] : ""; *c != '\0'; c++) {
            printf("%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
        }
        printf("\"");
    }
    printf("]");
}

static void print_columns(const mad_table *table)
{
    printf(", \"columns\": [");
    for (size_t j = 0; j < table->dim; j++) {
        printf("%s{\"n\": %zu", j > 0 ? ", " : "", table->column[j].n_levels);
        print_words("words", table->column[j].n_levels, table->column[j].level);
        print_words("name", 1, &table->column[j].name);
        printf("}");
    }
    printf("]");
}

static int print_table(const mad_table *table, const char *out)
{
    printf("{\"n_rows\": %zu, \"dim\": %zu, \"n_classes\": %zu, \"height\": %zu, \"width\": %zu, "
           "\"channels\": %zu, \"n_dropped\": %zu, \"labels\": %d",
           table->n_rows, table->dim, table->n_classes, table->height, table->width,
           table->channels, table->n_dropped, table->label != NULL);
    if (table->class_name != NULL) {
        print_words("class_names", table->n_classes, table->class_name);
    }
    if (table->column != NULL) {
        print_columns(table);
    }
    int failed = 0;
    if (strcmp(out, "-") == 0) {
        print_spread(table);
    } else {
        failed = write_raw(out, "x", table->x, table->n_rows * table->dim, sizeof *table->x);
        if (table->label != NULL) {
            failed |= write_raw(out, "label", table->label, table->n_rows, sizeof *table->label);
        }
    }
    printf("}\n");
    return failed;
}

int main(int argc, char **argv)
{
    mad_value value[N_KEYS];
    const mad_values values = {.params = params, .n_values = N_KEYS, .value = value};
    mad_table table;

    if (argc < 4) {
        fprintf(stderr, "usage: table_print READER OUT key=text...\n");
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_status st = MAD_OK;
    for (size_t i = 0; st == MAD_OK && i < N_KEYS; i++) {
        const char *text = params[i].fallback != NULL ? params[i].fallback : "none";
        for (int j = 3; j < argc; j++) {
            const size_t n = strlen(params[i].name);
            if (strncmp(argv[j], params[i].name, n) == 0 && argv[j][n] == '=') {
                text = argv[j] + n + 1;
            }
        }
        st = mad_value_parse(ctx, mem, &params[i], 1, &text, 0, &value[i]);
    }
    if (st == MAD_OK) {
        st = mad_table_read(ctx, mem, argv[1], &values, NULL, &table);
    }
    int failed = 0;
    if (st != MAD_OK) {
        fprintf(stderr, "%s\n", ctx->message);
    } else {
        failed = print_table(&table, argv[2]);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return st != MAD_OK ? mad_status_exit_code(st) : failed;
}
