/* sim/worlds/glyph.h: seven-segment digits: their style, their drawing, and how they are read back.
 *
 * Plane: x right, y up, the origin in the middle of the picture, 1 = the height of an upright glyph =
 * 0.7 of the picture. A segment lies at M p + shift, M = size Rot Shear, p one of the points of
 *   a (-.3, .5)-(.3, .5)   b (.3, .5)-(.3, 0)    c (.3, 0)-(.3, -.5)   d (-.3, -.5)-(.3, -.5)
 *   e (-.3, 0)-(-.3, -.5)  f (-.3, .5)-(-.3, 0)  g (-.3, 0)-(.3, 0)
 */
#ifndef MAD_WORLDS_GLYPH_H
#define MAD_WORLDS_GLYPH_H

#include "sim/iface/world.h"

enum { MAD_GLYPH_CLASSES = 10, MAD_GLYPH_SEGMENTS = 7, MAD_GLYPH_MAX_SIDE = 64 };

/* The numbers behind a picture, in the order of the world's factors. */
enum {
    MAD_GLYPH_ROTATION,      /* radians, left turn */
    MAD_GLYPH_SHEAR,         /* x += shear y */
    MAD_GLYPH_LOG_SIZE,      /* */
    MAD_GLYPH_SHIFT_X,       /* glyph heights */
    MAD_GLYPH_SHIFT_Y,       /* */
    MAD_GLYPH_LOG_THICKNESS, /* of a stroke, in glyph heights */
    MAD_GLYPH_INK,           /* 0 black .. 1 white */
    MAD_GLYPH_FACTORS
};

/* What is drawn. */
typedef struct mad_glyph {
    unsigned code; /* bit s: segment s = a..g */
    int dot;       /* the serif dot at (.5, -.5), radius .09 */
    double factor[MAD_GLYPH_FACTORS];
} mad_glyph;

/** Segments of a digit 0..9 as bits. */
unsigned mad_glyph_code(size_t digit);

/**
 * Draw: pixel [row][column] from the top left, side x side of them.
 *   light = ink clamp(1/2 + (half thickness - distance to the nearest stroke) res, 0, 1),
 * res = pixels per glyph height.
 * shape  light: [side][side]; slope: [side][side][MAD_GLYPH_FACTORS] of light, or NULL;
 *        along: [side][side] place of the foot on the nearest stroke, 0..1, or NULL
 */
void mad_glyph_draw(const mad_glyph *glyph, size_t side, double *light, double *slope,
                    double *along);

typedef struct mad_glyph_world {
    mad_world base;
    size_t side;
    double noise, dot_rate, slant;
    const double *class_p, *class_cum; /* [10] */
    mad_factor factor[MAD_GLYPH_FACTORS];
    double *style; /* [n_templates][MAD_GLYPH_FACTORS], the digits one after the other */
    double *drawing, *drawing_sq; /* [n_templates][side^2] light at ink 1; and its square sum */
} mad_glyph_world;

/** The drawings that pictures are first compared with; errors MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_glyph_templates(mad_ctx *ctx, mad_arena *mem, mad_glyph_world *self);

/** mad_world_type.recover of the world. */
MAD_MUST_CHECK mad_status mad_glyph_recover(mad_ctx *ctx, const mad_world *world,
                                            const mad_set *rows, mad_recovery *out);

#endif
