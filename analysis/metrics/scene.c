/* analysis/metrics/scene.c: pictures of objects at places: whether the objects are whole, and how
 * their kinds, places and depths are spread and go together. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

enum { KIND_KL, PLACE_KL, DEPTH_KL, PAIR_KL, BINDING, ARRANGEMENTS, COUNT, SIZE, IOU, N_OUTPUTS };

static const char ours[] = "docs/measures.md";
static const char kullback[] = "Kullback & Leibler 1951";
static const char no_objects[] = "where rows are no scenes, or show no object";

static const mad_metric_output outputs[] = {
    [KIND_KL] = {.name = "object_kind_kl",
                 .is_infinite = 1,
                 .long_name = "KL divergence of the kinds of objects from the world's",
                 .units = "nats",
                 .direction = "lower",
                 .definition = "sum h ln(h / p) over kinds, h = shares of all objects found",
                 .reference = kullback,
                 .undefined = no_objects},
    [PLACE_KL] = {.name = "object_place_kl",
                  .is_infinite = 1,
                  .long_name = "KL divergence of the places of objects from the world's",
                  .units = "nats",
                  .direction = "lower",
                  .definition = "sum h ln(h / p) over places, h = shares of all objects found",
                  .reference = kullback,
                  .undefined = no_objects},
    [DEPTH_KL] = {.name = "object_depth_kl",
                  .is_infinite = 1,
                  .long_name = "KL divergence of the depths of objects from the world's",
                  .units = "nats",
                  .direction = "lower",
                  .definition = "sum h ln(h / p) over depths, h = shares of all objects found",
                  .reference = kullback,
                  .undefined = no_objects},
    [PAIR_KL] = {.name = "kind_pair_kl",
                 .is_infinite = 1,
                 .long_name = "KL divergence of the kinds that occur together",
                 .units = "nats",
                 .direction = "lower",
                 .definition = "sum h ln(h / p) over unordered pairs of kinds, h = shares of all "
                               "pairs of objects of one row",
                 .reference = kullback,
                 .undefined = "where rows are no scenes, or none shows two objects"},
    [BINDING] = {.name = "kind_place_information",
                 .long_name = "what the place of an object tells of its kind",
                 .units = "nats",
                 .direction = "target",
                 .definition =
                     "mutual information of kind and place of all objects found (plug-in)",
                 .reference = "Cover & Thomas 2006, Eq. 2.28",
                 .undefined = no_objects},
    [ARRANGEMENTS] = {.name = "distinct_arrangements",
                      .long_name = "different arrangements of objects",
                      .units = "1",
                      .direction = "target",
                      .definition = "number of different (kind, place, depth) of all objects of a "
                                    "row, over the number of rows",
                      .reference = ours,
                      .undefined = "where rows are no scenes"},
    [COUNT] = {.name = "object_count",
               .long_name = "objects in a row",
               .units = "1",
               .direction = "target",
               .definition = "mean number of objects found in a row",
               .reference = ours,
               .undefined = "where rows are no scenes"},
    [SIZE] = {.name = "object_size_sd_ratio",
              .long_name = "spread of the sizes of objects over that of real ones",
              .units = "1",
              .direction = "target",
              .definition = "sd / sd of the reference rows (ddof 1) of the size of all objects",
              .reference = ours,
              .undefined = "where rows are no scenes, show fewer than two objects, or real sizes "
                           "do not vary"},
    [IOU] = {.name = "object_iou",
             .long_name = "overlap of objects with their drawing",
             .units = "1",
             .direction = "target",
             .definition = "mean over objects found of sum min(a, b) / sum max(a, b), a the light "
                           "around the object, b its drawing",
             .reference = "Jaccard 1901; Ruzicka 1958",
             .undefined = no_objects},
    {.name = NULL},
};

static int fits(const mad_world_info *world, size_t i_output)
{
    (void)i_output;
    return world->scene != NULL;
}

/* ---- tables of objects ----------------------------------------------------------------------- */

typedef struct tables {
    double *joint, *kind, *place, *depth; /* [n_kinds][n_places], ... counts of objects */
    double *pair;                         /* [n_kinds][n_kinds] smaller kind first */
    double n_objects, n_pairs, iou;
} tables;

static mad_status take_tables(mad_ctx *ctx, const mad_scene_law *law, tables *t)
{
    const size_t k = law->n_kinds, p = law->n_places;
    double *x = mad_arena_take(ctx->scratch, k * (p + k + 1) + p + law->n_depths, sizeof *x);
    if (x == NULL) {
        return mad_fail_memory(ctx, "counts of objects");
    }
    *t = (tables){.joint = x, .pair = x + k * p};
    t->kind = t->pair + k * k;
    t->place = t->kind + k;
    t->depth = t->place + p;
    return MAD_OK;
}

static void count_row(const mad_scene_law *law, const mad_object *object, tables *t)
{
    for (size_t p = 0; p < law->n_places; p++) {
        const mad_object *o = &object[p];
        if (o->kind < 0) {
            continue;
        }
        t->joint[(size_t)o->kind * law->n_places + p] += 1.0;
        t->kind[o->kind] += 1.0;
        t->place[p] += 1.0;
        t->depth[o->depth] += 1.0;
        t->n_objects += 1.0;
        t->iou += o->iou;
        for (size_t q = 0; q < p; q++) {
            const int32_t a = o->kind, b = object[q].kind;
            if (b >= 0) {
                t->pair[(size_t)(a < b ? a : b) * law->n_kinds + (size_t)(a < b ? b : a)] += 1.0;
                t->n_pairs += 1.0;
            }
        }
    }
}

/* KL divergence of counts from p; they become shares. */
static double kl_of(size_t n, double *h, double total, const double *p)
{
    for (size_t i = 0; i < n; i++) {
        h[i] /= total;
    }
    return total > 0.0 ? mad_kl(n, h, p) : (double)NAN;
}

static mad_status divergences(mad_ctx *ctx, const mad_scene_law *law, tables *t, double *values)
{
    const size_t k = law->n_kinds, n = law->n_places;
    tables p;
    mad_status st = MAD_OK;
    MAD_TRY(take_tables(ctx, law, &p));
    for (size_t a = 0; a < k; a++) {
        for (size_t i = 0; i < n; i++) {
            p.kind[a] += law->joint_p[a * n + i];
            p.place[i] += law->joint_p[a * n + i];
        }
        for (size_t b = a; b < k; b++) {
            p.pair[a * k + b] = law->pair_p[a * k + b] + (a < b ? law->pair_p[b * k + a] : 0.0);
        }
    }
    values[KIND_KL] = kl_of(k, t->kind, t->n_objects, p.kind);
    values[PLACE_KL] = kl_of(n, t->place, t->n_objects, p.place);
    values[DEPTH_KL] = kl_of(law->n_depths, t->depth, t->n_objects, law->depth_p);
    values[PAIR_KL] = kl_of(k * k, t->pair, t->n_pairs, p.pair);
    /* t->kind and t->place are shares now: the information is the KL from their product */
    for (size_t i = 0; i < k * n; i++) {
        p.joint[i] = t->kind[i / n] * t->place[i % n];
    }
    values[BINDING] = kl_of(k * n, t->joint, t->n_objects, p.joint);
out:
    return st;
}

/* ---- sizes and arrangements ------------------------------------------------------------------ */

static mad_status size_sd(mad_ctx *ctx, const mad_scene_law *law, const mad_recovery *found,
                          double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = found->n_rows * law->n_places;
    size_t n_objects = 0;
    double *size = mad_arena_take_raw(ctx->scratch, n, sizeof *size);
    if (size == NULL) {
        return mad_fail_memory(ctx, "the sizes of objects");
    }
    for (size_t i = 0; i < n; i++) {
        if (found->object[i].kind >= 0) {
            size[n_objects++] = found->object[i].size;
        }
    }
    *out = sqrt(mad_variance(n_objects, size, 1.0));
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* 53 bits of a hash of the arrangement: two of n rows agree by chance with probability n^2 / 2^54. */
static double code_of(const mad_scene_law *law, const mad_object *object)
{
    uint64_t hash = MAD_FNV1A_START;
    for (size_t p = 0; p < law->n_places; p++) {
        const int32_t what[2] = {object[p].kind, object[p].depth};
        hash = mad_fnv1a(what, sizeof what, hash);
    }
    return (double)(hash >> 11);
}

static mad_status arrangements(mad_ctx *ctx, const mad_scene_law *law, const mad_recovery *found,
                               double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = found->n_rows;
    double n_distinct = 0.0, *code = mad_arena_take_raw(ctx->scratch, n, sizeof *code);
    if (code == NULL) {
        return mad_fail_memory(ctx, "the arrangements of objects");
    }
    for (size_t i = 0; i < n; i++) {
        code[i] = code_of(law, found->object + i * law->n_places);
    }
    mad_sort(n, code);
    for (size_t i = 0; i < n; i++) {
        n_distinct += i == 0 || code[i] != code[i - 1];
    }
    *out = n_distinct / (double)n;
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_scene_law *law = in->world->scene;
    const mad_recovery *fake = in->fake_found;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double real_sd = 0.0, fake_sd = 0.0;
    tables t;
    mad_status st = MAD_OK;
    if (law == NULL) {
        for (size_t i = 0; i < N_OUTPUTS; i++) {
            values[i] = (double)NAN;
        }
        return MAD_OK;
    }
    MAD_TRY(take_tables(ctx, law, &t));
    for (size_t i = 0; i < fake->n_rows; i++) {
        count_row(law, fake->object + i * law->n_places, &t);
    }
    MAD_TRY(divergences(ctx, law, &t, values));
    MAD_TRY(arrangements(ctx, law, fake, &values[ARRANGEMENTS]));
    MAD_TRY(size_sd(ctx, law, in->real_found, &real_sd));
    MAD_TRY(size_sd(ctx, law, fake, &fake_sd));
    values[COUNT] = t.n_objects / (double)fake->n_rows;
    values[SIZE] = real_sd > 0.0 ? fake_sd / real_sd : (double)NAN;
    values[IOU] = t.n_objects > 0.0 ? t.iou / t.n_objects : (double)NAN;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_scene = {
    .name = "scene",
    .doc = "pictures of objects: their wholeness, kinds, places, depths and what goes together",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_FACTORS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .fits = fits,
    .eval = eval,
};
