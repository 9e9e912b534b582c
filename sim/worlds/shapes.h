/* sim/worlds/shapes.h: discs, squares and triangles drawn with soft edges.
 *
 * A shape fills the middle of a box of some side, in pixels, x right and y down. The light of a
 * pixel is clamp(1/2 + depth, 0, 1) of its centre, depth = how far inside it lies, negative outside:
 *   disc      side/2 - |p|
 *   square    side/2 - max(|x|, |y|)
 *   triangle  apex up, base and height = side: the least of the depths under its three edges
 */
#ifndef MAD_WORLDS_SHAPES_H
#define MAD_WORLDS_SHAPES_H

typedef enum mad_shape {
    MAD_SHAPE_DISC,
    MAD_SHAPE_SQUARE,
    MAD_SHAPE_TRIANGLE,
    MAD_N_SHAPES
} mad_shape;

/** Light at (x, y) from the middle of the box, 0..1. */
double mad_shape_light(mad_shape shape, double side, double x, double y);

#endif
