/* sim/cli/key_options.c: see the header. */
#include "sim/cli/key_options.h"

mad_option *mad_key_options_add(mad_arena *mem, const mad_param *param, mad_key_options *keys,
                                mad_option *list)
{
    size_t n = 0;
    char *name = mad_arena_text(mem, param->name);
    if (name == NULL) {
        return NULL;
    }
    for (char *c = name; *c != '\0'; c++) {
        if (*c == '_') {
            *c = '-';
        }
    }
    while (list[n].name != NULL) {
        n++;
    }
    MAD_ASSERT(n + 1 < MAD_MAX_OPTIONS);
    keys->param[keys->n] = param;
    list[n] = (mad_option){
        .name = name, .argument = "VALUE", .doc = param->doc, .text = &keys->text[keys->n]};
    keys->n++;
    return &list[n];
}

mad_status mad_key_options_read(mad_ctx *ctx, mad_arena *mem, const char *verb,
                                const mad_param *table, const mad_key_options *keys,
                                mad_values *out)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_values_default(ctx, mem, table, out));
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->text[i] == NULL) {
            continue;
        }
        mad_value *value = &out->value[keys->param[i] - table];
        st = mad_value_parse(ctx, mem, keys->param[i], 1, &keys->text[i], 0, value);
        if (st != MAD_OK) {
            st =
                mad_fail_while(ctx, MAD_E_USAGE, "%s: option for '%s'", verb, keys->param[i]->name);
            goto out;
        }
    }
out:
    return st;
}
