/* sim/cli/map_report.h: a traced map as text, JSON and a figure. */
#ifndef MAD_CLI_MAP_REPORT_H
#define MAD_CLI_MAP_REPORT_H

#include <jansson.h>

#include "sim/cli/map.h"

/** The boundary ray by ray, and what it cost, on stdout. */
void mad_map_print(const mad_map_question *q, const mad_map *map);

/** The same with every point; NULL when memory is short. */
json_t *mad_map_json(const mad_map_question *q, const mad_map *map);

/** DIR/figures/map.gp, .tsv and, where gnuplot is there, .svg. errors  MAD_E_IO, MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_map_draw(mad_ctx *ctx, mad_arena *mem, const mad_map_question *q,
                                       const mad_map *map);

#endif
