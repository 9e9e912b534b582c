/* analysis/plot/plot.c: `madloop plot`. */
#include "analysis/plot/plot.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/plot/figure.h"
#include "analysis/plot/sweep_map.h"
#include "sim/cli/options.h"
#include "sim/iface/text.h"

extern const mad_command mad_command_plot;

enum { PATH_BYTES = 4096, N_FORMATS = 3 };

static const char *const formats[N_FORMATS] = {"svg", "png", "pdf"};

static mad_status pick_formats(mad_ctx *ctx, const char *list, int is_picked[N_FORMATS])
{
    size_t n_picked = 0;
    for (const char *word = list; *word != '\0';) {
        size_t n = strcspn(word, ",");
        size_t i = 0;
        while (i < N_FORMATS && (strlen(formats[i]) != n || memcmp(formats[i], word, n) != 0)) {
            i++;
        }
        if (i == N_FORMATS) {
            return mad_fail(ctx, MAD_E_USAGE,
                            "plot: option '--format' expects svg, png, pdf or several of them with "
                            "commas, got '%s'",
                            list);
        }
        is_picked[i] = 1;
        n_picked++;
        word += n + (word[n] == ',');
    }
    return n_picked > 0
               ? MAD_OK
               : mad_fail(ctx, MAD_E_USAGE, "plot: option '--format' expects svg, png, pdf");
}

/* mkdir -p */
static mad_status make_folder(mad_ctx *ctx, const char *dir)
{
    char path[PATH_BYTES];
    size_t n = strlen(dir);

    if (n == 0 || n >= sizeof path) {
        return mad_fail(ctx, MAD_E_USAGE, "plot: bad folder name '%.80s'", dir);
    }
    memcpy(path, dir, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            char kept = path[i];
            path[i] = '\0';
            if (mkdir(path, 0777) != 0 && errno != EEXIST) {
                return mad_fail(ctx, MAD_E_IO, "%s: cannot create the folder: %s", path,
                                strerror(errno));
            }
            path[i] = kept;
        }
    }
    return MAD_OK;
}

/* "0.1,0.25,0.5" */
static mad_status read_contours(mad_ctx *ctx, const char *list, mad_sweep_map *map)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const char *const *piece;
    size_t n = 0;
    int is_good = mad_text_split(ctx, ctx->scratch, list, &n, &piece) == MAD_OK && n > 0 &&
                  n <= MAD_SWEEP_CONTOURS;
    for (size_t i = 0; i < n && is_good; i++) {
        is_good = mad_number_parse(piece[i], &map->contour[i]);
    }
    map->n_contours = n;
    if (!is_good) {
        mad_ctx_clear(ctx);
        st = mad_fail(ctx, MAD_E_USAGE,
                      "plot: option '--contour' expects 1 to %d numbers with commas, got '%s'",
                      MAD_SWEEP_CONTOURS, list);
    }
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static void announce(const char *dir, const char *name, const char *format, json_t *list)
{
    char path[PATH_BYTES + MAD_FIGURE_NAME];
    (void)snprintf(path, sizeof path, "%s/%s.%s", dir, name, format);
    if (list == NULL) {
        printf("%s\n", path);
    } else {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "figure", name, "format", format, "file", path));
    }
}

/* Draw all; one broken figure does not keep the others from being drawn. */
static mad_status draw_all(mad_ctx *ctx, const char *dir, const mad_figures *figures,
                           const int is_picked[N_FORMATS], json_t *list)
{
    mad_status first = MAD_OK;
    for (size_t i = 0; i < figures->n; i++) {
        for (size_t k = 0; k < N_FORMATS; k++) {
            if (!is_picked[k]) {
                continue;
            }
            mad_status st = mad_ctx_poll(ctx);
            st = st == MAD_OK ? mad_gnuplot_draw(ctx, dir, figures->name[i], formats[k]) : st;
            if (st == MAD_E_INTERRUPTED) {
                return st;
            }
            first = first == MAD_OK ? st : first;
            if (st == MAD_OK) {
                announce(dir, figures->name[i], formats[k], list);
            }
        }
    }
    return first;
}

static mad_status plot_runs(mad_app *app, const mad_arguments *args, const char *dir,
                            const int is_picked[N_FORMATS], int is_json, const mad_sweep_map *map)
{
    mad_status st = MAD_OK;
    mad_runs runs;
    mad_figures figures = {.n = 0};
    char own[PATH_BYTES];
    json_t *list = is_json ? json_array() : NULL;
    mad_arena *mem = mad_arena_create((size_t)1 << 20);

    if (mem == NULL || (is_json && list == NULL)) {
        st = mad_fail_memory(app->ctx, "figures");
        goto out;
    }
    MAD_TRY(mad_runs_load(app->ctx, mem, args->n, args->text, &runs));
    if (dir == NULL) {
        size_t n = strlen(args->text[0]);
        n -= n > 1 && args->text[0][n - 1] == '/';
        (void)snprintf(own, sizeof own, "%.*s%sfigures", args->n == 1 ? (int)n : 0, args->text[0],
                       args->n == 1 ? "/" : "");
        dir = own;
    }
    MAD_TRY(make_folder(app->ctx, dir));
    MAD_TRY(map->expression != NULL ? mad_sweep_maps_write(app->ctx, mem, &runs, dir, map, &figures)
                                    : mad_figures_write(app->ctx, mem, &runs, dir, &figures));
    if (figures.n == 0) {
        st = mad_fail(app->ctx, MAD_E_DATA, "plot: nothing to draw: no generation is done yet");
        goto out;
    }
    st = draw_all(app->ctx, dir, &figures, is_picked, list);
    if (is_json) {
        (void)json_dumpf(list, stdout, JSON_INDENT(2));
        (void)fputc('\n', stdout);
    }
out:
    json_decref(list);
    mad_arena_destroy(mem);
    return st;
}

static mad_status plot_run(mad_app *app, int argc, char **argv)
{
    static const char notes[] =
        "Beside every picture lie NAME.gp and NAME.tsv: edit the script, then redraw with "
        "'gnuplot NAME.gp' in that folder. Calling plot again writes them anew.";
    mad_status st = MAD_OK;
    const char *dir = NULL;
    const char *list = "svg";
    int is_json = 0;
    int is_picked[N_FORMATS] = {0};
    mad_arguments args;
    const char *contours = NULL;
    mad_sweep_map map = {.n_contours = 0};
    const mad_option options[] = {
        {"out", 'o', "DIR",
         "folder for the figures (default: figures in the run's folder; for "
         "several, in this one)",
         .text = &dir},
        {"format", 'f', "LIST", "svg, png, pdf, or several with commas (default svg)",
         .text = &list},
        {"map", 'm', "EXPRESSION",
         "draw this over two keys of a sweep instead: 'recall@last' (docs/reproduce.md)",
         .text = &map.expression},
        {"contour", 0, "LIST", "with --map: draw where it has this value, or up to 4 with commas",
         .text = &contours},
        {"x", 0, "KEY", "with --map: the key to the right (default: the first that is swept)",
         .text = &map.x},
        {"y", 0, "KEY", "with --map: the key upwards (default: the next)", .text = &map.y},
        {"json", 0, NULL, "print the list of pictures as JSON", .flag = &is_json},
        {.name = NULL},
    };

    MAD_TRY(mad_options_parse(app, &mad_command_plot, argc, argv,
                              &(mad_usage){options, 1, SIZE_MAX, notes}, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(pick_formats(app->ctx, list, is_picked));
    if (map.expression == NULL && (map.x != NULL || map.y != NULL || contours != NULL)) {
        st = mad_fail(app->ctx, MAD_E_USAGE, "plot: --x, --y and --contour belong to --map");
        goto out;
    }
    if (contours != NULL) {
        MAD_TRY(read_contours(app->ctx, contours, &map));
    }
    MAD_TRY(plot_runs(app, &args, dir, is_picked, is_json, &map));
out:
    return st;
}

const mad_command mad_command_plot = {
    .name = "plot",
    .arguments = "DIR...",
    .doc = "Draw the standard figures of runs and sweeps through gnuplot",
    .run = plot_run,
};
