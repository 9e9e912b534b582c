/* sim/cli/papers.h: published results as configurations: where they lie, what they promise. */
#ifndef MAD_CLI_PAPERS_H
#define MAD_CLI_PAPERS_H

#include "analysis/expect/expect.h"
#include "sim/config/config.h"
#include "sim/iface/command.h"

/* One file of configs/papers. */
typedef struct mad_paper {
    const char *path, *name;    /* of the file; without folder and .yaml */
    mad_config config;          /* without any arm's overrides */
    const char *source, *shape; /* of its block `paper`; "" where they are missing, and */
    const char *setting;        /* scale of the paper; */
    const char *found;          /* what was found where a criterion fails */
    const char *loop;           /* a published loop by name, where it is no row of the table */
    double row, seconds;        /* in the table of results; measured run time; NaN = not said */
    size_t n_arms;              /* at least 1 */
    const char **arm;           /* [n_arms] names; a single arm without one is "" */
    size_t n_criteria;
    mad_criterion **criterion; /* [n_criteria], named by config.expect.note[i].name */
    mad_status status;   /* not MAD_OK: it could not be loaded, and has path and name alone, */
    const char *message; /* and what was wrong; else NULL */
} mad_paper;

/**
 * The folder of configs/papers: $MADLOOP_PAPERS, else configs/papers or
 * share/madloop/configs/papers in the working directory, beside the program or above it.
 * errors  MAD_E_IO: none of them is there
 */
MAD_MUST_CHECK mad_status mad_papers_folder(mad_ctx *ctx, mad_arena *mem, const char **out);

/**
 * Load all papers of a folder, by row (those without one last), then name. One that cannot be
 * loaded is among them, with what is wrong.
 * errors  MAD_E_IO, MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_papers_load(mad_app *app, mad_arena *mem, const char *folder,
                                          size_t *n, mad_paper **out);

/**
 * Load one file and read its arms and criteria.
 * errors  those of mad_config_load; MAD_E_CONFIG: no criteria, or one that cannot be read
 */
MAD_MUST_CHECK mad_status mad_paper_load(mad_app *app, mad_arena *mem, const char *path,
                                         mad_paper *out);

/** Put the arm's place and name before the message. */
mad_status mad_paper_fail_arm(mad_ctx *ctx, mad_status st, const mad_paper *paper, size_t i_arm);

/** The configuration of one arm. errors  those of mad_config_load */
MAD_MUST_CHECK mad_status mad_paper_arm(mad_app *app, mad_arena *mem, const mad_paper *paper,
                                        size_t i_arm, int smoke, mad_config *out);

#endif
