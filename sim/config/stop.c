/* sim/config/stop.c: keys of the block `stop` that contradict or lack each other. */
#include <stdio.h>
#include <string.h>

#include "sim/config/internal.h"
#include "sim/iface/text.h"

static const char *const tests[] = {"below", "above", "plateau"};
enum { N_TESTS = sizeof tests / sizeof tests[0] };

static int is_set(const mad_config *c, const char *key)
{
    return mad_get_choice(&c->stop, key) != 0; /* choice 0 is "none" */
}

/* Where a key of the block stands; or, for what is missing, its first key. */
static mad_place place_of(const mad_resolver *r, const char *key)
{
    char full[64];
    const char *rest;
    (void)snprintf(full, sizeof full, "stop.%s", key);
    const mad_entry *entry = mad_entries_find(r->entries, full);
    for (size_t i = 0; entry == NULL; i++) { /* some entry made the block */
        const mad_entry *candidate = &r->entries->entry[i];
        entry = mad_key_section(candidate->key, &rest) == MAD_SECTION_STOP ? candidate : NULL;
    }
    return entry->value_at;
}

/* The first test that is asked for, or NULL. */
static const char *first_test(const mad_config *c)
{
    for (size_t i = 0; i < N_TESTS; i++) {
        if (is_set(c, tests[i])) {
            return tests[i];
        }
    }
    return NULL;
}

static mad_status check_metric(const mad_resolver *r, const char *test)
{
    const mad_config *c = r->config;
    const char *metric = mad_get_text(&c->stop, "metric");
    if (strcmp(metric, "none") == 0) {
        return test == NULL ? MAD_OK
                            : mad_fail_at(r->ctx, place_of(r, test),
                                          "stop.%s is a test of stop.metric: name an output, such "
                                          "as 'recall'",
                                          test);
    }
    if (!mad_measure_is_output(r->registry, metric)) {
        char shown[MAD_SHOWN_BYTES];
        const char *near = mad_measure_nearest(r->registry, metric);
        mad_text_shown(metric, sizeof shown, shown);
        return mad_fail_at(r->ctx, place_of(r, "metric"),
                           "stop.metric: expected the name of one output, got '%s'%s%s%s", shown,
                           near == NULL ? "" : " (did you mean '", near == NULL ? "" : near,
                           near == NULL ? "; see 'madloop list metrics'" : "'?)");
    }
    if (test == NULL) {
        return mad_fail_at(r->ctx, place_of(r, "metric"),
                           "stop.metric: no test of it is given: stop.below, stop.above or "
                           "stop.plateau");
    }
    return MAD_OK;
}

static mad_status check_tests(const mad_resolver *r, const char *test)
{
    const mad_config *c = r->config;
    const double below = mad_get(&c->stop, "below")->number,
                 above = mad_get(&c->stop, "above")->number;
    const size_t n_generations = mad_get_size(&c->root, "generations");
    const size_t window = mad_get_size(&c->stop, "window");
    if (is_set(c, "below") && is_set(c, "above") && below >= above) {
        return mad_fail_at(r->ctx, place_of(r, "below"),
                           "stop.below is %g and stop.above %g: every value would be a stop", below,
                           above);
    }
    if (is_set(c, "plateau") && window >= n_generations) {
        return mad_fail_at(r->ctx, place_of(r, "window"),
                           "stop.window: a plateau of %zu generations does not fit into a run of "
                           "%zu",
                           window, n_generations);
    }
    if (test != NULL && mad_get_size(&c->root, "replicates") < 2) {
        return mad_fail_at(r->ctx, place_of(r, test),
                           "stop.%s is tested over replicates: there must be at least 2, "
                           "replicates is 1",
                           test);
    }
    return MAD_OK;
}

mad_status mad_stop_settle(const mad_resolver *r)
{
    mad_status st = MAD_OK;
    mad_config *c = r->config;
    char place[MAD_MESSAGE_BYTES];
    if (c->stop.n_values == 0) {
        return MAD_OK;
    }
    const char *test = first_test(c);
    if (test == NULL && !is_set(c, "samples") &&
        strcmp(mad_get_text(&c->stop, "metric"), "none") == 0) {
        return mad_fail_at(r->ctx, place_of(r, "metric"),
                           "stop: nothing to stop at: give stop.metric with stop.below, stop.above "
                           "or stop.plateau, or stop.samples");
    }
    MAD_TRY(check_metric(r, test));
    MAD_TRY(check_tests(r, test));
    if (test != NULL) {
        mad_place_text(place_of(r, "metric"), sizeof place, place);
        c->stop_place = mad_arena_text(r->mem, place);
        if (c->stop_place == NULL) {
            return mad_fail_memory(r->ctx, "the block stop");
        }
    }
out:
    return st;
}
