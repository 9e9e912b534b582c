/* sim/iface/select.h: curation: which of the rows that models drew are reused. */
#ifndef MAD_IFACE_SELECT_H
#define MAD_IFACE_SELECT_H

#include "sim/iface/model.h"

struct mad_setting;

typedef struct mad_select_in {
    const struct mad_setting *setting; /* world and values of the plug-in (select_values) */
    size_t generation;                 /* that trains on the rows: where schedules are read */
    mad_model *model;                  /* the newest that the candidates come from */
    const mad_set *real;               /* with needs_real: the rows generation 1 was fitted on */
    const mad_set *candidates;
    size_t n_wanted;
    size_t n_drawn, n_kept; /* candidates and picks of earlier batches, of which `report` speaks */
    mad_key key; /* purpose MAD_RNG_SELECT; item 2^32 batch + what the plug-in counts below 2^32 */
    uint64_t batch;
} mad_select_in;

typedef struct mad_selection {
    size_t n;     /* out: rows picked, at most n_wanted */
    size_t *pick; /* [n_wanted] out: ascending indices of candidates, none twice unless `repeats` */
    double *weight; /* with weighs: [n_wanted] loss weights > 0, mean 1 over the picked rows */
    double *report; /* [number of reports] preset to NaN */
} mad_selection;

typedef struct mad_select_type {
    const char *name, *doc, *ref;
    const mad_param *params;
    unsigned worlds; /* bit set of 1u << mad_world_kind */
    int needs_real;
    int weighs;                /* 1: gives weights */
    const mad_report *reports; /* of each generation's choice, /select/NAME; may be NULL */
    /** Optional. MAD_E_CONFIG, MAD_E_UNSUPPORTED: values that contradict each other or the setting. */
    MAD_MUST_CHECK mad_status (*check)(mad_ctx *ctx, const struct mad_setting *setting);
    /** Optional: 1 when these values ask the model for log densities. */
    int (*asks_density)(const struct mad_setting *setting);
    /** Candidates to draw for n_wanted rows that `generation` trains on; at least as many. NULL: every
     *  row is taken. */
    size_t (*n_candidates)(const struct mad_setting *setting, size_t generation, size_t n_wanted);
    /** Where fewer than n_wanted are picked the engine asks again, with new candidates. */
    MAD_MUST_CHECK mad_status (*choose)(mad_ctx *ctx, const mad_select_in *in, mad_selection *out);
} mad_select_type;

#endif
