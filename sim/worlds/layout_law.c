/* sim/worlds/layout_law.c: exact laws of the world layout: of its factors, of objects and pairs.
 *
 * A place is uniform; an object in row r of the grid is of kind k with probability
 *   q_k = b [k = r] + (1 - b) w_k,   b the binding, w the weights.
 */
#include <math.h>

#include "sim/worlds/layout.h"

enum {
    N_KINDS = MAD_N_SHAPES,
    N_PLACES = MAD_LAYOUT_PLACES,
    N_GRID = MAD_LAYOUT_GRID,
    N_MOST = MAD_LAYOUT_OBJECTS
};

static double kind_given_row(const mad_layout_world *w, size_t kind, size_t row)
{
    return w->binding * (kind == row) + (1.0 - w->binding) * w->kind_p[kind];
}

static double choose(size_t n, size_t k)
{
    double out = k <= n ? 1.0 : 0.0;
    for (size_t i = 0; i < k && k <= n; i++) {
        out *= (double)(n - i) / (double)(i + 1);
    }
    return out;
}

static double binomial(size_t n, size_t k, double p)
{
    return choose(n, k) * pow(p, (double)k) * pow(1.0 - p, (double)(n - k));
}

/* P(m of c objects are of the kind): h of them lie in its row (hypergeometric: 3 of 9 places), each of
 * the kind with probability `bound`, the others with `loose`. */
static double count_p(const mad_layout_world *w, size_t kind, size_t c, size_t m)
{
    const double bound = kind_given_row(w, kind, kind);
    const double loose = kind_given_row(w, kind, (kind + 1) % N_GRID);
    double out = 0.0;
    for (size_t h = 0; h <= c && h <= N_GRID; h++) {
        const double p_row =
            choose(N_GRID, h) * choose(N_PLACES - N_GRID, c - h) / choose(N_PLACES, c);
        for (size_t i = 0; i <= m && i <= h; i++) {
            if (m - i <= c - h) {
                out += p_row * binomial(h, i, bound) * binomial(c - h, m - i, loose);
            }
        }
    }
    return out;
}

static void set_counts(mad_layout_world *w)
{
    static const char *const name[N_KINDS] = {"discs", "squares", "triangles"};
    for (size_t k = 0; k < N_KINDS; k++) {
        double mean = 0.0, square = 0.0;
        for (size_t m = 0; m <= N_MOST; m++) {
            double p = 0.0;
            for (size_t c = 1; c <= N_MOST; c++) {
                p += count_p(w, k, c, m) / N_MOST;
            }
            w->level_p[k][m] = p;
            mean += p * (double)m;
            square += p * (double)(m * m);
        }
        w->factor[MAD_LAYOUT_DISCS + k] = (mad_factor){.name = name[k],
                                                       .units = "1",
                                                       .mean = mean,
                                                       .sd = sqrt(square - mean * mean),
                                                       .n_levels = N_MOST + 1,
                                                       .level_p = w->level_p[k]};
    }
}

/* Means over c objects, c uniform on 1..4: sizes are independent, cells are drawn without
 * replacement, the jitters are independent. */
static void set_means(mad_layout_world *w)
{
    const double side = (double)w->side, range = w->largest - w->smallest;
    const double cell = side / N_GRID, cell_var = cell * cell * 2.0 / 3.0;
    const double jitter_var = w->jitter * w->jitter / 3.0, edge = 0.5 * cell - w->jitter;
    double size_var = 0.0, place_var = 0.0;
    for (size_t c = 1; c <= N_MOST; c++) {
        const double n = (double)c, left = (double)(N_PLACES - c) / (N_PLACES - 1);
        size_var += range * range / 12.0 / n / N_MOST;
        place_var += (cell_var * left + jitter_var) / n / N_MOST;
    }
    w->factor[MAD_LAYOUT_SIZE] = (mad_factor){.name = "size",
                                              .units = "pixels",
                                              .mean = 0.5 * (w->smallest + w->largest),
                                              .sd = sqrt(size_var),
                                              .low = w->smallest,
                                              .high = w->largest};
    w->factor[MAD_LAYOUT_CENTRE_X] = (mad_factor){.name = "centre_x",
                                                  .units = "pixels",
                                                  .mean = 0.5 * side,
                                                  .sd = sqrt(place_var),
                                                  .low = edge,
                                                  .high = side - edge};
    w->factor[MAD_LAYOUT_CENTRE_Y] = w->factor[MAD_LAYOUT_CENTRE_X];
    w->factor[MAD_LAYOUT_CENTRE_Y].name = "centre_y";
}

/* Two objects of a picture lie in rows r and s with probability 1/3 x (2/8 if r = s, else 3/8). */
static void set_objects(mad_layout_world *w)
{
    for (size_t k = 0; k < N_KINDS; k++) {
        for (size_t p = 0; p < N_PLACES; p++) {
            w->joint_p[k][p] = kind_given_row(w, k, p / N_GRID) / N_PLACES;
        }
        for (size_t l = 0; l < N_KINDS; l++) {
            w->pair_p[k][l] = 0.0;
            for (size_t r = 0; r < N_GRID; r++) {
                for (size_t s = 0; s < N_GRID; s++) {
                    w->pair_p[k][l] += (r == s ? 2.0 : 3.0) / 24.0 * kind_given_row(w, k, r) *
                                       kind_given_row(w, l, s);
                }
            }
        }
    }
    for (size_t c = 0; c < N_MOST; c++) {
        w->count_p[c] = 1.0 / N_MOST;
    }
}

void mad_layout_law(mad_layout_world *world)
{
    set_counts(world);
    set_means(world);
    set_objects(world);
    world->law = (mad_scene_law){.n_places = N_PLACES,
                                 .n_kinds = N_KINDS,
                                 .n_depths = MAD_LAYOUT_DEPTHS,
                                 .joint_p = world->joint_p[0],
                                 .pair_p = world->pair_p[0],
                                 .depth_p = world->count_p};
}
