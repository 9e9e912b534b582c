/* loops/select/greedy_entropy.c: candidates that lie far from each other, so that the entropy of what
 * is kept does not fall.
 *
 *   greedy      start anywhere, then always add the candidate farthest from all that are kept
 *   threshold   go through the candidates in random order and add those farther than tau from all that
 *               are kept; tau starts at the farthest distance and falls by `decay` after each pass
 *
 * Distances are Euclidean, in the world's columns. Both cost n_kept n_candidates distances.
 * differs from the paper: distances are between rows, not features, and the choice is made among the
 * rows a generation leaves, not among all of its training set.
 * ref  Shi et al. 2025 (arXiv:2509.16499), section 4
 */
#include <math.h>
#include <string.h>

#include "loops/select/choice.h"
#include "loops/select/spacing.h"

typedef enum greedy_method { METHOD_GREEDY, METHOD_THRESHOLD } greedy_method;

static const mad_param params[] = {
    {.name = "method",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "greedy",
     .choices = "greedy|threshold",
     .doc = "add the farthest candidate, or any that is far enough"},
    {.name = "decay",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0.95",
     .min = 0.1,
     .max = 0.999,
     .doc = "factor on the distance that is far enough after a pass; method threshold"},
    MAD_CANDIDATES_PARAM("2", "candidates drawn for every row that is kept"),
    {.name = NULL},
};

static const mad_report reports[] = {
    {"entropy_candidates", "nats",
     "entropy of the candidates by nearest neighbours (Kozachenko & Leonenko 1987)"},
    {"entropy_kept", "nats", "the same of the candidates that were kept"},
    {.name = NULL}};

static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    const int is_threshold = mad_get_choice(s->select_values, "method") == METHOD_THRESHOLD;
    const mad_key_use use = {"decay", is_threshold, "method: threshold"};
    return mad_refuse_unused(ctx, "select", s->select_values, 1, &use);
}

/* The state of a choice: squared distances to what is kept so far. */
typedef struct cover {
    mad_spacing spacing;
    unsigned char *taken; /* [n] */
    size_t n_taken, n_wanted;
    size_t far; /* candidate of greatest distance */
} cover;

static mad_status add(mad_ctx *ctx, cover *c, size_t i)
{
    c->taken[i] = 1;
    c->n_taken++;
    return mad_spacing_add(ctx, &c->spacing, i, &c->far);
}

static mad_status take_farthest(mad_ctx *ctx, cover *c, const size_t *order)
{
    mad_status st = MAD_OK;
    MAD_TRY(add(ctx, c, order[0]));
    while (c->n_taken < c->n_wanted && c->spacing.near_sq[c->far] > 0.0) {
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(add(ctx, c, c->far));
    }
out:
    return st;
}

static mad_status take_far_enough(mad_ctx *ctx, cover *c, const size_t *order, double decay)
{
    mad_status st = MAD_OK;
    MAD_TRY(add(ctx, c, order[0]));
    double tau_sq = c->spacing.near_sq[c->far];
    while (c->n_taken < c->n_wanted && c->spacing.near_sq[c->far] > 0.0) {
        MAD_TRY(mad_ctx_poll(ctx));
        tau_sq *= decay * decay;
        for (size_t k = 0; k < c->spacing.rows->n_rows && c->n_taken < c->n_wanted; k++) {
            if (c->spacing.near_sq[order[k]] > tau_sq) {
                MAD_TRY(add(ctx, c, order[k]));
            }
        }
    }
out:
    return st;
}

/* Where only copies of kept rows are left. */
static void fill(cover *c, const size_t *order)
{
    for (size_t k = 0; c->n_taken < c->n_wanted; k++) {
        c->n_taken += !c->taken[order[k]];
        c->taken[order[k]] = 1;
    }
}

static mad_status report(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    mad_set kept;
    mad_status st = MAD_OK;
    MAD_TRY(mad_set_take(ctx, ctx->scratch, out->n, in->candidates->dim, 0, &kept));
    for (size_t i = 0; i < out->n; i++) {
        const mad_set row = mad_set_rows(in->candidates, out->pick[i], 1);
        mad_set_copy(&row, &kept, i);
    }
    MAD_TRY(mad_spacing_entropy(ctx, in->candidates, &out->report[0]));
    MAD_TRY(mad_spacing_entropy(ctx, &kept, &out->report[1]));
out:
    return st;
}

static mad_status choose(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_values *values = in->setting->select_values;
    const size_t n = in->candidates->n_rows;
    size_t *order = NULL;
    mad_status st = MAD_OK;
    cover c = {.n_wanted = in->n_wanted, .taken = mad_arena_take(ctx->scratch, n, 1)};
    if (c.taken == NULL) {
        return mad_fail_memory(ctx, "the candidates that are kept");
    }
    MAD_TRY(mad_choice_shuffle(ctx, in, &order));
    MAD_TRY(mad_spacing_start(ctx, in->candidates, &c.spacing));
    if (mad_get_choice(values, "method") == METHOD_GREEDY) {
        MAD_TRY(take_farthest(ctx, &c, order));
    } else {
        MAD_TRY(take_far_enough(ctx, &c, order, mad_choice_get(in, "decay")));
    }
    fill(&c, order);
    mad_choice_take(in, c.taken, out);
    MAD_TRY(report(ctx, in, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_select_type mad_select_greedy_entropy = {
    .name = "greedy_entropy",
    .doc = "candidates far from each other are kept: the entropy of what is kept rises",
    .ref = "Shi et al. 2025 (arXiv:2509.16499), section 4",
    .params = params,
    .worlds = ~(1u << MAD_WORLD_CATEGORICAL),
    .reports = reports,
    .check = check,
    .n_candidates = mad_choice_candidates,
    .choose = choose,
};
