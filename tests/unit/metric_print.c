/* Measures for check_metrics.py: cases as numbers on stdin, one JSON line of values each on stdout.
 * A case: n_real n_fake dim k rule(lt|le) directions n_modes n_classes n_categories, then
 * real rows, fake rows, [mode_sd, centres, weights], [fake labels, real labels], [true p, fake p]. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/cli/lists.h"
#include "tests/support/metric_case.h"

static void read_numbers(size_t n, double *x)
{
    for (size_t i = 0; i < n; i++) {
        if (scanf("%lf", &x[i]) != 1) {
            fprintf(stderr, "metric_print: case is cut short\n");
            exit(2);
        }
    }
}

static double *numbers(metric_case *c, size_t n)
{
    double *x = mad_arena_take(c->mem, n + 1, sizeof *x);
    if (x == NULL) {
        exit(2);
    }
    read_numbers(n, x);
    return x;
}

static void read_labels(metric_case *c, mad_set *set)
{
    const double *label = numbers(c, set->n_rows);
    for (size_t i = 0; i < set->n_rows; i++) {
        set->label[i] = (int32_t)label[i];
    }
}

static void print_group(metric_case *c, const mad_metric_type *type)
{
    if (mad_case_eval(c, type) != MAD_OK) {
        fprintf(stderr, "metric_print: %s: %s\n", type->name, c->ctx->message);
        exit(2);
    }
    mad_case_print(c, type);
}

static void print_case(metric_case *c, size_t n_real, size_t n_fake, size_t dim, const size_t *n)
{
    if (!mad_case_sets(c, n_real, n_fake, dim)) {
        exit(2);
    }
    read_numbers(n_real * dim, c->real.x);
    read_numbers(n_fake * dim, c->fake.x);
    printf("{\"case\": 0");
    print_group(c, &mad_metric_moments);
    print_group(c, &mad_metric_frechet);
    print_group(c, &mad_metric_frechet_rows);
    print_group(c, &mad_metric_prdc);
    print_group(c, &mad_metric_sliced);
    if (dim > 1) {
        print_group(c, &mad_metric_excess_risk);
    }
    if (n[0] > 0) {
        c->world.n_modes = n[0];
        read_numbers(1, &c->world.mode_sd);
        c->world.mode_centre = numbers(c, n[0] * dim);
        c->world.mode_p = numbers(c, n[0]);
        print_group(c, &mad_metric_modes);
    }
    if (n[1] > 0) {
        read_labels(c, &c->fake);
        read_labels(c, &c->real);
        c->world.n_classes = n[1];
        print_group(c, &mad_metric_classes);
    }
    if (n[2] > 0) { /* last: its names are those of modes and classes */
        c->world.n_categories = n[2];
        c->world.category_p = numbers(c, n[2]);
        c->fake_p = numbers(c, n[2]);
        printf(", \"categories\": {\"case\": 0");
        print_group(c, &mad_metric_categories);
        for (size_t i = 0; i < n_fake; i++) {
            c->fake.x[i * dim] = c->fake.label[i];
        }
        print_group(c, &mad_metric_category_rows);
        printf("}");
    }
    printf("}\n");
}

int main(void)
{
    size_t n_real, n_fake, dim, n[3];
    char k[32] = "k=", rule[32] = "rule=", directions[32] = "directions=";
    while (scanf("%zu %zu %zu %20s %20s %20s %zu %zu %zu", &n_real, &n_fake, &dim, k + 2, rule + 5,
                 directions + 11, &n[0], &n[1], &n[2]) == 9) {
        metric_case *c = mad_case_create(2, 3, (const char *const[]){k, rule, directions});
        if (c == NULL) {
            return 2;
        }
        print_case(c, n_real, n_fake, dim, n);
        mad_case_destroy(c);
    }
    return 0;
}
