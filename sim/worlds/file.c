/* sim/worlds/file.c: finite worlds from data files: `idx`, `csv`, `npy`, `hdf5`, `cifar`, `png`,
 * which differ in their keys.
 *
 * A seeded permutation of the file's rows is cut once into a reference part (for measures) and a
 * training part; every draw is a random subset of one part without replacement. */
#include <math.h>

#include "sim/iface/world.h"
#include "sim/num/stats.h"
#include "sim/worlds/pictures.h"

extern const mad_world_type mad_world_idx, mad_world_csv, mad_world_npy, mad_world_hdf5,
    mad_world_cifar, mad_world_png;

enum { RANGE_NONE, RANGE_MINMAX };
enum { ROWS_ALL, ROWS_NUMBER };

typedef struct file_world {
    mad_world base;
    size_t n_part[2]; /* rows of MAD_PART_TRAIN, MAD_PART_REFERENCE */
    mad_set part[2];  /* the rows as used: x <- (x - offset) * scale */
    double offset, scale;
    mad_picture_map picture; /* of a row; height 0: rows are taken as they are */
} file_world;

#define SPLIT_PARAMS(range_default)                                                                \
    {.name = "reference",                                                                          \
     .kind = MAD_PARAM_REAL,                                                                       \
     .fallback = "0.3",                                                                            \
     .min = 0.001,                                                                                 \
     .max = 0.999,                                                                                 \
     .doc = "share of the rows held out for measures"},                                            \
        {.name = "range",                                                                          \
         .kind = MAD_PARAM_CHOICE,                                                                 \
         .fallback = (range_default),                                                              \
         .choices = "none|minmax",                                                                 \
         .doc = "minmax: one affine map of all columns takes the training part to [-1, 1]"},       \
    {                                                                                              \
        .name = "rows", .kind = MAD_PARAM_FORM, .fallback = "all", .min = 2, .max = 1e9,           \
        .choices = "all|#N", .doc = "use so many rows of the file, picked at random; or all"       \
    }

#define BAD_ROWS_PARAM                                                                             \
    {                                                                                              \
        .name = "bad_rows", .kind = MAD_PARAM_CHOICE, .fallback = "refuse",                        \
        .choices = "refuse|drop",                                                                  \
        .doc =                                                                                     \
            "rows with NaN, infinite or missing values: refuse the file, or leave them out and "   \
            "count them"                                                                           \
    }

#define SIDE_PARAM(key, largest, text)                                                             \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_INT, .fallback = "0", .max = (largest), .unit = "pixels", \
        .doc = (text)                                                                              \
    }

#define PICTURE_PARAMS                                                                             \
    SIDE_PARAM("height", 65535, "height of the picture a row holds; 0 = rows are no pictures"),    \
        SIDE_PARAM("width", 65535, "width of the picture a row holds; 0 = rows are no pictures"),  \
    {                                                                                              \
        .name = "channels", .kind = MAD_PARAM_INT, .fallback = "1", .min = 1, .max = 4,            \
        .doc = "colour channels of the picture a row holds"                                        \
    }

#define SIZE_PARAMS                                                                                \
    SIDE_PARAM("resize", 1024, "pictures become N x N by area average; 0 = as they are"),          \
        SIDE_PARAM("pad", 1024, "then framed in black to N x N; 0 = no frame")

static const mad_param idx_params[] = {
    {.name = "images",
     .kind = MAD_PARAM_PATH,
     .doc = "IDX file of the rows, plain or gzip; its first dimension counts them"},
    {.name = "labels",
     .kind = MAD_PARAM_PATH,
     .fallback = "none",
     .doc = "file of the classes, one number a row; or none"},
    BAD_ROWS_PARAM,
    SPLIT_PARAMS("minmax"),
    SIZE_PARAMS,
    {.name = NULL},
};

static const mad_param csv_params[] = {
    {.name = "path",
     .kind = MAD_PARAM_PATH,
     .doc = "CSV file, plain or gzip, with or without header"},
    {.name = "label_column",
     .kind = MAD_PARAM_TEXT,
     .fallback = "none",
     .doc = "the column of the classes: first, last or its name in the header; or none"},
    {.name = "delimiter",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "auto",
     .choices = "auto|comma|semicolon|tab",
     .doc = "between fields; auto: as the first line tells"},
    {.name = "header",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "auto",
     .choices = "auto|yes|no",
     .doc = "whether the first line names the columns; auto: when it has words and no numbers"},
    BAD_ROWS_PARAM,
    SPLIT_PARAMS("none"),
    PICTURE_PARAMS,
    SIZE_PARAMS,
    {.name = NULL},
};

static const mad_param npy_params[] = {
    {.name = "path",
     .kind = MAD_PARAM_PATH,
     .doc = "NPY or NPZ file (FILE.npz:ARRAY); its first dimension counts the rows"},
    {.name = "labels",
     .kind = MAD_PARAM_PATH,
     .fallback = "none",
     .doc = "file of the classes, one number a row; or none"},
    BAD_ROWS_PARAM,
    SPLIT_PARAMS("none"),
    PICTURE_PARAMS,
    SIZE_PARAMS,
    {.name = NULL},
};

static const mad_param hdf5_params[] = {
    {.name = "path",
     .kind = MAD_PARAM_PATH,
     .doc = "FILE:/DATASET or FILE:/DATASET[0:1000]; its first dimension counts the rows"},
    {.name = "labels",
     .kind = MAD_PARAM_PATH,
     .fallback = "none",
     .doc = "the classes, one number a row, likewise; or none"},
    BAD_ROWS_PARAM,
    SPLIT_PARAMS("none"),
    PICTURE_PARAMS,
    SIZE_PARAMS,
    {.name = NULL},
};

static const mad_param png_params[] = {
    {.name = "path",
     .kind = MAD_PARAM_PATH,
     .doc = "folder of PNG files of one size, or of one such folder a class"},
    SPLIT_PARAMS("minmax"),
    SIZE_PARAMS,
    {.name = NULL},
};

static const mad_param cifar_params[] = {
    {.name = "path",
     .kind = MAD_PARAM_PATH,
     .doc = "CIFAR-10 or CIFAR-100 batch in the binary version, plain or gzip"},
    SPLIT_PARAMS("minmax"),
    SIZE_PARAMS,
    {.name = NULL},
};

/* Sizes of the two parts. */
static mad_status plan_split(mad_ctx *ctx, const mad_world_args *args, file_world *self)
{
    const mad_value *rows = mad_get(args->values, "rows");
    const double share = mad_get_real(args->values, "reference");
    size_t n = args->table->n_rows;
    if (rows->choice == ROWS_NUMBER) {
        if (rows->number > (double)n) {
            return mad_fail(ctx, MAD_E_RANGE, "world.rows is %.0f, but the file holds %zu",
                            rows->number, n);
        }
        n = (size_t)rows->number;
    }
    self->n_part[MAD_PART_REFERENCE] = (size_t)floor(share * (double)n + 0.5);
    self->n_part[MAD_PART_TRAIN] = n - self->n_part[MAD_PART_REFERENCE];
    if (self->n_part[MAD_PART_TRAIN] == 0 || self->n_part[MAD_PART_REFERENCE] == 0) {
        return mad_fail(
            ctx, MAD_E_RANGE,
            "world.reference: %g of %zu rows leaves %zu to train on and %zu to measure with:"
            " both must have some",
            share, n, self->n_part[MAD_PART_TRAIN], self->n_part[MAD_PART_REFERENCE]);
    }
    return MAD_OK;
}

/* Pictures change their size here; black is not known before all are there (see frame_black). */
static void copy_row(const file_world *self, const mad_table *table, size_t from, mad_set *part,
                     size_t to)
{
    if (self->picture.height > 0) {
        mad_picture_map_apply(&self->picture, (double)NAN, table->x + from * table->dim,
                              part->x + to * part->dim);
        if (table->label != NULL) {
            part->label[to] = table->label[from];
        }
        return;
    }
    const mad_set row = {.n_rows = 1,
                         .dim = table->dim,
                         .x = table->x + from * table->dim,
                         .label = table->label == NULL ? NULL : table->label + from};
    mad_set_copy(&row, part, to);
}

/* The permutation's first rows are the reference part, the next ones the training part. */
static mad_status split(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, file_world *self)
{
    const mad_table *table = args->table;
    const size_t n_reference = self->n_part[MAD_PART_REFERENCE];
    const size_t n = n_reference + self->n_part[MAD_PART_TRAIN];
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    size_t *pick = mad_arena_take_raw(ctx->scratch, n, sizeof *pick);
    size_t *work = mad_arena_take_raw(ctx->scratch, table->n_rows, sizeof *work);
    mad_status st = MAD_OK;
    if (pick == NULL || work == NULL) {
        st = mad_fail_memory(ctx, "the split of the data");
        goto out;
    }
    double *const rows = mad_arena_take_raw(mem, n, sizeof *rows);
    if (rows == NULL) {
        st = mad_fail_memory(ctx, "the split of the data");
        goto out;
    }
    for (size_t i_part = 0; i_part < 2; i_part++) {
        MAD_TRY(mad_set_take(ctx, mem, self->n_part[i_part], self->base.info.dim,
                             table->label != NULL, &self->part[i_part]));
    }
    mad_rng rng = mad_rng_open((mad_key){.seed = args->seed, .purpose = MAD_RNG_SPLIT}, 0);
    mad_rng_choose(&rng, table->n_rows, n, pick, work);
    self->base.info.reference_rows = rows;
    self->base.info.train_rows = rows + n_reference;
    for (size_t i = 0; i < n; i++) {
        rows[i] = (double)pick[i];
        if (i < n_reference) {
            copy_row(self, table, pick[i], &self->part[MAD_PART_REFERENCE], i);
        } else {
            copy_row(self, table, pick[i], &self->part[MAD_PART_TRAIN], i - n_reference);
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* The frame takes the smallest value of the training part. */
static void frame_black(double black, mad_set *part)
{
    for (size_t i = 0; i < part->n_rows * part->dim; i++) {
        part->x[i] = isnan(part->x[i]) ? black : part->x[i];
    }
}

/* Smallest and largest value of the training part become black and white. The map is fixed by the
 * real data once and for all: a map per generation would hide collapse. */
static mad_status map_range(mad_ctx *ctx, int is_minmax, file_world *self)
{
    const mad_set *train = &self->part[MAD_PART_TRAIN];
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (size_t i = 0; i < train->n_rows * train->dim; i++) { /* fmin passes the frame's NaN over */
        low = fmin(low, train->x[i]);
        high = fmax(high, train->x[i]);
    }
    for (size_t i_part = 0; i_part < 2 && self->picture.height > 0; i_part++) {
        frame_black(low, &self->part[i_part]);
    }
    self->offset = 0;
    self->scale = 1;
    self->base.info.pixel_min = low;
    self->base.info.pixel_max = high;
    if (!is_minmax) {
        return MAD_OK;
    }
    if (!(high > low)) {
        return mad_fail(ctx, MAD_E_DATA,
                        "every value of the training part is %g: world.range: minmax needs two"
                        " different ones",
                        low);
    }
    self->offset = low + (high - low) / 2;
    self->scale = 2 / (high - low);
    self->base.info.pixel_min = -1;
    self->base.info.pixel_max = 1;
    for (size_t i_part = 0; i_part < 2; i_part++) {
        mad_set *part = &self->part[i_part];
        for (size_t i = 0; i < part->n_rows * part->dim; i++) {
            part->x[i] = (part->x[i] - self->offset) * self->scale;
        }
    }
    return MAD_OK;
}

/* The size that rows have from now on. */
static mad_status change_size(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                              file_world *self)
{
    mad_status st = MAD_OK;
    mad_world_info *info = &self->base.info;
    const size_t resize = mad_get_size(args->values, "resize");
    const size_t pad = mad_get_size(args->values, "pad");
    if (resize == 0 && pad == 0) {
        return MAD_OK;
    }
    if (info->height == 0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "world.resize and world.pad change pictures, and these rows are none: %s",
                        args->values->params == idx_params
                            ? "the file's numbers are not [n][height][width]"
                            : "give world.height and world.width");
    }
    MAD_TRY(mad_picture_map_create(ctx, mem, info->height, info->width, info->channels, resize, pad,
                                   &self->picture));
    info->height = self->picture.framed_y;
    info->width = self->picture.framed_x;
    MAD_TRY(mad_size_mul(info->height * info->width, info->channels, &info->dim));
out:
    return st;
}

/* IDX, CIFAR and PNG files say what their rows look like; for the others the user may. */
static mad_status picture_size(mad_ctx *ctx, const mad_world_args *args, mad_world_info *info)
{
    const mad_table *table = args->table;
    info->height = table->height;
    info->width = table->width;
    info->channels = table->channels;
    const mad_param *params = args->values->params;
    if (params == idx_params || params == cifar_params || params == png_params) {
        return MAD_OK;
    }
    const size_t height = mad_get_size(args->values, "height");
    const size_t width = mad_get_size(args->values, "width");
    const size_t channels = mad_get_size(args->values, "channels");
    if (height == 0 && width == 0) {
        return MAD_OK;
    }
    if (height * width * channels != table->dim) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "world.height %zu x width %zu x channels %zu makes %zu values, but a row has %zu",
            height, width, channels, height * width * channels, table->dim);
    }
    info->height = height;
    info->width = width;
    info->channels = channels;
    return MAD_OK;
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                         const mad_world_type *type, mad_world **out)
{
    mad_status st = MAD_OK;
    file_world *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the world");
    }
    MAD_TRY(plan_split(ctx, args, self));
    self->base.type = type;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CONTINUOUS,
        .dim = args->table->dim,
        .n_classes = args->table->label == NULL ? 0 : args->table->n_classes,
        .n_train = self->n_part[MAD_PART_TRAIN],
        .n_reference = self->n_part[MAD_PART_REFERENCE],
        .n_dropped = args->table->n_dropped,
    };
    MAD_TRY(picture_size(ctx, args, &self->base.info));
    MAD_TRY(change_size(ctx, args, mem, self));
    MAD_TRY(split(ctx, args, mem, self));
    MAD_TRY(map_range(ctx, mad_get_choice(args->values, "range") == RANGE_MINMAX, self));
    const uint64_t hash = mad_set_hash(&self->part[MAD_PART_TRAIN], MAD_FNV1A_START);
    self->base.info.data_hash = mad_set_hash(&self->part[MAD_PART_REFERENCE], hash);
    *out = &self->base;
out:
    return st;
}

static mad_status create_idx(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                             mad_world **out)
{
    return create(ctx, args, mem, &mad_world_idx, out);
}

static mad_status create_csv(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                             mad_world **out)
{
    return create(ctx, args, mem, &mad_world_csv, out);
}

static mad_status create_npy(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                             mad_world **out)
{
    return create(ctx, args, mem, &mad_world_npy, out);
}

static mad_status create_hdf5(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                              mad_world **out)
{
    return create(ctx, args, mem, &mad_world_hdf5, out);
}

static mad_status create_png(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                             mad_world **out)
{
    return create(ctx, args, mem, &mad_world_png, out);
}

static mad_status create_cifar(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                               mad_world **out)
{
    return create(ctx, args, mem, &mad_world_cifar, out);
}

/* One stream for the whole draw: a subset without replacement is one object, not one per chunk. */
static mad_status draw(mad_ctx *ctx, const mad_world *world, mad_world_part part, mad_key key,
                       mad_set *out)
{
    const file_world *self = (const file_world *)world;
    const mad_set *from = &self->part[part];
    if (out->n_rows > from->n_rows) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "%zu rows asked of the %s part of world %s, which holds %zu", out->n_rows,
                        part == MAD_PART_TRAIN ? "training" : "reference", world->type->name,
                        from->n_rows);
    }
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    size_t *pick = mad_arena_take_raw(ctx->scratch, out->n_rows, sizeof *pick);
    size_t *work = mad_arena_take_raw(ctx->scratch, from->n_rows, sizeof *work);
    if (pick == NULL || work == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "the choice of rows");
    }
    mad_rng rng = mad_rng_open(key, 0);
    mad_rng_choose(&rng, from->n_rows, out->n_rows, pick, work);
    for (size_t i = 0; i < out->n_rows; i++) {
        const mad_set row = mad_set_rows(from, pick[i], 1);
        mad_set_copy(&row, out, i);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

const mad_world_type mad_world_idx = {
    .name = "idx",
    .doc = "pictures or rows from IDX files (MNIST and its kin)",
    .ref = "the IDX file format, http://yann.lecun.com/exdb/mnist",
    .params = idx_params,
    .reader = "idx",
    .create = create_idx,
    .draw = draw,
};

const mad_world_type mad_world_csv = {
    .name = "csv",
    .doc = "rows of numbers and words from a text table",
    .ref = "RFC 4180",
    .params = csv_params,
    .reader = "csv",
    .create = create_csv,
    .draw = draw,
};

const mad_world_type mad_world_npy = {
    .name = "npy",
    .doc = "rows or pictures from a NumPy file",
    .ref = "NumPy enhancement proposal 1, the NPY format",
    .params = npy_params,
    .reader = "npy",
    .create = create_npy,
    .draw = draw,
};

const mad_world_type mad_world_hdf5 = {
    .name = "hdf5",
    .doc = "rows or pictures from a dataset, or a slice of one, of an HDF5 file",
    .ref = "HDF5 File Format Specification, The HDF Group",
    .params = hdf5_params,
    .reader = "hdf5",
    .create = create_hdf5,
    .draw = draw,
};

const mad_world_type mad_world_png = {
    .name = "png",
    .doc = "pictures from a folder of PNG files, with one folder a class",
    .ref = "Portable Network Graphics, W3C Recommendation (2003)",
    .params = png_params,
    .reader = "png",
    .create = create_png,
    .draw = draw,
};

const mad_world_type mad_world_cifar = {
    .name = "cifar",
    .doc = "32 x 32 colour pictures from CIFAR's binary files",
    .ref = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
    .params = cifar_params,
    .reader = "cifar",
    .create = create_cifar,
    .draw = draw,
};
