/* tests/unit/test_map_layers.c: the small kernels of every instruction set against the
 * reference: sums over pixels, windows, resizing, pooling. What only moves numbers gives the same
 * bits; a sum of k terms is off by at most k 2^-24 times the sum of absolute terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/map_case.h"

static void check_small(const mad_map_kernels *ref, const mad_map_kernels *fast, mad_maps shape,
                        size_t side, size_t channels)
{
    const size_t n_taps = side * side,
                 n_pooled = shape.n * (shape.h / 2) * (shape.w / 2) * channels;
    const mad_maps big = {shape.n, 2 * shape.h, 2 * shape.w, shape.c};
    const size_t n_dense = shape.n * shape.h * shape.w * channels, n = mad_maps_floats(shape);
    float *x = mad_test_maps(shape, shape.c), *bigger = mad_test_maps(big, shape.c);
    float *dense = mad_test_normals(n_dense), *bias = mad_test_normals(channels);
    float *sum[2], *wide[2], *gathered[2], *grown[2], *shrunk[2];
    float *pooled[2], *unpooled[2];
    for (int i = 0; i < 2; i++) {
        const mad_map_kernels *k = i == 0 ? ref : fast;
        sum[i] = mad_test_floats(shape.n * shape.c);
        wide[i] = mad_test_maps_empty(shape);
        gathered[i] = mad_test_floats(2 * n_dense);
        grown[i] = mad_test_maps_empty(big);
        shrunk[i] = mad_test_maps_empty(shape);
        pooled[i] = mad_test_floats(n_pooled + 1);
        unpooled[i] = mad_test_maps_empty(shape);
        k->sum_pixels(shape, x + shape.c, sum[i]);
        k->windows(shape, side, channels, dense, wide[i] + shape.c);
        k->gather_windows(shape, side, channels, x + shape.c, bias, gathered[i]);
        k->gather_windows(shape, side, channels, x + shape.c, NULL, gathered[i] + n_dense);
        k->grow(shape, x + shape.c, grown[i] + shape.c);
        k->grow_back(shape, bigger + shape.c, shrunk[i] + shape.c);
        k->pool(shape, channels, x + shape.c, pooled[i]);
        k->pool_back(shape, channels, x + shape.c, dense, unpooled[i] + shape.c);
    }
    mad_test_maps_written(shape, n_taps * channels, wide[1], "windows");
    mad_test_maps_written(shape, channels, unpooled[1], "pool_back");
    mad_test_maps_written(big, shape.c, grown[1], "grow");
    mad_test_maps_written(shape, shape.c, shrunk[1], "grow_back");
    assert_memory_equal(wide[0], wide[1], n * sizeof *x);
    assert_memory_equal(pooled[0], pooled[1], n_pooled * sizeof *x);
    assert_memory_equal(unpooled[0], unpooled[1], n * sizeof *x);
    assert_memory_equal(grown[0], grown[1], mad_maps_floats(big) * sizeof *x);
    double *allowed = mad_test_doubles(n + 2 * n_dense);
    for (size_t i = 0; i < n + 2 * n_dense; i++) {
        const double n_terms = 1.0 + (double)n_taps;
        allowed[i] = n_terms * n_terms * 6.0 * MAD_UNIT; /* normal terms, none beyond 6 */
    }
    mad_test_none_beyond(2 * n_dense, gathered[0], gathered[1], allowed, "gather_windows");
    mad_test_none_beyond(n, shrunk[0], shrunk[1], allowed, "grow_back");
    for (size_t i = 0; i < shape.n * shape.c; i++) {
        const double n_pixels = (double)(shape.h * shape.w);
        allowed[i] = (n_pixels + 1.0) * n_pixels * 6.0 * MAD_UNIT;
    }
    mad_test_none_beyond(shape.n * shape.c, sum[0], sum[1], allowed, "sum_pixels");
    for (int i = 0; i < 2; i++) {
        free(sum[i]), free(wide[i]), free(gathered[i]), free(grown[i]), free(shrunk[i]);
        free(pooled[i]), free(unpooled[i]);
    }
    free(x), free(bigger), free(dense), free(bias), free(allowed);
}

static void small_ones(const mad_map_kernels *ref, const mad_map_kernels *fast)
{
    check_small(ref, fast, (mad_maps){2, 28, 28, 16}, 3, 1);
    check_small(ref, fast, (mad_maps){2, 5, 3, 32}, 3, 3);
    check_small(ref, fast, (mad_maps){3, 1, 1, 48}, 3, 4);
    check_small(ref, fast, (mad_maps){1, 1, 6, 16}, 3, 1);
    check_small(ref, fast, (mad_maps){2, 14, 14, 160}, 5, 6);
    check_small(ref, fast, (mad_maps){2, 4, 5, 32}, 5, 1);
    check_small(ref, fast, (mad_maps){1, 2, 1, 80}, 5, 3);
}

static void test_small(void **state)
{
    (void)state;
    mad_test_each_isa(small_ones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
