/* sim/store/labels.c: a file's own class numbers become ranks. */
#include <math.h>
#include <string.h>

#include "sim/store/reader.h"

enum { LARGEST_CLASS = 65535 };

mad_status mad_labels_map(mad_ctx *ctx, mad_arena *mem, const char *path, const double *value,
                          mad_table *table)
{
    mad_status st = MAD_OK;
    const size_t n = table->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    int32_t *rank = mad_arena_take(ctx->scratch, LARGEST_CLASS + 1, sizeof *rank);
    int32_t *number = mad_arena_take_raw(ctx->scratch, LARGEST_CLASS + 1, sizeof *number);
    int32_t *mapped = mad_arena_take_raw(mem, n, sizeof *mapped);
    size_t n_found = 0;

    if (rank == NULL || number == NULL || mapped == NULL) {
        st = mad_fail_memory(ctx, "the labels");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (!(value[i] >= 0 && value[i] <= LARGEST_CLASS) || value[i] != floor(value[i])) {
            st = mad_fail(ctx, MAD_E_DATA,
                          "'%s': the label of row %zu is %g, expected a whole number from 0 to %d",
                          path, i + 1, value[i], LARGEST_CLASS);
            goto out;
        }
        rank[(size_t)value[i]] = 1;
    }
    for (int32_t i = 0; i <= LARGEST_CLASS; i++) {
        if (rank[i]) {
            rank[i] = (int32_t)n_found;
            number[n_found++] = i;
        }
    }
    for (size_t i = 0; i < n; i++) {
        mapped[i] = rank[(size_t)value[i]];
    }
    table->class_value = mad_arena_take_raw(mem, n_found, sizeof *number);
    if (table->class_value == NULL) {
        st = mad_fail_memory(ctx, "the labels");
        goto out;
    }
    memcpy(table->class_value, number, n_found * sizeof *number);
    table->label = mapped;
    table->n_classes = n_found;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_labels_name(mad_ctx *ctx, mad_arena *mem, const mad_table_column *words,
                           mad_table *table)
{
    const char **name = mad_arena_take(mem, table->n_classes, sizeof *name);
    if (name == NULL) {
        return mad_fail_memory(ctx, "the names of the classes");
    }
    for (size_t k = 0; k < table->n_classes; k++) {
        name[k] = words->level[table->class_value[k]];
    }
    table->class_name = name;
    table->class_value = NULL;
    return MAD_OK;
}
