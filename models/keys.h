/* models/keys.h: entries of parameter tables, one line each. */
#ifndef MAD_MODELS_KEYS_H
#define MAD_MODELS_KEYS_H

#include "sim/iface/param.h"

#define MAD_INT(key, def, low, high, text)                                                         \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_INT, .fallback = (def), .min = (low), .max = (high),      \
        .doc = (text)                                                                              \
    }
#define MAD_REAL(key, def, low, high, text)                                                        \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_REAL, .fallback = (def), .min = (low), .max = (high),     \
        .doc = (text)                                                                              \
    }
#define MAD_CHOICE(key, def, words, text)                                                          \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_CHOICE, .fallback = (def), .choices = (words),            \
        .doc = (text)                                                                              \
    }
#define MAD_FORM(key, def, low, high, words, text)                                                 \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_FORM, .fallback = (def), .min = (low), .max = (high),     \
        .choices = (words), .doc = (text)                                                          \
    }
#define MAD_PER_GENERATION(key, def, low, high, text)                                              \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_SCHEDULE, .fallback = (def), .min = (low), .max = (high), \
        .doc = (text)                                                                              \
    }

#endif
