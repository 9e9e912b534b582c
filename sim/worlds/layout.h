/* sim/worlds/layout.h: pictures of a few shapes on a grid of places, and how they are read back.
 *
 * Plane: x right, y down, pixels, the picture is [0, side]^2, pixel centres lie at halves. The nine
 * places are the cells of a 3 x 3 grid, row by row; an object's box lies around the middle of its
 * cell, moved by at most `jitter` along each axis. The largest box leaves 2.1 pixels or more between
 * neighbours (side >= 32): with soft edges of half a pixel, one dark pixel at least parts them.
 */
#ifndef MAD_WORLDS_LAYOUT_H
#define MAD_WORLDS_LAYOUT_H

#include "sim/iface/world.h"
#include "sim/worlds/shapes.h"

enum {
    MAD_LAYOUT_MAX_SIDE = 64,
    MAD_LAYOUT_GRID = 3,
    MAD_LAYOUT_PLACES = MAD_LAYOUT_GRID * MAD_LAYOUT_GRID,
    MAD_LAYOUT_OBJECTS = 4, /* the most of a picture */
    MAD_LAYOUT_DEPTHS = 4
};

/* The numbers behind a picture, in the order of the world's factors. */
enum {
    MAD_LAYOUT_DISCS, /* how many: 0..4 */
    MAD_LAYOUT_SQUARES,
    MAD_LAYOUT_TRIANGLES,
    MAD_LAYOUT_SIZE,     /* mean side of a box, pixels */
    MAD_LAYOUT_CENTRE_X, /* mean place of the objects, pixels */
    MAD_LAYOUT_CENTRE_Y, /* */
    MAD_LAYOUT_FACTORS
};

typedef struct mad_layout_world {
    mad_world base;
    size_t side;
    double noise, binding;
    double smallest, largest, jitter;                    /* pixels */
    double kind_p[MAD_N_SHAPES], kind_cum[MAD_N_SHAPES]; /* of an object that is not bound */
    double level_p[MAD_N_SHAPES][MAD_LAYOUT_OBJECTS + 1];
    double joint_p[MAD_N_SHAPES][MAD_LAYOUT_PLACES];
    double pair_p[MAD_N_SHAPES][MAD_N_SHAPES];
    double count_p[MAD_LAYOUT_OBJECTS]; /* of 1..4 objects; of the depths as well */
    mad_factor factor[MAD_LAYOUT_FACTORS];
    mad_scene_law law;
} mad_layout_world;

/** Light of a depth 0 (nearest) .. 3: 1, 0.8, 0.6, 0.4. */
double mad_layout_level(int32_t depth);

/** Light of one object in a pixel. */
double mad_layout_light(const mad_object *object, size_t column, size_t row);

/** Light of a picture. object: [9]; light: [side][side] */
void mad_layout_draw(const mad_layout_world *world, const mad_object *object, double *light);

/** Middle of place 0..8 along one axis: is_x: to the right, else down. */
double mad_layout_middle(const mad_layout_world *world, size_t place, int is_x);

/** The factors and the class of a picture with these objects. object: [9]; factor: [6] */
int32_t mad_layout_factors(const mad_layout_world *world, const mad_object *object, double *factor);

/** The factors' laws and the law of the scene, from kind_p, binding and the sizes. */
void mad_layout_law(mad_layout_world *world);

/** mad_world_type.recover of the world. */
MAD_MUST_CHECK mad_status mad_layout_recover(mad_ctx *ctx, const mad_world *world,
                                             const mad_set *rows, mad_recovery *out);

#endif
