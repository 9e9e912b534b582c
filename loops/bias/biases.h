/* loops/bias/biases.h: the sampling biases there are; sim/cli/builtin.c lists them. */
#ifndef MAD_LOOPS_BIAS_BIASES_H
#define MAD_LOOPS_BIAS_BIASES_H

#include "sim/iface/bias.h"

extern const mad_bias_type mad_bias_none;
extern const mad_bias_type mad_bias_shrink;

#endif
