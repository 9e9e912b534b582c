/* Groups of measures of rows for the checks that import group_cases.py: cases as words on stdin, one
 * JSON line of values each on stdout.
 * A case: threads n_real n_fake dim n_keys key=value ... n_groups name ... n_directions n_train
 * n_centres, then real rows, fake rows, directions, training rows, centres of modes. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/metric_case.h"

enum { MAX_WORDS = 16, WORD_BYTES = 64 };

typedef struct words {
    size_t n;
    char text[MAX_WORDS][WORD_BYTES];
} words;

static void stop(const char *why)
{
    fprintf(stderr, "group_print: %s\n", why);
    exit(2);
}

static size_t read_count(void)
{
    size_t n = 0;
    if (scanf("%zu", &n) != 1) {
        stop("a count is missing");
    }
    return n;
}

static void read_words(words *out)
{
    out->n = read_count();
    for (size_t i = 0; i < out->n; i++) {
        if (out->n > MAX_WORDS || scanf("%63s", out->text[i]) != 1) {
            stop("a word is missing");
        }
    }
}

static void read_numbers(size_t n, double *x)
{
    for (size_t i = 0; i < n; i++) {
        if (scanf("%lf", &x[i]) != 1) {
            stop("a number is missing");
        }
    }
}

/* NULL without any. */
static double *read_rows(metric_case *c, size_t n_rows)
{
    double *x = mad_arena_take(c->mem, n_rows * c->real.dim + 1, sizeof *x);
    if (x == NULL) {
        stop("no memory");
    }
    read_numbers(n_rows * c->real.dim, x);
    return n_rows > 0 ? x : NULL;
}

static void print_group(metric_case *c, const char *name)
{
    const mad_metric_type *type = mad_case_group(name);
    if (type == NULL || mad_case_eval(c, type) != MAD_OK) {
        stop(type == NULL ? name : c->ctx->message);
    }
    mad_case_print(c, type);
}

int main(void)
{
    size_t n_threads;
    while (scanf("%zu", &n_threads) == 1) {
        const size_t n_real = read_count(), n_fake = read_count(), dim = read_count();
        words keys, groups;
        const char *pairs[MAX_WORDS];
        read_words(&keys);
        read_words(&groups);
        for (size_t i = 0; i < keys.n; i++) {
            pairs[i] = keys.text[i];
        }
        metric_case *c = mad_case_create(n_threads, keys.n, pairs);
        if (c == NULL || !mad_case_sets(c, n_real, n_fake, dim)) {
            stop("no case");
        }
        c->n_directions = read_count();
        c->train = (mad_set){.n_rows = read_count(), .dim = dim};
        c->world.n_modes = read_count();
        read_numbers(n_real * dim, c->real.x);
        read_numbers(n_fake * dim, c->fake.x);
        c->directions = read_rows(c, c->n_directions);
        c->train.x = read_rows(c, c->train.n_rows);
        c->world.mode_centre = read_rows(c, c->world.n_modes);
        printf("{\"case\": 0");
        for (size_t i = 0; i < groups.n; i++) {
            print_group(c, groups.text[i]);
        }
        printf("}\n");
        mad_case_destroy(c);
    }
    return 0;
}
