/* analysis/policy/policy_report.c: see the header. */
#include "analysis/policy/policy_report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PARAGRAPH_BYTES = 4096, SHOWN_SEEDS = 8, FEW = 8 };

/* A paragraph in the making: what it is about, and its text, cut where it is too long. */
typedef struct draft {
    const mad_policy_curves *curves;
    const mad_policy_curve *curve;
    const mad_policy_question *asked;
    const mad_policy_answer *answer;
    double percent; /* of confidence */
    size_t n;
    char text[PARAGRAPH_BYTES];
} draft;

static void say(draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(draft *d, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const int n = vsnprintf(d->text + d->n, sizeof d->text - d->n, format, list);
    va_end(list);
    d->n = n > 0 && d->n + (size_t)n < sizeof d->text ? d->n + (size_t)n : sizeof d->text - 1;
}

typedef struct shown {
    char text[32];
} shown;

/* Three digits; whole numbers as such. */
static shown show(double x)
{
    shown out;
    const int is_whole = x == floor(x) && fabs(x) < 1e7;
    (void)snprintf(out.text, sizeof out.text, is_whole || fabs(x) >= 1000.0 ? "%.0f" : "%.3g", x);
    return out;
}

static const mad_policy_point *least_point(const draft *d)
{
    return &d->curve->point[0];
}

static const mad_policy_point *most_point(const draft *d)
{
    return &d->curve->point[d->curve->n_points - 1];
}

static void say_estimate(draft *d, const mad_estimate *e)
{
    say(d, "%s", show(e->mean).text);
    if (isfinite(e->half)) {
        say(d, " (95 %% interval %s to %s)", show(e->mean - e->half).text,
            show(e->mean + e->half).text);
    }
}

/* An end of an interval that may lie beyond the sweep. */
static void say_end(draft *d, double lever)
{
    if (isfinite(lever)) {
        say(d, "%s", show(lever).text);
    } else if (lever < 0.0) {
        say(d, "below the least swept value %s", show(least_point(d)->lever.mean).text);
    } else {
        say(d, "beyond the largest swept value %s", show(most_point(d)->lever.mean).text);
    }
}

/* " at or below 0.1" */
static void say_level(draft *d)
{
    say(d, " at or %s %.3g", d->asked->is_floor ? "above" : "below", d->asked->level);
}

static void say_where(draft *d)
{
    if (d->curve->label[0] != '\0') {
        say(d, "%s. ", d->curve->label);
    }
}

static int is_shown_somewhere(const draft *d)
{
    return isfinite(d->answer->safe) || (d->answer->safe < 0.0) == !d->asked->is_most;
}

static void say_shown(draft *d)
{
    const char *side = d->asked->is_most ? "below" : "above";
    if (isfinite(d->answer->safe)) {
        say(d, " At %s and %s it is shown with %.3g %% confidence (one-sided).",
            show(d->answer->safe).text, side, d->percent);
    } else if (is_shown_somewhere(d)) {
        say(d, " At all swept values it is shown with %.3g %% confidence (one-sided).", d->percent);
    } else {
        say(d,
            " At no swept value is it shown with %.3g %% confidence: that takes more replicates, "
            "or "
            "values further on.",
            d->percent);
    }
}

static void say_cost(draft *d)
{
    const double at = mad_policy_cost_at(d->curve, d->answer->lever);
    const double safe = mad_policy_cost_at(d->curve, d->answer->safe);
    if (isfinite(at)) {
        say(d, " The cost there is %s", show(at).text);
        if (isfinite(safe) && strcmp(show(safe).text, show(at).text) != 0) {
            say(d, ", and %s where it is shown", show(safe).text);
        }
        say(d, " (%s).", d->curves->cost_words);
    }
}

static void say_crossed(draft *d)
{
    const mad_policy_curve *c = d->curve;
    const mad_policy_answer *a = d->answer;
    say(d, "A value of %s of %s %s (%.3g %% interval: ", d->curves->lever,
        d->asked->is_most ? "at most" : "at least", show(a->lever).text, d->percent);
    say_end(d, a->interval.low);
    say(d, " to ");
    say_end(d, a->interval.high);
    say(d, ") %s %s", is_shown_somewhere(d) ? "keeps" : "may keep", d->curves->measure.words);
    say_level(d);
    say(d, ".");
    say_shown(d);
    say_cost(d);
    for (size_t k = 0; k + 1 < c->n_points; k++) {
        const double low = c->point[k].lever.mean, high = c->point[k + 1].lever.mean;
        if (a->lever > low && a->lever < high) {
            say(d, " Swept were %s and %s; between them the curve is taken as a line.",
                show(low).text, show(high).text);
        }
    }
    if (a->n_turns > 1) {
        say(d,
            " The mean curve passes the level %zu times; stated is where it does for good, and "
            "a rule should rest on a finer sweep.",
            a->n_turns);
    }
}

/* Beyond either end of the sweep. */
static void say_beyond(draft *d)
{
    const int is_always = d->answer->kind == MAD_POLICY_ALWAYS;
    const mad_policy_point *hardest =
        is_always == !d->asked->is_most ? least_point(d) : most_point(d);
    if (d->answer->n_turns > 0) {
        say(d, "At the %s swept value of %s, %s, ", d->asked->is_most ? "least" : "largest",
            d->curves->lever, show(hardest->lever.mean).text);
        say(d, "%s is ", d->curves->measure.words);
        say_estimate(d, &hardest->damage);
        say(d, ", not");
        say_level(d);
        say(d, ", while other values hold it: the damage does not fall with the lever (see %s).",
            d->asked->is_most ? "without --most" : "--most");
        return;
    }
    say(d, "%s swept value of %s (%s to %s) keeps %s", is_always ? "Every" : "No", d->curves->lever,
        show(least_point(d)->lever.mean).text, show(most_point(d)->lever.mean).text,
        d->curves->measure.words);
    say_level(d);
    say(d, ": at %s it is ", show(hardest->lever.mean).text);
    say_estimate(d, &hardest->damage);
    say(d, ".");
    if (is_always) {
        say_shown(d);
    } else {
        const double end = d->asked->is_most ? d->answer->interval.high : d->answer->interval.low;
        const double sign = d->asked->is_most ? -1.0 : 1.0;
        if (sign * end < HUGE_VAL) {
            say(d, " With %.3g %% confidence it takes %s than ", d->percent,
                d->asked->is_most ? "less" : "more");
            say_end(d, end);
            say(d, "; the data leave open whether values from there on are enough.");
        } else {
            say(d, " All swept values are refused with %.3g %% confidence.", d->percent);
        }
    }
}

static void say_course(draft *d)
{
    say(d, "From %s %s to %s, %s goes from ", d->curves->lever,
        show(least_point(d)->lever.mean).text, show(most_point(d)->lever.mean).text,
        d->curves->measure.words);
    say_estimate(d, &least_point(d)->damage);
    say(d, " to ");
    say_estimate(d, &most_point(d)->damage);
    say(d, ".");
}

static void say_basis(draft *d)
{
    const mad_policy_curves *c = d->curves;
    say(d, " This rests on n = %zu replicates at each of %zu values of %s; seed%s ",
        d->answer->n_units, d->curve->n_points, c->key, c->n_seeds == 1 ? "" : "s");
    for (size_t i = 0; i < c->n_seeds && i < SHOWN_SEEDS; i++) {
        say(d, "%s%s", i > 0 ? ", " : "", c->seed[i]);
    }
    say(d, "%s.", c->n_seeds > SHOWN_SEEDS ? ", ..." : "");
    if (c->n_missing > 0) {
        say(d,
            " %zu values were not measured and are left out, which flatters the policy if they "
            "were "
            "not because the loop broke down.",
            c->n_missing);
    }
    if (d->answer->n_units < FEW && d->answer->n_units > 1) {
        say(d, " So few replicates do not show whether the noise is near normal, as the limits "
               "assume.");
    }
}

mad_status mad_policy_paragraph(mad_ctx *ctx, mad_arena *mem, const mad_policy_curves *curves,
                                const mad_policy_curve *curve, const mad_policy_question *question,
                                const mad_policy_answer *answer, const char **out)
{
    draft d = {.curves = curves,
               .curve = curve,
               .asked = question,
               .answer = answer,
               .percent = 100.0 * question->confidence};
    say_where(&d);
    if (isnan(question->level)) {
        say_course(&d);
    } else {
        switch (answer->kind) {
        case MAD_POLICY_UNKNOWN:
            say(&d, "The data carry no statement on what %s keeps %s", curves->lever,
                curves->measure.words);
            say_level(&d);
            say(&d, ": neighbouring values share fewer than two replicates.");
            break;
        case MAD_POLICY_CROSSED:
            say_crossed(&d);
            break;
        case MAD_POLICY_NEVER:
        case MAD_POLICY_ALWAYS:
            say_beyond(&d);
            break;
        }
    }
    say_basis(&d);
    *out = mad_arena_text(mem, d.text);
    return *out != NULL ? MAD_OK : mad_fail_memory(ctx, "a paragraph");
}
