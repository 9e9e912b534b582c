/* tests/conformance/bench.c: what the conformance tests share. */
#include "tests/conformance/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* Values that keep this test quick; every other parameter has its default. */
static const struct {
    const char *name, *text;
} quick[] = {{"train.steps", "30"},    {"train.warmup", "3"}, {"train.batch", "64"},
             {"schedule.steps", "30"}, {"net.width", "32"},   {"net.depth", "2"},
             {"components", "5"},      {"epochs", "2"}};

bench open_bench(size_t n_threads)
{
    return (bench){.ctx = mad_ctx_create(n_threads), .mem = mad_arena_create(1 << 20)};
}

void close_bench(bench b)
{
    mad_arena_destroy(b.mem);
    mad_ctx_destroy(b.ctx);
}

void must(bench b, mad_status st, const char *what, const char *name)
{
    if (st != MAD_OK) {
        fail_msg("%s of '%s': %s", what, name, b.ctx->message);
    }
}

mad_values quick_values(bench b, const mad_param *params)
{
    mad_values values;
    must(b, mad_values_default(b.ctx, b.mem, params, &values), "defaults", params[0].name);
    for (size_t i = 0; i < values.n_values; i++) {
        for (size_t k = 0; k < sizeof quick / sizeof *quick; k++) {
            if (strcmp(values.value[i].param->name, quick[k].name) == 0) {
                must(b,
                     mad_value_parse(b.ctx, b.mem, values.value[i].param, 1, &quick[k].text, 0,
                                     &values.value[i]),
                     "quick value", quick[k].name);
                values.value[i].is_default = 1; /* not to be refused where it has no effect */
            }
        }
    }
    return values;
}

mad_world *create_world(bench b, const mad_world_type *type)
{
    mad_world *world = NULL;
    const mad_values values = quick_values(b, type->params);
    mad_values *kept = mad_arena_take(b.mem, 1, sizeof *kept);
    *kept = values;
    const mad_world_args args = {.values = kept, .seed = 3};
    must(b, type->create(b.ctx, &args, b.mem, &world), "create", type->name);
    return world;
}

/* Worlds that need no data file. */
int is_procedural(const mad_world_type *type)
{
    return type->reader == NULL;
}

mad_set take_set(bench b, const mad_world_info *info, size_t n_rows)
{
    mad_set set;
    must(b, mad_set_take(b.ctx, b.mem, n_rows, info->dim, info->n_classes > 0, &set), "set", "");
    return set;
}

mad_key key_for(mad_purpose purpose, uint32_t generation)
{
    return (mad_key){.seed = 17, .replicate = 1, .generation = generation, .purpose = purpose};
}

int same_bits(const mad_set *a, const mad_set *b)
{
    return a->n_rows == b->n_rows && memcmp(a->x, b->x, a->n_rows * a->dim * sizeof *a->x) == 0 &&
           (a->label == NULL || memcmp(a->label, b->label, a->n_rows * sizeof *a->label) == 0);
}
