/* tests/support/world_case.c: see the header. */
#include "tests/support/world_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/values.h"

const mad_key mad_world_case_key = {
    .seed = 77, .replicate = 3, .generation = 1, .purpose = MAD_RNG_REAL};

mad_world_case mad_world_case_open(const mad_world_type *type, size_t n_rows,
                                   const char *const *pairs)
{
    mad_world_case c = {.ctx = mad_ctx_create(2), .mem = mad_arena_create(1 << 20)};
    mad_values values;
    mad_world *world = NULL;
    assert_int_equal(
        mad_values_of(c.ctx, c.mem, type->params, mad_pairs_count(pairs), pairs, &values), MAD_OK);
    const mad_world_args args = {.values = &values, .seed = 5};
    assert_int_equal(type->create(c.ctx, &args, c.mem, &world), MAD_OK);
    const mad_world_info *info = &world->info;
    c.world = world;
    assert_int_equal(mad_set_take(c.ctx, c.mem, n_rows, info->dim, info->n_classes > 0, &c.rows),
                     MAD_OK);
    assert_int_equal(mad_recovery_take(c.ctx, c.mem, info, n_rows, &c.truth), MAD_OK);
    assert_int_equal(mad_recovery_take(c.ctx, c.mem, info, n_rows, &c.found), MAD_OK);
    assert_int_equal(type->draw(c.ctx, world, MAD_PART_TRAIN, mad_world_case_key, &c.rows), MAD_OK);
    assert_int_equal(type->draw_factors(c.ctx, world, MAD_PART_TRAIN, mad_world_case_key, &c.truth),
                     MAD_OK);
    return c;
}

void mad_world_case_read(mad_world_case *c)
{
    assert_int_equal(c->world->type->recover(c->ctx, c->world, &c->rows, &c->found), MAD_OK);
}

void mad_world_case_close(mad_world_case c)
{
    mad_arena_destroy(c.mem);
    mad_ctx_destroy(c.ctx);
}
