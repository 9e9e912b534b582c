/* tests/support/map_case.h: buffers of feature maps for tests, and how results are compared. */
#ifndef MAD_TESTS_SUPPORT_MAP_CASE_H
#define MAD_TESTS_SUPPORT_MAP_CASE_H

#include "sim/nn/kernels.h"
#include "tests/support/floats.h"

#define MAD_UNIT 0x1p-24 /* half a unit in the last place of 1.0f */

/** Normal numbers as mad_test_draw_floats gives them, a new stream at each call. */
float *mad_test_normals(size_t n);

/** Zeros from calloc, at least one. */
double *mad_test_doubles(size_t n);

/** A buffer of maps. With random numbers in the first n_channels of every pixel, zeros elsewhere; or,
 *  as room for a result, filled with not-a-number. The maps themselves lie at buffer + shape.c. */
float *mad_test_maps(mad_maps shape, size_t n_channels);
float *mad_test_maps_empty(mad_maps shape);

/** Fails unless every real pixel of a result was written, its channels from n_channels on are zero,
 *  and no edge pixel was touched. */
void mad_test_maps_written(mad_maps shape, size_t n_channels, const float *buffer,
                           const char *what);

/** |a - b| <= n MAD_UNIT size for all i; returns the number of those that are not. */
size_t mad_test_n_beyond(size_t n_values, const float *a, const float *b, double n,
                         const double *size);

/** Fails when |a - b| <= allowed does not hold for all i. */
void mad_test_none_beyond(size_t n_values, const float *a, const float *b, const double *allowed,
                          const char *what);

/** Calls check with the reference and every other instruction set that this processor has. */
void mad_test_each_isa(void (*check)(const mad_map_kernels *ref, const mad_map_kernels *fast));

/** Offset of channel 0 of pixel (y, x) of map i, from the maps' pointer. */
size_t mad_test_pixel(mad_maps shape, size_t i, size_t y, size_t x);

#endif
