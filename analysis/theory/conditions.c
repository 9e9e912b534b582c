/* analysis/theory/conditions.c: assumptions read off the plans, whatever the loop calls itself. */
#include "analysis/theory/conditions.h"

#include <math.h>
#include <string.h>

int mad_theory_uses_model(const mad_setting *setting, const char *name)
{
    return strcmp(setting->model->name, name) == 0;
}

int mad_theory_uses_world(const mad_setting *setting, const char *name)
{
    return strcmp(setting->world->type->name, name) == 0;
}

double mad_theory_lam(const mad_setting *setting)
{
    if (setting->select != NULL || setting->correct != NULL || setting->post != NULL ||
        setting->channel != NULL || setting->crosses) {
        return (double)NAN;
    }
    if (setting->bias == NULL || setting->bias->is_identity(setting->bias_values)) {
        return 1.0;
    }
    /* rows of one normal law: noise of variance tau is a covariance times tau */
    const int is_cold =
        strcmp(setting->bias->name, "temperature") == 0 && mad_theory_uses_model(setting, "gauss");
    if (is_cold || strcmp(setting->bias->name, "shrink") == 0) {
        const mad_schedule strength = mad_get(setting->bias_values, "strength")->schedule;
        return strength.kind == MAD_SCHEDULE_CONSTANT ? strength.a : (double)NAN;
    }
    return (double)NAN;
}

int mad_theory_has_iid_rows(const mad_setting *setting)
{
    return setting->world->info.n_train == 0;
}

static int is_chain_plan(const mad_plan *plan, size_t t)
{
    return plan->n_blocks == 1 && plan->budget == 0 &&
           plan->blocks[0].kind == (t == 1 ? MAD_BLOCK_REAL : MAD_BLOCK_SYNTHETIC) &&
           plan->blocks[0].generation == (t == 1 ? 1 : t - 1);
}

static int is_accumulate_plan(const mad_plan *plan, size_t t, size_t n_initial)
{
    if (plan->n_blocks != t || plan->budget != 0 || !isnan(plan->real_weight) ||
        plan->blocks[0].kind != MAD_BLOCK_REAL || plan->blocks[0].generation != 1 ||
        plan->blocks[0].n_rows != n_initial) {
        return 0;
    }
    for (size_t g = 1; g < t; g++) {
        if (plan->blocks[g].kind != MAD_BLOCK_SYNTHETIC || plan->blocks[g].generation != g) {
            return 0;
        }
    }
    return 1;
}

/* Walk all plans with a context of its own: a failure only means that nothing is known. */
static int all_plans(const mad_setting *setting, int accumulate, size_t *n_initial)
{
    const mad_loop *loop = setting->loop;
    mad_ctx quiet = {0};
    mad_arena *mem = mad_arena_create(1 << 12);
    int ok = mem != NULL;

    for (size_t t = 1; ok && t <= setting->n_generations; t++) {
        mad_arena_mark mark = mad_arena_get_mark(mem);
        mad_plan plan;

        ok = loop->type->plan(&quiet, loop, t, mem, &plan) == MAD_OK && plan.n_blocks > 0;
        if (ok && t == 1) {
            *n_initial = plan.blocks[0].n_rows;
        }
        ok =
            ok && (accumulate ? is_accumulate_plan(&plan, t, *n_initial) : is_chain_plan(&plan, t));
        if (ok) {
            mad_arena_release(mem, mark);
        }
    }
    mad_arena_destroy(mem);
    return ok;
}

int mad_theory_is_chain(const mad_setting *setting)
{
    size_t n_initial;

    return setting->loop->type->n_models_kept(setting->loop) == 1 &&
           all_plans(setting, 0, &n_initial);
}

int mad_theory_is_accumulate(const mad_setting *setting)
{
    size_t n_initial;

    return setting->loop->type->n_models_kept(setting->loop) == 1 &&
           all_plans(setting, 1, &n_initial);
}

int mad_theory_has_budget(const mad_setting *setting)
{
    const mad_loop *loop = setting->loop;
    mad_ctx quiet = {0};
    mad_arena *mem = mad_arena_create(1 << 12);
    mad_plan plan;
    int found = 1; /* an unknown plan is no plan to speak about */

    if (mem != NULL &&
        loop->type->plan(&quiet, loop, setting->n_generations, mem, &plan) == MAD_OK) {
        found = plan.budget > 0;
    }
    mad_arena_destroy(mem);
    return found;
}

size_t mad_theory_n_initial(const mad_setting *setting)
{
    const mad_loop *loop = setting->loop;
    mad_ctx quiet = {0};
    mad_arena *mem = mad_arena_create(1 << 12);
    size_t n = 0;
    mad_plan plan;

    if (mem != NULL && loop->type->plan(&quiet, loop, 1, mem, &plan) == MAD_OK) {
        for (size_t i = 0; i < plan.n_blocks; i++) {
            n += plan.blocks[i].n_rows;
        }
    }
    mad_arena_destroy(mem);
    return n;
}

size_t mad_theory_n_new(const mad_setting *setting, size_t generation)
{
    return generation == 1 ? mad_theory_n_initial(setting)
                           : setting->loop->type->n_synthetic(setting->loop, generation - 1);
}
