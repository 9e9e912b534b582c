/* sim/nn/maps_ref.c: the reference kernels on feature maps, stored as float. */
#include "sim/nn/tables.h"

#define MAD_REAL     float
#define MAD_CONV_ADD mad_conv_add
#include "sim/nn/maps_ref.h"

/* Weights are read as they lie, and no pass needs scratch. */
static size_t conv_packed(const mad_conv *conv)
{
    return conv->taps * conv->c_in * conv->c_out;
}

static void conv_pack(const mad_conv *conv, const float *w, float *packed)
{
    memcpy(packed, w, conv_packed(conv) * sizeof *w);
}

static size_t conv_scratch(const mad_conv *conv, size_t n)
{
    (void)conv;
    (void)n;
    return 0;
}

static size_t attention_scratch(mad_maps shape)
{
    (void)shape;
    return 0;
}

size_t mad_maps_floats(mad_maps shape)
{
    return (shape.n * shape.h * (shape.w + 1) + 1) * shape.c;
}

const mad_map_kernels mad_maps_ref = {
    .conv_packed = conv_packed,
    .conv_pack = conv_pack,
    .conv_scratch = conv_scratch,
    .conv = conv,
    .conv_back = conv_back,
    .conv_back_weights = conv_back_weights,
    .sum_pixels = sum_pixels,
    .windows = windows,
    .gather_windows = gather_windows,
    .pool = pool,
    .pool_back = pool_back,
    .norm = norm,
    .norm_back = norm_back,
    .grow = grow,
    .grow_back = grow_back,
    .attention = attention,
    .attention_back = attention_back,
    .attention_scratch = attention_scratch,
};
