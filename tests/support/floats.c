/* tests/support/floats.c: see the header. */
#include "tests/support/floats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

float *mad_test_floats(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 64) / 64 * 64);
    assert_non_null(x);
    return x;
}

float *mad_test_draw_floats(mad_rng rng, size_t n)
{
    float *x = mad_test_floats(n);
    mad_rng_normals_f32(&rng, n, x);
    return x;
}
