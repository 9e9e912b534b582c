/* sim/engine/layout.h: what the parts of the layout of a run share. */
#ifndef MAD_ENGINE_LAYOUT_H
#define MAD_ENGINE_LAYOUT_H

#include "sim/engine/internal.h"

enum { MAX_SERIES = 256, MAX_ATTRIBUTES = 24 };

typedef struct layout_builder {
    mad_experiment *e;
    mad_arena *mem;
    size_t n_series, n_vectors;
    mad_attribute pending[MAX_ATTRIBUTES]; /* attributes of the dataset being added */
    size_t n_pending;
} layout_builder;

/** Attributes of the dataset that is added next; a text of NULL is none. */
void mad_layout_text(layout_builder *b, const char *name, const char *value);
void mad_layout_number(layout_builder *b, const char *name, double value);

/** Those noted so far, in the builder's memory; none are left behind. */
const mad_attribute *mad_layout_take_attributes(layout_builder *b, size_t *n);

/** A number, or `width` of them, per replicate and generation. Returns its index. */
size_t mad_layout_series(layout_builder *b, const char *group, const char *name, size_t width);

/** n_rows numbers, written once. Returns its index. */
size_t mad_layout_vector(layout_builder *b, const char *group, const char *name, size_t n_rows,
                         const double *value);

/** The measures of a group with their floors and closed forms. */
MAD_MUST_CHECK mad_status mad_layout_group(mad_ctx *ctx, layout_builder *b, metric_group *group);

/** What the engine says of every generation: lineage, cost, the model's and the stages' reports, losses. */
void mad_layout_own(layout_builder *b);

/** Attributes of the file: where the run comes from. */
void mad_layout_root(mad_ctx *ctx, layout_builder *b);

#endif
