/* sim/nn/tables.h: the kernel tables that kernels.c chooses from. Private to sim/nn. */
#ifndef MAD_NN_TABLES_H
#define MAD_NN_TABLES_H

#include "sim/nn/kernels.h"

extern const mad_map_kernels mad_maps_ref;
extern const mad_kernels mad_kernels_ref;
extern const mad_kernels mad_kernels_plain;
#ifdef MAD_HAVE_X86
extern const mad_kernels mad_kernels_avx2;
extern const mad_kernels mad_kernels_avx512;
#endif

#endif
