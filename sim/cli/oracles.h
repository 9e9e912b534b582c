/* sim/cli/oracles.h: the small loops that `madloop verify` runs. */
#ifndef MAD_CLI_ORACLES_H
#define MAD_CLI_ORACLES_H

#include <stddef.h>

typedef enum mad_oracle_statistic {
    MAD_ORACLE_MEAN,     /* of a measure, against the closed form a run would store beside it */
    MAD_ORACLE_VARIANCE, /* of log_det over replicates, against t sum_j psi1((n - j)/2) */
    MAD_ORACLE_CONSERVED /* mean of mean_error_sq + trace, against tr Sigma_0 */
} mad_oracle_statistic;

typedef struct mad_oracle_check {
    size_t generation;
    const char *metric; /* NULL ends the list */
    mad_oracle_statistic kind;
} mad_oracle_check;

enum { MAD_ORACLE_CHECKS = 6 };

typedef struct mad_oracle {
    const char *law, *setting;
    size_t n_replicates, n_generations;
    const char *world, *model, *loop, *bias; /* YAML flow mappings */
    mad_oracle_check checks[MAD_ORACLE_CHECKS];
} mad_oracle;

extern const size_t mad_n_oracles;
extern const mad_oracle mad_oracles[];

#endif
