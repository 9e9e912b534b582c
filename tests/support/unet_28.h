/* tests/support/unet_28.h: the U-Net for digits of 28 x 28 pixels whose size was counted elsewhere. */
#ifndef MAD_TESTS_SUPPORT_UNET_28_H
#define MAD_TESTS_SUPPORT_UNET_28_H

#include "sim/nn/net.h"

static const mad_unet_options mad_test_unet_28 = {.height = 28,
                                                  .width = 28,
                                                  .channels = 1,
                                                  .n_classes = 10,
                                                  .patch = 1,
                                                  .base = 32,
                                                  .n_levels = 3,
                                                  .mult = {1, 2, 2},
                                                  .n_blocks = 1,
                                                  .attention = {0, 0, 1},
                                                  .groups = 8,
                                                  .n_embed = 32,
                                                  .n_hidden = 128};

#endif
