/* tests/stat/laws.h: run a configuration in memory and judge it against its closed forms. */
#ifndef MAD_TESTS_STAT_LAWS_H
#define MAD_TESTS_STAT_LAWS_H

#include "sim/engine/engine.h"

typedef enum law_statistic {
    LAW_MEAN,      /* of a measure, against the exact closed form the registry has for it */
    LAW_VARIANCE,  /* of log_det over replicates, against t sum_j psi1((n - j)/2) */
    LAW_CONSERVED, /* mean of mean_error_sq + trace, against the world's trace */
    LAW_SLOPE,     /* sum m_t m_{t-1} / sum m_{t-1}^2 over replicates of mean_first, against
                      `expected` */
    LAW_VALUE,     /* of a measure, or of a series "group/name", against `expected` */
    LAW_SPREAD     /* variance of it over replicates, against `expected` */
} law_statistic;

typedef struct law_check {
    size_t generation;
    const char *metric; /* NULL ends a list */
    law_statistic kind;
    double expected; /* LAW_SLOPE, LAW_VALUE, LAW_SPREAD */
} law_check;

enum { LAW_CHECKS = 6 };

#define LAW_Z_LIMIT 4.0

/* What is run; texts are YAML flow mappings. */
typedef struct law_setting {
    const char *world, *model, *loop;
    const char *bias; /* and after it further sections: "{kind: none}, channel: {kind: leak}" */
} law_setting;

/* A law with its sabotaged twin: the honest run must meet every check, the twin must miss one.
 * NULL texts of the twin are the honest ones; both are judged by the honest closed form. */
typedef struct law_case {
    const char *name;
    size_t n_replicates, n_generations;
    law_setting honest;
    const mad_registry *twin_registry; /* NULL: the honest one */
    law_setting twin;
    law_check checks[LAW_CHECKS];
} law_case;

/**
 * z of every check: honest[k] and twin[k], standard normal under the closed form.
 * shape   honest, twin: [LAW_CHECKS]
 */
mad_status law_judge(mad_ctx *ctx, const law_case *c, const mad_registry *registry, double *honest,
                     double *twin);

/** The same, printed; the test fails unless every honest |z| < LAW_Z_LIMIT <= one |z| of the twin. */
void law_assert(mad_ctx *ctx, const law_case *c, const mad_registry *registry);

size_t law_n_checks(const law_case *c);

#endif
