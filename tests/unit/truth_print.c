/* Measures that ask the world, for check_truth.py: cases as words on stdin, one JSON line of values
 * each on stdout.
 * A case: group n_real n_fake dim height width channels n_modes n_logs n_frames n_places n_kinds n_depths
 * n_factors n_classes,
 * then real rows, fake rows, [mode_sd, centres, weights], [n_logs log densities of real rows, as many of
 * fake ones], [the tracks of real films, those of fake ones], [joint, pair and depth laws, then
 * the objects of real scenes, those of fake ones: kind depth x y size iou], [rare_p, of every factor mean sd
 * low high period n_levels and its levels' shares, class shares, then of real and of fake rows the
 * factors, residuals, valid, rare, classes found; labels of fake rows]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/metric_case.h"

static void stop(const char *why)
{
    fprintf(stderr, "truth_print: %s\n", why);
    exit(2);
}

static double *numbers(metric_case *c, size_t n)
{
    double *x = mad_arena_take(c->mem, n + 1, sizeof *x);
    if (x == NULL) {
        stop("no memory");
    }
    for (size_t i = 0; i < n; i++) {
        if (scanf("%lf", &x[i]) != 1) {
            stop("a number is missing");
        }
    }
    return x;
}

static void read_tracks(metric_case *c, mad_recovery *found)
{
    enum { N_NUMBERS = sizeof(mad_track) / sizeof(double) };
    const size_t n = found->n_rows * c->world.n_frames;
    if (n > 0) {
        memcpy(found->track, numbers(c, n * N_NUMBERS), n * sizeof *found->track);
    }
}

static void read_objects(metric_case *c, mad_recovery *found)
{
    enum { N_NUMBERS = 6 };
    const size_t n = c->world.scene != NULL ? found->n_rows * c->world.scene->n_places : 0;
    const double *x = numbers(c, n * N_NUMBERS);
    for (size_t i = 0; i < n; i++, x += N_NUMBERS) {
        found->object[i] = (mad_object){(int32_t)x[0], (int32_t)x[1], x[2], x[3], x[4], x[5]};
    }
}

static void read_scene(metric_case *c, mad_scene_law *law)
{
    if (law->n_places > 0) {
        law->joint_p = numbers(c, law->n_kinds * law->n_places);
        law->pair_p = numbers(c, law->n_kinds * law->n_kinds);
        law->depth_p = numbers(c, law->n_depths);
        c->world.scene = law;
    }
}

/* Before read_found, which makes room for them. */
static void read_factors(metric_case *c, size_t n_factors, size_t n_classes)
{
    mad_factor *factor = mad_arena_take(c->mem, n_factors + 1, sizeof *factor);
    if (factor == NULL) {
        stop("no memory");
    }
    c->world.n_factors = n_factors;
    c->world.factor = factor;
    c->world.n_classes = n_classes;
    if (n_factors > 0) {
        c->world.rare_p = *numbers(c, 1);
    }
    for (size_t k = 0; k < n_factors; k++) {
        const double *x = numbers(c, 6);
        factor[k] = (mad_factor){.mean = x[0],
                                 .sd = x[1],
                                 .low = x[2],
                                 .high = x[3],
                                 .period = x[4],
                                 .n_levels = (size_t)x[5]};
        factor[k].level_p = numbers(c, factor[k].n_levels);
    }
    c->world.class_p = numbers(c, n_classes);
}

static void read_rows_made_of(metric_case *c, mad_recovery *found)
{
    const size_t n = c->world.n_factors > 0 ? found->n_rows : 0;
    const double *factor = numbers(c, n * c->world.n_factors), *residual = numbers(c, n);
    const double *valid = numbers(c, n), *rare = numbers(c, c->world.rare_p > 0.0 ? n : 0);
    const double *label = numbers(c, c->world.n_classes > 0 ? n : 0);
    for (size_t i = 0; i < n; i++) {
        memcpy(found->factor + i * c->world.n_factors, factor + i * c->world.n_factors,
               c->world.n_factors * sizeof *factor);
        found->residual[i] = residual[i];
        found->valid[i] = valid[i] != 0.0;
        if (found->rare != NULL) {
            found->rare[i] = rare[i] != 0.0;
        }
        if (found->label != NULL) {
            found->label[i] = (int32_t)label[i];
        }
    }
}

static void read_labels(metric_case *c)
{
    const size_t n = c->world.n_factors > 0 && c->world.n_classes > 0 ? c->fake.n_rows : 0;
    const double *label = numbers(c, n);
    for (size_t i = 0; i < n; i++) {
        c->fake.label[i] = (int32_t)label[i];
    }
}

static void read_found(metric_case *c, size_t n_real, size_t n_fake)
{
    if (mad_recovery_take(c->ctx, c->mem, &c->world, n_real, &c->real_found) != MAD_OK ||
        mad_recovery_take(c->ctx, c->mem, &c->world, n_fake, &c->fake_found) != MAD_OK) {
        stop("no memory");
    }
    read_tracks(c, &c->real_found);
    read_tracks(c, &c->fake_found);
    read_objects(c, &c->real_found);
    read_objects(c, &c->fake_found);
    read_rows_made_of(c, &c->real_found);
    read_rows_made_of(c, &c->fake_found);
    read_labels(c);
}

static void print_group(metric_case *c, const char *name)
{
    const mad_metric_type *type = mad_case_group(name);
    if (type == NULL || mad_case_eval(c, type) != MAD_OK) {
        stop(type == NULL ? name : c->ctx->message);
    }
    printf("{\"case\": 0");
    mad_case_print(c, type);
    printf("}\n");
}

int main(void)
{
    char group[64];
    size_t n_real, n_fake, dim, height, width, channels, n_modes, n_logs, n_frames, n_factors,
        n_classes;
    mad_scene_law law;
    while (scanf("%63s %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu", group, &n_real,
                 &n_fake, &dim, &height, &width, &channels, &n_modes, &n_logs, &n_frames,
                 &law.n_places, &law.n_kinds, &law.n_depths, &n_factors, &n_classes) == 15) {
        metric_case *c = mad_case_create(2, 0, NULL);
        if (c == NULL || !mad_case_sets(c, n_real, n_fake, dim)) {
            stop("no case");
        }
        c->world.height = height;
        c->world.width = width;
        c->world.channels = channels;
        c->world.n_frames = n_frames;
        memcpy(c->real.x, numbers(c, n_real * dim), n_real * dim * sizeof(double));
        memcpy(c->fake.x, numbers(c, n_fake * dim), n_fake * dim * sizeof(double));
        if (n_modes > 0) {
            c->world.n_modes = n_modes;
            c->world.mode_sd = *numbers(c, 1);
            c->world.mode_centre = numbers(c, n_modes * dim);
            c->world.mode_p = numbers(c, n_modes);
        }
        if (n_logs > 0) {
            c->real_log_p = numbers(c, n_real);
            c->fake_log_p = numbers(c, n_fake);
        }
        read_scene(c, &law);
        read_factors(c, n_factors, n_classes);
        read_found(c, n_real, n_fake);
        print_group(c, group);
        mad_case_destroy(c);
    }
    return 0;
}
