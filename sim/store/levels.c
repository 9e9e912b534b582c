/* sim/store/levels.c: the distinct words of a column and their ranks. */
#include "sim/store/levels.h"

#include <stdlib.h>
#include <string.h>

typedef struct numbered {
    char *word;
    size_t i_row;
} numbered;

static int by_word(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    const int order = strcmp(x->word, y->word);
    return order != 0 ? order : (x->i_row > y->i_row) - (x->i_row < y->i_row);
}

mad_status mad_levels_rank(mad_ctx *ctx, mad_arena *mem, size_t n, const mad_span *cell,
                           double *rank, mad_table_column *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    numbered *sorted = mad_arena_take_raw(ctx->scratch, n, sizeof *sorted);
    const char **level = NULL;
    size_t n_levels = 0;
    for (size_t i = 0; sorted != NULL && i < n; i++) {
        sorted[i] = (numbered){mad_span_copy(ctx->scratch, cell[i]), i};
        if (sorted[i].word == NULL) {
            sorted = NULL;
        }
    }
    if (sorted == NULL) {
        st = mad_fail_memory(ctx, "the words of a column");
        goto out;
    }
    qsort(sorted, n, sizeof *sorted, by_word);
    for (size_t i = 0; i < n; i++) {
        n_levels += i == 0 || strcmp(sorted[i].word, sorted[i - 1].word) != 0;
    }
    level = mad_arena_take(mem, n_levels, sizeof *level);
    size_t k = 0;
    for (size_t i = 0; level != NULL && i < n; i++) {
        if (i == 0 || strcmp(sorted[i].word, sorted[i - 1].word) != 0) {
            level[k] = mad_arena_text(mem, sorted[i].word);
            if (level[k++] == NULL) {
                level = NULL;
                break;
            }
        }
        rank[sorted[i].i_row] = (double)(k - 1);
    }
    if (level == NULL) {
        st = mad_fail_memory(ctx, "the words of a column");
        goto out;
    }
    out->n_levels = n_levels;
    out->level = level;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}
