/* sim/nn/lenet.c: see the header. A parameter block is [conv1 conv2 dense1 dense2 dense3], each the
 * matrix [n_in][n_out] and the bias [n_out], padded; a convolution is a 1x1 one on 5x5 windows, its
 * matrix rows are (5 ky + kx) channels + k. Convolutions run picture by picture, so that windows stay
 * in the cache; dense layers see the block as one map of a row of pixels, a pixel a picture.
 */
#include "sim/nn/lenet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/nn/internal.h"

enum { N_LAYERS = 5, N_CONV = 2, SIDE = 5, BLOCK_ROWS = 16 };

static const char *const layer_names[N_LAYERS] = {"conv1", "conv2", "dense1", "dense2", "dense3"};

typedef struct layer {
    size_t n_in, n_out; /* without pads */
    mad_conv conv;      /* 1x1; its w of a dense layer is set to the number of rows */
    mad_maps in;        /* of a convolution: the dense picture, c its channels */
    size_t weight, bias, packed;
} layer;

typedef struct lenet {
    mad_net base;
    layer layer[N_LAYERS];
} lenet;

typedef struct lenet_work {
    mad_net_work base;
    float *windows[N_CONV]; /* maps of one picture */
    float *conv[N_CONV];    /* [rows] maps */
    float *pooled[N_CONV];  /* [rows][h / 2][w / 2][n_out] */
    float *y[N_LAYERS];     /* of dense layers: [rows][n_out padded] */
    float *dy[N_LAYERS];    /* likewise */
    float *dpooled[N_CONV]; /* as pooled */
    float *dwindows;        /* maps of one picture, of the second convolution */
    float *dconv[N_CONV];   /* maps of one picture */
} lenet_work;

/* ---- shapes ---- */

static mad_maps windows_shape(const layer *l)
{
    return (mad_maps){1, l->in.h, l->in.w, l->conv.c_in};
}

static mad_maps conv_shape(const layer *l)
{
    return (mad_maps){1, l->in.h, l->in.w, l->conv.c_out};
}

/* Floats of a picture behind the pool of a convolution. */
static size_t n_pooled(const layer *l)
{
    return l->in.h / 2 * (l->in.w / 2) * l->n_out;
}

/* ---- parameters ---- */

static mad_segment lenet_segment(const mad_net *base, size_t i_segment)
{
    const layer *l = &((const lenet *)base)->layer[i_segment];
    return (mad_segment){l->weight, l->bias + l->conv.c_out - l->weight};
}

/* Normal weights of variance 2 / n_in (He et al. 2015, Eq. 10; 1 / n_in in the last), biases 0. */
static void lenet_init(const mad_net *base, mad_key key, uint64_t first_item, float *theta)
{
    const lenet *net = (const lenet *)base;
    memset(theta, 0, base->n_params * sizeof *theta);
    for (size_t i = 0; i < N_LAYERS; i++) {
        const layer *l = &net->layer[i];
        const float sd = (float)sqrt((i + 1 < N_LAYERS ? 2.0 : 1.0) / (double)l->n_in);
        mad_rng rng = mad_rng_open(key, first_item + i);
        for (size_t row = 0; row < l->n_in; row++) {
            float *w = theta + l->weight + row * l->conv.c_out;
            mad_rng_normals_f32(&rng, l->n_out, w);
            for (size_t k = 0; k < l->n_out; k++) {
                w[k] *= sd;
            }
        }
    }
}

static void lenet_pack(const mad_net *base, const float *theta, size_t i_segment, float *packed)
{
    const layer *l = &((const lenet *)base)->layer[i_segment];
    base->kernels->maps->conv_pack(&l->conv, theta + l->weight, packed + l->packed);
}

static int lenet_tensor(const mad_net *base, size_t i_tensor, mad_tensor *out)
{
    const lenet *net = (const lenet *)base;
    if (i_tensor / 2 >= N_LAYERS) {
        return 0;
    }
    const layer *l = &net->layer[i_tensor / 2], *below = l - 1;
    const ptrdiff_t ld = (ptrdiff_t)l->conv.c_out;
    const int is_bias = i_tensor % 2 == 1;
    mad_tensor t = {.trained = 1, .rank = 1, .shape = {l->n_out}, .offset = l->bias, .stride = {1}};
    if (!is_bias) {
        const int is_conv = l < net->layer + N_CONV, is_first = l == net->layer + N_CONV;
        const size_t n_maps = is_conv ? l->in.c : is_first ? below->n_out : l->n_in;
        const size_t n_y = is_conv ? SIDE : is_first ? below->in.h / 2 : 1;
        const size_t n_x = is_conv ? SIDE : is_first ? below->in.w / 2 : 1;
        const ptrdiff_t pixel = ld * (ptrdiff_t)n_maps;
        t.offset = l->weight;
        t.rank = is_conv || is_first ? 4 : 2;
        t.shape[1] = n_maps;
        t.shape[2] = n_y;
        t.shape[3] = n_x;
        t.stride[1] = ld;
        t.stride[2] = pixel * (ptrdiff_t)n_x;
        t.stride[3] = pixel;
    }
    (void)snprintf(t.name, sizeof t.name, "%s.%s", layer_names[i_tensor / 2],
                   is_bias ? "bias" : "weight");
    *out = t;
    return 1;
}

/* ---- memory ---- */

/* Zeroed: edges and pads stay so. */
static float *take(mad_arena *mem, size_t n, size_t n_each, int *short_of)
{
    float *at = mad_arena_take(mem, n, n_each * sizeof(float));
    *short_of |= at == NULL;
    return at;
}

static float *take_maps(mad_arena *mem, mad_maps shape, int *short_of)
{
    float *at = take(mem, 1, mad_maps_floats(shape), short_of);
    return at == NULL ? NULL : at + shape.c;
}

static void take_gradients(const lenet *net, mad_arena *mem, lenet_work *work, int *short_of)
{
    const layer *l = net->layer;
    for (size_t i = 0; i < N_CONV; i++) {
        work->dpooled[i] = take(mem, BLOCK_ROWS, n_pooled(&l[i]), short_of);
        work->dconv[i] = take_maps(mem, conv_shape(&l[i]), short_of);
    }
    for (size_t i = N_CONV; i < N_LAYERS; i++) {
        work->dy[i] = take(mem, BLOCK_ROWS, l[i].conv.c_out, short_of);
    }
    work->dwindows = take_maps(mem, windows_shape(&l[1]), short_of);
}

static mad_status lenet_work_take(mad_ctx *ctx, const mad_net *base, int for_training,
                                  mad_arena *mem, mad_net_work **out)
{
    const lenet *net = (const lenet *)base;
    int short_of = 0;
    lenet_work *work = mad_arena_take(mem, 1, sizeof *work);
    if (work == NULL) {
        return mad_fail_memory(ctx, "feature maps of the classifier");
    }
    work->base.x = take(mem, BLOCK_ROWS, base->dim, &short_of);
    work->base.out = take(mem, BLOCK_ROWS, base->n_out, &short_of);
    for (size_t i = 0; i < N_CONV; i++) {
        const layer *l = &net->layer[i];
        mad_maps all = conv_shape(l);
        all.n = BLOCK_ROWS;
        work->windows[i] = take_maps(mem, windows_shape(l), &short_of);
        work->conv[i] = take_maps(mem, all, &short_of);
        work->pooled[i] = take(mem, BLOCK_ROWS, n_pooled(l), &short_of);
    }
    for (size_t i = N_CONV; i < N_LAYERS; i++) {
        work->y[i] = take(mem, BLOCK_ROWS, net->layer[i].conv.c_out, &short_of);
    }
    if (for_training) {
        take_gradients(net, mem, work, &short_of);
    }
    if (short_of) {
        return mad_fail_memory(ctx, "feature maps of the classifier");
    }
    *out = &work->base;
    return MAD_OK;
}

/* ---- passes ---- */

/* A dense layer on n rows is a 1x1 convolution of one map, n pixels wide. */
static mad_conv dense_conv(const layer *l, size_t n_rows)
{
    mad_conv conv = l->conv;
    conv.w = n_rows;
    return conv;
}

/* The rows that a convolution, or the first dense layer, reads. */
static const float *rows_below(const lenet_work *work, size_t i_layer)
{
    return i_layer == 0 ? work->base.x : work->pooled[i_layer - 1];
}

static float *conv_of_row(const layer *l, float *maps, size_t row)
{
    return maps + row * l->in.h * (l->in.w + 1) * l->conv.c_out;
}

static void conv_forward(const lenet *net, size_t i, const float *theta, const float *packed,
                         size_t n_rows, lenet_work *work)
{
    const mad_map_kernels *maps = net->base.kernels->maps;
    const layer *l = &net->layer[i];
    const mad_conv_add add = {.bias = theta + l->bias};
    const size_t n_in = l->in.h * l->in.w * l->in.c;
    for (size_t row = 0; row < n_rows; row++) {
        float *conv = conv_of_row(l, work->conv[i], row);
        maps->windows(windows_shape(l), SIDE, l->in.c, rows_below(work, i) + row * n_in,
                      work->windows[i]);
        maps->conv(&l->conv, 1, work->windows[i], packed + l->packed, add, NULL, conv);
        maps->pool(conv_shape(l), l->n_out, conv, work->pooled[i] + row * n_pooled(l));
    }
}

static void lenet_forward(const mad_net *base, const float *theta, const float *packed,
                          size_t n_rows, mad_net_work *work_base)
{
    const lenet *net = (const lenet *)base;
    lenet_work *work = (lenet_work *)work_base;
    for (size_t i = 0; i < N_CONV; i++) {
        conv_forward(net, i, theta, packed, n_rows, work);
    }
    for (size_t i = N_CONV; i < N_LAYERS; i++) {
        const layer *l = &net->layer[i];
        const mad_conv conv = dense_conv(l, n_rows);
        const mad_conv_add add = {.bias = theta + l->bias};
        base->kernels->maps->conv(&conv, 1, i == N_CONV ? rows_below(work, i) : work->y[i - 1],
                                  packed + l->packed, add, NULL, work->y[i]);
        for (size_t j = 0; i + 1 < N_LAYERS && j < n_rows * l->conv.c_out; j++) {
            work->y[i][j] = work->y[i][j] < 0.0f ? 0.0f : work->y[i][j]; /* NaN stays */
        }
    }
    for (size_t row = 0; row < n_rows; row++) {
        memcpy(work_base->out + row * base->n_out,
               work->y[N_LAYERS - 1] + row * net->layer[N_LAYERS - 1].conv.c_out,
               base->n_out * sizeof(float));
    }
}

static void conv_backward(const lenet *net, size_t i, const float *packed, size_t n_rows,
                          lenet_work *work, float *grad)
{
    const mad_map_kernels *maps = net->base.kernels->maps;
    const layer *l = &net->layer[i];
    const size_t n_in = l->in.h * l->in.w * l->in.c;
    _Alignas(64) float sum[MAD_LANE];
    MAD_ASSERT(l->conv.c_out == MAD_LANE);
    for (size_t row = 0; row < n_rows; row++) {
        maps->pool_back(conv_shape(l), l->n_out, conv_of_row(l, work->conv[i], row),
                        work->dpooled[i] + row * n_pooled(l), work->dconv[i]);
        maps->windows(windows_shape(l), SIDE, l->in.c, rows_below(work, i) + row * n_in,
                      work->windows[i]); /* again: to keep all would leave the cache */
        maps->conv_back_weights(&l->conv, 1, work->windows[i], work->dconv[i], NULL,
                                grad + l->weight);
        maps->sum_pixels(conv_shape(l), work->dconv[i], sum);
        for (size_t k = 0; k < MAD_LANE; k++) {
            grad[l->bias + k] += sum[k];
        }
        if (i > 0) { /* nothing below the picture needs a gradient */
            maps->conv_back(&l->conv, 1, work->dconv[i], packed + l->packed, NULL, NULL,
                            work->dwindows);
            maps->gather_windows(windows_shape(l), SIDE, l->in.c, work->dwindows, NULL,
                                 work->dpooled[i - 1] + row * n_in);
        }
    }
}

/* ref  back-propagation, Rumelhart, Hinton & Williams 1986 */
static void lenet_backward(const mad_net *base, const float *theta, const float *packed,
                           size_t n_rows, mad_net_work *work_base, float *grad)
{
    (void)theta;
    const lenet *net = (const lenet *)base;
    lenet_work *work = (lenet_work *)work_base;
    const mad_kernels *kernels = base->kernels;
    for (size_t row = 0; row < n_rows; row++) {
        memcpy(work->dy[N_LAYERS - 1] + row * net->layer[N_LAYERS - 1].conv.c_out,
               work_base->out + row * base->n_out, base->n_out * sizeof(float));
    }
    for (size_t i = N_LAYERS - 1; i >= N_CONV; i--) {
        const layer *l = &net->layer[i];
        const mad_conv conv = dense_conv(l, n_rows);
        const int is_first = i == N_CONV;
        const float *x = is_first ? rows_below(work, i) : work->y[i - 1];
        float *dx = is_first ? work->dpooled[N_CONV - 1] : work->dy[i - 1];
        kernels->back_weights(n_rows, l->conv.c_in, l->conv.c_out, x, l->conv.c_in, work->dy[i],
                              l->conv.c_out, grad + l->weight, l->conv.c_out);
        kernels->back_bias(n_rows, l->conv.c_out, work->dy[i], l->conv.c_out, grad + l->bias);
        kernels->maps->conv_back(&conv, 1, work->dy[i], packed + l->packed, NULL, NULL, dx);
        for (size_t j = 0; !is_first && j < n_rows * l->conv.c_in; j++) {
            dx[j] = x[j] > 0.0f ? dx[j] : 0.0f; /* of the rectifier below */
        }
    }
    for (size_t i = N_CONV; i-- > 0;) {
        conv_backward(net, i, packed, n_rows, work, grad);
    }
}

const float *mad_lenet_features(const mad_net_work *work_base, size_t i_row)
{
    const lenet_work *work = (const lenet_work *)work_base;
    return work->y[N_LAYERS - 2] + i_row * mad_round_up(MAD_LENET_FEATURES, MAD_PANEL);
}

static const mad_net_type lenet_type = {
    .name = "lenet",
    .init = lenet_init,
    .segment = lenet_segment,
    .pack = lenet_pack,
    .tensor = lenet_tensor,
    .work_take = lenet_work_take,
    .forward = lenet_forward,
    .backward = lenet_backward,
    .eval = lenet_forward,
};

/* ---- create ---- */

static void plan(const mad_kernels *kernels, const mad_lenet_options *o, lenet *net)
{
    static const size_t n_out[N_LAYERS - 1] = {6, 16, 120, MAD_LENET_FEATURES};
    const size_t dim = o->height * o->width * o->channels;
    net->base = (mad_net){.type = &lenet_type,
                          .kernels = kernels,
                          .dim = dim,
                          .n_out = o->n_classes,
                          .block_rows = BLOCK_ROWS,
                          .n_segments = N_LAYERS};
    mad_maps in = {1, o->height, o->width, o->channels};
    size_t n_in = 0;
    for (size_t i = 0; i < N_LAYERS; i++) {
        layer *l = &net->layer[i];
        const int is_conv = i < N_CONV;
        const size_t n_pixels = is_conv ? in.h * in.w : 1;
        l->n_out = i + 1 < N_LAYERS ? n_out[i] : o->n_classes;
        l->n_in = is_conv ? in.c * SIDE * SIDE : n_in;
        l->in = in;
        l->conv = (mad_conv){.h = is_conv ? in.h : 1,
                             .w = is_conv ? in.w : 1,
                             .taps = 1,
                             .stride = 1,
                             .c_in = mad_round_up(l->n_in, i <= N_CONV ? MAD_LANE : MAD_PANEL),
                             .c_out = mad_round_up(l->n_out, is_conv ? MAD_LANE : MAD_PANEL)};
        l->weight = net->base.n_params;
        l->bias = l->weight + l->conv.c_in * l->conv.c_out;
        l->packed = net->base.n_packed;
        net->base.n_params = l->bias + l->conv.c_out;
        net->base.n_packed += mad_round_up(kernels->maps->conv_packed(&l->conv), MAD_LANE);
        net->base.n_weights += (l->n_in + 1) * l->n_out;
        net->base.macs += (double)(l->n_in * l->n_out * n_pixels);
        in = (mad_maps){1, in.h / 2, in.w / 2, l->n_out};
        n_in = i + 1 < N_CONV ? 0 : i + 1 == N_CONV ? in.h * in.w * in.c : l->n_out;
    }
}

mad_status mad_lenet_create(mad_ctx *ctx, const mad_kernels *kernels,
                            const mad_lenet_options *options, mad_arena *mem, mad_net **out)
{
    const mad_lenet_options *o = options;
    if (o->height < MAD_LENET_MIN_SIDE || o->height > MAD_LENET_MAX_SIDE ||
        o->width < MAD_LENET_MIN_SIDE || o->width > MAD_LENET_MAX_SIDE || o->channels < 1 ||
        o->channels > MAD_LENET_MAX_CHANNELS) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "the classifier reads pictures of %d to %d pixels a side and 1 to %d "
                        "channels, got %zu x %zu x %zu",
                        MAD_LENET_MIN_SIDE, MAD_LENET_MAX_SIDE, MAD_LENET_MAX_CHANNELS, o->height,
                        o->width, o->channels);
    }
    if (o->n_classes < 2) {
        return mad_fail(ctx, MAD_E_CONFIG, "the classifier needs at least 2 classes, got %zu",
                        o->n_classes);
    }
    lenet *net = mad_arena_take(mem, 1, sizeof *net);
    if (net == NULL) {
        return mad_fail_memory(ctx, "the classifier");
    }
    plan(kernels, o, net);
    *out = &net->base;
    return MAD_OK;
}

/* ---- loss ---- */

double mad_cross_entropy(size_t n_rows, size_t n_classes, const int32_t *label, double share,
                         float *logits, size_t *n_right)
{
    double loss = 0.0;
    for (size_t row = 0; row < n_rows; row++, logits += n_classes) {
        const size_t want = (size_t)label[row];
        size_t best = 0;
        double sum = 0.0;
        for (size_t k = 1; k < n_classes; k++) {
            best = logits[k] > logits[best] ? k : best;
        }
        *n_right += (size_t)(best == want);
        const double highest = (double)logits[best];
        for (size_t k = 0; k < n_classes; k++) {
            sum += exp((double)logits[k] - highest);
        }
        loss += share * (log(sum) + highest - (double)logits[want]);
        for (size_t k = 0; k < n_classes; k++) {
            const double p = exp((double)logits[k] - highest) / sum;
            logits[k] = (float)(share * (p - (k == want ? 1.0 : 0.0)));
        }
    }
    return loss;
}
