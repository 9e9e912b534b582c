/* sim/worlds/bounce_read.c: where the disc of a film is, frame by frame, and along which path.
 *
 * Each frame by itself: the centroid of the light near the disc, then Gauss-Newton steps on the
 * place, all frames together on the radius. Then each axis by itself: a straight line fitted by least
 * squares to the places unfolded at the walls, from starts that cover all speeds.
 */
#include <math.h>
#include <string.h>

#include "sim/worlds/bounce.h"
#include "sim/worlds/oracle.h"

enum { MAX_SIDE = MAD_BOUNCE_MAX_SIDE, MAX_FRAMES = MAD_BOUNCE_MAX_FRAMES };
enum { N_CENTROIDS = 3, N_STEPS = 4, N_UNFOLDINGS = 6 };

#define PI     3.14159265358979323846
#define REACH  1.5  /* pixels around the largest disc that still belong to it */
#define FASTER 1.25 /* speeds are looked for up to this times the law's largest */

/* What a film the world drew can leave, with room: measured on fresh films in the tests. */
#define MISFIT_NOISE 1.25 /* times the noise */
#define MISFIT_MORE  0.05 /* data units */
#define PATH_LIMIT   0.15 /* pixels */
#define ROOM         0.01 /* of a side: radius, speed beyond the law's ends */

typedef struct reader {
    const mad_bounce_world *world;
    double light[MAX_FRAMES][MAX_SIDE * MAX_SIDE], drawn[MAX_SIDE * MAX_SIDE];
    double radius;
    double factor[MAD_BOUNCE_FACTORS];
} reader;

static double clamp(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

/* ---- one frame ------------------------------------------------------------------------------- */

/* Pixels whose centre is within reach of (x, y): columns and rows from..to - 1. */
typedef struct window {
    size_t from_x, to_x, from_y, to_y;
} window;

static window around(size_t side, double x, double y, double reach)
{
    const double n = (double)side;
    return (window){(size_t)clamp(floor(x - reach), 0.0, n), (size_t)clamp(ceil(x + reach), 0.0, n),
                    (size_t)clamp(floor(y - reach), 0.0, n),
                    (size_t)clamp(ceil(y + reach), 0.0, n)};
}

/* The middle of all bright pixels, or the brightest one. */
static void find(size_t side, const double *light, mad_track *at)
{
    double sum = 0.0, x = 0.0, y = 0.0;
    size_t top = 0;
    for (size_t j = 0; j < side * side; j++) {
        const size_t column = j % side, row = j / side;
        const double weight = fmax(light[j] - 0.5, 0.0);
        sum += weight;
        x += weight * ((double)column + 0.5);
        y += weight * ((double)row + 0.5);
        top = light[j] > light[top] ? j : top;
    }
    const size_t top_column = top % side, top_row = top / side;
    at->x = sum > 0.0 ? x / sum : (double)top_column + 0.5;
    at->y = sum > 0.0 ? y / sum : (double)top_row + 0.5;
}

/* Move to the centroid of the light within reach; how much there is. */
static double centre(size_t side, const double *light, double reach, mad_track *at)
{
    const window w = around(side, at->x, at->y, reach);
    double sum = 0.0, x = 0.0, y = 0.0;
    for (size_t row = w.from_y; row < w.to_y; row++) {
        for (size_t column = w.from_x; column < w.to_x; column++) {
            const double dx = (double)column + 0.5 - at->x, dy = (double)row + 0.5 - at->y;
            if (dx * dx + dy * dy <= reach * reach) {
                sum += light[row * side + column];
                x += light[row * side + column] * dx;
                y += light[row * side + column] * dy;
            }
        }
    }
    if (sum > 0.0) {
        at->x = clamp(at->x + x / sum, 0.0, (double)side);
        at->y = clamp(at->y + y / sum, 0.0, (double)side);
    }
    return fmax(sum, 0.0);
}

/* One Gauss-Newton step on the place. On the soft edge light falls with the distance by 1 a pixel:
 * its slope by the place is the unit vector n towards the pixel, by the radius 1. Adds the step of
 * the radius' own normal equation. */
static void step(const reader *r, const double *light, mad_track *at, double *radius_sum,
                 double *radius_weight)
{
    const size_t side = r->world->side;
    const window w = around(side, at->x, at->y, r->radius + 1.0);
    double xx = 0.0, xy = 0.0, yy = 0.0, gx = 0.0, gy = 0.0;
    for (size_t row = w.from_y; row < w.to_y; row++) {
        for (size_t column = w.from_x; column < w.to_x; column++) {
            const double dx = (double)column + 0.5 - at->x, dy = (double)row + 0.5 - at->y;
            const double distance = sqrt(dx * dx + dy * dy), level = 0.5 + r->radius - distance;
            if (level > 0.0 && level < 1.0 && distance > 0.0) {
                const double nx = dx / distance, ny = dy / distance;
                const double miss = light[row * side + column] - level;
                xx += nx * nx;
                xy += nx * ny;
                yy += ny * ny;
                gx += nx * miss;
                gy += ny * miss;
                *radius_sum += miss;
                *radius_weight += 1.0;
            }
        }
    }
    const double det = xx * yy - xy * xy;
    if (det > 0.01 * xx * yy) {
        at->x = clamp(at->x + clamp((yy * gx - xy * gy) / det, -1.0, 1.0), 0.0, (double)side);
        at->y = clamp(at->y + clamp((xx * gy - xy * gx) / det, -1.0, 1.0), 0.0, (double)side);
    }
}

static void see(reader *r, mad_track *track)
{
    const mad_factor *law = &r->world->factor[MAD_BOUNCE_RADIUS];
    const size_t side = r->world->side, n = r->world->n_frames;
    const double reach = law->high + REACH;
    double sum = 0.0;
    for (size_t t = 0; t < n; t++) {
        double light = 0.0;
        find(side, r->light[t], &track[t]);
        for (size_t i = 0; i < N_CENTROIDS; i++) {
            light = centre(side, r->light[t], reach, &track[t]);
        }
        sum += light;
    }
    /* the light of a disc with a soft edge is pi (r^2 + 1/12) */
    const double smallest = 0.5 * law->low, largest = 2.0 * law->high;
    r->radius = clamp(sqrt(fmax(sum / (PI * (double)n) - 1.0 / 12.0, 0.0)), smallest, largest);
    for (size_t i = 0; i < N_STEPS; i++) {
        double miss = 0.0, weight = 0.0;
        for (size_t t = 0; t < n; t++) {
            step(r, r->light[t], &track[t], &miss, &weight);
        }
        r->radius = clamp(r->radius + (weight > 0.0 ? miss / weight : 0.0), smallest, largest);
    }
}

/* ---- one axis -------------------------------------------------------------------------------- */

/* Places of a triangle wave, less the radius, and the line through their unfolding. */
typedef struct axis {
    size_t n;
    double free, place[MAX_FRAMES];
    double start, velocity, cost;
} axis;

/* The image of a place at p that lies nearest to u: 2 k free +- p. */
static double nearest_image(double p, double u, double free)
{
    const double period = 2.0 * free;
    const double even = p + period * round((u - p) / period);
    const double odd = period * round((u + p) / period) - p;
    return fabs(even - u) <= fabs(odd - u) ? even : odd;
}

/* Least squares through the images nearest to the line; its cost before the step. */
static double refit(axis *a)
{
    const double n = (double)a->n, middle = 0.5 * (n - 1.0);
    double cost = 0.0, sum = 0.0, slope = 0.0;
    for (size_t t = 0; t < a->n; t++) {
        const double line = a->start + a->velocity * (double)t;
        const double miss = nearest_image(a->place[t], line, a->free) - line;
        cost += miss * miss;
        sum += miss;
        slope += miss * ((double)t - middle);
    }
    const double turn = slope * 12.0 / (n * (n * n - 1.0));
    a->start += sum / n - turn * middle;
    a->velocity += turn;
    return cost;
}

/* Starts in steps so small that the last frame is within free/8 of the truth for one of them. */
static void fit_axis(axis *a, double fastest)
{
    const double by = 0.25 * a->free / ((double)a->n - 1.0);
    const int n_starts = (int)ceil(fastest / by);
    axis best = {.cost = (double)INFINITY};
    for (int k = -n_starts; k <= n_starts; k++) {
        a->start = a->place[0];
        a->velocity = by * (double)k;
        for (size_t i = 0; i < N_UNFOLDINGS; i++) {
            const axis before = *a;
            a->cost = refit(a);
            if (a->cost < best.cost) {
                best = before;
                best.cost = a->cost;
            }
        }
    }
    *a = best;
    double turn = 1.0; /* a line and its mirror images at the walls are one path */
    a->start = mad_bounce_fold(a->start, a->free, &turn);
    a->velocity *= turn;
}

static void fit_path(reader *r, const mad_track *track)
{
    const mad_bounce_world *world = r->world;
    axis x = {.n = world->n_frames, .free = (double)world->side - 2.0 * r->radius}, y = x;
    const double fastest = FASTER * world->factor[MAD_BOUNCE_SPEED].high;
    for (size_t t = 0; t < world->n_frames; t++) {
        x.place[t] = track[t].x - r->radius;
        y.place[t] = track[t].y - r->radius;
    }
    fit_axis(&x, fastest);
    fit_axis(&y, fastest);
    const double heading = atan2(y.velocity, x.velocity);
    r->factor[MAD_BOUNCE_START_X] = r->radius + x.start;
    r->factor[MAD_BOUNCE_START_Y] = r->radius + y.start;
    r->factor[MAD_BOUNCE_HEADING] = heading < 0.0 ? heading + 2.0 * PI : heading;
    r->factor[MAD_BOUNCE_SPEED] = hypot(x.velocity, y.velocity);
    r->factor[MAD_BOUNCE_RADIUS] = r->radius;
}

/* ---- one film -------------------------------------------------------------------------------- */

/* Root mean square of a frame less the disc at (x, y). */
static double misfit_of(reader *r, const double *pixels, double x, double y)
{
    mad_bounce_draw(r->world, r->radius, x, y, r->drawn);
    return mad_oracle_residual(r->world->side * r->world->side, pixels, r->drawn);
}

static int is_within(const mad_factor *f, double x, double room)
{
    return x >= f->low - room && x <= f->high + room;
}

static int is_valid(const reader *r, double misfit, double path)
{
    const mad_bounce_world *world = r->world;
    const double room = ROOM * (double)world->side;
    return misfit <= MISFIT_NOISE * world->noise + MISFIT_MORE && path <= PATH_LIMIT &&
           is_within(&world->factor[MAD_BOUNCE_RADIUS], r->radius, room) &&
           is_within(&world->factor[MAD_BOUNCE_SPEED], r->factor[MAD_BOUNCE_SPEED], room);
}

static void read_row(const mad_world *world, void *work, const double *x, size_t i,
                     mad_recovery *out)
{
    reader *r = work;
    r->world = (const mad_bounce_world *)world;
    const size_t n = r->world->n_frames, n_pixels = r->world->side * r->world->side;
    mad_track *track = out->track + i * n;
    double residual = 0.0, misfit = 0.0, path = 0.0;
    for (size_t t = 0; t < n; t++) {
        mad_oracle_light(n_pixels, x + t * n_pixels, r->light[t]);
    }
    see(r, track);
    fit_path(r, track);
    mad_bounce_path(r->world, r->factor, track);
    for (size_t t = 0; t < n; t++) {
        const double *pixels = x + t * n_pixels;
        const double miss_x = track[t].x - track[t].law_x, miss_y = track[t].y - track[t].law_y;
        track[t].misfit = misfit_of(r, pixels, track[t].x, track[t].y);
        misfit = hypot(misfit, track[t].misfit);
        residual = hypot(residual, misfit_of(r, pixels, track[t].law_x, track[t].law_y));
        path = hypot(path, hypot(miss_x, miss_y));
    }
    const double root = sqrt((double)n);
    memcpy(out->factor + i * MAD_BOUNCE_FACTORS, r->factor, sizeof r->factor);
    out->residual[i] = residual / root;
    out->valid[i] = (unsigned char)is_valid(r, misfit / root, path / root);
}

mad_status mad_bounce_recover(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                              mad_recovery *out)
{
    return mad_oracle_rows(ctx, world, rows, sizeof(reader), read_row, out);
}
