/* analysis/theory/second_moments.c: the Gram matrix of block and model means, walked through the
 * plans of a loop (equations in the header). Elements get a slot while something will still use
 * them; real rows are cut into segments, so that two prefixes of one draw share what they share. */
#include "analysis/theory/second_moments.h"

#include <math.h>

#define MAX_LIVE 1024
#define MAX_WORK 2e9

static const size_t NO_SLOT = SIZE_MAX;

/* How long each block is needed, from one pass over all plans. Arrays [n_generations + 2]. */
typedef struct survey {
    size_t *last_synthetic, *last_draw; /* last generation that trains on it; 0 = never */
    size_t *draw_rows;                  /* rows of the fresh draw of a generation >= 2 */
    size_t n_edges, edge[MAX_LIVE];     /* prefix sizes of the first real draw, ascending */
} survey;

typedef struct walk {
    const mad_loop *loop;
    const mad_second_rule *rule;
    size_t n_generations, n_kept;
    survey seen;
    size_t n_slots, n_high; /* capacity; slots ever used */
    size_t n_free, *free_slot;
    double *gram;   /* [n_slots][n_slots] */
    double *row_sq; /* [n_slots] r of a row of this block, or drawn from this model */
    size_t *model_slot, *synthetic_slot, *draw_slot; /* [n_generations + 2] */
    size_t segment_slot[MAX_LIVE];
    double *mix; /* [n_slots] inner products of a new element with all others */
    double *p;   /* [n_generations] age law */
} walk;

/* One weighted term of a training mean. */
typedef struct term {
    size_t slot;
    double share;
} term;

static mad_status plan_of(mad_ctx *ctx, const mad_loop *loop, size_t t, mad_arena *mem,
                          mad_plan *plan)
{
    return loop->type->plan(ctx, loop, t, mem, plan);
}

int mad_second_moments_walkable(const mad_loop *loop, size_t n_generations)
{
    mad_ctx quiet = {0}; /* only collects a message nobody needs */
    mad_arena *mem = mad_arena_create(1 << 12);
    size_t n_kept = loop->type->n_models_kept(loop);
    mad_plan plan;
    int ok = 0;

    if (mem != NULL && plan_of(&quiet, loop, n_generations, mem, &plan) == MAD_OK) {
        double n_models = n_kept < n_generations ? (double)n_kept : (double)n_generations;
        double n_live = (double)plan.n_blocks + n_models + 4.0;

        /* budgeted rows that weigh unequally have a random share of real ones: no linear recursion */
        ok = (plan.budget == 0 || isnan(plan.real_weight)) && n_live <= MAX_LIVE &&
             n_live * n_live * (double)n_generations <= MAX_WORK;
    }
    mad_arena_destroy(mem);
    return ok;
}

/* ---- survey -------------------------------------------------------------------------------- */

static mad_status add_edge(mad_ctx *ctx, survey *s, size_t n_rows)
{
    size_t at = 0;

    while (at < s->n_edges && s->edge[at] < n_rows) {
        at++;
    }
    if (at < s->n_edges && s->edge[at] == n_rows) {
        return MAD_OK;
    }
    if (s->n_edges == MAX_LIVE) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED, "the fixed real set has more than %d sizes",
                        MAX_LIVE);
    }
    for (size_t i = s->n_edges; i > at; i--) {
        s->edge[i] = s->edge[i - 1];
    }
    s->edge[at] = n_rows;
    s->n_edges++;
    return MAD_OK;
}

static mad_status survey_block(mad_ctx *ctx, survey *s, size_t t, const mad_block *b)
{
    size_t g = b->generation;

    if (b->kind == MAD_BLOCK_SYNTHETIC) {
        s->last_synthetic[g] = t;
        return MAD_OK;
    }
    s->last_draw[g] = t;
    if (g == 1) {
        return add_edge(ctx, s, b->n_rows);
    }
    if (g == t) {
        s->draw_rows[g] = b->n_rows;
    } else if (s->draw_rows[g] != b->n_rows) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "real rows of generation %zu are used late, or in two sizes", g);
    }
    return MAD_OK;
}

static mad_status survey_plans(mad_ctx *ctx, walk *w)
{
    mad_status st = MAD_OK;

    for (size_t t = 1; t <= w->n_generations; t++) {
        mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
        mad_plan plan;

        MAD_TRY(plan_of(ctx, w->loop, t, ctx->scratch, &plan));
        for (size_t i = 0; i < plan.n_blocks; i++) {
            MAD_TRY(survey_block(ctx, &w->seen, t, &plan.blocks[i]));
        }
        mad_arena_release(ctx->scratch, mark);
    }
out:
    return st;
}

/* Most elements alive at once. born_minus_dead has n_generations + 2 zeroed entries. */
static size_t most_alive(const walk *w, double *born_minus_dead)
{
    const survey *s = &w->seen;
    double alive = 0.0, most = 0.0;

    born_minus_dead[1] += (double)s->n_edges;
    born_minus_dead[s->last_draw[1] + 1] -= (double)s->n_edges;
    for (size_t g = 1; g <= w->n_generations; g++) {
        if (s->last_synthetic[g] > 0) {
            born_minus_dead[g] += 1.0;
            born_minus_dead[s->last_synthetic[g] + 1] -= 1.0;
        }
        if (g > 1 && s->last_draw[g] > 0) {
            born_minus_dead[g] += 1.0;
            born_minus_dead[s->last_draw[g] + 1] -= 1.0;
        }
    }
    for (size_t t = 1; t <= w->n_generations; t++) {
        double n_models = t < w->n_kept ? (double)t : (double)w->n_kept;

        alive += born_minus_dead[t];
        most = fmax(most, alive + n_models);
    }
    return (size_t)most;
}

/* ---- slots --------------------------------------------------------------------------------- */

static size_t take_slot(walk *w)
{
    size_t slot = w->n_free > 0 ? w->free_slot[--w->n_free] : w->n_high++;

    MAD_ASSERT(slot < w->n_slots);
    return slot;
}

static void drop_slot(walk *w, size_t *slot)
{
    if (*slot != NO_SLOT) {
        for (size_t e = 0; e < w->n_high; e++) {
            w->gram[*slot * w->n_slots + e] = w->gram[e * w->n_slots + *slot] = 0.0;
        }
        w->free_slot[w->n_free++] = *slot;
        *slot = NO_SLOT;
    }
}

/* A new element whose inner products with the others are in w->mix. */
static size_t put_element(walk *w, double own_sq, double row_sq)
{
    size_t slot = take_slot(w);

    for (size_t e = 0; e < w->n_high; e++) {
        w->gram[slot * w->n_slots + e] = w->gram[e * w->n_slots + slot] = w->mix[e];
    }
    w->gram[slot * w->n_slots + slot] = own_sq;
    w->row_sq[slot] = row_sq;
    return slot;
}

static size_t put_real(walk *w, size_t n_rows)
{
    for (size_t e = 0; e <= w->n_high && e < w->n_slots; e++) {
        w->mix[e] = 0.0; /* independent of everything before */
    }
    return put_element(w, w->rule->trace0 / (double)n_rows, w->rule->trace0);
}

/* w->mix = inner products of the sum of the terms; returns its squared norm. */
static double mix_terms(walk *w, size_t n_terms, const term *terms)
{
    double norm = 0.0;

    for (size_t e = 0; e <= w->n_high && e < w->n_slots; e++) {
        w->mix[e] = 0.0;
    }
    for (size_t i = 0; i < n_terms; i++) {
        const double *row = w->gram + terms[i].slot * w->n_slots;

        for (size_t e = 0; e < w->n_high; e++) {
            w->mix[e] += terms[i].share * row[e];
        }
    }
    for (size_t i = 0; i < n_terms; i++) {
        norm += terms[i].share * w->mix[terms[i].slot];
    }
    return norm;
}

/* ---- one generation ------------------------------------------------------------------------ */

/* Terms of the training mean; *mean_sq is A, *weights_sq the sum of squared row weights. */
static size_t training_terms(walk *w, const mad_plan *plan, term *terms, double *n_rows,
                             double *mean_sq, double *weights_sq)
{
    double n_real = 0.0, n_all = 0.0;
    size_t n_terms = 0;

    for (size_t i = 0; i < plan->n_blocks; i++) {
        n_all += (double)plan->blocks[i].n_rows;
        n_real += plan->blocks[i].kind == MAD_BLOCK_REAL ? (double)plan->blocks[i].n_rows : 0.0;
    }
    *n_rows = n_all;
    *mean_sq = *weights_sq = 0.0;
    for (size_t i = 0; i < plan->n_blocks; i++) {
        const mad_block *b = &plan->blocks[i];
        int real = b->kind == MAD_BLOCK_REAL;
        double row_weight = 1.0 / n_all;
        size_t begin = 0;

        if (!isnan(plan->real_weight)) {
            row_weight =
                real ? plan->real_weight / n_real : (1.0 - plan->real_weight) / (n_all - n_real);
        }
        *weights_sq += (double)b->n_rows * row_weight * row_weight;
        if (!real || b->generation > 1) {
            size_t slot = real ? w->draw_slot[b->generation] : w->synthetic_slot[b->generation];

            terms[n_terms++] = (term){slot, (double)b->n_rows * row_weight};
            *mean_sq += (double)b->n_rows * row_weight * w->row_sq[slot];
            continue;
        }
        for (size_t k = 0; k < w->seen.n_edges && begin < b->n_rows; k++) {
            double n_segment = (double)(w->seen.edge[k] - begin);

            terms[n_terms++] = (term){w->segment_slot[k], n_segment * row_weight};
            *mean_sq += n_segment * row_weight * w->rule->trace0;
            begin = w->seen.edge[k];
        }
    }
    return n_terms;
}

static void start_real_rows(walk *w, size_t t, const mad_plan *plan)
{
    if (t == 1) {
        for (size_t k = 0; k < w->seen.n_edges; k++) {
            w->segment_slot[k] = put_real(w, w->seen.edge[k] - (k > 0 ? w->seen.edge[k - 1] : 0));
        }
    }
    for (size_t i = 0; i < plan->n_blocks; i++) {
        const mad_block *b = &plan->blocks[i];

        if (b->kind == MAD_BLOCK_REAL && b->generation > 1 &&
            w->draw_slot[b->generation] == NO_SLOT) {
            w->draw_slot[b->generation] = put_real(w, b->n_rows);
        }
    }
}

/* Trace of the model's covariance over that of the ML covariance of its training rows. */
static double gain_of(const mad_second_rule *rule, double weights_sq)
{
    double dim = (double)rule->silverman_dim;

    if (rule->silverman_dim == 0 && rule->ddof == 0) {
        return 1.0;
    }
    if (weights_sq >= 1.0) {
        return (double)NAN; /* a single row has no unbiased variance */
    }
    if (rule->silverman_dim == 0) {
        return 1.0 / (1.0 - weights_sq);
    }
    return 1.0 + pow(4.0 * weights_sq / (dim + 2.0), 2.0 / (dim + 4.0)) / (1.0 - weights_sq);
}

static double carry_of(const mad_second_rule *rule)
{
    return rule->row_variance != NULL ? rule->carry : 1.0;
}

/* Expected square of a row drawn from the model of generation t. */
static double row_sq_of_model(const mad_second_rule *rule, size_t t, double norm, double spread)
{
    double variance = rule->row_variance != NULL ? rule->row_variance[t - 1] : rule->lam * spread;

    return carry_of(rule) * carry_of(rule) * norm + variance;
}

/* Fit generation t: V_t and S_t, and the model as a new element. */
static mad_status fit_generation(mad_ctx *ctx, walk *w, size_t t, double *drift, double *spread)
{
    const mad_second_rule *rule = w->rule;
    mad_status st = MAD_OK;
    mad_plan plan;
    double n_rows, mean_sq, weights_sq, norm;
    term *terms;
    size_t n_terms;

    MAD_TRY(plan_of(ctx, w->loop, t, ctx->scratch, &plan));
    terms = mad_arena_take(ctx->scratch, plan.n_blocks + w->seen.n_edges, sizeof *terms);
    if (terms == NULL) {
        return mad_fail_memory(ctx, "the terms of a training mean");
    }
    start_real_rows(w, t, &plan);
    n_terms = training_terms(w, &plan, terms, &n_rows, &mean_sq, &weights_sq);
    norm = mix_terms(w, n_terms, terms);
    if (plan.budget > 0 && (double)plan.budget < n_rows) {
        double budget = (double)plan.budget;

        norm = mean_sq / budget + (1.0 - 1.0 / budget) * (n_rows * norm - mean_sq) / (n_rows - 1.0);
        weights_sq = 1.0 / budget;
    }
    *drift = norm;
    *spread = gain_of(rule, weights_sq) * (mean_sq - norm) + rule->add;
    w->model_slot[t] = put_element(w, norm, row_sq_of_model(rule, t, norm, *spread));
out:
    return st;
}

/* The synthetic block generation t leaves, if anyone will train on it. */
static mad_status leave_block(mad_ctx *ctx, walk *w, size_t t)
{
    size_t n_terms = 0, first = t > w->n_kept ? t - w->n_kept + 1 : 1;
    double row_sq = 0.0, norm, n_rows = (double)w->loop->type->n_synthetic(w->loop, t);
    term *terms;

    if (w->seen.last_synthetic[t] == 0) {
        return MAD_OK;
    }
    terms = mad_arena_take(ctx->scratch, t - first + 1, sizeof *terms);
    if (terms == NULL) {
        return mad_fail_memory(ctx, "the sources of a synthetic block");
    }
    if (w->n_kept == 1) {
        w->p[t - 1] = 1.0;
    } else {
        w->loop->type->sources(w->loop, t, w->p);
    }
    for (size_t tau = first; tau <= t; tau++) {
        if (w->p[tau - 1] > 0.0) {
            terms[n_terms++] = (term){w->model_slot[tau], w->p[tau - 1] * carry_of(w->rule)};
            row_sq += w->p[tau - 1] * w->row_sq[w->model_slot[tau]];
        }
    }
    norm = mix_terms(w, n_terms, terms);
    w->synthetic_slot[t] = put_element(w, row_sq / n_rows + (1.0 - 1.0 / n_rows) * norm, row_sq);
    return MAD_OK;
}

/* Drop the blocks whose last use was generation t, and the model no later block can come from. */
static void drop_unused(walk *w, size_t t, size_t *n_oldest)
{
    for (size_t g = *n_oldest; g <= t; g++) {
        if (w->seen.last_synthetic[g] <= t) {
            drop_slot(w, &w->synthetic_slot[g]);
        }
        if (g > 1 && w->seen.last_draw[g] <= t) {
            drop_slot(w, &w->draw_slot[g]);
        }
    }
    while (*n_oldest <= t && w->synthetic_slot[*n_oldest] == NO_SLOT &&
           w->draw_slot[*n_oldest] == NO_SLOT) {
        (*n_oldest)++;
    }
    for (size_t k = 0; w->seen.last_draw[1] <= t && k < w->seen.n_edges; k++) {
        drop_slot(w, &w->segment_slot[k]);
    }
    if (w->n_kept <= t) {
        drop_slot(w, &w->model_slot[t + 1 - w->n_kept]);
    }
}

static mad_status take_arrays(mad_ctx *ctx, walk *w, size_t n)
{
    size_t **counts[] = {&w->seen.last_synthetic, &w->seen.last_draw, &w->seen.draw_rows,
                         &w->model_slot,          &w->synthetic_slot, &w->draw_slot};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        *counts[i] = mad_arena_take(ctx->scratch, n, sizeof **counts[i]);
        if (*counts[i] == NULL) {
            return mad_fail_memory(ctx, "a theory curve");
        }
    }
    for (size_t g = 0; g < n; g++) {
        w->model_slot[g] = w->synthetic_slot[g] = w->draw_slot[g] = NO_SLOT;
    }
    return MAD_OK;
}

static mad_status take_gram(mad_ctx *ctx, walk *w)
{
    double *changes = mad_arena_take(ctx->scratch, w->n_generations + 3, sizeof *changes);

    if (changes == NULL) {
        return mad_fail_memory(ctx, "a theory curve");
    }
    w->n_slots = most_alive(w, changes) + 2;
    if (w->n_slots > MAX_LIVE + 2) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "the second-moment recursion would hold %zu blocks and models at once, "
                        "more than %d",
                        w->n_slots, MAX_LIVE);
    }
    w->gram = mad_arena_take(ctx->scratch, w->n_slots * w->n_slots, sizeof *w->gram);
    w->row_sq = mad_arena_take(ctx->scratch, w->n_slots, sizeof *w->row_sq);
    w->mix = mad_arena_take(ctx->scratch, w->n_slots, sizeof *w->mix);
    w->free_slot = mad_arena_take(ctx->scratch, w->n_slots, sizeof *w->free_slot);
    w->p = mad_arena_take(ctx->scratch, w->n_generations, sizeof *w->p);
    if (w->gram == NULL || w->row_sq == NULL || w->mix == NULL || w->free_slot == NULL ||
        w->p == NULL) {
        return mad_fail_memory(ctx, "a theory curve");
    }
    return MAD_OK;
}

mad_status mad_second_moments(mad_ctx *ctx, const mad_loop *loop, size_t n_generations,
                              const mad_second_rule *rule, double *drift, double *spread)
{
    mad_status st = MAD_OK;
    mad_arena_mark begin = mad_arena_get_mark(ctx->scratch);
    walk *w = mad_arena_take(ctx->scratch, 1, sizeof *w);
    size_t n_oldest = 1;

    if (w == NULL) {
        return mad_fail_memory(ctx, "a theory curve");
    }
    w->loop = loop;
    w->rule = rule;
    w->n_generations = n_generations;
    w->n_kept = loop->type->n_models_kept(loop);
    w->n_kept = w->n_kept < n_generations ? w->n_kept : n_generations;
    MAD_TRY(take_arrays(ctx, w, n_generations + 2));
    MAD_TRY(survey_plans(ctx, w));
    MAD_TRY(take_gram(ctx, w));
    for (size_t t = 1; t <= n_generations; t++) {
        mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);

        MAD_TRY(fit_generation(ctx, w, t, &drift[t - 1], &spread[t - 1]));
        MAD_TRY(leave_block(ctx, w, t));
        drop_unused(w, t, &n_oldest);
        mad_arena_release(ctx->scratch, mark);
    }
out:
    mad_arena_release(ctx->scratch, begin);
    return st;
}
