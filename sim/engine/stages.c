/* sim/engine/stages.c: what lies between two generations fits the world, the model and the loop. */
#include <string.h>

#include "sim/engine/internal.h"
#include "sim/store/datafile.h"

/* 1: some generation trains on rows that a model left, or there is none that could. */
static int reuses_rows(const mad_setting *s)
{
    for (size_t g = 1; g < s->n_generations; g++) {
        if (s->loop->type->n_synthetic(s->loop, g) > 0) {
            return 1;
        }
    }
    return s->n_generations == 1;
}

static mad_status fail_unused(mad_ctx *ctx, const char *section, const char *name)
{
    return mad_fail(ctx, MAD_E_CONFIG,
                    "%s: '%s' is set, but has no effect: it acts on synthetic rows, of which "
                    "loop.n_synthetic asks for none",
                    section, name);
}

static mad_status check_stage(mad_ctx *ctx, const mad_experiment *e, const char *section,
                              const char *name, unsigned worlds,
                              mad_status (*check)(mad_ctx *, const mad_setting *))
{
    if (!(worlds & 1u << e->world->info.kind)) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "%s.kind: '%s' is not defined on world '%s' (world.kind)", section, name,
                        e->world->type->name);
    }
    return check != NULL ? check(ctx, &e->setting) : MAD_OK;
}

static mad_status fail_model(mad_ctx *ctx, const mad_setting *s, const char *section,
                             const char *name, const char *what)
{
    (void)mad_fail(ctx, MAD_E_UNSUPPORTED,
                   "%s.kind: '%s' needs a model that %s; '%s' (model.kind) does not", section, name,
                   what, s->model->name);
    return MAD_E_UNSUPPORTED;
}

static mad_status check_bias(mad_ctx *ctx, mad_experiment *e)
{
    const mad_setting *s = &e->setting;
    mad_status st = MAD_OK;
    if (s->bias == NULL) {
        return MAD_OK;
    }
    const int is_measured = mad_get_choice(s->measure_values, "bias") == 1;
    if (!is_measured && !reuses_rows(s)) {
        return fail_unused(ctx, "bias.kind", s->bias->name);
    }
    MAD_TRY(check_stage(ctx, e, "bias", s->bias->name, s->bias->worlds, s->bias->check));
    if (s->bias->needs_moments && !mad_knows_moments(s)) {
        return fail_model(ctx, s, "bias", s->bias->name, "knows its moments");
    }
    e->bias_sees_law = (s->bias->needs_moments || s->bias->takes_moments) && mad_knows_moments(s);
    if (s->bias->apply == NULL) {
        e->tilt = s->bias->tilt(s->bias_values);
        e->tilt.n_generations = s->n_generations;
        if (!(s->model->tilts & 1u << e->tilt.kind)) {
            return fail_model(ctx, s, "bias", s->bias->name, "can draw that way");
        }
    }
out:
    return st;
}

mad_status mad_stages_read_rewards(mad_ctx *ctx, mad_arena *mem, const mad_config *config,
                                   mad_setting *s)
{
    mad_status st = MAD_OK;
    const char *path = "", *found = NULL;
    const mad_reading as_it_is = {0};
    for (size_t i = 0; s->select != NULL && i < s->select_values->n_values; i++) {
        const mad_value *value = &s->select_values->value[i];
        path = strcmp(value->param->name, "reward.file") == 0 ? value->text : path;
    }
    if (path[0] == '\0') {
        return MAD_OK;
    }
    mad_table *table = mad_arena_take(mem, 1, sizeof *table);
    if (table == NULL) {
        return mad_fail_memory(ctx, "rewards");
    }
    MAD_TRY(mad_data_find(ctx, mem, config->directory, path, &found));
    MAD_TRY(mad_table_open(ctx, mem, found, &as_it_is, table));
    s->rewards = table;
out:
    return st == MAD_OK ? st : mad_fail_while(ctx, st, "select.reward.file");
}

static mad_status check_post(mad_ctx *ctx, mad_experiment *e)
{
    const mad_setting *s = &e->setting;
    mad_status st = MAD_OK;
    if (s->post == NULL) {
        return MAD_OK;
    }
    MAD_TRY(check_stage(ctx, e, "post", s->post->name, ~0u, s->post->check));
    e->extrapolation = s->post->ask(s->post_values);
    if (!(s->model->extrapolations & 1u << e->extrapolation.kind)) {
        return fail_model(ctx, s, "post", s->post->name, "can be extrapolated that way");
    }
    const size_t n_rows = mad_schedule_most(&e->extrapolation.n_rows, s->n_generations);
    e->max_sample_rows = n_rows > e->max_sample_rows ? n_rows : e->max_sample_rows;
out:
    return st;
}

static mad_status check_channel(mad_ctx *ctx, const mad_experiment *e)
{
    const mad_setting *s = &e->setting;
    if (s->channel == NULL) {
        return MAD_OK;
    }
    if (s->channel->receive == NULL && !reuses_rows(s)) {
        return fail_unused(ctx, "channel.kind", s->channel->name);
    }
    return check_stage(ctx, e, "channel", s->channel->name, s->channel->worlds, s->channel->check);
}

/* Loops that run side by side are there, and exchange rows. */
static mad_status check_cross(mad_ctx *ctx, const mad_experiment *e)
{
    const mad_value *cross = mad_get(&e->config->root, "cross");
    const int is_set = cross->choice != 0;
    if (e->setting.n_models == 1 && (is_set || e->setting.shares_real)) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s is set, but models is 1: there are no other loops",
                        is_set ? "cross" : "shared_real");
    }
    if (is_set && !e->setting.crosses && e->setting.n_generations > 1) {
        return mad_fail(ctx, MAD_E_CONFIG, "cross is '%s', but has no effect: that is cross: own",
                        cross->text);
    }
    return is_set && !reuses_rows(&e->setting) ? fail_unused(ctx, "cross", cross->text) : MAD_OK;
}

mad_status mad_stages_check(mad_ctx *ctx, mad_experiment *e)
{
    const mad_setting *s = &e->setting;
    mad_status st = MAD_OK;
    MAD_TRY(check_cross(ctx, e));
    MAD_TRY(check_bias(ctx, e));
    if (s->select != NULL) {
        MAD_TRY(
            check_stage(ctx, e, "select", s->select->name, s->select->worlds, s->select->check));
    }
    if (s->correct != NULL) {
        MAD_TRY(check_stage(ctx, e, "correct", s->correct->name, s->correct->worlds,
                            s->correct->check));
    }
    if ((s->select != NULL || s->correct != NULL) && !reuses_rows(s)) {
        st = s->select != NULL ? fail_unused(ctx, "select.kind", s->select->name)
                               : fail_unused(ctx, "correct.kind", s->correct->name);
        goto out;
    }
    MAD_TRY(check_channel(ctx, e));
    MAD_TRY(check_post(ctx, e));
out:
    return st;
}
