/* sim/engine/layout_own.c: the datasets of what the engine itself says of a generation. */
#include "sim/engine/layout.h"

static size_t add_plain(layout_builder *b, const char *group, const char *name, size_t width,
                        const char *units, const char *long_name)
{
    mad_layout_text(b, "long_name", long_name);
    mad_layout_text(b, "units", units);
    return mad_layout_series(b, group, name, width);
}

static void add_stage(layout_builder *b, stage_kind stage, const char *group,
                      const mad_report *reports)
{
    own_series *own = &b->e->own;
    for (const mad_report *r = reports; r != NULL && r->name != NULL; r++) {
        MAD_ASSERT(own->n_stage[stage] < MAX_STAGE_REPORTS);
        own->stage[stage][own->n_stage[stage]++] =
            add_plain(b, group, r->name, 1, r->units, r->long_name);
    }
}

/* What stages say of the rows that are new in the training set; NaN in generation 1, which has
 * none. */
static void add_stages(layout_builder *b)
{
    static const mad_report of_bias[] = {
        {"strength", "1",
         "nominal strength of the bias: what bias.strength says, of guidance 1 / (1 + w); the mean "
         "over the rows where models of several generations drew them"},
        {"lam_eff", "1",
         "measured strength of the bias: variance of the synthetic rows over that of rows drawn "
         "without it from the same random numbers; of categories their heterozygosity"},
        {0}};
    static const mad_report within[] = {{"lam_eff_within", "1", "lam_eff within classes"}, {0}};
    static const mad_report drawn[] = {
        {"n_drawn", "rows", "candidates drawn for the rows that are new in the training set"}, {0}};
    const mad_setting *s = &b->e->setting;
    if (s->bias != NULL) {
        add_stage(b, STAGE_BIAS, "bias", of_bias);
        add_stage(b, STAGE_BIAS, "bias", b->e->with_labels ? within : NULL);
    }
    if (s->select != NULL) {
        add_stage(b, STAGE_SELECT, "select", s->select->reports);
        add_stage(b, STAGE_SELECT, "select", drawn);
    }
    if (s->correct != NULL) {
        add_stage(b, STAGE_CORRECT, "correct", s->correct->reports);
    }
    if (s->channel != NULL) {
        add_stage(b, STAGE_CHANNEL, "channel", s->channel->reports);
    }
}

static void add_ancestry(layout_builder *b)
{
    const ancestry kind = b->e->ancestry;
    own_series *own = &b->e->own;
    if (kind == MAD_ANCESTRY_NONE) {
        return;
    }
    own->ancestors =
        add_plain(b, "lineage", "ancestors", 1, "1",
                  kind == MAD_ANCESTRY_ROWS ? "real rows that some training row descends from"
                                            : "categories in the training set");
    own->ancestors_effective = add_plain(b, "lineage", "ancestors_effective", 1, "1",
                                         "1 / sum p^2, p = shares of the training set by ancestor");
    if (kind == MAD_ANCESTRY_ROWS) {
        own->founders = add_plain(b, "lineage", "founders", 1, "rows",
                                  "ancestors among the real rows drawn for generation 1");
    }
}

void mad_layout_own(layout_builder *b)
{
    mad_experiment *e = b->e;
    own_series *own = &e->own;
    own->real_share =
        add_plain(b, "lineage", "real_share", 1, "1", "share of real rows in the training set");
    own->mean_depth = add_plain(b, "lineage", "mean_depth", 1, "generations",
                                "mean number of models between a training row and real data");
    own->n_train = add_plain(b, "lineage", "n_train", 1, "rows", "rows of the training set");
    if (e->n_ages > 0) {
        own->origin_share = add_plain(
            b, "lineage", "origin_share", e->n_ages, "1",
            "share of training rows by origin: column 0 real, column a the model a generations "
            "earlier, last column that or older");
        own->ancestor_share = add_plain(
            b, "lineage", "ancestor_share", e->n_ages, "1",
            "share of the ancestry, followed through all models, of real data that entered a "
            "generations earlier (column a; last column that or older)");
        own->depth_share = add_plain(b, "lineage", "depth_share", e->n_ages, "1",
                                     "share of training rows by depth, the number of models "
                                     "between a row and real data, when "
                                     "every row descends from one row drawn from its model's "
                                     "training set: column j depth j, "
                                     "last column that or more");
    }
    add_ancestry(b);
    own->train_s = add_plain(b, "cost", "train_s", 1, "s", "wall time of the fit");
    own->sample_s =
        add_plain(b, "cost", "sample_s", 1, "s", "wall time of making the training set");
    own->measure_s = add_plain(b, "cost", "measure_s", 1, "s", "wall time of the measures");
    own->samples_seen = add_plain(b, "cost", "samples_seen", 1, "rows",
                                  "rows the fit looked at, counted as often as seen");
    own->flops = add_plain(b, "cost", "flops", 1, "1",
                           "floating point operations of the fit, where they are counted");
    for (const mad_report *r = e->setting.model->reports; r != NULL && r->name != NULL; r++) {
        MAD_ASSERT(own->n_reports < MAX_REPORTS);
        own->report[own->n_reports++] = add_plain(b, "model", r->name, 1, r->units, r->long_name);
    }
    add_stages(b);
    own->loss = SIZE_MAX;
    if (e->setting.model->flags & MAD_MODEL_LOSS && e->n_loss > 0) {
        own->loss = add_plain(b, "loss", "train", e->n_loss, "1",
                              "mean training loss over equal parts of the fit");
    }
}
