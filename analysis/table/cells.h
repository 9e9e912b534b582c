/* analysis/table/cells.h: numbers as cells of a grid. */
#ifndef MAD_TABLE_CELLS_H
#define MAD_TABLE_CELLS_H

#include "analysis/table/grid.h"

/* Texts are kept in mem; "" when memory is short. */
const char *mad_cell_number(mad_arena *mem, double x); /* to be read */
const char *mad_cell_exact(mad_arena *mem, double x);  /* 17 digits; NaN: "" */
const char *mad_cell_estimate(mad_arena *mem, const mad_estimate *estimate);
/* "0.123 [0.119, 0.127]": 3 digits; no interval where an end is NaN */
const char *mad_cell_interval(mad_arena *mem, double x, double low, double high);
const char *mad_cell_count(mad_arena *mem, size_t n);

#endif
