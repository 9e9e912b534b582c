#include "analysis/expect/profile.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/num/stats.h"

enum { MAX_MEASURES = 8, CRITERION_BYTES = 256 };

const struct mad_definition mad_definitions[MAD_N_DEFINITIONS] = {
    {"catastrophic_risk", "the risk has grown by a large factor"},
    {"rising_risk", "the risk has grown at all"},
    {"diverging_risk", "the risk still grows in the last third of the run"},
    {"scaling_change", "more data help less than in generation 1"},
    {"variance_loss", "spread is lost"},
    {"mode_entanglement", "rows appear between the real modes"},
    {"tail_loss", "the real tails, rare categories or modes disappear"},
    {"hallucination", "rows appear where real data have none"}};

const mad_thresholds mad_thresholds_default = {
    .factor = 10.0, .share = 0.1, .rare = 0.01, .p = 0.01};

/* A criterion with the measure for %s, ARM: and thresholds filled in by `fill`. */
typedef enum shape {
    SHAPE_FACTOR,  /* log(m@last / m@1) > log(factor) */
    SHAPE_GROWS,   /* log(m@last / m@1) > 0 */
    SHAPE_STILL,   /* last third against the one before */
    SHAPE_SCALING, /* of two runs */
    SHAPE_SHRINKS, /* log(m@last / m@1) < log(1 - share) */
    SHAPE_FEWER,   /* m@last < (1 - share) m@1 */
    SHAPE_MORE,    /* m@last > m@1 + rare */
    SHAPE_LESS     /* m@last < m@1 - rare */
} shape;

typedef struct evidence {
    const char *measure;
    shape shape;
} evidence;

#define RISKS(shape)                                                                               \
    {                                                                                              \
        {"excess_risk", shape}, {"frechet", shape}, {"sliced_w2", shape}, {"emd_w2_sq", shape},    \
            {"energy_v", shape}, {"mode_tv", shape}, {"class_tv", shape},                          \
        {                                                                                          \
            NULL, shape                                                                            \
        }                                                                                          \
    }

/* The first measure that a run has is the one that speaks. */
static const evidence wanted[MAD_N_DEFINITIONS][MAX_MEASURES] = {
    RISKS(SHAPE_FACTOR),
    RISKS(SHAPE_GROWS),
    RISKS(SHAPE_STILL),
    RISKS(SHAPE_SCALING),
    {{"trace", SHAPE_SHRINKS},
     {"trace_ratio", SHAPE_SHRINKS},
     {"heterozygosity", SHAPE_SHRINKS},
     {"vendi_rbf_q1", SHAPE_SHRINKS},
     {"vendi_cosine_q1", SHAPE_SHRINKS},
     {"factor_sd_ratio", SHAPE_SHRINKS}},
    {{"bridge_mass", SHAPE_MORE}, {"hq_ratio", SHAPE_LESS}},
    {{"tail_mass_emp_q", SHAPE_FEWER},
     {"tail_mass_chi2_q", SHAPE_FEWER},
     {"exceedance_q99", SHAPE_FEWER},
     {"rare_rate", SHAPE_FEWER},
     {"modes_covered", SHAPE_FEWER},
     {"missing_mass", SHAPE_MORE},
     {"recall", SHAPE_FEWER},
     {"coverage", SHAPE_FEWER}},
    {{"valid_share", SHAPE_LESS},
     {"hq_ratio", SHAPE_LESS},
     {"precision", SHAPE_LESS},
     {"impossible_share", SHAPE_MORE}}};

static void fill(const evidence *e, size_t n_generations, const mad_thresholds *t,
                 char text[CRITERION_BYTES])
{
    const char *m = e->measure;
    const size_t third = n_generations / 3, a = n_generations - 2 * third + 1,
                 b = n_generations - third + 1;
    switch (e->shape) {
    case SHAPE_FACTOR:
        (void)snprintf(text, CRITERION_BYTES, "log(%s@last / %s@1) > log(%g) p %g", m, m, t->factor,
                       t->p);
        return;
    case SHAPE_GROWS:
        (void)snprintf(text, CRITERION_BYTES, "log(%s@last / %s@1) > 0 p %g", m, m, t->p);
        return;
    case SHAPE_STILL:
        (void)snprintf(text, CRITERION_BYTES,
                       "log(mean(%s, %zu, last) / mean(%s, %zu, %zu)) > log(1 + %g) p %g", m, b, m,
                       a, b - 1, t->share, t->p);
        return;
    case SHAPE_SCALING:
        (void)snprintf(
            text, CRITERION_BYTES,
            "log(few:%s@last / many:%s@last) < (1 - %g) * log(few:%s@1 / many:%s@1) p %g", m, m,
            t->share, m, m, t->p);
        return;
    case SHAPE_SHRINKS:
        (void)snprintf(text, CRITERION_BYTES, "log(%s@last / %s@1) < log(1 - %g) p %g", m, m,
                       t->share, t->p);
        return;
    case SHAPE_FEWER:
        (void)snprintf(text, CRITERION_BYTES, "%s@last < (1 - %g) * %s@1 p %g", m, t->share, m,
                       t->p);
        return;
    case SHAPE_MORE:
        (void)snprintf(text, CRITERION_BYTES, "%s@last > %s@1 + %g p %g", m, m, t->rare, t->p);
        return;
    case SHAPE_LESS:
        (void)snprintf(text, CRITERION_BYTES, "%s@last < %s@1 - %g p %g", m, m, t->rare, t->p);
        return;
    }
    mad_assert_failed("a kind of evidence", __FILE__, __LINE__);
}

/* ---- runs that differ in sizes alone --------------------------------------------------------- */

static int is_size_line(const char *line, size_t n_bytes)
{
    static const char *const keys[] = {
        "name:", "n_initial:", "n_real:", "n_synthetic:", "budget:", "n:"};
    const size_t indent = strspn(line, " ");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const size_t n_key = strlen(keys[i]);
        if (n_bytes >= indent + n_key && strncmp(line + indent, keys[i], n_key) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Of the configuration without its sizes. */
static uint64_t hash_of_kind(const mad_run *run)
{
    const char *line = mad_attribute_text(run->n_attributes, run->attributes, "config");
    uint64_t hash = MAD_FNV1A_START;
    while (line != NULL && *line != '\0') {
        const size_t n_bytes = strcspn(line, "\n");
        if (!is_size_line(line, n_bytes)) {
            hash = mad_fnv1a(line, n_bytes, hash);
        }
        line += n_bytes + (line[n_bytes] == '\n');
    }
    return hash;
}

/* Rows that a generation was trained on, counted from 0; sizes may change on the way. */
static double rows_in(const mad_run *run, size_t i_gen)
{
    const mad_run_series *rows = mad_run_find(run, "lineage", "n_train");
    return rows != NULL ? rows->value[i_gen] : (double)NAN;
}

static int has_fewer_rows(const mad_run *a, const mad_run *b)
{
    const size_t last = a->n_generations - 1;
    const double first_a = rows_in(a, 0), first_b = rows_in(b, 0);
    return first_a < first_b || (first_a == first_b && rows_in(a, last) < rows_in(b, last));
}

/* Fewest and most rows among the runs of its like; NULL unless both generations that are compared, the
 * first and the last, tell them apart. */
static void find_sizes(size_t n, const mad_run *const *runs, const mad_run *of, const mad_run **few,
                       const mad_run **many)
{
    *few = *many = of;
    for (size_t i = 0; i < n; i++) {
        if (hash_of_kind(runs[i]) != hash_of_kind(of)) {
            continue;
        }
        *few = has_fewer_rows(runs[i], *few) ? runs[i] : *few;
        *many = has_fewer_rows(*many, runs[i]) ? runs[i] : *many;
    }
    const size_t last = of->n_generations - 1;
    if (!(rows_in(*few, 0) < rows_in(*many, 0) && rows_in(*few, last) < rows_in(*many, last))) {
        *few = *many = NULL;
    }
}

/* ---- verdicts ------------------------------------------------------------------------------ */

static int is_measured(const mad_run *run, const char *measure)
{
    const mad_run_series *s = mad_run_find(run, "metrics", measure);
    const size_t last = run->n_generations - 1;
    return s != NULL && s->rank == 2 && isfinite(s->value[0]) &&
           (isfinite(s->value[last]) || run->n_done <= last);
}

static mad_status find(mad_ctx *ctx, mad_arena *mem, const evidence *e, size_t n_arms,
                       const mad_expect_arm *arms, const mad_thresholds *t, mad_finding *out)
{
    static const char *const names[] = {"few", "many"};
    static const char *const alone[] = {""};
    mad_status st = MAD_OK;
    char text[CRITERION_BYTES];
    mad_criterion *criterion = NULL;
    fill(e, arms[0].run->n_generations, t, text);
    out->criterion = mad_arena_text(mem, text);
    if (out->criterion == NULL) {
        return mad_fail_memory(ctx, "a profile");
    }
    MAD_TRY(mad_criterion_parse(ctx, mem, text, n_arms, n_arms == 1 ? alone : names, &criterion));
    MAD_TRY(mad_criterion_judge(ctx, criterion, arms, &out->judged));
    out->claim = out->judged.verdict == MAD_JUDGED_PASS   ? MAD_CLAIM_YES
                 : out->judged.verdict == MAD_JUDGED_FAIL ? MAD_CLAIM_NO
                                                          : MAD_CLAIM_OPEN;
out:
    return st;
}

/* The next of several conditions. */
static void add_need(char *text, size_t n_bytes, const char *need)
{
    const size_t n = strlen(text);
    (void)snprintf(text + n, n_bytes - n, "%s%s", n == 0 ? "" : " and ", need);
}

/* What a definition that cannot be judged takes and the run does not have. */
static mad_status say_needs(mad_ctx *ctx, mad_arena *mem, const evidence *e, int has_runs,
                            int is_long, int has_measure, mad_finding *out)
{
    char text[CRITERION_BYTES + 128] = "", list[CRITERION_BYTES] = "";
    if (!has_runs) {
        add_need(text, sizeof text,
                 "runs that differ in sizes alone, in the first generation and the last");
    }
    if (!is_long) {
        add_need(text, sizeof text,
                 e->shape == SHAPE_STILL ? "a finished run of 3 generations"
                                         : "a finished run of 2 generations");
    }
    for (size_t i = 0; !has_measure && i < MAX_MEASURES && e[i].measure != NULL; i++) {
        const size_t n = strlen(list);
        (void)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : " or ", e[i].measure);
    }
    if (!has_measure) {
        const size_t n = strlen(list);
        (void)snprintf(list + n, sizeof list - n, ", which the run does not measure");
        add_need(text, sizeof text, list);
    }
    out->needs = mad_arena_text(mem, text);
    return out->needs != NULL ? MAD_OK : mad_fail_memory(ctx, "a profile");
}

static mad_status profile_one(mad_ctx *ctx, mad_arena *mem, const mad_run *run, const mad_run *few,
                              const mad_run *many, const mad_thresholds *t, mad_profile *out)
{
    mad_status st = MAD_OK;
    for (size_t d = 0; d < MAD_N_DEFINITIONS; d++) {
        const evidence *e = wanted[d];
        const int is_pair = e->shape == SHAPE_SCALING;
        const int is_long =
            run->n_done >= (e->shape == SHAPE_STILL ? 3 : 2) && run->n_done == run->n_generations;
        const int has_runs = !is_pair || few != NULL;
        const mad_expect_arm arms[] = {{.name = is_pair ? "few" : "", .run = is_pair ? few : run},
                                       {.name = "many", .run = many}};
        out->finding[d] = (mad_finding){.claim = MAD_CLAIM_UNKNOWN};
        size_t i = 0;
        while (i < MAX_MEASURES && e[i].measure != NULL && !is_measured(run, e[i].measure)) {
            i++;
        }
        const int has_measure = i < MAX_MEASURES && e[i].measure != NULL;
        if (!has_runs || !is_long || !has_measure) {
            MAD_TRY(say_needs(ctx, mem, e, has_runs, is_long, has_measure, &out->finding[d]));
        } else {
            MAD_TRY(find(ctx, mem, &e[i], is_pair ? 2 : 1, arms, t, &out->finding[d]));
        }
    }
out:
    return st;
}

mad_status mad_profile_make(mad_ctx *ctx, mad_arena *mem, size_t n, const mad_run *const *runs,
                            const mad_thresholds *thresholds, mad_profile *out)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < n; i++) {
        const mad_run *few, *many;
        find_sizes(n, runs, runs[i], &few, &many);
        MAD_TRY(profile_one(ctx, mem, runs[i], few, many, thresholds, &out[i]));
    }
out:
    return st;
}

const char *mad_claim_word(mad_claim claim)
{
    static const char *const words[] = {[MAD_CLAIM_UNKNOWN] = "-",
                                        [MAD_CLAIM_NO] = "no",
                                        [MAD_CLAIM_OPEN] = "open",
                                        [MAD_CLAIM_YES] = "yes"};
    return words[claim];
}

double mad_claim_number(mad_claim claim)
{
    static const double numbers[] = {[MAD_CLAIM_UNKNOWN] = -1.0,
                                     [MAD_CLAIM_NO] = 0.0,
                                     [MAD_CLAIM_OPEN] = 0.5,
                                     [MAD_CLAIM_YES] = 1.0};
    return numbers[claim];
}
