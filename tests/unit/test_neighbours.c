/* Neighbour search: whole-number images bound distances, every instruction set gives the same, and
 * radii, nearest rows, precision and recall are those of plain loops over exact distances. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/metrics/coarse.h"
#include "analysis/metrics/neighbours.h"
#include "sim/cli/lists.h"
#include "sim/num/stats.h"
#include "tests/support/metric_case.h"

enum { CLOUDS, GRID, NEAR_TIES, CONSTANT, OUTLIERS, FAR_AWAY, TINY, HUGE_ROWS, N_KINDS };

static void fill(mad_set *set, size_t kind, uint64_t item)
{
    mad_rng rng = mad_rng_open((mad_key){.seed = 5, .purpose = MAD_RNG_TEST}, item);
    const size_t n = set->n_rows * set->dim;
    mad_rng_normals(&rng, n, set->x);
    for (size_t i = 0; i < n; i++) {
        double *x = &set->x[i];
        switch (kind) {
        case CLOUDS:
            *x += item == 2 ? 0.1 : 0.0;
            break;
        case GRID: /* ties and duplicates */
            *x = round(1.5 * *x);
            break;
        case NEAR_TIES: /* squared distances that differ in their last bits only */
            *x = round(1.5 * *x) + 1e-15 * *x;
            break;
        case CONSTANT:
            *x = 0.1;
            break;
        case OUTLIERS:
            *x *= i / set->dim % 20 == 3 ? 1e6 : 1.0;
            break;
        case FAR_AWAY: /* the spread is a few units in the last place of the mean */
            *x = 1e9 + 1e-6 * *x;
            break;
        case TINY:
            *x *= 1e-170;
            break;
        default: /* squares overflow */
            *x *= 1e170;
        }
    }
}

/* The sum of squared differences in its eight lanes: the bits that every way has to give. */
static double plain_distance(const mad_set *a, size_t i, const mad_set *b, size_t j)
{
    double lane[8] = {0};
    for (size_t k = 0; k < a->dim; k++) {
        const size_t at = k < a->dim / 8 * 8 ? k % 8 : k - a->dim / 8 * 8;
        const double d = a->x[i * a->dim + k] - b->x[j * b->dim + k];
        lane[at] += d * d;
    }
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) +
           ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

static void check_screens(const mad_cloud *a, const mad_cloud *b)
{
    mad_screen_fn *screens[MAD_MAX_SCREENS + 1];
    int32_t row_cut[MAD_SCREEN_ROWS], col_cut[MAD_SCREEN_COLS];
    mad_screens(screens);
    for (size_t r = 0; r < MAD_SCREEN_ROWS; r++) {
        row_cut[r] = (int32_t)r * 100000000;
    }
    for (size_t c = 0; c < MAD_SCREEN_COLS; c++) {
        col_cut[c] = (int32_t)c * 20000000;
    }
    for (size_t first = 0; first < a->set->n_rows; first += MAD_SCREEN_ROWS) {
        for (size_t t = 0; t < b->n_tiles; t++) {
            mad_tile want, got;
            screens[0](a, first, b, t, row_cut, col_cut, &want);
            for (size_t s = 1; screens[s] != NULL; s++) {
                screens[s](a, first, b, t, row_cut, col_cut, &got);
                assert_memory_equal(&got, &want, sizeof want);
            }
            for (size_t r = 0; r < MAD_SCREEN_ROWS; r++) {
                for (size_t c = 0; c < MAD_SCREEN_COLS; c++) {
                    const size_t i = first + r, j = t * MAD_SCREEN_COLS + c;
                    const int near = (int)(want.near[r] >> c & 1);
                    assert_int_equal(near, want.square[r][c] < row_cut[r] ||
                                               want.square[r][c] < col_cut[c]);
                    if (i >= a->set->n_rows || j >= b->set->n_rows) {
                        continue;
                    }
                    const double exact = plain_distance(a->set, i, b->set, j);
                    const mad_bounds bounds = mad_screen_bounds(a, i, b, j, want.square[r][c]);
                    assert_true(bounds.low <= exact && exact <= bounds.high);
                    const double reach = sqrt(exact) / a->step + a->miss[i] + b->tile_miss[t];
                    assert_true(want.square[r][c] < mad_screen_cut(reach));
                }
            }
        }
    }
}

/* Row r has a reach of the exact distance to column 3 r: that pair must pass. */
static void check_sieved_tile(const mad_coarse_code *const code[2], const mad_cloud *a,
                              size_t first, const mad_cloud *b, size_t t)
{
    int32_t row_cut[MAD_SCREEN_ROWS] = {0}, col_cut[MAD_SCREEN_COLS] = {0};
    uint32_t near[2][MAD_SCREEN_ROWS];
    mad_screen_fn *screens[MAD_MAX_SCREENS + 1];
    mad_tile tile;
    mad_screens(screens);
    screens[0](a, first, b, t, row_cut, col_cut, &tile);
    for (size_t r = 0; r < MAD_SCREEN_ROWS; r++) {
        const size_t i = first + r, j = t * MAD_SCREEN_COLS + 3 * r;
        if (i < a->set->n_rows && j < b->set->n_rows) {
            const double fine = sqrt(plain_distance(a->set, i, b->set, j)) / a->step + a->miss[i];
            const double reach = mad_coarse_reach(a, i, fine);
            row_cut[r] = mad_screen_cut(reach + b->coarse->tile_miss[t]);
        }
    }
    for (size_t k = 0; k < 2 && code[k] != NULL; k++) {
        code[k]->near(a, first, b, t, row_cut, col_cut, near[k]);
        assert_memory_equal(near[k], near[0], sizeof near[0]);
        for (size_t r = 0; r < MAD_SCREEN_ROWS; r++) {
            const size_t i = first + r, j = t * MAD_SCREEN_COLS + 3 * r;
            if (i < a->set->n_rows && j < b->set->n_rows) {
                assert_true(near[k][r] >> (3 * r) & 1);
                assert_int_equal(code[k]->square(a, i, b, j), tile.square[r][3 * r]);
            }
        }
    }
}

/* No pair within reach is lost in the sieve, the 16-bit squares are those of the tiles, and every
 * instruction set gives the same. */
static void check_sieve(metric_case *c, mad_cloud *a, mad_cloud *b)
{
    const mad_coarse_code *const code[] = {&mad_coarse_plain, mad_coarse_choose()};
    double *centre = calloc(a->set->dim, sizeof *centre);
    assert_int_equal(mad_coarse_take(c->ctx, c->mem, centre, 2.5 * a->step, a), MAD_OK);
    assert_int_equal(mad_coarse_take(c->ctx, c->mem, centre, 2.5 * a->step, b), MAD_OK);
    for (size_t kind = 0; kind < 2; kind++) { /* cut off nearly everywhere, and nowhere */
        for (size_t first = 0; first < a->set->n_rows; first += MAD_SCREEN_ROWS) {
            for (size_t t = 0; t < b->n_tiles; t++) {
                check_sieved_tile(code, a, first, b, t);
            }
        }
        const double far = 1e4 * a->step;
        assert_int_equal(mad_coarse_take(c->ctx, c->mem, centre, far, a), MAD_OK);
        assert_int_equal(mad_coarse_take(c->ctx, c->mem, centre, far, b), MAD_OK);
    }
    free(centre);
}

static void check_radii(metric_case *c, const mad_cloud *cloud, size_t k)
{
    const size_t n = cloud->set->n_rows;
    double *radius_sq = malloc(n * sizeof *radius_sq), *all = malloc(n * sizeof *all);
    assert_int_equal(mad_knn_radius_sq(c->ctx, cloud, k, radius_sq), MAD_OK);
    for (size_t i = 0; i < n; i++) {
        size_t n_other = 0;
        for (size_t j = 0; j < n; j++) {
            if (j != i) {
                all[n_other++] = plain_distance(cloud->set, i, cloud->set, j);
            }
        }
        mad_sort(n_other, all);
        assert_true(radius_sq[i] == all[k - 1]);
    }
    free(radius_sq);
    free(all);
}

/* Nearest rows and the first of those on ties, row by row; exact distances have the bits of the
 * plain sum. */
static void check_nearest(metric_case *c, const mad_set *from, const mad_set *to)
{
    mad_nearest *found = malloc(from->n_rows * sizeof *found);
    double *square = malloc(from->n_rows * sizeof *square);
    assert_int_equal(mad_nearest_rows(c->ctx, from, to, 1, found), MAD_OK);
    assert_int_equal(mad_nearest_sq(c->ctx, from, to, square), MAD_OK);
    for (size_t i = 0; i < from->n_rows; i++) {
        mad_nearest want = {SIZE_MAX, (double)INFINITY, (double)INFINITY};
        for (size_t j = 0; j < to->n_rows; j++) {
            const double exact = plain_distance(from, i, to, j);
            assert_true(exact ==
                        mad_distance_sq(from->dim, from->x + i * from->dim, to->x + j * to->dim));
            if (exact < want.first) {
                want = (mad_nearest){j, exact, want.first};
            } else {
                want.second = fmin(want.second, exact);
            }
        }
        assert_int_equal(found[i].row, want.row);
        assert_true(found[i].first == want.first && found[i].second == want.second);
        assert_true(square[i] == want.first);
    }
    free(found);
    free(square);
}

/* The definitions (Kynkaanniemi et al. 2019, Naeem et al. 2020), pair by pair. */
static void check_prdc(metric_case *c, const mad_cloud *real, const mad_cloud *fake)
{
    enum { K = 5 };
    const size_t n = real->set->n_rows, m = fake->set->n_rows;
    double *real_sq = malloc(n * sizeof *real_sq), *fake_sq = malloc(m * sizeof *fake_sq);
    size_t n_precise = 0, n_recalled = 0, n_inside = 0, n_covered = 0;
    assert_int_equal(mad_knn_radius_sq(c->ctx, real, K, real_sq), MAD_OK);
    assert_int_equal(mad_knn_radius_sq(c->ctx, fake, K, fake_sq), MAD_OK);
    for (size_t i = 0; i < n; i++) {
        size_t n_mine = 0, recalled = 0;
        for (size_t j = 0; j < m; j++) {
            const double square = plain_distance(real->set, i, fake->set, j);
            n_mine += square < real_sq[i];
            recalled |= square < fake_sq[j];
        }
        n_inside += n_mine;
        n_covered += n_mine > 0;
        n_recalled += recalled;
    }
    for (size_t j = 0; j < m; j++) {
        size_t precise = 0;
        for (size_t i = 0; i < n; i++) {
            precise |= plain_distance(real->set, i, fake->set, j) < real_sq[i];
        }
        n_precise += precise;
    }
    assert_int_equal(mad_case_eval(c, &mad_metric_prdc), MAD_OK);
    const double want[] = {(double)n_precise / (double)m, (double)n_recalled / (double)n,
                           (double)n_inside / (double)(K * m), (double)n_covered / (double)n};
    assert_memory_equal(c->out, want, sizeof want);
    free(real_sq);
    free(fake_sq);
}

static void test_every_kind(void **state)
{
    (void)state;
    static const size_t dims[] = {1, 2, 3, 7, 33, 50, 128}, threads[] = {1, 2, 5};
    for (size_t kind = 0; kind < N_KINDS; kind++) {
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
            metric_case *c = mad_case_create(threads[d % 3], 0, NULL);
            mad_cloud real, fake;
            assert_non_null(c);
            assert_true(mad_case_sets(c, 203, 99, dims[d]));
            fill(&c->real, kind, 1);
            fill(&c->fake, kind, 2);
            assert_int_equal(mad_clouds_take(c->ctx, c->mem, &c->real, &c->fake, &real, &fake),
                             MAD_OK);
            check_screens(&real, &fake);
            if (kind != TINY && kind != HUGE_ROWS) { /* no images there */
                check_sieve(c, &real, &fake);
            }
            check_radii(c, &real, 1);
            check_radii(c, &real, 5);
            check_radii(c, &fake, 98);
            check_nearest(c, &c->real, &c->fake);
            check_nearest(c, &c->real, &c->real);
            if (kind != HUGE_ROWS) { /* no covariance there */
                check_prdc(c, &real, &fake);
            }
            mad_case_destroy(c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
