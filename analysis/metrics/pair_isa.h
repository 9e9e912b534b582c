/* analysis/metrics/pair_isa.h: the tables that pair_code.h makes. */
#ifndef MAD_ANALYSIS_METRICS_PAIR_ISA_H
#define MAD_ANALYSIS_METRICS_PAIR_ISA_H

#include "analysis/metrics/pairs.h"

extern const mad_pair_code mad_pair_plain, mad_pair_avx2, mad_pair_avx512;

#endif
