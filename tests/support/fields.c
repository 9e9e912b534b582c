/* tests/support/fields.c: see the header. */
#include "tests/support/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

mad_status mad_test_copy_state(mad_ctx *ctx, mad_model *from, mad_model *to)
{
    static const size_t bytes[] = {[MAD_FIELD_F64] = 8, [MAD_FIELD_F32] = 4, [MAD_FIELD_I64] = 8};
    mad_fields a, b;
    from->type->fields(from, &a);
    to->type->fields(to, &b);
    assert_int_equal(a.n_fields, b.n_fields);
    for (size_t i = 0; i < a.n_fields; i++) {
        assert_string_equal(a.field[i].name, b.field[i].name);
        assert_int_equal(a.field[i].count, b.field[i].count);
        memcpy(b.field[i].data, a.field[i].data, a.field[i].count * bytes[a.field[i].kind]);
    }
    return to->type->loaded != NULL ? to->type->loaded(ctx, to) : MAD_OK;
}
