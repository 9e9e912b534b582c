/* sim/nn/maps_ref.h: the kernels of maps.h as their formulas read: plain loops, sums in double.
 *
 * The including file defines MAD_REAL (type of stored numbers) and MAD_CONV_ADD (mad_conv_add with
 * pointers to it): float makes the reference table, double lets tests check each backward pass
 * against finite differences. The formulas stand in maps.h beside each member.
 */
#include <math.h>
#include <string.h>

#include "sim/nn/maps.h"

typedef MAD_REAL real;

/* Index of channel 0 of pixel (y, x) of map i. */
static size_t pixel(mad_maps shape, size_t i, size_t y, size_t x)
{
    return ((i * shape.h + y) * (shape.w + 1) + x) * shape.c;
}

#include "sim/nn/maps_ref_attention.h"
#include "sim/nn/maps_ref_conv.h"
#include "sim/nn/maps_ref_norm.h"
#include "sim/nn/maps_ref_size.h"
