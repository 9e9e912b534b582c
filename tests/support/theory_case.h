/* tests/support/theory_case.h: loops and parameters as text, for the tests of closed forms. */
#ifndef MAD_TESTS_SUPPORT_THEORY_CASE_H
#define MAD_TESTS_SUPPORT_THEORY_CASE_H

#include "sim/iface/loop.h"

#define MAD_THEORY_MAX_GENS 12000

/** The test fails, naming the line, unless |value - expected| <= tolerance. */
#define ASSERT_NEAR(value, expected, tolerance)                                                    \
    mad_theory_near(value, expected, tolerance, #value, __LINE__)

#define N_SIZES(a) (sizeof(a) / sizeof((a)[0]))

typedef struct mad_theory_case {
    mad_ctx *ctx;
    mad_arena *mem;
    double drift[MAD_THEORY_MAX_GENS], spread[MAD_THEORY_MAX_GENS];
} mad_theory_case;

/** Set-up and tear-down of a cmocka group whose state is a mad_theory_case. */
int mad_theory_set_up(void **state);
int mad_theory_tear_down(void **state);

void mad_theory_near(double value, double expected, double tolerance, const char *what, int line);

/** Values of a table from "a=1 b=2". */
mad_values mad_theory_values_of(mad_theory_case *f, const mad_param *params, const char *text);

/** The loop of such values of loop `custom`, which outlive it. */
mad_loop *mad_theory_loop_of(mad_theory_case *f, const char *text, size_t n_generations,
                             mad_values *values);

#endif
