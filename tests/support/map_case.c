/* tests/support/map_case.c */
#include "tests/support/map_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

float *mad_test_normals(size_t n)
{
    static uint64_t next_item;
    const mad_key key = {.seed = 5, .purpose = MAD_RNG_TEST};
    return mad_test_draw_floats(mad_rng_open(key, next_item++), n);
}

double *mad_test_doubles(size_t n)
{
    double *x = calloc(n + 1, sizeof *x);
    assert_non_null(x);
    return x;
}

size_t mad_test_pixel(mad_maps shape, size_t i, size_t y, size_t x)
{
    return ((i * shape.h + y) * (shape.w + 1) + x) * shape.c;
}

float *mad_test_maps(mad_maps shape, size_t n_channels)
{
    const size_t n = mad_maps_floats(shape);
    float *buffer = mad_test_normals(n);
    memset(buffer, 0, shape.c * sizeof *buffer);
    for (size_t i = shape.c; i < n; i++) {
        const size_t pixel = (i - shape.c) / shape.c;
        if (i % shape.c >= n_channels || pixel % (shape.w + 1) == shape.w) {
            buffer[i] = 0.0f;
        }
    }
    return buffer;
}

float *mad_test_maps_empty(mad_maps shape)
{
    const size_t n = mad_maps_floats(shape);
    float *buffer = mad_test_floats(n);
    for (size_t i = 0; i < n; i++) {
        buffer[i] = NAN;
    }
    return buffer;
}

void mad_test_maps_written(mad_maps shape, size_t n_channels, const float *buffer, const char *what)
{
    const size_t n = mad_maps_floats(shape);
    for (size_t i = 0; i < n; i++) {
        const size_t pixel = (i - shape.c) / shape.c;
        const int edge = i < shape.c || pixel % (shape.w + 1) == shape.w;
        if ((isnan(buffer[i]) != 0) != edge) {
            fail_msg("%s[%zu]: %s", what, i, edge ? "edge pixel written" : "not written");
        }
        if (!edge && i % shape.c >= n_channels && buffer[i] != 0.0f) {
            fail_msg("%s[%zu]: pad is %.9g", what, i, (double)buffer[i]);
        }
    }
}

size_t mad_test_n_beyond(size_t n_values, const float *a, const float *b, double n,
                         const double *size)
{
    size_t n_beyond = 0;
    for (size_t i = 0; i < n_values; i++) {
        const int both_empty = isnan(a[i]) && isnan(b[i]); /* edge pixels of results */
        const double error = fabs((double)a[i] - (double)b[i]);
        n_beyond += !both_empty && !(error <= n * MAD_UNIT * size[i]);
    }
    return n_beyond;
}

void mad_test_none_beyond(size_t n_values, const float *a, const float *b, const double *allowed,
                          const char *what)
{
    const size_t n_beyond = mad_test_n_beyond(n_values, a, b, 1.0 / MAD_UNIT, allowed);
    if (n_beyond != 0) {
        fail_msg("%s: %zu of %zu beyond the bound", what, n_beyond, n_values);
    }
}

void mad_test_each_isa(void (*check)(const mad_map_kernels *ref, const mad_map_kernels *fast))
{
    for (int isa = MAD_ISA_PLAIN; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *fast = mad_kernels_for((mad_isa)isa);
        if (fast == NULL) {
            print_message("instruction set %d: not on this processor\n", isa);
            continue;
        }
        check(mad_kernels_for(MAD_ISA_REFERENCE)->maps, fast->maps);
    }
}
