/* tests/support/theory_case.c: see the header. */
#include "tests/support/theory_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/values.h"

static mad_theory_case shared;

int mad_theory_set_up(void **state)
{
    shared.ctx = mad_ctx_create(1);
    shared.mem = mad_arena_create(1 << 20);
    *state = &shared;
    return shared.ctx == NULL || shared.mem == NULL;
}

int mad_theory_tear_down(void **state)
{
    mad_theory_case *f = *state;

    mad_arena_destroy(f->mem);
    mad_ctx_destroy(f->ctx);
    return 0;
}

void mad_theory_near(double value, double expected, double tolerance, const char *what, int line)
{
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("line %d: %s = %.15g, not %.15g +- %g", line, what, value, expected, tolerance);
    }
}

mad_values mad_theory_values_of(mad_theory_case *f, const mad_param *params, const char *text)
{
    const char *pairs[16];
    char *copy = mad_arena_text(f->mem, text), *rest = NULL;
    size_t n = 0;
    mad_values values;

    for (char *p = strtok_r(copy, " ", &rest); p != NULL; p = strtok_r(NULL, " ", &rest)) {
        pairs[n++] = p;
    }
    if (mad_values_of(f->ctx, f->mem, params, n, pairs, &values) != MAD_OK) {
        fail_msg("'%s': %s", text, f->ctx->message);
    }
    return values;
}

mad_loop *mad_theory_loop_of(mad_theory_case *f, const char *text, size_t n_generations,
                             mad_values *values)
{
    mad_loop *loop = NULL;

    *values = mad_theory_values_of(f, mad_loop_custom.params, text);
    if (mad_loop_custom.create(f->ctx, values, n_generations, f->mem, &loop) != MAD_OK) {
        fail_msg("'%s': %s", text, f->ctx->message);
    }
    return loop;
}
