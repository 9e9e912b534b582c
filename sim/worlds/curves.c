/* sim/worlds/curves.c: noisy planar curves: `swiss` (a spiral), `moons` (two half circles) and `s_curve`
 * (two three-quarter circles). A row is c(u) + noise e with u uniform and e ~ N(0, I):
 *   p(x) = int N(x; c(u), noise^2 I) du / (to - from). */
#include "sim/worlds/curves.h"

#include <math.h>

#include "sim/worlds/chunks.h"

extern const mad_world_type mad_world_swiss, mad_world_moons, mad_world_s_curve;

#define DIM ((size_t)2)
#define PI  3.14159265358979323846

/* Gauss-Legendre panels of at most PANEL noise: the integrand is a normal density along the curve, and
 * what 8 nodes leave of it is below 1e-11. Finer noise than N_PANELS_MAX allow has no density. */
enum { N_GAUSS = 8, N_PANELS_MIN = 64, N_PANELS_MAX = 8192 };
#define PANEL    2.0
#define NO_SHARE 1e-30 /* of the largest term: less is below rounding, however many nodes */

static const double gauss_at[N_GAUSS / 2] = {0.18343464249564980494, 0.52553240991632898582,
                                             0.79666647741362673959, 0.96028985649753623168};
static const double gauss_p[N_GAUSS / 2] = {0.36268378337836198297, 0.31370664587788728734,
                                            0.22238103445337447054, 0.10122853629037625915};

#define NOISE_PARAM(value)                                                                         \
    {                                                                                              \
        .name = "noise", .kind = MAD_PARAM_REAL, .fallback = (value), .min = 0, .max = 10,         \
        .unit = "data units", .doc = "standard deviation of the normal noise on each coordinate"   \
    }

static const mad_param swiss_params[] = {NOISE_PARAM("0.05"), {.name = NULL}};
static const mad_param moons_params[] = {NOISE_PARAM("0.1"), {.name = NULL}};
static const mad_param s_curve_params[] = {NOISE_PARAM("0.1"), {.name = NULL}};

/* ---- the curves ------------------------------------------------------------------------------ */

/* (u cos u, u sin u) / 10 */
static mad_curve_point swiss_at(size_t i_arc, double u)
{
    (void)i_arc;
    const double c = cos(u) / 10, s = sin(u) / 10;
    return (mad_curve_point){
        {u * c, u * s}, {c - u * s, s + u * c}, {-2 * s - u * c, 2 * c - u * s}};
}

/* int sqrt(1 + u^2) du / 10 */
static double swiss_length(double u)
{
    const double from = 1.5 * PI;
    return (u * sqrt(1 + u * u) + asinh(u) - from * sqrt(1 + from * from) - asinh(from)) / 20;
}

static mad_curve_point moons_at(size_t i_arc, double t)
{
    const double c = cos(t), s = sin(t);
    return i_arc == 0 ? (mad_curve_point){{c, s}, {-s, c}, {-c, -s}}
                      : (mad_curve_point){{1 - c, 0.5 - s}, {s, -c}, {c, s}};
}

static double moons_length(double t)
{
    return t;
}

/* (sin t, sign(t) (cos t - 1)) */
static mad_curve_point s_curve_at(size_t i_arc, double t)
{
    (void)i_arc;
    const double sign = t < 0 ? -1 : 1, c = cos(t), s = sin(t);
    return (mad_curve_point){{s, sign * (c - 1)}, {c, -sign * s}, {-s, -sign * c}};
}

static double s_curve_length(double t)
{
    return t + 1.5 * PI;
}

static const mad_curve swiss = {1, 1.5 * PI, 4.5 * PI, swiss_at, swiss_length};
static const mad_curve moons = {2, 0, PI, moons_at, moons_length};
static const mad_curve s_curve = {1, -1.5 * PI, 1.5 * PI, s_curve_at, s_curve_length};

/* ---- create ---------------------------------------------------------------------------------- */

/* Panels per arc: in u, by where it is run through fastest (its end). */
static size_t count_panels(const mad_curve *curve, double noise)
{
    const mad_curve_point end = curve->at(0, curve->to);
    const double length = (curve->to - curve->from) * hypot(end.d1[0], end.d1[1]);
    const double n = ceil(length / (PANEL * noise)); /* inf without noise */
    return n <= N_PANELS_MIN ? N_PANELS_MIN : n > N_PANELS_MAX ? N_PANELS_MAX + 1 : (size_t)n;
}

double mad_curve_start(const mad_curve *curve, size_t i)
{
    return curve->from + (curve->to - curve->from) * (double)i / (double)(MAD_CURVE_STARTS - 1);
}

/* Nodes and weights, and by them the moments of the arclength. */
static void set_nodes(mad_curve_world *self, size_t n_panels)
{
    const mad_curve *curve = self->curve;
    const double half = 0.5 * (curve->to - curve->from) / (double)n_panels;
    double mean = 0.0, square = 0.0;
    for (size_t i = 0; i < self->n_nodes; i++) {
        const size_t i_arc = i / (n_panels * N_GAUSS), i_panel = i / N_GAUSS % n_panels;
        const size_t i_pair = i % N_GAUSS / 2;
        const double side = i % 2 == 0 ? -1 : 1;
        const double u = curve->from + half * ((double)(2 * i_panel + 1) + side * gauss_at[i_pair]);
        const double p = 0.5 * gauss_p[i_pair] / (double)(n_panels * curve->n_arcs);
        const double length = curve->arclength(u);
        const mad_curve_point at = curve->at(i_arc, u);
        self->node[DIM * i] = at.c[0];
        self->node[DIM * i + 1] = at.c[1];
        self->node_p[i] = p;
        mean += p * length;
        square += p * length * length;
    }
    self->factor = (mad_factor){.name = "arclength",
                                .units = "data units",
                                .mean = mean,
                                .sd = sqrt(square - mean * mean),
                                .high = curve->arclength(curve->to)};
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                         const mad_world_type *type, const mad_curve *curve, const double mean[2],
                         const double cov[3], mad_world **out)
{
    static const double even[] = {0.5, 0.5};
    const double noise = mad_get_real(args->values, "noise");
    const size_t n_wanted = count_panels(curve, noise);
    const int has_density = n_wanted <= N_PANELS_MAX;
    const size_t n_panels = has_density ? n_wanted : N_PANELS_MIN;
    const size_t n_nodes = curve->n_arcs * n_panels * N_GAUSS;
    const size_t n_starts = curve->n_arcs * MAD_CURVE_STARTS;
    mad_curve_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *m = mad_arena_take(mem, DIM, sizeof *m);
    double *c = mad_arena_take(mem, DIM * DIM, sizeof *c);
    double *node = mad_arena_take(mem, n_nodes * DIM, sizeof *node);
    double *node_p = mad_arena_take(mem, n_nodes, sizeof *node_p);
    double *start = mad_arena_take(mem, n_starts * DIM, sizeof *start);
    if (self == NULL || m == NULL || c == NULL || node == NULL || node_p == NULL || start == NULL) {
        return mad_fail_memory(ctx, "the world");
    }
    *self = (mad_curve_world){.curve = curve,
                              .noise = noise,
                              .n_nodes = n_nodes,
                              .node = node,
                              .node_p = node_p,
                              .start = start};
    set_nodes(self, n_panels);
    for (size_t i = 0; i < n_starts; i++) {
        const double u = mad_curve_start(curve, i % MAD_CURVE_STARTS);
        const mad_curve_point at = curve->at(i / MAD_CURVE_STARTS, u);
        start[DIM * i] = at.c[0];
        start[DIM * i + 1] = at.c[1];
    }
    m[0] = mean[0];
    m[1] = mean[1];
    c[0] = cov[0] + noise * noise;
    c[1] = c[2] = cov[1];
    c[3] = cov[2] + noise * noise;
    self->base.type = type;
    self->base.info = (mad_world_info){.kind = MAD_WORLD_CONTINUOUS,
                                       .dim = DIM,
                                       .n_classes = curve->n_arcs > 1 ? curve->n_arcs : 0,
                                       .class_p = curve->n_arcs > 1 ? even : NULL,
                                       .mean = m,
                                       .cov = c,
                                       .n_factors = 1,
                                       .factor = &self->factor,
                                       .has_log_density = has_density};
    *out = &self->base;
    return MAD_OK;
}

/* u uniform on [3 pi/2, 9 pi/2]. By parts: E u cos u = 2, E u sin u = 2/(3 pi),
 * E u^2 cos^2 u = 39 pi^2/8 - 1/4, E u^2 sin^2 u = 39 pi^2/8 + 1/4, E u^2 sin u cos u = 3 pi/2. */
static mad_status create_swiss(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                               mad_world **out)
{
    const double mx = 2, my = 2 / (3 * PI), square = 39 * PI * PI / 8;
    const double mean[2] = {mx / 10, my / 10};
    const double cov[3] = {(square - 0.25 - mx * mx) / 100, (1.5 * PI - mx * my) / 100,
                           (square + 0.25 - my * my) / 100};
    return create(ctx, args, mem, &mad_world_swiss, &swiss, mean, cov, out);
}

/* t uniform on [0, pi], classes even: E cos = 0, E sin = 2/pi, E cos^2 = E sin^2 = 1/2,
 * E sin cos = 0. */
static mad_status create_moons(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                               mad_world **out)
{
    const double mean[2] = {0.5, 0.25};
    const double cov[3] = {0.75, 0.125 - 1 / PI, 0.5625 - 1 / PI};
    return create(ctx, args, mem, &mad_world_moons, &moons, mean, cov, out);
}

/* Odd in t; over [0, 3 pi/2]: E sin^2 = 1/2, E (cos - 1)^2 = 3/2 + 4/(3 pi),
 * E sin (cos - 1) = -1/(3 pi). */
static mad_status create_s_curve(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                                 mad_world **out)
{
    const double mean[2] = {0, 0};
    const double cov[3] = {0.5, -1 / (3 * PI), 1.5 + 4 / (3 * PI)};
    return create(ctx, args, mem, &mad_world_s_curve, &s_curve, mean, cov, out);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Arc and parameter by a uniform number: whole part of n_arcs of it the arc, rest the place. */
static size_t pick(const mad_curve *curve, mad_rng *rng, double *u)
{
    const double place = (double)curve->n_arcs * mad_rng_uniform(rng);
    const size_t i_arc = (size_t)place;
    *u = curve->from + (curve->to - curve->from) * (place - (double)i_arc);
    return i_arc;
}

/* As in modes.c the places of a whole chunk come before the first normal. */
static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const mad_curve_world *self = arg;
    size_t i_arc[MAD_CHUNK];
    double u[MAD_CHUNK];
    for (size_t i = 0; i < MAD_CHUNK; i++) {
        i_arc[i] = pick(self->curve, rng, &u[i]);
    }
    mad_rng_normals(rng, rows->n_rows * DIM, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        const mad_curve_point at = self->curve->at(i_arc[i], u[i]);
        double *x = rows->x + DIM * i;
        x[0] = at.c[0] + self->noise * x[0];
        x[1] = at.c[1] + self->noise * x[1];
        if (rows->label != NULL) {
            rows->label[i] = (int32_t)i_arc[i];
        }
    }
    return MAD_OK;
}

static mad_status draw_factors(mad_ctx *ctx, const mad_world *world, mad_world_part part,
                               mad_key key, mad_recovery *out)
{
    (void)ctx;
    (void)part;
    const mad_curve *curve = ((const mad_curve_world *)world)->curve;
    mad_rng rng = {0};
    for (size_t i = 0; i < out->n_rows; i++) {
        if (i % MAD_CHUNK == 0) {
            rng = mad_rng_open(key, i / MAD_CHUNK);
        }
        double u = 0.0;
        const size_t i_arc = pick(curve, &rng, &u);
        out->factor[i] = curve->arclength(u);
        out->residual[i] = 0.0;
        out->valid[i] = 1;
        if (out->label != NULL) {
            out->label[i] = (int32_t)i_arc;
        }
    }
    return MAD_OK;
}

/* The nearest node comes out of the sum, so that far rows do not underflow. */
static double log_density_at(const mad_curve_world *self, const double *x, double *square)
{
    const double scale = 0.5 / (self->noise * self->noise), no_share = log(NO_SHARE);
    double nearest = (double)INFINITY, sum = 0.0;
    for (size_t i = 0; i < self->n_nodes; i++) {
        const double dx = x[0] - self->node[DIM * i], dy = x[1] - self->node[DIM * i + 1];
        square[i] = dx * dx + dy * dy;
        nearest = fmin(nearest, square[i]);
    }
    if (isinf(nearest)) {
        return -(double)INFINITY;
    }
    for (size_t i = 0; i < self->n_nodes; i++) {
        const double exponent = scale * (nearest - square[i]);
        sum += exponent > no_share ? self->node_p[i] * exp(exponent) : 0.0;
    }
    return log(sum) - scale * nearest + log(scale / PI);
}

static mad_status density_chunk(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                double *out)
{
    const mad_curve_world *self = (const mad_curve_world *)world;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *square = mad_arena_take_raw(ctx->scratch, self->n_nodes, sizeof *square);
    if (square == NULL) {
        return mad_fail_memory(ctx, "distances from a curve");
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        out[i] = log_density_at(self, rows->x + DIM * i, square);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

const mad_world_type mad_world_swiss = {
    .name = "swiss",
    .doc = "a noisy spiral in the plane",
    .ref = "(u cos u, u sin u)/10, u uniform on [3 pi/2, 9 pi/2]",
    .params = swiss_params,
    .create = create_swiss,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
    .recover = mad_curve_recover,
    .draw_factors = draw_factors,
};

const mad_world_type mad_world_moons = {
    .name = "moons",
    .doc = "two interleaved noisy half circles, labelled",
    .ref = "(cos t, sin t) and (1 - cos t, 1/2 - sin t), t uniform on [0, pi]",
    .params = moons_params,
    .create = create_moons,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
    .recover = mad_curve_recover,
    .draw_factors = draw_factors,
};

const mad_world_type mad_world_s_curve = {
    .name = "s_curve",
    .doc = "a noisy S of two three-quarter circles in the plane",
    .ref = "(sin t, sign(t) (cos t - 1)), t uniform on [-3 pi/2, 3 pi/2]",
    .params = s_curve_params,
    .create = create_s_curve,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
    .recover = mad_curve_recover,
    .draw_factors = draw_factors,
};
