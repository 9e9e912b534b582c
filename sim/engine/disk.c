/* sim/engine/disk.c: what a commit writes, and how a stopped run gets its models back. */
#include "sim/engine/disk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { MAX_ARRAYS = 64, PATH_BYTES = 96 };

size_t mad_peak_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}

/* "model/0007/weights" as an array [R][count]. */
static mad_gen_array state_array(mad_arena *mem, size_t generation, const mad_field *field,
                                 size_t n_replicates)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "model/%04zu/%s", generation, field->name);
    return (mad_gen_array){.path = mad_arena_text(mem, path),
                           .kind = field->kind,
                           .rank = 2,
                           .shape = {n_replicates, field->count}};
}

/* Gather one field of a saved generation over the replicates, or scatter it back. */
static void gather_field(const engine *g, size_t generation, size_t offset, size_t n_bytes,
                         unsigned char *to)
{
    for (size_t r = 0; r < g->e->setting.n_replicates; r++) {
        memcpy(to + r * n_bytes, g->replicates[r].state[generation % g->n_slots] + offset, n_bytes);
    }
}

static void scatter_field(engine *g, size_t generation, size_t offset, size_t n_bytes,
                          const unsigned char *from)
{
    for (size_t r = 0; r < g->e->setting.n_replicates; r++) {
        memcpy(g->replicates[r].state[generation % g->n_slots] + offset, from + r * n_bytes,
               n_bytes);
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

typedef struct gen_file {
    size_t n_arrays, n_max;
    mad_gen_array *arrays;
} gen_file;

/* First generation after the last multiple of `every` below `last`. */
static size_t first_since_due(const engine *g, size_t last)
{
    return (last - 1) / g->e->every * g->e->every + 1;
}

static mad_status add_models(mad_ctx *ctx, const engine *g, size_t last, gen_file *file)
{
    const mad_fields *fields = &g->workers[0].fields;
    const size_t n_replicates = g->e->setting.n_replicates;
    const size_t n_new = last - first_since_due(g, last) + 1;
    const size_t n_models = n_new < g->e->n_regrow ? n_new : g->e->n_regrow;
    for (size_t t = last - n_models + 1; t <= last; t++) {
        size_t offset = 0;
        for (size_t i = 0; i < fields->n_fields; i++) {
            const mad_field *field = &fields->field[i];
            unsigned char *data =
                mad_arena_take_raw(ctx->scratch, n_replicates, mad_field_bytes(field));
            mad_gen_array array = state_array(ctx->scratch, t, field, n_replicates);
            if (data == NULL || array.path == NULL) {
                return mad_fail_memory(ctx, "models to be saved");
            }
            gather_field(g, t, offset, mad_field_bytes(field), data);
            array.data = data;
            file->arrays[file->n_arrays++] = array;
            offset += mad_field_bytes(field);
        }
    }
    return MAD_OK;
}

static void add_preview(const engine *g, gen_file *file)
{
    const mad_experiment *e = g->e;
    const size_t shape[3] = {g->n_preview_replicates, e->n_preview, e->world->info.dim};
    const struct {
        const char *path;
        mad_field_kind kind;
        size_t rank;
        const void *data; /* NULL: not kept */
    } arrays[] = {{"samples", MAD_FIELD_F64, 3, g->preview},
                  {"real", MAD_FIELD_F64, 3, g->real_preview},
                  {"labels", MAD_FIELD_I64, 2, e->with_labels ? g->preview_label : NULL},
                  {"depth", MAD_FIELD_F64, 2, g->preview_depth},
                  {"ancestor", MAD_FIELD_I64, 2, g->preview_ancestor}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays && e->n_preview > 0; i++) {
        if (arrays[i].data != NULL) {
            mad_gen_array *array = &file->arrays[file->n_arrays++];
            *array = (mad_gen_array){.path = arrays[i].path,
                                     .kind = arrays[i].kind,
                                     .rank = arrays[i].rank,
                                     .data = arrays[i].data};
            memcpy(array->shape, shape, arrays[i].rank * sizeof *shape);
        }
    }
}

const char *mad_disk_config_hash(const mad_experiment *e)
{
    return mad_attribute_text(e->layout.n_attributes, e->layout.attributes, "config_hash");
}

mad_status mad_disk_commit(mad_ctx *ctx, engine *g, size_t last)
{
    mad_status st = MAD_OK;
    const size_t n_gens = last - g->begin + 1;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const int is_due = last % g->e->every == 0 || last == g->e->setting.n_generations;
    gen_file file = {.n_max = g->e->every * g->workers[0].fields.n_fields + MAX_ARRAYS};
    file.arrays = mad_arena_take(ctx->scratch, file.n_max, sizeof *file.arrays);
    if (file.arrays == NULL) {
        return mad_fail_memory(ctx, "a generation file");
    }
    MAD_TRY(add_models(ctx, g, last, &file));
    add_preview(g, &file);
    /* the models first: a run file never promises a generation that cannot be resumed */
    MAD_TRY(mad_gen_write(ctx, g->options->dir, last, mad_disk_config_hash(g->e), file.n_arrays,
                          file.arrays));
    mad_run_root root = {.peak_bytes = mad_peak_bytes()};
    MAD_TRY(mad_stop_attributes(ctx, ctx->scratch, &g->e->stop_rule, &g->verdict,
                                &root.n_attributes, &root.attributes));
    MAD_TRY(mad_run_commit(ctx, g->options->dir, &g->e->layout, g->begin, n_gens,
                           (const double *const *)g->data, &root));
    for (size_t t = first_since_due(g, last); is_due && t < last; t++) {
        MAD_TRY(mad_gen_remove(ctx, g->options->dir, t));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- reading back -------------------------------------------------------------------------- */

/* A file may be damaged by more than chance: weights that are no numbers never reach a model. */
static mad_status check_field(mad_ctx *ctx, const char *path, const mad_field *field,
                              size_t n_replicates, const unsigned char *data)
{
    for (size_t i = 0; i < n_replicates * field->count; i++) {
        const int is_finite = field->kind == MAD_FIELD_F32   ? isfinite(((const float *)data)[i])
                              : field->kind == MAD_FIELD_F64 ? isfinite(((const double *)data)[i])
                                                             : 1;
        if (!is_finite) {
            return mad_fail(ctx, MAD_E_NONFINITE, "%s of replicate %zu is not finite at number %zu",
                            path, i / field->count, i % field->count);
        }
    }
    return MAD_OK;
}

mad_status mad_disk_read_field(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t in_file,
                               size_t generation, const mad_field *field, size_t n_replicates,
                               const unsigned char **out)
{
    mad_status st = MAD_OK;
    size_t width;
    unsigned char *data = mad_arena_take_raw(mem, n_replicates, mad_field_bytes(field));
    const mad_gen_array want = state_array(mem, generation, field, n_replicates);
    if (data == NULL || want.path == NULL) {
        return mad_fail_memory(ctx, "saved models");
    }
    MAD_TRY(mad_gen_width(ctx, dir, in_file, want.path, &width));
    if (width == 0) {
        return mad_fail(ctx, MAD_E_DATA,
                        "%s/gen-%04zu.h5 has no %s: the run did not store what this configuration "
                        "needs (guide.kind: auto or negative must be set when a run begins)",
                        dir, in_file, want.path);
    }
    if (width != field->count) {
        return mad_fail(ctx, MAD_E_DATA,
                        "%s/gen-%04zu.h5: a checkpoint of another architecture: its %s holds %zu "
                        "numbers, this configuration's model has %zu",
                        dir, in_file, want.path, width, field->count);
    }
    MAD_TRY(mad_gen_read(ctx, dir, in_file, &want, data));
    st = check_field(ctx, want.path, field, n_replicates, data);
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "%s/gen-%04zu.h5", dir, in_file);
    }
    *out = data;
out:
    return st;
}

static mad_status restore_model(mad_ctx *ctx, engine *g, size_t generation, size_t in_file)
{
    mad_status st = MAD_OK;
    const mad_fields *fields = &g->workers[0].fields;
    const size_t n_replicates = g->e->setting.n_replicates;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    size_t offset = 0;
    for (size_t i = 0; i < fields->n_fields; i++) {
        const mad_field *field = &fields->field[i];
        const unsigned char *data = NULL;
        MAD_TRY(mad_disk_read_field(ctx, ctx->scratch, g->options->dir, in_file, generation, field,
                                    n_replicates, &data));
        MAD_ASSERT(data != NULL);
        scatter_field(g, generation, offset, mad_field_bytes(field), data);
        offset += mad_field_bytes(field);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_disk_find_files(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t last,
                               gen_files *out)
{
    out->number = mad_arena_take_raw(mem, last, sizeof *out->number);
    if (out->number == NULL) {
        return mad_fail_memory(ctx, "the list of generation files");
    }
    return mad_gen_list(ctx, dir, last, last, out->number, &out->n);
}

size_t mad_disk_file_of(const gen_files *files, size_t generation, size_t last)
{
    for (size_t i = 0; i < files->n; i++) {
        if (files->number[i] >= generation) {
            return files->number[i];
        }
    }
    return last;
}

static mad_status restore_lineage(mad_ctx *ctx, engine *g, const mad_run *run, size_t generation)
{
    const mad_run_series *share = mad_run_find(run, "lineage", "real_share");
    const mad_run_series *depth = mad_run_find(run, "lineage", "mean_depth");
    const mad_run_series *origin = mad_run_find(run, "lineage", "origin_share");
    const mad_run_series *ancestor = mad_run_find(run, "lineage", "ancestor_share");
    const mad_run_series *by_depth = mad_run_find(run, "lineage", "depth_share");
    const size_t n_ages = g->e->n_ages, n_generations = g->e->setting.n_generations;
    if (share == NULL || depth == NULL ||
        (n_ages > 0 && (origin == NULL || ancestor == NULL || by_depth == NULL))) {
        return mad_fail(ctx, MAD_E_DATA, "%s/run.h5: lineage is missing", g->options->dir);
    }
    for (size_t r = 0; r < g->e->setting.n_replicates; r++) {
        lineage *line = &g->replicates[r].ancestry[generation % g->n_line_slots];
        const size_t cell = r * n_generations + generation - 1;
        line->real_share = share->value[cell];
        line->mean_depth = depth->value[cell];
        if (n_ages > 0) {
            memcpy(line->origin, origin->value + cell * n_ages, n_ages * sizeof(double));
            memcpy(line->ancestor, ancestor->value + cell * n_ages, n_ages * sizeof(double));
            memcpy(line->depth, by_depth->value + cell * n_ages, n_ages * sizeof(double));
        }
    }
    return MAD_OK;
}

/* A run goes on only as what it began as: with another configuration or other data its two halves
 * would belong to different experiments. */
static mad_status check_same(mad_ctx *ctx, const engine *g, const mad_run *run)
{
    const struct {
        const char *name, *what;
    } hashes[] = {{"config_hash", "config.yaml"},
                  {"data_hash", "the data file"},
                  {"features_hash", "the file of measure.features"},
                  {"rewards_hash", "the file of select.reward.file"}};
    const mad_run_layout *layout = &g->e->layout;
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        const char *name = hashes[i].name;
        const char *now = mad_attribute_text(layout->n_attributes, layout->attributes, name);
        const char *then = mad_attribute_text(run->n_attributes, run->attributes, name);
        if (now != NULL && (then == NULL || strcmp(now, then) != 0)) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "%s: %s is not what this run began with (%s %s, then %s): put it back, "
                            "or begin a new run",
                            g->options->dir, hashes[i].what, name, now,
                            then != NULL ? then : "none");
        }
    }
    return MAD_OK;
}

mad_status mad_disk_restore(mad_ctx *ctx, engine *g, size_t first)
{
    mad_status st = MAD_OK;
    mad_run run;
    gen_files files = {0};
    const size_t last = first - 1;
    const size_t n_models = g->e->n_regrow < last ? g->e->n_regrow : last;
    mad_arena *mem = mad_arena_create(1 << 20);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a run file");
    }
    MAD_TRY(mad_run_read_part(ctx, mem, g->options->dir, "lineage", &run));
    MAD_TRY(check_same(ctx, g, &run));
    MAD_TRY(mad_disk_find_files(ctx, mem, g->options->dir, last, &files));
    for (size_t t = last - n_models + 1; t <= last; t++) {
        const size_t in_file = mad_disk_file_of(&files, t, last);
        MAD_TRY(restore_model(ctx, g, t, in_file)); /* says what does not fit */
        MAD_TRY(mad_gen_check_run(ctx, g->options->dir, in_file, mad_disk_config_hash(g->e)));
        MAD_TRY(restore_lineage(ctx, g, &run, t));
    }
out:
    mad_arena_destroy(mem);
    return st;
}
