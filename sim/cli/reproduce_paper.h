/* sim/cli/reproduce_paper.h: one published result: its arms run, its criteria judged. */
#ifndef MAD_CLI_REPRODUCE_PAPER_H
#define MAD_CLI_REPRODUCE_PAPER_H

#include "sim/cli/execute.h"
#include "sim/cli/papers.h"

/* What `madloop reproduce` is asked of every paper. */
typedef struct mad_reproduce_options {
    const char *dir; /* the arms' runs lie in dir/<paper>/ */
    int smoke;       /* tiny versions, which are not judged */
    mad_execute_options execute;
} mad_reproduce_options;

/* What came out of one paper; {.paper = p}: not run. */
typedef struct mad_reproduced {
    const mad_paper *paper;
    mad_judgement *judged; /* [paper->n_criteria]; NULL: not judged */
    mad_judged verdict;    /* the worst of them */
    size_t n_other; /* of the arms' runs: those that another build made, and which were kept */
    double seconds;
    int is_run;
    mad_status status;   /* not MAD_OK: it could not be run, or was stopped, as message says */
    const char *message; /* NULL: nothing went wrong */
} mad_reproduced;

/**
 * Run every arm of a paper, as far as it has not run yet, and judge the criteria unless it is a
 * smoke run. What is read for that stays in `mem`. What is wrong with an arm or a criterion is
 * found before any of them runs.
 *
 * errors  those of mad_paper_arm, mad_experiment_create, mad_criterion_check, mad_execute_new, mad_execute, mad_run_read, mad_profile_make and
 *         mad_criterion_judge; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_reproduce_paper(mad_app *app, mad_arena *mem, const mad_paper *paper,
                                              const mad_reproduce_options *options,
                                              mad_reproduced *out);

#endif
