/* sim/iface/feature.h: spaces in which measures compare rows. */
#ifndef MAD_IFACE_FEATURE_H
#define MAD_IFACE_FEATURE_H

#include "sim/iface/world.h"

typedef struct mad_feature_type mad_feature_type;

/* A type's own struct starts with this one. */
typedef struct mad_feature {
    const mad_feature_type *type;
    size_t dim_in, dim; /* columns of rows as they are, and mapped */
    const char *text;   /* what stands beside values: "pca:64", "net:FILE#1a2b3c4d" */
    uint64_t hash;      /* of the file it was read from; 0: none */
} mad_feature;

/* One tensor of a trained space. */
typedef struct mad_feature_array {
    const char *name;
    size_t rank, shape[4]; /* rank 1..4 */
    const float *data;     /* row-major */
} mad_feature_array;

/* A trained space as it lies in a file. */
typedef struct mad_feature_file {
    const char *type;               /* name of the type that trained it */
    size_t height, width, channels; /* of the pictures it reads */
    double pixel_mean, pixel_sd;    /* of all pixels of the training rows, whose units it expects */
    size_t n_arrays;
    const mad_feature_array *array; /* ascending by name */
    uint64_t hash;                  /* FNV-1a of all of the above but the type */
} mad_feature_file;

typedef struct mad_feature_args {
    const char *text;             /* "pca:64" */
    const char *argument;         /* behind the colon; never NULL, "" for none */
    const mad_world_info *world;  /* of the rows that will be mapped; pictures say so */
    const mad_feature_file *file; /* read from the argument where the type reads_file; outlives the
                                     space */
} mad_feature_args;

/* What a space is trained on; rows carry labels. */
typedef struct mad_feature_training {
    const mad_values *values; /* of type->params */
    const mad_world_info *world;
    const mad_set *train, *test; /* test rows only give the accuracy */
    uint64_t seed;
    void *arg;
    void (*progress)(void *arg, size_t epoch, size_t n_epochs, double loss); /* NULL: none */
} mad_feature_training;

typedef struct mad_feature_trained {
    mad_feature_file file; /* hash not yet set */
    double loss;           /* mean over the last epoch's training rows */
    double accuracy;       /* share of test rows whose class it tells */
} mad_feature_trained;

/* A space is created, fitted once on the real rows and frozen. */
struct mad_feature_type {
    const char *name, *doc, *ref;
    const char *argument; /* what stands behind the colon: "N", "FILE" */
    int reads_file; /* argument is a file; fit only checks, so one space serves all replicates */
    /** errors  MAD_E_CONFIG: argument missing or out of range; MAD_E_DATA: the file does not fit the
     *          rows or lacks an array; MAD_E_MEMORY */
    MAD_MUST_CHECK mad_status (*create)(mad_ctx *ctx, const mad_feature_args *args, mad_arena *mem,
                                        mad_feature **out);
    /** NULL: nothing hangs on the rows. errors  MAD_E_RANGE: too few rows; MAD_E_NONFINITE;
     *  MAD_E_DATA: rows in other units than those of the training */
    MAD_MUST_CHECK mad_status (*fit)(mad_ctx *ctx, mad_feature *feature, const mad_set *real);
    /**
     * shape   out: [rows->n_rows][feature->dim]
     * threads parallel inside, same bits for any number
     */
    MAD_MUST_CHECK mad_status (*map)(mad_ctx *ctx, const mad_feature *feature, const mad_set *rows,
                                     double *out);
    const mad_param *params; /* of train; NULL: none */
    /**
     * NULL, or make what `create` reads from a file; arrays in mem.
     * errors  MAD_E_CONFIG: such pictures cannot be read; MAD_E_DATA: all pixels are
     *         alike; MAD_E_NONFINITE: diverged; MAD_E_INTERRUPTED; MAD_E_MEMORY
     * threads parallel inside, same bits for any number
     */
    MAD_MUST_CHECK mad_status (*train)(mad_ctx *ctx, const mad_feature_training *args,
                                       mad_arena *mem, mad_feature_trained *out);
};

#endif
