/* sim/engine/layout.c: which datasets a run has, and what stands beside them. */
#include "sim/engine/layout.h"

#include <string.h>

void mad_layout_text(layout_builder *b, const char *name, const char *value)
{
    MAD_ASSERT(b->n_pending < MAX_ATTRIBUTES);
    if (value != NULL) {
        b->pending[b->n_pending++] = (mad_attribute){.name = name, .text = value};
    }
}

void mad_layout_number(layout_builder *b, const char *name, double value)
{
    MAD_ASSERT(b->n_pending < MAX_ATTRIBUTES);
    b->pending[b->n_pending++] = (mad_attribute){.name = name, .number = value};
}

const mad_attribute *mad_layout_take_attributes(layout_builder *b, size_t *n)
{
    mad_attribute *kept = mad_arena_take(b->mem, b->n_pending, sizeof *kept);
    if (kept != NULL) {
        memcpy(kept, b->pending, b->n_pending * sizeof *kept);
    }
    *n = b->n_pending;
    b->n_pending = 0;
    return kept;
}

size_t mad_layout_series(layout_builder *b, const char *group, const char *name, size_t width)
{
    MAD_ASSERT(b->n_series < MAX_SERIES);
    mad_series *series = &b->e->series[b->n_series];
    *series = (mad_series){.group = group, .name = name, .width = width};
    series->attributes = mad_layout_take_attributes(b, &series->n_attributes);
    return b->n_series++;
}

size_t mad_layout_vector(layout_builder *b, const char *group, const char *name, size_t n_rows,
                         const double *value)
{
    MAD_ASSERT(b->n_vectors < MAX_SERIES);
    mad_vector *vector = &b->e->vectors[b->n_vectors];
    *vector = (mad_vector){.group = group, .name = name, .n_rows = n_rows, .value = value};
    vector->attributes = mad_layout_take_attributes(b, &vector->n_attributes);
    return b->n_vectors++;
}

/* The split of a data file: which rows train and which are held out. */
static void add_split(layout_builder *b)
{
    const mad_world_info *info = &b->e->world->info;
    if (info->n_train == 0) {
        return;
    }
    mad_layout_text(b, "long_name", "rows of the data file that real training rows are drawn from");
    (void)mad_layout_vector(b, "data", "train_rows", info->n_train, info->train_rows);
    mad_layout_text(b, "long_name", "rows of the data file that measures compare with");
    (void)mad_layout_vector(b, "data", "reference_rows", info->n_reference, info->reference_rows);
}

/* Which loop and which replicate a row of every array belongs to. */
static mad_status add_units(mad_ctx *ctx, layout_builder *b)
{
    const mad_setting *s = &b->e->setting;
    if (s->n_models == 1) {
        return MAD_OK;
    }
    double *model = mad_arena_take(b->mem, s->n_replicates, sizeof *model);
    double *of = mad_arena_take(b->mem, s->n_replicates, sizeof *of);
    if (model == NULL || of == NULL) {
        return mad_fail_memory(ctx, "the list of loops");
    }
    for (size_t i = 0; i < s->n_replicates; i++) {
        model[i] = (double)(i % s->n_models);
        of[i] = (double)(i / s->n_models);
    }
    mad_layout_text(b, "long_name",
                    "which of the interacting loops a row of all arrays belongs to, from 0");
    (void)mad_layout_vector(b, "data", "loop", s->n_replicates, model);
    mad_layout_text(b, "long_name", "which group of interacting loops it belongs to, from 0");
    (void)mad_layout_vector(b, "data", "group", s->n_replicates, of);
    return MAD_OK;
}

/* Which rows the measures of each replicate compare with. */
static mad_status add_reference(mad_ctx *ctx, layout_builder *b)
{
    mad_experiment *e = b->e;
    if (!e->needs_samples && e->exact_real_law) {
        return MAD_OK; /* with no rows */
    }
    e->reference_hash = mad_arena_take(b->mem, e->setting.n_replicates, sizeof(double));
    if (e->reference_hash == NULL) {
        return mad_fail_memory(ctx, "the hashes of the reference rows");
    }
    mad_layout_text(b, "long_name", "hash of the reference rows");
    mad_layout_text(
        b, "definition",
        "lowest 53 bits of the 64-bit FNV-1a hash of the rows as float64, then of their labels as "
        "int32; in the world's own coordinates, before any features");
    mad_layout_number(b, "n", (double)e->n_measure);
    mad_layout_text(
        b, "rows",
        e->world->info.n_train > 0
            ? "n rows of data/reference_rows, chosen by the stream (seed, replicate, 0, 3, 0); no "
              "training row is among them"
            : "rows 0 to n - 1 of the streams (seed, replicate, 0, 3, chunk) of the world; "
              "training rows are drawn from other streams");
    (void)mad_layout_vector(b, "data", "reference_hash", e->setting.n_replicates,
                            e->reference_hash);
    return MAD_OK;
}

/* How much variance the sampler alone adds or takes: what a collapse must be compared with. */
static void add_gain(layout_builder *b)
{
    const gain_curve *gain = &b->e->gain;
    const double last = (double)b->e->setting.n_generations;
    if (gain->n == 0) {
        return;
    }
    mad_layout_text(b, "long_name", "variance of Gaussian data");
    mad_layout_text(b, "units", "mean variance of the first real training set");
    (void)mad_layout_vector(b, "audit", "variance", gain->n, gain->variance);
    for (size_t i = 0; i < (gain->last != NULL ? 2 : 1); i++) {
        mad_layout_text(b, "long_name", "variance gain of the sampler");
        mad_layout_text(b, "units", "1");
        mad_layout_text(
            b, "definition",
            "lam_eff(v) = variance of the samples / v, for the configured sampler with the exact "
            "denoiser of N(0, v); a loop without any other bias follows v <- v lam_eff(v)");
        mad_layout_text(
            b, "reference",
            "Song et al. 2021 (arXiv:2010.02502); Karras et al. 2022 (arXiv:2206.00364): their "
            "updates are linear for Gaussian data");
        mad_layout_number(b, "generation", i == 0 ? 1.0 : last);
        (void)mad_layout_vector(b, "audit", i == 0 ? "lam_eff" : "lam_eff_last", gain->n,
                                i == 0 ? gain->first : gain->last);
    }
}

mad_status mad_layout_create(mad_ctx *ctx, mad_arena *mem, mad_experiment *e)
{
    mad_status st = MAD_OK;
    layout_builder b = {.e = e, .mem = mem};
    e->series = mad_arena_take(mem, MAX_SERIES, sizeof *e->series);
    e->vectors = mad_arena_take(mem, MAX_SERIES, sizeof *e->vectors);
    e->floors = mad_arena_take(mem, MAX_SERIES, sizeof *e->floors);
    if (e->series == NULL || e->vectors == NULL || e->floors == NULL) {
        return mad_fail_memory(ctx, "the layout of a run");
    }
    for (size_t i = 0; i < e->n_groups; i++) {
        MAD_TRY(mad_layout_group(ctx, &b, &e->groups[i]));
    }
    mad_layout_own(&b);
    add_split(&b);
    MAD_TRY(add_units(ctx, &b));
    MAD_TRY(add_reference(ctx, &b));
    add_gain(&b);
    mad_layout_root(ctx, &b);
    e->layout.n_replicates = e->setting.n_replicates;
    e->layout.n_generations = e->setting.n_generations;
    e->layout.n_series = b.n_series;
    e->layout.series = e->series;
    e->layout.n_vectors = b.n_vectors;
    e->layout.vectors = e->vectors;
out:
    return st;
}
