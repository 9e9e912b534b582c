/* tests/support/near.h: numbers that must agree. */
#ifndef MAD_TESTS_SUPPORT_NEAR_H
#define MAD_TESTS_SUPPORT_NEAR_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline void assert_near(double a, double b, double allowed)
{
    if (!(fabs(a - b) <= allowed)) {
        fail_msg("%.12g against %.12g, allowed %.3g", a, b, allowed);
    }
}

#endif
