/* analysis/table/cells.c: see the header. */
#include "analysis/table/cells.h"

#include <math.h>

static const char *keep(mad_arena *mem, const char *text)
{
    const char *copy = mad_arena_text(mem, text);
    return copy != NULL ? copy : "";
}

const char *mad_cell_number(mad_arena *mem, double x)
{
    char text[MAD_CELL_BYTES];
    mad_format_number(text, x);
    return keep(mem, text);
}

const char *mad_cell_exact(mad_arena *mem, double x)
{
    char text[MAD_CELL_BYTES] = "";
    if (!isnan(x)) {
        (void)snprintf(text, sizeof text, "%.17g", x);
    }
    return keep(mem, text);
}

const char *mad_cell_estimate(mad_arena *mem, const mad_estimate *estimate)
{
    char text[MAD_CELL_BYTES];
    mad_format_estimate(text, estimate);
    return keep(mem, text);
}

const char *mad_cell_interval(mad_arena *mem, double x, double low, double high)
{
    char text[MAD_CELL_BYTES];
    if (isnan(low) || isnan(high)) {
        return mad_cell_number(mem, x);
    }
    (void)snprintf(text, sizeof text, "%.3g [%.3g, %.3g]", x, low, high);
    return keep(mem, text);
}

const char *mad_cell_count(mad_arena *mem, size_t n)
{
    char text[MAD_CELL_BYTES];
    (void)snprintf(text, sizeof text, "%zu", n);
    return keep(mem, text);
}
