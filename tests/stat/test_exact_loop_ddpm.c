/* tests/stat/test_exact_loop_ddpm.c: D3's loops of the ancestral sampler, 500 noisy steps a row: apart
 * from the others because they take minutes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/stat/exact_loop.h"

/* v_0 = 1 after 10 generations on `ring`, T = 500 without rescaling: beta 0.9990, beta_tilde 0.8801.
 * Chance after ten generations of n rows is sqrt(10 / n) = 0.0022: 1 % is a false alarm of 8e-6. The
 * twin is the other sigma2. */
static void test_ancestral_loops(void **state)
{
    (void)state;
    enum { N = 2000000, N_TWIN = 200000 };
    static const char *const beta[] = {"covariance=spherical", "schedule.steps=500",
                                       "schedule.rescale=no"};
    static const char *const tilde[] = {"covariance=spherical", "schedule.steps=500",
                                        "schedule.rescale=no", "sampler.sigma2=beta_tilde"};
    mad_ctx *ctx = mad_ctx_create(2);
    const double v = mad_exact_loop_ring(ctx, 6, N, 10, 3, beta);
    const double w = mad_exact_loop_ring(ctx, 6, N_TWIN, 10, 4, tilde);
    print_message("beta %.4f (0.9990), beta_tilde %.4f (0.8801)\n", v, w);
    assert_true(fabs(log(v / 0.9990)) < 0.01);
    assert_true(fabs(log(w / 0.9990)) > 0.01);
    assert_true(fabs(log(w / 0.8801)) < 4.89 * sqrt(10.0 / N_TWIN));
    mad_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ancestral_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
