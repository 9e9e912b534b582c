/* Worlds of noisy curves: nearest points against all points of a fine polygon, densities against
 * Simpson's rule, what the oracle reads back from fresh rows.
 *
 * Limits on N fresh rows: error of the arclength 1.2 noise (root mean square; noise along the curve
 * alone gives 1.0 with sd 0.022), class right 99.5 %, all rows within 5 noise but for 1 of 1000
 * (a row is further with a probability of at most 3.7e-6). Sabotaged twins must be refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/world_case.h"

enum { N = 1000, N_FEW = 60, N_SIDES = 40000 };

#define PI      3.14159265358979323846
#define Z_LIMIT 4.89

/* Written anew: point of arc k, k < n_arcs, at share s of its parameter range. */
typedef void (*curve_fn)(size_t k, double s, double *c);

static void swiss_point(size_t k, double s, double *c)
{
    (void)k;
    const double u = 1.5 * PI + 3 * PI * s;
    c[0] = 0.1 * u * cos(u);
    c[1] = 0.1 * u * sin(u);
}

static void moons_point(size_t k, double s, double *c)
{
    c[0] = k == 0 ? cos(PI * s) : 1 - cos(PI * s);
    c[1] = k == 0 ? sin(PI * s) : 0.5 - sin(PI * s);
}

/* Two circles of radius 1 round (0, 1) and (0, -1). */
static void s_curve_point(size_t k, double s, double *c)
{
    (void)k;
    const double t = 3 * PI * (s - 0.5);
    c[0] = sin(t);
    c[1] = t < 0 ? 1 - cos(t) : cos(t) - 1;
}

typedef struct known_curve {
    const mad_world_type *type;
    size_t n_arcs;
    curve_fn at;
    double length;
} known_curve;

/* The spiral's length by scipy.integrate.quad of sqrt(1 + u^2) / 10. */
static const known_curve known[] = {
    {&mad_world_swiss, 1, swiss_point, 8.937327471045931},
    {&mad_world_moons, 2, moons_point, PI},
    {&mad_world_s_curve, 1, s_curve_point, 3 * PI},
};
enum { N_KNOWN = sizeof known / sizeof *known };

static double distance(const double *a, const double *b)
{
    return hypot(a[0] - b[0], a[1] - b[1]);
}

static mad_world_case open_noisy(const known_curve *k, double noise, size_t n)
{
    char pair[32];
    snprintf(pair, sizeof pair, "noise=%g", noise);
    return mad_world_case_open(k->type, n, (const char *const[]){pair, NULL});
}

/* ---- nearest points -------------------------------------------------------------------------- */

typedef struct brute {
    double nearest;   /* to the corners of the polygons */
    double at_factor; /* to the corner at the arclength that was read, on the arc that was read */
} brute;

static brute brute_force(const known_curve *k, const mad_world_case *s, size_t i)
{
    const double *x = s->rows.x + 2 * i;
    brute out = {(double)INFINITY, (double)INFINITY};
    for (size_t arc = 0; arc < k->n_arcs; arc++) {
        const int is_read = k->n_arcs == 1 || s->found.label[i] == (int32_t)arc;
        double last[2], length = 0.0, gap = (double)INFINITY;
        k->at(arc, 0.0, last);
        for (size_t j = 0; j <= N_SIDES; j++) {
            double c[2];
            k->at(arc, (double)j / N_SIDES, c);
            length += distance(last, c);
            last[0] = c[0];
            last[1] = c[1];
            out.nearest = fmin(out.nearest, distance(x, c));
            if (is_read && fabs(length - s->found.factor[i]) < gap) {
                gap = fabs(length - s->found.factor[i]);
                out.at_factor = distance(x, c);
            }
        }
    }
    return out;
}

/* No point of the curve is nearer than what the oracle says, and the place it names is that near: to
 * the square of a side where the nearest point is inside an arc, to a side at its ends. */
static size_t count_wrong(const known_curve *k, const mad_world_case *s)
{
    const double side = 1.5 * k->length / N_SIDES;
    size_t n_wrong = 0;
    for (size_t i = 0; i < s->rows.n_rows; i++) {
        const double found = sqrt(2.0) * s->found.residual[i];
        const brute b = brute_force(k, s, i);
        const double slack = side + 1e-15 * found;
        n_wrong += !(found <= b.nearest + 1e-12 * (1 + found) && b.nearest <= found + slack &&
                     fabs(b.at_factor - found) <= slack);
    }
    return n_wrong;
}

/* Rows of the world, rows all over the plane, the centres of curvature, rows far away. */
static void place_rows(mad_world_case *s)
{
    static const double special[][2] = {{0, 0}, {1, 0.5}, {0, 1}, {0, -1}, {-0.1, 0}, {0, -0.1}};
    enum { N_SPECIAL = sizeof special / sizeof *special };
    mad_rng rng = mad_rng_open(mad_key_for(mad_world_case_key, MAD_RNG_TEST), 1);
    for (size_t i = N_FEW / 3; i < N_FEW; i++) {
        const double reach = i < N_FEW - 5 ? 3 : 1e4;
        s->rows.x[2 * i] = reach * (2 * mad_rng_uniform(&rng) - 1);
        s->rows.x[2 * i + 1] = reach * (2 * mad_rng_uniform(&rng) - 1);
    }
    for (size_t i = 0; i < N_SPECIAL; i++) {
        s->rows.x[2 * i] = special[i][0];
        s->rows.x[2 * i + 1] = special[i][1];
    }
}

static void test_nearest(void **state)
{
    (void)state;
    for (size_t w = 0; w < N_KNOWN; w++) {
        mad_world_case s = open_noisy(&known[w], 0.1, N_FEW);
        place_rows(&s);
        mad_world_case_read(&s);
        assert_int_equal(count_wrong(&known[w], &s), 0);
        for (size_t i = 0; i < N_FEW; i++) { /* twins: another place, another distance */
            s.found.factor[i] += s.found.factor[i] < 1 ? 0.1 : -0.1;
        }
        assert_true(count_wrong(&known[w], &s) > N_FEW / 2);
        mad_world_case_read(&s);
        for (size_t i = 0; i < N_FEW; i++) {
            s.found.residual[i] += 0.01;
        }
        assert_int_equal(count_wrong(&known[w], &s), N_FEW);
        mad_world_case_close(s);
    }
}

/* ---- fresh rows ------------------------------------------------------------------------------ */

typedef struct score {
    double arclength, hits, valid, residual;
} score;

static score score_of(const mad_world_case *s)
{
    score out = {0};
    for (size_t i = 0; i < N; i++) {
        const double miss = s->found.factor[i] - s->truth.factor[i];
        const int hit = s->found.label == NULL || s->found.label[i] == s->truth.label[i];
        out.hits += hit;
        out.arclength += hit ? miss * miss : 0.0;
        out.valid += s->found.valid[i];
        out.residual += s->found.residual[i] * s->found.residual[i];
        assert_true(s->rows.label == NULL || s->rows.label[i] == s->truth.label[i]);
    }
    return (score){sqrt(out.arclength / out.hits), out.hits / N, out.valid / N,
                   sqrt(out.residual / N)};
}

static int passes(const score *s, double noise)
{
    return s->arclength <= 1.2 * noise + 1e-12 && s->hits >= 0.995 && s->valid >= 0.999;
}

static void test_oracle(void **state)
{
    static const double noise[] = {0.0, 0.02, 0.05, 0.1};
    (void)state;
    for (size_t w = 0; w < N_KNOWN; w++) {
        for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
            mad_world_case s = open_noisy(&known[w], noise[i], N);
            mad_world_case_read(&s);
            const score right = score_of(&s);
            print_message(
                "%s, noise %g: arclength %.4g, class right %.4f, valid %.4f, residual %.4g\n",
                known[w].type->name, noise[i], right.arclength, right.hits, right.valid,
                right.residual);
            assert_true(passes(&right, noise[i]));
            for (size_t j = 0; j < N; j++) {
                s.rows.x[2 * j] += 2 * noise[i] + 1e-9; /* the twin */
            }
            mad_world_case_read(&s);
            const score twin = score_of(&s);
            assert_false(passes(&twin, noise[i]));
            mad_world_case_close(s);
        }
    }
}

/* The law of the arclength: by its range, and z of mean and variance of the true ones. */
static void test_factor(void **state)
{
    (void)state;
    for (size_t w = 0; w < N_KNOWN; w++) {
        mad_world_case s = open_noisy(&known[w], 0.1, 100 * N);
        const mad_factor *f = s.world->info.factor;
        double sum = 0.0, sum_sq = 0.0, sum_4 = 0.0;
        for (size_t i = 0; i < s.rows.n_rows; i++) {
            const double d = (s.truth.factor[i] - f->mean) / f->sd;
            assert_true(s.truth.factor[i] >= 0 && s.truth.factor[i] <= f->high);
            sum += d;
            sum_sq += d * d;
            sum_4 += d * d * d * d;
        }
        const double n = (double)s.rows.n_rows, z = sum / sqrt(n);
        assert_true(fabs(f->high - known[w].length) < 1e-12);
        assert_true(fabs(z) < Z_LIMIT);
        assert_true(fabs((sum_sq / n - 1.0) / sqrt((sum_4 / n - 1.0) / n)) < Z_LIMIT);
        if (known[w].type != &mad_world_swiss) { /* circles: uniform */
            assert_true(fabs(f->mean - 0.5 * f->high) < 1e-12);
            assert_true(fabs(f->sd - f->high / sqrt(12.0)) < 1e-12);
        }
        mad_world_case_close(s);
    }
}

/* Rows that no world draws: every number finite, none valid. */
static void test_strangers(void **state)
{
    static const double far[] = {1e3, -1e8, 1e150, -1e300, 1.7e308, -1.7e308};
    enum { N_FAR = sizeof far / sizeof *far };
    (void)state;
    for (size_t w = 0; w < N_KNOWN; w++) {
        mad_world_case s = open_noisy(&known[w], 0.1, N_FAR * N_FAR);
        for (size_t i = 0; i < N_FAR * N_FAR; i++) {
            s.rows.x[2 * i] = far[i / N_FAR];
            s.rows.x[2 * i + 1] = far[i % N_FAR];
        }
        mad_world_case_read(&s);
        for (size_t i = 0; i < N_FAR * N_FAR; i++) {
            assert_true(isfinite(s.found.factor[i]) && isfinite(s.found.residual[i]));
            assert_false(s.found.valid[i]);
        }
        mad_world_case_close(s);
    }
}

/* ---- densities ------------------------------------------------------------------------------- */

static double simpson(const known_curve *k, double noise, const double *x)
{
    double nearest = (double)INFINITY, sum = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t arc = 0; arc < k->n_arcs; arc++) {
            for (size_t j = 0; j <= N_SIDES; j++) {
                double c[2];
                k->at(arc, (double)j / N_SIDES, c);
                const double square = 0.5 * pow(distance(x, c) / noise, 2);
                const double weight = j == 0 || j == N_SIDES ? 1 : j % 2 == 1 ? 4 : 2;
                nearest = pass == 0 ? fmin(nearest, square) : nearest;
                sum += pass == 1 ? weight * exp(nearest - square) : 0.0;
            }
        }
    }
    return log(sum / (3.0 * N_SIDES * (double)k->n_arcs)) - nearest - log(2 * PI * noise * noise);
}

static double worst_density(const known_curve *k, double noise, double noise_of_twin)
{
    mad_world_case s = open_noisy(k, noise, 20);
    double log_p[20], worst = 0.0;
    for (size_t i = 0; i < 20; i++) { /* up to ten noises from the curve */
        s.rows.x[2 * i] += 0.5 * noise * (double)i;
    }
    assert_true(s.world->info.has_log_density);
    assert_int_equal(k->type->log_density(s.ctx, s.world, &s.rows, log_p), MAD_OK);
    for (size_t i = 0; i < 20; i++) {
        worst = fmax(worst, fabs(log_p[i] - simpson(k, noise_of_twin, s.rows.x + 2 * i)));
    }
    mad_world_case_close(s);
    return worst;
}

static void test_density(void **state)
{
    static const double noise[] = {0.01, 0.1, 1};
    (void)state;
    for (size_t w = 0; w < N_KNOWN; w++) {
        for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
            const double worst = worst_density(&known[w], noise[i], noise[i]);
            print_message("%s, noise %g: ln p to %.2g\n", known[w].type->name, noise[i], worst);
            assert_true(worst < 1e-8);
            assert_true(worst_density(&known[w], noise[i], 1.001 * noise[i]) > 1e-4);
        }
        mad_world_case s = open_noisy(&known[w], 0.0, 1);
        assert_false(s.world->info.has_log_density); /* a curve has no area */
        mad_world_case_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest), cmocka_unit_test(test_oracle),
        cmocka_unit_test(test_factor),  cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_density),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
