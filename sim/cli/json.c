/* sim/cli/json.c: see the header. */
#include "sim/cli/json.h"

#include <math.h>

json_t *mad_json_number(double x)
{
    if (isnan(x)) {
        return json_null();
    }
    return isinf(x) ? json_string(x < 0.0 ? "-inf" : "inf") : json_real(x);
}
