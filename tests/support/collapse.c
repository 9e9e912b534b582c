/* tests/support/collapse.c: see the header. */
#include "tests/support/collapse.h"

#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/stats.h"

enum { MAX_OUTPUTS = 24, DIM = 8, SIDE = 5, N_MODES = SIDE * SIDE, N_LIGHT = 12 };

#define MODE_SD 0.05

const mad_collapse mad_collapses[MAD_N_COLLAPSES] = {
    [MAD_COLLAPSE_VARIANCE] =
        {"variance", "%", 100.0, 8, {0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4}},
    [MAD_COLLAPSE_TAIL] =
        {"tail cut", "%", 100.0, 8, {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2}},
    [MAD_COLLAPSE_MEMORY] =
        {"memorised", "%", 100.0, 8, {0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5}},
    [MAD_COLLAPSE_MODES] = {"modes lost", "of 25", 25.0, 6, {0.04, 0.08, 0.12, 0.2, 0.4, 0.8}},
    [MAD_COLLAPSE_CLASSES] =
        {"12 of 25 classes rarer by", "%", 100.0, 8, {0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8}},
};

/* Rows of N(0, v I), those beyond `longest` (squared norm) drawn again. */
static void draw_cloud(mad_rng *rng, double v, double longest, mad_set *set)
{
    for (size_t i = 0; i < set->n_rows; i++) {
        double *x = set->x + i * DIM, square = 0.0;
        do {
            mad_rng_normals(rng, DIM, x);
            square = 0.0;
            for (size_t j = 0; j < DIM; j++) {
                square += x[j] * x[j];
            }
        } while (square > longest);
        for (size_t j = 0; j < DIM; j++) {
            x[j] *= sqrt(v);
        }
    }
}

/* Rows of modes with these weights (not normalised). */
static void draw_modes(mad_rng *rng, const double *centre, const double *weight, mad_set *set)
{
    double cum[N_MODES], sum = 0.0;
    for (size_t k = 0; k < N_MODES; k++) {
        sum += weight[k];
        cum[k] = sum;
    }
    for (size_t i = 0; i < set->n_rows; i++) {
        const double u = sum * mad_rng_uniform(rng);
        size_t k = 0;
        while (k + 1 < N_MODES && cum[k] <= u) {
            k++;
        }
        set->label[i] = (int32_t)k;
        mad_rng_normals(rng, 2, set->x + 2 * i);
        for (size_t j = 0; j < 2; j++) {
            set->x[2 * i + j] = centre[2 * k + j] + MODE_SD * set->x[2 * i + j];
        }
    }
}

static mad_status describe_modes(mad_ctx *ctx, mad_arena *mem, mad_world_info *world)
{
    double *centre = mad_arena_take(mem, 2 * (size_t)N_MODES, sizeof *centre);
    double *p = mad_arena_take(mem, N_MODES, sizeof *p);
    if (centre == NULL || p == NULL) {
        return mad_fail_memory(ctx, "the modes");
    }
    for (size_t k = 0; k < N_MODES; k++) {
        centre[2 * k] = (double)(k % SIDE) - 2.0;
        centre[2 * k + 1] = (double)(k / SIDE) - 2.0;
        p[k] = 1.0 / N_MODES;
    }
    world->n_classes = world->n_modes = N_MODES;
    world->mode_centre = centre;
    world->mode_p = world->class_p = p;
    world->mode_sd = MODE_SD;
    return MAD_OK;
}

static void draw_fake_modes(mad_rng *rng, mad_collapse_kind kind, double severity,
                            const double *centre, mad_set *fake)
{
    const size_t n_lost = kind == MAD_COLLAPSE_MODES ? (size_t)(N_MODES * severity + 0.5) : 0;
    double weight[N_MODES];
    for (size_t k = 0; k < N_MODES; k++) {
        const int is_light = kind == MAD_COLLAPSE_CLASSES && k < N_LIGHT;
        weight[k] = k < n_lost ? 0.0 : is_light ? 1.0 - severity : 1.0;
    }
    draw_modes(rng, centre, weight, fake);
}

static void draw_fake_cloud(mad_rng *rng, mad_collapse_kind kind, double severity,
                            const mad_set *train, mad_set *fake)
{
    const double v = kind == MAD_COLLAPSE_VARIANCE ? 1.0 - severity : 1.0;
    const double longest = kind == MAD_COLLAPSE_TAIL && severity > 0.0
                               ? mad_chi_square_quantile(DIM, 1.0 - severity)
                               : (double)INFINITY;
    draw_cloud(rng, v, longest, fake);
    for (size_t i = 0; kind == MAD_COLLAPSE_MEMORY && i < fake->n_rows; i++) {
        if (mad_rng_uniform(rng) < severity) {
            const size_t from = (size_t)mad_rng_below(rng, train->n_rows);
            memcpy(fake->x + i * DIM, train->x + from * DIM, DIM * sizeof *fake->x);
        }
    }
}

mad_status mad_collapse_draw(mad_ctx *ctx, mad_arena *mem, mad_collapse_kind kind, double severity,
                             uint64_t i, size_t n, const mad_values *values, mad_comparison *out)
{
    const int has_modes = kind == MAD_COLLAPSE_MODES || kind == MAD_COLLAPSE_CLASSES;
    const size_t dim = has_modes ? 2 : DIM;
    const mad_key key = {.seed = 11, .replicate = (uint32_t)kind, .purpose = MAD_RNG_TEST};
    mad_rng rng = mad_rng_open(key, i);
    mad_pair *pair = &out->raw;
    mad_status st = MAD_OK;
    *out = (mad_comparison){.values = values, .key = {.seed = i, .purpose = MAD_RNG_DIRECTIONS}};
    pair->world = (mad_world_info){.kind = MAD_WORLD_CONTINUOUS, .dim = dim};
    MAD_TRY(mad_set_take(ctx, mem, n, dim, has_modes, &pair->real));
    MAD_TRY(mad_set_take(ctx, mem, n, dim, has_modes, &pair->fake));
    MAD_TRY(mad_set_take(ctx, mem, n, dim, has_modes, &pair->train));
    if (has_modes) {
        MAD_TRY(describe_modes(ctx, mem, &pair->world));
        draw_modes(&rng, pair->world.mode_centre, pair->world.mode_p, &pair->real);
        draw_modes(&rng, pair->world.mode_centre, pair->world.mode_p, &pair->train);
        draw_fake_modes(&rng, kind, severity, pair->world.mode_centre, &pair->fake);
    } else {
        draw_cloud(&rng, 1.0, (double)INFINITY, &pair->real);
        draw_cloud(&rng, 1.0, (double)INFINITY, &pair->train);
        draw_fake_cloud(&rng, kind, severity, &pair->train, &pair->fake);
    }
    MAD_TRY(mad_comparison_map(ctx, NULL, mem, out));
out:
    return st;
}

size_t mad_collapse_n_outputs(const mad_metric_type *type)
{
    size_t n = 0;
    while (type->outputs[n].name != NULL) {
        n++;
    }
    MAD_ASSERT(n <= MAX_OUTPUTS);
    return n;
}

mad_status mad_collapse_suits(mad_ctx *ctx, mad_collapse_kind kind, const mad_metric_type *type,
                              int *out)
{
    mad_status st = MAD_OK;
    mad_comparison c;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    *out = 0;
    if (type->worlds & 1u << MAD_WORLD_CONTINUOUS) {
        MAD_TRY(mad_collapse_draw(ctx, ctx->scratch, kind, 0.0, 0, 8, NULL, &c));
        *out = mad_comparison_lacks(&c, type) == NULL;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_collapse_fits(mad_ctx *ctx, mad_collapse_kind kind, const mad_metric_type *type,
                             const mad_values *values, size_t n_rows, size_t i_output, int *out)
{
    mad_status st = MAD_OK;
    mad_comparison c;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_TRY(mad_collapse_draw(ctx, ctx->scratch, kind, 0.0, 0, 8, values, &c));
    *out = (type->fits == NULL || type->fits(&c.raw.world, i_output)) &&
           mad_metric_rows(type, values, c.raw.world.dim, i_output) <= n_rows;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status repeat(mad_ctx *ctx, void *arg, size_t i)
{
    const mad_collapse_run *run = arg;
    const size_t n_outputs = mad_collapse_n_outputs(run->type);
    mad_arena *mem = mad_arena_create(1 << 18);
    mad_comparison c;
    mad_verdict verdict[MAX_OUTPUTS];
    mad_status st = MAD_OK;
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a repetition");
    }
    MAD_TRY(mad_collapse_draw(ctx, mem, run->kind, run->severity, run->first + i, run->n_rows,
                              run->values, &c));
    MAD_TRY(mad_compare(ctx, &c, run->type, mem, verdict));
    for (size_t k = 0; k < n_outputs; k++) {
        run->value[i * n_outputs + k] = verdict[k].value;
    }
out:
    mad_arena_destroy(mem);
    return st;
}

mad_status mad_collapse_repeat(mad_ctx *ctx, const mad_collapse_run *run)
{
    mad_collapse_run job = *run;
    return mad_par_for(ctx, run->n, repeat, &job);
}
