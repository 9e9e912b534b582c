/* sim/engine/measure.c: real against model, and real against real (the floor). */
#include "sim/engine/internal.h"

#include <math.h>
#include <string.h>

#include "sim/num/stats.h"

/* What a float64 holds exactly. */
#define EXACT_BITS (((uint64_t)1 << 53) - 1)

static void frequencies(const mad_set *set, size_t n_categories, double *p)
{
    memset(p, 0, n_categories * sizeof *p);
    for (size_t i = 0; i < set->n_rows; i++) {
        p[(size_t)set->x[i]] += 1.0 / (double)set->n_rows;
    }
}

/* What is known of a side beyond its rows, from the rows. */
static mad_status law_of_rows(mad_ctx *ctx, const mad_experiment *e, const mad_set *set,
                              mad_moments *law, double *p)
{
    if (e->needs & MAD_NEEDS_CATEGORIES) {
        frequencies(set, e->world->info.n_categories, p);
    }
    if (e->needs & MAD_NEEDS_LAW) {
        return mad_mean_cov(ctx, set->n_rows, set->dim, set->x, NULL, 1, law->mean, law->cov);
    }
    return MAD_OK;
}

/* What measures are given: rows as they are, and in the space of the features. */
typedef struct sides {
    mad_metric_in raw, mapped;
    int can_square_raw, can_square_mapped;
} sides;

static const mad_metric_in *seen_by(const sides *s, const mad_metric_type *type)
{
    return mad_features_apply(type) ? &s->mapped : &s->raw;
}

/* What the world says of rows: what they are made of, and how probable they are. Kept in mem. */
static mad_status ask_world(mad_ctx *ctx, const mad_experiment *e, const mad_set *rows,
                            mad_arena *mem, mad_recovery *found, double **log_p)
{
    const mad_world *world = e->world;
    mad_status st = MAD_OK;
    if (e->needs & MAD_NEEDS_FACTORS) {
        MAD_TRY(mad_recovery_take(ctx, mem, &world->info, rows->n_rows, found));
        MAD_TRY(world->type->recover(ctx, world, rows, found));
    }
    if (e->needs & MAD_NEEDS_WORLD_DENSITY) {
        *log_p = mad_arena_take_raw(mem, rows->n_rows, sizeof **log_p);
        if (*log_p == NULL) {
            st = mad_fail_memory(ctx, "the densities of rows");
            goto out;
        }
        MAD_TRY(world->type->log_density(ctx, world, rows, *log_p));
    }
out:
    return st;
}

/* All that does not hang on the model. */
static sides reference_side(const engine *g, const replicate *r)
{
    const mad_experiment *e = g->e;
    sides s = {.raw = {.world = &e->world->info,
                       .values = e->setting.measure_values,
                       .real = &r->reference,
                       .real_law = &r->reference_law,
                       .real_p = r->reference_p,
                       .real_found = &r->reference_found,
                       .real_log_p = r->reference_log_p,
                       .key = mad_engine_key(g, r, 0, MAD_RNG_DIRECTIONS)}};
    s.mapped = s.raw;
    s.mapped.world = &e->mapped_world;
    s.mapped.real = &r->mapped;
    return s;
}

static mad_status prepare(mad_ctx *ctx, const engine *g, replicate *r)
{
    const mad_experiment *e = g->e;
    const sides s = reference_side(g, r);
    mad_status st = MAD_OK;
    for (size_t i = 0; i < e->n_groups; i++) {
        const mad_metric_type *type = e->groups[i].type;
        if (type->prepare != NULL) {
            MAD_TRY(type->prepare(ctx, seen_by(&s, type), r->mem, &r->prepared[i]));
        }
    }
out:
    return st;
}

/* A model's rows and what else is known of it. */
typedef struct subject {
    const mad_set *fake, *train;
    mad_moments *law;
    double *p;
    int is_law_known; /* 1: law and p are the model's own; 0: to be taken from the rows */
    const double *log_density, *log_density_before;
    double real_share;
} subject;

static mad_status evaluate_group(mad_ctx *ctx, const replicate *r, const sides *s, size_t i_group,
                                 const metric_group *group, double *value)
{
    const int is_mapped = mad_features_apply(group->type);
    mad_metric_in in = *seen_by(s, group->type);
    if (!(group->type->needs & MAD_ANY_SCALE) &&
        !(is_mapped ? s->can_square_mapped : s->can_square_raw)) {
        for (size_t k = 0; group->type->outputs[k].name != NULL; k++) {
            value[k] = (double)NAN;
        }
        return MAD_OK;
    }
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    in.prepared = r->prepared[i_group];
    const mad_status st = group->type->eval(ctx, &in, value);
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Evaluate every group; write chosen outputs to the cells of generation g->generation, or with
 * floors != NULL to floors[i_vector][replicate]. */
static mad_status evaluate(mad_ctx *ctx, engine *g, const replicate *r, const subject *of,
                           double **floors)
{
    const mad_experiment *e = g->e;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_set fake, train = *of->train;
    mad_recovery found = {0};
    double *log_p = NULL;
    mad_status st = MAD_OK;
    MAD_TRY(ask_world(ctx, e, of->fake, ctx->scratch, &found, &log_p));
    MAD_TRY(mad_features_map(ctx, r->feature, of->fake, ctx->scratch, &fake));
    if (e->needs & MAD_NEEDS_TRAIN) {
        MAD_TRY(mad_features_map(ctx, r->feature, of->train, ctx->scratch, &train));
    }
    if (!of->is_law_known) {
        MAD_TRY(law_of_rows(ctx, e, &fake, of->law, of->p));
    }
    sides s = reference_side(g, r);
    s.raw.fake = of->fake;
    s.raw.train = e->needs & MAD_NEEDS_TRAIN ? of->train : NULL;
    s.mapped.fake = &fake;
    s.mapped.train = e->needs & MAD_NEEDS_TRAIN ? &train : NULL;
    s.raw.fake_law = s.mapped.fake_law = of->law;
    s.raw.fake_p = s.mapped.fake_p = of->p;
    s.raw.fake_found = s.mapped.fake_found = &found;
    s.raw.fake_log_p = s.mapped.fake_log_p = log_p;
    s.raw.log_density = s.mapped.log_density = of->log_density;
    s.raw.log_density_before = s.mapped.log_density_before = of->log_density_before;
    s.raw.real_share = s.mapped.real_share = of->real_share;
    /* exact laws hang on no rows */
    s.can_square_raw = of->is_law_known && !e->needs_samples ? 1 : mad_metric_can_square(&s.raw);
    s.can_square_mapped =
        fake.x == of->fake->x ? s.can_square_raw : mad_metric_can_square(&s.mapped);
    for (size_t i = 0; i < e->n_groups; i++) {
        const metric_group *group = &e->groups[i];
        double value[MAX_OUTPUTS];
        st = evaluate_group(ctx, r, &s, i, group, value);
        if (st != MAD_OK) {
            st = mad_fail_while(ctx, st, "%s%s", floors != NULL ? "floor of measure " : "measure ",
                                group->type->name);
            goto out;
        }
        for (size_t k = 0; k < group->n_chosen; k++) {
            double *to = floors != NULL ? &floors[group->floor[k]][r->index]
                                        : mad_engine_cell(g, group->series[k], r->index);
            const size_t i_output = group->chosen[k];
            *to = mad_metric_value(&group->type->outputs[i_output], value[i_output]);
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_measure_reference(mad_ctx *ctx, engine *g, replicate *r)
{
    const mad_experiment *e = g->e;
    const mad_world *world = e->world;
    mad_status st = MAD_OK;
    MAD_TRY(mad_ctx_poll(ctx));
    if (r->reference.n_rows > 0) {
        MAD_TRY(world->type->draw(ctx, world, MAD_PART_REFERENCE,
                                  mad_engine_key(g, r, 0, MAD_RNG_REFERENCE), &r->reference));
        if (e->reference_hash != NULL) {
            e->reference_hash[r->index] =
                (double)(mad_set_hash(&r->reference, MAD_FNV1A_START) & EXACT_BITS);
        }
    }
    MAD_TRY(mad_features_fit(ctx, r->feature, &r->reference));
    MAD_TRY(mad_features_map(ctx, r->feature, &r->reference, r->mem, &r->mapped));
    if (!e->exact_real_law) {
        MAD_TRY(law_of_rows(ctx, e, &r->mapped, &r->reference_law, r->reference_p));
    }
    MAD_TRY(ask_world(ctx, e, &r->reference, r->mem, &r->reference_found, &r->reference_log_p));
    MAD_TRY(prepare(ctx, g, r));
out:
    return st;
}

mad_status mad_measure_floor(mad_ctx *ctx, engine *g, replicate *r)
{
    const mad_experiment *e = g->e;
    const mad_world *world = e->world;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    worker *w = &g->workers[ctx->i_worker];
    mad_set rows;
    mad_status st = MAD_OK;
    MAD_TRY(mad_measure_reference(ctx, g, r));
    /* disjoint from the reference: a procedural world draws anew, a finite one takes training rows
     */
    MAD_TRY(mad_set_take(ctx, ctx->scratch, e->n_measure + e->n_floor_train, world->info.dim,
                         e->with_labels, &rows));
    MAD_TRY(world->type->draw(ctx, world, MAD_PART_TRAIN, mad_engine_key(g, r, 0, MAD_RNG_FLOOR),
                              &rows));
    const mad_set fake = mad_set_rows(&rows, 0, e->n_measure);
    const mad_set train = mad_set_rows(&rows, e->n_measure, e->n_floor_train);
    const subject of = {.fake = &fake,
                        .train = &train,
                        .law = &w->fake_law,
                        .p = w->fake_p,
                        .real_share = (double)NAN};
    MAD_TRY(evaluate(ctx, g, r, &of, e->floors));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Of the reference rows under the worker's model, that of the generation; on ctx->scratch. */
static mad_status real_density(mad_ctx *ctx, engine *g, const replicate *r, size_t generation,
                               worker *w, const double **out)
{
    double *log_density = mad_arena_take_raw(ctx->scratch, r->reference.n_rows, sizeof **out);
    if (log_density == NULL) {
        return mad_fail_memory(ctx, "the densities of the reference rows");
    }
    *out = log_density;
    return g->e->setting.model->log_density(ctx, w->model,
                                            mad_engine_key(g, r, generation, MAD_RNG_DENSITY),
                                            &r->reference, log_density);
}

/* The same under the model before; leaves the worker with the present one. */
static mad_status density_before(mad_ctx *ctx, engine *g, const replicate *r, worker *w,
                                 const double **out)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_state_load(ctx, g, r, g->generation - 1, w));
    MAD_TRY(real_density(ctx, g, r, g->generation - 1, w, out));
    MAD_TRY(mad_state_load(ctx, g, r, g->generation, w));
out:
    return st;
}

mad_status mad_measure_model(mad_ctx *ctx, engine *g, replicate *r, worker *w)
{
    const mad_experiment *e = g->e;
    const mad_model_type *model = e->setting.model;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const double *log_density = NULL, *log_density_before = NULL;
    mad_status st = MAD_OK;
    w->fake.n_rows = e->n_measure;
    if (e->needs_samples) {
        const mad_key key = mad_engine_key(g, r, g->generation, MAD_RNG_MEASURE);
        MAD_TRY(e->measures_bias ? mad_draw_biased(ctx, g, w, key, 0, g->generation, &w->fake)
                                 : model->sample(ctx, w->model, key, 0, &w->fake));
        MAD_TRY(mad_set_check_finite(ctx, &w->fake, "samples of the model"));
    }
    if (e->exact_fake_law && e->needs & MAD_NEEDS_CATEGORIES) {
        MAD_TRY(e->measures_bias ? mad_biased_probabilities(ctx, g, w, g->generation, w->fake_p)
                                 : model->probabilities(ctx, w->model, w->fake_p));
    } else if (e->exact_fake_law && e->needs & MAD_NEEDS_LAW) {
        MAD_TRY(model->moments(ctx, w->model, &w->fake_law));
    }
    if (e->needs & MAD_NEEDS_DENSITY) {
        MAD_TRY(real_density(ctx, g, r, g->generation, w, &log_density));
    }
    if (e->needs & MAD_NEEDS_DENSITY_BEFORE && g->generation > 1) {
        MAD_TRY(density_before(ctx, g, r, w, &log_density_before));
    }
    const subject of = {.fake = &w->fake,
                        .train = &w->train,
                        .law = &w->fake_law,
                        .p = w->fake_p,
                        .is_law_known = e->exact_fake_law,
                        .log_density = log_density,
                        .log_density_before = log_density_before,
                        .real_share = *mad_engine_cell(g, e->own.real_share, r->index)};
    MAD_TRY(evaluate(ctx, g, r, &of, NULL));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_measure_preview(mad_ctx *ctx, engine *g, const replicate *r)
{
    const mad_experiment *e = g->e;
    worker *w = &g->workers[ctx->i_worker];
    mad_status st = MAD_OK;
    mad_set rows = mad_set_rows(&w->fake, 0, e->n_preview);
    const size_t at = (size_t)r->index * e->n_preview;
    const lineage *line = &r->ancestry[g->generation % g->n_line_slots];
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    if (g->preview_ancestor != NULL) {
        rows.parent = mad_arena_take_raw(ctx->scratch, rows.n_rows, sizeof *rows.parent);
        if (rows.parent == NULL) {
            return mad_fail_memory(ctx, "the parents of rows");
        }
    }
    MAD_TRY(mad_state_load(ctx, g, r, g->generation, w));
    MAD_TRY(e->setting.model->sample(
        ctx, w->model, mad_engine_key(g, r, g->generation, MAD_RNG_PREVIEW), 0, &rows));
    memcpy(g->preview + at * rows.dim, rows.x, rows.n_rows * rows.dim * sizeof *rows.x);
    for (size_t i = 0; i < rows.n_rows; i++) {
        g->preview_depth[at + i] = 1.0 + line->mean_depth;
        g->preview_label[at + i] = e->with_labels ? rows.label[i] : 0;
    }
    if (g->preview_ancestor != NULL) {
        mad_ancestry_inherit(w, &rows, g->preview_ancestor + at);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}
