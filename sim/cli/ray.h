/* sim/cli/ray.h: where a condition ceases to hold along a line of points, with few looks at it. */
#ifndef MAD_CLI_RAY_H
#define MAD_CLI_RAY_H

#include <stddef.h>

typedef enum mad_probe_state {
    MAD_PROBE_UNKNOWN, /* not looked at */
    MAD_PROBE_INSIDE,  /* the condition holds */
    MAD_PROBE_OUTSIDE,
    MAD_PROBE_OPEN /* looked at as often as allowed, not decided */
} mad_probe_state;

typedef struct mad_probe {
    mad_probe_state state;
    double value; /* signed distance from the boundary: negative where the condition holds */
} mad_probe;

/* Points 0..n-1, held to be inside up to some point and outside from there on. */
typedef struct mad_ray {
    size_t n;
    mad_probe *probe; /* [n] */
} mad_ray;

/* What neighbouring rays tell; NaN = nothing. */
typedef struct mad_ray_hint {
    double crossing; /* where their boundary runs, in points: 3.5 = between points 3 and 4 */
    double slope;    /* of their values there, per point */
} mad_ray_hint;

/**
 * The point to look at next: first at the hint, then where the values seen so far, or the slope of the
 * hint, let the boundary be expected; points beside the last inside and the first outside that is
 * known, as they must be known in the end. SIZE_MAX: every point between those two is known.
 */
size_t mad_ray_next(const mad_ray *ray, const mad_ray_hint *hint);

/* Between which points the boundary runs. */
typedef struct mad_ray_bracket {
    ptrdiff_t inside; /* the last point inside; -1: there is none */
    size_t outside;   /* the first point outside; n: there is none */
    double crossing; /* between them, open points counted, where the values cross 0; -0.5 or n - 0.5
                          where there is only one side */
    double slope;    /* of the values there, per point; NaN where there is only one side */
    int is_consistent; /* 0: some point inside lies behind one outside */
} mad_ray_bracket;

mad_ray_bracket mad_ray_look(const mad_ray *ray);

#endif
