/* tests/unit/test_runfile.c: run.h5 and gen-NNNN.h5: what was written comes back, damage is told.
 */
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/store/runfile.h"

enum { R = 3, G = 7, S = 5 };

typedef struct fixture {
    mad_ctx *ctx;
    mad_arena *mem;
    char dir[64];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->ctx = mad_ctx_create(1);
    f->mem = mad_arena_create(1 << 16);
    strcpy(f->dir, "/tmp/madloop-runfile-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) == NULL;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char command[256];
    /* a handle that outlives its call would keep its file open */
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", f->dir, f->dir);
    const int rc = system(command);
    mad_arena_destroy(f->mem);
    mad_ctx_destroy(f->ctx);
    free(f);
    return rc;
}

static double value_of(size_t i_series, size_t r, size_t g, size_t s)
{
    return (double)(i_series * 1000000 + r * 10000 + g * 100 + s) + 0.25;
}

static const mad_attribute recall_attributes[] = {{.name = "long_name", .text = "recall, größer"},
                                                  {.name = "k", .number = 5}};
static const mad_series all_series[] = {
    {"metrics", "recall", 1, 2, recall_attributes},
    {"lineage", "real_share", 1, 0, NULL},
    {"loss", "train", S, 0, NULL},
};
static const double floor_value[R] = {0.9, 0.8, (double)NAN};
static const double theory_value[G] = {1, 2, 3, 4, 5, 6, -(double)INFINITY};
static const mad_vector all_vectors[] = {{"floor", "recall", R, floor_value, 0, NULL},
                                         {"theory", "recall", G, theory_value, 0, NULL}};
static const mad_attribute root_attributes[] = {{.name = "config", .text = "name: x\nseed: 1\n"},
                                                {.name = "empty", .text = ""},
                                                {.name = "threads", .number = 2}};
static const mad_run_layout the_layout = {.n_replicates = R,
                                          .n_generations = G,
                                          .n_attributes = 3,
                                          .attributes = root_attributes,
                                          .n_series = 3,
                                          .series = all_series,
                                          .n_vectors = 2,
                                          .vectors = all_vectors};

/* Columns begin..begin+n-1 of all series of the_layout. */
static mad_status commit(fixture *f, size_t begin, size_t n)
{
    static double buffer[3][R * G * S];
    const double *data[3] = {buffer[0], buffer[1], buffer[2]};
    for (size_t i = 0; i < 3; i++) {
        const size_t width = all_series[i].width;
        for (size_t r = 0; r < R; r++) {
            for (size_t g = 0; g < n; g++) {
                for (size_t s = 0; s < width; s++) {
                    buffer[i][(r * n + g) * width + s] = value_of(i, r, begin + g, s);
                }
            }
        }
    }
    return mad_run_commit(f->ctx, f->dir, &the_layout, begin, n, data, &(mad_run_root){0});
}

static void check_columns(const mad_run *run, size_t n_done)
{
    for (size_t i = 0; i < 3; i++) {
        const mad_run_series *s = mad_run_find(run, all_series[i].group, all_series[i].name);
        const size_t width = all_series[i].width;
        assert_non_null(s);
        assert_int_equal(s->rank, width > 1 ? 3 : 2);
        for (size_t j = 0; j < R * G * width; j++) {
            const size_t g = j / width % G;
            if (g < n_done) {
                assert_true(s->value[j] == value_of(i, j / width / G, g + 1, j % width));
            } else {
                assert_true(isnan(s->value[j]));
            }
        }
    }
}

static void test_round_trip(void **state)
{
    fixture *f = *state;
    mad_run run;
    static const size_t begin[] = {1, 2, 5, 6}, n[] = {1, 3, 1, 2};

    assert_int_equal(mad_run_create(f->ctx, f->dir, &the_layout), MAD_OK);
    for (size_t i = 0; i <= 4; i++) {
        const size_t n_done = i == 0 ? 0 : begin[i - 1] + n[i - 1] - 1;
        assert_int_equal(mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_OK);
        assert_int_equal(run.n_done, n_done);
        assert_int_equal(run.n_replicates, R);
        assert_int_equal(run.n_generations, G);
        assert_int_equal(run.n_series, 5);
        check_columns(&run, n_done);
        if (i < 4) {
            assert_int_equal(commit(f, begin[i], n[i]), MAD_OK);
        }
    }
    const mad_run_series *floor = mad_run_find(&run, "floor", "recall");
    const mad_run_series *theory = mad_run_find(&run, "theory", "recall");
    assert_memory_equal(floor->value, floor_value, sizeof floor_value);
    assert_memory_equal(theory->value, theory_value, sizeof theory_value);
    assert_null(mad_run_find(&run, "metrics", "precision"));
}

static void test_attributes(void **state)
{
    fixture *f = *state;
    mad_run run;

    assert_int_equal(mad_run_create(f->ctx, f->dir, &the_layout), MAD_OK);
    assert_int_equal(mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_OK);
    assert_string_equal(mad_attribute_text(run.n_attributes, run.attributes, "conventions"),
                        "madloop-1");
    assert_string_equal(mad_attribute_text(run.n_attributes, run.attributes, "config"),
                        "name: x\nseed: 1\n");
    assert_string_equal(mad_attribute_text(run.n_attributes, run.attributes, "empty"), "");
    assert_null(mad_attribute_text(run.n_attributes, run.attributes, "threads")); /* a number */
    assert_null(mad_attribute_text(run.n_attributes, run.attributes, "absent"));
    const mad_run_series *recall = mad_run_find(&run, "metrics", "recall");
    assert_string_equal(mad_attribute_text(recall->n_attributes, recall->attributes, "long_name"),
                        "recall, größer");
    size_t n_found = 0;
    for (size_t i = 0; i < recall->n_attributes; i++) {
        if (strcmp(recall->attributes[i].name, "k") == 0) {
            assert_null(recall->attributes[i].text);
            assert_true(recall->attributes[i].number == 5);
            n_found++;
        }
    }
    assert_int_equal(n_found, 1);
}

/* A schedule of thousands of numbers makes a configuration above HDF5's old limit of 64 KiB. */
static void test_large_attribute(void **state)
{
    fixture *f = *state;
    enum { N = 300000 };
    char *config = malloc(N + 1);
    mad_run_layout layout = the_layout;
    mad_attribute attribute = {.name = "config", .text = config};
    mad_run run;

    for (size_t i = 0; i < N; i++) {
        config[i] = (char)('a' + i % 26);
    }
    config[N] = '\0';
    layout.n_attributes = 1;
    layout.attributes = &attribute;
    assert_int_equal(mad_run_create(f->ctx, f->dir, &layout), MAD_OK);
    assert_int_equal(mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_OK);
    assert_string_equal(mad_attribute_text(run.n_attributes, run.attributes, "config"), config);
    free(config);
}

/* More replicates and generations than one chunk holds, in commits that cross chunk borders. */
static void test_many_chunks(void **state)
{
    fixture *f = *state;
    enum { MANY_R = 130, MANY_G = 200, STEP = 37 };
    const mad_series series = {"metrics", "var", 1, 0, NULL};
    const mad_run_layout layout = {
        .n_replicates = MANY_R, .n_generations = MANY_G, .n_series = 1, .series = &series};
    double *column = calloc(MANY_R * STEP, sizeof *column);
    mad_run run;

    assert_int_equal(mad_run_create(f->ctx, f->dir, &layout), MAD_OK);
    for (size_t begin = 1; begin <= MANY_G; begin += STEP) {
        const size_t left = MANY_G - begin + 1, n = left < STEP ? left : STEP;
        const double *data[1] = {column};
        for (size_t i = 0; i < MANY_R * n; i++) {
            column[i] = value_of(0, i / n, begin + i % n, 0);
        }
        assert_int_equal(
            mad_run_commit(f->ctx, f->dir, &layout, begin, n, data, &(mad_run_root){0}), MAD_OK);
    }
    assert_int_equal(mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_OK);
    assert_int_equal(run.n_done, MANY_G);
    for (size_t i = 0; i < (size_t)MANY_R * MANY_G; i++) {
        assert_true(run.series[0].value[i] == value_of(0, i / MANY_G, i % MANY_G + 1, 0));
    }
    free(column);
}

static void expect(fixture *f, mad_status st, mad_status want, const char *text)
{
    if (st != want || strstr(f->ctx->message, text) == NULL) {
        fail_msg("status %d, expected %d; message '%s', expected '%s' in it", (int)st, (int)want,
                 f->ctx->message, text);
    }
    mad_ctx_clear(f->ctx);
}

static void write_bytes(fixture *f, const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static int exists(fixture *f, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return access(path, F_OK) == 0;
}

static void test_commit_errors(void **state)
{
    fixture *f = *state;
    mad_run run;
    mad_run_layout other = the_layout;
    double numbers[R * 16] = {0};
    const double *data[3] = {numbers, numbers, numbers};

    expect(f, commit(f, 1, 1), MAD_E_IO, "run.h5");
    assert_int_equal(mad_run_create(f->ctx, f->dir, &the_layout), MAD_OK);
    expect(f, commit(f, 2, 1), MAD_E_DATA, "only 0 are done");
    other.n_generations = G + 1;
    expect(f, mad_run_commit(f->ctx, f->dir, &other, 1, 1, data, &(mad_run_root){0}), MAD_E_DATA,
           "/metrics/recall");
    assert_int_equal(commit(f, 1, 2), MAD_OK);
    assert_int_equal(commit(f, 1, 2), MAD_OK); /* again: a resumed run does that */
    assert_int_equal(mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_OK);
    assert_int_equal(run.n_done, 2);
    check_columns(&run, 2);
    assert_false(exists(f, ".run.h5.tmp"));
    expect(f, mad_run_create(f->ctx, "/tmp/no/such/folder", &the_layout), MAD_E_IO, "/tmp/no/such");
    other.n_replicates = (size_t)1 << 20;
    other.n_generations = (size_t)1 << 20;
    other.n_vectors = 0;
    expect(f, mad_run_create(f->ctx, f->dir, &other), MAD_E_RANGE, "metrics/recall");
}

static void test_read_errors(void **state)
{
    fixture *f = *state;
    mad_run run;
    mad_preview preview;
    const char text[] = "generation,recall\n1,0.5\n";

    expect(f, mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_E_IO, "No such file");
    write_bytes(f, "run.h5", "", 0);
    expect(f, mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_E_DATA, "empty");
    write_bytes(f, "run.h5", text, sizeof text);
    expect(f, mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_E_DATA, "not an HDF5 file");
    expect(f, mad_run_read(f->ctx, f->mem, "/dev", &run), MAD_E_IO, "/dev/run.h5");

    char path[128];
    snprintf(path, sizeof path, "%s/run.h5", f->dir);
    const hid_t foreign = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(foreign);
    expect(f, mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_E_DATA, "conventions");

    expect(f, mad_preview_read(f->ctx, f->mem, f->dir, 3, &preview), MAD_E_IO, "gen-0003.h5");
    unlink(path);
    assert_int_equal(mkdir(path, 0777), 0);
    expect(f, mad_run_read(f->ctx, f->mem, f->dir, &run), MAD_E_DATA, "run.h5");
}

static void test_read_only_folder(void **state)
{
    fixture *f = *state;
    const uid_t user = geteuid();

    assert_int_equal(chmod(f->dir, 0555), 0);
    assert_int_equal(seteuid(user == 0 ? 65534 : user), 0); /* root may write everywhere */
    const mad_status st = mad_run_create(f->ctx, f->dir, &the_layout);
    assert_int_equal(seteuid(user), 0);
    expect(f, st, MAD_E_IO, f->dir);
}

static void test_generation_file(void **state)
{
    fixture *f = *state;
    enum { N = 20, D = 40 };
    static double samples[R * N * D], real[R * N * D], back[R * N * D];
    static int64_t labels[R * N], steps[R] = {1, -2, INT64_MAX}, steps_back[R];
    static float weights[7] = {1.5f, -0.0f, 3e-42f, 1e38f, 0, 1, 2}, weights_back[7];
    const mad_gen_array arrays[] = {
        {"model/0007/mean", MAD_FIELD_F32, 1, {7}, weights},
        {"model/0007/steps", MAD_FIELD_I64, 1, {R}, steps},
        {"samples", MAD_FIELD_F64, 3, {R, N, D}, samples},
        {"labels", MAD_FIELD_I64, 2, {R, N}, labels},
        {"real", MAD_FIELD_F64, 3, {R, N, D}, real},
        {"pool/x", MAD_FIELD_F64, 4, {R, 2, 0, D}, samples},
    };
    mad_preview preview;

    for (size_t i = 0; i < R * N * D; i++) {
        samples[i] = sin((double)i);
        real[i] = (double)(i % 17);
    }
    for (size_t i = 0; i < R * N; i++) {
        labels[i] = (int64_t)(i % 10);
    }
    assert_int_equal(mad_gen_write(f->ctx, f->dir, 7, "00ff", 6, arrays), MAD_OK);
    assert_int_equal(mad_gen_check_run(f->ctx, f->dir, 7, "00ff"), MAD_OK);
    expect(f, mad_gen_check_run(f->ctx, f->dir, 7, "00fe"), MAD_E_DATA,
           "config_hash 00ff, this run's is 00fe");
    assert_true(exists(f, "gen-0007.h5"));
    assert_false(exists(f, ".gen-0007.h5.tmp"));
    assert_int_equal(mad_gen_read(f->ctx, f->dir, 7, &arrays[0], weights_back), MAD_OK);
    assert_memory_equal(weights, weights_back, sizeof weights);
    assert_int_equal(mad_gen_read(f->ctx, f->dir, 7, &arrays[1], steps_back), MAD_OK);
    assert_memory_equal(steps, steps_back, sizeof steps);
    assert_int_equal(mad_gen_read(f->ctx, f->dir, 7, &arrays[2], back), MAD_OK);
    assert_memory_equal(samples, back, sizeof samples);
    assert_int_equal(mad_gen_read(f->ctx, f->dir, 7, &arrays[5], back), MAD_OK);

    assert_int_equal(mad_preview_read(f->ctx, f->mem, f->dir, 7, &preview), MAD_OK);
    assert_int_equal(preview.n_replicates, R);
    assert_int_equal(preview.n_rows, N);
    assert_int_equal(preview.dim, D);
    assert_memory_equal(preview.x, samples, sizeof samples);
    assert_memory_equal(preview.label, labels, sizeof labels);
    assert_memory_equal(preview.real, real, sizeof real);
}

static void test_generation_file_errors(void **state)
{
    fixture *f = *state;
    double mean[2] = {1, 2};
    const mad_gen_array stored = {"model/mean", MAD_FIELD_F64, 1, {2}, mean};
    mad_gen_array want = stored;
    mad_preview preview;

    assert_int_equal(mad_gen_write(f->ctx, f->dir, 2, "00ff", 1, &stored), MAD_OK);
    expect(f, mad_gen_read(f->ctx, f->dir, 3, &want, mean), MAD_E_IO, "gen-0003.h5");
    want.shape[0] = 3;
    expect(f, mad_gen_read(f->ctx, f->dir, 2, &want, mean), MAD_E_DATA, "is 2, expected 3");
    want = stored;
    want.kind = MAD_FIELD_F32;
    expect(f, mad_gen_read(f->ctx, f->dir, 2, &want, mean), MAD_E_DATA, "another type");
    want = stored;
    want.rank = 2;
    expect(f, mad_gen_read(f->ctx, f->dir, 2, &want, mean), MAD_E_DATA, "dimensions");
    want = stored;
    want.path = "model/cov";
    expect(f, mad_gen_read(f->ctx, f->dir, 2, &want, mean), MAD_E_DATA, "model/cov");
    expect(f, mad_preview_read(f->ctx, f->mem, f->dir, 2, &preview), MAD_E_DATA, "no sample");
    char from[128], to[128];
    snprintf(from, sizeof from, "%s/gen-0002.h5", f->dir);
    snprintf(to, sizeof to, "%s/gen-0004.h5", f->dir);
    assert_int_equal(rename(from, to), 0);
    expect(f, mad_gen_read(f->ctx, f->dir, 4, &stored, mean), MAD_E_DATA, "holds generation 2");
    expect(f, mad_gen_write(f->ctx, "/tmp/no/such", 1, "00ff", 1, &stored), MAD_E_IO,
           "/tmp/no/such");
}

static void test_generation_list(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"gen-0011.h5",  "gen-0002.h5",      "gen-12345.h5",
                                        "gen-0007.h5",  ".gen-0009.h5.tmp", "gen-3.h5",
                                        "gen-0004.h5x", "gen-.h5",          "gen-0000.h5"};
    size_t out[8], n;

    assert_int_equal(mad_gen_list(f->ctx, f->dir, SIZE_MAX, 8, out, &n), MAD_OK);
    assert_int_equal(n, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        write_bytes(f, names[i], "x", 1);
    }
    assert_int_equal(mad_gen_list(f->ctx, f->dir, SIZE_MAX, 8, out, &n), MAD_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(out, ((size_t[]){2, 7, 11, 12345}), 4 * sizeof *out);
    assert_int_equal(mad_gen_list(f->ctx, f->dir, 11, 2, out, &n), MAD_OK);
    assert_int_equal(n, 2);
    assert_memory_equal(out, ((size_t[]){7, 11}), 2 * sizeof *out);
    assert_int_equal(mad_gen_list(f->ctx, f->dir, 10, 1, out, &n), MAD_OK);
    assert_int_equal(n, 1);
    assert_int_equal(out[0], 7);
    expect(f, mad_gen_list(f->ctx, "/tmp/no/such", 1, 1, out, &n), MAD_E_IO, "/tmp/no/such");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_attribute, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commit_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_generation_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_generation_file_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_generation_list, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
