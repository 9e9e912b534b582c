/* loops/select/reward.c: keys of a reward, checked against world and model, and its values. */
#include "loops/select/reward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ---------------------------------------------------------------------------------- */

static int is_of_factor(mad_reward_kind kind)
{
    return kind == MAD_REWARD_FACTOR_LINEAR || kind == MAD_REWARD_FACTOR_QUADRATIC;
}

static int has_target(mad_reward_kind kind)
{
    return kind != MAD_REWARD_VALIDITY && kind != MAD_REWARD_DENSITY && kind != MAD_REWARD_FILE;
}

/* Several users can want different things. */
static int has_users(mad_reward_kind kind)
{
    return has_target(kind) || kind == MAD_REWARD_FILE;
}

static mad_status check_use(mad_ctx *ctx, const mad_values *values, mad_reward_kind kind)
{
    const int is_quadratic = kind == MAD_REWARD_QUADRATIC || kind == MAD_REWARD_FACTOR_QUADRATIC;
    const mad_key_use use[] = {
        {"reward.target", has_target(kind), "a reward.kind other than validity, density and file"},
        {"reward.users", has_users(kind), "a reward.kind other than validity and density"},
        {"reward.file", kind == MAD_REWARD_FILE, "reward.kind: file"},
        {"reward.tau", is_quadratic, "reward.kind: quadratic or factor_quadratic"},
        {"reward.factor", is_of_factor(kind), "reward.kind: factor_linear or factor_quadratic"}};
    return mad_refuse_unused(ctx, "select", values, sizeof use / sizeof *use, use);
}

static mad_status fail_world(mad_ctx *ctx, const mad_setting *s, const char *needs)
{
    return mad_fail(ctx, MAD_E_UNSUPPORTED,
                    "select.reward.kind: '%s' needs a world that %s; '%s' (world.kind) does not",
                    mad_get_text(s->select_values, "reward.kind"), needs, s->world->type->name);
}

static mad_status find_factor(mad_ctx *ctx, const mad_setting *s, mad_reward *r)
{
    const mad_world_info *info = &s->world->info;
    const char *name = mad_get_text(s->select_values, "reward.factor");
    char *end = NULL;
    const unsigned long number = strtoul(name, &end, 10);
    r->i_factor = info->n_factors;
    for (size_t i = 0; i < info->n_factors; i++) {
        if (strcmp(info->factor[i].name, name) == 0 || (*end == '\0' && number == i + 1)) {
            r->i_factor = i;
        }
    }
    if (r->i_factor == info->n_factors) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "select.reward.factor: '%s' is none of the %zu factors of world '%s' "
                        "(world.kind), the first of which is '%s'",
                        name, info->n_factors, s->world->type->name, info->factor[0].name);
    }
    if (r->kind == MAD_REWARD_FACTOR_LINEAR && info->factor[r->i_factor].period > 0.0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "select.reward.factor: '%s' is an angle, which reward.kind factor_linear "
                        "cannot order; take factor_quadratic",
                        info->factor[r->i_factor].name);
    }
    return MAD_OK;
}

/* What the kind asks of world and model. */
static mad_status check_setting(mad_ctx *ctx, const mad_setting *s, mad_reward *r)
{
    const mad_world_info *info = &s->world->info;
    if ((is_of_factor(r->kind) || r->kind == MAD_REWARD_VALIDITY) && info->n_factors == 0) {
        return fail_world(ctx, s, "reads back what its rows are made of");
    }
    if (r->kind == MAD_REWARD_DENSITY && !info->has_log_density) {
        return fail_world(ctx, s, "knows its density");
    }
    if (r->kind == MAD_REWARD_TABLE && info->n_categories + info->n_classes == 0) {
        return fail_world(ctx, s, "has categories or classes");
    }
    if (r->kind == MAD_REWARD_TABLE && info->n_categories == 0 &&
        !(s->model->flags & MAD_MODEL_LABELS)) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "select.reward.kind: 'table' needs a model that learns classes; '%s' "
                        "(model.kind) does not",
                        s->model->name);
    }
    return is_of_factor(r->kind) ? find_factor(ctx, s, r) : MAD_OK;
}

/* Numbers a user's target may have: exactly *most where *is_exact. */
static size_t target_limit(const mad_world_info *info, mad_reward_kind kind, int *is_exact)
{
    *is_exact = is_of_factor(kind) || kind == MAD_REWARD_TABLE;
    if (is_of_factor(kind)) {
        return 1;
    }
    if (kind == MAD_REWARD_TABLE) {
        return info->n_categories > 0 ? info->n_categories : info->n_classes;
    }
    return info->dim;
}

static mad_status check_file(mad_ctx *ctx, const mad_setting *s, mad_reward *r)
{
    const char *path = mad_get_text(s->select_values, "reward.file");
    const size_t n_columns = s->world->info.dim + r->n_users;
    r->file = s->rewards;
    if (r->file == NULL) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "select.reward.kind is file, but select.reward.file names none");
    }
    if (r->file->dim != n_columns) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "select.reward.file: '%s' has %zu columns, expected %zu: those of a row, "
                        "then a reward for each user (select.reward.users)",
                        path, r->file->dim, n_columns);
    }
    return MAD_OK;
}

static mad_status read_targets(mad_ctx *ctx, const mad_setting *s, mad_reward *r)
{
    const mad_value *users = mad_get(s->select_values, "reward.users");
    const mad_value *target = mad_get(s->select_values, "reward.target");
    int is_exact = 0;
    const size_t limit = target_limit(&s->world->info, r->kind, &is_exact);
    r->n_users = has_users(r->kind) ? users->n_list : 1;
    r->share = users->reals;
    r->target = target->reals;
    if (r->n_users == 0) {
        return mad_fail(ctx, MAD_E_CONFIG, "select.reward.users is empty: one share per user");
    }
    if (r->n_users == 1 && has_users(r->kind) && r->share[0] != 1.0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "select.reward.users is %s, but has no effect: the share of a single user; "
                        "give a list of shares, and targets for all of them (select.reward.target)",
                        users->text);
    }
    if (r->kind == MAD_REWARD_FILE) {
        return check_file(ctx, s, r);
    }
    r->n_target = target->n_list / r->n_users;
    if (!has_target(r->kind)) {
        return MAD_OK;
    }
    if (r->n_target == 0 || r->n_target * r->n_users != target->n_list || r->n_target > limit ||
        (is_exact && r->n_target != limit)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "select.reward.target: %zu numbers for %zu users (select.reward.users); "
                        "reward.kind '%s' on world '%s' takes %s %zu each",
                        target->n_list, r->n_users, mad_get_text(s->select_values, "reward.kind"),
                        s->world->type->name, is_exact ? "exactly" : "1 to", limit);
    }
    return MAD_OK;
}

mad_status mad_reward_open(mad_ctx *ctx, const mad_setting *setting, size_t generation,
                           mad_reward *out)
{
    const mad_values *values = setting->select_values;
    mad_status st = MAD_OK;
    *out =
        (mad_reward){.kind = (mad_reward_kind)mad_get_choice(values, "reward.kind"),
                     .world = setting->world,
                     .tau = mad_get_at(values, "reward.tau", generation, setting->n_generations)};
    MAD_TRY(check_use(ctx, values, out->kind));
    MAD_TRY(check_setting(ctx, setting, out));
    MAD_TRY(read_targets(ctx, setting, out));
out:
    return st;
}

/* ---- values -------------------------------------------------------------------------------- */

mad_status mad_reward_users(mad_ctx *ctx, const mad_reward *reward, mad_rng *rng, size_t n,
                            size_t *user)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *cum = mad_arena_take(ctx->scratch, reward->n_users, sizeof *cum);
    if (cum == NULL) {
        return mad_fail_memory(ctx, "the shares of users");
    }
    for (size_t u = 0; u < reward->n_users; u++) {
        cum[u] = reward->share[u] + (u > 0 ? cum[u - 1] : 0.0);
    }
    for (size_t i = 0; i < n; i++) {
        user[i] = reward->n_users > 1 ? mad_rng_index(rng, reward->n_users, cum) : 0;
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static double of_columns(const mad_reward *r, const double *x, const double *target)
{
    double sum = 0.0;
    for (size_t j = 0; j < r->n_target; j++) {
        const double step = x[j] - target[j];
        sum += r->kind == MAD_REWARD_QUADRATIC ? -0.5 * step * step / (r->tau * r->tau)
                                               : target[j] * x[j];
    }
    return r->kind == MAD_REWARD_PLANE ? -fabs(sum) : sum;
}

static double of_factor(const mad_reward *r, double value, double target)
{
    const mad_factor *f = &r->world->info.factor[r->i_factor];
    double step = (value - f->mean) / f->sd - target;
    if (r->kind == MAD_REWARD_FACTOR_LINEAR) {
        return target * (value - f->mean) / f->sd;
    }
    if (f->period > 0.0) {
        step = remainder(step, f->period / f->sd);
    }
    return -0.5 * step * step / (r->tau * r->tau);
}

static mad_status score_recovered(mad_ctx *ctx, const mad_reward *r, const mad_set *rows,
                                  const size_t *user, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_world_info *info = &r->world->info;
    mad_recovery found;
    mad_status st = MAD_OK;
    MAD_TRY(mad_recovery_take(ctx, ctx->scratch, info, rows->n_rows, &found));
    MAD_TRY(r->world->type->recover(ctx, r->world, rows, &found));
    for (size_t i = 0; i < rows->n_rows; i++) {
        out[i] =
            r->kind == MAD_REWARD_VALIDITY
                ? (double)found.valid[i]
                : of_factor(r, found.factor[i * info->n_factors + r->i_factor], r->target[user[i]]);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static double of_nearest(const mad_reward *r, const double *x, size_t dim, size_t user)
{
    const mad_table *file = r->file;
    double least = HUGE_VAL, reward = 0.0;
    for (size_t k = 0; k < file->n_rows; k++) {
        const double *row = file->x + k * file->dim;
        double distance = 0.0;
        for (size_t j = 0; j < dim && distance < least; j++) {
            distance += (x[j] - row[j]) * (x[j] - row[j]);
        }
        if (distance < least) { /* the first of equals */
            least = distance;
            reward = row[dim + user];
        }
    }
    return reward;
}

mad_status mad_reward_score(mad_ctx *ctx, const mad_reward *reward, const mad_set *rows,
                            const size_t *user, double *out)
{
    if (reward->kind == MAD_REWARD_VALIDITY || is_of_factor(reward->kind)) {
        return score_recovered(ctx, reward, rows, user, out);
    }
    if (reward->kind == MAD_REWARD_DENSITY) {
        return reward->world->type->log_density(ctx, reward->world, rows, out);
    }
    for (size_t i = 0; i < rows->n_rows && reward->kind == MAD_REWARD_FILE; i++) {
        out[i] = of_nearest(reward, rows->x + i * rows->dim, rows->dim, user[i]);
    }
    for (size_t i = 0; i < rows->n_rows && reward->kind != MAD_REWARD_FILE; i++) {
        const double *target = reward->target + user[i] * reward->n_target;
        const double *x = rows->x + i * rows->dim;
        if (reward->kind != MAD_REWARD_TABLE) {
            out[i] = of_columns(reward, x, target);
        } else {
            out[i] = target[rows->label != NULL ? (size_t)rows->label[i] : (size_t)x[0]];
        }
    }
    return MAD_OK;
}
