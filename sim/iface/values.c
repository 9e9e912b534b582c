/* sim/iface/values.c: the values of a parameter table: defaults and access by name. */
#include "sim/iface/param.h"

#include <string.h>

mad_status mad_values_default(mad_ctx *ctx, mad_arena *mem, const mad_param *params,
                              mad_values *out)
{
    mad_status st = MAD_OK;
    mad_values values = {.params = params};
    while (params != NULL && params[values.n_values].name != NULL) {
        values.n_values++;
    }
    values.value = mad_arena_take(mem, values.n_values, sizeof *values.value);
    if (values.value == NULL) {
        return mad_fail_memory(ctx, "parameter values");
    }
    for (size_t i = 0; i < values.n_values; i++) {
        const mad_param *param = &params[i];
        if (param->fallback == NULL) {
            char allowed[256];
            mad_param_allowed(param, sizeof allowed, allowed);
            return mad_fail(ctx, MAD_E_CONFIG, "'%s' is required: %s", param->name, allowed);
        }
        st = mad_value_parse(ctx, mem, param, 1, &param->fallback, 0, &values.value[i]);
        if (st != MAD_OK) {
            return mad_fail_while(ctx, st, "default of '%s'", param->name);
        }
        values.value[i].is_default = 1;
    }
    *out = values;
    return MAD_OK;
}

mad_status mad_value_is_changed(mad_ctx *ctx, const mad_value *value, int *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_value fallback;
    *out = !value->is_default;
    if (*out && value->param->fallback != NULL) {
        MAD_TRY(mad_value_parse(ctx, ctx->scratch, value->param, 1, &value->param->fallback, 0,
                                &fallback));
        *out = strcmp(value->text, fallback.text) != 0;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_refuse_unused(mad_ctx *ctx, const char *section, const mad_values *values, size_t n,
                             const mad_key_use *use)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < n; i++) {
        int is_changed = 0;
        MAD_TRY(mad_value_is_changed(ctx, mad_get(values, use[i].key), &is_changed));
        if (is_changed && !use[i].is_used) {
            st = mad_fail(ctx, MAD_E_CONFIG, "%s.%s is set, but has no effect: it needs %s",
                          section, use[i].key, use[i].needs);
            goto out;
        }
    }
out:
    return st;
}

const mad_value *mad_get(const mad_values *values, const char *name)
{
    for (size_t i = 0; i < values->n_values; i++) {
        if (strcmp(values->params[i].name, name) == 0) {
            return &values->value[i];
        }
    }
    mad_assert_failed("a parameter of this table", __FILE__, __LINE__);
}

double mad_get_at(const mad_values *values, const char *name, size_t generation,
                  size_t n_generations)
{
    return mad_schedule_at(&mad_get(values, name)->schedule, generation, n_generations);
}

double mad_get_real(const mad_values *values, const char *name)
{
    const mad_value *value = mad_get(values, name);
    const mad_param_kind kind = value->param->kind;
    MAD_ASSERT(kind == MAD_PARAM_INT || kind == MAD_PARAM_REAL || kind == MAD_PARAM_FORM);
    return value->number;
}

size_t mad_get_count(const mad_values *values, const char *name, size_t generation,
                     size_t n_generations)
{
    return mad_schedule_count(&mad_get(values, name)->schedule, generation, n_generations);
}

size_t mad_get_size(const mad_values *values, const char *name)
{
    const mad_value *value = mad_get(values, name);
    const double x = value->number;
    MAD_ASSERT(value->param->kind == MAD_PARAM_INT || value->param->kind == MAD_PARAM_FORM);
    MAD_ASSERT(x >= 0.0 && x <= 9007199254740992.0);
    MAD_ASSERT((double)(size_t)x == x);
    return (size_t)x;
}

size_t mad_get_choice(const mad_values *values, const char *name)
{
    const mad_value *value = mad_get(values, name);
    MAD_ASSERT(value->param->kind == MAD_PARAM_CHOICE || value->param->kind == MAD_PARAM_FORM);
    return value->choice;
}

const char *mad_get_text(const mad_values *values, const char *name)
{
    return mad_get(values, name)->text;
}
