/* models/models.h: the models there are; sim/cli/builtin.c lists them. */
#ifndef MAD_MODELS_MODELS_H
#define MAD_MODELS_MODELS_H

#include "sim/iface/model.h"

extern const mad_model_type mad_model_gauss;
extern const mad_model_type mad_model_categorical;
extern const mad_model_type mad_model_mixture;
extern const mad_model_type mad_model_kde;
extern const mad_model_type mad_model_linear;
extern const mad_model_type mad_model_diffusion;

#endif
