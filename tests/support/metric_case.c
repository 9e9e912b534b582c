/* tests/support/metric_case.c: see the header. */
#include "tests/support/metric_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/lists.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"
#include "tests/support/values.h"

#define ADDRESS(name) &(name),
static const mad_metric_type *const metrics[] = {MAD_METRIC_LIST(ADDRESS) NULL};
static const void *const none[] = {NULL};

/* The keys of all measures, as the configuration joins them. */
static const mad_param *measure_params(mad_ctx *ctx, mad_arena *mem)
{
    const mad_registry registry = {.worlds = (void *)none,
                                   .models = (void *)none,
                                   .loops = (void *)none,
                                   .biases = (void *)none,
                                   .metrics = metrics,
                                   .theories = (void *)none};
    const mad_param *table = NULL;
    return mad_measure_table(ctx, mem, &registry, &table) == MAD_OK ? table : NULL;
}

metric_case *mad_case_create(size_t n_threads, size_t n_pairs, const char *const *pairs)
{
    metric_case *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->ctx = mad_ctx_create(n_threads);
    c->mem = mad_arena_create(1 << 16);
    const mad_param *table =
        c->ctx != NULL && c->mem != NULL ? measure_params(c->ctx, c->mem) : NULL;
    if (table == NULL ||
        mad_values_of(c->ctx, c->mem, table, n_pairs, pairs, &c->values) != MAD_OK) {
        mad_case_destroy(c);
        return NULL;
    }
    return c;
}

void mad_case_destroy(metric_case *c)
{
    if (c != NULL) {
        mad_arena_destroy(c->mem);
        mad_ctx_destroy(c->ctx);
        free(c);
    }
}

int mad_case_sets(metric_case *c, size_t n_real, size_t n_fake, size_t dim)
{
    c->world.dim = dim;
    return mad_set_take(c->ctx, c->mem, n_real, dim, 1, &c->real) == MAD_OK &&
           mad_set_take(c->ctx, c->mem, n_fake, dim, 1, &c->fake) == MAD_OK;
}

static mad_status law_of(metric_case *c, const mad_set *set, mad_moments *law)
{
    law->dim = set->dim;
    law->mean = mad_arena_take(c->mem, set->dim, sizeof *law->mean);
    law->cov = mad_arena_take(c->mem, set->dim * set->dim, sizeof *law->cov);
    if (law->mean == NULL || law->cov == NULL) {
        return mad_fail_memory(c->ctx, "the law of a test");
    }
    return mad_mean_cov(c->ctx, set->n_rows, set->dim, set->x, NULL, 1, law->mean, law->cov);
}

mad_status mad_case_eval(metric_case *c, const mad_metric_type *type)
{
    const mad_arena_mark mark = mad_arena_get_mark(c->mem);
    mad_moments real_law = {0}, fake_law = {0};
    mad_status st = MAD_OK;
    if (type->needs & MAD_NEEDS_LAW) {
        MAD_TRY(law_of(c, &c->real, &real_law));
        MAD_TRY(law_of(c, &c->fake, &fake_law));
    }
    mad_metric_in in = {.world = &c->world,
                        .values = &c->values,
                        .real = &c->real,
                        .real_law = &real_law,
                        .real_p = c->real_p,
                        .directions = c->directions,
                        .n_directions = c->n_directions,
                        .real_found = &c->real_found,
                        .real_log_p = c->real_log_p,
                        .key = {.seed = 7, .replicate = 3, .purpose = MAD_RNG_DIRECTIONS}};
    if (type->prepare != NULL) {
        MAD_TRY(type->prepare(c->ctx, &in, c->mem, &in.prepared));
    }
    in.fake = &c->fake;
    in.train = &c->train;
    in.fake_law = &fake_law;
    in.fake_p = c->fake_p;
    in.fake_found = &c->fake_found;
    in.fake_log_p = c->fake_log_p;
    MAD_TRY(type->eval(c->ctx, &in, c->out));
out:
    mad_arena_release(c->mem, mark);
    return st;
}

size_t mad_case_output(const mad_metric_type *type, const char *name)
{
    for (size_t i = 0; type->outputs[i].name != NULL; i++) {
        if (strcmp(type->outputs[i].name, name) == 0) {
            return i;
        }
    }
    abort();
}

const mad_metric_type *mad_case_group(const char *name)
{
    for (size_t i = 0; metrics[i] != NULL; i++) {
        if (strcmp(metrics[i]->name, name) == 0) {
            return metrics[i];
        }
    }
    return NULL;
}

void mad_case_print(const metric_case *c, const mad_metric_type *type)
{
    for (size_t i = 0; type->outputs[i].name != NULL; i++) {
        printf(", \"%s\": \"%.17g\"", type->outputs[i].name, c->out[i]);
    }
}

double mad_case_value(metric_case *c, const mad_metric_type *type, const char *name)
{
    if (mad_case_eval(c, type) != MAD_OK) {
        fprintf(stderr, "%s\n", c->ctx->message);
        abort();
    }
    return c->out[mad_case_output(type, name)];
}
