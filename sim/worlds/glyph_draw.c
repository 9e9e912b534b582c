/* sim/worlds/glyph_draw.c: the picture of a glyph, and how it changes with each factor. */
#include <math.h>
#include <stddef.h>

#include "sim/worlds/glyph.h"

#define HEIGHT     0.7 /* of the picture */
#define DOT_RADIUS 0.09

/* A stroke from p to q in glyph coordinates; q = p: the dot. */
typedef struct stroke {
    double px, py, dx, dy; /* start and direction before the map */
    double x, y, ex, ey;   /* after it */
    double inverse_sq;     /* 1 / |e|^2; 0 for the dot */
    double half;           /* thickness */
    int is_dot;
} stroke;

typedef struct map {
    double size, cos, sin, shear, shift_x, shift_y;
} map;

static const double segment[MAD_GLYPH_SEGMENTS][4] = {
    {-0.3, 0.5, 0.6, 0}, {0.3, 0.5, 0, -0.5},  {0.3, 0, 0, -0.5}, {-0.3, -0.5, 0.6, 0},
    {-0.3, 0, 0, -0.5},  {-0.3, 0.5, 0, -0.5}, {-0.3, 0, 0.6, 0},
};
static const double dot[4] = {0.5, -0.5, 0, 0};

/* a is bit 0: written abcdefg from the left. */
#define CODE(a, b, c, d, e, f, g)                                                                  \
    ((a) | (b) << 1 | (c) << 2 | (d) << 3 | (e) << 4 | (f) << 5 | (g) << 6)

unsigned mad_glyph_code(size_t digit)
{
    static const unsigned char code[MAD_GLYPH_CLASSES] = {
        CODE(1, 1, 1, 1, 1, 1, 0), CODE(0, 1, 1, 0, 0, 0, 0), CODE(1, 1, 0, 1, 1, 0, 1),
        CODE(1, 1, 1, 1, 0, 0, 1), CODE(0, 1, 1, 0, 0, 1, 1), CODE(1, 0, 1, 1, 0, 1, 1),
        CODE(1, 0, 1, 1, 1, 1, 1), CODE(1, 1, 1, 0, 0, 0, 0), CODE(1, 1, 1, 1, 1, 1, 1),
        CODE(1, 1, 1, 1, 0, 1, 1),
    };
    MAD_ASSERT(digit < MAD_GLYPH_CLASSES);
    return code[digit];
}

/* size Rot Shear (x, y). */
static void turn(const map *m, double x, double y, double *out_x, double *out_y)
{
    const double sheared = x + m->shear * y;
    *out_x = m->size * (m->cos * sheared - m->sin * y);
    *out_y = m->size * (m->sin * sheared + m->cos * y);
}

static stroke lay(const map *m, const double p[4], double half)
{
    stroke s = {.px = p[0], .py = p[1], .dx = p[2], .dy = p[3], .half = half};
    turn(m, p[0], p[1], &s.x, &s.y);
    turn(m, p[2], p[3], &s.ex, &s.ey);
    s.x += m->shift_x;
    s.y += m->shift_y;
    const double square = s.ex * s.ex + s.ey * s.ey;
    s.inverse_sq = square > 0.0 ? 1.0 / square : 0.0;
    s.is_dot = p == dot;
    return s;
}

static size_t lay_all(const mad_glyph *glyph, const map *m, stroke *out)
{
    const double half = 0.5 * exp(glyph->factor[MAD_GLYPH_LOG_THICKNESS]);
    size_t n = 0;
    for (size_t s = 0; s < MAD_GLYPH_SEGMENTS; s++) {
        if (glyph->code >> s & 1u) {
            out[n++] = lay(m, segment[s], half);
        }
    }
    if (glyph->dot) {
        out[n++] = lay(m, dot, DOT_RADIUS);
    }
    return n;
}

/* The stroke that reaches furthest beyond the point, and where on it. */
typedef struct hit {
    const stroke *stroke;
    double reach; /* half thickness - distance */
    double along, distance;
} hit;

static hit nearest(size_t n, const stroke *s, double x, double y)
{
    hit best = {.reach = -(double)INFINITY};
    for (size_t i = 0; i < n; i++) {
        const double ux = x - s[i].x, uy = y - s[i].y;
        double t = (ux * s[i].ex + uy * s[i].ey) * s[i].inverse_sq;
        t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
        const double vx = ux - t * s[i].ex, vy = uy - t * s[i].ey;
        const double distance = sqrt(vx * vx + vy * vy), reach = s[i].half - distance;
        if (reach > best.reach) {
            best = (hit){&s[i], reach, t, distance};
        }
    }
    return best;
}

/* The foot f of the point moves by df: the distance grows by -n.df, n = the unit vector from the
 * foot to the point. */
static void slopes(const map *m, const hit *h, double x, double y, double steep, double *slope)
{
    const stroke *s = h->stroke;
    const double fx = s->x + h->along * s->ex, fy = s->y + h->along * s->ey;
    const double inverse = h->distance > 0.0 ? 1.0 / h->distance : 0.0;
    const double nx = (x - fx) * inverse, ny = (y - fy) * inverse;
    const double rx = fx - m->shift_x, ry = fy - m->shift_y; /* M p */
    const double sheared = m->size * (s->py + h->along * s->dy);
    slope[MAD_GLYPH_ROTATION] = steep * (ny * rx - nx * ry);
    slope[MAD_GLYPH_SHEAR] = steep * sheared * (nx * m->cos + ny * m->sin);
    slope[MAD_GLYPH_LOG_SIZE] = steep * (nx * rx + ny * ry);
    slope[MAD_GLYPH_SHIFT_X] = steep * nx;
    slope[MAD_GLYPH_SHIFT_Y] = steep * ny;
    slope[MAD_GLYPH_LOG_THICKNESS] = s->is_dot ? 0.0 : steep * s->half;
}

void mad_glyph_draw(const mad_glyph *glyph, size_t side, double *light, double *slope,
                    double *along)
{
    const double *f = glyph->factor, res = HEIGHT * (double)side, ink = f[MAD_GLYPH_INK];
    const map m = {exp(f[MAD_GLYPH_LOG_SIZE]), cos(f[MAD_GLYPH_ROTATION]),
                   sin(f[MAD_GLYPH_ROTATION]), f[MAD_GLYPH_SHEAR],
                   f[MAD_GLYPH_SHIFT_X],       f[MAD_GLYPH_SHIFT_Y]};
    stroke strokes[MAD_GLYPH_SEGMENTS + 1];
    const size_t n = lay_all(glyph, &m, strokes);
    for (size_t i = 0; i < side * side; i++) {
        const size_t row = i / side, column = i % side;
        const double x = ((double)column + 0.5 - 0.5 * (double)side) / res;
        const double y = (0.5 * (double)side - (double)row - 0.5) / res;
        const hit h = nearest(n, strokes, x, y);
        const double level = 0.5 + h.reach * res;
        const double share = level < 0.0 ? 0.0 : level > 1.0 ? 1.0 : level;
        light[i] = ink * share;
        if (along != NULL) {
            along[i] = h.along;
        }
        if (slope != NULL) {
            double *to = slope + i * MAD_GLYPH_FACTORS;
            const double steep = level > 0.0 && level < 1.0 ? ink * res : 0.0;
            for (size_t k = 0; k < MAD_GLYPH_FACTORS; k++) {
                to[k] = 0.0;
            }
            if (steep > 0.0) {
                slopes(&m, &h, x, y, steep, to);
            }
            to[MAD_GLYPH_INK] = share;
        }
    }
}
