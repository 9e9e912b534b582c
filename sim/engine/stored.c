/* sim/engine/stored.c: rows drawn from the model of a generation that was stored. */
#include "sim/engine/disk.h"

#include <stdio.h>
#include <string.h>

#include "sim/base/par.h"

/* A class that no draw was of in this many draws per wanted row counts as lost. */
enum { BLOCK_CHUNKS = 16, PATIENCE = 64, TEXT_BYTES = 512, MAX_KEPT = 4096 };

/* ---- which generations there are ----------------------------------------------------------- */

/* "1, 4, 7-12" of ascending numbers, as far as the text reaches. */
static void print_ranges(size_t n, const size_t *number, char *text)
{
    size_t n_text = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n && n_text + 48 < TEXT_BYTES; i++) {
        const size_t first = number[i];
        while (i + 1 < n && number[i + 1] == number[i] + 1) {
            i++;
        }
        n_text += (size_t)snprintf(text + n_text, TEXT_BYTES - n_text, "%s%zu",
                                   n_text > 0 ? ", " : "", first);
        if (number[i] != first) {
            n_text += (size_t)snprintf(text + n_text, TEXT_BYTES - n_text, "-%zu", number[i]);
        }
    }
}

/* The generations of which some file holds the model. */
static mad_status list_kept(mad_ctx *ctx, const char *dir, const gen_files *files, size_t *kept,
                            size_t *n_kept)
{
    mad_status st = MAD_OK;
    *n_kept = 0;
    for (size_t f = 0; f < files->n && *n_kept < MAX_KEPT; f++) {
        size_t n = 0;
        MAD_TRY(mad_gen_models(ctx, dir, files->number[f], MAX_KEPT - *n_kept, kept + *n_kept, &n));
        *n_kept += n;
    }
out:
    return st;
}

/* Find the file that holds the model, or say which models there are; *config_hash is that of the
 * run (the experiment may have changed what is free to change, and so have another). */
static mad_status find_model(mad_ctx *ctx, const mad_experiment *e,
                             const mad_stored_request *request, mad_arena *mem, size_t *in_file,
                             const char **config_hash)
{
    mad_status st = MAD_OK;
    const size_t generation = request->generation, n_generations = e->setting.n_generations;
    mad_run run;
    gen_files files = {0};
    size_t n_models = 0;
    size_t *work = mad_arena_take_raw(mem, MAX_KEPT, sizeof *work);
    char kept[TEXT_BYTES];
    if (work == NULL) {
        return mad_fail_memory(ctx, "the list of models");
    }
    if (generation == 0 || generation > n_generations) {
        return mad_fail(ctx, MAD_E_RANGE, "%s: no generation %zu: the run has 1 to %zu",
                        request->dir, generation, n_generations);
    }
    MAD_TRY(mad_run_read_part(ctx, mem, request->dir, "", &run));
    if (generation > run.n_done) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "%s: generation %zu is not there yet: %zu of %zu are done", request->dir,
                        generation, run.n_done, n_generations);
    }
    MAD_TRY(mad_disk_find_files(ctx, mem, request->dir, run.n_done, &files));
    *in_file = mad_disk_file_of(&files, generation, run.n_done);
    *config_hash = mad_attribute_text(run.n_attributes, run.attributes, "config_hash");
    MAD_TRY(mad_gen_models(ctx, request->dir, *in_file, MAX_KEPT, work, &n_models));
    for (size_t i = 0; i < n_models; i++) {
        if (work[i] == generation) {
            return MAD_OK;
        }
    }
    MAD_TRY(list_kept(ctx, request->dir, &files, work, &n_models));
    print_ranges(n_models, work, kept);
    st = mad_fail(ctx, MAD_E_RANGE,
                  "%s: the model of generation %zu was not kept; those that were: %s "
                  "(checkpoint.every: 1 keeps every one)",
                  request->dir, generation, kept);
out:
    return st;
}

static mad_status load_model(mad_ctx *ctx, const mad_experiment *e,
                             const mad_stored_request *request, mad_arena *mem, mad_model *model)
{
    mad_status st = MAD_OK;
    size_t in_file = 0;
    const char *config_hash = NULL;
    mad_fields fields = {0};
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_TRY(find_model(ctx, e, request, mem, &in_file, &config_hash));
    e->setting.model->fields(model, &fields);
    for (size_t i = 0; i < fields.n_fields; i++) {
        const mad_field *field = &fields.field[i];
        const size_t n_bytes = mad_field_bytes(field);
        const unsigned char *data = NULL;
        MAD_TRY(mad_disk_read_field(ctx, ctx->scratch, request->dir, in_file, request->generation,
                                    field, e->setting.n_replicates, &data));
        memcpy(field->data, data + request->replicate * n_bytes, n_bytes);
        mad_arena_release(ctx->scratch, mark);
    }
    if (e->setting.model->loaded != NULL) {
        MAD_TRY(e->setting.model->loaded(ctx, model));
    }
    MAD_TRY(mad_gen_check_run(ctx, request->dir, in_file, config_hash));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- classes ------------------------------------------------------------------------------- */

static mad_status check_class(mad_ctx *ctx, const mad_experiment *e, int32_t label)
{
    const size_t n_classes = e->world->info.n_classes;
    if (label == MAD_CLASS_BY_MODEL) {
        return MAD_OK;
    }
    if (!e->with_labels) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "classes need a world with labels and a model that learns them (world "
                        "'%s', model '%s')",
                        e->world->type->name, e->setting.model->name);
    }
    if (label != MAD_CLASS_EVERY && (label < 0 || (size_t)label >= n_classes)) {
        return mad_fail(ctx, MAD_E_RANGE, "class %d: classes are 0 to %zu", (int)label,
                        n_classes - 1);
    }
    return MAD_OK;
}

/* The class each row is to have: one, or all in order, as equal in number as can be. */
static void give_labels(int32_t label, size_t n_classes, mad_set *out)
{
    for (size_t i = 0; i < out->n_rows; i++) {
        out->label[i] = label == MAD_CLASS_EVERY ? (int32_t)(i * n_classes / out->n_rows) : label;
    }
}

/* Rows of the wanted classes among those the model draws by its own law, in the order of drawing. */
static mad_status pick_classes(mad_ctx *ctx, const mad_experiment *e, mad_model *model, mad_key key,
                               mad_set *out)
{
    mad_status st = MAD_OK;
    const size_t n_classes = e->world->info.n_classes, block_rows = BLOCK_CHUNKS * MAD_CHUNK;
    const size_t max_rows = PATIENCE * (out->n_rows * n_classes + block_rows);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_set block;
    size_t n_left = out->n_rows, *next, *end; /* rows of each class still to be filled */
    MAD_TRY(mad_set_take(ctx, ctx->scratch, block_rows, out->dim, 1, &block));
    next = mad_arena_take(ctx->scratch, 2 * n_classes, sizeof *next);
    if (next == NULL) {
        st = mad_fail_memory(ctx, "the rows of a class");
        goto out;
    }
    end = next + n_classes;
    for (size_t i = out->n_rows; i-- > 0;) { /* the rows of a class stand together */
        next[out->label[i]] = i;
    }
    for (size_t i = 0; i < out->n_rows; i++) {
        end[out->label[i]] = i + 1;
    }
    for (size_t n_drawn = 0; n_left > 0; n_drawn += block_rows) {
        if (n_drawn >= max_rows) {
            st = mad_fail(ctx, MAD_E_FAILED,
                          "%zu of %zu rows are still missing after %zu draws: a class of them has "
                          "died out",
                          n_left, out->n_rows, n_drawn);
            goto out;
        }
        MAD_TRY(e->setting.model->sample(ctx, model, key, n_drawn / MAD_CHUNK, &block));
        for (size_t i = 0; i < block_rows && n_left > 0; i++) {
            const int32_t k = block.label[i];
            if (next[k] < end[k]) {
                const mad_set row = mad_set_rows(&block, i, 1);
                mad_set_copy(&row, out, next[k]++);
                n_left--;
            }
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- all together -------------------------------------------------------------------------- */

static mad_status draw(mad_ctx *ctx, const mad_experiment *e, mad_model *model,
                       const mad_stored_request *request, mad_set *out)
{
    const mad_model_type *type = e->setting.model;
    const mad_key key = {.seed = request->seed,
                         .replicate = (uint32_t)request->replicate,
                         .generation = (uint32_t)request->generation,
                         .purpose = MAD_RNG_PREVIEW};
    mad_set rows = *out;
    if (request->label == MAD_CLASS_BY_MODEL) {
        return type->sample(ctx, model, key, 0, &rows);
    }
    give_labels(request->label, e->world->info.n_classes, &rows);
    if (!(type->flags & MAD_MODEL_GIVEN)) {
        return pick_classes(ctx, e, model, key, &rows);
    }
    rows.is_label_given = 1;
    return type->sample(ctx, model, key, 0, &rows);
}

mad_status mad_stored_sample(mad_ctx *ctx, const mad_experiment *experiment,
                             const mad_stored_request *request, mad_set *out)
{
    mad_status st = MAD_OK;
    const mad_experiment *e = experiment;
    mad_model *model = NULL;
    mad_model_args args = mad_model_args_of(e);
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a stored model");
    }
    args.max_sample_rows = out->n_rows > args.max_sample_rows ? out->n_rows : args.max_sample_rows;
    MAD_TRY(check_class(ctx, e, request->label));
    if (request->replicate >= e->setting.n_replicates) {
        st = mad_fail(ctx, MAD_E_RANGE, "%s: no replicate %zu: the run has 0 to %zu", request->dir,
                      request->replicate, e->setting.n_replicates - 1);
        goto out;
    }
    MAD_TRY(e->setting.model->create(ctx, &args, mem, &model));
    MAD_TRY(load_model(ctx, e, request, mem, model));
    MAD_TRY(draw(ctx, e, model, request, out));
    MAD_TRY(mad_set_check_finite(ctx, out, "samples of the model"));
out:
    mad_arena_destroy(mem);
    return st;
}
