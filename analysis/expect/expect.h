/* analysis/expect/expect.h: pass criteria over finished runs: what `expect:` says, judged.
 *
 *   criterion   ["each" ["A..B"]] sum REL sum [rule]            REL: = < >
 *   rule        "z" Z            =: |difference| <= Z standard errors (default z 4)
 *               "within" X["%"]  =: the 95 % interval of the difference lies inside +-X (or X % of
 *                                the right side): PASS; outside: FAIL; else INCONCLUSIVE
 *               "p" P            < >: one-sided t-test below P (default p 0.01): PASS; so in the
 *                                other direction: FAIL; else INCONCLUSIVE
 *   sum         product {("+" | "-") product};   product  power {("*" | "/") power}
 *   power       ["-"] atom ["^" power]
 *   atom        number | "(" sum ")" | NAME "(" arguments ")" | SERIES, then ["@" generation]
 *   SERIES      [ARM ":"] [GROUP "."] NAME       group metrics by default; theory, floor, lineage,
 *                                                model, bias, select ... as in run.h5; profile:
 *                                                verdicts of profile.h as numbers
 *   generation  number | "last" | "g"            `g` is the generation of "each"
 *
 * `last` is that of the series it is a generation of (in series@(last - 1), in the bounds of a
 * function over generations and of "each"), elsewhere that of all arms; where arms in question have
 * other numbers of generations, it is refused. What is not measured (NaN) makes the value NaN.
 *
 * An expression has a value per replicate and generation. Functions over generations, whose
 * arguments A, B (default 1, last) bound them: mean, sum, smallest, largest, slope (least squares
 * against the generation), kendall (tau-a against it) of (x, A, B); autocorr (x, lag, A, B), corr
 * (x, y, A, B), spearman (corr of the ranks; pairs
 * x, y, x2, y2, ... are ranked together). Up to the current generation: discounted (x, f), the
 * sum of f^m times x, m generations ago. Over replicates: E, Var (divisor R - 1). Of numbers: log, exp, sqrt, abs, digamma,
 * trigamma, log_c4. A criterion compares means over replicates (E is implied).
 *
 * Standard errors are delete-one-group jackknifes over min(R, 50) groups of replicates, the same
 * groups in all arms, so that differences between arms that share random numbers are paired.
 * ref  Efron & Stein 1981, Ann. Stat. 9:586 (jackknife variance)
 */
#ifndef MAD_ANALYSIS_EXPECT_EXPECT_H
#define MAD_ANALYSIS_EXPECT_EXPECT_H

#include "sim/base/ctx.h"
#include "sim/store/runfile.h"

typedef struct mad_expect_arm {
    const char *name;                  /* "" where there is only one */
    const mad_run *run;                /* its loops joined (mad_run_join_loops) */
    const struct mad_profile *profile; /* what profile.NAME reads; NULL: not made (profile.h) */
} mad_expect_arm;

typedef struct mad_criterion mad_criterion;

/**
 * Read a criterion; names of arms are checked against the list, those of series only by judging.
 * errors  MAD_E_CONFIG with the place in the text and what was expected; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_criterion_parse(mad_ctx *ctx, mad_arena *mem, const char *text,
                                              size_t n_arms, const char *const *arms,
                                              mad_criterion **out);

typedef enum mad_judged { MAD_JUDGED_PASS, MAD_JUDGED_FAIL, MAD_JUDGED_INCONCLUSIVE } mad_judged;

typedef struct mad_judgement {
    mad_judged verdict;
    size_t generation;         /* of "each": the one that is furthest from passing; 0 without */
    double measured, expected; /* left and right side */
    double std_error;          /* of their difference; NaN: fewer than two replicates */
    double score;  /* z; p of an inequality; of "within" the end of the interval over X */
    char why[160]; /* of a verdict that is no PASS; else empty */
} mad_judgement;

/**
 * Whether a criterion can be judged on runs of this form; of the values only their places are used,
 * so that it can be asked before there are any.
 * errors  as mad_criterion_judge
 */
MAD_MUST_CHECK mad_status mad_criterion_check(mad_ctx *ctx, const mad_criterion *criterion,
                                              const mad_expect_arm *arms);

/**
 * Judge a criterion on runs, one per arm in the order of the names it was read with.
 * errors  MAD_E_CONFIG: a series that a run does not have, sides of other numbers of replicates;
 *         MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_criterion_judge(mad_ctx *ctx, const mad_criterion *criterion,
                                              const mad_expect_arm *arms, mad_judgement *out);

/**
 * The left side of a criterion without "each", replicate by replicate; of what hangs on none, its one
 * value.
 * shape   *out: [*n], from mem
 * errors  as mad_criterion_judge; MAD_E_CONFIG: E or Var, which leave no value per replicate
 */
MAD_MUST_CHECK mad_status mad_criterion_values(mad_ctx *ctx, mad_arena *mem,
                                               const mad_criterion *criterion,
                                               const mad_expect_arm *arms, size_t *n,
                                               const double **out);

/**
 * A run of one replicate that measured what the closed forms of another say: its metrics, and its
 * /theory, are the other's /theory. Judging a criterion on it gives its closed form, where each measure in it has one.
 * memory  from mem; values and names are borrowed from `run`
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_expect_closed_form(mad_ctx *ctx, mad_arena *mem, const mad_run *run,
                                                 mad_run *out);

/** "PASS", "FAIL", "INCONCLUSIVE" */
const char *mad_judged_word(mad_judged verdict);

#endif
