/* sim/cli/warnings.c: early-warning indicators in text and JSON. */
#include "sim/cli/warnings.h"

#include <math.h>
#include <stdio.h>

#include "sim/config/config.h"
#include "sim/iface/text.h"
#include "sim/store/json.h"

static mad_status check_measure(mad_app *app, const char *option, const char *name)
{
    char shown[MAD_SHOWN_BYTES];
    if (name == NULL || mad_measure_is_output(app->registry, name)) {
        return MAD_OK;
    }
    const char *near = mad_measure_nearest(app->registry, name);
    mad_text_shown(name, sizeof shown, shown);
    return mad_fail(app->ctx, MAD_E_USAGE, "--%s: no measure is called '%s'%s%s%s", option, shown,
                    near == NULL ? "" : " (did you mean '", near == NULL ? "" : near,
                    near == NULL ? "; see 'madloop list metrics'" : "'?)");
}

mad_status mad_warnings_check(mad_app *app, const mad_warning_options *ask)
{
    const mad_status st = check_measure(app, "event", ask->event);
    return st == MAD_OK ? check_measure(app, "feature", ask->feature) : st;
}

/* ---- text ---------------------------------------------------------------------------------- */

static void print_indicator(const mad_indicator *i)
{
    printf("  %-16s %-9s ", i->name, mad_warning_word(i->result));
    if (i->measure != NULL && i->result != MAD_WARNING_UNKNOWN) {
        printf("%s %.4g -> %.4g, ", i->measure, i->first, i->last);
    }
    if (i->alarm > 0) {
        printf("alarm (%s) in generation %zu%s", i->rises ? "it rises" : "it falls", i->alarm,
               i->needs != NULL ? ", " : "");
    } else if (i->needs == NULL) {
        printf("no alarm");
    }
    if (i->needs != NULL) {
        printf("takes %s", i->needs);
    }
    if (isfinite(i->lead)) {
        printf(", lead %.0f generations", i->lead);
    }
    if (isfinite(i->low)) {
        printf(" [%.1f, %.1f]", i->low, i->high);
    }
    printf("\n");
}

void mad_warnings_print(const char *dir, const mad_run *run, const mad_warning_options *ask,
                        const mad_warnings *w)
{
    printf("Early warnings of %s: one-sided tests over %zu replicates, false alarms of each at "
           "most --alpha %g\n",
           dir, run->n_replicates, ask->alpha);
    if (w->event == NULL) {
        printf("  event            -         takes a measure for it: --event\n");
    } else if (w->generation == 0) {
        printf("  event            none      %s has not fallen to --event-share %g of generation "
               "1 in %zu generations\n",
               w->event, ask->share, run->n_done);
    } else {
        printf("  event            yes       %s has fallen to --event-share %g in generation %zu\n",
               w->event, ask->share, w->generation);
    }
    for (size_t i = 0; i < MAD_N_INDICATORS; i++) {
        print_indicator(&w->indicator[i]);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text != NULL ? mad_json_text(text) : json_null();
}

static json_t *generation_or_null(size_t generation)
{
    return generation > 0 ? json_integer((json_int_t)generation) : json_null();
}

static json_t *json_indicator(const mad_indicator *i)
{
    return json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "indicator",
                     i->name, "measure", text_or_null(i->measure), "direction",
                     i->rises ? "rises" : "falls", "result", mad_warning_word(i->result), "needs",
                     text_or_null(i->needs), "first", mad_json_number(i->first), "last",
                     mad_json_number(i->last), "alarm", generation_or_null(i->alarm), "lead",
                     mad_json_number(i->lead), "low", mad_json_number(i->low), "high",
                     mad_json_number(i->high));
}

json_t *mad_warnings_json(const mad_warning_options *ask, const mad_warnings *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < MAD_N_INDICATORS; i++) {
        (void)json_array_append_new(list, json_indicator(&w->indicator[i]));
    }
    return json_pack("{s:{s:o, s:f, s:o}, s:f, s:I, s:o}", "event", "measure",
                     text_or_null(w->event), "share", ask->share, "generation",
                     generation_or_null(w->generation), "alpha", ask->alpha, "window",
                     (json_int_t)ask->window, "indicators", list);
}
