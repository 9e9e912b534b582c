/* tests/unit/test_base.c: streams, normals, arena, ordered loops, status list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "sim/base/ctx.h"
#include "sim/base/normal.h"
#include "sim/base/par.h"
#include "sim/base/rng.h"

/* numpy 1.24: PCG64DXSM(SeedSequence(1, spawn_key=(2, 3, 12, 5))).random_raw(3), and the same with
 * a seed and an item of more than 32 bits. */
static void streams_equal_numpy(void **state)
{
    (void)state;
    mad_key key = {.seed = 1, .replicate = 2, .generation = 3, .purpose = MAD_RNG_TEST};
    mad_rng rng = mad_rng_open(key, 5);
    assert_true(mad_rng_next(&rng) == 14110772548687690000ull);
    assert_true(mad_rng_next(&rng) == 16922947630234652149ull);
    assert_true(mad_rng_next(&rng) == 18211292639443375871ull);
    key.seed = 12345678901234ull;
    rng = mad_rng_open(key, 7ull << 32 | 5);
    assert_true(mad_rng_next(&rng) == 5158791720291022801ull);
    assert_true(mad_rng_next(&rng) == 11940950173609406053ull);
}

/* Words taken many at a time are the words taken one by one, and leave the stream where they do. */
static void bulk_words_are_the_same_words(void **state)
{
    (void)state;
    uint64_t word[100];
    for (size_t n = 0; n <= 100; n++) {
        mad_rng bulk = mad_rng_open((mad_key){.seed = 3, .purpose = MAD_RNG_TEST}, n);
        mad_rng single = bulk;
        mad_rng_fill(&bulk, n, word);
        for (size_t i = 0; i < n; i++) {
            assert_true(word[i] == mad_rng_next(&single));
        }
        assert_true(bulk.state == single.state && bulk.inc == single.inc);
    }
}

static void normals_have_prefixes(void **state)
{
    (void)state;
    const mad_key key = {.seed = 4, .purpose = MAD_RNG_TEST};
    double all[1000], part[1000];
    mad_rng rng = mad_rng_open(key, 0);
    mad_rng_normals(&rng, 1000, all);
    for (size_t n = 0; n <= 1000; n += 37) {
        rng = mad_rng_open(key, 0);
        mad_rng_normals(&rng, n, part);
        assert_memory_equal(all, part, n * sizeof *all);
    }
}

/* Every instruction set computes the same law; the vector paths agree bit for bit. */
static void box_muller_paths_agree(void **state)
{
    (void)state;
    enum { N_BLOCKS = 4096, N_WORDS = N_BLOCKS * MAD_HALF_BLOCK, N = 2 * N_WORDS };
    static uint64_t word[N_WORDS];
    static double plain[N];
    mad_rng rng = mad_rng_open((mad_key){.seed = 5, .purpose = MAD_RNG_TEST}, 0);
    mad_rng_fill(&rng, N_WORDS, word);
    word[0] = 0; /* the largest and the smallest radius */
    word[1] = UINT64_MAX;
    for (size_t i = 2; i < 66; i++) { /* u from every binade, all sectors of the angle */
        word[i] = word[i] >> (i - 2);
    }
    for (size_t i = 66; i < 120; i++) { /* ln u with full relative precision near u = 1 */
        word[i] = UINT64_MAX << (i - 66) | word[i] >> (129 - i);
    }
    mad_box_muller_plain(N_BLOCKS, word, plain);
    for (size_t i = 0; i < N; i++) {
        assert_true(isfinite(plain[i]));
    }
#if defined(__x86_64__)
    static double avx2[N], avx512[N];
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        mad_box_muller_avx2(N_BLOCKS, word, avx2);
        for (size_t i = 0; i < N; i++) {
            assert_true(fabs(avx2[i] - plain[i]) <= 1e-14 * (1.0 + fabs(plain[i])));
        }
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        mad_box_muller_avx512(N_BLOCKS, word, avx512);
        assert_memory_equal(avx2, avx512, sizeof avx2);
    }
#endif
}

/* Null: i.i.d. N(0, 1), n = 2^20. z of mean, variance, fourth moment; |z| < 4.89 each is a false
 * alarm of 1e-6. Sees a shift of 0.0072 sd with 99 %. The twins (variance 1.02; both numbers of a
 * pair alike) must fail. */
static double moment_z(const double *x, size_t n, int power, double scale)
{
    static const double expected[] = {0, 0, 1, 0, 3}, variance[] = {0, 1, 2, 0, 96};
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += pow(scale * x[i], power);
    }
    return (sum / (double)n - expected[power]) / sqrt(variance[power] / (double)n);
}

/* The two numbers that come from one word: mean of x^p y^p, 0 for p = 1 and 1 for p = 2. */
static double pair_z(const double *x, size_t n, int power)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i += MAD_NORMAL_BLOCK) {
        for (size_t j = i; j < i + MAD_HALF_BLOCK; j++) {
            sum += pow(x[j] * x[j + MAD_HALF_BLOCK], power);
        }
    }
    const double n_pairs = 0.5 * (double)n, variance = power == 1 ? 1.0 : 8.0;
    return (sum / n_pairs - (power == 1 ? 0.0 : 1.0)) / sqrt(variance / n_pairs);
}

static void normals_are_normal(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static double x[N];
    for (size_t item = 0; item < N / 64;
         item++) { /* many short streams, as the program uses them */
        mad_rng rng = mad_rng_open((mad_key){.seed = 6, .purpose = MAD_RNG_TEST}, item);
        mad_rng_normals(&rng, 64, x + 64 * item);
    }
    assert_true(fabs(moment_z(x, N, 1, 1.0)) < 4.89);
    assert_true(fabs(moment_z(x, N, 2, 1.0)) < 4.89);
    assert_true(fabs(moment_z(x, N, 4, 1.0)) < 4.89);
    assert_true(fabs(pair_z(x, N, 1)) < 4.89);
    assert_true(fabs(pair_z(x, N, 2)) < 4.89);
    assert_false(fabs(moment_z(x, N, 2, sqrt(1.02))) < 4.89);
    for (size_t i = 0; i < N; i += MAD_NORMAL_BLOCK) { /* twin: both numbers of a pair alike */
        memcpy(x + i + MAD_HALF_BLOCK, x + i, MAD_HALF_BLOCK * sizeof *x);
    }
    assert_false(fabs(pair_z(x, N, 1)) < 4.89);
    assert_false(fabs(pair_z(x, N, 2)) < 4.89);
}

/* Position j of 4000 neighbouring streams: mean of x_j^2 over the items is 1 +- sqrt(2/4000).
 * Null: independent streams; largest of 16 |z| < 5.39 is a false alarm of 1e-6 in all. The twin
 * takes the bare item number as increment of one common state: all items then share radii. */
static double largest_z(int hashed)
{
    enum { N_ITEMS = 4000, N = 16 };
    double sum[N] = {0}, x[N], largest = 0.0;
    for (size_t item = 0; item < N_ITEMS; item++) {
        mad_rng rng = hashed ? mad_rng_open((mad_key){.seed = 7, .purpose = MAD_RNG_TEST}, item)
                             : mad_rng_raw(12345, 2 * (mad_u128)item + 1);
        mad_rng_normals(&rng, N, x);
        for (size_t j = 0; j < N; j++) {
            sum[j] += x[j] * x[j];
        }
    }
    for (size_t j = 0; j < N; j++) {
        largest = fmax(largest, fabs((sum[j] / N_ITEMS - 1.0) / sqrt(2.0 / N_ITEMS)));
    }
    return largest;
}

static void neighbouring_streams_are_independent(void **state)
{
    (void)state;
    assert_true(largest_z(1) < 5.39);
    assert_false(largest_z(0) < 5.39);
}

static void below_is_uniform(void **state)
{
    (void)state;
    size_t count[7] = {0};
    mad_rng rng = mad_rng_open((mad_key){.seed = 8, .purpose = MAD_RNG_TEST}, 0);
    for (size_t i = 0; i < 70000; i++) {
        const uint64_t k = mad_rng_below(&rng, 7);
        assert_true(k < 7);
        count[k]++;
    }
    for (size_t k = 0; k < 7; k++) { /* binomial(70000, 1/7): sd 92.6; 4.89 sd = 453 */
        assert_true(fabs((double)count[k] - 10000.0) < 453.0);
    }
}

static void choose_is_a_subset(void **state)
{
    (void)state;
    size_t pick[20], work[50];
    unsigned char seen[50] = {0};
    mad_rng rng = mad_rng_open((mad_key){.seed = 9, .purpose = MAD_RNG_TEST}, 0);
    mad_rng_choose(&rng, 50, 20, pick, work);
    for (size_t i = 0; i < 20; i++) {
        assert_true(pick[i] < 50 && !seen[pick[i]]);
        seen[pick[i]] = 1;
    }
}

static void arena_rewinds_without_growing(void **state)
{
    (void)state;
    mad_arena *arena = mad_arena_create(1000);
    const mad_arena_mark mark = mad_arena_get_mark(arena);
    size_t n_bytes = 0;
    for (size_t turn = 0; turn < 10; turn++) {
        for (size_t i = 1; i < 20; i++) {
            double *x = mad_arena_take(arena, 37 * i, sizeof *x);
            assert_non_null(x);
            assert_int_equal((uintptr_t)x % 64, 0);
            for (size_t k = 0; k < 37 * i; k++) {
                assert_true(x[k] == 0.0);
                x[k] = 1.0;
            }
        }
        if (turn == 0) {
            n_bytes = mad_arena_bytes(arena);
        }
        mad_arena_release(arena, mark);
    }
    assert_int_equal(mad_arena_bytes(arena), n_bytes);
    assert_null(mad_arena_take(arena, SIZE_MAX / 2, 4));
    mad_arena_destroy(arena);
}

static mad_status fail_from_500(mad_ctx *ctx, void *arg, size_t i)
{
    double *out = arg;
    if (i >= 500 && i % 7 == 3) {
        return mad_fail(ctx, MAD_E_DATA, "item %zu", i);
    }
    out[i] = sqrt((double)i);
    return MAD_OK;
}

static void loops_report_the_lowest_failure(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 5; n_threads++) {
        double out[1000] = {0};
        mad_ctx *ctx = mad_ctx_create(n_threads);
        assert_int_equal(mad_par_for(ctx, 500, fail_from_500, out), MAD_OK);
        assert_true(out[499] == sqrt(499.0));
        assert_int_equal(mad_par_for(ctx, 1000, fail_from_500, out), MAD_E_DATA);
        assert_string_equal(ctx->message, "item 500");
        mad_ctx_destroy(ctx);
    }
}

static void the_first_message_is_kept(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(1);
    (void)mad_fail(ctx, MAD_E_IO, "first %d", 1);
    (void)mad_fail(ctx, MAD_E_DATA, "second");
    assert_string_equal(ctx->message, "first 1");
    (void)mad_fail_while(ctx, MAD_E_IO, "reading %s", "x");
    assert_string_equal(ctx->message, "reading x: first 1");
    assert_int_equal(ctx->status, MAD_E_IO);
    assert_int_equal(mad_status_exit_code(MAD_E_NONFINITE), 4);
    assert_int_equal(mad_status_exit_code(MAD_E_INTERRUPTED), 130);
    assert_string_equal(mad_status_text(MAD_E_DATA), "bad data file");
    mad_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_equal_numpy),
        cmocka_unit_test(bulk_words_are_the_same_words),
        cmocka_unit_test(normals_have_prefixes),
        cmocka_unit_test(box_muller_paths_agree),
        cmocka_unit_test(normals_are_normal),
        cmocka_unit_test(neighbouring_streams_are_independent),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(choose_is_a_subset),
        cmocka_unit_test(arena_rewinds_without_growing),
        cmocka_unit_test(loops_report_the_lowest_failure),
        cmocka_unit_test(the_first_message_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
