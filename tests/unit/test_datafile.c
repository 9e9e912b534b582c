/* tests/unit/test_datafile.c: where data files are looked for, and what a bad header may not do. */
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

#include "sim/store/datafile.h"
#include "sim/store/reader.h"

typedef struct fixture {
    mad_ctx *ctx;
    mad_arena *mem;
    char dir[64], here[512];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->ctx = mad_ctx_create(1);
    f->mem = mad_arena_create(4096);
    strcpy(f->dir, "/tmp/madloop-datafile-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) == NULL || getcwd(f->here, sizeof f->here) == NULL;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    const int rc = chdir(f->here) + system(command);
    mad_arena_destroy(f->mem);
    mad_ctx_destroy(f->ctx);
    free(f);
    return rc;
}

static void put(fixture *f, const char *folder, const char *name, const char *content, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->dir, folder);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", f->dir, folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* Each place hides those behind it: as given, the configuration's folder, $MADLOOP_DATA, shared. */
static void test_search_order(void **state)
{
    fixture *f = *state;
    static const char *const folders[] = {"shared/data", "env", "config", "work"};
    static const char *const found[] = {"../shared/data/x.csv", "env/x.csv", "config/x.csv",
                                        "x.csv"};
    char path[256], config[128], env[128];
    const char *out;

    snprintf(path, sizeof path, "%s/shared", f->dir);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/work", f->dir);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chdir(path), 0);
    snprintf(config, sizeof config, "%s/config", f->dir);
    snprintf(env, sizeof env, "%s/env", f->dir);
    assert_int_equal(setenv("MADLOOP_DATA", env, 1), 0);
    assert_int_equal(mad_data_find(f->ctx, f->mem, config, "x.csv", &out), MAD_E_IO);
    const char *const places[] = {"'x.csv'", config, env, "../shared/data", "/usr/share/datasets"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        assert_non_null(strstr(f->ctx->message, places[i]));
    }
    mad_ctx_clear(f->ctx);
    for (size_t i = 0; i < 4; i++) {
        put(f, folders[i], "x.csv", "1\n", 2);
        assert_int_equal(mad_data_find(f->ctx, f->mem, config, "x.csv", &out), MAD_OK);
        const size_t n = strlen(out), n_end = strlen(found[i]);
        assert_true(n >= n_end && strcmp(out + n - n_end, found[i]) == 0);
    }
    assert_string_equal(out, "x.csv");
    snprintf(path, sizeof path, "%s/x.csv", env);
    assert_int_equal(mad_data_find(f->ctx, f->mem, config, path, &out), MAD_OK);
    assert_string_equal(out, path);
    assert_int_equal(mad_data_find(f->ctx, f->mem, config, "/x.csv", &out), MAD_E_IO);
    mad_ctx_clear(f->ctx);
    assert_int_equal(unsetenv("MADLOOP_DATA"), 0);
    assert_int_equal(mad_data_find(f->ctx, f->mem, NULL, "y.csv", &out), MAD_E_IO);
    assert_non_null(strstr(f->ctx->message, "not set"));
    mad_ctx_clear(f->ctx);
}

/* A header that promises 2^124 bytes takes no memory: it is refused before. */
static void test_no_allocation(void **state)
{
    fixture *f = *state;
    static const char huge[20] = {0, 0, 0x0e, 4, 127, 0, 0,   0, 127, 0,
                                  0, 0, 127,  0, 0,   0, 127, 0, 0,   0};
    static const mad_param params[] = {{.name = "images"},
                                       {.name = "labels"},
                                       {.name = "bad_rows", .kind = MAD_PARAM_CHOICE},
                                       {.name = NULL}};
    char path[128];
    mad_value value[] = {{.param = &params[0], .text = path},
                         {.param = &params[1], .text = "none"},
                         {.param = &params[2]}};
    const mad_values values = {.params = params, .n_values = 3, .value = value};
    const size_t before = mad_arena_bytes(f->mem), scratch = mad_arena_bytes(f->ctx->scratch);
    mad_table table;

    put(f, "data", "huge", huge, sizeof huge);
    snprintf(path, sizeof path, "%s/data/huge", f->dir);
    assert_int_equal(mad_table_read(f->ctx, f->mem, "idx", &values, NULL, &table), MAD_E_DATA);
    assert_int_equal(mad_arena_bytes(f->mem), before);
    assert_int_equal(mad_arena_bytes(f->ctx->scratch), scratch);
}

static void test_labels(void **state)
{
    fixture *f = *state;
    const double value[] = {65535, 0, 7, 7, 0};
    static const int32_t want[] = {2, 0, 1, 1, 0};
    static const int32_t numbers[] = {0, 7, 65535};
    mad_table table = {.n_rows = 5};

    assert_int_equal(mad_labels_map(f->ctx, f->mem, "x", value, &table), MAD_OK);
    assert_memory_equal(table.label, want, sizeof want);
    assert_int_equal(table.n_classes, 3);
    assert_memory_equal(table.class_value, numbers, sizeof numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_search_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_allocation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
