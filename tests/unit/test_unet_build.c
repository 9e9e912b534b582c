/* tests/unit/test_unet_build.c: what a U-Net consists of: its size, its initial parameters, and the
 * options that are refused. */
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/tensor.h"
#include "tests/support/unet_28.h"

static const mad_key key = {.seed = 3, .purpose = MAD_RNG_TEST};

/* Counted independently from the same network in PyTorch: parameters, multiply-adds. Segments cover
 * what is trained, in order. */
static void test_peer_size(void **state)
{
    (void)state;
    mad_net *net = NULL;
    must(mad_unet_create(ctx, mad_kernels_for(MAD_ISA_PLAIN), &mad_test_unet_28, mem, &net));
    assert_int_equal(net->n_weights, 799873);
    assert_true(net->macs == 118060416.0);
    size_t covered = 0;
    mad_tensor t;
    for (size_t i = 0; i < net->n_segments; i++) {
        const mad_segment s = net->type->segment(net, i);
        assert_int_equal(s.begin, covered);
        assert_int_equal(s.begin % 16 + s.count % 16, 0);
        covered += s.count;
    }
    for (size_t i = 0; net->type->tensor(net, i, &t); i++) {
        assert_true(t.trained ? t.offset < covered : t.offset == covered);
    }
}

/* PyTorch's defaults: |w| <= 1 / sqrt(fan-in) with its variance a third of that (|z| < 4.89 of the
 * mean square of n uniforms: sd sqrt(4 / (5 n))), norms 1 and 0, the last convolution 0. */
static void test_init(void **state)
{
    (void)state;
    mad_net *net = NULL;
    must(mad_unet_create(ctx, mad_kernels_for(MAD_ISA_PLAIN), &mad_test_unet_28, mem, &net));
    float *theta = mad_arena_take(mem, net->n_params, sizeof *theta);
    net->type->init(net, key, 7, theta);
    mad_tensor t;
    for (size_t i = 0; net->type->tensor(net, i, &t); i++) {
        double square = 0.0, most = 0.0, expected = -1.0;
        for (size_t j = 0; j < mad_test_tensor_count(&t); j++) {
            const double w = (double)theta[mad_test_tensor_at(&t, j)];
            square += w * w / (double)mad_test_tensor_count(&t);
            most = fmax(most, fabs(w));
        }
        if (strcmp(t.name, "up.1.0.conv1.weight.skip") == 0) {
            expected = 1.0 / (128.0 * 9.0);
        } else if (strcmp(t.name, "embed.2.weight") == 0) {
            expected = 1.0 / 128.0;
        }
        if (expected > 0.0) {
            assert_true(most <= sqrt(expected));
            assert_true(fabs(3.0 * square / expected - 1.0) <
                        4.89 * sqrt(0.8 / (double)mad_test_tensor_count(&t)));
        }
        if (strstr(t.name, "norm") != NULL) {
            assert_true(square == (strstr(t.name, "weight") != NULL ? 1.0 : 0.0));
        }
        if (strncmp(t.name, "out.conv", 8) == 0) {
            assert_true(most == 0.0);
        }
    }
}

static void refuse(mad_unet_options o, const char *words)
{
    mad_net *net = NULL;
    assert_int_equal(mad_unet_create(ctx, mad_kernels_for(MAD_ISA_PLAIN), &o, mem, &net),
                     MAD_E_CONFIG);
    if (strstr(ctx->message, words) == NULL) {
        fail_msg("'%s' does not say '%s'", ctx->message, words);
    }
    mad_ctx_clear(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    mad_unet_options o = mad_test_unet_28;
    o.n_levels = 4;
    o.mult[3] = 2;
    refuse(o, "net.mult: pictures of 28 x 28 cannot be halved 3 times");
    o.height = o.width = 2;
    refuse(o, "multiples of 8"); /* a level below one pixel */
    o = mad_test_unet_28;
    o.width = 30;
    refuse(o, "28 x 30");
    o.patch = 2;
    refuse(o, "multiples of 8");
    o.patch = 3;
    refuse(o, "net.patch must be 1 or 2, got 3");
    o = mad_test_unet_28;
    o.groups = 7;
    refuse(o, "net.groups must be even");
    o.groups = 64;
    refuse(o, "multiple of model.net.groups 64");
    o = mad_test_unet_28;
    o.n_levels = 6;
    refuse(o, "1 to 5 levels, got 6");
    o.n_levels = 0;
    refuse(o, "1 to 5 levels, got 0");
    o = mad_test_unet_28;
    o.mult[1] = 0;
    refuse(o, "0 channels");
    o = mad_test_unet_28;
    o.channels = 5;
    refuse(o, "1 to 4 channels, got 5");
    o = mad_test_unet_28;
    o.n_embed = 5;
    refuse(o, "net.embedding must be even");
    o = mad_test_unet_28;
    o.n_blocks = 0;
    refuse(o, "net.blocks");
    o = mad_test_unet_28;
    o.n_hidden = 0;
    refuse(o, "net.hidden");
    o = mad_test_unet_28;
    o.height = 0;
    refuse(o, "edges of 1 to");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer_size),
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
