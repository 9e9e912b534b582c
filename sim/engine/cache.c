#include "sim/engine/cache.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/num/stats.h"

enum { GENERATION = 1, MAX_ARRAYS = MAD_MAX_FIELDS + 4, PATH_BYTES = 96 };

/* ---- what a fit hangs on ------------------------------------------------------------------- */

static uint64_t hash_text(const char *text, uint64_t hash)
{
    return mad_fnv1a(text, strlen(text) + 1, hash);
}

static uint64_t hash_values(const mad_values *values, uint64_t hash)
{
    for (size_t i = 0; i < values->n_values; i++) {
        hash = hash_text(values->params[i].name, hash);
        hash = hash_text(values->value[i].text, hash);
    }
    return hash;
}

/* What bias and post ask the model to fit beside itself. */
static uint64_t hash_asked(const mad_experiment *e, uint64_t hash)
{
    const int guides = e->tilt.kind == MAD_TILT_GUIDANCE || e->tilt.kind == MAD_TILT_AUTOGUIDANCE;
    const mad_tilt_kind kind = guides ? e->tilt.kind : MAD_TILT_NONE; /* others draw otherwise */
    hash = mad_fnv1a(&kind, sizeof kind, hash);
    hash = mad_fnv1a(&e->extrapolation.kind, sizeof e->extrapolation.kind, hash);
    for (size_t i = 0; i < 2 && e->extrapolation.kind != MAD_EXTRAPOLATE_NONE; i++) {
        const mad_schedule *size = i == 0 ? &e->extrapolation.n_rows : &e->extrapolation.n_steps;
        const size_t n = mad_schedule_count(size, GENERATION, e->setting.n_generations);
        hash = mad_fnv1a(&n, sizeof n, hash);
    }
    return hash;
}

/* Another build may train other numbers. */
static mad_status hash_program(mad_ctx *ctx, uint64_t *hash)
{
    unsigned char bytes[1 << 14];
    FILE *file = fopen("/proc/self/exe", "rb");
    if (file == NULL) {
        return mad_fail(ctx, MAD_E_IO, "the program cannot be read: %s", strerror(errno));
    }
    for (size_t n = 0; (n = fread(bytes, 1, sizeof bytes, file)) > 0;) {
        *hash = mad_fnv1a(bytes, n, *hash);
    }
    const int failed = ferror(file);
    (void)fclose(file);
    return failed ? mad_fail(ctx, MAD_E_IO, "the program cannot be read") : MAD_OK;
}

static mad_status make_folder(mad_ctx *ctx, const char *dir)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return mad_fail(ctx, MAD_E_IO, "cannot make the folder '%s': %s", dir, strerror(errno));
    }
    return MAD_OK;
}

mad_status mad_cache_open(mad_ctx *ctx, engine *g)
{
    enum { WANTED = MAD_MODEL_STEPS | MAD_MODEL_THREADED }; /* the latter write one at a time */
    const mad_experiment *e = g->e;
    mad_status st = MAD_OK;
    uint64_t hash = MAD_FNV1A_START;
    const char *isa = getenv("MADLOOP_ISA"); /* other kernels round otherwise */
    if (g->options->model_cache == NULL || (e->setting.model->flags & WANTED) != WANTED) {
        return MAD_OK;
    }
    MAD_TRY(make_folder(ctx, g->options->model_cache));
    MAD_TRY(hash_program(ctx, &hash));
    hash = hash_text(mad_attribute_text(e->layout.n_attributes, e->layout.attributes, "cpu"), hash);
    hash = hash_text(isa != NULL ? isa : "", hash);
    hash = hash_text(e->setting.model->name, hash);
    hash = hash_values(e->setting.model_values, hash);
    hash = hash_text(e->world->type->name, hash);
    hash = hash_values(e->setting.world_values, hash);
    hash = hash_asked(e, hash);
    for (size_t i = 0; i < g->workers[0].fields.n_fields; i++) {
        const mad_field *field = &g->workers[0].fields.field[i];
        hash = hash_text(field->name, hash);
        hash = mad_fnv1a(&field->count, sizeof field->count, hash);
    }
    g->cache_hash = mad_fnv1a(&e->n_loss, sizeof e->n_loss, hash);
out:
    return st;
}

static uint64_t hash_fit(const engine *g, const worker *w, const mad_fit_args *args)
{
    const mad_set *train = &w->train;
    uint64_t hash = mad_set_hash(train, g->cache_hash);
    if (train->weight != NULL) {
        hash = mad_fnv1a(train->weight, train->n_rows * sizeof *train->weight, hash);
    }
    hash = mad_fnv1a(&args->key.seed, sizeof args->key.seed, hash);
    return mad_fnv1a(&args->key.replicate, sizeof args->key.replicate, hash);
}

/* ---- entries ------------------------------------------------------------------------------- */

typedef struct entry {
    char dir[PATH_MAX], hash[24];
    char path[MAX_ARRAYS][PATH_BYTES];
    size_t n;
    mad_gen_array array[MAX_ARRAYS];
    void *data[MAX_ARRAYS];
} entry;

static void add(entry *out, const char *group, const char *name, mad_field_kind kind, size_t count,
                void *data)
{
    if (data == NULL || count == 0) {
        return;
    }
    const size_t i = out->n++;
    (void)snprintf(out->path[i], PATH_BYTES, "%s/%s", group, name);
    out->data[i] = data;
    out->array[i] = (mad_gen_array){
        .path = out->path[i], .kind = kind, .rank = 1, .shape = {count}, .data = data};
}

/* Where the entry of a fit lies, and its arrays. */
static mad_status describe(mad_ctx *ctx, const engine *g, const worker *w, const mad_fit_args *args,
                           entry *out)
{
    const char *parent = g->options->model_cache;
    out->n = 0;
    (void)snprintf(out->hash, sizeof out->hash, "%016" PRIx64, hash_fit(g, w, args));
    if (snprintf(out->dir, sizeof out->dir, "%s/%s", parent, out->hash) >= (int)sizeof out->dir) {
        return mad_fail(ctx, MAD_E_IO, "%s/%s: path too long", parent, out->hash);
    }
    for (size_t i = 0; i < w->fields.n_fields; i++) {
        const mad_field *field = &w->fields.field[i];
        add(out, "model/0001", field->name, field->kind, field->count, field->data);
    }
    add(out, "fit", "loss", MAD_FIELD_F64, args->n_loss, args->loss_curve);
    add(out, "fit", "report", MAD_FIELD_F64, g->e->own.n_reports, args->report);
    add(out, "fit", "samples_seen", MAD_FIELD_F64, 1, args->samples_seen);
    add(out, "fit", "flops", MAD_FIELD_F64, 1, args->flops);
    return MAD_OK;
}

static int is_kept(const engine *g, const mad_fit_args *args)
{
    return g->cache_hash != 0 && args->key.generation == GENERATION && args->trial_steps == 0;
}

mad_status mad_cache_load(mad_ctx *ctx, const engine *g, worker *w, const mad_fit_args *args,
                          int *found)
{
    mad_status st = MAD_OK;
    entry kept;
    size_t at, n = 0;
    *found = 0;
    if (!is_kept(g, args)) {
        return MAD_OK;
    }
    MAD_TRY(describe(ctx, g, w, args, &kept));
    MAD_TRY(make_folder(ctx, kept.dir));
    MAD_TRY(mad_gen_list(ctx, kept.dir, GENERATION, 1, &at, &n));
    if (n == 0) {
        return MAD_OK;
    }
    MAD_TRY(mad_gen_check_run(ctx, kept.dir, GENERATION, kept.hash));
    for (size_t i = 0; i < kept.n; i++) {
        MAD_TRY(mad_gen_read(ctx, kept.dir, GENERATION, &kept.array[i], kept.data[i]));
    }
    if (g->e->setting.model->loaded != NULL) {
        MAD_TRY(g->e->setting.model->loaded(ctx, w->model));
    }
    *found = 1;
out:
    return st;
}

mad_status mad_cache_store(mad_ctx *ctx, const engine *g, const worker *w, const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    entry kept;
    if (is_kept(g, args)) {
        MAD_TRY(describe(ctx, g, w, args, &kept));
        MAD_TRY(mad_gen_write(ctx, kept.dir, GENERATION, kept.hash, kept.n, kept.array));
    }
out:
    return st;
}
