/* sim/engine/replicate.c: one generation of one replicate, from blocks to a fitted model. */
#include "sim/engine/internal.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

double *mad_engine_cell(const engine *g, size_t i_series, size_t i_replicate)
{
    const size_t width = g->e->series[i_series].width;
    const size_t column = g->generation - g->begin;
    return g->data[i_series] + (i_replicate * g->e->every + column) * width;
}

/* ---- saved models -------------------------------------------------------------------------- */

void mad_state_read(const worker *w, unsigned char *to)
{
    for (size_t i = 0; i < w->fields.n_fields; i++) {
        const size_t n_bytes = mad_field_bytes(&w->fields.field[i]);
        memcpy(to, w->fields.field[i].data, n_bytes);
        to += n_bytes;
    }
}

static void state_write(worker *w, const unsigned char *from)
{
    for (size_t i = 0; i < w->fields.n_fields; i++) {
        const size_t n_bytes = mad_field_bytes(&w->fields.field[i]);
        memcpy(w->fields.field[i].data, from, n_bytes);
        from += n_bytes;
    }
}

mad_status mad_state_load(mad_ctx *ctx, engine *g, const replicate *r, size_t generation, worker *w)
{
    state_write(w, r->state[generation % g->n_slots]);
    return w->model->type->loaded != NULL ? w->model->type->loaded(ctx, w->model) : MAD_OK;
}

/* ---- blocks -------------------------------------------------------------------------------- */

static int same_block(mad_block a, mad_block b)
{
    return a.kind == b.kind && a.generation == b.generation && a.n_rows == b.n_rows;
}

static mad_status take_block(mad_ctx *ctx, engine *g, replicate *r, mad_block block,
                             held_block **out)
{
    const mad_experiment *e = g->e;
    mad_status st = MAD_OK;
    held_block **link = &r->idle;
    while (*link != NULL && (*link)->capacity < block.n_rows) {
        link = &(*link)->next;
    }
    held_block *held = *link;
    if (held != NULL) {
        *link = held->next;
    } else {
        held = mad_arena_take(r->mem, 1, sizeof *held);
        if (held == NULL) {
            return mad_fail_memory(ctx, "a block of rows");
        }
        MAD_TRY(mad_set_take(ctx, r->mem, block.n_rows, e->world->info.dim, e->with_labels,
                             &held->rows));
        const size_t n_kept = e->n_models_kept;
        held->run = mad_arena_take_raw(r->mem, n_kept < block.n_rows ? n_kept : block.n_rows,
                                       sizeof *held->run);
        if (held->run == NULL) {
            return mad_fail_memory(ctx, "the lineage of a block");
        }
        held->capacity = block.n_rows;
    }
    held->block = block;
    held->rows.n_rows = block.n_rows;
    held->next = NULL;
    *out = held;
out:
    return st;
}

/* Rows [at, at + n) of the block left by generation `from`, drawn from the model of `tau`. */
static mad_status sample_part(mad_ctx *ctx, engine *g, replicate *r, worker *w, mad_set *block,
                              size_t at, size_t n_rows, size_t from, size_t tau)
{
    const mad_setting *s = &g->e->setting;
    mad_status st = MAD_OK;
    mad_set part = mad_set_rows(block, at, n_rows);
    /* the stream items of each earlier model start at their own 2^32: ages never share one */
    const uint64_t first_item = (uint64_t)(from - tau) << 32;
    MAD_TRY(mad_state_load(ctx, g, r, tau, w));
    MAD_TRY(s->model->sample(ctx, w->model, mad_engine_key(g, r, from, MAD_RNG_SAMPLE), first_item,
                             &part));
    if (s->bias->apply != NULL && !s->bias->is_identity(s->bias_values)) {
        if (s->bias->needs_moments) {
            MAD_TRY(s->model->moments(ctx, w->model, &w->fake_law));
        }
        MAD_TRY(s->bias->apply(ctx, s->bias_values, &w->fake_law, &part));
    }
out:
    return st;
}

/* How many rows of the block come from each model: i.i.d. ages, rows grouped by model. */
static mad_status draw_ages(mad_ctx *ctx, engine *g, const replicate *r, size_t from, size_t n_rows,
                            size_t *count)
{
    const mad_loop *loop = g->e->loop;
    double *cum = mad_arena_take(ctx->scratch, from, sizeof *cum);
    if (cum == NULL) {
        return mad_fail_memory(ctx, "the ages of models");
    }
    loop->type->sources(loop, from, cum);
    for (size_t i = 1; i < from; i++) {
        cum[i] += cum[i - 1];
    }
    mad_rng rng = mad_rng_open(mad_engine_key(g, r, from, MAD_RNG_AGE), 0);
    for (size_t i = 0; i < n_rows; i++) {
        count[mad_rng_index(&rng, from, cum)]++;
    }
    return MAD_OK;
}

static mad_status synthesise(mad_ctx *ctx, engine *g, replicate *r, held_block *held)
{
    mad_status st = MAD_OK;
    worker *w = &g->workers[ctx->i_worker];
    const size_t from = held->block.generation, n_rows = held->block.n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    if (g->e->n_models_kept == 1) {
        held->run[held->n_runs++] = (source_run){.generation = from, .n_rows = n_rows};
        MAD_TRY(sample_part(ctx, g, r, w, &held->rows, 0, n_rows, from, from));
    } else {
        size_t *count = mad_arena_take(ctx->scratch, from, sizeof *count);
        if (count == NULL) {
            return mad_fail_memory(ctx, "the ages of models");
        }
        MAD_TRY(draw_ages(ctx, g, r, from, n_rows, count));
        for (size_t tau = 1, at = 0; tau <= from; at += count[tau - 1], tau++) {
            if (count[tau - 1] > 0) {
                held->run[held->n_runs++] =
                    (source_run){.generation = tau, .n_rows = count[tau - 1]};
                MAD_TRY(sample_part(ctx, g, r, w, &held->rows, at, count[tau - 1], from, tau));
            }
        }
    }
    MAD_TRY(mad_set_check_finite(ctx, &held->rows, "synthetic rows"));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status fill_block(mad_ctx *ctx, engine *g, replicate *r, held_block *held)
{
    const mad_world *world = g->e->world;
    held->n_runs = 0;
    if (held->block.kind == MAD_BLOCK_SYNTHETIC) {
        return synthesise(ctx, g, r, held);
    }
    held->run[held->n_runs++] = (source_run){.generation = 0, .n_rows = held->block.n_rows};
    return world->type->draw(ctx, world, MAD_PART_TRAIN,
                             mad_engine_key(g, r, held->block.generation, MAD_RNG_REAL),
                             &held->rows);
}

mad_status mad_replicate_gather(mad_ctx *ctx, engine *g, replicate *r)
{
    const mad_plan *plan = g->plan;
    mad_status st = MAD_OK;
    held_block *kept = NULL, *old = r->held;
    held_block **tail = &kept;
    /* 1: what the plan still wants stays; buffers of the rest are free for the new blocks. Both are
     * in the order of the plans: the search goes on where the last one ended. */
    for (size_t begin = 0; old != NULL;) {
        held_block *next = old->next;
        int wanted = 0;
        for (size_t i = 0; i < plan->n_blocks && !wanted; i++) {
            const size_t at = (begin + i) % plan->n_blocks;
            wanted = same_block(old->block, plan->blocks[at]);
            begin = wanted ? at + 1 : begin;
        }
        held_block **list = wanted ? tail : &r->idle;
        old->next = wanted ? NULL : r->idle;
        *list = old;
        tail = wanted ? &old->next : tail;
        old = next;
    }
    /* 2: in plan order, which is the order of rows in the training set */
    held_block *ordered = NULL;
    tail = &ordered;
    for (size_t i = 0; i < plan->n_blocks; i++) {
        held_block **link = &kept;
        while (*link != NULL && !same_block((*link)->block, plan->blocks[i])) {
            link = &(*link)->next;
        }
        held_block *held = *link;
        if (held != NULL) {
            *link = held->next;
            held->next = NULL;
        } else {
            MAD_TRY(take_block(ctx, g, r, plan->blocks[i], &held));
            MAD_ASSERT(held != NULL);
            MAD_TRY(fill_block(ctx, g, r, held));
        }
        *tail = held;
        tail = &held->next;
    }
    r->held = ordered;
out:
    return st;
}

/* ---- the training set and where it comes from ---------------------------------------------- */

/* Rows of the training set by origin, while it is put together. */
typedef struct tally {
    size_t n_real;
    size_t *from_model; /* [n_back + 1] rows by age of their model */
    double *real_entry; /* [n_ages] real rows by the age of their block */
} tally;

static size_t age_column(const engine *g, size_t age)
{
    return age < g->e->n_ages ? age : g->e->n_ages - 1;
}

static void count_rows(const engine *g, const held_block *held, size_t i_run, size_t n_rows,
                       tally *t)
{
    const size_t generation = held->run[i_run].generation;
    if (generation > 0) {
        t->from_model[g->generation - generation] += n_rows;
        return;
    }
    t->n_real += n_rows;
    if (g->e->n_ages > 0) {
        t->real_entry[age_column(g, g->generation - held->block.generation)] += (double)n_rows;
    }
}

/* Everything: the only block itself, or copies of all of them, real ones first. */
static void assemble_all(engine *g, const replicate *r, worker *w, tally *t)
{
    size_t at = 0;
    const int is_single = r->held != NULL && r->held->next == NULL;
    w->train = is_single ? r->held->rows : w->buffer;
    for (const held_block *held = r->held; held != NULL; held = held->next) {
        if (!is_single) {
            mad_set_copy(&held->rows, &w->buffer, at);
        }
        for (size_t i = 0; i < held->n_runs; i++) {
            count_rows(g, held, i, held->run[i].n_rows, t);
        }
        at += held->block.n_rows;
    }
    w->train.n_rows = at;
}

/* `budget` rows out of n_all, without replacement. Real rows come first, as they do in all. */
static void assemble_budget(engine *g, const replicate *r, worker *w, size_t n_all, tally *t)
{
    size_t n_taken = 0;
    mad_rng rng = mad_rng_open(mad_engine_key(g, r, g->generation, MAD_RNG_BUDGET), 0);
    mad_rng_choose(&rng, n_all, g->plan->budget, w->pick, w->pick_work);
    memset(w->pick_work, 0, n_all * sizeof *w->pick_work); /* now: 1 = picked */
    for (size_t i = 0; i < g->plan->budget; i++) {
        w->pick_work[w->pick[i]] = 1;
    }
    w->train = w->buffer;
    const size_t *picked = w->pick_work;
    for (const held_block *held = r->held; held != NULL; held = held->next) {
        for (size_t i_run = 0, i_row = 0; i_run < held->n_runs; i_run++) {
            for (size_t k = 0; k < held->run[i_run].n_rows; k++, i_row++, picked++) {
                if (*picked) {
                    const mad_set row = mad_set_rows(&held->rows, i_row, 1);
                    mad_set_copy(&row, &w->buffer, n_taken++);
                    count_rows(g, held, i_run, 1, t);
                }
            }
        }
    }
    w->train.n_rows = n_taken;
}

static void set_weights(const engine *g, worker *w, size_t n_real)
{
    const size_t n = w->train.n_rows;
    w->train.weight = NULL;
    if (isnan(g->plan->real_weight) || n_real == 0 || n_real == n) {
        return;
    }
    const double real = g->plan->real_weight * (double)n / (double)n_real;
    const double synthetic = (1.0 - g->plan->real_weight) * (double)n / (double)(n - n_real);
    for (size_t i = 0; i < n; i++) { /* real blocks stand first in every plan */
        w->weight[i] = i < n_real ? real : synthetic;
    }
    w->train.weight = w->weight;
}

/* How many generations back the oldest model of the training set can lie; 0 = all rows real. */
static size_t oldest_source(const engine *g)
{
    const size_t t = g->generation, n_kept = g->e->n_models_kept;
    size_t n_back = 0;
    for (size_t i = 0; i < g->plan->n_blocks; i++) {
        const mad_block block = g->plan->blocks[i];
        if (block.kind == MAD_BLOCK_SYNTHETIC) {
            const size_t oldest = block.generation > n_kept ? block.generation - n_kept + 1 : 1;
            n_back = t - oldest > n_back ? t - oldest : n_back;
        }
    }
    return n_back;
}

/* Rows of the model `age` generations back are a `share` of the training set. */
static void descend(const engine *g, const replicate *r, size_t age, double share, lineage *line)
{
    const lineage *parent = &r->ancestry[(g->generation - age) % g->n_line_slots];
    line->mean_depth += share * (1.0 + parent->mean_depth);
    if (g->e->n_ages > 0) {
        line->origin[age_column(g, age)] += share;
        for (size_t a = 0; a < g->e->n_ages; a++) {
            line->ancestor[age_column(g, a + age)] += share * parent->ancestor[a];
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
        memcpy(mad_engine_cell(g, own->origin_share, r->index), line->origin, n_bytes);
        memcpy(mad_engine_cell(g, own->ancestor_share, r->index), line->ancestor, n_bytes);
    }
}

static void trace_lineage(engine *g, const replicate *r, size_t n_rows, size_t n_back,
                          const tally *t, lineage *line)
{
    const double n = (double)n_rows;
    line->real_share = (double)t->n_real / n;
    *mad_engine_cell(g, g->e->own.n_train, r->index) = n;
    if (g->e->n_ages > 0) {
        line->origin[0] = line->real_share;
    }
    for (size_t a = 0; a < g->e->n_ages; a++) {
        line->ancestor[a] = t->real_entry[a] / n;
    }
    for (size_t age = n_back; age >= 1; age--) {
        if (t->from_model[age] > 0) {
            descend(g, r, age, (double)t->from_model[age] / n, line);
        }
    }
    keep_lineage(g, r, line);
}

static mad_status assemble(mad_ctx *ctx, engine *g, const replicate *r, worker *w)
{
    const size_t n_back = oldest_source(g), n_ages = g->e->n_ages;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    tally t = {.from_model = mad_arena_take(ctx->scratch, n_back + 1, sizeof *t.from_model),
               .real_entry = mad_arena_take(ctx->scratch, n_ages, sizeof *t.real_entry)};
    lineage line = {.origin = mad_arena_take(ctx->scratch, n_ages, sizeof *line.origin),
                    .ancestor = mad_arena_take(ctx->scratch, n_ages, sizeof *line.ancestor)};
    if (t.from_model == NULL || t.real_entry == NULL || line.origin == NULL ||
        line.ancestor == NULL) {
        return mad_fail_memory(ctx, "the lineage of a training set");
    }
    size_t n_all = 0;
    for (const held_block *held = r->held; held != NULL; held = held->next) {
        n_all += held->block.n_rows;
    }
    if (g->plan->budget == 0 || g->plan->budget >= n_all) {
        assemble_all(g, r, w, &t);
    } else {
        assemble_budget(g, r, w, n_all, &t);
    }
    set_weights(g, w, t.n_real);
    trace_lineage(g, r, w->train.n_rows, n_back, &t, &line);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* ---- one generation ------------------------------------------------------------------------ */

static mad_status fit(mad_ctx *ctx, engine *g, replicate *r, worker *w, size_t trial_steps)
{
    const mad_experiment *e = g->e;
    mad_status st = MAD_OK;
    double *loss = NULL, flops = 0.0, samples_seen = (double)w->train.n_rows;
    double report[MAX_REPORTS];
    for (size_t i = 0; i < MAX_REPORTS; i++) {
        report[i] = (double)NAN;
    }
    if (e->own.loss != SIZE_MAX) {
        loss = mad_engine_cell(g, e->own.loss, r->index);
        for (size_t i = 0; i < e->n_loss; i++) {
            loss[i] = (double)NAN;
        }
    }
    const mad_fit_args args = {.key = mad_engine_key(g, r, g->generation, MAD_RNG_FIT),
                               .warm_steps = g->generation > 1 ? g->plan->warm_steps : 0,
                               .n_loss = e->n_loss,
                               .loss_curve = loss,
                               .samples_seen = &samples_seen,
                               .flops = &flops,
                               .report = e->own.n_reports > 0 ? report : NULL,
                               .trial_steps = trial_steps};
    if (g->generation > 1) {
        MAD_TRY(mad_state_load(ctx, g, r, g->generation - 1, w));
    } else {
        state_write(w, g->blank_state); /* the worker may come from another replicate */
    }
    MAD_TRY(e->setting.model->fit(ctx, w->model, &w->train, &args));
    *mad_engine_cell(g, e->own.flops, r->index) = flops;
    *mad_engine_cell(g, e->own.samples_seen, r->index) = samples_seen;
    for (size_t i = 0; i < e->own.n_reports; i++) {
        *mad_engine_cell(g, e->own.report[i], r->index) = report[i];
    }
out:
    return st;
}

mad_status mad_replicate_train(mad_ctx *ctx, engine *g, replicate *r, size_t trial_steps)
{
    worker *w = &g->workers[ctx->i_worker];
    const own_series *own = &g->e->own;
    mad_status st = MAD_OK;
    const double t_start = mad_engine_now_s();
    MAD_TRY(mad_replicate_gather(ctx, g, r));
    MAD_TRY(assemble(ctx, g, r, w));
    const double t_assembled = mad_engine_now_s();
    MAD_TRY(fit(ctx, g, r, w, trial_steps));
    mad_state_read(w, r->state[g->generation % g->n_slots]);
    *mad_engine_cell(g, own->sample_s, r->index) = t_assembled - t_start;
    *mad_engine_cell(g, own->train_s, r->index) = mad_engine_now_s() - t_assembled;
out:
    return st;
}

mad_status mad_replicate_step(mad_ctx *ctx, engine *g, replicate *r)
{
    worker *w = &g->workers[ctx->i_worker];
    const own_series *own = &g->e->own;
    mad_status st = MAD_OK;
    if (g->e->setting.model->flags & MAD_MODEL_THREADED) { /* others finish their generation */
        MAD_TRY(mad_ctx_poll(ctx));
    }
    MAD_TRY(mad_replicate_train(ctx, g, r, 0));
    const double t_fitted = mad_engine_now_s();
    MAD_TRY(mad_measure_model(ctx, g, r, w));
    *mad_engine_cell(g, own->measure_s, r->index) = mad_engine_now_s() - t_fitted;
out:
    if (st != MAD_OK && st != MAD_E_INTERRUPTED) {
        (void)mad_fail_while(ctx, st, "generation %zu, replicate %u", g->generation, r->index);
    }
    return st;
}
