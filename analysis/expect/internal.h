/* analysis/expect/internal.h: a criterion as a tree. */
#ifndef MAD_ANALYSIS_EXPECT_INTERNAL_H
#define MAD_ANALYSIS_EXPECT_INTERNAL_H

#include "analysis/expect/expect.h"

typedef enum node_kind {
    NODE_NUMBER,
    NODE_LAST,       /* the last generation of the arms that it speaks of, as a number */
    NODE_GENERATION, /* the current one */
    NODE_SERIES,
    NODE_AT, /* kid[0] at generation kid[1] */
    NODE_ADD,
    NODE_SUBTRACT,
    NODE_MULTIPLY,
    NODE_DIVIDE,
    NODE_POWER,
    NODE_NEGATE,
    NODE_FUNCTION
} node_kind;

enum { MAX_ARGUMENTS = 8 };

typedef struct tree tree;

/* What a function does to its arguments. */
typedef enum function_kind {
    OF_NUMBER,     /* of(value), replicate by replicate */
    OVER_TIME,     /* of its first argument over the generations of the next two */
    OVER_TIME_LAG, /* the second argument is a lag */
    OVER_TIME_TWO, /* the second is a series, too */
    OVER_PAIRS,    /* of pairs of series, all generations of all pairs together */
    OVER_PAST,     /* of its first argument up to the current generation; the second is a number */
    OVER_REPLICATES
} function_kind;

typedef struct known {
    const char *name;
    function_kind kind;
    size_t min_arguments, max_arguments;
    size_t least; /* generations, of those over time */
    double (*of)(double x);
    double (*over)(size_t n, const double *x, const double *y, size_t lag);
    double (*past)(size_t n, const double *x, double number);
} known;

struct tree {
    node_kind kind;
    double number;
    size_t arm;
    const char *group, *name; /* of a series */
    const tree *subject;      /* of "last": what it is a generation of; NULL: no series */
    size_t n_arms;            /* of "last": those of the criterion */
    const known *function;
    size_t n_kids;
    const tree *kid[MAX_ARGUMENTS];
};

typedef enum relation { EQUAL, LESS, GREATER } relation;
typedef enum rule_kind { RULE_Z, RULE_WITHIN, RULE_SHARE, RULE_P } rule_kind;

struct mad_criterion {
    int is_each;
    const tree *first, *last; /* bounds of "each"; NULL = 1 and the last generation */
    const tree *left, *right;
    relation relation;
    rule_kind rule;
    double number; /* Z, X, X / 100 or P */
};

/** The function of that name, or NULL. */
const known *mad_expect_function(const char *name);

/* Which replicates are looked at: all of [0, n) but [begin, end). */
typedef struct subset {
    size_t n_groups, left_out; /* left_out = n_groups: none */
} subset;

enum { MAX_GROUPS = 50 }; /* of a jackknife */

/** Of n replicates, [begin, end) are not looked at. */
void mad_subset_left_out(subset of, size_t n, size_t *begin, size_t *end);

/** Standard error of a statistic from its values without each of n groups. Efron & Stein 1981, Ann.
 *  Stat. 9:586. */
double mad_jackknife_error(size_t n, const double *without);

/* Values per replicate; n = 1 for what does not hang on replicates. */
typedef struct values {
    size_t n;
    double *x;
} values;

/**
 * Value of a tree at a generation (0 = none is set), from ctx->scratch.
 * errors  MAD_E_CONFIG: no such series, no generation set, other numbers of replicates
 */
MAD_MUST_CHECK mad_status mad_expect_eval(mad_ctx *ctx, const tree *node,
                                          const mad_expect_arm *arms, size_t generation, subset of,
                                          values *out);

/** The generations of the runs; the smallest of them; SIZE_MAX: no series is below the tree. */
size_t mad_expect_n_generations(const tree *node, const mad_expect_arm *arms);

/** Whether a series is below the tree. */
int mad_expect_has_series(const tree *node);

/** A whole number that hangs on no replicate. errors  MAD_E_CONFIG: it is none; those of eval */
MAD_MUST_CHECK mad_status mad_expect_count(mad_ctx *ctx, const tree *node,
                                           const mad_expect_arm *arms, size_t generation,
                                           size_t *out);

#endif
