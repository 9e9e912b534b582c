/* sim/iface/set.c: carving, viewing, copying and checking data sets. */
#include "sim/iface/set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/num/stats.h"

mad_status mad_set_take(mad_ctx *ctx, mad_arena *mem, size_t n_rows, size_t dim, int with_labels,
                        mad_set *out)
{
    size_t n_values;
    if (mad_size_mul(n_rows, dim, &n_values) != MAD_OK) {
        return mad_fail(ctx, MAD_E_RANGE, "a set of %zu rows x %zu columns is too large", n_rows,
                        dim);
    }
    mad_set set = {.n_rows = n_rows, .dim = dim};
    set.x = mad_arena_take(mem, n_values, sizeof *set.x);
    if (set.x == NULL) {
        return mad_fail_memory(ctx, "the rows of a data set");
    }
    if (with_labels) {
        set.label = mad_arena_take(mem, n_rows, sizeof *set.label);
        if (set.label == NULL) {
            return mad_fail_memory(ctx, "the labels of a data set");
        }
    }
    *out = set;
    return MAD_OK;
}

mad_set mad_set_rows(const mad_set *set, size_t begin, size_t n_rows)
{
    MAD_ASSERT(begin <= set->n_rows && n_rows <= set->n_rows - begin);
    return (mad_set){
        .n_rows = n_rows,
        .dim = set->dim,
        .x = set->x + begin * set->dim,
        .label = set->label == NULL ? NULL : set->label + begin,
        .weight = set->weight == NULL ? NULL : set->weight + begin,
        .parent = set->parent == NULL ? NULL : set->parent + begin,
    };
}

void mad_set_copy(const mad_set *from, mad_set *to, size_t at)
{
    MAD_ASSERT(from->dim == to->dim);
    MAD_ASSERT(at <= to->n_rows && from->n_rows <= to->n_rows - at);
    if (from->n_rows == 0) {
        return; /* memcpy wants valid pointers even for no bytes */
    }
    memcpy(to->x + at * to->dim, from->x, from->n_rows * from->dim * sizeof *from->x);
    if (from->label != NULL && to->label != NULL) {
        memcpy(to->label + at, from->label, from->n_rows * sizeof *from->label);
    }
}

/* 0 times a number is 0, times NaN or an infinity NaN; in lanes, which the compiler takes at once. */
static int any_not_finite(size_t n, const double *x)
{
    enum { LANES = 8 };
    double zero[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            zero[l] += 0.0 * x[i + l];
        }
    }
    for (; i < n; i++) {
        zero[0] += 0.0 * x[i];
    }
    for (size_t l = 1; l < LANES; l++) {
        zero[0] += zero[l];
    }
    return !(zero[0] == 0.0);
}

mad_status mad_set_check_finite(mad_ctx *ctx, const mad_set *set, const char *what)
{
    if (!any_not_finite(set->n_rows * set->dim, set->x)) {
        return MAD_OK;
    }
    for (size_t i = 0; i < set->n_rows; i++) {
        for (size_t j = 0; j < set->dim; j++) {
            const double x = set->x[i * set->dim + j];
            if (!isfinite(x)) {
                return mad_fail(ctx, MAD_E_NONFINITE, "%s: row %zu, column %zu (from 0) is %g",
                                what, i, j, x);
            }
        }
    }
    return MAD_OK;
}

uint64_t mad_set_hash(const mad_set *set, uint64_t start)
{
    const uint64_t hash = mad_fnv1a(set->x, set->n_rows * set->dim * sizeof *set->x, start);
    return set->label == NULL ? hash
                              : mad_fnv1a(set->label, set->n_rows * sizeof *set->label, hash);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t hash_of_row(const mad_set *set, size_t i)
{
    return mad_fnv1a(set->x + i * set->dim, set->dim * sizeof *set->x, MAD_FNV1A_START);
}

mad_status mad_set_count_shared(mad_ctx *ctx, const mad_set *set, const mad_set *other, size_t *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    uint64_t *hash = mad_arena_take_raw(ctx->scratch, other->n_rows, sizeof *hash);
    if (hash == NULL) {
        return mad_fail_memory(ctx, "the hashes of rows");
    }
    for (size_t i = 0; i < other->n_rows; i++) {
        hash[i] = hash_of_row(other, i);
    }
    qsort(hash, other->n_rows, sizeof *hash, by_value);
    *out = 0;
    for (size_t i = 0; i < set->n_rows; i++) {
        const uint64_t key = hash_of_row(set, i);
        *out += bsearch(&key, hash, other->n_rows, sizeof *hash, by_value) != NULL;
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}
