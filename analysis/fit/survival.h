/* analysis/fit/survival.h: when replicates cross a threshold, and the share that has not yet. */
#ifndef MAD_FIT_SURVIVAL_H
#define MAD_FIT_SURVIVAL_H

#include <stddef.h>

/* Of one replicate. */
typedef struct mad_crossing {
    size_t generation; /* from 1: the first beyond the threshold, or the last one measured; 0: not
                          counted, as the first value is not positive and finite */
    int is_crossed;    /* 0: censored at `generation` */
} mad_crossing;

/**
 * The first generation at which a curve is below `fraction` of its own first value (a fraction above
 * 1: above it). NaN entries are passed over; infinities cross.
 * shape   y: [n_generations]
 */
mad_crossing mad_crossing_find(size_t n_generations, const double *y, double fraction);

/* One generation at which replicates crossed. */
typedef struct mad_survival_step {
    size_t generation, n_at_risk, n_crossed;
    double survival;  /* share not crossed after this generation */
    double low, high; /* 95 %; NaN where survival is 0 */
} mad_survival_step;

typedef struct mad_survival {
    size_t n, n_crossed; /* replicates that count */
    size_t n_steps;
    mad_survival_step *step; /* [n_steps] */
    double median;           /* first generation with survival <= 1/2; infinite: none; NaN: n = 0 */
    double low, high;        /* first generation at which low, high <= 1/2 (high: or survival 0) */
} mad_survival;

/**
 * Kaplan and Meier's curve. A replicate is at risk up to the generation at which it crossed or was
 * censored; those censored at a generation count as at risk there. With the variance of ln S by
 * Greenwood, sum d/(n (n - d)), and s its root over ln S, the interval is S^exp(-+1.96 s): it stays
 * in [0, 1]. Of n replicates that crossed one and the same generation it says nothing.
 *
 * ref     Kaplan & Meier 1958, JASA 53:457; Greenwood 1926; Kalbfleisch & Prentice 1980, 1.3;
 *         Brookmeyer & Crowley 1982, Biometrics 38:29 (interval of the median)
 * shape   crossing: [n]; step: room for n
 */
mad_survival mad_survival_curve(size_t n, const mad_crossing *crossing, mad_survival_step *step);

#endif
