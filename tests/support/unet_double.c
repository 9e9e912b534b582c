/* tests/support/unet_double.c: maps are [c][h][w]; concatenations are made; weights are found by
 * name. Allocates freely and ends the process when memory is short: for tests. */
#include "tests/support/unet_double.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct maps {
    size_t c, h, w;
    double *at; /* [c][h][w] */
} maps;

typedef struct oracle {
    const mad_net *net;
    const mad_unet_options *o;
    const double *theta;
    double *e; /* [n_hidden] embedding of the row at hand */
} oracle;

static double *numbers(size_t n)
{
    double *x = calloc(n, sizeof *x);
    if (x == NULL) {
        abort();
    }
    return x;
}

static maps make(size_t c, size_t h, size_t w)
{
    return (maps){c, h, w, numbers(c * h * w)};
}

static int find(const oracle *q, const char *name, mad_tensor *out)
{
    for (size_t i = 0; q->net->type->tensor(q->net, i, out); i++) {
        if (strcmp(out->name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Copy of a tensor, dense; of a concatenation, both parts joined along their input channels. */
static double *read_tensor(const oracle *q, const char *path, const char *kind, size_t *n_out)
{
    static const char *const part[] = {"", ".h", ".skip"};
    mad_tensor t[3];
    char name[128];
    int n = 0;
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "%s.%s%s", path, kind, part[i]);
        n += find(q, name, &t[n]);
    }
    if (n == 0) {
        fprintf(stderr, "no tensor %s.%s\n", path, kind);
        abort();
    }
    const size_t axis = t[0].rank == 4 ? 1 : 0; /* of the input channels */
    size_t shape[4] = {1, 1, 1, 1};
    for (size_t k = 0; k < t[0].rank; k++) {
        shape[k] = t[0].shape[k];
    }
    const size_t n_first = shape[axis];
    shape[axis] *= (size_t)n;
    double *to = numbers(shape[0] * shape[1] * shape[2] * shape[3]);
    for (size_t i = 0; i < shape[0] * shape[1] * shape[2] * shape[3]; i++) {
        size_t index[4] = {i / (shape[1] * shape[2] * shape[3]),
                           i / (shape[2] * shape[3]) % shape[1], i / shape[3] % shape[2],
                           i % shape[3]};
        const mad_tensor *from = &t[index[axis] / n_first];
        index[axis] %= n_first;
        const double *at = q->theta + from->offset;
        for (size_t k = 0; k < from->rank; k++) {
            at += (ptrdiff_t)index[k] * from->stride[k];
        }
        to[i] = *at;
    }
    *n_out = shape[0];
    return to;
}

static double silu(double z)
{
    return z / (1.0 + exp(-z));
}

static maps convolve(const oracle *q, maps x, const char *path, size_t stride, size_t side)
{
    size_t n_out, n_bias;
    double *w = read_tensor(q, path, "weight", &n_out),
           *bias = read_tensor(q, path, "bias", &n_bias);
    maps y = make(n_out, (x.h + stride - 1) / stride, (x.w + stride - 1) / stride);
    const size_t pad = side / 2;
    for (size_t o = 0; o < y.c; o++) {
        double *to = y.at + o * y.h * y.w;
        for (size_t i = 0; i < y.h * y.w; i++) {
            to[i] = bias[o];
        }
        for (size_t k = 0; k < x.c * side * side; k++) {
            const size_t c = k / (side * side), ky = k / side % side, kx = k % side;
            const double weight = w[o * x.c * side * side + k];
            for (size_t oy = 0; oy < y.h; oy++) {
                const size_t iy = oy * stride + ky - pad; /* -1 wraps beyond h */
                for (size_t ox = 0; iy < x.h && ox < y.w; ox++) {
                    const size_t ix = ox * stride + kx - pad;
                    if (ix < x.w) {
                        to[oy * y.w + ox] += weight * x.at[(c * x.h + iy) * x.w + ix];
                    }
                }
            }
        }
    }
    free(w), free(bias);
    return y;
}

static maps normalise(const oracle *q, maps x, const char *path, int act)
{
    size_t n;
    double *gamma = read_tensor(q, path, "weight", &n), *beta = read_tensor(q, path, "bias", &n);
    maps y = make(x.c, x.h, x.w);
    const size_t per = x.c / q->o->groups * x.h * x.w;
    for (size_t g = 0; g < q->o->groups; g++) {
        const double *v = x.at + g * per;
        double mean = 0.0, variance = 0.0;
        for (size_t i = 0; i < per; i++) {
            mean += v[i] / (double)per;
        }
        for (size_t i = 0; i < per; i++) {
            variance += (v[i] - mean) * (v[i] - mean) / (double)per;
        }
        for (size_t i = g * per; i < (g + 1) * per; i++) {
            const size_t k = i / (x.h * x.w);
            const double z = (x.at[i] - mean) / sqrt(variance + 1e-5) * gamma[k] + beta[k];
            y.at[i] = act ? silu(z) : z;
        }
    }
    free(gamma), free(beta);
    return y;
}

static void add(maps to, maps from)
{
    for (size_t i = 0; i < to.c * to.h * to.w; i++) {
        to.at[i] += from.at[i];
    }
}

/* act(weight x + bias) of one vector. */
static double *linear(const oracle *q, const char *path, size_t n_in, const double *x)
{
    size_t n_out, n_bias;
    double *w = read_tensor(q, path, "weight", &n_out), *y = read_tensor(q, path, "bias", &n_bias);
    for (size_t i = 0; i < n_out * n_in; i++) {
        y[i / n_in] += w[i] * x[i % n_in];
    }
    free(w);
    return y;
}

static maps block(const oracle *q, maps x, const char *path, size_t n_out)
{
    char name[4][64];
    static const char *const part[] = {"norm1", "conv1", "norm2", "conv2"};
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(name[i], sizeof name[i], "%.40s.%s", path, part[i]);
    }
    maps n1 = normalise(q, x, name[0], 1), h = convolve(q, n1, name[1], 1, 3);
    char more[64];
    (void)snprintf(more, sizeof more, "%.40s.shift", path);
    double *shift = linear(q, more, q->o->n_hidden, q->e);
    for (size_t i = 0; i < h.c * h.h * h.w; i++) {
        h.at[i] += shift[i / (h.h * h.w)];
    }
    maps n2 = normalise(q, h, name[2], 1), y = convolve(q, n2, name[3], 1, 3);
    if (x.c == n_out) {
        add(y, x);
    } else {
        (void)snprintf(more, sizeof more, "%.40s.shortcut", path);
        maps s = convolve(q, x, more, 1, 1);
        add(y, s);
        free(s.at);
    }
    free(n1.at), free(h.at), free(n2.at), free(x.at), free(shift);
    return y;
}

static maps attend(const oracle *q, maps x, const char *path)
{
    char name[5][64];
    static const char *const part[] = {"norm", "q", "k", "v", "out"};
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(name[i], sizeof name[i], "%.40s.attention.%s", path, part[i]);
    }
    maps n = normalise(q, x, name[0], 0), y = make(x.c, x.h, x.w);
    maps query = convolve(q, n, name[1], 1, 1), key = convolve(q, n, name[2], 1, 1);
    maps value = convolve(q, n, name[3], 1, 1);
    const size_t tokens = x.h * x.w;
    double *p = numbers(tokens);
    for (size_t t = 0; t < tokens; t++) {
        double total = 0.0, highest = -1e300;
        for (size_t u = 0; u < tokens; u++) {
            p[u] = 0.0;
            for (size_t k = 0; k < x.c; k++) {
                p[u] += query.at[k * tokens + t] * key.at[k * tokens + u] / sqrt((double)x.c);
            }
            highest = fmax(highest, p[u]);
        }
        for (size_t u = 0; u < tokens; u++) {
            p[u] = exp(p[u] - highest);
            total += p[u];
        }
        for (size_t k = 0; k < x.c; k++) {
            for (size_t u = 0; u < tokens; u++) {
                y.at[k * tokens + t] += p[u] / total * value.at[k * tokens + u];
            }
        }
    }
    maps out = convolve(q, y, name[4], 1, 1);
    add(out, x);
    free(n.at), free(y.at), free(query.at), free(key.at), free(value.at), free(p), free(x.at);
    return out;
}

static maps concatenate(maps a, maps b)
{
    maps y = make(a.c + b.c, a.h, a.w);
    memcpy(y.at, a.at, a.c * a.h * a.w * sizeof *y.at);
    memcpy(y.at + a.c * a.h * a.w, b.at, b.c * b.h * b.w * sizeof *y.at);
    free(a.at), free(b.at);
    return y;
}

static maps copy(maps a)
{
    maps y = make(a.c, a.h, a.w);
    memcpy(y.at, a.at, a.c * a.h * a.w * sizeof *y.at);
    return y;
}

static maps grow(maps a)
{
    maps y = make(a.c, 2 * a.h, 2 * a.w);
    for (size_t i = 0; i < y.c * y.h * y.w; i++) {
        y.at[i] = a.at[(i / (y.h * y.w) * a.h + i / y.w % y.h / 2) * a.w + i % y.w / 2];
    }
    return y;
}

static void embed(oracle *q, double c_noise, int32_t label)
{
    const size_t n = q->o->n_embed / 2;
    mad_tensor f;
    double *waves = numbers(2 * n);
    if (!find(q, "embed.0.frequencies", &f)) {
        abort();
    }
    for (size_t j = 0; j < n; j++) {
        waves[j] = sin(c_noise * q->theta[f.offset + j]);
        waves[n + j] = cos(c_noise * q->theta[f.offset + j]);
    }
    double *s = linear(q, "embed.0", 2 * n, waves);
    for (size_t i = 0; i < q->o->n_hidden; i++) {
        s[i] = silu(s[i]);
    }
    q->e = linear(q, "embed.2", q->o->n_hidden, s);
    size_t n_rows = 0;
    double *table = q->o->n_classes > 0 ? read_tensor(q, "embed.class", "weight", &n_rows) : NULL;
    for (size_t i = 0; i < q->o->n_hidden; i++) {
        q->e[i] = silu(q->e[i] + (table == NULL ? 0.0 : table[(size_t)label * q->o->n_hidden + i]));
    }
    free(waves), free(s), free(table);
}

static maps run(const oracle *q, maps x)
{
    const mad_unet_options *o = q->o;
    maps skip[MAD_UNET_MAX_LEVELS * 8];
    char path[64];
    int any = 0;
    maps h = convolve(q, x, "in.conv", 1, 3);
    for (size_t l = 0; l < o->n_levels; l++) {
        any |= o->attention[l];
        for (size_t i = 0; i < o->n_blocks; i++) {
            (void)snprintf(path, sizeof path, "down.%zu.%zu", l, i);
            h = block(q, h, path, o->base * o->mult[l]);
            h = o->attention[l] ? attend(q, h, path) : h;
            skip[l * o->n_blocks + i] = copy(h);
        }
        if (l + 1 < o->n_levels) {
            (void)snprintf(path, sizeof path, "down.%zu.step", l);
            maps y = convolve(q, h, path, 2, 3);
            free(h.at);
            h = y;
        }
    }
    h = block(q, h, "middle.0", h.c);
    h = any ? attend(q, h, "middle.0") : h;
    h = block(q, h, "middle.1", h.c);
    for (size_t l = o->n_levels; l-- > 0;) {
        if (l + 1 < o->n_levels) {
            maps big = grow(h);
            (void)snprintf(path, sizeof path, "up.%zu.step", l);
            free(h.at);
            h = convolve(q, big, path, 1, 3);
            free(big.at);
        }
        for (size_t i = o->n_blocks; i-- > 0;) {
            (void)snprintf(path, sizeof path, "up.%zu.%zu", l, o->n_blocks - 1 - i);
            h = block(q, concatenate(h, skip[l * o->n_blocks + i]), path, o->base * o->mult[l]);
            h = o->attention[l] ? attend(q, h, path) : h;
        }
    }
    maps n = normalise(q, h, "out.norm", 1), y = convolve(q, n, "out.conv", 1, 3);
    free(n.at), free(h.at);
    return y;
}

void mad_unet_double(const mad_net *net, const mad_unet_options *o, const double *theta,
                     size_t n_rows, const float *x, const float *c_noise, const int32_t *label,
                     double *out)
{
    oracle q = {.net = net, .o = o, .theta = theta};
    const size_t h = o->height / o->patch, w = o->width / o->patch, pp = o->patch * o->patch;
    for (size_t r = 0; r < n_rows; r++) {
        maps in = make(o->channels * pp, h, w);
        embed(&q, (double)c_noise[r], label[r]);
        for (int back = 0; back < 2; back++) { /* channel k patch^2 + patch i + j of (y, x) */
            maps y = back ? run(&q, in) : in;
            for (size_t i = 0; i < y.c * h * w; i++) {
                const size_t k = i / (h * w), sub = k % pp;
                const size_t row = i / w % h * o->patch + sub / o->patch;
                const size_t col = i % w * o->patch + sub % o->patch;
                const size_t at = r * net->dim + (row * o->width + col) * o->channels + k / pp;
                if (back) {
                    out[at] = y.at[i];
                } else {
                    y.at[i] = (double)x[at];
                }
            }
            if (back) {
                free(y.at);
            }
        }
        free(in.at), free(q.e);
    }
}
