/* sim/cli/print_json.c: see the header. */
#include "sim/cli/print_json.h"

#include <stdio.h>
#include <stdlib.h>

mad_status mad_print_json(mad_ctx *ctx, json_t *root)
{
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (text == NULL) {
        return mad_fail_memory(ctx, "JSON");
    }
    printf("%s\n", text);
    free(text);
    return MAD_OK;
}
