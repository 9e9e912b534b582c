/* analysis/plot/legend.c: legends at fixed places, and the styles of runs. */
#include <math.h>
#include <string.h>

#include "analysis/plot/figure.h"

static const double SAMPLE = 20.0; /* length of a line sample */
static const double GAP = 5.0;     /* between sample and text */
static const double SPACE = 12.0;  /* between columns */

void mad_legend_add(mad_legend *legend, mad_legend_entry entry)
{
    if (legend->n < MAD_MAX_LEGEND) {
        legend->entry[legend->n++] = entry;
    }
}

static size_t count_columns(const mad_legend *legend, double width, double *column_width)
{
    double widest = 0.0;
    for (size_t i = 0; i < legend->n; i++) {
        widest = fmax(widest, mad_text_width(legend->entry[i].text));
    }
    *column_width = fmin(SAMPLE + GAP + widest + SPACE, width);
    return (size_t)fmax(1.0, floor((width + SPACE) / *column_width));
}

double mad_legend_height(const mad_legend *legend, double width)
{
    double column_width;
    size_t n_columns = count_columns(legend, width, &column_width);
    size_t n_rows = (legend->n + n_columns - 1) / n_columns;
    return MAD_LINE_HEIGHT * (double)n_rows;
}

void mad_text_fit(const char *text, double width, size_t n_bytes, char *out)
{
    size_t n = strlen(text);
    size_t fits = (size_t)fmax(4.0, floor(width / mad_text_width("x")));
    const char *tail = text + n;

    if (mad_text_width(text) <= width && n < n_bytes) {
        memcpy(out, text, n + 1);
        return;
    }
    fits = fits < n_bytes / 8 ? fits : n_bytes / 8; /* a character has at most 4 bytes */
    for (size_t i = 0; i < fits / 2 - 1 && tail > text; i++) {
        do {
            tail--;
        } while (tail > text && ((unsigned char)*tail & 0xC0u) == 0x80u);
    }
    size_t head = 0;
    for (size_t i = 0; i < fits - fits / 2 && text + head < tail; i++) {
        do {
            head++;
        } while (((unsigned char)text[head] & 0xC0u) == 0x80u);
    }
    (void)snprintf(out, n_bytes, "%.*s…%s", (int)head, text, tail);
}

static void draw_entry(mad_figure *f, const mad_legend_entry *entry, double x, double y,
                       double text_width)
{
    FILE *gp = f->gp;
    char text[1024];
    double w = f->width;
    double h = f->height;
    double half = 0.35 * MAD_LINE_HEIGHT;

    if (entry->has_band) {
        (void)fprintf(gp,
                      "set object rectangle from screen %.5f,%.5f to screen %.5f,%.5f "
                      "fc rgb '%s' fs transparent solid 0.22 noborder\n",
                      x / w, (y - half) / h, (x + SAMPLE) / w, (y + half) / h, entry->colour);
    }
    if (entry->dash != 0) {
        (void)fprintf(gp,
                      "set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead "
                      "lw 1.5 dt %d lc rgb '%s'\n",
                      x / w, y / h, (x + SAMPLE) / w, y / h, entry->dash, entry->colour);
    }
    if (entry->mark != 0) {
        (void)fprintf(gp, "set label '' at screen %.5f,%.5f point pt %d ps 0.6 lc rgb '%s'\n",
                      (x + 0.5 * SAMPLE) / w, y / h, entry->mark, entry->colour);
    }
    mad_text_fit(entry->text, text_width, sizeof text, text);
    (void)fputs("set label ", gp);
    mad_figure_quote(gp, text);
    (void)fprintf(gp, " at screen %.5f,%.5f left\n", (x + SAMPLE + GAP) / w, y / h);
}

void mad_legend_draw(mad_figure *figure, const mad_legend *legend, double left, double top,
                     double width)
{
    double column_width;
    size_t n_columns = count_columns(legend, width, &column_width);

    for (size_t i = 0; i < legend->n; i++) {
        double x = left + column_width * (double)(i % n_columns);
        size_t i_row = i / n_columns;
        double y = top - MAD_LINE_HEIGHT * (0.5 + (double)i_row);
        draw_entry(figure, &legend->entry[i], x, y, column_width - SAMPLE - GAP);
    }
}

void mad_figure_unset_marks(mad_figure *figure)
{
    (void)fputs("unset label\nunset arrow\nunset object\n", figure->gp);
}

/* Viridis at nine places; linear between them. */
static void ladder_colour(double t, char out[8])
{
    static const int anchor[9][3] = {{68, 1, 84},    {71, 45, 123},  {59, 82, 139},
                                     {44, 114, 142}, {33, 145, 140}, {40, 174, 128},
                                     {94, 201, 98},  {173, 220, 48}, {230, 215, 30}};
    double at = 8.0 * t;
    size_t i = at >= 8.0 ? 7 : (size_t)at;
    double share = at - (double)i;
    int rgb[3];
    for (size_t c = 0; c < 3; c++) {
        rgb[c] = (int)lround((1.0 - share) * anchor[i][c] + share * anchor[i + 1][c]);
    }
    (void)snprintf(out, 8, "#%02X%02X%02X", (unsigned)rgb[0] & 0xFFu, (unsigned)rgb[1] & 0xFFu,
                   (unsigned)rgb[2] & 0xFFu);
}

mad_style mad_style_of(size_t i, size_t n)
{
    static const char *const colours[6] = {"#0072B2", "#D55E00", "#009E73",
                                           "#CC79A7", "#E69F00", "#56B4E9"};
    static const int marks[6] = {7, 5, 9, 13, 11, 6}; /* disc, square, up, diamond, down, ring */
    mad_style style = {.mark = marks[i % 6]};

    if (n > 6) {
        ladder_colour((double)i / (double)(n - 1), style.colour);
    } else {
        (void)snprintf(style.colour, sizeof style.colour, "%s", colours[i]);
    }
    return style;
}
