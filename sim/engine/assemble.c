/* sim/engine/assemble.c: blocks become a training set: channel, budget, weights, lineage. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "sim/engine/internal.h"

enum { STRIDE = 16 }; /* rows that are compared at a time */

static size_t count_held(const replicate *r)
{
    size_t n_rows = 0;
    for (const held_block *held = r->held; held != NULL; held = held->next) {
        n_rows += held->block.n_rows;
    }
    return n_rows;
}

static int passes_channel(const engine *g)
{
    const mad_channel_type *channel = g->e->setting.channel;
    return channel != NULL && channel->receive != NULL && g->generation > 1;
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* Of the rows of a block: what they weigh, and whether they pass for real. */
static void copy_marks(const held_block *held, size_t n, double *restrict weight,
                       unsigned char *restrict is_real)
{
    const double *restrict given = held->rows.weight;
    const int32_t *restrict source = held->source;
    if (given != NULL) {
        memcpy(weight, given, n * sizeof *weight);
    }
    for (size_t i = 0; given == NULL && i < n; i++) {
        weight[i] = 1.0;
    }
    for (size_t i = 0; i < n; i++) {
        is_real[i] = source[i] < 0;
    }
}

/* All blocks one behind the other, real ones first. */
static void copy_blocks(const replicate *r, worker *w)
{
    size_t at = 0;
    for (const held_block *held = r->held; held != NULL; held = held->next) {
        const size_t n = held->block.n_rows;
        mad_set_copy(&held->rows, &w->buffer, at);
        memcpy(w->buffer_source + at, held->source, n * sizeof *held->source);
        if (held->ancestor != NULL) {
            memcpy(w->buffer_ancestor + at, held->ancestor, n * sizeof *held->ancestor);
        }
        copy_marks(held, n, w->weight + at, w->is_labelled_real + at);
        at += n;
    }
    w->train = w->buffer;
    w->train.n_rows = at;
    w->source = w->buffer_source;
    w->ancestor = w->buffer_ancestor;
}

/* Keep the rows with is_kept, in their order. */
static void compact(worker *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->train.n_rows; i++) {
        if (w->is_kept[i]) {
            if (n < i) {
                const mad_set row = mad_set_rows(&w->buffer, i, 1);
                mad_set_copy(&row, &w->buffer, n);
                w->buffer_source[n] = w->buffer_source[i];
                if (w->buffer_ancestor != NULL) {
                    w->buffer_ancestor[n] = w->buffer_ancestor[i];
                }
                w->weight[n] = w->weight[i];
                w->is_labelled_real[n] = w->is_labelled_real[i];
            }
            n++;
        }
    }
    w->train.n_rows = n;
}

static mad_status receive(mad_ctx *ctx, engine *g, const replicate *r, worker *w)
{
    const mad_setting *s = &g->e->setting;
    const size_t last = g->generation - 1, n = w->train.n_rows;
    mad_status st = MAD_OK;
    const mad_channel_in in = {.setting = s,
                               .generation = g->generation,
                               .model = w->model,
                               .key = mad_engine_key(g, r, g->generation, MAD_RNG_CHANNEL)};
    mad_received rows = {.rows = &w->train, .is_real = w->is_real, .is_kept = w->is_kept};
    for (size_t i = 0; i < n; i++) {
        w->is_real[i] = w->buffer_source[i] < 0;
        w->is_kept[i] = 1;
    }
    MAD_TRY(mad_state_load(ctx, g, r, last, w));
    MAD_TRY(s->channel->receive(ctx, &in, &rows, w->report[STAGE_CHANNEL]));
    for (size_t i = 0; i < n; i++) {
        if (!w->is_real[i] && w->buffer_source[i] < 0) {
            w->buffer_source[i] = mad_source_of(0, last);
            if (w->buffer_ancestor != NULL) {
                w->buffer_ancestor[i] = MAD_NO_ANCESTOR;
            }
        }
    }
    compact(w);
    if (w->train.n_rows == 0) {
        st = mad_fail(ctx, MAD_E_FAILED, "channel '%s' let none of %zu training rows pass",
                      s->channel->name, n);
        goto out;
    }
    MAD_TRY(mad_set_check_finite(ctx, &w->train, "received rows"));
out:
    return st;
}

/* The budget's rows, without replacement, in their order. */
static void take_budget(engine *g, const replicate *r, worker *w)
{
    const size_t n = w->train.n_rows, budget = g->plan->budget;
    if (budget == 0 || budget >= n) {
        return;
    }
    mad_rng rng = mad_rng_open(mad_engine_key(g, r, g->generation, MAD_RNG_BUDGET), 0);
    mad_rng_choose(&rng, n, budget, w->pick, w->pick_work);
    memset(w->is_kept, 0, n);
    for (size_t i = 0; i < budget; i++) {
        w->is_kept[w->pick[i]] = 1;
    }
    compact(w);
}

/* Rows that pass for real together weigh real_weight; mean 1 over all. */
static void set_weights(const engine *g, worker *w)
{
    const size_t n = w->train.n_rows;
    const int is_proportional = isnan(g->plan->real_weight);
    const int is_selected = g->e->setting.select != NULL && g->e->setting.select->weighs;
    double real = 0.0, synthetic = 0.0;
    w->train.weight = NULL;
    if (is_proportional && !is_selected) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        *(w->is_labelled_real[i] ? &real : &synthetic) += w->weight[i];
    }
    double real_factor = (double)n / (real + synthetic), synthetic_factor = real_factor;
    if (!is_proportional && real > 0.0 && synthetic > 0.0) {
        real_factor = g->plan->real_weight * (double)n / real;
        synthetic_factor = (1.0 - g->plan->real_weight) * (double)n / synthetic;
    } else if (!is_selected) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        w->weight[i] *= w->is_labelled_real[i] ? real_factor : synthetic_factor;
    }
    w->train.weight = w->weight;
}

/* ---- lineage ------------------------------------------------------------------------------- */

static size_t age_column(const engine *g, size_t age)
{
    return age < g->e->n_ages ? age : g->e->n_ages - 1;
}

/* Rows of a loop's model `age` generations back are a `share` of the training set. */
static void descend(const engine *g, const replicate *of, size_t age, double share, lineage *line)
{
    const lineage *parent = &of->ancestry[(g->generation - age) % g->n_line_slots];
    line->mean_depth += share * (1.0 + parent->mean_depth);
    if (g->e->n_ages > 0) {
        line->origin[age_column(g, age)] += share;
        for (size_t a = 0; a < g->e->n_ages; a++) {
            line->ancestor[age_column(g, a + age)] += share * parent->ancestor[a];
            line->depth[age_column(g, a + 1)] += share * parent->depth[a];
        }
    }
}

static void keep_lineage(engine *g, const replicate *r, const lineage *line)
{
    const own_series *own = &g->e->own;
    const size_t n_bytes = g->e->n_ages * sizeof(double);
    lineage *kept = &r->ancestry[g->generation % g->n_line_slots];
    kept->real_share = *mad_engine_cell(g, own->real_share, r->index) = line->real_share;
    kept->mean_depth = *mad_engine_cell(g, own->mean_depth, r->index) = line->mean_depth;
    if (n_bytes > 0) {
        memcpy(kept->origin, line->origin, n_bytes);
        memcpy(kept->ancestor, line->ancestor, n_bytes);
        memcpy(kept->depth, line->depth, n_bytes);
        memcpy(mad_engine_cell(g, own->origin_share, r->index), line->origin, n_bytes);
        memcpy(mad_engine_cell(g, own->ancestor_share, r->index), line->ancestor, n_bytes);
        memcpy(mad_engine_cell(g, own->depth_share, r->index), line->depth, n_bytes);
    }
}

/* Rows from i on that come from the same place: blocks and models follow one another. */
static size_t run_of_rows(const worker *w, size_t i)
{
    const int32_t *source = w->source + i, first = source[0];
    const size_t n_left = w->train.n_rows - i;
    size_t n = 1;
    for (int32_t differs = 0; n + STRIDE <= n_left; n += STRIDE) {
        for (size_t k = 0; k < STRIDE; k++) {
            differs |= source[n + k] ^ first;
        }
        if (differs != 0) {
            break;
        }
    }
    while (n < n_left && source[n] == first) {
        n++;
    }
    return n;
}

/* Generations back to the oldest model that rows of the training set come from. */
static size_t oldest_age(const worker *w, size_t generation)
{
    size_t oldest = 0;
    for (size_t i = 0; i < w->train.n_rows; i += run_of_rows(w, i)) {
        const int32_t source = w->source[i];
        const size_t age = source > 0 ? generation - (size_t)source % MAX_SOURCE_GENERATION : 0;
        oldest = age > oldest ? age : oldest;
    }
    return oldest;
}

/* Shares of the training set by where its rows come from. */
static mad_status trace_lineage(mad_ctx *ctx, engine *g, const replicate *r, const worker *w)
{
    const size_t n_ages = g->e->n_ages, n = w->train.n_rows, t = g->generation;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n_models = g->e->setting.n_models, n_back = oldest_age(w, t) + 1;
    size_t *by_age =
        mad_arena_take(ctx->scratch, n_models * n_back, sizeof *by_age); /* of models */
    lineage line = {.origin = mad_arena_take(ctx->scratch, n_ages, sizeof *line.origin),
                    .ancestor = mad_arena_take(ctx->scratch, n_ages, sizeof *line.ancestor),
                    .depth = mad_arena_take(ctx->scratch, n_ages, sizeof *line.depth)};
    size_t n_real = 0;
    if (by_age == NULL || line.origin == NULL || line.ancestor == NULL || line.depth == NULL) {
        return mad_fail_memory(ctx, "the lineage of a training set");
    }
    for (size_t i = 0, n_rows; i < n; i += n_rows) {
        n_rows = run_of_rows(w, i);
        if (w->source[i] > 0) {
            const size_t distance = (size_t)w->source[i] / MAX_SOURCE_GENERATION;
            const size_t generation = (size_t)w->source[i] % MAX_SOURCE_GENERATION;
            by_age[distance * n_back + t - generation] += n_rows;
        } else {
            n_real += n_rows;
            if (n_ages > 0) {
                line.ancestor[age_column(g, t - (size_t)-w->source[i])] += (double)n_rows;
            }
        }
    }
    line.real_share = (double)n_real / (double)n;
    *mad_engine_cell(g, g->e->own.n_train, r->index) = (double)n;
    if (n_ages > 0) {
        line.origin[0] = line.depth[0] = line.real_share;
    }
    for (size_t a = 0; a < n_ages; a++) {
        line.ancestor[a] /= (double)n;
    }
    for (size_t k = n_models * n_back; k-- > 0;) {
        if (by_age[k] > 0) {
            descend(g, mad_engine_neighbour(g, r, k / n_back), k % n_back,
                    (double)by_age[k] / (double)n, &line);
        }
    }
    keep_lineage(g, r, &line);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* ---- all together -------------------------------------------------------------------------- */

mad_status mad_assemble(mad_ctx *ctx, engine *g, replicate *r, worker *w)
{
    mad_status st = MAD_OK;
    const int is_single = r->held != NULL && r->held->next == NULL && r->held->rows.weight == NULL;
    const size_t n_all = count_held(r);
    const int is_cut = g->plan->budget > 0 && g->plan->budget < n_all;
    if (is_single && !is_cut && !passes_channel(g)) {
        w->train = r->held->rows;
        w->source = r->held->source;
        w->ancestor = r->held->ancestor;
    } else {
        copy_blocks(r, w);
        if (passes_channel(g)) {
            MAD_TRY(receive(ctx, g, r, w));
        }
        take_budget(g, r, w);
        set_weights(g, w);
    }
    MAD_TRY(trace_lineage(ctx, g, r, w));
    MAD_TRY(mad_ancestry_report(ctx, g, r, w));
out:
    return st;
}
