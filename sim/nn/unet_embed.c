/* sim/nn/unet_embed.c: noise level and class -> one shift per residual block, image and channel.
 *
 *   z1 = W1 [sin, cos](c_noise f) + b1,  z2 = W2 silu(z1) + b2 + C[label],  shift = T silu(z2) + t.
 *
 * The class is a one-hot input of the second layer; "no class" is the last row of C.
 */
#include <string.h>

#include "sim/nn/internal.h"
#include "sim/nn/unet.h"

/* A weight matrix [n_in][ld_hidden] read in place as the right-hand factor of a product. */
static mad_panels in_place(const unet_embed *e, const float *w)
{
    return (mad_panels){w, e->ld_hidden, MAD_PANEL};
}

int mad_unet_embed_take(const unet *net, mad_arena *mem, unet_work *work)
{
    const unet_embed *e = &net->embed;
    const size_t rows = net->base.block_rows;
    const size_t n_rows = work->for_training ? rows : e->n_labels;
    work->ld_waves = mad_round_up(e->n_waves, MAD_PANEL);
    work->ld_y1 = mad_round_up(e->ld_hidden + e->n_label_inputs, MAD_PANEL);
    work->ld_y2 = e->ld_hidden;
    work->waves = mad_arena_take_raw(mem, rows * work->ld_waves, sizeof(float));
    work->y1 = mad_arena_take_raw(mem, rows * work->ld_y1, sizeof(float));
    work->y2 = mad_arena_take_raw(mem, rows * work->ld_y2, sizeof(float));
    work->rows = mad_arena_take_raw(mem, n_rows * e->n_channels, sizeof(float));
    work->shift = mad_arena_take_raw(mem, rows * e->n_channels, sizeof(float));
    if (work->for_training) {
        work->slope1 = mad_arena_take_raw(mem, rows * work->ld_y1, sizeof(float));
        work->slope2 = mad_arena_take_raw(mem, rows * work->ld_y2, sizeof(float));
        work->shift_grad = mad_arena_take_raw(mem, rows * e->n_channels, sizeof(float));
    }
    return work->waves != NULL && work->y1 != NULL && work->y2 != NULL && work->rows != NULL &&
           work->shift != NULL &&
           (!work->for_training ||
            (work->slope1 != NULL && work->slope2 != NULL && work->shift_grad != NULL));
}

/* out[r] = shifts of all blocks, row by row. */
static void run(const unet *net, const float *theta, size_t n_rows, const float *c_noise,
                const int32_t *label, unet_work *work, float *out)
{
    const unet_embed *e = &net->embed;
    const mad_kernels *kernels = net->base.kernels;
    kernels->waves(n_rows, e->n_waves / 2, c_noise, theta + e->frequencies, work->waves,
                   work->ld_waves);
    kernels->affine_silu(n_rows, e->n_waves, e->ld_hidden, work->waves, work->ld_waves,
                         in_place(e, theta + e->first), theta + e->first_bias, work->y1,
                         work->slope1, work->ld_y1);
    for (size_t r = 0; r < n_rows && e->n_label_inputs > 0; r++) {
        float *onehot = work->y1 + r * work->ld_y1 + e->ld_hidden;
        memset(onehot, 0, e->n_label_inputs * sizeof *onehot);
        onehot[label[r]] = 1.0f;
    }
    kernels->affine_silu(n_rows, e->ld_hidden + e->n_label_inputs, e->ld_hidden, work->y1,
                         work->ld_y1, in_place(e, theta + e->mix), theta + e->mix_bias, work->y2,
                         work->slope2, work->ld_y2);
    kernels->affine_few(n_rows, e->ld_hidden, e->n_channels, work->y2, work->ld_y2, theta + e->last,
                        theta + e->last_bias, out, e->n_channels);
}

/* Row r of work->shift, block by block, from a row of all blocks. */
static void spread(const unet *net, size_t r, const float *from, unet_work *work)
{
    for (size_t i = 0; i < net->embed.n_shifts; i++) {
        const unet_shift *s = &net->embed.shift[i];
        memcpy(work->shift + net->base.block_rows * s->at + r * s->c, from + s->at,
               s->c * sizeof *from);
    }
}

void mad_unet_embed(const unet *net, const float *theta, size_t n_rows, unet_work *work)
{
    run(net, theta, n_rows, work->base.c_noise, work->base.label, work, work->rows);
    for (size_t r = 0; r < n_rows; r++) {
        spread(net, r, work->rows + r * net->embed.n_channels, work);
    }
}

void mad_unet_embed_labels(const unet *net, const float *theta, float c_noise, unet_work *work)
{
    for (size_t k = 0; k < net->embed.n_labels; k++) {
        const int32_t label = (int32_t)k;
        run(net, theta, 1, &c_noise, &label, work, work->rows + k * net->embed.n_channels);
    }
}

void mad_unet_pick_labels(const unet *net, size_t n_rows, unet_work *work)
{
    const unet_embed *e = &net->embed;
    for (size_t r = 0; r < n_rows; r++) {
        const size_t label = e->n_label_inputs > 0 ? (size_t)work->base.label[r] : 0;
        spread(net, r, work->rows + label * e->n_channels, work);
    }
}

/* The second layer's transpose, for the gradient of silu(z1). */
void mad_unet_embed_pack(const unet *net, const float *theta, float *packed)
{
    const unet_embed *e = &net->embed;
    const float *w = theta + e->mix;
    float *to = packed + e->mix_packed;
    for (size_t panel = 0; panel < e->ld_hidden; panel += MAD_PANEL) {
        for (size_t o = 0; o < e->n_hidden; o++) {
            for (size_t i = 0; i < MAD_PANEL; i++) {
                *to++ = w[(panel + i) * e->ld_hidden + o];
            }
        }
    }
}

void mad_unet_embed_back(const unet *net, const float *theta, const float *packed, size_t n_rows,
                         unet_work *work, float *grad)
{
    const unet_embed *e = &net->embed;
    const mad_kernels *kernels = net->base.kernels;
    const size_t ld = e->ld_hidden, n_mix = ld + e->n_label_inputs;
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t i = 0; i < e->n_shifts; i++) {
            const unet_shift *s = &e->shift[i];
            memcpy(work->rows + r * e->n_channels + s->at,
                   work->shift_grad + net->base.block_rows * s->at + r * s->c,
                   s->c * sizeof(float));
        }
    }
    kernels->back_weights(n_rows, e->n_channels, ld, work->rows, e->n_channels, work->y2,
                          work->ld_y2, grad + e->last, ld);
    kernels->back_bias(n_rows, e->n_channels, work->rows, e->n_channels, grad + e->last_bias);
    kernels->back_rows(n_rows, e->n_channels, ld, work->rows, e->n_channels,
                       in_place(e, theta + e->last), work->slope2, work->ld_y2);
    kernels->back_weights(n_rows, n_mix, ld, work->y1, work->ld_y1, work->slope2, work->ld_y2,
                          grad + e->mix, ld);
    kernels->back_bias(n_rows, ld, work->slope2, work->ld_y2, grad + e->mix_bias);
    const mad_panels mix = {packed + e->mix_packed, MAD_PANEL, e->n_hidden * MAD_PANEL};
    kernels->back_rows(n_rows, e->n_hidden, ld, work->slope2, work->ld_y2, mix, work->slope1,
                       work->ld_y1);
    kernels->back_weights(n_rows, e->n_waves, ld, work->waves, work->ld_waves, work->slope1,
                          work->ld_y1, grad + e->first, ld);
    kernels->back_bias(n_rows, ld, work->slope1, work->ld_y1, grad + e->first_bias);
}
