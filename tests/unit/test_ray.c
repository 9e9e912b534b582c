/* tests/unit/test_ray.c: the boundary along a ray is found, with few looks, whatever the values. */
#include <math.h>
#include <stdint.h>

#include "sim/cli/ray.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { N = 12 };

/* Look until nothing is left to look at; returns how often. */
static size_t trace(const double *truth, size_t n, mad_ray_hint hint, mad_ray_bracket *out)
{
    mad_probe probe[64] = {{.state = MAD_PROBE_UNKNOWN}};
    const mad_ray ray = {n, probe};
    size_t n_looks = 0;
    for (size_t i; (i = mad_ray_next(&ray, &hint)) != SIZE_MAX; n_looks++) {
        assert_true(i < n && probe[i].state == MAD_PROBE_UNKNOWN);
        probe[i].value = truth[i];
        probe[i].state = isnan(truth[i])  ? MAD_PROBE_OPEN
                         : truth[i] < 0.0 ? MAD_PROBE_INSIDE
                                          : MAD_PROBE_OUTSIDE;
    }
    *out = mad_ray_look(&ray);
    return n_looks;
}

static const mad_ray_hint none = {(double)NAN, (double)NAN};

static void every_boundary_is_found(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n++) {
        for (size_t at = 0; at <= n; at++) { /* points below `at` are inside */
            double truth[64];
            mad_ray_bracket b;
            for (size_t i = 0; i < n; i++) {
                truth[i] = (double)i - (double)at + 0.25;
            }
            for (int kind = 0; kind < 3; kind++) {
                const mad_ray_hint hint = {kind == 0   ? (double)NAN
                                           : kind == 1 ? 0.0
                                                       : (double)at,
                                           kind == 0 ? (double)NAN : 1.0};
                const size_t n_looks = trace(truth, n, hint, &b);
                assert_int_equal(b.inside, (ptrdiff_t)at - 1);
                assert_int_equal(b.outside, at);
                assert_true(b.is_consistent);
                assert_true(n_looks <= n);
                if (kind == 2) { /* a right hint leaves the two neighbours to look at */
                    assert_true(n_looks <= 3);
                }
                if (at > 0 && at < n) {
                    assert_true(fabs(b.crossing - ((double)at - 0.25)) < 1e-12);
                    assert_true(fabs(b.slope - 1.0) < 1e-12);
                }
            }
        }
    }
}

static void steps_need_bisection(void **state)
{
    (void)state;
    for (size_t at = 0; at <= N; at++) {
        double truth[N];
        mad_ray_bracket b;
        for (size_t i = 0; i < N; i++) {
            truth[i] = i < at ? -1.0 : 1.0; /* no slope to be led by */
        }
        assert_true(trace(truth, N, none, &b) <= 6);
        assert_int_equal(b.outside, at);
    }
}

static void open_points_widen_the_bracket(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    const double truth[N] = {-5, -4, -3, -2, -1, nan, nan, nan, 1, 2, 3, 4};
    mad_ray_bracket b;
    (void)trace(truth, N, none, &b);
    assert_int_equal(b.inside, 4);
    assert_int_equal(b.outside, 8);
    assert_true(b.crossing > 4.0 && b.crossing < 8.0);
    const double all[3] = {nan, nan, nan};
    assert_int_equal(trace(all, 3, none, &b), 3);
    assert_int_equal(b.inside, -1);
    assert_int_equal(b.outside, 3);
}

static void disorder_is_seen(void **state)
{
    (void)state;
    mad_probe probe[4] = {{MAD_PROBE_INSIDE, -1.0},
                          {MAD_PROBE_OUTSIDE, 1.0},
                          {MAD_PROBE_INSIDE, -1.0},
                          {MAD_PROBE_UNKNOWN, 0.0}};
    const mad_ray ray = {4, probe};
    assert_false(mad_ray_look(&ray).is_consistent);
    assert_int_equal(mad_ray_next(&ray, &none), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_boundary_is_found),
        cmocka_unit_test(steps_need_bisection),
        cmocka_unit_test(open_points_widen_the_bracket),
        cmocka_unit_test(disorder_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
