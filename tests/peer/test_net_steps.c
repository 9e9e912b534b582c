/* tests/peer/test_net_steps.c: 100 training steps of the multilayer perceptron and of the U-Net follow
 * the losses that PyTorch computes in double precision from the same weights and batches
 * (torch_losses.txt, made by check_torch.py, which repeats the comparison where PyTorch is). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/net_steps.h"

/* Largest relative difference allowed. PyTorch in single precision is off by 7e-7 (MLP) and 3e-6
 * (U-Net) after 100 steps; madloop's kernels by up to 5e-6 and 4e-6. */
#define LIMIT 2e-5

/* losses[kind][step] in double precision */
static double losses[2][MAD_NET_STEPS];

static int read_losses(void **state)
{
    (void)state;
    FILE *f = fopen("tests/peer/torch_losses.txt", "r");
    char line[256];
    size_t n = 0;
    if (f == NULL) {
        return -1;
    }
    while (n < MAD_NET_STEPS && fgets(line, sizeof line, f) != NULL) {
        double single[2];
        size_t step;
        if (line[0] != '#' && sscanf(line, "%zu %lf %lf %lf %lf", &step, &single[0], &losses[0][n],
                                     &single[1], &losses[1][n]) == 5) {
            n++;
        }
    }
    (void)fclose(f);
    return n == MAD_NET_STEPS ? 0 : -1;
}

/* Largest relative difference over the first n steps; without_class: every row trains without. */
static double difference(mad_net_steps_kind kind, size_t n, int without_class)
{
    mad_ctx *ctx = mad_ctx_create(2);
    mad_arena *mem = mad_arena_create(1 << 22);
    const mad_kernels *kernels = NULL;
    mad_net_steps s;
    double worst = 0.0;
    assert_int_equal(mad_kernels_choose(ctx, &kernels), MAD_OK);
    assert_int_equal(mad_net_steps_create(ctx, mem, kernels, kind, &s), MAD_OK);
    for (size_t i = 0; i < n; i++) {
        double loss = 0.0;
        mad_net_steps_batch(&s, i);
        for (size_t r = 0; r < s.n_batch && without_class; r++) {
            s.label[r] = (int32_t)s.net->n_classes;
        }
        assert_int_equal(mad_net_steps_take(ctx, &s, i, &loss), MAD_OK);
        worst = fmax(worst, fabs(loss / losses[kind][i] - 1.0));
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return worst;
}

static void check(mad_net_steps_kind kind)
{
    const double worst = difference(kind, MAD_NET_STEPS, 0);
    print_message("largest relative difference of 100 losses: %.1e\n", worst);
    assert_true(worst <= LIMIT);
    assert_true(difference(kind, 5, 1) > LIMIT);
}

static void test_mlp(void **state)
{
    (void)state;
    check(MAD_NET_STEPS_MLP);
}

static void test_unet(void **state)
{
    (void)state;
    check(MAD_NET_STEPS_UNET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mlp), cmocka_unit_test(test_unet)};
    return cmocka_run_group_tests(tests, read_losses, NULL);
}
