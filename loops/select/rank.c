/* loops/select/rank.c: candidates in the order in which the model, or the world, finds them likely.
 *
 *   loss          denoising loss of a row under the model that drew it (mad_model_type.loss)
 *   log_density   its log density there, with the sign turned
 *
 * `top` keeps the rows of least loss, `bottom` those of greatest, `random` as many by chance; `oracle`
 * asks the world: rows of greatest log density, or those it redraws with least misfit.
 */
#include <math.h>

#include "loops/select/choice.h"

typedef enum rank_order { ORDER_TOP, ORDER_BOTTOM, ORDER_RANDOM, ORDER_ORACLE } rank_order;
typedef enum rank_score { SCORE_AUTO, SCORE_LOSS, SCORE_DENSITY } rank_score;

static const mad_param params[] = {
    {.name = "order",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "top",
     .choices = "top|bottom|random|oracle",
     .doc = "keep what the model likes most or least, chance, or what the world likes most"},
    {.name = "score",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "auto",
     .choices = "auto|loss|log_density",
     .doc = "what the model is asked: its denoising loss or its log density; auto: the loss where "
            "it has one"},
    MAD_SHARE_PARAM,
    {.name = NULL},
};

static const mad_report reports[] = {
    {"loss_candidates", "1",
     "mean of the candidates' denoising loss, negative log density or misfit: what they are ranked "
     "by"},
    {"loss_kept", "1", "the same over the candidates that were kept"},
    {.name = NULL}};

static rank_order order_of(const mad_setting *s)
{
    return (rank_order)mad_get_choice(s->select_values, "order");
}

static int takes_loss(const mad_setting *s)
{
    const rank_score score = (rank_score)mad_get_choice(s->select_values, "score");
    return score == SCORE_LOSS || (score == SCORE_AUTO && s->model->loss != NULL);
}

static int asks_density(const mad_setting *s)
{
    return order_of(s) != ORDER_ORACLE && !takes_loss(s);
}

static mad_status check_oracle(mad_ctx *ctx, const mad_setting *s)
{
    const mad_key_use use = {"score", 0, "an order other than oracle"};
    if (!s->world->info.has_log_density && s->world->info.n_factors == 0) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "select.order: 'oracle' needs a world that knows its density or reads rows "
                        "back; '%s' (world.kind) does not",
                        s->world->type->name);
    }
    return mad_refuse_unused(ctx, "select", s->select_values, 1, &use);
}

static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    if (order_of(s) == ORDER_ORACLE) {
        return check_oracle(ctx, s);
    }
    if (takes_loss(s) ? s->model->loss == NULL : s->model->log_density == NULL) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "select.score: '%s' needs a model that tells it of rows; '%s' (model.kind) "
                        "does not",
                        mad_get_text(s->select_values, "score"), s->model->name);
    }
    return MAD_OK;
}

static mad_status ask_world(mad_ctx *ctx, const mad_select_in *in, double *loss)
{
    const mad_world *world = in->setting->world;
    const size_t n = in->candidates->n_rows;
    mad_recovery found;
    mad_status st = MAD_OK;
    if (world->info.has_log_density) {
        MAD_TRY(world->type->log_density(ctx, world, in->candidates, loss));
        for (size_t i = 0; i < n; i++) {
            loss[i] = -loss[i];
        }
        goto out;
    }
    MAD_TRY(mad_recovery_take(ctx, ctx->scratch, &world->info, n, &found));
    MAD_TRY(world->type->recover(ctx, world, in->candidates, &found));
    for (size_t i = 0; i < n; i++) {
        loss[i] = found.residual[i];
    }
out:
    return st;
}

static mad_status ask_model(mad_ctx *ctx, const mad_select_in *in, double *loss)
{
    const mad_model_type *type = in->setting->model;
    mad_status st = MAD_OK;
    if (takes_loss(in->setting)) {
        return type->loss(ctx, in->model, in->key, in->candidates, loss);
    }
    MAD_TRY(type->log_density(ctx, in->model, in->key, in->candidates, loss));
    for (size_t i = 0; i < in->candidates->n_rows; i++) {
        loss[i] = -loss[i];
    }
out:
    return st;
}

static mad_status choose(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const rank_order order = order_of(in->setting);
    const double sign = order == ORDER_BOTTOM ? 1.0 : order == ORDER_RANDOM ? 0.0 : -1.0;
    const size_t n = in->candidates->n_rows;
    mad_status st = MAD_OK;
    double *loss = mad_arena_take_raw(ctx->scratch, n, sizeof *loss);
    double *score = mad_arena_take_raw(ctx->scratch, n, sizeof *score);
    if (loss == NULL || score == NULL) {
        return mad_fail_memory(ctx, "the losses of candidates");
    }
    MAD_TRY(order == ORDER_ORACLE ? ask_world(ctx, in, loss) : ask_model(ctx, in, loss));
    for (size_t i = 0; i < n; i++) {
        score[i] = sign == 0.0 ? 0.0 : sign * loss[i]; /* 0 inf is not 0 */
    }
    MAD_TRY(mad_choice_best(ctx, in, score, out));
    MAD_TRY(mad_choice_report(ctx, in, loss, 0, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_select_type mad_select_rank = {
    .name = "rank",
    .doc = "candidates ranked by the model's denoising loss or log density, or by the world",
    .ref = "Ho et al. 2020, Eq. 14 (loss); Feng et al. 2024 (arXiv:2406.07515): rows ranked by an "
           "oracle",
    .params = params,
    .worlds = ~(1u << MAD_WORLD_CATEGORICAL),
    .reports = reports,
    .check = check,
    .asks_density = asks_density,
    .n_candidates = mad_choice_share,
    .choose = choose,
};
