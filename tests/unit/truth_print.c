/* Measures that ask the world, for check_truth.py: cases as words on stdin, one JSON line of values
 * each on stdout.
 * A case: group n_real n_fake dim height width channels n_modes n_logs n_frames n_places n_kinds n_depths,
 * then real rows, fake rows, [mode_sd, centres, weights], [n_logs log densities of real rows, as many of
 * fake ones], [the tracks of real films, those of fake ones], [joint, pair and depth laws, then
 * the objects of real scenes, those of fake ones: kind depth x y size iou]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/lists.h"
#include "tests/support/metric_case.h"

#define ADDRESS(name) &(name),
static const mad_metric_type *const types[] = {MAD_METRIC_LIST(ADDRESS) NULL};

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
}

static void print_group(metric_case *c, const char *name)
{
    const mad_metric_type *type = NULL;
    for (size_t i = 0; types[i] != NULL; i++) {
        type = strcmp(types[i]->name, name) == 0 ? types[i] : type;
    }
    if (type == NULL || mad_case_eval(c, type) != MAD_OK) {
        stop(type == NULL ? name : c->ctx->message);
    }
    printf("{\"case\": 0");
    for (size_t i = 0; type->outputs[i].name != NULL; i++) {
        printf(", \"%s\": \"%.17g\"", type->outputs[i].name, c->out[i]);
    }
    printf("}\n");
}

int main(void)
{
    char group[64];
    size_t n_real, n_fake, dim, height, width, channels, n_modes, n_logs, n_frames;
    mad_scene_law law;
    while (scanf("%63s %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu", group, &n_real, &n_fake,
                 &dim, &height, &width, &channels, &n_modes, &n_logs, &n_frames, &law.n_places,
                 &law.n_kinds, &law.n_depths) == 13) {
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
        read_found(c, n_real, n_fake);
        print_group(c, group);
        mad_case_destroy(c);
    }
    return 0;
}
