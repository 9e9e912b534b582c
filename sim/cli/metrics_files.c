/* sim/cli/metrics_files.c: see the header. */
#include "sim/cli/metrics_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- two sides ------------------------------------------------------------------------------- */

/* The part of "real,fake" for one side; one word stands for both. */
static mad_status labels_of(mad_ctx *ctx, mad_arena *mem, const char *labels, int is_fake,
                            const char **out)
{
    const char *const comma = labels != NULL ? strchr(labels, ',') : NULL;
    *out = comma != NULL && is_fake ? comma + 1 : labels;
    if (comma == NULL || is_fake) {
        return MAD_OK;
    }
    char *first = mad_arena_text(mem, labels);
    if (first == NULL) {
        return mad_fail_memory(ctx, "the labels");
    }
    first[comma - labels] = '\0';
    *out = first;
    return MAD_OK;
}

/* Words of the other side get the ranks they have on the real side; rank: [n_other]. */
static mad_status join_words(mad_ctx *ctx, const char *what, const char *real_path,
                             const char *other_path, size_t n_real, const char *const *real,
                             size_t n_other, const char *const *other, int32_t *rank)
{
    for (size_t k = 0, i = 0; k < n_other; k++) { /* both ascend */
        while (i < n_real && strcmp(real[i], other[k]) < 0) {
            i++;
        }
        if (i == n_real || strcmp(real[i], other[k]) != 0) {
            return mad_fail(ctx, MAD_E_DATA, "'%s' has %s '%.64s', which '%s' has not", other_path,
                            what, other[k], real_path);
        }
        rank[k] = (int32_t)i;
    }
    return MAD_OK;
}

static mad_status join_numbers(mad_ctx *ctx, const mad_metrics_files *files, const mad_table *real,
                               const mad_table *fake, int32_t *rank)
{
    for (size_t k = 0, i = 0; k < fake->n_classes; k++) {
        while (i < real->n_classes && real->class_value[i] < fake->class_value[k]) {
            i++;
        }
        if (i == real->n_classes || real->class_value[i] != fake->class_value[k]) {
            return mad_fail(ctx, MAD_E_DATA, "'%s' has rows of class %d, which '%s' has not",
                            files->fake, (int)fake->class_value[k], files->real);
        }
        rank[k] = (int32_t)i;
    }
    return MAD_OK;
}

/* Classes of the fake side by the numbers or names of the real one. */
static mad_status join_classes(mad_ctx *ctx, const mad_metrics_files *files, const mad_table *real,
                               mad_table *fake)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    int32_t *rank = mad_arena_take(ctx->scratch, fake->n_classes, sizeof *rank);
    if (rank == NULL) {
        st = mad_fail_memory(ctx, "the classes");
        goto out;
    }
    if ((real->class_name != NULL) != (fake->class_name != NULL)) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "the classes of one of '%s' and '%s' have names, those of "
                      "the other numbers",
                      files->real, files->fake);
        goto out;
    }
    MAD_TRY(real->class_name != NULL
                ? join_words(ctx, "rows of class", files->real, files->fake, real->n_classes,
                             real->class_name, fake->n_classes, fake->class_name, rank)
                : join_numbers(ctx, files, real, fake, rank));
    for (size_t i = 0; i < fake->n_rows; i++) {
        fake->label[i] = rank[fake->label[i]];
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Columns of words mean the same ranks on both sides. */
static mad_status join_columns(mad_ctx *ctx, const char *real_path, const char *other_path,
                               const mad_table *real, mad_table *other)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    static const mad_table_column numbers = {.n_levels = 0};
    for (size_t j = 0; j < real->dim; j++) {
        const mad_table_column *a = real->column != NULL ? &real->column[j] : &numbers;
        const mad_table_column *b = other->column != NULL ? &other->column[j] : &numbers;
        if (a->n_levels == 0 && b->n_levels == 0) {
            continue;
        }
        int32_t *rank = mad_arena_take(ctx->scratch, b->n_levels + 1, sizeof *rank);
        if (rank == NULL) {
            st = mad_fail_memory(ctx, "the words of a column");
            goto out;
        }
        if (a->n_levels == 0 || b->n_levels == 0) {
            st = mad_fail(ctx, MAD_E_DATA, "column %zu holds %s in '%s', %s in '%s'", j + 1,
                          a->n_levels > 0 ? "words" : "numbers", real_path,
                          b->n_levels > 0 ? "words" : "numbers", other_path);
            goto out;
        }
        MAD_TRY(join_words(ctx, "the word", real_path, other_path, a->n_levels, a->level,
                           b->n_levels, b->level, rank));
        for (size_t i = 0; i < other->n_rows; i++) {
            double *x = &other->x[i * other->dim + j];
            *x = (double)rank[(size_t)*x];
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* `real` is NULL for the real side itself. */
static mad_status read_side(mad_ctx *ctx, mad_arena *mem, const mad_metrics_files *files,
                            const char *path, const char *labels, const mad_table *real,
                            mad_table *out)
{
    mad_status st = MAD_OK;
    const mad_reading how = {
        .labels = labels, .drops_bad_rows = files->drops_bad_rows, .header = files->header};
    MAD_TRY(mad_table_open(ctx, mem, path, &how, out));
    if (real != NULL && out->dim != real->dim) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' has %zu columns, '%s' %zu", files->real, real->dim,
                      path, out->dim);
    } else if (real != NULL) {
        st = join_columns(ctx, files->real, path, real, out);
    }
out:
    return st;
}

static mad_set set_of(const mad_table *table, int with_labels)
{
    return (mad_set){.n_rows = table->n_rows,
                     .dim = table->dim,
                     .x = table->x,
                     .label = with_labels ? table->label : NULL};
}

/* ---- modes ----------------------------------------------------------------------------------- */

/* Weights with sum 1 from a file of n numbers, or all alike. */
static mad_status read_weights(mad_ctx *ctx, mad_arena *mem, const char *path, size_t n,
                               double **out)
{
    mad_status st = MAD_OK;
    mad_table table;
    double sum = 0.0, *weight = mad_arena_take_raw(mem, n, sizeof *weight);
    if (weight == NULL) {
        return mad_fail_memory(ctx, "the weights of the modes");
    }
    for (size_t j = 0; j < n; j++) {
        weight[j] = 1.0;
    }
    if (path != NULL) {
        MAD_TRY(mad_table_open(ctx, mem, path, &(mad_reading){.labels = NULL}, &table));
        if (table.n_rows * table.dim != n) {
            st = mad_fail(ctx, MAD_E_DATA,
                          "'%s' holds %zu numbers, expected a weight for each of %zu "
                          "modes",
                          path, table.n_rows * table.dim, n);
            goto out;
        }
        memcpy(weight, table.x, n * sizeof *weight);
    }
    for (size_t j = 0; j < n; j++) {
        if (!(weight[j] > 0.0)) {
            st = mad_fail(ctx, MAD_E_DATA, "'%s': weight %zu is %g, must be above 0", path, j + 1,
                          weight[j]);
            goto out;
        }
        sum += weight[j];
    }
    for (size_t j = 0; j < n; j++) {
        weight[j] /= sum;
    }
    *out = weight;
out:
    return st;
}

static mad_status read_modes(mad_ctx *ctx, mad_arena *mem, const mad_metrics_files *files,
                             mad_world_info *world)
{
    mad_status st = MAD_OK;
    mad_table table;
    double *weight = NULL;
    if (files->centres == NULL && files->weights == NULL && files->sigma == 0.0) {
        goto out;
    }
    if (files->centres == NULL || files->sigma == 0.0) {
        st = mad_fail(ctx, MAD_E_USAGE, "metrics: modes need --centres and --sigma");
        goto out;
    }
    MAD_TRY(mad_table_open(ctx, mem, files->centres, &(mad_reading){.labels = NULL}, &table));
    if (table.dim != world->dim) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' has %zu columns, the data %zu", files->centres,
                      table.dim, world->dim);
        goto out;
    }
    MAD_TRY(read_weights(ctx, mem, files->weights, table.n_rows, &weight));
    world->n_modes = table.n_rows;
    world->mode_centre = table.x;
    world->mode_p = weight;
    world->mode_sd = files->sigma;
out:
    return st;
}

/* ---- all of them ----------------------------------------------------------------------------- */

mad_status mad_metrics_read(mad_ctx *ctx, mad_arena *mem, mad_metrics_files *files, mad_pair *out)
{
    mad_status st = MAD_OK;
    mad_table real, fake, other;
    const char *labels = NULL;
    MAD_TRY(labels_of(ctx, mem, files->labels, 0, &labels));
    MAD_TRY(read_side(ctx, mem, files, files->real, labels, NULL, &real));
    MAD_TRY(labels_of(ctx, mem, files->labels, 1, &labels));
    MAD_TRY(read_side(ctx, mem, files, files->fake, labels, &real, &fake));
    const int with_labels = real.label != NULL && fake.label != NULL;
    if (with_labels) {
        MAD_TRY(join_classes(ctx, files, &real, &fake));
    }
    *out = (mad_pair){.world = {.kind = MAD_WORLD_CONTINUOUS,
                                .dim = real.dim,
                                .height = real.height,
                                .width = real.width,
                                .channels = real.channels,
                                .n_classes = with_labels ? real.n_classes : 0},
                      .real = set_of(&real, with_labels),
                      .fake = set_of(&fake, with_labels)};
    files->n_dropped[0] = real.n_dropped;
    files->n_dropped[1] = fake.n_dropped;
    if (files->test != NULL && files->train == NULL) {
        st = mad_fail(ctx, MAD_E_USAGE,
                      "metrics: --test needs --train: without it no measure reads the test rows");
        goto out;
    }
    if (files->train != NULL) {
        MAD_TRY(read_side(ctx, mem, files, files->train, NULL, &real, &other));
        out->train = set_of(&other, 0);
    }
    if (files->test != NULL) {
        MAD_TRY(read_side(ctx, mem, files, files->test, NULL, &real, &other));
        out->test = set_of(&other, 0);
    }
    MAD_TRY(read_modes(ctx, mem, files, &out->world));
out:
    return st;
}

/* ---- directions ------------------------------------------------------------------------------ */

int mad_metrics_is_file(const char *directions)
{
    char *end = NULL;
    (void)strtod(directions, &end);
    return end == directions || *end != '\0';
}

mad_status mad_metrics_read_directions(mad_ctx *ctx, mad_arena *mem, const char *path, size_t dim,
                                       size_t *n_out, const double **out)
{
    mad_status st = MAD_OK;
    mad_table table;
    MAD_TRY(mad_table_open(ctx, mem, path, &(mad_reading){.labels = NULL}, &table));
    if (table.dim != dim) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' has %zu columns, rows are compared in %zu", path,
                      table.dim, dim);
        goto out;
    }
    for (size_t i = 0; i < table.n_rows; i++) {
        double largest = 0.0;
        for (size_t j = 0; j < dim; j++) {
            largest = fmax(largest, fabs(table.x[i * dim + j]));
        }
        if (largest == 0.0) {
            st = mad_fail(ctx, MAD_E_DATA, "'%s': direction %zu has no length", path, i + 1);
            goto out;
        }
        int exponent = 0;
        (void)frexp(largest, &exponent);
        for (size_t j = 0; j < dim; j++) { /* so that its length is no overflow, bits are kept */
            table.x[i * dim + j] = ldexp(table.x[i * dim + j], -exponent);
        }
    }
    *n_out = table.n_rows;
    *out = table.x;
out:
    return st;
}
