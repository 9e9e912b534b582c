/* analysis/metrics/motion.c: films: whether what moves in them keeps the world's law of motion, and
 * how various the motions are. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

enum {
    PATH,
    SHAPE,
    SPEED_VARIATION,
    BOUNCE_ANGLE,
    SPEED_KS,
    HEADING_KUIPER,
    START_KS,
    ENTROPY,
    AUTOCORRELATION,
    DIFFERENCE,
    N_OUTPUTS
};

enum { N_SPEEDS = 6, N_HEADINGS = 8, N_STARTS = 4, N_CELLS = N_SPEEDS * N_HEADINGS * N_STARTS };

#define PI 3.14159265358979323846

static const char ours[] = "docs/measures.md";
static const char smirnov[] = "Smirnov 1948, Ann. Math. Stat. 19:279";
static const char no_films[] = "where rows are no films";

static const mad_metric_output outputs[] = {
    [PATH] = {.name = "path_residual",
              .long_name = "how far the object strays from its path",
              .units = "pixels",
              .direction = "target",
              .definition = "root mean square over films and frames of the distance from where the "
                            "object is seen to where the law has it, given the factors read back",
              .reference = ours,
              .undefined = no_films},
    [SHAPE] = {.name = "shape_residual",
               .long_name = "how far frames are from the object where it is seen",
               .units = "data units",
               .direction = "target",
               .definition = "root mean square over films, frames and pixels of the frame less the "
                             "object drawn where it is seen",
               .reference = ours,
               .undefined = no_films},
    [SPEED_VARIATION] = {.name = "speed_variation",
                         .long_name = "how much the speed changes between walls",
                         .units = "1",
                         .direction = "target",
                         .definition = "mean over films of sd / mean (ddof 1) of the steps seen "
                                       "from frame to frame; those with a bounce are left out",
                         .reference = ours,
                         .undefined =
                             "where rows are no films, or none has two such steps and moves"},
    [BOUNCE_ANGLE] = {.name = "bounce_angle_error",
                      .long_name = "angle between a bounce and its mirror law",
                      .units = "rad",
                      .direction = "target",
                      .definition = "root mean square over lone bounces of the angle between the "
                                    "step seen after the bounce and the mirrored step before it",
                      .reference = ours,
                      .undefined = "where rows are no films, or no film has a lone bounce"},
    [SPEED_KS] = {.name = "speed_ks",
                  .long_name = "Kolmogorov-Smirnov distance of the speeds",
                  .units = "1",
                  .direction = "lower",
                  .definition = "sup |F - F_real| of the speed read back",
                  .reference = smirnov,
                  .undefined = no_films},
    [HEADING_KUIPER] = {.name = "heading_kuiper",
                        .long_name = "Kuiper distance of the headings",
                        .units = "1",
                        .direction = "lower",
                        .definition = "sup(F - F_real) + sup(F_real - F) of the direction in the "
                                      "first frame",
                        .reference = "Kuiper 1960, Indag. Math. 63:38",
                        .undefined = no_films},
    [START_KS] = {.name = "start_ks",
                  .long_name = "Kolmogorov-Smirnov distance of the places in the first frame",
                  .units = "1",
                  .direction = "lower",
                  .definition = "the larger over x and y of sup |F - F_real| of the place in the "
                                "first frame",
                  .reference = smirnov,
                  .undefined = no_films},
    [ENTROPY] = {.name = "motion_entropy",
                 .long_name = "joint entropy of speed, heading and start",
                 .units = "nats",
                 .direction = "target",
                 .definition = "- sum h ln h over 6 x 8 x 4 cells: sixths of the real speeds, "
                               "sectors of the heading, quarters of the frame",
                 .reference = "Shannon 1948",
                 .undefined = no_films},
    [AUTOCORRELATION] = {.name = "frame_autocorrelation",
                         .long_name = "autocorrelation from frame to frame",
                         .units = "1",
                         .direction = "target",
                         .definition = "mean over films of c1 / c0, c_k = mean over pixels and "
                                       "frames t of (x_t - m)(x_{t+k} - m), m the film's mean",
                         .reference = "Box & Jenkins 1970",
                         .undefined = "where rows are no films, or all are constant"},
    [DIFFERENCE] = {.name = "frame_difference",
                    .long_name = "change of a pixel from frame to frame",
                    .units = "data units",
                    .direction = "target",
                    .definition = "root mean square over films, frames and pixels of x_{t+1} - x_t",
                    .reference = ours,
                    .undefined = no_films},
    {.name = NULL},
};

static int fits(const mad_world_info *world, size_t i_output)
{
    (void)i_output;
    return world->n_frames > 1;
}

/* A root mean square that grows term by term, without overflow. */
typedef struct mean_square {
    double root; /* of the sum of squares */
    double n;
} mean_square;

static void add(mean_square *sum, double x)
{
    sum->root = hypot(sum->root, x);
    sum->n += 1.0;
}

static double root_of(const mean_square *sum)
{
    return sum->n > 0.0 ? sum->root / sqrt(sum->n) : (double)NAN;
}

typedef struct mean {
    double sum, n;
} mean;

static double mean_of(const mean *m)
{
    return m->n > 0.0 ? m->sum / m->n : (double)NAN;
}

/* ---- the law of motion ----------------------------------------------------------------------- */

/* Whether the velocity turns between two frames, along x and y. */
static int turns_x(const mad_track *at)
{
    return at[0].law_vx != at[1].law_vx;
}

static int turns_y(const mad_track *at)
{
    return at[0].law_vy != at[1].law_vy;
}

static int is_free(const mad_track *at)
{
    return !turns_x(at) && !turns_y(at);
}

static void add_speeds(size_t n_frames, const mad_track *track, mean *out)
{
    double n = 0.0, middle = 0.0, square = 0.0; /* Welford's recurrence */
    for (size_t t = 0; t + 1 < n_frames; t++) {
        if (is_free(track + t)) {
            const double step = hypot(track[t + 1].x - track[t].x, track[t + 1].y - track[t].y);
            const double before = step - middle;
            n += 1.0;
            middle += before / n;
            square += before * (step - middle);
        }
    }
    if (n > 1.0 && middle > 0.0) {
        out->sum += sqrt(square / (n - 1.0)) / middle;
        out->n += 1.0;
    }
}

/* A lone bounce: the steps before and after it are free. */
static void add_bounces(size_t n_frames, const mad_track *track, mean_square *out)
{
    for (size_t t = 1; t + 2 < n_frames; t++) {
        const mad_track *at = track + t;
        if (is_free(at) || !is_free(at - 1) || !is_free(at + 1)) {
            continue;
        }
        const double in_x = (at[0].x - at[-1].x) * (turns_x(at) ? -1.0 : 1.0);
        const double in_y = (at[0].y - at[-1].y) * (turns_y(at) ? -1.0 : 1.0);
        const double out_x = at[2].x - at[1].x, out_y = at[2].y - at[1].y;
        add(out, atan2(in_x * out_y - in_y * out_x, in_x * out_x + in_y * out_y));
    }
}

static void measure_law(const mad_recovery *found, size_t n_frames, double *values)
{
    mean_square path = {0}, shape = {0}, angle = {0};
    mean variation = {0};
    for (size_t i = 0; i < found->n_rows; i++) {
        const mad_track *track = found->track + i * n_frames;
        for (size_t t = 0; t < n_frames; t++) {
            add(&path, hypot(track[t].x - track[t].law_x, track[t].y - track[t].law_y));
            add(&shape, track[t].misfit);
        }
        add_speeds(n_frames, track, &variation);
        add_bounces(n_frames, track, &angle);
    }
    values[PATH] = root_of(&path);
    values[SHAPE] = root_of(&shape);
    values[SPEED_VARIATION] = mean_of(&variation);
    values[BOUNCE_ANGLE] = root_of(&angle);
}

/* ---- the variety of motions ------------------------------------------------------------------ */

enum { SPEED, HEADING, START_X, START_Y, N_COORDINATES };

/* The motion of every film in its first frame. */
typedef struct motions {
    size_t n;
    double *of[N_COORDINATES]; /* [n] each */
} motions;

static mad_status motions_of(mad_ctx *ctx, const mad_recovery *found, size_t n_frames, motions *out)
{
    const size_t n = found->n_rows;
    double *x = mad_arena_take_raw(ctx->scratch, N_COORDINATES * n, sizeof *x);
    if (x == NULL) {
        return mad_fail_memory(ctx, "the motions of films");
    }
    out->n = n;
    for (size_t k = 0; k < N_COORDINATES; k++) {
        out->of[k] = x + k * n;
    }
    for (size_t i = 0; i < n; i++) {
        const mad_track *first = found->track + i * n_frames;
        const double heading = atan2(first->law_vy, first->law_vx);
        out->of[SPEED][i] = hypot(first->law_vx, first->law_vy);
        out->of[HEADING][i] = heading < 0.0 ? heading + 2.0 * PI : heading;
        out->of[START_X][i] = first->law_x;
        out->of[START_Y][i] = first->law_y;
    }
    return MAD_OK;
}

/* real: speeds sorted. */
static mad_status entropy(mad_ctx *ctx, const mad_world_info *world, const motions *real,
                          const motions *fake, double *out)
{
    double edge[N_SPEEDS - 1], *h = mad_arena_take(ctx->scratch, N_CELLS, sizeof *h);
    const double half_x = 0.5 * (double)world->width;
    const double half_y = 0.5 * (double)world->height / (double)world->n_frames;
    if (h == NULL) {
        return mad_fail_memory(ctx, "the cells of motions");
    }
    for (size_t k = 0; k + 1 < N_SPEEDS; k++) {
        edge[k] = mad_quantile_sorted(real->n, real->of[SPEED], (double)(k + 1) / N_SPEEDS);
    }
    for (size_t i = 0; i < fake->n; i++) {
        const size_t sector = (size_t)(fake->of[HEADING][i] / (2.0 * PI) * N_HEADINGS);
        const size_t start =
            2u * (fake->of[START_Y][i] >= half_y) + (fake->of[START_X][i] >= half_x);
        size_t cell = 0;
        while (cell + 1 < N_SPEEDS && fake->of[SPEED][i] > edge[cell]) {
            cell++;
        }
        cell = cell * N_HEADINGS + (sector < N_HEADINGS ? sector : N_HEADINGS - 1);
        h[cell * N_STARTS + start] += 1.0 / (double)fake->n;
    }
    *out = mad_entropy(N_CELLS, h);
    return MAD_OK;
}

static mad_status measure_variety(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n_frames = in->world->n_frames;
    motions real, fake;
    double above[N_COORDINATES], below[N_COORDINATES];
    mad_status st = MAD_OK;
    MAD_TRY(motions_of(ctx, in->real_found, n_frames, &real));
    MAD_TRY(motions_of(ctx, in->fake_found, n_frames, &fake));
    mad_sort(real.n, real.of[SPEED]);
    MAD_TRY(entropy(ctx, in->world, &real, &fake, &values[ENTROPY]));
    for (size_t k = 0; k < N_COORDINATES; k++) {
        mad_sort(real.n, real.of[k]);
        mad_sort(fake.n, fake.of[k]);
        mad_cdf_distances(fake.n, fake.of[k], real.n, real.of[k], &above[k], &below[k]);
    }
    values[SPEED_KS] = fmax(above[SPEED], below[SPEED]);
    values[HEADING_KUIPER] = above[HEADING] + below[HEADING];
    values[START_KS] =
        fmax(fmax(above[START_X], below[START_X]), fmax(above[START_Y], below[START_Y]));
out:
    return st;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* A film times 1/scale, so that squares do not overflow. */
static void add_frames(size_t n_frames, size_t n_pixels, const double *x, mean *autocorrelation,
                       mean_square *difference)
{
    const size_t dim = n_frames * n_pixels;
    const double middle = mad_mean(dim, x);
    double widest = 0.0, square = 0.0, product = 0.0, change = 0.0;
    for (size_t j = 0; j < dim; j++) {
        widest = fmax(widest, fabs(x[j] - middle));
    }
    for (size_t j = 0; j < dim && widest > 0.0; j++) {
        const double d = (x[j] - middle) / widest;
        square += d * d;
        if (j + n_pixels < dim) {
            const double next = (x[j + n_pixels] - middle) / widest;
            product += d * next;
            change += (next - d) * (next - d);
        }
    }
    const double n_steps = (double)(dim - n_pixels);
    if (square > 0.0) {
        autocorrelation->sum += product / n_steps / (square / (double)dim);
        autocorrelation->n += 1.0;
    }
    add(difference, widest * sqrt(change / n_steps));
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n_frames = in->world->n_frames;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mean autocorrelation = {0};
    mean_square difference = {0};
    mad_status st = MAD_OK;
    if (!fits(in->world, 0)) {
        for (size_t i = 0; i < N_OUTPUTS; i++) {
            values[i] = (double)NAN;
        }
        return MAD_OK;
    }
    measure_law(in->fake_found, n_frames, values);
    MAD_TRY(measure_variety(ctx, in, values));
    for (size_t i = 0; i < in->fake->n_rows; i++) {
        const size_t dim = in->fake->dim;
        add_frames(n_frames, dim / n_frames, in->fake->x + i * dim, &autocorrelation, &difference);
    }
    values[AUTOCORRELATION] = mean_of(&autocorrelation);
    values[DIFFERENCE] = root_of(&difference);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_motion = {
    .name = "motion",
    .doc = "films: the law of motion kept, and the variety of motions",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_FACTORS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .fits = fits,
    .eval = eval,
};
