/* sim/cli/json.h: numbers in JSON. */
#ifndef MAD_CLI_JSON_H
#define MAD_CLI_JSON_H

#include <jansson.h>

/** JSON has no NaN (null) and no infinity (the text "inf" or "-inf"). NULL: no memory. */
json_t *mad_json_number(double x);

#endif
