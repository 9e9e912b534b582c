/* A step of training or sampling allocates nothing: twice the steps, as many calls of malloc. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/trained.h"
#include "tests/support/values.h"

extern const mad_model_type mad_model_flow;

/* ---- glibc's allocator, counted. The test skips where a sanitizer brings its own, and with clang,
 * whose OpenMP takes memory for every parallel region. ---- */

static atomic_size_t n_calls;

#if defined(__GLIBC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                 \
    !defined(__SANITIZE_THREAD__)
enum { IS_COUNTED = 1 };

void *__libc_malloc(size_t n_bytes);
void *__libc_calloc(size_t n, size_t n_bytes);
void *__libc_realloc(void *old, size_t n_bytes);
void *__libc_memalign(size_t alignment, size_t n_bytes);

void *malloc(size_t n_bytes)
{
    n_calls++;
    return __libc_malloc(n_bytes);
}

void *calloc(size_t n, size_t n_bytes)
{
    n_calls++;
    return __libc_calloc(n, n_bytes);
}

void *realloc(void *old, size_t n_bytes)
{
    n_calls++;
    return __libc_realloc(old, n_bytes);
}

void *aligned_alloc(size_t alignment, size_t n_bytes)
{
    n_calls++;
    return __libc_memalign(alignment, n_bytes);
}

int posix_memalign(void **out, size_t alignment, size_t n_bytes)
{
    n_calls++;
    *out = __libc_memalign(alignment, n_bytes);
    return *out == NULL ? ENOMEM : 0;
}
#else
enum { IS_COUNTED = 0 };
#endif

/* ---- what a fit and a draw of so many steps ask for ---- */

typedef struct counts {
    size_t fit, sample;
} counts;

static counts count(mad_ctx *ctx, size_t side, const char *sampler, int n_steps)
{
    enum { N_ROWS = 64 };
    counts out;
    mad_trained t;
    mad_set rows;
    const mad_world_info world = mad_trained_world(3, side);
    char steps[64], walk[64], walk_steps[64];
    const char *const more[] = {steps, "train.batch=16", walk, walk_steps};
    snprintf(steps, sizeof steps, "train.steps=%d", n_steps);
    snprintf(walk, sizeof walk, "sampler.kind=%s", sampler);
    snprintf(walk_steps, sizeof walk_steps, "sampler.steps=%d", n_steps);
    mad_arena *mem = mad_arena_create(1 << 24);
    assert_int_equal(mad_trained_make(ctx, mem, &world, 200, 4, more, &t), MAD_OK);
    assert_int_equal(mad_set_take(ctx, mem, N_ROWS, world.dim, 1, &rows), MAD_OK);
    const mad_fit_args args = mad_trained_fit_args(1, 0);
    size_t before = n_calls;
    assert_int_equal(mad_model_diffusion.fit(ctx, t.model, &t.train, &args), MAD_OK);
    out.fit = n_calls - before;
    before = n_calls;
    assert_int_equal(mad_model_diffusion.sample(
                         ctx, t.model, (mad_key){.seed = 3, .purpose = MAD_RNG_TEST}, 0, &rows),
                     MAD_OK);
    out.sample = n_calls - before;
    mad_arena_destroy(mem);
    return out;
}

static void test_steps(void **state)
{
    (void)state;
    static const size_t sides[] = {0, 8}; /* multilayer perceptron, U-Net */
    static const char *const samplers[] = {"ancestral", "heun", "dpmpp_2m", "abm3"};
    if (!IS_COUNTED) {
        print_message(
            "skipped: another allocator, or an OpenMP that allocates, is in the program\n");
        skip();
    }
    const size_t before = n_calls;
    void *volatile block = aligned_alloc(64, 64); /* volatile: a compiler may drop an unused pair */
    free(block);
    assert_int_equal(n_calls - before, 1);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
            mad_ctx *ctx = mad_ctx_create(2);
            assert_non_null(ctx);
            (void)count(ctx, sides[i], samplers[k], 24); /* scratch grows, threads start */
            const counts few = count(ctx, sides[i], samplers[k], 12);
            const counts many = count(ctx, sides[i], samplers[k], 24);
            assert_int_equal(few.fit, many.fit);
            assert_int_equal(few.sample, many.sample);
            mad_ctx_destroy(ctx);
        }
    }
}

static size_t count_flow(mad_ctx *ctx, int n_steps)
{
    enum { N_ROWS = 200 };
    char steps[64];
    const char *const pairs[] = {steps, "train.batch=16", "layers=4"};
    const mad_world_info world = mad_trained_world(0, 0);
    const mad_fit_args fit = mad_trained_fit_args(1, 0);
    mad_arena *mem = mad_arena_create(1 << 24);
    mad_values values;
    mad_model *model = NULL;
    mad_set rows;
    snprintf(steps, sizeof steps, "train.steps=%d", n_steps);
    assert_int_equal(mad_values_of(ctx, mem, mad_model_flow.params, 3, pairs, &values), MAD_OK);
    const mad_model_args args = {
        .values = &values, .world = &world, .max_train_rows = N_ROWS, .n_generations = 1};
    assert_int_equal(mad_model_flow.create(ctx, &args, mem, &model), MAD_OK);
    assert_int_equal(mad_set_take(ctx, mem, N_ROWS, world.dim, 0, &rows), MAD_OK);
    mad_rng rng = mad_rng_open((mad_key){.seed = 3, .purpose = MAD_RNG_TEST}, 0);
    mad_rng_normals(&rng, N_ROWS * world.dim, rows.x);
    const size_t before = n_calls;
    assert_int_equal(mad_model_flow.fit(ctx, model, &rows, &fit), MAD_OK);
    const size_t n = n_calls - before;
    mad_arena_destroy(mem);
    return n;
}

static void test_flow_steps(void **state)
{
    (void)state;
    if (!IS_COUNTED) {
        skip();
    }
    mad_ctx *ctx = mad_ctx_create(2);
    assert_non_null(ctx);
    (void)count_flow(ctx, 24);
    const size_t few = count_flow(ctx, 12);
    assert_int_equal(count_flow(ctx, 24), few);
    mad_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_flow_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
