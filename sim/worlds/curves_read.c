/* sim/worlds/curves_read.c: the oracle of noisy curves: the nearest point of the curve.
 *
 * The squared distance |c(u) - x|^2 is stationary where g(u) = (c(u) - x).c'(u) = 0. Every local minimum
 * among the starts is refined by Newton steps on g, kept between the neighbouring starts; the ends of
 * an arc need no root. */
#include <float.h>
#include <math.h>

#include "sim/worlds/curves.h"
#include "sim/worlds/oracle.h"

#define DIM ((size_t)2)

enum { N_STEPS = 60 };

#define FAR         1e6 /* rows further out are brought there: the nearest point is the same */
#define VALID_NOISE 5.0 /* noises from the curve: beyond are 3.7e-6 of the world's rows at most */
#define ROUNDING    1e-9

typedef struct nearest {
    size_t i_arc;
    double u, square;
    double c[2];
} nearest;

/* g, and its derivative in *slope. */
static double gradient(const mad_curve_point *at, const double *x, double *slope)
{
    const double dx = at->c[0] - x[0], dy = at->c[1] - x[1];
    *slope = at->d1[0] * at->d1[0] + at->d1[1] * at->d1[1] + dx * at->d2[0] + dy * at->d2[1];
    return dx * at->d1[0] + dy * at->d1[1];
}

/* The minimum in [low, high]: an end where the distance is monotonic, else Newton, or a bisection where
 * its step would leave the bracket. */
static double refine(const mad_curve *curve, size_t i_arc, const double *x, double low, double high)
{
    double slope = 0.0;
    mad_curve_point at = curve->at(i_arc, low);
    if (gradient(&at, x, &slope) >= 0.0) {
        return low;
    }
    at = curve->at(i_arc, high);
    if (gradient(&at, x, &slope) <= 0.0) {
        return high;
    }
    double u = 0.5 * (low + high);
    for (size_t i = 0; i < N_STEPS; i++) {
        at = curve->at(i_arc, u);
        const double g = gradient(&at, x, &slope);
        if (g == 0.0) {
            break;
        }
        low = g < 0.0 ? u : low;
        high = g < 0.0 ? high : u;
        const double newton = slope > 0.0 ? u - g / slope : low;
        const double next = newton > low && newton < high ? newton : 0.5 * (low + high);
        if (next == u) {
            break;
        }
        u = next;
    }
    return u;
}

static void consider(const mad_curve *curve, size_t i_arc, const double *x, double u, nearest *best)
{
    const mad_curve_point at = curve->at(i_arc, u);
    const double dx = at.c[0] - x[0], dy = at.c[1] - x[1], square = dx * dx + dy * dy;
    if (square < best->square) {
        *best = (nearest){i_arc, u, square, {at.c[0], at.c[1]}};
    }
}

static void search_arc(const mad_curve_world *self, size_t i_arc, const double *x, double *square,
                       nearest *best)
{
    const double *start = self->start + i_arc * MAD_CURVE_STARTS * DIM;
    const size_t last = MAD_CURVE_STARTS - 1;
    for (size_t i = 0; i <= last; i++) {
        const double dx = start[DIM * i] - x[0], dy = start[DIM * i + 1] - x[1];
        square[i] = dx * dx + dy * dy;
    }
    for (size_t i = 0; i <= last; i++) {
        const size_t before = i > 0 ? i - 1 : 0, after = i < last ? i + 1 : last;
        if (square[i] <= square[before] && square[i] <= square[after]) {
            const double low = mad_curve_start(self->curve, before);
            const double high = mad_curve_start(self->curve, after);
            consider(self->curve, i_arc, x, refine(self->curve, i_arc, x, low, high), best);
        }
    }
}

/* work: [MAD_CURVE_STARTS] squared distances */
static void read_row(const mad_world *world, void *work, const double *x, size_t i,
                     mad_recovery *out)
{
    const mad_curve_world *self = (const mad_curve_world *)world;
    const double length = hypot(0.5 * x[0], 0.5 * x[1]);
    const double shrink = length > FAR ? FAR / length : 1.0;
    const double near[] = {shrink * x[0], shrink * x[1]};
    nearest best = {.square = (double)INFINITY};
    for (size_t i_arc = 0; i_arc < self->curve->n_arcs; i_arc++) {
        search_arc(self, i_arc, near, work, &best);
    }
    /* halves and the last bound: no overflow, wherever the row is */
    const double half = hypot(0.5 * (x[0] - best.c[0]), 0.5 * (x[1] - best.c[1]));
    out->factor[i] = self->curve->arclength(best.u);
    out->residual[i] = fmin(sqrt(2.0) * half, DBL_MAX);
    out->valid[i] = 2.0 * half <= VALID_NOISE * self->noise + ROUNDING;
    if (out->label != NULL) {
        out->label[i] = (int32_t)best.i_arc;
    }
}

mad_status mad_curve_recover(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                             mad_recovery *out)
{
    return mad_oracle_rows(ctx, world, rows, MAD_CURVE_STARTS * sizeof(double), read_row, out);
}
