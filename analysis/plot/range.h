/* analysis/plot/range.h: axis ranges from data. */
#ifndef MAD_PLOT_RANGE_H
#define MAD_PLOT_RANGE_H

typedef struct mad_range {
    double min, max;
    int is_log;
} mad_range;

/* Values an axis has to show. Core values must be inside; soft ones (ends of intervals, which are
 * huge for two replicates) stretch the axis by a limited share only. Non-finite values are passed
 * over. Start from MAD_EXTENT_NONE. */
typedef struct mad_extent {
    double core_min, core_max, soft_min, soft_max;
} mad_extent;

#define MAD_EXTENT_NONE ((mad_extent){HUGE_VAL, -HUGE_VAL, HUGE_VAL, -HUGE_VAL})

void mad_extent_add(mad_extent *extent, double x);
void mad_extent_add_soft(mad_extent *extent, double x);

/** The axis: logarithmic when all core values are positive and span more than two decades; not
 *  below 0 when no core value is; never empty (0..1 without any data). */
mad_range mad_extent_range(const mad_extent *extent);

/** 1, 2 or 5 times a power of ten: the step that gives about n_steps over a span (> 0). */
double mad_nice_step(double span, double n_steps);

#endif
