/* sim/engine/ancestry.c: which real rows a training set descends from, row by row. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "sim/engine/internal.h"

/* Of a real row: which loop of the replicate drew it, for which generation, and its place there. */
enum { PLACE_BITS = 32, LOOP_SHIFT = 56 };

mad_status mad_ancestry_choose(mad_ctx *ctx, mad_experiment *e)
{
    const mad_model_type *model = e->setting.model;
    if (mad_get_choice(e->setting.measure_values, "ancestors") == 0) {
        e->ancestry = MAD_ANCESTRY_NONE;
        return MAD_OK;
    }
    if (e->world->info.kind == MAD_WORLD_CATEGORICAL) {
        e->ancestry = MAD_ANCESTRY_CATEGORIES;
        return MAD_OK;
    }
    e->ancestry = MAD_ANCESTRY_ROWS;
    if (model->has_parents == NULL ||
        !model->has_parents(e->setting.model_values, e->extrapolation.kind)) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "measure.ancestors: rows of model '%s' (model.kind), set like this, are "
                        "not drawn about a "
                        "training row each",
                        model->name);
    }
    return MAD_OK;
}

void mad_ancestry_add_field(const mad_experiment *e, int64_t *ancestor, mad_fields *fields)
{
    if (e->ancestry == MAD_ANCESTRY_ROWS) {
        MAD_ASSERT(fields->n_fields < MAD_MAX_FIELDS);
        fields->field[fields->n_fields++] =
            (mad_field){"ancestor", MAD_FIELD_I64, e->max_train_rows, ancestor};
    }
}

void mad_ancestry_real(const engine *g, const replicate *r, held_block *held)
{
    const size_t generation = held->block.generation;
    const uint32_t drawn_by = mad_engine_real_key(g, r, generation).replicate;
    const int64_t first = (int64_t)(drawn_by % g->e->setting.n_models) << LOOP_SHIFT |
                          (int64_t)generation << PLACE_BITS;
    for (size_t i = 0; held->ancestor != NULL && i < held->block.n_rows; i++) {
        held->ancestor[i] = first | (int64_t)i;
    }
}

void mad_ancestry_inherit(const worker *w, const mad_set *rows, int64_t *ancestor)
{
    for (size_t i = 0; rows->parent != NULL && i < rows->n_rows; i++) {
        ancestor[i] = w->model_ancestor[rows->parent[i]];
    }
}

void mad_ancestry_keep(const engine *g, worker *w)
{
    if (g->e->ancestry == MAD_ANCESTRY_ROWS) {
        for (size_t i = 0; i < g->e->max_train_rows; i++) {
            w->model_ancestor[i] = i < w->train.n_rows ? w->ancestor[i] : MAD_NO_ANCESTOR;
        }
    }
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int is_founder(int64_t ancestor)
{
    return (ancestor >> PLACE_BITS & (((int64_t)1 << (LOOP_SHIFT - PLACE_BITS)) - 1)) == 1;
}

mad_status mad_ancestry_report(mad_ctx *ctx, const engine *g, const replicate *r, const worker *w)
{
    const own_series *own = &g->e->own;
    const size_t n = w->train.n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double n_distinct = 0.0, n_founders = 0.0, sum_sq = 0.0;
    if (g->e->ancestry == MAD_ANCESTRY_NONE) {
        return MAD_OK;
    }
    int64_t *id = mad_arena_take_raw(ctx->scratch, n, sizeof *id);
    if (id == NULL) {
        return mad_fail_memory(ctx, "the ancestors of a training set");
    }
    for (size_t i = 0; i < n; i++) {
        id[i] = g->e->ancestry == MAD_ANCESTRY_ROWS ? w->ancestor[i] : (int64_t)w->train.x[i];
    }
    qsort(id, n, sizeof *id, compare);
    const int is_known = id[0] != MAD_NO_ANCESTOR;
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && id[end] == id[begin];) {
            end++;
        }
        const double share = (double)(end - begin) / (double)n;
        n_distinct += 1.0;
        n_founders += is_founder(id[begin]);
        sum_sq += share * share;
    }
    *mad_engine_cell(g, own->ancestors, r->index) = is_known ? n_distinct : (double)NAN;
    *mad_engine_cell(g, own->ancestors_effective, r->index) = is_known ? 1.0 / sum_sq : (double)NAN;
    if (g->e->ancestry == MAD_ANCESTRY_ROWS) {
        *mad_engine_cell(g, own->founders, r->index) = is_known ? n_founders : (double)NAN;
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}
