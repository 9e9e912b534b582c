/* sim/worlds/glyph.c: seven-segment digits with a style, every number of which is known. */
#include "sim/worlds/glyph.h"

#include <math.h>
#include <string.h>

#include "sim/worlds/chunks.h"
#include "sim/worlds/oracle.h"
#include "sim/worlds/weights.h"

extern const mad_world_type mad_world_glyph;

enum { WEIGHTS_UNIFORM, WEIGHTS_ZIPF };
enum { SEVEN = 7, N_NORMAL = MAD_GLYPH_INK }; /* all factors but the ink are normal */

#define PI       3.14159265358979323846
#define INK_LOW  0.7
#define INK_HIGH 1.0

static const mad_param params[] = {
    {.name = "size",
     .kind = MAD_PARAM_INT,
     .fallback = "16",
     .min = 12,
     .max = MAD_GLYPH_MAX_SIDE,
     .unit = "pixels",
     .doc = "side of the square picture"},
    {.name = "noise",
     .kind = MAD_PARAM_REAL,
     .fallback = "0.05",
     .min = 0,
     .max = 1,
     .unit = "data units",
     .doc = "standard deviation of the normal noise on each pixel; black is -1, white 1"},
    {.name = "dot_rate",
     .kind = MAD_PARAM_REAL,
     .fallback = "0.02",
     .min = 0,
     .max = 1,
     .doc = "share of pictures with a serif dot: the rare feature"},
    {.name = "slant",
     .kind = MAD_PARAM_REAL,
     .fallback = "0",
     .min = -1,
     .max = 1,
     .doc = "shear added to every 7, so that style depends on class; 0 = it does not"},
    {.name = "weights",
     .kind = MAD_PARAM_FORM,
     .fallback = "uniform",
     .min = 0,
     .max = 10,
     .choices = "uniform|zipf(a)",
     .doc = "weights of the digits 0..9; zipf: the i-th, from 1, is i^-a"},
    {.name = NULL},
};

static void set_factors(mad_glyph_world *self)
{
    const double seven = self->class_p[SEVEN], sd_shear = 0.15;
    mad_factor *f = self->factor;
    f[MAD_GLYPH_ROTATION] = (mad_factor){.name = "rotation", .units = "rad", .sd = 7 * PI / 180};
    f[MAD_GLYPH_SHEAR] = (mad_factor){
        .name = "shear",
        .units = "1",
        .mean = seven * self->slant,
        .sd = sqrt(sd_shear * sd_shear + seven * (1 - seven) * self->slant * self->slant)};
    f[MAD_GLYPH_LOG_SIZE] = (mad_factor){.name = "log_size", .units = "1", .sd = 0.08};
    f[MAD_GLYPH_SHIFT_X] = (mad_factor){.name = "shift_x", .units = "glyph heights", .sd = 0.04};
    f[MAD_GLYPH_SHIFT_Y] = (mad_factor){.name = "shift_y", .units = "glyph heights", .sd = 0.04};
    f[MAD_GLYPH_LOG_THICKNESS] =
        (mad_factor){.name = "log_thickness", .units = "1", .mean = log(0.1), .sd = 0.2};
    f[MAD_GLYPH_INK] = (mad_factor){.name = "ink",
                                    .units = "1",
                                    .mean = 0.5 * (INK_LOW + INK_HIGH),
                                    .sd = (INK_HIGH - INK_LOW) / sqrt(12),
                                    .low = INK_LOW,
                                    .high = INK_HIGH};
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    const mad_value *weights = mad_get(args->values, "weights");
    mad_glyph_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *p = mad_arena_take(mem, MAD_GLYPH_CLASSES, sizeof *p);
    double *cum = mad_arena_take(mem, MAD_GLYPH_CLASSES, sizeof *cum);
    if (self == NULL || p == NULL || cum == NULL) {
        return mad_fail_memory(ctx, "the world");
    }
    mad_zipf_weights(MAD_GLYPH_CLASSES, weights->choice == WEIGHTS_ZIPF ? weights->number : 0, p,
                     cum);
    self->side = mad_get_size(args->values, "size");
    self->noise = mad_get_real(args->values, "noise");
    self->dot_rate = mad_get_real(args->values, "dot_rate");
    self->slant = mad_get_real(args->values, "slant");
    self->class_p = p;
    self->class_cum = cum;
    set_factors(self);
    self->base.type = &mad_world_glyph;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CONTINUOUS,
        .dim = self->side * self->side,
        .n_classes = MAD_GLYPH_CLASSES,
        .class_p = p,
        .height = self->side,
        .width = self->side,
        .channels = 1,
        .pixel_min = -1,
        .pixel_max = 1,
        .n_factors = MAD_GLYPH_FACTORS,
        .factor = self->factor,
        .rare_p = self->dot_rate,
    };
    *out = &self->base;
    return mad_glyph_templates(ctx, mem, self);
}

/* The next glyph of a stream; digit: its class. */
static mad_glyph next(const mad_glyph_world *self, mad_rng *rng, size_t *digit)
{
    mad_glyph glyph = {0};
    double z[N_NORMAL];
    *digit = mad_rng_index(rng, MAD_GLYPH_CLASSES, self->class_cum);
    glyph.code = mad_glyph_code(*digit);
    glyph.dot = mad_rng_uniform(rng) < self->dot_rate;
    glyph.factor[MAD_GLYPH_INK] = INK_LOW + (INK_HIGH - INK_LOW) * mad_rng_uniform(rng);
    mad_rng_normals(rng, N_NORMAL, z);
    for (size_t k = 0; k < N_NORMAL; k++) {
        glyph.factor[k] = self->factor[k].mean + self->factor[k].sd * z[k];
    }
    glyph.factor[MAD_GLYPH_SHEAR] =
        0.15 * z[MAD_GLYPH_SHEAR] + (*digit == SEVEN ? self->slant : 0.0);
    return glyph;
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)begin;
    const mad_glyph_world *self = arg;
    const size_t dim = rows->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *light = mad_arena_take_raw(ctx->scratch, dim, sizeof *light);
    if (light == NULL) {
        return mad_fail_memory(ctx, "a picture");
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        size_t digit = 0;
        double *x = rows->x + i * dim;
        const mad_glyph glyph = next(self, rng, &digit);
        mad_glyph_draw(&glyph, self->side, light, NULL, NULL);
        mad_rng_normals(rng, dim, x);
        for (size_t j = 0; j < dim; j++) {
            x[j] = 2.0 * light[j] - 1.0 + self->noise * x[j];
        }
        if (rows->label != NULL) {
            rows->label[i] = (int32_t)digit;
        }
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static void next_truth(const mad_world *world, mad_rng *rng, size_t i, mad_recovery *out)
{
    size_t digit = 0;
    const mad_glyph glyph = next((const mad_glyph_world *)world, rng, &digit);
    memcpy(out->factor + i * MAD_GLYPH_FACTORS, glyph.factor, sizeof glyph.factor);
    out->label[i] = (int32_t)digit;
    if (out->rare != NULL) {
        out->rare[i] = (unsigned char)glyph.dot;
    }
}

static mad_status draw_factors(mad_ctx *ctx, const mad_world *world, mad_world_part part,
                               mad_key key, mad_recovery *out)
{
    (void)part;
    return mad_oracle_truth(ctx, world, key, next_truth, out);
}

const mad_world_type mad_world_glyph = {
    .name = "glyph",
    .doc = "pictures of seven-segment digits with known style factors, read back by an oracle",
    .ref = "seven strokes, an affine map, thickness and ink; docs/worlds.md",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .recover = mad_glyph_recover,
    .draw_factors = draw_factors,
};
