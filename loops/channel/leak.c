/* loops/channel/leak.c: synthetic rows among those that are believed to be real: each real row is
 * replaced with probability eps by one of the newest model. A share p of real rows becomes
 * p (1 - eps). */
#include "loops/channel/draws.h"

#define MODEL_ITEM (2 * MAD_RECEIVE_ITEM) /* streams of the rows that leak in */

static const mad_param params[] = {
    {.name = "eps",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .doc = "probability that a real row is one of the newest model"},
    {.name = NULL},
};

static const mad_report reports[] = {
    {"leaked", "1", "share of the rows believed real that are a model's"},
    {0},
};

static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    size_t n_real, n_synthetic;
    mad_status st = MAD_OK;
    MAD_TRY(mad_channel_totals(ctx, s, &n_real, &n_synthetic));
    if (n_real == 0 && n_synthetic > 0) {
        st = mad_fail(ctx, MAD_E_CONFIG,
                      "channel.kind: leak replaces real rows, of which no generation has any "
                      "(loop.family: '%s')",
                      s->loop->type->name);
    }
out:
    return st;
}

/* Real rows with u below `limit`. */
static size_t count_below(const mad_received *in, const double *u, double limit)
{
    size_t n = 0;
    for (size_t i = 0; i < in->rows->n_rows; i++) {
        n += in->is_real[i] && u[i] < limit;
    }
    return n;
}

static void replace(const mad_received *in, const double *u, double eps, const mad_set *fake)
{
    for (size_t i = 0, k = 0; i < in->rows->n_rows; i++) {
        if (in->is_real[i] && u[i] < eps) {
            const mad_set row = mad_set_rows(fake, k++, 1);
            mad_set_copy(&row, in->rows, i);
            in->is_real[i] = 0;
        }
    }
}

static mad_status receive(mad_ctx *ctx, const mad_channel_in *in, mad_received *rows,
                          double *report)
{
    const mad_setting *s = in->setting;
    const double eps = mad_get_at(s->channel_values, "eps", in->generation, s->n_generations);
    const size_t n_rows = rows->rows->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *u = mad_arena_take_raw(ctx->scratch, n_rows, sizeof *u);
    mad_set fake;
    mad_status st = MAD_OK;
    if (u == NULL) {
        return mad_fail_memory(ctx, "the rows that leak");
    }
    mad_channel_uniforms(in->key, MAD_RECEIVE_ITEM, n_rows, u);
    const size_t n_real = count_below(rows, u, 1.0), n_leaked = count_below(rows, u, eps);
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n_leaked, rows->rows->dim, rows->rows->label != NULL,
                         &fake));
    if (n_leaked > 0) {
        MAD_TRY(in->model->type->sample(ctx, in->model, in->key, MODEL_ITEM, &fake));
        replace(rows, u, eps, &fake);
    }
    report[0] = mad_channel_share((double)n_leaked, (double)n_real);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_channel_type mad_channel_leak = {
    .name = "leak",
    .doc = "real rows are replaced with probability eps by rows of the newest model, unnoticed",
    .ref = "Martinez et al. 2023, arXiv:2306.06130; Dohmatob et al. 2024, arXiv:2410.04840",
    .params = params,
    .worlds = ~0u,
    .reports = reports,
    .check = check,
    .receive = receive,
};
