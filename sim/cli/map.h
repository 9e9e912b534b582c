/* sim/cli/map.h: where a criterion ceases to hold in a plane of two keys. */
#ifndef MAD_CLI_MAP_H
#define MAD_CLI_MAP_H

#include "analysis/expect/expect.h"
#include "sim/cli/grid.h"
#include "sim/cli/ray.h"
#include "sim/cli/sweep.h"

/* What is asked. */
typedef struct mad_map_question {
    const char *path; /* of the configuration */
    size_t n_overrides;
    char **overrides;
    int smoke;
    mad_axis x, y;    /* numbers, ascending; rays run along y */
    const char *text; /* of the criterion, */
    int holds_below;  /* which is "left < right" (1) or "left > right" (0) */
    mad_criterion *criterion;
    double alpha;     /* chance of a wrong decision at a point, of all looks at it together */
    size_t max_looks; /* at a point; each is a run of its own seed */
    const char *dir;  /* the runs lie below it */
} mad_map_question;

/* One point of the plane: the means over its runs. */
typedef struct mad_map_cell {
    size_t n_looks;
    double left, right, std_error; /* of the difference */
    mad_probe_state state;
} mad_map_cell;

/** How far the sides are apart, as boundaries are interpolated: ln(left/right) where both are positive,
 *  else left - right. */
double mad_map_distance(const mad_map_cell *cell);

typedef struct mad_map {
    size_t n_x, n_y;
    mad_map_cell *cell;       /* [n_x][n_y] */
    mad_ray_bracket *bracket; /* [n_x], in points along y, from the low end unless is_falling */
    int is_reversed; /* 1: the criterion holds at the upper end of y; brackets count from there */
    size_t n_runs, n_failed; /* failed ones leave their points open */
    double
        *closed_form; /* [n_x] where the closed form's boundary runs, in points along y from its low
                            end; NaN: there is none */
} mad_map;

/** The configuration of look i_look (from 0) at a point: its seed counts up from the
 *  configuration's. errors  those of mad_load_config */
MAD_MUST_CHECK mad_status mad_map_point(mad_app *app, mad_arena *mem, const mad_map_question *q,
                                        size_t i_x, size_t i_y, size_t i_look, mad_config *out);

/**
 * Trace the boundary: rays from the outermost inward, each led by its neighbours (ray.h). A two-sided t
 * test at alpha/max_looks of left - right over all replicates decides at a point. Where several points
 * between the last inside and the first outside stay undecided, the clearest of them is looked at
 * again, with the next seed, at most max_looks times in all (Bonferroni over the looks: the chance that
 * any look errs is below alpha). Runs that are done are not run again.
 *
 * errors  those of mad_load_config, mad_experiment_create, mad_pool_execute, mad_criterion_judge
 * memory  from mem
 */
MAD_MUST_CHECK mad_status mad_map_trace(mad_app *app, mad_arena *mem,
                                        const mad_map_question *question,
                                        const mad_sweep_options *options, mad_map *out);

/** Fill in map->closed_form, where every measure of the criterion has a closed form: the first change
 *  of sign of mad_map_distance along y, linear between points.
 *  errors  those of mad_load_config, mad_experiment_create; MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_map_closed_form(mad_app *app, const mad_map_question *question,
                                              mad_map *map);

#endif
