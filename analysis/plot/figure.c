/* analysis/plot/figure.c: the script's frame: files, terminals, axes, data blocks. */
#include "analysis/plot/figure.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

static const double FONT_POINTS = 7.0;
static const double PNG_SCALE = 3.0; /* pixels per hundredth of an inch: 300 dpi */
static const double SVG_SCALE = 1.6; /* user units per hundredth of an inch */

double mad_text_width(const char *text)
{
    double n = 0.0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xC0u) != 0x80u ? 1.0 : 0.0;
    }
    return n * 0.55 * FONT_POINTS / 0.72; /* DejaVu Sans: 0.52 em a character, most texts */
}

static void clean_name(const char *name, char out[MAD_FIGURE_NAME])
{
    size_t n = 0;
    for (; name[n] != '\0' && n < MAD_FIGURE_NAME - 1; n++) {
        char c = name[n];
        int is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && n > 0);
        out[n] = '_';
        if (is_plain) {
            out[n] = c;
        }
    }
    out[n] = '\0';
}

/* One script for every format: the terminal is chosen by the variable `format`. */
static void write_head(mad_figure *f, const char *what)
{
    double points_to_svg = SVG_SCALE / 0.72;

    (void)fprintf(f->gp, "# %s.gp: ", f->name);
    for (; *what != '\0'; what++) {
        (void)fputc((unsigned char)*what < 0x20u ? ' ' : *what, f->gp);
    }
    (void)fprintf(f->gp,
                  "\n# Redraw in this folder: gnuplot %s.gp\n"
                  "# Another format: gnuplot -e \"format='pdf'\" %s.gp   (svg, png, pdf)\n"
                  "reset\n"
                  "if (!exists('format')) format = 'svg'\n",
                  f->name, f->name);
    (void)fprintf(f->gp,
                  "if (format eq 'svg') set terminal svg noenhanced size %.0f,%.0f "
                  "font 'DejaVu Sans,%.2f' linewidth %.2f background 'white'\n",
                  f->width * SVG_SCALE, f->height * SVG_SCALE, FONT_POINTS * points_to_svg,
                  SVG_SCALE / 2.0);
    (void)fprintf(f->gp,
                  "if (format eq 'png') set terminal pngcairo noenhanced size %.0f,%.0f "
                  "font 'DejaVu Sans,%g' fontscale %.4f linewidth %g pointscale %g dashlength 1\n",
                  f->width * PNG_SCALE, f->height * PNG_SCALE, FONT_POINTS,
                  PNG_SCALE / 0.96, /* this terminal takes 96 pixels for an inch */
                  PNG_SCALE * 0.6, PNG_SCALE * 0.75);
    (void)fprintf(f->gp,
                  "if (format eq 'pdf') set terminal pdfcairo noenhanced size %.3fin,%.3fin "
                  "font 'DejaVu Sans,%g' fontscale 0.75 linewidth 0.8 pointscale 0.6\n",
                  f->width / 100.0, f->height / 100.0, FONT_POINTS);
    (void)fprintf(f->gp,
                  "set encoding utf8\n"
                  "set output '%s.'.format\n"
                  "data = '%s.tsv'\n"
                  "unset key\n"
                  "tic_shift = format eq 'svg' ? 0.35 : 0 # that terminal sets tic labels lower\n"
                  "set multiplot\n",
                  f->name, f->name);
}

static mad_status open_file(mad_ctx *ctx, const char *dir, const char *name, const char *extension,
                            FILE **out)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/%s.%s", dir, name, extension);
    if (n < 0 || (size_t)n >= sizeof path) {
        return mad_fail(ctx, MAD_E_IO, "path too long: %s/%s.%s", dir, name, extension);
    }
    *out = fopen(path, "w");
    return *out != NULL ? MAD_OK : mad_fail(ctx, MAD_E_IO, "%s: %s", path, strerror(errno));
}

mad_status mad_figure_open(mad_ctx *ctx, const char *dir, const char *name, const char *what,
                           double width, double height, mad_figure *out)
{
    mad_status st = MAD_OK;
    *out = (mad_figure){.ctx = ctx, .dir = dir, .width = width, .height = height};
    clean_name(name, out->name);
    MAD_TRY(open_file(ctx, dir, out->name, "gp", &out->gp));
    MAD_TRY(open_file(ctx, dir, out->name, "tsv", &out->tsv));
    write_head(out, what);
out:
    return st;
}

static mad_status close_file(mad_figure *f, mad_status st, FILE *file, const char *extension)
{
    if (file == NULL) {
        return st;
    }
    int is_bad = ferror(file);
    is_bad |= fclose(file);
    if (is_bad && st == MAD_OK) {
        st = mad_fail(f->ctx, MAD_E_IO, "%s/%s.%s: cannot write", f->dir, f->name, extension);
    }
    return st;
}

mad_status mad_figure_close(mad_figure *figure, mad_status st)
{
    if (figure->gp != NULL) {
        (void)fputs("unset multiplot\nset output\n", figure->gp);
    }
    st = close_file(figure, st, figure->gp, "gp");
    st = close_file(figure, st, figure->tsv, "tsv");
    figure->gp = NULL;
    figure->tsv = NULL;
    return st;
}

size_t mad_figure_block(mad_figure *figure, const char *comment, const char *columns)
{
    if (figure->n_blocks > 0) {
        (void)fputs("\n\n", figure->tsv);
    }
    (void)fprintf(figure->tsv, "# block %zu: ", figure->n_blocks);
    for (; *comment != '\0'; comment++) {
        (void)fputc((unsigned char)*comment < 0x20u ? ' ' : *comment, figure->tsv);
    }
    (void)fprintf(figure->tsv, "\n# %s\n", columns);
    return figure->n_blocks++;
}

void mad_figure_row(mad_figure *figure, size_t n, const double *value)
{
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(figure->tsv, "%s", i > 0 ? "\t" : "");
        if (isnan(value[i])) {
            (void)fputs("NaN", figure->tsv); /* never "-nan" */
        } else {
            (void)fprintf(figure->tsv, "%.17g", value[i]);
        }
    }
    (void)fputc('\n', figure->tsv);
}

void mad_figure_quote(FILE *gp, const char *text)
{
    (void)fputc('\'', gp);
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)fputc('\'', gp);
        }
        (void)fputc((unsigned char)*text < 0x20u ? ' ' : *text, gp);
    }
    (void)fputc('\'', gp);
}

void mad_figure_counts(FILE *gp, double last, double n_tics)
{
    size_t step = (size_t)fmax(1.0, mad_nice_step(fmax(last, 1.0), n_tics));
    (void)fputs("(1", gp);
    for (size_t i = step > 1 ? step : 2; (double)i <= last; i += step) {
        (void)fprintf(gp, ", %zu", i);
    }
    (void)fputc(')', gp);
}

/* Powers of ten, as many as have room, in the shortest writing: 0.01, 1, 1e-6. */
static void write_decade_tics(const mad_figure *f, const mad_range *y, double height)
{
    int first = (int)ceil(log10(y->min) - 1e-9);
    int last = (int)floor(log10(y->max) + 1e-9);
    int step = (int)fmax(1.0, ceil(((double)(last - first) + 1.0) * 22.0 / height));

    (void)fputs("set logscale y\nset ytics (", f->gp);
    for (int k = first; k <= last; k += step) {
        (void)fputs(k > first ? ", " : "", f->gp);
        if (k < -2 || k > 4) {
            (void)fprintf(f->gp, "'1e%d' ", k);
        }
        (void)fprintf(f->gp, "1e%d", k);
    }
    (void)fputs(")\nset format y '%g'\n", f->gp);
}

static void write_tics(const mad_figure *f, const mad_panel *panel)
{
    double height = panel->top - panel->bottom;

    if (panel->hide_tics) {
        (void)fputs("unset tics\nset border 15 lw 0.6 lc rgb '#A0A0A0'\n", f->gp);
        return;
    }
    (void)fputs("set border 3 lw 0.8 lc rgb '#404040'\n"
                "set tics nomirror out scale 0.6,0.3 textcolor rgb '#000000'\nset format x '%h'\n"
                "set xtics offset 0,tic_shift\n",
                f->gp);
    if (panel->x_is_count) {
        (void)fputs("set xtics ", f->gp);
        mad_figure_counts(f->gp, panel->x.max, (panel->right - panel->left) / 32.0);
        (void)fputc('\n', f->gp);
    } else {
        (void)fprintf(
            f->gp, "set xtics %.10g\n",
            mad_nice_step(panel->x.max - panel->x.min, (panel->right - panel->left) / 50.0));
    }
    if (panel->y.is_log) {
        write_decade_tics(f, &panel->y, height);
    } else {
        (void)fprintf(f->gp, "unset logscale y\nset format y '%%h'\nset ytics %.10g\n",
                      mad_nice_step(panel->y.max - panel->y.min, height / 28.0));
    }
}

/* Texts at fixed places; tags from 1000 on, clear of those gnuplot gives by itself. */
static void write_text(const mad_figure *f, int tag, const char *text, double x, double y,
                       const char *how)
{
    if (text == NULL) {
        (void)fprintf(f->gp, "unset label %d\n", tag);
        return;
    }
    (void)fprintf(f->gp, "set label %d ", tag);
    mad_figure_quote(f->gp, text);
    (void)fprintf(f->gp, " at screen %.5f,%.5f %s front\n", x / f->width, y / f->height, how);
}

void mad_panel_begin(mad_figure *figure, const mad_panel *panel)
{
    FILE *gp = figure->gp;
    char title[512];

    (void)fprintf(gp,
                  "\nset lmargin at screen %.5f\nset rmargin at screen %.5f\n"
                  "set bmargin at screen %.5f\nset tmargin at screen %.5f\n",
                  panel->left / figure->width, panel->right / figure->width,
                  panel->bottom / figure->height, panel->top / figure->height);
    (void)fprintf(gp, "set xrange [%.10g:%.10g]\nset yrange [%.10g:%.10g]\n", panel->x.min,
                  panel->x.max, panel->y.min, panel->y.max);
    write_tics(figure, panel);
    if (panel->title != NULL) {
        mad_text_fit(panel->title, panel->right - panel->left + 10.0, sizeof title, title);
    }
    write_text(figure, 1000, panel->title != NULL ? title : NULL, panel->left,
               panel->top + 0.8 * MAD_LINE_HEIGHT, "left");
    write_text(figure, 1001, panel->x_label, 0.5 * (panel->left + panel->right),
               panel->bottom - MAD_X_LABEL_BELOW, "center");
    write_text(figure, 1002, panel->y_label, panel->left - panel->y_label_left,
               0.5 * (panel->top + panel->bottom), "center rotate");
}
