/* tests/support/known_law.c: see the header. */
#include "tests/support/known_law.h"

#include <string.h>

#include "sim/cli/lists.h"
#include "sim/num/stats.h"
#include "tests/support/collapse.h"
#include "tests/support/values.h"

#define BIT(kind) (1u << MAD_COLLAPSE_##kind)
#define SPREAD    (BIT(VARIANCE) | BIT(TAIL) | BIT(MEMORY))
#define GROUPS    (BIT(MODES) | BIT(CLASSES))
#define PICTURES  (SPREAD | BIT(BLUR))

const mad_known_law_type mad_known_laws[] = {
    {.name = "cloud",
     .doc = "normal rows in 8 dimensions",
     .world = &mad_world_gauss,
     .pair = {"dim=8"},
     .collapses = SPREAD},
    {.name = "modes",
     .doc = "5 x 5 normal modes in the plane, which are the classes",
     .world = &mad_world_grid,
     .pair = {"labels=modes"},
     .collapses = SPREAD | GROUPS},
    {.name = "zipf",
     .doc = "25 categories, the i-th of weight 1/i; the rarest are lost first",
     .world = &mad_world_zipf,
     .pair = {"categories=25"},
     .collapses = BIT(TAIL) | BIT(MEMORY) | GROUPS},
    {.name = "regression",
     .doc = "10 normal features and a response, of which the variance shrinks",
     .world = &mad_world_regression,
     .collapses = SPREAD},
    {.name = "grf",
     .doc = "random fields of 24 x 24 pixels",
     .world = &mad_world_grf,
     .pair = {"size=24"},
     .collapses = PICTURES},
    {.name = "glyph",
     .doc = "digits of 16 x 16 pixels, 7 factors",
     .world = &mad_world_glyph,
     .pair = {"slant=0.3"},
     .collapses = PICTURES | GROUPS},
    {.name = "bounce",
     .doc = "films of 8 frames of 8 x 8 pixels, 5 factors",
     .world = &mad_world_bounce,
     .pair = {"size=8", "frames=8"},
     .collapses = PICTURES},
    {.name = "layout",
     .doc = "scenes of 32 x 32 pixels, 6 factors; classes are the kinds of the nearest object",
     .world = &mad_world_layout,
     .pair = {"binding=0.5"},
     .collapses = PICTURES | GROUPS},
    {.name = NULL},
};

_Static_assert(sizeof mad_known_laws / sizeof *mad_known_laws == MAD_N_KNOWN_LAWS + 1,
               "the number of laws");

mad_status mad_sample_take(mad_ctx *ctx, mad_arena *mem, const mad_world_info *info, size_t n,
                           mad_sample *out)
{
    mad_status st = MAD_OK;
    *out = (mad_sample){0};
    MAD_TRY(mad_set_take(ctx, mem, n, info->dim, info->n_classes > 0, &out->rows));
    if (info->n_factors > 0) {
        MAD_TRY(mad_recovery_take(ctx, mem, info, n, &out->found));
    }
out:
    return st;
}

/* Entry i of `from`, n numbers of `size` bytes, becomes entry j of `to`; NULL: nothing to copy. */
static void copy(const void *from, size_t i, size_t j, size_t n, size_t size, void *to)
{
    if (from != NULL) {
        memcpy((char *)to + j * n * size, (const char *)from + i * n * size, n * size);
    }
}

void mad_sample_copy(const mad_world_info *info, const mad_sample *from, size_t i, size_t j,
                     mad_sample *to)
{
    const mad_recovery *a = &from->found, *b = &to->found;
    const size_t n_places = info->scene != NULL ? info->scene->n_places : 0;
    copy(from->rows.x, i, j, info->dim, sizeof *from->rows.x, to->rows.x);
    copy(from->rows.label, i, j, 1, sizeof *from->rows.label, to->rows.label);
    copy(a->factor, i, j, info->n_factors, sizeof *a->factor, b->factor);
    copy(a->residual, i, j, 1, sizeof *a->residual, b->residual);
    copy(a->valid, i, j, 1, sizeof *a->valid, b->valid);
    copy(a->label, i, j, 1, sizeof *a->label, b->label);
    copy(a->rare, i, j, 1, sizeof *a->rare, b->rare);
    copy(a->track, i, j, info->n_frames, sizeof *a->track, b->track);
    copy(a->object, i, j, n_places, sizeof *a->object, b->object);
}

static size_t nearest_kind(const mad_scene_law *scene, const mad_object *object)
{
    size_t kind = 0, depth = scene->n_depths;
    for (size_t k = 0; k < scene->n_places; k++) {
        if (object[k].kind >= 0 && (size_t)object[k].depth < depth) {
            kind = (size_t)object[k].kind;
            depth = (size_t)object[k].depth;
        }
    }
    return kind;
}

size_t mad_known_law_group(const mad_known_law *law, const mad_sample *rows, size_t i)
{
    const mad_world_info *info = &law->world->info;
    return info->scene != NULL
               ? nearest_kind(info->scene, rows->found.object + i * info->scene->n_places)
           : info->n_categories > 0 ? (size_t)rows->rows.x[i]
                                    : (size_t)rows->rows.label[i];
}

static size_t count_groups(const mad_world_info *info)
{
    return info->scene != NULL      ? info->scene->n_kinds
           : info->n_categories > 0 ? info->n_categories
                                    : info->n_classes;
}

const double *mad_known_law_centre(const mad_known_law *law, const mad_sample *rows, size_t i)
{
    const mad_world_info *info = &law->world->info;
    return info->n_modes > 0 ? info->mode_centre + info->dim * mad_known_law_group(law, rows, i)
                             : info->mean;
}

double mad_known_law_reach(const mad_known_law *law, const mad_sample *rows, size_t i, mad_rng *rng)
{
    const mad_world_info *info = &law->world->info;
    const double *x = rows->rows.x + i * info->dim;
    double sum = 0.0;
    if (info->n_categories > 0) {
        return *x + mad_rng_uniform(rng);
    }
    for (size_t k = 0; k < info->n_factors; k++) {
        sum += law->square[i * info->n_factors + k];
    }
    for (size_t k = 0; info->n_factors == 0 && k < info->dim; k++) {
        const double away = x[k] - mad_known_law_centre(law, rows, i)[k];
        sum += away * away;
    }
    return sum;
}

/* The true factors of the pool's rows, and what is read back from them. */
static mad_status read_pool(mad_ctx *ctx, mad_key key, mad_known_law *law)
{
    const mad_world *world = law->world;
    const size_t n_factors = world->info.n_factors;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_recovery truth;
    mad_status st = MAD_OK;
    MAD_TRY(world->type->recover(ctx, world, &law->pool.rows, &law->pool.found));
    MAD_TRY(mad_recovery_take(ctx, ctx->scratch, &world->info, law->n_pool, &truth));
    MAD_TRY(world->type->draw_factors(ctx, world, MAD_PART_TRAIN, key, &truth));
    for (size_t i = 0; i < law->n_pool * n_factors; i++) {
        const mad_factor *f = &world->info.factor[i % n_factors];
        const double z = (truth.factor[i] - f->mean) / f->sd;
        law->square[i] = z * z;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status fill_pool(mad_ctx *ctx, mad_known_law *law)
{
    const mad_world *world = law->world;
    const mad_key key = {.seed = 12, .purpose = MAD_RNG_TEST};
    mad_rng rng = mad_rng_open((mad_key){.seed = 13, .purpose = MAD_RNG_TEST}, 0);
    mad_status st = MAD_OK;
    MAD_TRY(world->type->draw(ctx, world, MAD_PART_TRAIN, key, &law->pool.rows));
    if (world->info.n_factors > 0) {
        MAD_TRY(read_pool(ctx, key, law));
    }
    for (size_t i = 0; i < law->n_pool; i++) {
        law->reach[i] = mad_known_law_reach(law, &law->pool, i, &rng);
    }
    mad_sort(law->n_pool, law->reach);
out:
    return st;
}

mad_status mad_known_law_open(mad_ctx *ctx, mad_arena *mem, const mad_known_law_type *type,
                              size_t n_pool, mad_known_law *out)
{
    const size_t n_pairs = (size_t)(type->pair[0] != NULL) + (type->pair[1] != NULL);
    mad_values values;
    mad_world *world = NULL;
    mad_status st = MAD_OK;
    MAD_TRY(mad_values_of(ctx, mem, type->world->params, n_pairs, type->pair, &values));
    const mad_world_args args = {.values = &values, .seed = 5};
    MAD_TRY(type->world->create(ctx, &args, mem, &world));
    const mad_world_info *info = &world->info;
    *out = (mad_known_law){.type = type,
                           .world = world,
                           .n_groups = count_groups(info),
                           .n_pool = n_pool,
                           .square =
                               mad_arena_take(mem, n_pool * info->n_factors, sizeof *out->square),
                           .reach = mad_arena_take(mem, n_pool, sizeof *out->reach)};
    if (out->square == NULL || out->reach == NULL) {
        st = mad_fail_memory(ctx, "a law");
        goto out;
    }
    MAD_TRY(mad_sample_take(ctx, mem, info, n_pool, &out->pool));
    MAD_TRY(fill_pool(ctx, out));
out:
    return st;
}
