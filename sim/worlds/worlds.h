/* sim/worlds/worlds.h: the worlds there are; sim/cli/builtin.c lists them. */
#ifndef MAD_WORLDS_WORLDS_H
#define MAD_WORLDS_WORLDS_H

#include "sim/iface/world.h"

extern const mad_world_type mad_world_gauss;
extern const mad_world_type mad_world_ring;
extern const mad_world_type mad_world_grid;
extern const mad_world_type mad_world_swiss;
extern const mad_world_type mad_world_moons;
extern const mad_world_type mad_world_zipf;
extern const mad_world_type mad_world_regression;
extern const mad_world_type mad_world_idx;
extern const mad_world_type mad_world_csv;
extern const mad_world_type mad_world_npy;

#endif
