/* tests/conformance/test_conformance_features.c: what every feature space must do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/builtin.h"
#include "sim/cli/lists.h"
#include "sim/engine/features.h"
#include "sim/store/feature_file.h"
#include "tests/conformance/bench.h"
#include "tests/conformance/threads.h"

enum { N_SAMPLE = 600 };

/* Labelled pictures, for spaces that are trained; any rows do for the others. */
static mad_world *pictures(bench b)
{
    return create_world(b, &mad_world_glyph);
}

static mad_set world_rows(bench b, const mad_world *world, uint32_t generation)
{
    mad_set rows = take_set(b, &world->info, N_SAMPLE);
    must(b,
         world->type->draw(b.ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, generation), &rows),
         "draw", world->type->name);
    return rows;
}

/* A space that reads files is trained, written to `path` and read back; the text it is asked by. */
static const char *ready_text(bench b, const mad_feature_type *type, const mad_world *world,
                              const char *path, mad_feature_file *trained)
{
    char text[256];
    snprintf(text, sizeof text, "%s:%s", type->name, type->reads_file ? path : "3");
    if (type->train != NULL) {
        const mad_set rows = world_rows(b, world, 1);
        const mad_values values = quick_values(b, type->params);
        const mad_feature_training args = {
            .values = &values, .world = &world->info, .train = &rows, .test = &rows, .seed = 3};
        mad_feature_trained out;
        mad_publish to;
        must(b, type->train(b.ctx, &args, b.mem, &out), "train", type->name);
        *trained = out.file;
        must(b, mad_publish_claim(b.ctx, path, 1, &to), "claim", path);
        must(b, mad_feature_write(b.ctx, &to, trained, 0, NULL), "write", path);
        must(b, mad_publish_commit(b.ctx, &to), "publish", path);
    }
    return mad_arena_text(b.mem, text);
}

static mad_feature *create_feature(bench b, const char *text, const mad_world *world)
{
    mad_feature *feature = NULL;
    const mad_features_asked asked = {.text = text, .world = &world->info};
    const mad_set real = world_rows(b, world, 1);
    must(b, mad_features_create(b.ctx, &mad_builtin, &asked, b.mem, &feature), "create", text);
    must(b, mad_features_fit(b.ctx, feature, &real), "fit", text);
    assert_int_equal(feature->dim_in, world->info.dim);
    assert_true(strncmp(feature->text, text, strlen(text)) == 0);
    return feature;
}

static void same_weights(const mad_feature_file *a, const mad_feature_file *b)
{
    assert_int_equal(a->n_arrays, b->n_arrays);
    assert_int_equal(mad_feature_hash(a), mad_feature_hash(b));
    assert_true(a->pixel_mean == b->pixel_mean && a->pixel_sd == b->pixel_sd);
    for (size_t i = 0; i < a->n_arrays; i++) {
        size_t n = 1;
        assert_string_equal(a->array[i].name, b->array[i].name);
        assert_int_equal(a->array[i].rank, b->array[i].rank);
        for (size_t k = 0; k < a->array[i].rank; k++) {
            assert_int_equal(a->array[i].shape[k], b->array[i].shape[k]);
            n *= a->array[i].shape[k];
        }
        assert_memory_equal(a->array[i].data, b->array[i].data, n * sizeof(float));
    }
}

/* Trained, written, read, fitted and applied: the same bits for any number of threads, and for rows
 * whatever comes behind them. */
static void features_do_not_see_threads(void **state)
{
    (void)state;
    enum { N_PART = 512 }; /* whole chunks: the bits of a product may hang on its size */
    for (const mad_feature_type *const *t = mad_builtin.features; *t != NULL; t++) {
        char path[] = "/tmp/madloop-test-features-XXXXXX";
        const int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        bench first = {0};
        mad_set expected = {0};
        mad_feature_file weights = {0};
        for (size_t i = 0; i < N_THREAD_COUNTS; i++) {
            bench b = open_bench(thread_counts[i]);
            mad_feature_file trained = {0}, read = {0};
            mad_set mapped, some;
            const mad_world *world = pictures(b);
            const char *text = ready_text(b, *t, world, path, &trained);
            const mad_feature *feature = create_feature(b, text, world);
            const mad_set rows = world_rows(b, world, 2), part = mad_set_rows(&rows, 0, N_PART);
            must(b, mad_features_map(b.ctx, feature, &rows, b.mem, &mapped), "map", text);
            must(b, mad_features_map(b.ctx, feature, &part, b.mem, &some), "map", text);
            assert_int_equal(mapped.dim, feature->dim);
            must(b, mad_set_check_finite(b.ctx, &mapped, "mapped rows"), "finite", text);
            assert_memory_equal(mapped.x, some.x, N_PART * feature->dim * sizeof *some.x);
            assert_true(memcmp(mapped.x, mapped.x + mapped.dim, mapped.dim * sizeof *some.x) != 0);
            if ((*t)->reads_file) {
                must(b, mad_feature_read(b.ctx, b.mem, path, &read, NULL), "read", path);
                same_weights(&trained, &read);
            }
            if (i == 0) {
                first = b;
                expected = mapped;
                weights = trained;
                continue;
            }
            assert_true(same_bits(&expected, &mapped));
            same_weights(&weights, &trained);
            close_bench(b);
        }
        close_bench(first);
        assert_int_equal(unlink(path), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_do_not_see_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
