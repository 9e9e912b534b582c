/* sim/cli/metrics_report.h: what `madloop metrics` found, as text and as JSON. */
#ifndef MAD_CLI_METRICS_REPORT_H
#define MAD_CLI_METRICS_REPORT_H

#include "sim/cli/metrics_files.h"

enum { MAD_METRICS_ROWS = 160 };

/* One measure and how far it can be trusted. The floor: splits of the real rows in two halves, one
 * in the model's place. */
typedef struct mad_metrics_row {
    mad_verdict verdict;
    double floor;      /* mean over the splits; NaN: not defined on some */
    double band[2];    /* 2.5 and 97.5 % quantiles over the splits; NaN with one alone */
    double se;         /* of the value, from half samples; NaN: not finite on some */
    size_t n_no_floor; /* splits without a value */
    size_t n_no_value; /* half samples without a finite one */
} mad_metrics_row;

typedef struct mad_left_out {
    const char *name, *why;
} mad_left_out;

typedef struct mad_metrics_report {
    mad_metrics_files files;
    const char *features;
    const char *only; /* "recall,frechet"; NULL = all that the files can give */
    size_t seed;
    size_t n_halves; /* half samples; 0 = none */
    mad_values values;
    mad_comparison comparison;
    size_t n_shared[2]; /* rows of REAL, of --test, that are training rows, too */
    size_t n_rows;
    mad_metrics_row row[MAD_METRICS_ROWS];
    size_t n_left_out; /* outputs that the files cannot give, or that cost much */
    mad_left_out left_out[MAD_METRICS_ROWS];
} mad_metrics_report;

void mad_metrics_print(const mad_metrics_report *report);

/** JSON on stdout; what is not a number is null, infinities are "inf" and "-inf". MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_metrics_print_json(mad_ctx *ctx, const mad_metrics_report *report);

#endif
