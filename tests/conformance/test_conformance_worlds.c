/* tests/conformance/test_conformance_worlds.c: what every procedural world must do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "sim/cli/builtin.h"
#include "tests/conformance/bench.h"
#include "tests/conformance/threads.h"

static void worlds_draw_prefixes(void **state)
{
    (void)state;
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        bench b = open_bench(2);
        if (is_procedural(*t)) {
            const mad_world *world = create_world(b, *t);
            mad_set all = take_set(b, &world->info, 1000), part = take_set(b, &world->info, 300);
            const mad_key key = key_for(MAD_RNG_REAL, 1);
            must(b, (*t)->draw(b.ctx, world, MAD_PART_TRAIN, key, &all), "draw", (*t)->name);
            must(b, (*t)->draw(b.ctx, world, MAD_PART_TRAIN, key, &part), "draw", (*t)->name);
            must(b, mad_set_check_finite(b.ctx, &all, "rows"), "finite rows", (*t)->name);
            const mad_set prefix = mad_set_rows(&all, 0, 300);
            assert_true(same_bits(&prefix, &part));
            must(b, (*t)->draw(b.ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, 2), &part),
                 "draw", (*t)->name);
            assert_false(same_bits(&prefix, &part)); /* another key, other rows */
        }
        close_bench(b);
    }
}

static mad_recovery take_recovery(bench b, const mad_world_info *info, size_t n_rows)
{
    mad_recovery found;
    must(b, mad_recovery_take(b.ctx, b.mem, info, n_rows, &found), "recovery", "");
    return found;
}

static int same_bytes(const void *a, const void *b, size_t n_bytes)
{
    return a == NULL || b == NULL ? a == b : memcmp(a, b, n_bytes) == 0;
}

/* The first n rows of both. */
static int same_recovery(const mad_world_info *info, size_t n, const mad_recovery *a,
                         const mad_recovery *b)
{
    const size_t n_places = info->scene != NULL ? info->scene->n_places : 0;
    return same_bytes(a->factor, b->factor, n * info->n_factors * sizeof *a->factor) &&
           same_bytes(a->residual, b->residual, n * sizeof *a->residual) &&
           same_bytes(a->label, b->label, n * sizeof *a->label) &&
           same_bytes(a->valid, b->valid, n) && same_bytes(a->rare, b->rare, n) &&
           same_bytes(a->track, b->track, n * info->n_frames * sizeof *a->track) &&
           same_bytes(a->object, b->object, n * n_places * sizeof *a->object);
}

static void law_is_a_law(const mad_world_type *type, const mad_factor *f)
{
    double sum = 0.0, mean = 0.0;
    for (size_t k = 0; k < f->n_levels; k++) {
        sum += f->level_p[k];
        mean += f->level_p[k] * (double)k;
    }
    if (f->name == NULL || f->units == NULL || !(f->sd > 0.0) || f->low > f->high ||
        (f->n_levels > 0 && !(fabs(sum - 1.0) < 1e-12 && fabs(mean - f->mean) < 1e-12))) {
        fail_msg("world '%s': the law of factor '%s' is none", type->name, f->name);
    }
}

/* Read alone or with others, by any number of threads: the same bits. Case 0 has the first rows alone
 * and is compared with case 1, that with the others. */
static void worlds_read_rows_back(void **state)
{
    (void)state;
    enum { N_ALL = 300, N_PART = 100 };
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        if (!is_procedural(*t) || (*t)->recover == NULL) {
            continue;
        }
        bench b[N_THREAD_COUNTS];
        mad_recovery found[N_THREAD_COUNTS], truth[N_THREAD_COUNTS];
        for (size_t k = 0; k < N_THREAD_COUNTS; k++) {
            const size_t n = k == 0 ? N_PART : N_ALL;
            b[k] = open_bench(thread_counts[k]);
            const mad_world *world = create_world(b[k], *t);
            const mad_key key = key_for(MAD_RNG_REAL, 1);
            mad_set rows = take_set(b[k], &world->info, n);
            found[k] = take_recovery(b[k], &world->info, n);
            truth[k] = take_recovery(b[k], &world->info, n);
            must(b[k], (*t)->draw(b[k].ctx, world, MAD_PART_TRAIN, key, &rows), "draw", (*t)->name);
            must(b[k], (*t)->recover(b[k].ctx, world, &rows, &found[k]), "recover", (*t)->name);
            must(b[k], (*t)->draw_factors(b[k].ctx, world, MAD_PART_TRAIN, key, &truth[k]),
                 "draw_factors", (*t)->name);
            assert_true(same_bytes(rows.label, truth[k].label, n * sizeof *rows.label));
            assert_true(same_recovery(&world->info, k == 1 ? N_PART : n, &found[k], &found[k / 2]));
            assert_true(same_recovery(&world->info, k == 1 ? N_PART : n, &truth[k], &truth[k / 2]));
            for (size_t j = 0; j < world->info.n_factors; j++) {
                law_is_a_law(*t, &world->info.factor[j]);
            }
        }
        for (size_t k = 0; k < N_THREAD_COUNTS; k++) {
            close_bench(b[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worlds_draw_prefixes),
        cmocka_unit_test(worlds_read_rows_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
