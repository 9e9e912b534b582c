/* analysis/plot/figures.c: every standard figure that runs have data for. */
#include <math.h>

#include "analysis/plot/curves.h"
#include "analysis/plot/fit_set.h"
#include "analysis/plot/internal.h"

enum { MAX_METRICS = 256, MAX_OVERVIEW = 12 };

static mad_status keep(mad_ctx *ctx, mad_arena *mem, mad_figures *out, const char *name)
{
    const char *copy = mad_arena_text(mem, name);
    if (copy == NULL) {
        return mad_fail_memory(ctx, "figures");
    }
    if (out->n < MAD_MAX_FIGURES) {
        out->name[out->n++] = copy;
    }
    return MAD_OK;
}

static int is_drawable(const mad_curve_set *set)
{
    for (size_t r = 0; r < set->n_runs; r++) {
        for (size_t g = 0; g < set->curves[r].n_gens; g++) {
            if (!isnan(set->curves[r].mean[g].mean)) {
                return 1;
            }
        }
    }
    return 0;
}

static mad_status write_metrics(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *dir,
                                mad_figures *out)
{
    mad_status st = MAD_OK;
    const char *names[MAX_METRICS];
    char figure[MAD_FIGURE_NAME];
    size_t n_sets = 0;
    size_t n_names = mad_runs_names(runs, "metrics", MAX_METRICS, names);
    mad_curve_set *sets = mad_arena_take(mem, n_names, sizeof *sets);

    if (sets == NULL) {
        return mad_fail_memory(ctx, "figures");
    }
    for (size_t i = 0; i < n_names; i++) {
        MAD_TRY(mad_curve_set_read(ctx, mem, runs, "metrics", names[i], &sets[n_sets]));
        n_sets += is_drawable(&sets[n_sets]) ? 1 : 0;
    }
    if (n_sets > 1) {
        size_t n = n_sets < MAX_OVERVIEW ? n_sets : MAX_OVERVIEW;
        MAD_TRY(mad_curves_figure(ctx, dir, "overview", "the main measures against generation",
                                  runs, n, sets, n == 2 || n == 4 ? 2 : 3));
        MAD_TRY(keep(ctx, mem, out, "overview"));
    }
    for (size_t i = 0; i < n_sets; i++) {
        (void)snprintf(figure, sizeof figure, "metric-%s", sets[i].name);
        MAD_TRY(mad_curves_figure(ctx, dir, figure, sets[i].long_name, runs, 1, &sets[i], 1));
        MAD_TRY(keep(ctx, mem, out, figure));
    }
out:
    return st;
}

static mad_status write_lineage(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *dir,
                                mad_figures *out)
{
    mad_status st = MAD_OK;
    mad_curve_set sets[2];

    MAD_TRY(mad_curve_set_read(ctx, mem, runs, "lineage", "real_share", &sets[0]));
    MAD_TRY(mad_curve_set_read(ctx, mem, runs, "lineage", "mean_depth", &sets[1]));
    if (is_drawable(&sets[0]) && is_drawable(&sets[1])) {
        /* the stored texts are sentences; panels need titles */
        sets[0].long_name = "Real share of the training set";
        sets[1].long_name = "Mean depth of the training rows";
        sets[1].units = "1"; /* generations: said on the other axis */
        MAD_TRY(mad_curves_figure(ctx, dir, "lineage", "what the training sets were made of", runs,
                                  2, sets, 2));
        MAD_TRY(keep(ctx, mem, out, "lineage"));
    }
out:
    return st;
}

/* How fast the main measures go. */
static mad_status write_fits(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *dir,
                             mad_figures *out)
{
    mad_status st = MAD_OK;
    const char *names[MAX_METRICS];
    mad_fit_set sets[MAX_OVERVIEW];
    int done = 0;
    size_t n = mad_runs_names(runs, "metrics", MAX_METRICS, names);
    n = n < MAX_OVERVIEW ? n : MAX_OVERVIEW;

    MAD_TRY(mad_fit_sets_read(ctx, mem, runs, n, names, sets));
    MAD_TRY(mad_half_lives_figure(ctx, runs, dir, n, sets, &done));
    MAD_TRY(done ? keep(ctx, mem, out, "half-lives") : MAD_OK);
    MAD_TRY(mad_survival_figure(ctx, runs, dir, n, sets, &done));
    MAD_TRY(done ? keep(ctx, mem, out, "survival") : MAD_OK);
out:
    return st;
}

mad_status mad_figures_write(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *dir,
                             mad_figures *out)
{
    mad_status st = MAD_OK;
    int done = 0;

    out->n = 0;
    MAD_TRY(write_metrics(ctx, mem, runs, dir, out));
    MAD_TRY(write_fits(ctx, mem, runs, dir, out));
    MAD_TRY(mad_plane_figure(ctx, mem, runs, dir, &done));
    MAD_TRY(done ? keep(ctx, mem, out, "precision-recall") : MAD_OK);
    MAD_TRY(mad_samples_figure(ctx, mem, runs, dir, &done));
    MAD_TRY(done ? keep(ctx, mem, out, "samples") : MAD_OK);
    MAD_TRY(mad_loss_figure(ctx, mem, runs, dir, &done));
    MAD_TRY(done ? keep(ctx, mem, out, "loss") : MAD_OK);
    MAD_TRY(write_lineage(ctx, mem, runs, dir, out));
out:
    return st;
}
