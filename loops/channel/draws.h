/* loops/channel/draws.h: what channels share: random numbers by row, shares, the rows of a plan. */
#ifndef MAD_LOOPS_CHANNEL_DRAWS_H
#define MAD_LOOPS_CHANNEL_DRAWS_H

#include "sim/iface/setting.h"

/* First stream item of what acts on a training set; below it lies what acts on emitted rows. */
#define MAD_RECEIVE_ITEM ((uint64_t)1 << 32)

/** u[n] uniform in [0, 1), z[n] standard normal: a stream for every MAD_CHUNK rows, from first_item
 *  on. */
void mad_channel_uniforms(mad_key key, uint64_t first_item, size_t n, double *u);
void mad_channel_normals(mad_key key, uint64_t first_item, size_t n, double *z);

/** n / of; NaN where there is nothing to take a share of. */
double mad_channel_share(double n, double of);

/** Rows of the training set of a generation from 2 on, by kind. */
MAD_MUST_CHECK mad_status mad_channel_plan(mad_ctx *ctx, const mad_setting *setting,
                                           size_t generation, size_t *n_real, size_t *n_synthetic);

/** Of all these training sets together; both 0 when the run ends before. */
MAD_MUST_CHECK mad_status mad_channel_totals(mad_ctx *ctx, const mad_setting *setting,
                                             size_t *n_real, size_t *n_synthetic);

/** MAD_E_CONFIG: a key that was set, though it needs something else. */
MAD_MUST_CHECK mad_status mad_channel_refuse(mad_ctx *ctx, const mad_setting *setting,
                                             mad_key_use use);

#endif
