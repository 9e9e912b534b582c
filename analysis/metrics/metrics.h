/* analysis/metrics/metrics.h: every group of measures of this folder, one file each. */
#ifndef MAD_ANALYSIS_METRICS_H
#define MAD_ANALYSIS_METRICS_H

#include "sim/iface/metric.h"

extern const mad_metric_type mad_metric_moments;     /* mean error, trace, log det */
extern const mad_metric_type mad_metric_frechet;     /* Frechet distance and its root */
extern const mad_metric_type mad_metric_sliced;      /* sliced Wasserstein distance */
extern const mad_metric_type mad_metric_prdc;        /* precision, recall, density, coverage */
extern const mad_metric_type mad_metric_modes;       /* known modes in R^d */
extern const mad_metric_type mad_metric_classes;     /* entropy of the labels */
extern const mad_metric_type mad_metric_categories;  /* categorical worlds */
extern const mad_metric_type mad_metric_excess_risk; /* regression worlds */

#endif
