/* sim/store/json.c: see the header. */
#include "sim/store/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *mad_json_number(double x)
{
    if (isnan(x)) {
        return json_null();
    }
    return isinf(x) ? json_string(x < 0.0 ? "-inf" : "inf") : json_real(x);
}

json_t *mad_json_text(const char *text)
{
    json_t *value = json_string(text); /* refuses what is no UTF-8 */
    if (value == NULL && text != NULL) {
        char *ascii = strdup(text);
        for (char *c = ascii; c != NULL && *c != '\0'; c++) {
            if ((unsigned char)*c >= 0x80) {
                *c = '?';
            }
        }
        value = json_string(ascii);
        free(ascii);
    }
    return value;
}

int mad_json_put(json_t *object, const char *key, json_t *value)
{
    json_t *name = mad_json_text(key);
    const int failed = json_object_set_new(object, json_string_value(name), value);
    json_decref(name);
    return failed;
}
