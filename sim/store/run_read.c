/* sim/store/run_read.c: run.h5 back into memory, checked before anything is believed. */
#include <stdio.h>
#include <string.h>

#include "sim/store/h5util.h"
#include "sim/store/publish.h"

static const char *const groups[] = {"metrics", "floor", "theory", "lineage", "cost",    "loss",
                                     "model",   "audit", "bias",   "select",  "correct", "channel"};
enum { N_GROUPS = sizeof groups / sizeof groups[0] };

int mad_run_has_group(const char *name)
{
    for (size_t i = 0; i < N_GROUPS; i++) {
        if (strcmp(groups[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* 1: a stop rule has ended the run. */
static int is_stopped(const mad_run *run)
{
    return mad_attribute_text(run->n_attributes, run->attributes, "stop_reason") != NULL;
}

int mad_run_is_done(const mad_run *run)
{
    return run->n_done == run->n_generations;
}

/* 1 when the shape is one that its group may have. */
static int shape_fits(const mad_run *run, const mad_run_series *series)
{
    const size_t *shape = series->shape;
    if (strcmp(series->group, "floor") == 0) {
        return series->rank == 1 && shape[0] == run->n_replicates;
    }
    if (strcmp(series->group, "theory") == 0) {
        return series->rank == 1 && shape[0] == run->n_generations;
    }
    if (strcmp(series->group, "audit") == 0) { /* curves over a grid of their own */
        return series->rank == 1 && shape[0] > 0;
    }
    return series->rank >= 2 && shape[0] == run->n_replicates && shape[1] == run->n_generations &&
           (series->rank == 2 || shape[2] > 0);
}

/* [rows][n_generations][width] becomes [rows][n_done][width]: nothing stands behind the end of a run
 * that its stop rule ended. */
static void cut_short(const mad_run *run, mad_run_series *series, double *value)
{
    const int is_theory = strcmp(series->group, "theory") == 0;
    const size_t n_rows = is_theory ? 1 : series->shape[0];
    const size_t width = series->rank == 3 ? series->shape[2] : 1;
    for (size_t r = 1; r < n_rows; r++) {
        memmove(value + r * run->n_done * width, value + r * run->n_generations * width,
                run->n_done * width * sizeof *value);
    }
    series->shape[is_theory ? 0 : 1] = run->n_done;
}

/* Sizes are checked before memory is taken: a damaged file must not ask for terabytes. */
static mad_status read_values(mad_ctx *ctx, mad_arena *mem, const mad_run *run, hid_t dataset,
                              mad_run_series *series)
{
    size_t n = 1;
    for (size_t i = 0; i < series->rank; i++) {
        if (mad_size_mul(n, series->shape[i], &n) != MAD_OK || n > MAD_RUN_MAX_VALUES) {
            return mad_fail(ctx, MAD_E_DATA, "/%s/%s claims more than %zu values", series->group,
                            series->name, MAD_RUN_MAX_VALUES);
        }
    }
    if (!shape_fits(run, series)) {
        return mad_fail(ctx, MAD_E_DATA,
                        "/%s/%s has %zu dimensions (first: %zu), which does not fit %zu replicates "
                        "of %zu generations",
                        series->group, series->name, series->rank, series->shape[0],
                        run->n_replicates, run->n_generations);
    }
    double *value = mad_arena_take_raw(mem, n, sizeof *value);
    if (value == NULL) {
        return mad_fail_memory(ctx, series->name);
    }
    if (H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
        return mad_h5_fail(ctx, MAD_E_DATA, "cannot read /%s/%s", series->group, series->name);
    }
    series->value = value;
    if (is_stopped(run) && strcmp(series->group, "floor") != 0 &&
        strcmp(series->group, "audit") != 0) {
        cut_short(run, series, value);
    }
    return MAD_OK;
}

static mad_status read_series(mad_ctx *ctx, mad_arena *mem, const mad_run *run, hid_t group,
                              int with_attributes, mad_run_series *series)
{
    mad_status st = MAD_OK;
    const hid_t dataset = H5Dopen2(group, series->name, H5P_DEFAULT);

    if (dataset < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "cannot open /%s/%s", series->group, series->name);
        goto out;
    }
    MAD_TRY(mad_h5_shape(ctx, dataset, series->name, 3, &series->rank, series->shape));
    MAD_TRY(read_values(ctx, mem, run, dataset, series));
    if (with_attributes) {
        MAD_TRY(
            mad_h5_read_attributes(ctx, mem, dataset, &series->n_attributes, &series->attributes));
    }
out:
    return mad_h5_close(ctx, st, dataset);
}

/* Opens /name; *group stays invalid when there is none. */
static mad_status open_group(mad_ctx *ctx, hid_t file, const char *name, hid_t *group, size_t *n)
{
    H5G_info_t info;
    *n = 0;
    const htri_t exists = H5Lexists(file, name, H5P_DEFAULT);
    if (exists == 0) {
        return MAD_OK;
    }
    *group = exists < 0 ? H5I_INVALID_HID : H5Gopen2(file, name, H5P_DEFAULT);
    if (*group < 0 || H5Gget_info(*group, &info) < 0) {
        return mad_h5_fail(ctx, MAD_E_DATA, "cannot open group /%s", name);
    }
    *n = (size_t)info.nlinks;
    return MAD_OK;
}

/* Appends the datasets of one group, in order of their names, to series[n_series..n_max). */
static mad_status read_group(mad_ctx *ctx, mad_arena *mem, hid_t file, const char *group_name,
                             int with_attributes, size_t n_max, mad_run *run,
                             mad_run_series *series)
{
    mad_status st = MAD_OK;
    size_t n;
    hid_t group = H5I_INVALID_HID;

    MAD_TRY(open_group(ctx, file, group_name, &group, &n));
    for (size_t i = 0; i < n && run->n_series < n_max; i++) {
        mad_run_series *one = &series[run->n_series];
        const ssize_t n_name =
            H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, NULL, 0, H5P_DEFAULT);
        char *name = n_name < 0 ? NULL : mad_arena_take(mem, (size_t)n_name + 1, 1);
        if (name == NULL || H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                               (size_t)n_name + 1, H5P_DEFAULT) < 0) {
            st = mad_h5_fail(ctx, MAD_E_DATA, "cannot list group /%s", group_name);
            goto out;
        }
        *one = (mad_run_series){.group = group_name, .name = name};
        MAD_TRY(read_series(ctx, mem, run, group, with_attributes, one));
        run->n_series++;
    }
out:
    return mad_h5_close(ctx, st, group);
}

static mad_status count_datasets(mad_ctx *ctx, hid_t file, size_t *out)
{
    *out = 0;
    for (size_t i = 0; i < N_GROUPS; i++) {
        hid_t group = H5I_INVALID_HID;
        size_t n;
        mad_status st = open_group(ctx, file, groups[i], &group, &n);
        st = mad_h5_close(ctx, st, group);
        if (st != MAD_OK) {
            return st;
        }
        *out += n;
    }
    return MAD_OK;
}

/* Length of one of the dimension scales. */
static mad_status read_scale(mad_ctx *ctx, hid_t file, const char *name, size_t *out)
{
    mad_status st = MAD_OK;
    size_t rank, shape[1] = {0};
    const hid_t scale = H5Dopen2(file, name, H5P_DEFAULT);

    if (scale < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "cannot open /%s", name);
        goto out;
    }
    MAD_TRY(mad_h5_shape(ctx, scale, name, 1, &rank, shape));
    if (rank != 1 || shape[0] == 0 || shape[0] > INT32_MAX) {
        st = mad_fail(ctx, MAD_E_DATA, "/%s has %zu entries, expected 1 to %d", name, shape[0],
                      INT32_MAX);
        goto out;
    }
    *out = shape[0];
out:
    return mad_h5_close(ctx, st, scale);
}

/* 1 when a blank-separated list has the word. */
static int has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);
    while (*list != '\0') {
        const size_t n_this = strcspn(list, " ");
        if (n_this == n && strncmp(list, word, n) == 0) {
            return 1;
        }
        list += n_this + (list[n_this] == ' ');
    }
    return 0;
}

/* What is read of the series. */
typedef struct part {
    const char *groups; /* NULL = all, "" = none */
    int with_attributes;
} part;

static mad_status read_file(mad_ctx *ctx, mad_arena *mem, hid_t file, part of, mad_run *run)
{
    mad_status st = MAD_OK;
    size_t n_max;
    mad_run_series *series;

    MAD_TRY(mad_h5_read_attributes(ctx, mem, file, &run->n_attributes, &run->attributes));
    MAD_TRY(read_scale(ctx, file, "replicate", &run->n_replicates));
    MAD_TRY(read_scale(ctx, file, "generation", &run->n_generations));
    MAD_TRY(mad_h5_read_count(ctx, file, "n_done", &run->n_done));
    if (run->n_done > run->n_generations) {
        st = mad_fail(ctx, MAD_E_DATA, "n_done is %zu, but there are %zu generations", run->n_done,
                      run->n_generations);
        goto out;
    }
    run->n_planned = run->n_generations;
    if (is_stopped(run) && run->n_done == 0) {
        st = mad_fail(ctx, MAD_E_DATA, "a stop_reason, but no generation is done");
        goto out;
    }
    MAD_TRY(count_datasets(ctx, file, &n_max));
    series = mad_arena_take(mem, n_max, sizeof *series);
    if (series == NULL) {
        st = mad_fail_memory(ctx, "the list of series");
        goto out;
    }
    run->series = series;
    for (size_t i = 0; i < N_GROUPS; i++) {
        if (of.groups == NULL || has_word(of.groups, groups[i])) {
            MAD_TRY(read_group(ctx, mem, file, groups[i], of.with_attributes, n_max, run, series));
        }
    }
    run->n_generations = is_stopped(run) ? run->n_done : run->n_planned;
out:
    return st;
}

static mad_status read_run(mad_ctx *ctx, mad_arena *mem, const char *dir, part of, mad_run *out)
{
    mad_status st = MAD_OK;
    mad_publish names;
    mad_run run = {0};
    hid_t file = H5I_INVALID_HID;

    mad_h5_quiet();
    MAD_TRY(mad_publish_init(ctx, dir, "run.h5", &names));
    MAD_TRY(mad_h5_open_file(ctx, names.path, H5F_ACC_RDONLY, &file));
    st = read_file(ctx, mem, file, of, &run);
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "reading '%s'", names.path);
    }
    st = mad_h5_close_file(ctx, st, file, names.path);
    if (st == MAD_OK) {
        *out = run;
    }
out:
    return st;
}

mad_status mad_run_read(mad_ctx *ctx, mad_arena *mem, const char *dir, mad_run *out)
{
    return read_run(ctx, mem, dir, (part){NULL, 1}, out);
}

mad_status mad_run_read_part(mad_ctx *ctx, mad_arena *mem, const char *dir,
                             const char *groups_wanted, mad_run *out)
{
    return read_run(ctx, mem, dir, (part){groups_wanted, 1}, out);
}

mad_status mad_run_read_values(mad_ctx *ctx, mad_arena *mem, const char *dir,
                               const char *groups_wanted, mad_run *out)
{
    return read_run(ctx, mem, dir, (part){groups_wanted, 0}, out);
}

const mad_run_series *mad_run_find(const mad_run *run, const char *group, const char *name)
{
    for (size_t i = 0; i < run->n_series; i++) {
        if (strcmp(run->series[i].group, group) == 0 && strcmp(run->series[i].name, name) == 0) {
            return &run->series[i];
        }
    }
    return NULL;
}

const char *mad_attribute_text(size_t n, const mad_attribute *attributes, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(attributes[i].name, name) == 0) {
            return attributes[i].text;
        }
    }
    return NULL;
}
