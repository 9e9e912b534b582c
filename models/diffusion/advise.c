/* models/diffusion/advise.c: the nearest setting whose sampler leaves a variance alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/diffusion/sampling_internal.h"

#define MOST_STEPS ((size_t)8192)

typedef struct search {
    const mad_sampling *now;
    const mad_source *source;
    double variance, limit;
    size_t n_bytes;
    char *text; /* the best so far, and its numbers */
    size_t n_keys;
    double cost, gain;
} search;

/* lam_eff of the generation where it is furthest from 1; evaluations of a row over all generations
 * whose ladders differ. */
static mad_status worst_gain(mad_ctx *ctx, const mad_sampling *s, const mad_source *source,
                             double variance, double *worst, double *cost)
{
    mad_status st = MAD_OK;
    const size_t last = mad_sampling_n_ladders(s);
    *worst = 1.0;
    *cost = 0.0;
    for (size_t g = 1; g <= last; g++) {
        const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
        mad_ladder ladder;
        double gain = 1.0;
        MAD_TRY(mad_sampling_gain(ctx, s, source, g, 1, &variance, &gain));
        st = mad_sampling_ladder(ctx, s, g, ctx->scratch, &ladder);
        if (st == MAD_OK) {
            *cost += mad_sampling_count(&ladder, mad_sampling_guidance(s, NULL, g));
        }
        mad_arena_release(ctx->scratch, mark);
        if (st != MAD_OK) {
            goto out;
        }
        if (fabs(log(gain)) > fabs(log(*worst))) {
            *worst = gain;
        }
    }
out:
    return st;
}

/* Overrides that turn `now` into `trial`, which differs in `own`; keys that were changed and that
 * the trial does not use must go back to their defaults. Returns how many. */
static size_t write_overrides(const mad_sampling *now, const mad_sampling *trial, const char *own,
                              size_t n_bytes, char *text)
{
    mad_key_use use[MAD_N_SAMPLING_KEYS];
    size_t n_keys = 1, at = (size_t)snprintf(text, n_bytes, "%s", own);
    for (const char *p = own; *p != '\0'; p++) {
        n_keys += *p == ' ';
    }
    mad_sampling_use(trial, use);
    for (size_t i = 0; i < MAD_N_SAMPLING_KEYS && at < n_bytes; i++) {
        if (now->is_changed[i] && !use[i].is_used) {
            at += (size_t)snprintf(text + at, n_bytes - at, " model.%s=%s", use[i].key,
                                   now->fallback[i]);
            n_keys++;
        }
    }
    return at < n_bytes ? n_keys : SIZE_MAX;
}

/* Keep the trial when it is within the limit and better than the best so far. */
static mad_status consider(mad_ctx *ctx, search *s, const mad_sampling *trial, const char *own,
                           int *is_within)
{
    mad_status st = MAD_OK;
    char text[256];
    double gain = 1.0, cost = 0.0;
    MAD_TRY(worst_gain(ctx, trial, s->source, s->variance, &gain, &cost));
    *is_within = fabs(log(gain)) <= s->limit;
    const size_t n_keys = write_overrides(s->now, trial, own, sizeof text, text);
    if (*is_within && strlen(text) < s->n_bytes &&
        (n_keys < s->n_keys || (n_keys == s->n_keys && cost < s->cost))) {
        s->n_keys = n_keys;
        s->cost = cost;
        s->gain = gain;
        memcpy(s->text, text, strlen(text) + 1);
    }
out:
    return st;
}

/* The fewest steps that do: doubled until they do, then halved in between. */
static mad_status more_steps(mad_ctx *ctx, search *s, mad_sampling trial)
{
    mad_status st = MAD_OK;
    const int is_table = trial.options.grid == MAD_GRID_SCHEDULE;
    const size_t most = is_table ? trial.noise.n_steps : MOST_STEPS;
    size_t low = trial.options.n_steps, high = low;
    int is_within = 0;
    char own[64];
    while (!is_within && high < most) {
        low = high;
        high = 2 * high < most ? 2 * high : most;
        trial.n_steps_asked = trial.options.n_steps = high;
        snprintf(own, sizeof own, "model.sampler.steps=%zu", high);
        MAD_TRY(consider(ctx, s, &trial, own, &is_within));
    }
    while (is_within && high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        int is_enough = 0;
        trial.n_steps_asked = trial.options.n_steps = middle;
        snprintf(own, sizeof own, "model.sampler.steps=%zu", middle);
        MAD_TRY(consider(ctx, s, &trial, own, &is_enough));
        *(is_enough ? &high : &low) = middle;
    }
out:
    return st;
}

mad_status mad_sampling_advise(mad_ctx *ctx, const mad_sampling *sampling, const mad_source *source,
                               double variance, double limit, size_t n_bytes, char *text,
                               double *gain)
{
    mad_status st = MAD_OK;
    search s = {.now = sampling,
                .source = source,
                .variance = variance,
                .limit = limit,
                .n_bytes = n_bytes,
                .text = text,
                .n_keys = SIZE_MAX};
    mad_sampling trial = *sampling;
    int is_within = 0;

    text[0] = '\0';
    MAD_TRY(worst_gain(ctx, sampling, source, variance, gain, &s.cost));
    if (fabs(log(*gain)) <= limit) {
        goto out;
    }
    if (sampling->clips) { /* its effect takes random rows: no search over steps */
        trial.clips = 0;
        MAD_TRY(consider(ctx, &s, &trial, "model.sampler.clip=none", &is_within));
        *gain = is_within ? s.gain : *gain;
        goto out;
    }
    MAD_TRY(more_steps(ctx, &s, trial));
    if (trial.options.kind == MAD_SAMPLER_ANCESTRAL &&
        trial.options.sigma2 == MAD_SIGMA2_BETA_TILDE) {
        trial.options.sigma2 = MAD_SIGMA2_BETA;
        MAD_TRY(consider(ctx, &s, &trial, "model.sampler.sigma2=beta", &is_within));
    }
    if (trial.options.kind != MAD_SAMPLER_ANCESTRAL) {
        trial.options.kind = MAD_SAMPLER_ANCESTRAL;
        trial.grid_asked = -1;
        trial.n_steps_asked = 0;
        mad_sampling_resolve(&trial);
        char own[128] = "model.sampler.kind=ancestral";
        strcat(own, sampling->n_steps_asked > 0 ? " model.sampler.steps=auto" : "");
        strcat(own, sampling->grid_asked >= 0 ? " model.sampler.grid=auto" : "");
        MAD_TRY(consider(ctx, &s, &trial, own, &is_within));
    }
    if (s.n_keys == SIZE_MAX) {
        trial = *sampling;
        trial.calibrates = 1;
        MAD_TRY(consider(ctx, &s, &trial, "model.sampler.calibrate=yes", &is_within));
    }
    *gain = s.n_keys < SIZE_MAX ? s.gain : *gain;
out:
    return st;
}
