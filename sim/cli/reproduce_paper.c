/* sim/cli/reproduce_paper.c: one published result: its arms run, its criteria judged. */
#include "sim/cli/reproduce_paper.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "analysis/expect/profile.h"
#include "sim/cli/cost.h"
#include "sim/cli/plan.h"
#include "sim/engine/engine.h"

/* ---- before anything runs ------------------------------------------------------------------ */

static mad_status plan_arm(mad_app *app, mad_arena *mem, const mad_paper *paper, size_t i_arm,
                           int smoke, mad_run *out)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_experiment *experiment = NULL;
    const mad_arena_mark mark = mad_arena_get_mark(app->ctx->scratch);
    mad_arena *own = mad_arena_create(1 << 16);
    if (own == NULL) {
        return mad_fail_memory(app->ctx, "an arm");
    }
    MAD_TRY(mad_paper_arm(app, own, paper, i_arm, smoke, &config));
    st = mad_experiment_create(app->ctx, own, &config, app->registry, &experiment);
    if (st != MAD_OK) {
        st = mad_paper_fail_arm(app->ctx, st, paper, i_arm);
        goto out;
    }
    MAD_TRY(mad_plan_run(app->ctx, mem, experiment, out));
out:
    mad_arena_release(app->ctx->scratch, mark);
    mad_arena_destroy(own);
    return st;
}

/* All arms fit together each, and have what the criteria look at. */
static mad_status check_paper(mad_app *app, const mad_paper *paper, int smoke)
{
    static const mad_profile no_profile;
    mad_status st = MAD_OK;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, paper->name);
    }
    mad_expect_arm *arms = mad_arena_take(mem, paper->n_arms, sizeof *arms);
    mad_run *runs = mad_arena_take(mem, paper->n_arms, sizeof *runs);
    MAD_TRY(arms != NULL && runs != NULL ? MAD_OK : mad_fail_memory(app->ctx, paper->name));
    for (size_t i = 0; i < paper->n_arms; i++) {
        MAD_TRY(plan_arm(app, mem, paper, i, smoke, &runs[i]));
        arms[i] = (mad_expect_arm){.name = paper->arm[i], .run = &runs[i], .profile = &no_profile};
    }
    for (size_t i = 0; !smoke && i < paper->n_criteria; i++) {
        const mad_note *note = &paper->config.expect.note[i];
        st = mad_criterion_check(app->ctx, paper->criterion[i], arms);
        if (st != MAD_OK) {
            st = mad_fail_while(app->ctx, st, "%s: expect.%s", note->place, note->name);
            goto out;
        }
    }
out:
    mad_arena_destroy(mem);
    return st;
}

/* ---- run and judged ------------------------------------------------------------------------ */

static mad_status run_arm(mad_app *app, mad_arena *mem, const mad_paper *paper, size_t i_arm,
                          const mad_reproduce_options *options, const char **folder)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_folder look;
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s/%s", options->dir, paper->name);
    MAD_TRY(mad_paper_arm(app, mem, paper, i_arm, options->smoke, &config));
    MAD_TRY(mad_folder_make(app->ctx, parent));
    *folder = mad_folder_name(mem, parent, &config);
    if (*folder == NULL) {
        return mad_fail_memory(app->ctx, "an arm");
    }
    MAD_TRY(mad_folder_look(app->ctx, *folder, &look));
    if (look.state == MAD_FOLDER_NONE) {
        MAD_TRY(mad_execute_new(app, mem, *folder, &config, 0, &options->execute));
    } else {
        MAD_TRY(mad_execute(app, *folder, *folder, &options->execute));
    }
out:
    return st;
}

static mad_status read_arms(mad_app *app, mad_arena *mem, const mad_paper *paper,
                            const char *const *folders, mad_expect_arm *arms, size_t *n_other)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < paper->n_arms; i++) {
        mad_run *run = mad_arena_take(mem, 1, sizeof *run);
        MAD_TRY(run != NULL ? MAD_OK : mad_fail_memory(app->ctx, paper->name));
        MAD_TRY(mad_run_read(app->ctx, mem, folders[i], run));
        MAD_TRY(mad_run_join_loops(app->ctx, mem, run));
        arms[i] = (mad_expect_arm){.name = paper->arm[i], .run = run};
        const char *git = mad_attribute_text(run->n_attributes, run->attributes, "git");
        *n_other += git == NULL || strcmp(git, mad_engine_git()) != 0;
    }
out:
    return st;
}

/* Verdicts of the arms' runs, when a criterion speaks of them. */
static mad_status add_profiles(mad_app *app, mad_arena *mem, const mad_paper *paper,
                               mad_expect_arm *arms)
{
    mad_status st = MAD_OK;
    int is_asked = 0;
    for (size_t i = 0; i < paper->n_criteria; i++) {
        is_asked |= strstr(paper->config.expect.note[i].texts[0], "profile.") != NULL;
    }
    if (!is_asked) {
        return MAD_OK;
    }
    const mad_run **runs = mad_arena_take(mem, paper->n_arms, sizeof *runs);
    mad_profile *profiles = mad_arena_take(mem, paper->n_arms, sizeof *profiles);
    if (runs == NULL || profiles == NULL) {
        return mad_fail_memory(app->ctx, paper->name);
    }
    for (size_t i = 0; i < paper->n_arms; i++) {
        runs[i] = arms[i].run;
        arms[i].profile = &profiles[i];
    }
    MAD_TRY(
        mad_profile_make(app->ctx, mem, paper->n_arms, runs, &mad_thresholds_default, profiles));
out:
    return st;
}

static mad_judged worse(mad_judged a, mad_judged b)
{
    return a == MAD_JUDGED_FAIL || b == MAD_JUDGED_PASS ? a : b;
}

static mad_status judge(mad_app *app, mad_arena *mem, const mad_paper *paper,
                        const char *const *folders, mad_reproduced *out)
{
    mad_status st = MAD_OK;
    mad_expect_arm *arms = mad_arena_take(mem, paper->n_arms, sizeof *arms);
    out->judged = mad_arena_take(mem, paper->n_criteria, sizeof *out->judged);
    if (arms == NULL || out->judged == NULL) {
        return mad_fail_memory(app->ctx, paper->name);
    }
    MAD_TRY(read_arms(app, mem, paper, folders, arms, &out->n_other));
    MAD_TRY(add_profiles(app, mem, paper, arms));
    out->verdict = MAD_JUDGED_PASS;
    for (size_t i = 0; i < paper->n_criteria; i++) {
        const mad_note *note = &paper->config.expect.note[i];
        st = mad_criterion_judge(app->ctx, paper->criterion[i], arms, &out->judged[i]);
        if (st != MAD_OK) {
            st = mad_fail_while(app->ctx, st, "%s: expect.%s", note->place, note->name);
            goto out;
        }
        out->verdict = worse(out->judged[i].verdict, out->verdict);
    }
out:
    return st;
}

mad_status mad_reproduce_paper(mad_app *app, mad_arena *mem, const mad_paper *paper,
                               const mad_reproduce_options *options, mad_reproduced *out)
{
    mad_status st = MAD_OK;
    const double start_s = mad_cost_now_s();
    const char **folders = mad_arena_take(mem, paper->n_arms, sizeof *folders);
    if (folders == NULL) {
        return mad_fail_memory(app->ctx, paper->name);
    }
    *out = (mad_reproduced){.paper = paper, .is_run = 1};
    MAD_TRY(check_paper(app, paper, options->smoke));
    for (size_t i = 0; i < paper->n_arms; i++) {
        MAD_TRY(run_arm(app, mem, paper, i, options, &folders[i]));
    }
    if (!options->smoke) {
        MAD_TRY(judge(app, mem, paper, folders, out));
    }
    out->seconds = mad_cost_now_s() - start_s;
out:
    return st;
}
