/* sim/worlds/curves.h: worlds of noisy planar curves: swiss, moons, s_curve. */
#ifndef MAD_WORLDS_CURVES_H
#define MAD_WORLDS_CURVES_H

#include "sim/iface/world.h"

/* Starts of the search for the nearest point, per arc; the last is the arc's end. */
enum { MAD_CURVE_STARTS = 257 };

/* A place on an arc and its derivatives by the parameter. */
typedef struct mad_curve_point {
    double c[2], d1[2], d2[2];
} mad_curve_point;

/* Arcs c(u), u in [from, to], alike in length and probability; u is uniform. */
typedef struct mad_curve {
    size_t n_arcs;
    double from, to;
    mad_curve_point (*at)(size_t i_arc, double u);
    double (*arclength)(double u); /* from `from` to u, data units */
} mad_curve;

typedef struct mad_curve_world {
    mad_world base;
    const mad_curve *curve;
    double noise;
    mad_factor factor; /* arclength */
    size_t n_nodes;    /* of the quadrature over u, all arcs */
    double *node;      /* [n_nodes][2] places */
    double *node_p;    /* [n_nodes] their weights, sum 1 */
    double *start;     /* [n_arcs][MAD_CURVE_STARTS][2] places, even in u */
} mad_curve_world;

/** Parameter of start i. */
double mad_curve_start(const mad_curve *curve, size_t i);

/** The world's `recover`: the nearest point of the curve. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_curve_recover(mad_ctx *ctx, const mad_world *world,
                                            const mad_set *rows, mad_recovery *out);

#endif
