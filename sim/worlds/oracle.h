/* sim/worlds/oracle.h: what worlds that read back their rows share.
 *
 * One of pictures draws a row as x = 2 light - 1 + noise e, light 0..1, e ~ N(0, 1): in each chunk of rows
 * a stream gives, row by row, first what the row is made of and then its dim normals.
 */
#ifndef MAD_WORLDS_ORACLE_H
#define MAD_WORLDS_ORACLE_H

#include "sim/iface/world.h"

/** light[n] of pixels x[n], kept within -4..4 so that no fit overflows. */
void mad_oracle_light(size_t n, const double *x, double *light);

/** Root mean square of pixels x[n] less those of a drawing light[n], without overflow. */
double mad_oracle_residual(size_t n, const double *x, const double *light);

/** Read one row, x, into row i of out; work: of this thread, zeroed at first. */
typedef void (*mad_oracle_read)(const mad_world *world, void *work, const double *x, size_t i,
                                mad_recovery *out);

/**
 * mad_world_type.recover, row by row. MAD_E_MEMORY.
 * threads  parallel over chunks of rows, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_oracle_rows(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                          size_t work_bytes, mad_oracle_read read,
                                          mad_recovery *out);

/** Take from the stream what row i is made of: all of it but residual (0) and valid (1). */
typedef void (*mad_oracle_next)(const mad_world *world, mad_rng *rng, size_t i, mad_recovery *out);

/** mad_world_type.draw_factors: the streams of `draw` again, noise dropped. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_oracle_truth(mad_ctx *ctx, const mad_world *world, mad_key key,
                                           mad_oracle_next next, mad_recovery *out);

#endif
