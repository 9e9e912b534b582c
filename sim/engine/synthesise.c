/* sim/engine/synthesise.c: the rows a generation leaves: drawn, selected, corrected, emitted. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "sim/engine/internal.h"

enum { MAX_BATCHES = 16, MAX_TWINS = 1024 };
#define BATCH_ITEMS ((uint64_t)1 << 28)
#define LOOP_ITEMS  ((uint64_t)1 << 52)

/* ---- what the bias does to the spread ------------------------------------------------------ */

/* What the bias did to the rows of all models of a block, and to rows drawn without it. */
typedef struct bias_effect {
    spread with, without;
    double n_rows, strength; /* rows drawn, and the sum of their nominal strengths */
} bias_effect;

static void add_spread(spread *to, spread more)
{
    to->all += more.all;
    to->within += more.within;
}

/* The first rows again, from the same streams, without the tilt. */
static mad_status compare_twins(mad_ctx *ctx, const mad_experiment *e, worker *w, mad_key key,
                                uint64_t first_item, const mad_set *rows, bias_effect *effect)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = rows->n_rows < MAX_TWINS ? rows->n_rows : MAX_TWINS;
    mad_set biased = *rows, twins;
    spread with, without;
    mad_status st = MAD_OK;
    biased.n_rows = n;
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n, rows->dim, rows->label != NULL, &twins));
    MAD_TRY(e->setting.model->sample(ctx, w->model, key, first_item, &twins));
    MAD_TRY(mad_spread_of(ctx, e, &biased, &with));
    MAD_TRY(mad_spread_of(ctx, e, &twins, &without));
    add_spread(&effect->with, with);
    add_spread(&effect->without, without);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status apply_bias(mad_ctx *ctx, const mad_experiment *e, worker *w, size_t generation,
                             mad_set *rows, bias_effect *effect)
{
    const mad_setting *s = &e->setting;
    const mad_bias_in in = {.values = s->bias_values,
                            .generation = generation,
                            .n_generations = s->n_generations,
                            .law = e->bias_sees_law ? &w->law : NULL};
    mad_status st = MAD_OK;
    spread with, without;
    if (e->bias_sees_law) {
        MAD_TRY(s->model->moments(ctx, w->model, &w->law));
    }
    if (effect != NULL) {
        MAD_TRY(mad_spread_of(ctx, e, rows, &without));
    }
    MAD_TRY(s->bias->apply(ctx, &in, rows));
    if (effect != NULL) {
        MAD_TRY(mad_spread_of(ctx, e, rows, &with));
        add_spread(&effect->with, with);
        add_spread(&effect->without, without);
    }
out:
    return st;
}

static void add_nominal(const mad_setting *s, size_t generation, size_t n_rows, bias_effect *effect)
{
    const mad_bias_type *bias = s->bias;
    const double strength =
        bias->nominal != NULL
            ? bias->nominal(s->bias_values, generation, s->n_generations)
            : mad_get_at(s->bias_values, "strength", generation, s->n_generations);
    effect->n_rows += (double)n_rows;
    effect->strength += (double)n_rows * strength;
}

/* Schedules of what is done to rows are read in the generation that trains on them. */
static size_t trained_on_in(const mad_setting *s, size_t generation)
{
    return generation < s->n_generations ? generation + 1 : generation;
}

/* effect: NULL when it is not asked for. */
static mad_status draw(mad_ctx *ctx, const mad_experiment *e, worker *w, mad_key key,
                       uint64_t first_item, size_t generation, mad_set *rows, bias_effect *effect)
{
    const mad_setting *s = &e->setting;
    const mad_model_type *model = s->model;
    mad_status st = MAD_OK;
    const size_t trains = trained_on_in(s, generation);
    if (effect != NULL) {
        add_nominal(s, trains, rows->n_rows, effect);
    }
    if (s->bias == NULL || s->bias->is_identity(s->bias_values)) {
        return model->sample(ctx, w->model, key, first_item, rows);
    }
    if (s->bias->apply != NULL) {
        MAD_TRY(model->sample(ctx, w->model, key, first_item, rows));
        MAD_TRY(apply_bias(ctx, e, w, trains, rows, effect));
    } else {
        MAD_TRY(model->sample_tilted(ctx, w->model, key, first_item, trains, rows));
        if (effect != NULL) {
            MAD_TRY(compare_twins(ctx, e, w, key, first_item, rows, effect));
        }
    }
out:
    return st;
}

mad_status mad_draw_biased(mad_ctx *ctx, const engine *g, worker *w, mad_key key,
                           uint64_t first_item, size_t generation, mad_set *out)
{
    return draw(ctx, g->e, w, key, first_item, generation, out, NULL);
}

mad_status mad_biased_probabilities(mad_ctx *ctx, const engine *g, worker *w, size_t generation,
                                    double *p)
{
    const mad_setting *s = &g->e->setting;
    return s->bias->is_identity(s->bias_values)
               ? s->model->probabilities(ctx, w->model, p)
               : s->model->tilted_probabilities(ctx, w->model, trained_on_in(s, generation), p);
}

/* ---- candidates ---------------------------------------------------------------------------- */

/* How many rows come from each of the models first..from: i.i.d. ages, rows grouped by model. */
static mad_status draw_ages(mad_ctx *ctx, engine *g, const replicate *r, size_t first, size_t from,
                            size_t n_rows, uint64_t batch, size_t *count)
{
    const mad_loop *loop = g->e->loop;
    if (first == from) {
        count[0] = n_rows;
        return MAD_OK;
    }
    double *cum = mad_arena_take(ctx->scratch, from, sizeof *cum);
    if (cum == NULL) {
        return mad_fail_memory(ctx, "the ages of models");
    }
    loop->type->sources(loop, from, cum);
    for (size_t i = 1; i < from; i++) {
        cum[i] += cum[i - 1];
    }
    mad_rng rng = mad_rng_open(mad_engine_key(g, r, from, MAD_RNG_AGE), batch);
    for (size_t i = 0; i < n_rows; i++) {
        count[mad_rng_index(&rng, from, cum) - (first - 1)]++;
    }
    return MAD_OK;
}

/* How many rows come from each of the interacting loops: its own first, then those after it. */
static mad_status draw_loops(mad_ctx *ctx, const engine *g, const replicate *r, size_t from,
                             size_t n_rows, uint64_t batch, size_t *count)
{
    const mad_setting *s = &g->e->setting;
    const double own = mad_schedule_at(&s->own_share, trained_on_in(s, from), s->n_generations);
    /* a timing probe fits some of the loops only */
    if (own == 1.0 || g->probe != NULL) {
        count[0] = n_rows;
        return MAD_OK;
    }
    double *cum = mad_arena_take(ctx->scratch, s->n_models, sizeof *cum);
    if (cum == NULL) {
        return mad_fail_memory(ctx, "the shares of loops");
    }
    for (size_t d = 0; d < s->n_models; d++) {
        cum[d] = own + (1.0 - own) * (double)d / fmax((double)s->n_models - 1.0, 1.0);
    }
    mad_rng rng = mad_rng_open(mad_engine_key(g, r, from, MAD_RNG_AGE), LOOP_ITEMS + batch);
    for (size_t i = 0; i < n_rows; i++) {
        count[mad_rng_index(&rng, s->n_models, cum)]++;
    }
    return MAD_OK;
}

/* Where rows come from, row by row, as in held_block. */
typedef struct origins {
    int32_t *source;
    int64_t *ancestor; /* NULL: not followed */
} origins;

static origins origins_from(origins of, size_t at)
{
    return (origins){of.source + at, of.ancestor == NULL ? NULL : of.ancestor + at};
}

/* The parents of the rows, where they are followed. */
static mad_status take_parents(mad_ctx *ctx, origins of, mad_set *rows)
{
    if (of.ancestor != NULL) {
        rows->parent = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *rows->parent);
    }
    return of.ancestor == NULL || rows->parent != NULL
               ? MAD_OK
               : mad_fail_memory(ctx, "the parents of rows");
}

/* The rows of one loop's models up to generation `from`, older ones first. */
static mad_status draw_of_loop(mad_ctx *ctx, engine *g, replicate *r, worker *w, size_t distance,
                               size_t from, uint64_t batch, mad_set *rows, origins of,
                               bias_effect *effect)
{
    mad_status st = MAD_OK;
    const mad_key key = mad_engine_key(g, r, from, MAD_RNG_SAMPLE);
    const uint64_t at_batch = distance * LOOP_ITEMS + batch * BATCH_ITEMS;
    const size_t n_kept = g->e->n_models_kept, first = from > n_kept ? from - n_kept + 1 : 1;
    size_t *count = mad_arena_take(ctx->scratch, from - first + 1, sizeof *count);
    if (count == NULL) {
        return mad_fail_memory(ctx, "the ages of models");
    }
    MAD_TRY(draw_ages(ctx, g, r, first, from, rows->n_rows, distance * MAX_BATCHES + batch, count));
    for (size_t tau = first, at = 0; tau <= from; at += count[tau - first], tau++) {
        if (count[tau - first] > 0) {
            /* stream items of each earlier model start at their own 2^32: ages never share one */
            const uint64_t first_item = ((uint64_t)(from - tau) << 32) + at_batch;
            mad_set part = mad_set_rows(rows, at, count[tau - first]);
            MAD_TRY(take_parents(ctx, of, &part));
            MAD_TRY(mad_state_load(ctx, g, mad_engine_neighbour(g, r, distance), tau, w));
            MAD_TRY(draw(ctx, g->e, w, key, first_item, tau, &part, effect));
            const origins here = origins_from(of, at);
            mad_ancestry_inherit(w, &part, here.ancestor);
            for (size_t i = 0; i < part.n_rows; i++) {
                here.source[i] = mad_source_of(distance, tau);
            }
        }
    }
out:
    return st;
}

/* Rows by the models up to generation `from`. */
static mad_status draw_batch(mad_ctx *ctx, engine *g, replicate *r, worker *w, size_t from,
                             uint64_t batch, mad_set *rows, origins of, bias_effect *effect)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n_models = g->e->setting.n_models;
    size_t *count = mad_arena_take(ctx->scratch, n_models, sizeof *count);
    if (count == NULL) {
        return mad_fail_memory(ctx, "the shares of loops");
    }
    MAD_TRY(draw_loops(ctx, g, r, from, rows->n_rows, batch, count));
    for (size_t d = 0, at = 0; d < n_models; at += count[d], d++) {
        if (count[d] > 0) {
            mad_set part = mad_set_rows(rows, at, count[d]);
            MAD_TRY(
                draw_of_loop(ctx, g, r, w, d, from, batch, &part, origins_from(of, at), effect));
        }
    }
    MAD_TRY(mad_set_check_finite(ctx, rows, "synthetic rows"));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- stages -------------------------------------------------------------------------------- */

/* What generation 1 was fitted on, drawn again where it is first needed. */
static mad_status real_rows(mad_ctx *ctx, engine *g, replicate *r, const mad_set **out)
{
    const mad_experiment *e = g->e;
    mad_status st = MAD_OK;
    if (r->real.n_rows == 0) {
        mad_set real;
        MAD_TRY(mad_set_take(ctx, r->mem, e->n_initial, e->world->info.dim, e->with_labels, &real));
        MAD_TRY(e->world->type->draw(ctx, e->world, MAD_PART_TRAIN, mad_engine_real_key(g, r, 1),
                                     &real));
        r->real = real;
    }
    *out = &r->real;
out:
    return st;
}

/* One batch of candidates, and which of them are taken: appended to the block. */
static mad_status select_batch(mad_ctx *ctx, engine *g, replicate *r, worker *w, uint64_t batch,
                               held_block *held, size_t *n_kept, size_t *n_drawn,
                               bias_effect *effect, double *report)
{
    const mad_setting *s = &g->e->setting;
    const size_t from = held->block.generation, n_wanted = held->block.n_rows - *n_kept;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_select_in in = {.setting = s,
                        .generation = trained_on_in(s, from),
                        .model = w->model,
                        .n_wanted = n_wanted,
                        .n_drawn = *n_drawn,
                        .n_kept = *n_kept,
                        .key = mad_engine_key(g, r, from, MAD_RNG_SELECT),
                        .batch = batch};
    const size_t n = s->select->n_candidates(s, in.generation, n_wanted);
    mad_set candidates;
    mad_status st = MAD_OK;
    MAD_TRY(
        mad_set_take(ctx, ctx->scratch, n, held->rows.dim, held->rows.label != NULL, &candidates));
    origins of = {.source = mad_arena_take_raw(ctx->scratch, n, sizeof *of.source)};
    if (held->ancestor != NULL) {
        of.ancestor = mad_arena_take_raw(ctx->scratch, n, sizeof *of.ancestor);
    }
    mad_selection chosen = {.pick = mad_arena_take_raw(ctx->scratch, n_wanted, sizeof *chosen.pick),
                            .weight =
                                held->rows.weight != NULL ? held->rows.weight + *n_kept : NULL,
                            .report = report};
    if (of.source == NULL || (held->ancestor != NULL && of.ancestor == NULL) ||
        chosen.pick == NULL) {
        st = mad_fail_memory(ctx, "the candidates of a selection");
        goto out;
    }
    MAD_TRY(draw_batch(ctx, g, r, w, from, batch, &candidates, of, effect));
    MAD_TRY(mad_state_load(ctx, g, r, from, w));
    if (s->select->needs_real) {
        MAD_TRY(real_rows(ctx, g, r, &in.real));
    }
    in.candidates = &candidates;
    MAD_TRY(s->select->choose(ctx, &in, &chosen));
    for (size_t i = 0; i < chosen.n; i++) {
        const mad_set row = mad_set_rows(&candidates, chosen.pick[i], 1);
        mad_set_copy(&row, &held->rows, *n_kept + i);
        held->source[*n_kept + i] = of.source[chosen.pick[i]];
        if (held->ancestor != NULL) {
            held->ancestor[*n_kept + i] = of.ancestor[chosen.pick[i]];
        }
    }
    *n_kept += chosen.n;
    *n_drawn += n;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status select_rows(mad_ctx *ctx, engine *g, replicate *r, worker *w, held_block *held,
                              bias_effect *effect, double *report)
{
    const mad_select_type *select = g->e->setting.select;
    const size_t n_rows = held->block.n_rows;
    size_t n_kept = 0, n_drawn = 0;
    mad_status st = MAD_OK;
    for (uint64_t batch = 0; n_kept < n_rows; batch++) {
        if (batch == MAX_BATCHES) {
            return mad_fail(ctx, MAD_E_FAILED,
                            "select '%s' took %zu of %zu rows that generation %zu drew, and %zu "
                            "were wanted",
                            select->name, n_kept, n_drawn, held->block.generation, n_rows);
        }
        MAD_TRY(select_batch(ctx, g, r, w, batch, held, &n_kept, &n_drawn, effect, report));
    }
    size_t n_own = 0;
    while (select->reports != NULL && select->reports[n_own].name != NULL) {
        n_own++;
    }
    report[n_own] = (double)n_drawn;
out:
    return st;
}

static mad_status correct_rows(mad_ctx *ctx, engine *g, replicate *r, mad_set *rows, size_t from,
                               double *report)
{
    const mad_setting *s = &g->e->setting;
    mad_correct_in in = {.setting = s,
                         .generation = trained_on_in(s, from),
                         .key = mad_engine_key(g, r, from, MAD_RNG_CORRECT)};
    mad_status st = MAD_OK;
    MAD_TRY(real_rows(ctx, g, r, &in.real));
    MAD_TRY(s->correct->apply(ctx, &in, rows, report));
    MAD_TRY(mad_set_check_finite(ctx, rows, "corrected rows"));
out:
    return st;
}

static mad_status emit_rows(mad_ctx *ctx, engine *g, replicate *r, worker *w, mad_set *rows,
                            size_t from, double *report)
{
    const mad_setting *s = &g->e->setting;
    const mad_channel_in in = {.setting = s,
                               .generation = trained_on_in(s, from),
                               .model = w->model,
                               .key = mad_engine_key(g, r, from, MAD_RNG_CHANNEL)};
    mad_status st = MAD_OK;
    MAD_TRY(mad_state_load(ctx, g, r, from, w));
    MAD_TRY(s->channel->emit(ctx, &in, rows, report));
    MAD_TRY(mad_set_check_finite(ctx, rows, "emitted rows"));
out:
    return st;
}

/* Rows that no bias touched have lam_eff 1 by definition, even where they have no spread. */
static void report_bias(const mad_setting *s, const bias_effect *effect, double *report)
{
    const int is_biased = !s->bias->is_identity(s->bias_values);
    report[0] = effect->strength / effect->n_rows;
    report[1] = is_biased ? effect->with.all / effect->without.all : 1.0;
    report[2] = is_biased ? effect->with.within / effect->without.within : 1.0;
}

mad_status mad_synthesise(mad_ctx *ctx, engine *g, replicate *r, worker *w, held_block *held)
{
    const mad_setting *s = &g->e->setting;
    const size_t from = held->block.generation;
    /* older blocks are made again only to resume: what their stages said is stored already */
    const int is_newest = from + 1 == g->generation;
    double unheard[N_STAGES][MAX_STAGE_REPORTS];
    double(*report)[MAX_STAGE_REPORTS] = is_newest ? w->report : unheard;
    bias_effect effect = {0};
    bias_effect *const watched = s->bias != NULL && is_newest ? &effect : NULL;
    mad_status st = MAD_OK;
    if (s->select != NULL) {
        MAD_TRY(select_rows(ctx, g, r, w, held, watched, report[STAGE_SELECT]));
    } else {
        const origins of = {held->source, held->ancestor};
        MAD_TRY(draw_batch(ctx, g, r, w, from, 0, &held->rows, of, watched));
    }
    if (watched != NULL) {
        report_bias(s, &effect, report[STAGE_BIAS]);
    }
    if (s->correct != NULL) {
        MAD_TRY(correct_rows(ctx, g, r, &held->rows, from, report[STAGE_CORRECT]));
    }
    if (s->channel != NULL && s->channel->emit != NULL) {
        MAD_TRY(emit_rows(ctx, g, r, w, &held->rows, from, report[STAGE_CHANNEL]));
    }
out:
    return st;
}
