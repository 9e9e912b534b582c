/* sim/store/json.h: numbers and text as JSON, which knows neither NaN nor bytes that are no UTF-8. */
#ifndef MAD_STORE_JSON_H
#define MAD_STORE_JSON_H

#include <jansson.h>

/** A number; null for NaN, the words "inf" and "-inf" for infinities. */
json_t *mad_json_number(double x);

/** Text; where it is no UTF-8 (a file name, a field of a table), every byte above 0x7f as a '?'.
 *  NULL: memory is short, or the text is NULL. */
json_t *mad_json_text(const char *text);

/** As json_object_set_new, with a key as mad_json_text gives it: 0, or -1 when memory is short. */
int mad_json_put(json_t *object, const char *key, json_t *value);

#endif
