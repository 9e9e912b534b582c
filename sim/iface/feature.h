/* sim/iface/feature.h: spaces in which measures compare rows. */
#ifndef MAD_IFACE_FEATURE_H
#define MAD_IFACE_FEATURE_H

#include "sim/iface/world.h"

typedef struct mad_feature_type mad_feature_type;

/* A type's own struct starts with this one. */
typedef struct mad_feature {
    const mad_feature_type *type;
    size_t dim_in, dim; /* columns of rows as they are, and mapped */
    const char *text;   /* what was asked for, "pca:64" */
} mad_feature;

typedef struct mad_feature_args {
    const char *text;            /* "pca:64" */
    const char *argument;        /* behind the colon; never NULL, "" for none */
    const mad_world_info *world; /* of the rows that will be mapped; pictures say so */
} mad_feature_args;

/* A space is created, fitted once on the real rows and frozen. */
struct mad_feature_type {
    const char *name, *doc, *ref;
    const char *argument; /* what stands behind the colon: "N", "FILE" */
    /** errors  MAD_E_CONFIG: argument missing or out of range; MAD_E_MEMORY */
    MAD_MUST_CHECK mad_status (*create)(mad_ctx *ctx, const mad_feature_args *args, mad_arena *mem,
                                        mad_feature **out);
    /** NULL: nothing hangs on the rows. errors  MAD_E_RANGE: too few rows; MAD_E_NONFINITE */
    MAD_MUST_CHECK mad_status (*fit)(mad_ctx *ctx, mad_feature *feature, const mad_set *real);
    /**
     * shape   out: [rows->n_rows][feature->dim]
     * threads parallel inside, same bits for any number
     */
    MAD_MUST_CHECK mad_status (*map)(mad_ctx *ctx, const mad_feature *feature, const mad_set *rows,
                                     double *out);
};

#endif
