/* analysis/table/fit_json.c: the fits of one metric as JSON. */
#include "analysis/table/fit_rows.h"

static json_t *json_interval(double x, mad_interval interval)
{
    return json_pack("{s:o, s:o, s:o}", "value", mad_json_number(x), "low",
                     mad_json_number(interval.low), "high", mad_json_number(interval.high));
}

static json_t *json_law(mad_law law, const mad_law_fit *fit, const mad_law_intervals *interval)
{
    static const char *const bound[] = {[MAD_BOUND_LOW] = "least", [MAD_BOUND_HIGH] = "most"};
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:o}", "law", mad_law_text(law),
                     "c", mad_json_number(fit->c), "a", mad_json_number(fit->a), "b",
                     mad_json_number(fit->b), "aicc", mad_json_number(fit->aicc), "at_bound",
                     bound[fit->bound], "rate",
                     json_interval(mad_law_rate(law, fit), interval->rate), "half_life",
                     json_interval(fit->half_life, interval->half_life), "half_life_zero",
                     json_interval(fit->half_life_zero, interval->half_life_zero));
}

static json_t *json_steps(const mad_survival *s)
{
    json_t *array = json_array();
    for (size_t i = 0; i < s->n_steps; i++) {
        const mad_survival_step *step = &s->step[i];
        (void)json_array_append_new(
            array,
            json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "generation", (json_int_t)step->generation,
                      "at_risk", (json_int_t)step->n_at_risk, "crossed",
                      (json_int_t)step->n_crossed, "survival", mad_json_number(step->survival),
                      "low", mad_json_number(step->low), "high", mad_json_number(step->high)));
    }
    return array;
}

static json_t *json_survival(const mad_fits *f, size_t k)
{
    const mad_survival *s = &f->survival[k];
    json_t *generation = json_array(), *is_crossed = json_array();
    for (size_t r = 0; r < f->n_replicates; r++) {
        const mad_crossing *c = &f->crossing[k * f->n_replicates + r];
        (void)json_array_append_new(
            generation, c->generation > 0 ? json_integer((json_int_t)c->generation) : json_null());
        (void)json_array_append_new(is_crossed, json_boolean(c->is_crossed));
    }
    return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "threshold",
                     mad_json_number(f->fractions.at[k]), "n", (json_int_t)s->n, "n_crossed",
                     (json_int_t)s->n_crossed, "generation", generation, "crossed", is_crossed,
                     "median", json_interval(s->median, (mad_interval){s->low, s->high}), "curve",
                     json_steps(s));
}

json_t *mad_fit_row_json(const mad_fit_row *row)
{
    const mad_fits *f = &row->fits;
    const mad_turn *turn = &f->turn;
    json_t *laws = json_array(), *survival = json_array();
    for (mad_law law = MAD_LAW_EXPONENTIAL; law < MAD_N_LAWS; law++) {
        (void)json_array_append_new(laws, json_law(law, &f->fit[law], &f->interval[law]));
    }
    for (size_t k = 0; k < f->fractions.n; k++) {
        (void)json_array_append_new(survival, json_survival(f, k));
    }
    return json_pack("{s:I, s:s?, s:o, s:{s:s?, s:o, s:o}, s:o}", "n_points",
                     (json_int_t)f->n_points, "best",
                     f->best == MAD_N_LAWS ? NULL : mad_law_text(f->best), "laws", laws, "turn",
                     "kind", turn->kind == MAD_TURN_NONE ? NULL : mad_turn_text(turn->kind),
                     "generation", json_interval(turn->generation, turn->interval), "p",
                     mad_json_number(turn->p), "survival", survival);
}
