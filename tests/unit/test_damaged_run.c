/* tests/unit/test_damaged_run.c: run, generation and feature files cut short or overwritten: an answer
 * each time.
 *
 * 1500 of them with 1 to 16 random bytes changed. A program of its own, because libhdf5 1.10
 * itself loses memory on such files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/base/rng.h"
#include "sim/store/feature_file.h"
#include "sim/store/runfile.h"

enum { R = 3, G = 7, S = 5, N_SAMPLES = 60, N_CUT = 100, N_DAMAGED = 500 };

/* the name is the leak checker's */
const char *__lsan_default_suppressions(void); /* NOLINT */
const char *__lsan_default_suppressions(void)  /* NOLINT */
{
    return "leak:libhdf5";
}

typedef struct fixture {
    mad_ctx *ctx;
    mad_arena *mem;
    char dir[64];
    size_t n_bytes;
    unsigned char *good, *bad; /* [n_bytes] */
} fixture;

static const mad_attribute attribute = {.name = "long_name", .text = "recall"};
static const mad_series series[] = {{"metrics", "recall", 1, 1, &attribute},
                                    {"metrics", "var", 1, 1, &attribute},
                                    {"loss", "train", S, 0, NULL}};
static const mad_run_layout layout = {
    .n_replicates = R, .n_generations = G, .n_series = 3, .series = series};
static double numbers[R * N_SAMPLES * 8];

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->ctx = mad_ctx_create(1);
    f->mem = mad_arena_create(1 << 16);
    strcpy(f->dir, "/tmp/madloop-damaged-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) == NULL;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    const int rc = system(command);
    free(f->good);
    free(f->bad);
    mad_arena_destroy(f->mem);
    mad_ctx_destroy(f->ctx);
    free(f);
    return rc;
}

static void load(fixture *f, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    f->n_bytes = (size_t)ftell(file);
    rewind(file);
    f->good = malloc(f->n_bytes);
    f->bad = malloc(f->n_bytes);
    assert_int_equal(fread(f->good, 1, f->n_bytes, file), f->n_bytes);
    fclose(file);
}

static void store(fixture *f, const char *name, size_t n_bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(f->bad, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

static mad_status read_run(fixture *f)
{
    mad_run run;
    return mad_run_read(f->ctx, f->mem, f->dir, &run);
}

static mad_status read_generation(fixture *f)
{
    static double x[R * N_SAMPLES * 8];
    const mad_gen_array want = {"model/x", MAD_FIELD_F64, 2, {R, N_SAMPLES}, NULL};
    mad_preview preview;
    const mad_status st = mad_preview_read(f->ctx, f->mem, f->dir, 2, &preview);
    return st != MAD_OK ? st : mad_gen_read(f->ctx, f->dir, 2, &want, x);
}

/* Reads the file cut at N_CUT lengths, then with random bytes changed. Returns how many of the
 * changed ones were refused. */
static size_t damage(fixture *f, const char *name, mad_status (*read)(fixture *f))
{
    mad_rng rng = mad_rng_open((mad_key){.seed = 1, .purpose = MAD_RNG_TEST}, 0);
    size_t n_refused = 0;

    load(f, name);
    assert_int_equal(read(f), MAD_OK);
    for (size_t i = 0; i < N_CUT; i++) {
        memcpy(f->bad, f->good, f->n_bytes);
        store(f, name, f->n_bytes * i / N_CUT);
        assert_int_equal(read(f), MAD_E_DATA);
        assert_non_null(strstr(f->ctx->message, name));
        mad_ctx_clear(f->ctx);
    }
    for (size_t i = 0; i < N_DAMAGED; i++) {
        const size_t n = 1 + mad_rng_below(&rng, 16);
        const mad_arena_mark mark = mad_arena_get_mark(f->mem);
        memcpy(f->bad, f->good, f->n_bytes);
        for (size_t j = 0; j < n; j++) {
            f->bad[mad_rng_below(&rng, f->n_bytes)] = (unsigned char)mad_rng_next(&rng);
        }
        store(f, name, f->n_bytes);
        const mad_status st = read(f);
        assert_true(st == MAD_OK || st == MAD_E_DATA);
        n_refused += st != MAD_OK;
        mad_ctx_clear(f->ctx);
        mad_arena_release(f->mem, mark);
    }
    return n_refused;
}

static void test_run(void **state)
{
    fixture *f = *state;
    const double *const data[] = {numbers, numbers, numbers};

    assert_int_equal(mad_run_create(f->ctx, f->dir, &layout), MAD_OK);
    assert_int_equal(mad_run_commit(f->ctx, f->dir, &layout, 1, 4, data, &(mad_run_root){0}),
                     MAD_OK);
    assert_in_range(damage(f, "run.h5", read_run), N_DAMAGED / 3, N_DAMAGED);
}

static void test_generation(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        numbers[i] = (double)(i * i % 977);
    }
    const mad_gen_array arrays[] = {{"model/x", MAD_FIELD_F64, 2, {R, N_SAMPLES}, numbers},
                                    {"samples", MAD_FIELD_F64, 3, {R, N_SAMPLES, 8}, numbers},
                                    {"real", MAD_FIELD_F64, 3, {R, N_SAMPLES, 8}, numbers}};
    assert_int_equal(mad_gen_write(f->ctx, f->dir, 2, "00ff", 3, arrays), MAD_OK);
    /* its arrays carry checksums: nearly every change is found */
    assert_in_range(damage(f, "gen-0002.h5", read_generation), N_DAMAGED * 2 / 3, N_DAMAGED);
}

static float weights[300];
static const mad_feature_array arrays_of_space[] = {{"a.bias", 1, {12}, weights},
                                                    {"a.weight", 4, {3, 2, 5, 5}, weights + 12},
                                                    {"b.weight", 2, {12, 11}, weights + 162}};
static const mad_feature_file space = {"net", 8, 9, 1, 0.25, 0.5, 3, arrays_of_space, 0};

/* What is read in spite of damage is what was written. */
static mad_status read_space(fixture *f)
{
    char path[128];
    mad_feature_file file;
    snprintf(path, sizeof path, "%s/space.h5", f->dir);
    const mad_status st = mad_feature_read(f->ctx, f->mem, path, &file, NULL);
    if (st == MAD_OK) {
        assert_true(file.hash == mad_feature_hash(&space));
        assert_int_equal(file.n_arrays, space.n_arrays);
        for (size_t i = 0; i < space.n_arrays; i++) {
            assert_string_equal(file.array[i].name, space.array[i].name);
        }
    }
    return st;
}

static void test_space(void **state)
{
    fixture *f = *state;
    char path[128];
    mad_publish to;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        weights[i] = (float)(i * i % 97) - 48.0f;
    }
    snprintf(path, sizeof path, "%s/space.h5", f->dir);
    assert_int_equal(mad_publish_claim(f->ctx, path, 0, &to), MAD_OK);
    assert_int_equal(mad_feature_write(f->ctx, &to, &space, 0, NULL), MAD_OK);
    assert_int_equal(mad_publish_commit(f->ctx, &to), MAD_OK);
    assert_in_range(damage(f, "space.h5", read_space), N_DAMAGED / 3, N_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_generation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_space, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
