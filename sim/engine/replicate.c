/* sim/engine/replicate.c: one generation of one replicate, from blocks to a fitted model. */
#include "sim/engine/cache.h"

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
        held->source = mad_arena_take_raw(r->mem, block.n_rows, sizeof *held->source);
        if (e->setting.select != NULL && e->setting.select->weighs) {
            held->rows.weight = mad_arena_take_raw(r->mem, block.n_rows, sizeof(double));
        }
        if (e->ancestry == MAD_ANCESTRY_ROWS) {
            held->ancestor = mad_arena_take_raw(r->mem, block.n_rows, sizeof *held->ancestor);
        }
        if (held->source == NULL || (e->ancestry == MAD_ANCESTRY_ROWS && held->ancestor == NULL) ||
            (e->setting.select != NULL && e->setting.select->weighs && held->rows.weight == NULL)) {
            return mad_fail_memory(ctx, "the origins of a block's rows");
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

static mad_status fill_block(mad_ctx *ctx, engine *g, replicate *r, held_block *held)
{
    const mad_world *world = g->e->world;
    if (held->block.kind == MAD_BLOCK_SYNTHETIC) {
        return mad_synthesise(ctx, g, r, &g->workers[ctx->i_worker], held);
    }
    for (size_t i = 0; i < held->block.n_rows; i++) {
        held->source[i] = -(int32_t)held->block.generation;
    }
    mad_ancestry_real(g, r, held);
    for (size_t i = 0; held->rows.weight != NULL && i < held->block.n_rows; i++) {
        held->rows.weight[i] = 1.0;
    }
    return world->type->draw(ctx, world, MAD_PART_TRAIN,
                             mad_engine_real_key(g, r, held->block.generation), &held->rows);
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

/* ---- one generation ------------------------------------------------------------------------ */

/* The fitted model becomes the one that its own samples tell it away from. */
static mad_status extrapolate(mad_ctx *ctx, const engine *g, const replicate *r, worker *w,
                              const mad_fit_args *args)
{
    const mad_experiment *e = g->e;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    const size_t n_rows =
        mad_schedule_count(&e->extrapolation.n_rows, g->generation, e->setting.n_generations);
    mad_set own;
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n_rows, e->world->info.dim, e->with_labels, &own));
    MAD_TRY(mad_draw_biased(ctx, g, w, mad_engine_key(g, r, g->generation, MAD_RNG_POST), 0,
                            g->generation, &own));
    MAD_TRY(e->setting.model->extrapolate(ctx, w->model, &own, args));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status fit(mad_ctx *ctx, engine *g, replicate *r, worker *w, size_t trial_steps)
{
    const mad_experiment *e = g->e;
    mad_status st = MAD_OK;
    double *loss = NULL, flops = 0.0, samples_seen = (double)w->train.n_rows;
    double report[MAX_REPORTS];
    int is_kept = 0;
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
    MAD_TRY(mad_cache_load(ctx, g, w, &args, &is_kept));
    if (!is_kept) {
        MAD_TRY(e->setting.model->fit(ctx, w->model, &w->train, &args));
        MAD_TRY(mad_cache_store(ctx, g, w, &args));
    }
    if (e->setting.post != NULL && trial_steps == 0) {
        MAD_TRY(extrapolate(ctx, g, r, w, &args));
    }
    *mad_engine_cell(g, e->own.flops, r->index) = flops;
    *mad_engine_cell(g, e->own.samples_seen, r->index) = samples_seen;
    for (size_t i = 0; i < e->own.n_reports; i++) {
        *mad_engine_cell(g, e->own.report[i], r->index) = report[i];
    }
out:
    return st;
}

static void clear_reports(worker *w)
{
    for (size_t s = 0; s < N_STAGES; s++) {
        for (size_t i = 0; i < MAX_STAGE_REPORTS; i++) {
            w->report[s][i] = (double)NAN;
        }
    }
}

static void keep_reports(const engine *g, const replicate *r, const worker *w)
{
    const own_series *own = &g->e->own;
    for (size_t s = 0; s < N_STAGES; s++) {
        for (size_t i = 0; i < own->n_stage[s]; i++) {
            *mad_engine_cell(g, own->stage[s][i], r->index) = w->report[s][i];
        }
    }
}

mad_status mad_replicate_train(mad_ctx *ctx, engine *g, replicate *r, size_t trial_steps)
{
    worker *w = &g->workers[ctx->i_worker];
    const own_series *own = &g->e->own;
    mad_status st = MAD_OK;
    const double t_start = mad_engine_now_s();
    clear_reports(w);
    MAD_TRY(mad_replicate_gather(ctx, g, r));
    MAD_TRY(mad_assemble(ctx, g, r, w));
    keep_reports(g, r, w);
    const double t_assembled = mad_engine_now_s();
    MAD_TRY(fit(ctx, g, r, w, trial_steps));
    mad_ancestry_keep(g, w);
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
