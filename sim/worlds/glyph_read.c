/* sim/worlds/glyph_read.c: what digit, in what style, a picture shows.
 *
 * A picture is compared with drawings of every digit in seeded styles, one product of matrices for a
 * chunk of rows; from the best drawing of the likeliest digits, Levenberg-Marquardt steps with exact
 * derivatives lead to the style of largest posterior density: the factors' own laws weigh against
 * the pixels, so that what a picture does not show (turn against shear of a 1) stays where the law
 * has it.
 */
#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/linalg.h"
#include "sim/worlds/glyph.h"
#include "sim/worlds/oracle.h"

enum {
    N_FACTORS = MAD_GLYPH_FACTORS,
    N_CLASSES = MAD_GLYPH_CLASSES,
    N_TEMPLATES = 256, /* of a digit */
    N_ALL_TEMPLATES = N_CLASSES * N_TEMPLATES,
    N_TRIED = 3,  /* digits looked at closely */
    N_OTHERS = 6, /* drawings of the best digit to start from again */
    MAX_STEPS = 20
};

#define WIDER    1.3  /* spread of the templates' styles over the law's */
#define MODEL_SD 0.02 /* of a pixel: keeps the fit finite where there is no noise */
#define MIDDLE   0.3  /* a code is read within this of the middle of a stroke */

/* What a class expects of a factor: the law given the class. */
static double class_mean(const mad_glyph_world *self, size_t digit, size_t k)
{
    return k == MAD_GLYPH_SHEAR ? (digit == 7 ? self->slant : 0.0) : self->factor[k].mean;
}

static double class_sd(const mad_glyph_world *self, size_t k)
{
    return k == MAD_GLYPH_SHEAR ? 0.15 : self->factor[k].sd;
}

mad_status mad_glyph_templates(mad_ctx *ctx, mad_arena *mem, mad_glyph_world *self)
{
    const size_t dim = self->base.info.dim, n = N_ALL_TEMPLATES;
    self->style = mad_arena_take_raw(mem, n * N_FACTORS, sizeof *self->style);
    self->drawing = mad_arena_take_raw(mem, n * dim, sizeof *self->drawing);
    self->drawing_sq = mad_arena_take_raw(mem, n, sizeof *self->drawing_sq);
    if (self->style == NULL || self->drawing == NULL || self->drawing_sq == NULL) {
        return mad_fail_memory(ctx, "the drawings that pictures are compared with");
    }
    mad_rng rng = mad_rng_open((mad_key){.purpose = MAD_RNG_WORLD}, 0); /* the same for all seeds */
    for (size_t i = 0; i < n; i++) {
        const size_t digit = i / N_TEMPLATES;
        mad_glyph glyph = {.code = mad_glyph_code(digit)};
        double *style = self->style + i * N_FACTORS, *light = self->drawing + i * dim;
        mad_rng_normals(&rng, N_FACTORS, style);
        for (size_t k = 0; k < N_FACTORS; k++) {
            style[k] = class_mean(self, digit, k) + WIDER * class_sd(self, k) * style[k];
        }
        style[MAD_GLYPH_INK] = 1.0;
        memcpy(glyph.factor, style, sizeof glyph.factor);
        mad_glyph_draw(&glyph, self->side, light, NULL, NULL);
        double square = 0.0;
        for (size_t j = 0; j < dim; j++) {
            square += light[j] * light[j];
        }
        self->drawing_sq[i] = square;
    }
    return MAD_OK;
}

/* ---- one style ------------------------------------------------------------------------------- */

/* A point of the search: z = whitened factors given the class. */
typedef struct point {
    double z[N_FACTORS];
    mad_glyph glyph;
    double cost;           /* |x - drawing|^2 / sd^2 + |z|^2 */
    double *light, *slope; /* [dim], [dim][N_FACTORS] */
} point;

typedef struct reader {
    const mad_glyph_world *self;
    size_t dim;
    double weight; /* 1 / sd^2 of the light of a pixel */
    double *seen;  /* [dim] light of the row */
    point here, there;
    double *share, *along; /* [dim] */
} reader;

static void look(const reader *r, size_t digit, point *at)
{
    const mad_glyph_world *self = r->self;
    double miss = 0.0, prior = 0.0;
    for (size_t k = 0; k < N_FACTORS; k++) {
        at->glyph.factor[k] = class_mean(self, digit, k) + class_sd(self, k) * at->z[k];
        prior += at->z[k] * at->z[k];
    }
    mad_glyph_draw(&at->glyph, self->side, at->light, at->slope, NULL);
    for (size_t j = 0; j < r->dim; j++) {
        const double d = r->seen[j] - at->light[j];
        miss += d * d;
    }
    at->cost = r->weight * miss + prior;
}

/* A = J^T J / sd^2 + I and g = J^T (x - drawing) / sd^2 - z, J by whitened factors. */
static void normal_equations(const reader *r, const point *at, double a[N_FACTORS][N_FACTORS],
                             double g[N_FACTORS])
{
    memset(a, 0, N_FACTORS * sizeof *a);
    memset(g, 0, N_FACTORS * sizeof *g);
    for (size_t j = 0; j < r->dim; j++) {
        const double *slope = at->slope + j * N_FACTORS, d = r->seen[j] - at->light[j];
        if (slope[MAD_GLYPH_INK] == 0.0) {
            continue; /* dark: nothing moves it */
        }
        for (size_t k = 0; k < N_FACTORS; k++) {
            g[k] += slope[k] * d;
            for (size_t l = 0; l <= k; l++) {
                a[k][l] += slope[k] * slope[l];
            }
        }
    }
    for (size_t k = 0; k < N_FACTORS; k++) {
        const double sd = class_sd(r->self, k);
        g[k] = r->weight * sd * g[k] - at->z[k];
        for (size_t l = 0; l <= k; l++) {
            a[k][l] = r->weight * sd * class_sd(r->self, l) * a[k][l] + (k == l);
        }
    }
}

/* (A + lambda diag A) out = g by Cholesky; A has eigenvalues >= 1. */
static void solve(double a[N_FACTORS][N_FACTORS], double lambda, const double g[N_FACTORS],
                  double out[N_FACTORS])
{
    double l[N_FACTORS][N_FACTORS];
    for (size_t i = 0; i < N_FACTORS; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = i == j ? (1.0 + lambda) * a[i][i] : a[i][j];
            for (size_t k = 0; k < j; k++) {
                sum -= l[i][k] * l[j][k];
            }
            l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
        }
    }
    for (size_t i = 0; i < N_FACTORS; i++) {
        out[i] = g[i];
        for (size_t k = 0; k < i; k++) {
            out[i] -= l[i][k] * out[k];
        }
        out[i] /= l[i][i];
    }
    for (size_t i = N_FACTORS; i-- > 0;) {
        for (size_t k = i + 1; k < N_FACTORS; k++) {
            out[i] -= l[k][i] * out[k];
        }
        out[i] /= l[i][i];
    }
}

/* From r->here downhill. */
static void descend(reader *r, size_t digit)
{
    double a[N_FACTORS][N_FACTORS], g[N_FACTORS], step[N_FACTORS], lambda = 1e-2;
    int is_new = 1;
    look(r, digit, &r->here);
    for (size_t i = 0; i < MAX_STEPS && lambda < 1e4; i++) {
        if (is_new) {
            normal_equations(r, &r->here, a, g);
        }
        solve(a, lambda, g, step);
        r->there.glyph = r->here.glyph;
        for (size_t k = 0; k < N_FACTORS; k++) {
            r->there.z[k] = r->here.z[k] + step[k];
        }
        look(r, digit, &r->there);
        const double gain = r->here.cost - r->there.cost;
        is_new = gain > 0.0;
        lambda = is_new ? 0.1 * lambda : 10.0 * lambda;
        if (is_new) {
            const point from = r->here;
            r->here = r->there;
            r->there = from;
            if (gain < 1e-4 + 1e-6 * from.cost) {
                break;
            }
        }
    }
}

/* ---- one picture ----------------------------------------------------------------------------- */

/* Squared distance of the light from a drawing in the ink that fits best, less |light|^2. */
static double score_of(const reader *r, const double *product, size_t t, double *ink)
{
    const double square = r->self->drawing_sq[t];
    const double a = square > 0.0 ? product[t] / square : 1.0;
    *ink = a < 0.3 ? 0.3 : a > 1.3 ? 1.3 : a;
    return *ink * (*ink * square - 2.0 * product[t]);
}

/* The best drawing of every digit, and the digits by how well it fits. */
static void rank_classes(const reader *r, const double *product, size_t best[N_CLASSES],
                         size_t order[N_CLASSES])
{
    double score[N_CLASSES], ink = 1.0;
    for (size_t c = 0; c < N_CLASSES; c++) {
        score[c] = (double)INFINITY;
        best[c] = c * N_TEMPLATES;
        for (size_t t = c * N_TEMPLATES; t < (c + 1) * N_TEMPLATES; t++) {
            const double s = score_of(r, product, t, &ink);
            if (s < score[c]) {
                score[c] = s;
                best[c] = t;
            }
        }
        size_t place = c; /* insertion: equal scores in the order of the digits */
        for (; place > 0 && score[order[place - 1]] > score[c]; place--) {
            order[place] = order[place - 1];
        }
        order[place] = c;
    }
}

static void start_at(reader *r, const double *product, size_t t)
{
    const size_t digit = t / N_TEMPLATES;
    double ink = 1.0;
    (void)score_of(r, product, t, &ink);
    r->here.glyph = (mad_glyph){.code = mad_glyph_code(digit)};
    for (size_t k = 0; k < N_FACTORS; k++) {
        const double value = k == MAD_GLYPH_INK ? ink : r->self->style[t * N_FACTORS + k];
        r->here.z[k] = (value - class_mean(r->self, digit, k)) / class_sd(r->self, k);
    }
}

/* How much of a lone drawing of ink 1 the light holds, in units of it; only where `along` is within
 * `reach` of the middle. */
static double share_of(reader *r, const mad_glyph *part, double reach, const double *light)
{
    double product = 0.0, square = 0.0;
    mad_glyph lone = *part;
    lone.factor[MAD_GLYPH_INK] = 1.0;
    mad_glyph_draw(&lone, r->self->side, r->share, NULL, r->along);
    for (size_t j = 0; j < r->dim; j++) {
        if (fabs(r->along[j] - 0.5) <= reach) {
            product += r->share[j] * light[j];
            square += r->share[j] * r->share[j];
        }
    }
    return square > 0.0 ? product / square : 0.0;
}

/* The dot lies apart from the strokes: it is what they leave. */
static void find_dot(reader *r, size_t digit)
{
    mad_glyph lone = r->here.glyph;
    const double half = 0.5 * lone.factor[MAD_GLYPH_INK];
    double *left = r->there.light;
    for (size_t j = 0; j < r->dim; j++) {
        left[j] = r->seen[j] - r->here.light[j];
    }
    lone.code = 0;
    lone.dot = 1;
    if (half > 0.0 && share_of(r, &lone, 1.0, left) > half) {
        r->here.glyph.dot = 1;
        descend(r, digit);
    }
}

/* differs from "mean light above half the ink": a stroke thinner than a pixel never shows its ink,
 * so half of what the stroke would show is the limit. */
static unsigned read_code(reader *r)
{
    mad_glyph lone = r->here.glyph;
    const double half = 0.5 * lone.factor[MAD_GLYPH_INK];
    unsigned code = 0;
    lone.dot = 0;
    for (unsigned s = 0; s < MAD_GLYPH_SEGMENTS; s++) {
        lone.code = 1u << s;
        code |= (unsigned)(half > 0.0 && share_of(r, &lone, MIDDLE, r->seen) > half) << s;
    }
    return code;
}

static int is_digit(unsigned code)
{
    int found = 0;
    for (size_t c = 0; c < N_CLASSES; c++) {
        found |= mad_glyph_code(c) == code;
    }
    return found;
}

/* The best found so far. */
typedef struct best_fit {
    size_t digit;
    double cost, z[N_FACTORS];
} best_fit;

static void try_digit(reader *r, size_t digit, best_fit *best)
{
    descend(r, digit);
    if (r->here.cost < best->cost) {
        best->cost = r->here.cost;
        best->digit = digit;
        memcpy(best->z, r->here.z, sizeof best->z);
    }
}

/* Digits with a segment more or less, in the style found: what templates confuse most. */
static void try_neighbours(reader *r, best_fit *best)
{
    const best_fit from = *best;
    for (size_t c = 0; c < N_CLASSES; c++) {
        const unsigned differs = mad_glyph_code(c) ^ mad_glyph_code(from.digit);
        if (differs != 0 && (differs & (differs - 1)) == 0) {
            r->here.glyph = (mad_glyph){.code = mad_glyph_code(c)};
            memcpy(r->here.z, from.z, sizeof from.z);
            try_digit(r, c, best);
        }
    }
}

/* Other drawings of the digit, best first: another way down. */
static void try_others(reader *r, const double *product, size_t first, double enough,
                       best_fit *best)
{
    const size_t digit = best->digit;
    double score[N_TEMPLATES], ink = 1.0;
    for (size_t t = 0; t < N_TEMPLATES; t++) {
        score[t] = score_of(r, product, digit * N_TEMPLATES + t, &ink);
    }
    score[first % N_TEMPLATES] = (double)INFINITY; /* was tried */
    for (size_t i = 0; i < N_OTHERS && best->cost > enough; i++) {
        size_t at = 0;
        for (size_t t = 1; t < N_TEMPLATES; t++) {
            at = score[t] < score[at] ? t : at;
        }
        score[at] = (double)INFINITY;
        start_at(r, product, digit * N_TEMPLATES + at);
        try_digit(r, digit, best);
    }
}

/* r->here becomes the best glyph; its digit. */
static size_t fit(reader *r, const double *product)
{
    size_t template[N_CLASSES], order[N_CLASSES];
    best_fit best = {.cost = (double)INFINITY};
    /* what a right fit leaves, with room: 3 sd of a chi-square of dim, and the factors */
    const double enough = (double)r->dim + 4.5 * sqrt((double)r->dim) + 2.0 * N_FACTORS;
    rank_classes(r, product, template, order);
    for (size_t i = 0; i < N_TRIED && best.cost > enough; i++) {
        start_at(r, product, template[order[i]]);
        try_digit(r, order[i], &best);
    }
    if (best.cost > enough) {
        try_neighbours(r, &best);
        try_others(r, product, template[best.digit], enough, &best);
    }
    r->here.glyph = (mad_glyph){.code = mad_glyph_code(best.digit)};
    memcpy(r->here.z, best.z, sizeof best.z);
    look(r, best.digit, &r->here);
    find_dot(r, best.digit);
    return best.digit;
}

static void read_row(reader *r, const double *x, const double *product, size_t i, mad_recovery *out)
{
    const size_t digit = fit(r, product);
    memcpy(out->factor + i * N_FACTORS, r->here.glyph.factor, sizeof r->here.glyph.factor);
    out->residual[i] = mad_oracle_residual(r->dim, x, r->here.light);
    out->label[i] = (int32_t)digit;
    out->valid[i] = (unsigned char)is_digit(read_code(r));
    if (out->rare != NULL) {
        out->rare[i] = (unsigned char)r->here.glyph.dot;
    }
}

typedef struct recover_job {
    const mad_glyph_world *self;
    const mad_set *rows;
    mad_recovery *out;
} recover_job;

static mad_status take_reader(mad_ctx *ctx, const mad_glyph_world *self, reader *r)
{
    const size_t dim = self->base.info.dim;
    const double sd = 0.5 * hypot(self->noise, MODEL_SD);
    double *x = mad_arena_take_raw(ctx->scratch, dim * (5 + 2 * N_FACTORS), sizeof *x);
    if (x == NULL) {
        return mad_fail_memory(ctx, "a picture to be read");
    }
    *r = (reader){.self = self,
                  .dim = dim,
                  .weight = 1.0 / (sd * sd),
                  .seen = x,
                  .share = x + dim,
                  .along = x + 2 * dim,
                  .here = {.light = x + 3 * dim, .slope = x + 5 * dim},
                  .there = {.light = x + 4 * dim, .slope = x + (5 + N_FACTORS) * dim}};
    return MAD_OK;
}

static mad_status read_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const recover_job *job = arg;
    const mad_glyph_world *self = job->self;
    const size_t dim = job->rows->dim, begin = mad_chunk_begin(i_chunk);
    const size_t n = mad_chunk_rows(job->rows->n_rows, i_chunk), n_all = N_ALL_TEMPLATES;
    const double *x = job->rows->x + begin * dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *light = mad_arena_take(ctx->scratch, MAD_CHUNK * dim, sizeof *light);
    double *product = mad_arena_take_raw(ctx->scratch, MAD_CHUNK * n_all, sizeof *product);
    reader r;
    mad_status st = MAD_OK;
    if (light == NULL || product == NULL) {
        st = mad_fail_memory(ctx, "pictures to be read");
        goto out;
    }
    MAD_TRY(take_reader(ctx, self, &r));
    mad_oracle_light(n * dim, x, light);
    /* a whole chunk always: a row's bits may not depend on how many are read with it */
    mad_gemm_nt(MAD_CHUNK, n_all, dim, 1, light, self->drawing, 0, product);
    for (size_t i = 0; i < n; i++) {
        memcpy(r.seen, light + i * dim, dim * sizeof *light);
        read_row(&r, x + i * dim, product + i * n_all, begin + i, job->out);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_glyph_recover(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                             mad_recovery *out)
{
    recover_job job = {(const mad_glyph_world *)world, rows, out};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), read_chunk, &job);
}
