/* sim/worlds/layout_read.c: what objects a picture shows.
 *
 * Pixels above a threshold fall into connected parts. The light of a part and its centroid give, for
 * each kind and depth, a size and a place; the redrawing that fits best, improved by Gauss-Newton
 * steps on place and size, is the object. The area of a shape with soft edges: if the shape of side s
 * has area f s^2 and inscribed radius k s, moving its edges by up to half a pixel either way gives on
 * average f s^2 + f / (12 k^2).
 */
#include <math.h>
#include <string.h>

#include "sim/worlds/layout.h"
#include "sim/worlds/oracle.h"

enum {
    MAX_PIXELS = MAD_LAYOUT_MAX_SIDE * MAD_LAYOUT_MAX_SIDE,
    N_PLACES = MAD_LAYOUT_PLACES,
    N_STEPS = 6
};

#define THRESHOLD   0.2 /* half the light of the farthest object */
#define LEAST_LIGHT 1.0 /* of a part; the farthest, smallest triangle has 3.4 */

/* What a picture the world drew can leave, with room: measured on fresh pictures in the tests. */
#define MISFIT_NOISE 1.25 /* times the noise, in the box of an object */
#define MISFIT_MORE  0.05 /* data units */
#define SIZE_ROOM    0.02 /* of the picture's side */
#define PLACE_ROOM   0.01

typedef struct reader {
    const mad_layout_world *world;
    double light[MAX_PIXELS], drawn[MAX_PIXELS];
    int32_t part[MAX_PIXELS]; /* 0: dark, else the number of the part */
    int32_t stack[MAX_PIXELS];
} reader;

/* A connected part: columns and rows low..high - 1, one pixel around it included. */
typedef struct part {
    int32_t number;
    size_t low[2], high[2];
    double light, x, y; /* sum and centroid */
} part;

/* ---- parts ----------------------------------------------------------------------------------- */

/* Number the pixels that hang together with `start`, over edges and corners. */
static void flood(reader *r, size_t start, part *out)
{
    const size_t n = r->world->side;
    size_t n_open = 1;
    out->low[0] = out->low[1] = n;
    out->high[0] = out->high[1] = 0;
    r->stack[0] = (int32_t)start;
    r->part[start] = out->number;
    while (n_open > 0) {
        const size_t at = (size_t)r->stack[--n_open], row = at / n;
        const size_t place[2] = {at - row * n, row};
        for (size_t k = 0; k < 2; k++) {
            const size_t low = place[k] > 0 ? place[k] - 1 : 0;
            const size_t high = place[k] + 2 < n ? place[k] + 2 : n;
            out->low[k] = low < out->low[k] ? low : out->low[k];
            out->high[k] = high > out->high[k] ? high : out->high[k];
        }
        for (size_t y = place[1] > 0 ? place[1] - 1 : 0; y < n && y <= place[1] + 1; y++) {
            for (size_t x = place[0] > 0 ? place[0] - 1 : 0; x < n && x <= place[0] + 1; x++) {
                if (r->part[y * n + x] == 0 && r->light[y * n + x] > THRESHOLD) {
                    r->part[y * n + x] = out->number;
                    r->stack[n_open++] = (int32_t)(y * n + x);
                }
            }
        }
    }
}

/* Pixels of a box that are not another part's. */
static int is_ours(const reader *r, const part *p, size_t pixel)
{
    return r->part[pixel] == 0 || r->part[pixel] == p->number;
}

static void weigh(const reader *r, part *p)
{
    const size_t n = r->world->side;
    double x = 0.0, y = 0.0;
    p->light = 0.0;
    for (size_t row = p->low[1]; row < p->high[1]; row++) {
        for (size_t column = p->low[0]; column < p->high[0]; column++) {
            const size_t pixel = row * n + column;
            const double light = is_ours(r, p, pixel) ? r->light[pixel] : 0.0;
            p->light += light;
            x += light * ((double)column + 0.5);
            y += light * ((double)row + 0.5);
        }
    }
    p->x = p->light > 0.0 ? x / p->light : 0.0;
    p->y = p->light > 0.0 ? y / p->light : 0.0;
}

/* ---- one object ------------------------------------------------------------------------------ */

/* The object of this kind and depth with the part's light and centroid. */
static mad_object guess(const part *p, mad_shape kind, int32_t depth)
{
    static const double area[MAD_N_SHAPES] = {0.78539816339744831, 1.0, 0.5};
    /* side / perimeter of a triangle with base and height 1: 1 / (1 + sqrt 5) */
    static const double inscribed[MAD_N_SHAPES] = {0.5, 0.5, 0.30901699437494742};
    const double k = inscribed[kind];
    const double square = p->light / mad_layout_level(depth) / area[kind] - 1.0 / (12.0 * k * k);
    mad_object o = {.kind = (int32_t)kind, .depth = depth, .x = p->x, .y = p->y};
    o.size = sqrt(fmax(square, 1.0));
    o.y -= kind == MAD_SHAPE_TRIANGLE ? o.size / 6.0 : 0.0; /* its centroid lies at 2/3 */
    return o;
}

/* How an object fits its box: squared misses, and sums of the smaller and of the larger light. */
typedef struct fit {
    double miss, n, smaller, larger;
} fit;

static fit fit_of(const reader *r, const part *p, const mad_object *o)
{
    const size_t n = r->world->side;
    fit out = {0};
    for (size_t row = p->low[1]; row < p->high[1]; row++) {
        for (size_t column = p->low[0]; column < p->high[0]; column++) {
            const size_t pixel = row * n + column;
            if (is_ours(r, p, pixel)) {
                const double drawn = mad_layout_light(o, column, row), light = r->light[pixel];
                out.miss += (light - drawn) * (light - drawn);
                out.n += 1.0;
                out.smaller += fmin(fmax(light, 0.0), drawn);
                out.larger += fmax(light, drawn);
            }
        }
    }
    return out;
}

/* A Gauss-Newton step on one number of the object, by central differences. */
static void step(const reader *r, const part *p, mad_object *o, double *number)
{
    const double h = 1e-4, at = *number;
    const size_t n = r->world->side;
    double slope = 0.0, weight = 0.0;
    for (size_t row = p->low[1]; row < p->high[1]; row++) {
        for (size_t column = p->low[0]; column < p->high[0]; column++) {
            const size_t pixel = row * n + column;
            if (is_ours(r, p, pixel)) {
                *number = at + h;
                const double up = mad_layout_light(o, column, row);
                *number = at - h;
                const double d = (up - mad_layout_light(o, column, row)) / (2.0 * h);
                *number = at;
                slope += d * (r->light[pixel] - mad_layout_light(o, column, row));
                weight += d * d;
            }
        }
    }
    *number = at + (weight > 0.0 ? fmin(fmax(slope / weight, -1.0), 1.0) : 0.0);
}

/* The object of a part; its fit. */
static fit find(const reader *r, const part *p, mad_object *out)
{
    fit best = {.miss = (double)INFINITY};
    for (size_t kind = 0; kind < MAD_N_SHAPES; kind++) {
        for (int32_t depth = 0; depth < MAD_LAYOUT_DEPTHS; depth++) {
            const mad_object o = guess(p, (mad_shape)kind, depth);
            const fit f = fit_of(r, p, &o);
            if (f.miss < best.miss) {
                best = f;
                *out = o;
            }
        }
    }
    for (size_t i = 0; i < N_STEPS; i++) {
        step(r, p, out, &out->x);
        step(r, p, out, &out->y);
        step(r, p, out, &out->size);
    }
    best = fit_of(r, p, out);
    out->iou = best.larger > 0.0 ? best.smaller / best.larger : 0.0;
    return best;
}

/* ---- one picture ----------------------------------------------------------------------------- */

static size_t place_of(const mad_layout_world *world, const mad_object *o)
{
    const double cell = (double)world->side / MAD_LAYOUT_GRID, most = MAD_LAYOUT_GRID - 1;
    const double column = fmin(fmax(floor(o->x / cell), 0.0), most);
    const double row = fmin(fmax(floor(o->y / cell), 0.0), most);
    return (size_t)row * MAD_LAYOUT_GRID + (size_t)column;
}

static int may_be(const mad_layout_world *w, const mad_object *o, size_t place, const fit *f)
{
    const double side = (double)w->side, room = w->jitter + PLACE_ROOM * side;
    const double misfit = 2.0 * sqrt(f->miss / fmax(f->n, 1.0)); /* black is -1, white 1 */
    return misfit <= MISFIT_NOISE * w->noise + MISFIT_MORE &&
           o->size >= w->smallest - SIZE_ROOM * side && o->size <= w->largest + SIZE_ROOM * side &&
           fabs(o->x - mad_layout_middle(w, place, 1)) <= room &&
           fabs(o->y - mad_layout_middle(w, place, 0)) <= room;
}

/* Objects of all parts; of two at one place the one with more light stays. Whether the world could
 * have drawn them. */
static int read_objects(reader *r, mad_object object[N_PLACES])
{
    const mad_layout_world *world = r->world;
    const size_t dim = world->side * world->side;
    double taken[N_PLACES] = {0}; /* light */
    int is_valid = 1;
    part p = {.number = 0};
    for (size_t j = 0; j < dim; j++) {
        if (r->part[j] != 0 || r->light[j] <= THRESHOLD) {
            continue;
        }
        mad_object o;
        p.number++;
        flood(r, j, &p);
        weigh(r, &p);
        if (p.light < LEAST_LIGHT) {
            continue;
        }
        const fit f = find(r, &p, &o);
        const size_t place = place_of(world, &o);
        is_valid &= taken[place] == 0.0 && may_be(world, &o, place, &f);
        if (p.light > taken[place]) {
            taken[place] = p.light;
            object[place] = o;
        }
    }
    return is_valid;
}

/* Between one and four objects, no depth twice. */
static int is_scene(const mad_object object[N_PLACES])
{
    size_t n = 0, at_depth[MAD_LAYOUT_DEPTHS] = {0};
    int out = 1;
    for (size_t p = 0; p < N_PLACES; p++) {
        if (object[p].kind >= 0) {
            out &= at_depth[object[p].depth]++ == 0;
            n++;
        }
    }
    return out && n >= 1 && n <= MAD_LAYOUT_OBJECTS;
}

static void read_row(const mad_world *world, void *work, const double *x, size_t i,
                     mad_recovery *out)
{
    reader *r = work;
    r->world = (const mad_layout_world *)world;
    const size_t dim = r->world->side * r->world->side;
    mad_object *object = out->object + i * N_PLACES;
    mad_oracle_light(dim, x, r->light);
    memset(r->part, 0, sizeof r->part);
    for (size_t p = 0; p < N_PLACES; p++) {
        object[p] = (mad_object){.kind = -1, .depth = -1};
    }
    const int is_valid = read_objects(r, object);
    mad_layout_draw(r->world, object, r->drawn);
    out->label[i] = mad_layout_factors(r->world, object, out->factor + i * MAD_LAYOUT_FACTORS);
    out->residual[i] = mad_oracle_residual(dim, x, r->drawn);
    out->valid[i] = (unsigned char)(is_valid && is_scene(object));
}

mad_status mad_layout_recover(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                              mad_recovery *out)
{
    return mad_oracle_rows(ctx, world, rows, sizeof(reader), read_row, out);
}
