/* sim/engine/layout.c: which datasets a run has, and what stands beside them. */
#include "sim/engine/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_SERIES = 256, MAX_ATTRIBUTES = 24 };

typedef struct builder {
    mad_experiment *e;
    mad_arena *mem;
    size_t n_series, n_vectors;
    mad_attribute pending[MAX_ATTRIBUTES]; /* attributes of the dataset being added */
    size_t n_pending;
} builder;

static void text(builder *b, const char *name, const char *value)
{
    MAD_ASSERT(b->n_pending < MAX_ATTRIBUTES);
    if (value != NULL) {
        b->pending[b->n_pending++] = (mad_attribute){.name = name, .text = value};
    }
}

static void number(builder *b, const char *name, double value)
{
    MAD_ASSERT(b->n_pending < MAX_ATTRIBUTES);
    b->pending[b->n_pending++] = (mad_attribute){.name = name, .number = value};
}

static const mad_attribute *take_pending(builder *b, size_t *n)
{
    mad_attribute *kept = mad_arena_take(b->mem, b->n_pending, sizeof *kept);
    if (kept != NULL) {
        memcpy(kept, b->pending, b->n_pending * sizeof *kept);
    }
    *n = b->n_pending;
    b->n_pending = 0;
    return kept;
}

static size_t add_series(builder *b, const char *group, const char *name, size_t width)
{
    MAD_ASSERT(b->n_series < MAX_SERIES);
    mad_series *series = &b->e->series[b->n_series];
    *series = (mad_series){.group = group, .name = name, .width = width};
    series->attributes = take_pending(b, &series->n_attributes);
    return b->n_series++;
}

static size_t add_vector(builder *b, const char *group, const char *name, size_t n_rows,
                         const double *value)
{
    MAD_ASSERT(b->n_vectors < MAX_SERIES);
    mad_vector *vector = &b->e->vectors[b->n_vectors];
    *vector = (mad_vector){.group = group, .name = name, .n_rows = n_rows, .value = value};
    vector->attributes = take_pending(b, &vector->n_attributes);
    return b->n_vectors++;
}

/* ---- measures ------------------------------------------------------------------------------ */

/* When a value is NaN. */
static const char *undefined_text(mad_arena *mem, const mad_metric_output *output)
{
    char words[512];
    if (output->undefined == NULL) {
        return MAD_METRIC_OVERFLOW;
    }
    (void)snprintf(words, sizeof words, "%s; " MAD_METRIC_OVERFLOW, output->undefined);
    return mad_arena_text(mem, words);
}

/* From which rows a value of the group is; the floor puts real rows in the model's place. */
static void rows_attributes(builder *b, const metric_group *group, int is_floor)
{
    const mad_experiment *e = b->e;
    const int of_rows = (group->type->needs & (MAD_NEEDS_SAMPLES | MAD_NEEDS_LABELS)) != 0;
    if (!of_rows) {
        text(b, "real_law", e->exact_real_law ? "exact" : "reference rows");
        text(b, "model_law",
             is_floor            ? "real rows in place of the model's"
             : e->exact_fake_law ? "exact"
                                 : "sampled rows");
    }
    if (of_rows || !e->exact_real_law) {
        number(b, "n_real", (double)e->n_measure);
        text(b, "reference_set", "data/reference_hash");
    }
    if (of_rows || is_floor || !e->exact_fake_law) {
        number(b, "n_synthetic", (double)e->n_measure);
    }
    if (!(group->type->needs & MAD_NEEDS_TRAIN)) {
        return;
    }
    if (is_floor) {
        number(b, "n_train", (double)e->n_floor_train);
    } else {
        text(b, "train_rows", "lineage/n_train");
    }
}

/* How the group's values are taken: the keys it reads, and where what hangs on the rows is kept. */
static void parameter_attributes(builder *b, const mad_metric_type *type)
{
    for (const mad_param *p = type->params; p != NULL && p->name != NULL; p++) {
        const mad_value *value = mad_get(b->e->setting.measure_values, p->name);
        if (p->kind == MAD_PARAM_INT || p->kind == MAD_PARAM_REAL) {
            number(b, p->name, value->number);
        } else {
            text(b, p->name, value->text);
        }
    }
    text(b, "beside", type->beside);
}

/* What a value of the group is and how it was taken. */
static void metric_attributes(builder *b, const metric_group *group,
                              const mad_metric_output *output, int is_floor)
{
    const mad_experiment *e = b->e;
    const int of_rows = (group->type->needs & (MAD_NEEDS_SAMPLES | MAD_NEEDS_LABELS)) != 0;
    text(b, "long_name", output->long_name);
    text(b, "units", output->units);
    text(b, "direction", output->direction);
    text(b, "definition", output->definition);
    text(b, "reference", output->reference);
    text(b, "estimator",
         !of_rows && e->exact_real_law && e->exact_fake_law && !is_floor
             ? "none: exact laws"
             : mad_metric_estimator(group->type, output));
    text(b, "undefined", undefined_text(b->mem, output));
    if (e->feature != NULL && mad_features_apply(group->type)) {
        text(b, "features", e->feature->text);
    } else if (of_rows) {
        text(b, "features", "raw");
    }
    rows_attributes(b, group, is_floor);
    parameter_attributes(b, group->type);
}

static mad_status add_theory(mad_ctx *ctx, builder *b, const char *metric)
{
    const mad_experiment *e = b->e;
    const mad_setting *setting = &e->setting;
    mad_status st = MAD_OK;
    if (!e->exact_fake_law || e->measures_bias) {
        return MAD_OK; /* closed forms speak of the model's law, not of rows drawn from it */
    }
    for (const mad_theory_type *const *t = e->registry->theories; *t != NULL; t++) {
        if (strcmp((*t)->metric, metric) != 0 || !(*t)->applies(setting)) {
            continue;
        }
        double *value = mad_arena_take(b->mem, setting->n_generations, sizeof *value);
        if (value == NULL) {
            return mad_fail_memory(ctx, "a theory curve");
        }
        MAD_TRY((*t)->curve(ctx, setting, value));
        text(b, "law", (*t)->name);
        text(b, "statement", (*t)->statement);
        text(b, "assumptions", (*t)->assumptions);
        text(b, "reference", (*t)->ref);
        text(b, "order", (*t)->exact ? "exact" : "leading order");
        (void)add_vector(b, "theory", metric, setting->n_generations, value);
        break;
    }
out:
    return st;
}

static mad_status add_group(mad_ctx *ctx, builder *b, metric_group *group)
{
    mad_status st = MAD_OK;
    for (size_t k = 0; k < group->n_chosen; k++) {
        const mad_metric_output *output = &group->type->outputs[group->chosen[k]];
        double *floor = mad_arena_take(b->mem, b->e->setting.n_replicates, sizeof *floor);
        if (floor == NULL) {
            return mad_fail_memory(ctx, "the floor of a measure");
        }
        metric_attributes(b, group, output, 0);
        group->series[k] = add_series(b, "metrics", output->name, 1);
        metric_attributes(b, group, output, 1);
        group->floor[k] = add_vector(b, "floor", output->name, b->e->setting.n_replicates, floor);
        b->e->floors[group->floor[k]] = floor;
        MAD_TRY(add_theory(ctx, b, output->name));
    }
out:
    return st;
}

/* ---- the engine's own ---------------------------------------------------------------------- */

static size_t add_plain(builder *b, const char *group, const char *name, size_t width,
                        const char *units, const char *long_name)
{
    text(b, "long_name", long_name);
    text(b, "units", units);
    return add_series(b, group, name, width);
}

static void add_stage(builder *b, stage_kind stage, const char *group, const mad_report *reports)
{
    own_series *own = &b->e->own;
    for (const mad_report *r = reports; r != NULL && r->name != NULL; r++) {
        MAD_ASSERT(own->n_stage[stage] < MAX_STAGE_REPORTS);
        own->stage[stage][own->n_stage[stage]++] =
            add_plain(b, group, r->name, 1, r->units, r->long_name);
    }
}

/* What stages say of the rows that are new in the training set; NaN in generation 1, which has
 * none. */
static void add_stages(builder *b)
{
    static const mad_report of_bias[] = {
        {"strength", "1",
         "nominal strength of the bias: what bias.strength says, of guidance 1 / (1 + w); the mean "
         "over the rows where models of several generations drew them"},
        {"lam_eff", "1",
         "measured strength of the bias: variance of the synthetic rows over that of rows drawn "
         "without it from the same random numbers; of categories their heterozygosity"},
        {0}};
    static const mad_report within[] = {{"lam_eff_within", "1", "lam_eff within classes"}, {0}};
    static const mad_report drawn[] = {
        {"n_drawn", "rows", "candidates drawn for the rows that are new in the training set"}, {0}};
    const mad_setting *s = &b->e->setting;
    if (s->bias != NULL) {
        add_stage(b, STAGE_BIAS, "bias", of_bias);
        add_stage(b, STAGE_BIAS, "bias", b->e->with_labels ? within : NULL);
    }
    if (s->select != NULL) {
        add_stage(b, STAGE_SELECT, "select", s->select->reports);
        add_stage(b, STAGE_SELECT, "select", drawn);
    }
    if (s->correct != NULL) {
        add_stage(b, STAGE_CORRECT, "correct", s->correct->reports);
    }
    if (s->channel != NULL) {
        add_stage(b, STAGE_CHANNEL, "channel", s->channel->reports);
    }
}

static void add_ancestry(builder *b)
{
    const ancestry kind = b->e->ancestry;
    own_series *own = &b->e->own;
    if (kind == MAD_ANCESTRY_NONE) {
        return;
    }
    own->ancestors =
        add_plain(b, "lineage", "ancestors", 1, "1",
                  kind == MAD_ANCESTRY_ROWS ? "real rows that some training row descends from"
                                            : "categories in the training set");
    own->ancestors_effective = add_plain(b, "lineage", "ancestors_effective", 1, "1",
                                         "1 / sum p^2, p = shares of the training set by ancestor");
    if (kind == MAD_ANCESTRY_ROWS) {
        own->founders = add_plain(b, "lineage", "founders", 1, "rows",
                                  "ancestors among the real rows drawn for generation 1");
    }
}

static void add_own(builder *b)
{
    mad_experiment *e = b->e;
    own_series *own = &e->own;
    own->real_share =
        add_plain(b, "lineage", "real_share", 1, "1", "share of real rows in the training set");
    own->mean_depth = add_plain(b, "lineage", "mean_depth", 1, "generations",
                                "mean number of models between a training row and real data");
    own->n_train = add_plain(b, "lineage", "n_train", 1, "rows", "rows of the training set");
    if (e->n_ages > 0) {
        own->origin_share = add_plain(
            b, "lineage", "origin_share", e->n_ages, "1",
            "share of training rows by origin: column 0 real, column a the model a generations "
            "earlier, last column that or older");
        own->ancestor_share = add_plain(
            b, "lineage", "ancestor_share", e->n_ages, "1",
            "share of the ancestry, followed through all models, of real data that entered a "
            "generations earlier (column a; last column that or older)");
        own->depth_share = add_plain(b, "lineage", "depth_share", e->n_ages, "1",
                                     "share of training rows by depth, the number of models "
                                     "between a row and real data, when "
                                     "every row descends from one row drawn from its model's "
                                     "training set: column j depth j, "
                                     "last column that or more");
    }
    add_ancestry(b);
    own->train_s = add_plain(b, "cost", "train_s", 1, "s", "wall time of the fit");
    own->sample_s =
        add_plain(b, "cost", "sample_s", 1, "s", "wall time of making the training set");
    own->measure_s = add_plain(b, "cost", "measure_s", 1, "s", "wall time of the measures");
    own->samples_seen = add_plain(b, "cost", "samples_seen", 1, "rows",
                                  "rows the fit looked at, counted as often as seen");
    own->flops = add_plain(b, "cost", "flops", 1, "1",
                           "floating point operations of the fit, where they are counted");
    for (const mad_report *r = e->setting.model->reports; r != NULL && r->name != NULL; r++) {
        MAD_ASSERT(own->n_reports < MAX_REPORTS);
        own->report[own->n_reports++] = add_plain(b, "model", r->name, 1, r->units, r->long_name);
    }
    add_stages(b);
    own->loss = SIZE_MAX;
    if (e->setting.model->flags & MAD_MODEL_LOSS && e->n_loss > 0) {
        own->loss = add_plain(b, "loss", "train", e->n_loss, "1",
                              "mean training loss over equal parts of the fit");
    }
}

/* The split of a data file: which rows train and which are held out. */
static void add_split(builder *b)
{
    const mad_world_info *info = &b->e->world->info;
    if (info->n_train == 0) {
        return;
    }
    text(b, "long_name", "rows of the data file that real training rows are drawn from");
    (void)add_vector(b, "data", "train_rows", info->n_train, info->train_rows);
    text(b, "long_name", "rows of the data file that measures compare with");
    (void)add_vector(b, "data", "reference_rows", info->n_reference, info->reference_rows);
}

/* Which loop and which replicate a row of every array belongs to. */
static mad_status add_units(mad_ctx *ctx, builder *b)
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
    text(b, "long_name", "which of the interacting loops a row of all arrays belongs to, from 0");
    (void)add_vector(b, "data", "loop", s->n_replicates, model);
    text(b, "long_name", "which group of interacting loops it belongs to, from 0");
    (void)add_vector(b, "data", "group", s->n_replicates, of);
    return MAD_OK;
}

/* Which rows the measures of each replicate compare with. */
static mad_status add_reference(mad_ctx *ctx, builder *b)
{
    mad_experiment *e = b->e;
    if (!e->needs_samples && e->exact_real_law) {
        return MAD_OK; /* with no rows */
    }
    e->reference_hash = mad_arena_take(b->mem, e->setting.n_replicates, sizeof(double));
    if (e->reference_hash == NULL) {
        return mad_fail_memory(ctx, "the hashes of the reference rows");
    }
    text(b, "long_name", "hash of the reference rows");
    text(b, "definition",
         "lowest 53 bits of the 64-bit FNV-1a hash of the rows as float64, then of their labels as "
         "int32; in the world's own coordinates, before any features");
    number(b, "n", (double)e->n_measure);
    text(b, "rows",
         e->world->info.n_train > 0
             ? "n rows of data/reference_rows, chosen by the stream (seed, replicate, 0, 3, 0); no "
               "training row is among them"
             : "rows 0 to n - 1 of the streams (seed, replicate, 0, 3, chunk) of the world; "
               "training rows are drawn from other streams");
    (void)add_vector(b, "data", "reference_hash", e->setting.n_replicates, e->reference_hash);
    return MAD_OK;
}

/* How much variance the sampler alone adds or takes: what a collapse must be compared with. */
static void add_gain(builder *b)
{
    const gain_curve *gain = &b->e->gain;
    const double last = (double)b->e->setting.n_generations;
    if (gain->n == 0) {
        return;
    }
    text(b, "long_name", "variance of Gaussian data");
    text(b, "units", "mean variance of the first real training set");
    (void)add_vector(b, "audit", "variance", gain->n, gain->variance);
    for (size_t i = 0; i < (gain->last != NULL ? 2 : 1); i++) {
        text(b, "long_name", "variance gain of the sampler");
        text(b, "units", "1");
        text(b, "definition",
             "lam_eff(v) = variance of the samples / v, for the configured sampler with the exact "
             "denoiser of N(0, v); a loop without any other bias follows v <- v lam_eff(v)");
        text(b, "reference",
             "Song et al. 2021 (arXiv:2010.02502); Karras et al. 2022 (arXiv:2206.00364): their "
             "updates are linear for Gaussian data");
        number(b, "generation", i == 0 ? 1.0 : last);
        (void)add_vector(b, "audit", i == 0 ? "lam_eff" : "lam_eff_last", gain->n,
                         i == 0 ? gain->first : gain->last);
    }
}

/* ---- provenance ---------------------------------------------------------------------------- */

extern char *openblas_get_corename(void) __attribute__((weak));

static const char *cpu_name(mad_arena *mem)
{
    char line[256], *name = NULL;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && name == NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            name = strchr(line, ':') + 1;
            name[strcspn(name, "\n")] = '\0';
            name = mad_arena_text(mem, name + strspn(name, " "));
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return name != NULL ? name : "unknown";
}

static const char *hash_text(mad_arena *mem, uint64_t hash)
{
    char digits[17];
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)hash);
    return mad_arena_text(mem, digits);
}

static const char *now_text(mad_arena *mem)
{
    char digits[32];
    struct tm utc;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &utc) == NULL || strftime(digits, sizeof digits, "%FT%TZ", &utc) == 0) {
        return "unknown";
    }
    return mad_arena_text(mem, digits);
}

static void add_root(mad_ctx *ctx, builder *b)
{
    mad_experiment *e = b->e;
    const mad_world_info *info = &e->world->info;
    text(b, "name", e->setting.name);
    text(b, "version", MADLOOP_VERSION);
    text(b, "git", MADLOOP_GIT);
    text(b, "compiler", __VERSION__);
    text(b, "created", now_text(b->mem));
    text(b, "config", e->config->resolved);
    text(b, "config_hash", hash_text(b->mem, e->config->hash));
    text(b, "seed", mad_get_text(&e->config->root, "seed"));
    text(b, "cpu", cpu_name(b->mem));
    text(b, "blas", openblas_get_corename != NULL ? openblas_get_corename() : "not OpenBLAS");
    number(b, "threads", (double)ctx->n_workers);
    number(b, "models", (double)e->setting.n_models);
    if (info->n_train > 0) {
        text(b, "data_hash", hash_text(b->mem, info->data_hash));
        number(b, "n_train", (double)info->n_train);
        number(b, "n_reference", (double)info->n_reference);
        number(b, "n_dropped", (double)info->n_dropped);
    }
    if (e->feature != NULL && e->feature->hash != 0) {
        text(b, "features_hash", hash_text(b->mem, e->feature->hash));
    }
    if (info->height > 0) {
        number(b, "height", (double)info->height);
        number(b, "width", (double)info->width);
        number(b, "channels", (double)info->channels);
        number(b, "pixel_min", info->pixel_min);
        number(b, "pixel_max", info->pixel_max);
    }
    if (info->n_frames > 0) {
        number(b, "n_frames", (double)info->n_frames);
    }
    e->layout.attributes = take_pending(b, &e->layout.n_attributes);
}

mad_status mad_layout_create(mad_ctx *ctx, mad_arena *mem, mad_experiment *e)
{
    mad_status st = MAD_OK;
    builder b = {.e = e, .mem = mem};
    e->series = mad_arena_take(mem, MAX_SERIES, sizeof *e->series);
    e->vectors = mad_arena_take(mem, MAX_SERIES, sizeof *e->vectors);
    e->floors = mad_arena_take(mem, MAX_SERIES, sizeof *e->floors);
    if (e->series == NULL || e->vectors == NULL || e->floors == NULL) {
        return mad_fail_memory(ctx, "the layout of a run");
    }
    for (size_t i = 0; i < e->n_groups; i++) {
        MAD_TRY(add_group(ctx, &b, &e->groups[i]));
    }
    add_own(&b);
    add_split(&b);
    MAD_TRY(add_units(ctx, &b));
    MAD_TRY(add_reference(ctx, &b));
    add_gain(&b);
    add_root(ctx, &b);
    e->layout.n_replicates = e->setting.n_replicates;
    e->layout.n_generations = e->setting.n_generations;
    e->layout.n_series = b.n_series;
    e->layout.series = e->series;
    e->layout.n_vectors = b.n_vectors;
    e->layout.vectors = e->vectors;
out:
    return st;
}
