/* Finite worlds: the split, draws without replacement, the frozen range, every refusal. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/values.h"

#define DIM ((size_t)4)

enum { N_ROWS = 50, MAX_PAIRS = 6 };

/* Row i holds 10 i, 10 i + 1, ...: every value says where it comes from. */
static mad_table numbered_table(void)
{
    static double x[N_ROWS * DIM];
    static int32_t label[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++) {
        for (size_t j = 0; j < DIM; j++) {
            x[i * DIM + j] = (double)(10 * i + j);
        }
        label[i] = (int32_t)(i % 5);
    }
    return (mad_table){.n_rows = N_ROWS, .dim = DIM, .x = x, .label = label, .n_classes = 5};
}

static mad_status try_make(mad_ctx *ctx, mad_arena *mem, const mad_world_type *type,
                           const char *const *pairs, uint64_t seed, const mad_table *table,
                           mad_world **out)
{
    const char *all[MAX_PAIRS + 1] = {type == &mad_world_idx ? "images=f" : "path=f"};
    size_t n = 1;
    mad_values values;
    while (pairs[n - 1] != NULL) {
        all[n] = pairs[n - 1];
        n++;
    }
    assert_int_equal(mad_values_of(ctx, mem, type->params, n, all, &values), MAD_OK);
    const mad_world_args args = {.values = &values, .seed = seed, .table = table};
    return type->create(ctx, &args, mem, out);
}

static const mad_world *make(mad_ctx *ctx, mad_arena *mem, const mad_world_type *type,
                             const char *const *pairs, uint64_t seed)
{
    const mad_table table = numbered_table();
    mad_world *world = NULL;
    assert_int_equal(try_make(ctx, mem, type, pairs, seed, &table, &world), MAD_OK);
    return world;
}

static mad_set draw(mad_ctx *ctx, mad_arena *mem, const mad_world *world, mad_world_part part,
                    uint32_t generation, size_t n)
{
    mad_set set;
    const mad_key key = {.seed = 1, .generation = generation, .purpose = MAD_RNG_REAL};
    assert_int_equal(mad_set_take(ctx, mem, n, world->info.dim, 1, &set), MAD_OK);
    assert_int_equal(world->type->draw(ctx, world, part, key, &set), MAD_OK);
    return set;
}

static const char *const none[] = {NULL};

static void test_split(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    const mad_world *world = make(ctx, mem, &mad_world_csv, none, 9);
    assert_int_equal(world->info.n_train, 35);
    assert_int_equal(world->info.n_reference, 15);
    assert_int_equal(world->info.n_classes, 5);
    assert_int_equal(world->info.dim, DIM);
    const mad_set train = draw(ctx, mem, world, MAD_PART_TRAIN, 1, 35);
    const mad_set reference = draw(ctx, mem, world, MAD_PART_REFERENCE, 1, 15);
    int seen[N_ROWS] = {0};
    for (size_t i = 0; i < N_ROWS; i++) {
        const mad_set *set = i < 35 ? &train : &reference;
        const size_t at = i < 35 ? i : i - 35;
        const size_t row = (size_t)(set->x[at * DIM] / 10);
        assert_true(set->x[at * DIM + 3] == (double)(10 * row + 3));
        assert_int_equal(set->label[at], row % 5);
        seen[row]++;
    }
    for (size_t i = 0; i < N_ROWS; i++) {
        assert_int_equal(seen[i], 1); /* the parts are disjoint, draws repeat nothing */
    }
    mad_arena_destroy(mem);
}

static void test_streams(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    const mad_world *world = make(ctx, mem, &mad_world_npy, none, 9);
    const mad_set a = draw(ctx, mem, world, MAD_PART_TRAIN, 1, 30);
    const mad_set b = draw(ctx, mem, world, MAD_PART_TRAIN, 1, 12);
    const mad_set c = draw(ctx, mem, world, MAD_PART_TRAIN, 2, 30);
    assert_memory_equal(a.x, b.x, 12 * DIM * sizeof *a.x);
    assert_memory_not_equal(a.x, c.x, 30 * DIM * sizeof *a.x);
    mad_arena_destroy(mem);
}

/* Each training row is in a draw of 7 of 35 with probability 1/5: binomial z over 5000 keys,
 * |z| < 4.89. The twin expects the share of draws with replacement, 1 - (34/35)^7 = 0.184. */
static void test_uniform(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    const mad_world *world = make(ctx, mem, &mad_world_csv, none, 9);
    const double n_keys = 5000, p = 0.2, q = 1 - pow(34.0 / 35, 7);
    double count[N_ROWS] = {0}, worst = 0, twin = 0;
    for (uint32_t g = 1; g <= 5000; g++) {
        const mad_arena_mark mark = mad_arena_get_mark(mem);
        const mad_set set = draw(ctx, mem, world, MAD_PART_TRAIN, g, 7);
        for (size_t i = 0; i < 7; i++) {
            count[(size_t)(set.x[i * DIM] / 10)]++;
        }
        mad_arena_release(mem, mark);
    }
    for (size_t i = 0; i < N_ROWS; i++) {
        if (count[i] > 0) { /* the other 15 are held out */
            worst = fmax(worst, fabs(count[i] - n_keys * p) / sqrt(n_keys * p * (1 - p)));
            twin += (count[i] - n_keys * q) / sqrt(35 * n_keys * q * (1 - q));
        }
    }
    assert_true(worst < 4.89 && twin > 4.89);
    mad_arena_destroy(mem);
}

static void test_range(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    const mad_world *world = make(ctx, mem, &mad_world_idx, none, 9);
    const mad_world *plain = make(ctx, mem, &mad_world_csv, none, 9);
    const mad_set mapped = draw(ctx, mem, world, MAD_PART_TRAIN, 1, 35);
    const mad_set as_is = draw(ctx, mem, plain, MAD_PART_TRAIN, 1, 35);
    const mad_set held_mapped = draw(ctx, mem, world, MAD_PART_REFERENCE, 1, 15);
    const mad_set held = draw(ctx, mem, plain, MAD_PART_REFERENCE, 1, 15);
    assert_true(world->info.pixel_min == -1 && world->info.pixel_max == 1);
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (size_t i = 0; i < 35 * DIM; i++) {
        low = fmin(low, as_is.x[i]);
        high = fmax(high, as_is.x[i]);
    }
    assert_true(plain->info.pixel_min == low && plain->info.pixel_max == high);
    for (size_t i = 0; i < 35 * DIM; i++) {
        const double expected = 2 * (as_is.x[i] - low) / (high - low) - 1;
        assert_true(fabs(mapped.x[i] - expected) < 1e-15);
        assert_true(fabs(mapped.x[i]) <= 1);
    }
    for (size_t i = 0; i < 15 * DIM; i++) { /* the same map, fixed by the training part */
        assert_true(fabs(held_mapped.x[i] - (2 * (held.x[i] - low) / (high - low) - 1)) < 1e-14);
    }
    mad_arena_destroy(mem);
}

static void test_hash(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    static const char *const some[] = {"rows=20", "reference=0.5", NULL};
    const mad_world *a = make(ctx, mem, &mad_world_csv, none, 9);
    const mad_world *b = make(ctx, mem, &mad_world_csv, none, 9);
    const mad_world *c = make(ctx, mem, &mad_world_csv, none, 10);
    const mad_world *d = make(ctx, mem, &mad_world_csv, some, 9);
    assert_true(a->info.data_hash == b->info.data_hash && a->info.data_hash != 0);
    assert_true(a->info.data_hash != c->info.data_hash && a->info.data_hash != d->info.data_hash);
    assert_int_equal(d->info.n_train, 10);
    assert_int_equal(d->info.n_reference, 10);
    mad_arena_destroy(mem);
}

static void refused(mad_ctx *ctx, mad_arena *mem, const mad_table *table, const char *pair,
                    const char *more, mad_status expected, const char *text)
{
    const char *pairs[] = {pair, more, NULL};
    mad_world *world = NULL;
    const mad_world_type *type = &mad_world_csv;
    assert_int_equal(try_make(ctx, mem, type, pairs, 9, table, &world), expected);
    if (strstr(ctx->message, text) == NULL) {
        fail_msg("'%s' is not in '%s'", text, ctx->message);
    }
    mad_ctx_clear(ctx);
}

static void test_refusals(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_table table = numbered_table();
    refused(ctx, mem, &table, "rows=51", NULL, MAD_E_RANGE, "the file holds 50");
    refused(ctx, mem, &table, "reference=0.001", NULL, MAD_E_RANGE, "leaves 50 to train on and 0");
    refused(ctx, mem, &table, "height=2", "width=3", MAD_E_CONFIG,
            "makes 6 values, but a row has 4");
    refused(ctx, mem, &table, "resize=2", NULL, MAD_E_CONFIG, "give world.height and world.width");
    table.height = table.width = 2;
    refused(ctx, mem, &table, "pad=1", NULL, MAD_E_CONFIG,
            "world.pad is 1, smaller than the picture, 2 x 2");
    table.height = table.width = 0;
    const mad_world *world = make(ctx, mem, &mad_world_csv, none, 9);
    mad_set set;
    assert_int_equal(mad_set_take(ctx, mem, 36, DIM, 0, &set), MAD_OK);
    assert_int_equal(world->type->draw(ctx, world, MAD_PART_TRAIN, (mad_key){0}, &set),
                     MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "36 rows asked of the training part"));
    assert_non_null(strstr(ctx->message, "holds 35"));
    mad_ctx_clear(ctx);
    for (size_t i = 0; i < N_ROWS * DIM; i++) {
        table.x[i] = 7;
    }
    refused(ctx, mem, &table, "range=minmax", NULL, MAD_E_DATA, "is 7");
    mad_arena_destroy(mem);
}

static void test_pictures(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    static const char *const square[] = {"height=2", "width=2", NULL};
    const mad_world *world = make(ctx, mem, &mad_world_npy, square, 9);
    assert_int_equal(world->info.height, 2);
    assert_int_equal(world->info.width, 2);
    assert_int_equal(world->info.channels, 1);
    mad_arena_destroy(mem);
}

/* A 2 x 2 picture averaged to 1 x 1, enlarged to 3 x 3, and framed. */
static void test_sizes(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    static const char *const one[] = {"height=2", "width=2", "resize=1", NULL};
    static const char *const three[] = {"height=2", "width=2", "resize=3", NULL};
    static const char *const framed[] = {"height=2", "width=2", "resize=1", "pad=4", NULL};
    static const double weight[3][2] = {{1, 0}, {0.5, 0.5}, {0, 1}};
    const mad_set plain = draw(ctx, mem, make(ctx, mem, &mad_world_npy, none, 9), 0, 1, 35);
    const mad_world *world = make(ctx, mem, &mad_world_npy, one, 9);
    assert_int_equal(world->info.dim, 1);
    assert_int_equal(world->info.height, 1);
    const mad_set small = draw(ctx, mem, world, MAD_PART_TRAIN, 1, 35);
    const mad_set large =
        draw(ctx, mem, make(ctx, mem, &mad_world_npy, three, 9), MAD_PART_TRAIN, 1, 35);
    world = make(ctx, mem, &mad_world_npy, framed, 9);
    const mad_set frame = draw(ctx, mem, world, MAD_PART_TRAIN, 1, 35);
    assert_int_equal(frame.dim, 16);
    for (size_t i = 0; i < 35; i++) {
        const double *x = plain.x + i * DIM;
        assert_true(small.x[i] == (x[0] + x[1] + x[2] + x[3]) / 4);
        assert_int_equal(small.label[i], plain.label[i]);
        for (size_t j = 0; j < 9; j++) {
            const double *wy = weight[j / 3], *wx = weight[j % 3];
            assert_true(large.x[i * 9 + j] == wy[0] * (wx[0] * x[0] + wx[1] * x[1]) +
                                                  wy[1] * (wx[0] * x[2] + wx[1] * x[3]));
        }
        for (size_t j = 0; j < 16; j++) { /* the pixel stands in row 1, column 1 */
            assert_true(frame.x[i * 16 + j] == (j == 5 ? small.x[i] : world->info.pixel_min));
        }
    }
    mad_arena_destroy(mem);
}

int main(void)
{
    mad_ctx *ctx = mad_ctx_create(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_split, ctx),
        cmocka_unit_test_prestate(test_streams, ctx),
        cmocka_unit_test_prestate(test_uniform, ctx),
        cmocka_unit_test_prestate(test_range, ctx),
        cmocka_unit_test_prestate(test_hash, ctx),
        cmocka_unit_test_prestate(test_refusals, ctx),
        cmocka_unit_test_prestate(test_pictures, ctx),
        cmocka_unit_test_prestate(test_sizes, ctx),
    };
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    mad_ctx_destroy(ctx);
    return n_failed;
}
