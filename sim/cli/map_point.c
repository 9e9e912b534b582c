/* sim/cli/map_point.c: the points of a map: their configurations and closed forms. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/map.h"
#include "sim/cli/plan.h"
#include "sim/engine/engine.h"

enum { WORD_BYTES = 512 };

mad_status mad_map_point(mad_app *app, mad_arena *mem, const mad_map_question *q, size_t i_x,
                         size_t i_y, size_t i_look, mad_config *out)
{
    mad_status st = MAD_OK;
    char x[WORD_BYTES], y[WORD_BYTES], seed[64];
    char **word = mad_arena_take(mem, q->n_overrides + 3, sizeof *word);
    if (word == NULL) {
        return mad_fail_memory(app->ctx, "a point of a map");
    }
    memcpy(word, q->overrides, q->n_overrides * sizeof *word);
    (void)snprintf(x, sizeof x, "%s=%s", q->x.key, q->x.texts[i_x]);
    (void)snprintf(y, sizeof y, "%s=%s", q->y.key, q->y.texts[i_y]);
    word[q->n_overrides] = mad_arena_text(mem, x);
    word[q->n_overrides + 1] = mad_arena_text(mem, y);
    if (word[q->n_overrides] == NULL || word[q->n_overrides + 1] == NULL) {
        return mad_fail_memory(app->ctx, "a point of a map");
    }
    MAD_TRY(mad_load_config(app, mem, q->path, q->n_overrides + 2, word, q->smoke, out));
    if (i_look > 0) {
        (void)snprintf(seed, sizeof seed, "seed=%.0f",
                       (double)mad_get_size(&out->root, "seed") + (double)i_look);
        word[q->n_overrides + 2] = mad_arena_text(mem, seed);
        if (word[q->n_overrides + 2] == NULL) {
            return mad_fail_memory(app->ctx, "a point of a map");
        }
        MAD_TRY(mad_load_config(app, mem, q->path, q->n_overrides + 3, word, q->smoke, out));
    }
out:
    return st;
}

/* How far the sides of the closed form are apart at a point; NaN where it has none. */
static mad_status difference_at(mad_app *app, const mad_map_question *q, size_t i_x, size_t i_y,
                                double *out)
{
    mad_status st = MAD_OK;
    mad_ctx *ctx = app->ctx;
    mad_config config;
    mad_experiment *experiment = NULL;
    mad_run planned, closed;
    mad_judgement judged;
    mad_arena *mem = mad_arena_create(1 << 16);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a closed form");
    }
    *out = (double)NAN;
    MAD_TRY(mad_map_point(app, mem, q, i_x, i_y, 0, &config));
    MAD_TRY(mad_experiment_create(ctx, mem, &config, app->registry, &experiment));
    MAD_TRY(mad_plan_run(ctx, mem, experiment, &planned));
    MAD_TRY(mad_expect_closed_form(ctx, mem, &planned, &closed));
    const mad_expect_arm arm = {.name = "", .run = &closed};
    st = mad_criterion_judge(ctx, q->criterion, &arm, &judged);
    if (st == MAD_OK) {
        *out = mad_map_distance(&(mad_map_cell){.left = judged.measured, .right = judged.expected});
    } else if (st == MAD_E_CONFIG) { /* a measure without one */
        mad_ctx_clear(ctx);
        st = MAD_OK;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    mad_arena_destroy(mem);
    return st;
}

mad_status mad_map_closed_form(mad_app *app, const mad_map_question *question, mad_map *map)
{
    mad_status st = MAD_OK;
    for (size_t x = 0; x < map->n_x; x++) {
        double before = (double)NAN, now;
        for (size_t y = 0; y < map->n_y && isnan(map->closed_form[x]); y++) {
            MAD_TRY(difference_at(app, question, x, y, &now));
            if ((before < 0.0 && now >= 0.0) || (before >= 0.0 && now < 0.0)) {
                map->closed_form[x] = (double)y - 1.0 + before / (before - now);
            }
            before = now;
        }
    }
out:
    return st;
}
