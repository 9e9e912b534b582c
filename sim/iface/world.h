/* sim/iface/world.h: where real data come from. */
#ifndef MAD_IFACE_WORLD_H
#define MAD_IFACE_WORLD_H

#include "sim/iface/draw.h"
#include "sim/iface/param.h"
#include "sim/iface/set.h"

typedef enum mad_world_kind {
    MAD_WORLD_CONTINUOUS,  /* rows in R^dim */
    MAD_WORLD_CATEGORICAL, /* dim 1, x = category index */
    MAD_WORLD_REGRESSION   /* dim = features + 1, the last column is the response */
} mad_world_kind;

typedef struct mad_moments {
    size_t dim;
    double *mean; /* [dim] */
    double *cov;  /* [dim][dim] */
} mad_moments;

/* One number that stands behind a row, which `recover` reads back. */
typedef struct mad_factor {
    const char *name, *units;
    double mean, sd;       /* of the law; sd > 0 */
    double low, high;      /* all of the law lies between them; both 0: no such bounds */
    double period;         /* > 0: an angle or phase, counted modulo period; 0: a number */
    size_t n_levels;       /* > 0: one of 0..n_levels-1; 0: any number */
    const double *level_p; /* [n_levels] shares of the levels, sum 1 */
} mad_factor;

/* The object of a film in one frame: pixels right and down of the frame's corner. */
typedef struct mad_track {
    double x, y;           /* where it is seen */
    double misfit;         /* root mean square of the frame less the object drawn there */
    double law_x, law_y;   /* where the law has it, given the row's factors */
    double law_vx, law_vy; /* its velocity there, pixels a frame */
} mad_track;

/* What stands at one place of a scene. */
typedef struct mad_object {
    int32_t kind, depth; /* 0.., depth 0 the nearest; both -1: nothing */
    double x, y, size;   /* middle and side of its box: pixels right and down of the corner */
    double iou;          /* of its light and its drawing: sum of the smaller / sum of the larger */
} mad_object;

/* The law of scenes: of an object, and of two of one row in either order. */
typedef struct mad_scene_law {
    size_t n_places, n_kinds, n_depths;
    const double *joint_p; /* [n_kinds][n_places] */
    const double *pair_p;  /* [n_kinds][n_kinds] */
    const double *depth_p; /* [n_depths] */
} mad_scene_law;

/* What rows are made of: true, or read back from the rows. Arrays as carved by mad_recovery_take. */
typedef struct mad_recovery {
    size_t n_rows;
    double *factor;   /* [n_rows][n_factors] */
    double *residual; /* [n_rows] root mean square of the row less its redrawing; 0 where true */
    int32_t *label;   /* [n_rows] class; NULL in worlds without classes */
    unsigned char *valid; /* [n_rows] 1: such a row can come from the world */
    unsigned char *rare;  /* [n_rows] 1: it has the rare feature; NULL in worlds without one */
    mad_track *track;     /* [n_rows][n_frames]; NULL in worlds without films */
    mad_object *object;   /* [n_rows][n_places]; NULL in worlds without scenes */
} mad_recovery;

/* What a world knows about its law. Pointers live as long as the world; NULL = not known. */
typedef struct mad_world_info {
    mad_world_kind kind;
    size_t dim;
    size_t n_classes;               /* 0 = rows carry no labels */
    size_t n_categories;            /* categorical worlds: K; else 0 */
    const double *category_p;       /* [n_categories] */
    size_t height, width, channels; /* pixels; 0 = rows are no pictures */
    size_t n_frames;                /* > 0: films; a picture is so many frames of height / n_frames,
                                       one below the other */
    const mad_scene_law *scene;     /* pictures of objects at places; NULL = no scenes */
    double pixel_min, pixel_max;    /* values of black and white */
    const double *mean, *cov;       /* [dim], [dim][dim] */
    size_t n_modes;                 /* 0 = no known modes */
    const double *mode_centre;      /* [n_modes][dim] */
    const double *mode_p;           /* [n_modes] weights, sum 1 */
    double mode_sd;                 /* sd of one coordinate inside a mode */
    const double *class_p;          /* [n_classes] shares of the classes */
    size_t n_factors;               /* 0 = rows are not read back */
    const mad_factor *factor;       /* [n_factors] */
    double rare_p;                  /* share of rows with a rare feature; 0 = there is none */
    int has_log_density;            /* the type's log_density may be called */
    size_t n_train;                 /* finite worlds: rows of the training part; 0 = unlimited */
    size_t n_reference;             /* finite worlds: rows held out for measures; 0 = unlimited */
    size_t n_dropped;               /* finite worlds: bad rows of the file that were left out */
    uint64_t data_hash;             /* finite worlds: FNV-1a of the rows as used; else 0 */
    const double *train_rows, *reference_rows; /* finite worlds: row numbers in the file, from 0;
                                                  [n_train], [n_reference] */
} mad_world_info;

typedef struct mad_world_type mad_world_type;

/* A world's own struct starts with this one. */
typedef struct mad_world {
    const mad_world_type *type;
    mad_world_info info;
} mad_world;

typedef enum mad_world_part { MAD_PART_TRAIN, MAD_PART_REFERENCE } mad_world_part;

/* A column of a text table. */
typedef struct mad_table_column {
    const char *name;         /* from the header; NULL without one */
    size_t n_levels;          /* > 0: a column of words, x = rank of the word; 0: of numbers */
    const char *const *level; /* [n_levels] the words, ascending by bytes */
} mad_table_column;

/* A data file read by sim/store for a world that names a reader. */
typedef struct mad_table {
    size_t n_rows, dim;
    double *x;      /* [n_rows][dim] */
    int32_t *label; /* [n_rows] or NULL */
    size_t n_classes;
    int32_t *class_value;           /* [n_classes] the file's own number of each class, ascending;
                                       NULL where classes have names */
    const char *const *class_name;  /* [n_classes] words or folders, ascending by bytes, or NULL */
    size_t height, width, channels; /* 0 = not pictures */
    size_t n_dropped;               /* bad rows left out, where that was asked for */
    const mad_table_column *column; /* [dim] of a text table, else NULL */
} mad_table;

typedef struct mad_world_args {
    const mad_values *values;
    uint64_t seed;          /* the experiment's: fixes hidden structure and the split */
    const mad_table *table; /* NULL for procedural worlds; borrowed only during create */
} mad_world_args;

struct mad_world_type {
    const char *name, *doc, *ref; /* key; one line; source */
    const mad_param *params;
    /* "idx", "csv", "npy", ...: the engine reads the file and passes a table; NULL: procedural */
    const char *reader;
    MAD_MUST_CHECK mad_status (*create)(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                                        mad_world **out);
    /**
     * Fill out->n_rows rows (and labels when out->label): i.i.d. from the law, or, in a finite
     * world, a random subset without replacement of the asked part, new for every key.
     * The first rows for a key do not depend on how many are asked for.
     * errors  MAD_E_RANGE: more rows than the part holds
     */
    MAD_MUST_CHECK mad_status (*draw)(mad_ctx *ctx, const mad_world *world, mad_world_part part,
                                      mad_key key, mad_set *out);
    /** With draw = mad_world_draw_chunks: the rows of one chunk; self is the world. */
    mad_draw_fn draw_chunk;
    /**
     * NULL, or, where info.has_log_density: out[n_rows] = ln p(x) of every row, in nats, whatever
     * its label; -INFINITY where p = 0.
     * threads parallel over rows, same bits for any number
     */
    MAD_MUST_CHECK mad_status (*log_density)(mad_ctx *ctx, const mad_world *world,
                                             const mad_set *rows, double *out);
    /** With log_density = mad_world_density_chunks: of the rows of one chunk. */
    MAD_MUST_CHECK mad_status (*density_chunk)(mad_ctx *ctx, const mad_world *world,
                                               const mad_set *rows, double *out);
    /**
     * NULL, or, where info.n_factors > 0: what each row is made of. Every number is finite; a row that
     * the world could not have drawn gets what fits best and is not valid.
     * threads parallel over rows, same bits for any number
     */
    MAD_MUST_CHECK mad_status (*recover)(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                         mad_recovery *out);
    /** With `recover`: the true factors of the rows that `draw` gives for the key. */
    MAD_MUST_CHECK mad_status (*draw_factors)(mad_ctx *ctx, const mad_world *world,
                                              mad_world_part part, mad_key key, mad_recovery *out);
};

/** Carve a recovery of n_rows rows of the world, zeroed. MAD_E_MEMORY, MAD_E_RANGE. */
MAD_MUST_CHECK mad_status mad_recovery_take(mad_ctx *ctx, mad_arena *mem,
                                            const mad_world_info *info, size_t n_rows,
                                            mad_recovery *out);

#endif
