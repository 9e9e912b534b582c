/* sim/worlds/bounce.h: films of a disc between four walls, and how they are read back.
 *
 * Plane of a frame: x right, y down, pixels; the frame is [0, side]^2, pixel centres lie at halves. A
 * disc of radius r keeps its centre in [r, side - r]: along each axis, with free = side - 2 r,
 *   place(t) = r + fold(start - r + velocity t),   t = 0, 1, ... frames,
 * fold(u) = the distance of u from the nearest whole multiple of 2 free: a triangle wave.
 */
#ifndef MAD_WORLDS_BOUNCE_H
#define MAD_WORLDS_BOUNCE_H

#include "sim/iface/world.h"

enum { MAD_BOUNCE_MAX_SIDE = 32, MAD_BOUNCE_MAX_FRAMES = 32 };

/* The numbers behind a film, in the order of the world's factors. */
enum {
    MAD_BOUNCE_START_X, /* pixels */
    MAD_BOUNCE_START_Y, /* */
    MAD_BOUNCE_HEADING, /* radians from right towards down, 0..2 pi */
    MAD_BOUNCE_SPEED,   /* pixels a frame */
    MAD_BOUNCE_RADIUS,  /* pixels */
    MAD_BOUNCE_FACTORS
};

typedef struct mad_bounce_world {
    mad_world base;
    size_t side, n_frames;
    double noise;
    mad_factor factor[MAD_BOUNCE_FACTORS];
} mad_bounce_world;

/** Fold u into [0, free]; turn becomes -1 where the fold turns the direction, else 1. */
double mad_bounce_fold(double u, double free, double *turn);

/** The law's part of the track of a film: place and velocity in every frame. track: [n_frames] */
void mad_bounce_path(const mad_bounce_world *world, const double *factor, mad_track *track);

/** A frame with the disc at (x, y): light 0..1. light: [side][side] */
void mad_bounce_draw(const mad_bounce_world *world, double radius, double x, double y,
                     double *light);

/** mad_world_type.recover of the world. */
MAD_MUST_CHECK mad_status mad_bounce_recover(mad_ctx *ctx, const mad_world *world,
                                             const mad_set *rows, mad_recovery *out);

#endif
