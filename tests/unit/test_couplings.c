/* Affine couplings: maps, determinants and gradients against a second implementation in double, which
 * reads the parameters by the tensor table. */
#include "tests/support/fixture.h"

#include <string.h>

#include "models/flow/couplings.h"

enum { MAX_DIM = 5, MAX_UNITS = 16 };

static const mad_key test_key = {.seed = 91, .generation = 1, .purpose = MAD_RNG_TEST};

/* ---- couplings in double, by the tensor table ------------------------------------------------ */

typedef struct shape {
    size_t dim, n_layers, width, depth;
    double bound;
} shape;

static const shape shapes[] = {
    {1, 2, 8, 1, 2.0}, {2, 4, 12, 2, 1.5}, {3, 3, 8, 1, 0.5}, {5, 6, 9, 2, 2.0}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static mad_net *couplings(const mad_kernels *kernels, const shape *s)
{
    const mad_couplings_options options = {.dim = s->dim,
                                           .n_layers = s->n_layers,
                                           .width = s->width,
                                           .depth = s->depth,
                                           .bound = s->bound};
    mad_net *net = NULL;
    must(mad_couplings_create(ctx, kernels, &options, mem, &net));
    return net;
}

/* Parameters of size 1: far from the identity that init makes. */
static float *random_parameters(const mad_net *net)
{
    float *theta = mad_arena_take(mem, net->n_params, sizeof *theta);
    mad_tensor t;
    mad_rng rng = mad_rng_open(test_key, 1);
    net->type->init(net, test_key, 1000, theta);
    for (size_t i = 0; net->type->tensor(net, i, &t); i++) {
        const size_t n_in = t.rank == 2 ? t.shape[1] : 1, step = t.rank == 2 ? 1 : 0;
        for (size_t o = 0; o < t.shape[0]; o++) {
            for (size_t j = 0; j < n_in; j++) {
                theta[t.offset + o * (size_t)t.stride[0] + j * step * (size_t)t.stride[step]] =
                    (float)((2.0 * mad_rng_uniform(&rng) - 1.0) / sqrt((double)n_in));
            }
        }
    }
    return theta;
}

/* The perceptron of layer k, x[n_in] -> y. */
static void perceptron(const mad_net *net, const shape *s, size_t k, const double *theta,
                       const double *x, double *y)
{
    double h[2][MAX_UNITS];
    memcpy(h[0], x, MAX_DIM * sizeof *x);
    for (size_t layer = 0; layer <= s->depth; layer++) {
        const size_t first = 2 * (k * (s->depth + 1) + layer);
        mad_tensor w, b;
        assert_true(net->type->tensor(net, first, &w) && net->type->tensor(net, first + 1, &b));
        double *to = layer == s->depth ? y : h[(layer + 1) % 2];
        for (size_t o = 0; o < w.shape[0]; o++) {
            double z = theta[b.offset + o];
            for (size_t i = 0; i < w.shape[1]; i++) {
                z += theta[w.offset + o * (size_t)w.stride[0] + i * (size_t)w.stride[1]] *
                     h[layer % 2][i];
            }
            to[o] = layer == s->depth ? z : z / (1.0 + exp(-z));
        }
    }
}

/* x -> z in place; returns ln|det|. Pair j of layers splits by bit j mod (bits of dim - 1); its
 * first layer moves columns with the bit, its second the others. */
static double to_noise(const mad_net *net, const shape *s, const double *theta, double *x)
{
    double log_det = 0.0;
    size_t n_bits = 1;
    while (s->dim > (size_t)2 << (n_bits - 1)) {
        n_bits++;
    }
    for (size_t k = 0; k < s->n_layers; k++) {
        const size_t bit = k / 2 % n_bits;
        double kept[MAX_DIM] = {0}, rt[2 * MAX_DIM];
        size_t moved[MAX_DIM], n_kept = 0, n_moved = 0;
        for (size_t j = 0; j < s->dim; j++) {
            if (s->dim == 1 || (j >> bit) % 2 == (k + 1) % 2) {
                moved[n_moved++] = j;
            } else {
                kept[n_kept++] = x[j];
            }
        }
        perceptron(net, s, k, theta, kept, rt);
        for (size_t j = 0; j < n_moved; j++) {
            const double scale = s->bound * tanh(rt[j] / s->bound);
            x[moved[j]] = (x[moved[j]] - rt[n_moved + j]) / exp(scale);
            log_det -= scale;
        }
    }
    return log_det;
}

/* |det| of a small matrix by elimination with pivots. */
static double log_abs_det(size_t n, double a[MAX_DIM][MAX_DIM])
{
    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k; i < n; i++) {
            pivot = fabs(a[i][k]) > fabs(a[pivot][k]) ? i : pivot;
        }
        for (size_t j = 0; j < n; j++) {
            const double swap = a[k][j];
            a[k][j] = a[pivot][j];
            a[pivot][j] = swap;
        }
        sum += log(fabs(a[k][k]));
        for (size_t i = k + 1; i < n; i++) {
            const double factor = a[i][k] / a[k][k];
            for (size_t j = k; j < n; j++) {
                a[i][j] -= factor * a[k][j];
            }
        }
    }
    return sum;
}

static double jacobian(const mad_net *net, const shape *s, const double *theta, const double *x)
{
    double a[MAX_DIM][MAX_DIM];
    for (size_t j = 0; j < s->dim; j++) {
        double up[MAX_DIM], down[MAX_DIM];
        const double h = 1e-5;
        memcpy(up, x, s->dim * sizeof *x);
        memcpy(down, x, s->dim * sizeof *x);
        up[j] += h;
        down[j] -= h;
        (void)to_noise(net, s, theta, up);
        (void)to_noise(net, s, theta, down);
        for (size_t i = 0; i < s->dim; i++) {
            a[i][j] = (up[i] - down[i]) / (2.0 * h);
        }
    }
    return log_abs_det(s->dim, a);
}

static double *widened(size_t n, const float *theta)
{
    double *wide = mad_arena_take(mem, n, sizeof *wide);
    for (size_t i = 0; i < n; i++) {
        wide[i] = (double)theta[i];
    }
    return wide;
}

/* z and ln|det| against the second implementation, its determinant against the Jacobian's, and the
 * way back. */
static void test_maps(void **state)
{
    (void)state;
    enum { MAPPED = 40 };
    for (size_t i = 0; i < N_SHAPES; i++) {
        const shape *s = &shapes[i];
        const mad_net *net = couplings(mad_kernels_for(MAD_ISA_PLAIN), s);
        float *theta = random_parameters(net);
        float *packed = mad_arena_take(mem, net->n_packed, sizeof *packed);
        const double *wide = widened(net->n_params, theta);
        double x[MAPPED * MAX_DIM], z[MAPPED * MAX_DIM], log_det[MAPPED];
        mad_net_work *work = NULL;
        mad_rng rng = mad_rng_open(test_key, 2);
        mad_rng_normals(&rng, MAPPED * s->dim, x);
        mad_net_pack_all(net, theta, packed);
        must(net->type->work_take(ctx, net, 0, mem, &work));
        net->type->level(net, theta, packed, 0.0f, work);
        memcpy(z, x, sizeof z);
        mad_couplings_to_noise(net, theta, packed, MAPPED, work, z, log_det);
        for (size_t r = 0; r < MAPPED; r++) {
            double own[MAX_DIM];
            memcpy(own, x + r * s->dim, s->dim * sizeof *own);
            const double expected = to_noise(net, s, wide, own);
            assert_near(log_det[r], expected, 2e-5);
            assert_near(expected, jacobian(net, s, wide, x + r * s->dim), 1e-6);
            for (size_t j = 0; j < s->dim; j++) {
                assert_near(z[r * s->dim + j], own[j], 2e-5 * (1.0 + fabs(own[j])));
            }
        }
        mad_couplings_to_rows(net, theta, packed, MAPPED, work, z);
        for (size_t j = 0; j < MAPPED * s->dim; j++) {
            assert_near(z[j], x[j], 1e-11 * (1.0 + fabs(x[j])));
        }
    }
}

/* -ln q of the rows as the fit sees it, in double. */
static double loss_of(const mad_net *net, const shape *s, const double *theta, size_t n_rows,
                      const float *x)
{
    double loss = 0.0;
    for (size_t r = 0; r < n_rows; r++) {
        double z[MAX_DIM];
        for (size_t j = 0; j < s->dim; j++) {
            z[j] = (double)x[r * s->dim + j];
        }
        loss -= to_noise(net, s, theta, z);
        for (size_t j = 0; j < s->dim; j++) {
            loss += 0.5 * z[j] * z[j];
        }
    }
    return loss;
}

enum { ROWS = 7 };

static const float *training_rows(size_t dim)
{
    float *x = mad_arena_take(mem, ROWS * dim, sizeof *x);
    mad_rng rng = mad_rng_open(test_key, 3);
    mad_rng_normals_f32(&rng, ROWS * dim, x);
    return x;
}

static double *central_differences(const mad_net *net, const shape *s, const float *theta)
{
    const float *x = training_rows(s->dim);
    double *wide = widened(net->n_params, theta);
    double *slope = mad_arena_take(mem, net->n_params, sizeof *slope);
    size_t n_moving = 0;
    for (size_t p = 0; p < net->n_params; p++) {
        const double h = 1e-5, at = wide[p];
        wide[p] = at + h;
        const double up = loss_of(net, s, wide, ROWS, x);
        wide[p] = at - h;
        const double down = loss_of(net, s, wide, ROWS, x);
        wide[p] = at;
        slope[p] = (up - down) / (2.0 * h);
        n_moving += slope[p] != 0.0;
    }
    /* one column: the weights of an input that is 0 have no gradient */
    assert_int_equal(n_moving, net->n_weights - (s->dim == 1 ? s->n_layers * s->width : 0));
    return slope;
}

static const float *gradient(const mad_net *net, size_t dim, const float *theta)
{
    float *packed = mad_arena_take(mem, net->n_packed, sizeof *packed);
    float *grad = mad_arena_take(mem, net->n_params, sizeof *grad);
    mad_net_work *work = NULL;
    must(net->type->work_take(ctx, net, 1, mem, &work));
    memcpy(work->x, training_rows(dim), ROWS * dim * sizeof *work->x);
    mad_net_pack_all(net, theta, packed);
    net->type->forward(net, theta, packed, ROWS, work);
    for (size_t r = 0; r < ROWS; r++) {
        work->out[r * net->n_out + dim] = -1.0f; /* dL/dz = z stands there already */
    }
    net->type->backward(net, theta, packed, ROWS, work, grad);
    return grad;
}

/* Every trained number, every instruction set. */
static void test_gradient(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        const shape *s = &shapes[i];
        const mad_net *plain = couplings(mad_kernels_for(MAD_ISA_PLAIN), s);
        const float *theta = random_parameters(plain);
        const double *slope = central_differences(plain, s, theta);
        for (int isa = MAD_ISA_REFERENCE; isa <= MAD_ISA_AVX512; isa++) {
            const mad_kernels *kernels = mad_kernels_for((mad_isa)isa);
            if (kernels == NULL) {
                continue;
            }
            const float *grad = gradient(couplings(kernels, s), s->dim, theta);
            for (size_t p = 0; p < plain->n_params; p++) {
                if (fabs(slope[p] - (double)grad[p]) > 1e-4 * (1.0 + fabs(slope[p]))) {
                    fail_msg("%s, %zu columns: parameter %zu: %.9g against %.9g", kernels->name,
                             s->dim, p, (double)grad[p], slope[p]);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_gradient),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
