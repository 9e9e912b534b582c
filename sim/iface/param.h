/* sim/iface/param.h: parameter tables: the single source of parsing, ranges, defaults and docs. */
#ifndef MAD_IFACE_PARAM_H
#define MAD_IFACE_PARAM_H

#include <stddef.h>
#include <stdint.h>

#include "sim/base/ctx.h"

typedef enum mad_param_kind {
    MAD_PARAM_INT,      /* whole number in min..max; 1e4 is accepted when exact */
    MAD_PARAM_REAL,     /* finite number in min..max */
    MAD_PARAM_TEXT,     /* any text */
    MAD_PARAM_PATH,     /* a file name; resolved at load time, see config.h */
    MAD_PARAM_CHOICE,   /* one word of `choices`: "a|b|c" */
    MAD_PARAM_FORM,     /* one form of `choices`: "word", "word(x)" or "#" = a bare number:
                           "last|uniform(K)|geometric(rho)|all", "all|#"; arguments within min..max,
                           whole where the argument's name is upper case: uniform(K), "all|#B"; "word(x(t))"
                           takes a schedule */
    MAD_PARAM_SCHEDULE, /* a number per generation within min..max: 2000, linear(a,b),
                           geometric(a,r), logistic(a,b,middle,width) or a list [a,b,c]; with
                           `choices` "all|#" the words of it too */
    MAD_PARAM_REALS,    /* list of numbers, each within min..max, or one number; may be empty */
    MAD_PARAM_WORDS     /* list of words, or one word; may be empty */
} mad_param_kind;

/* Constant tables end at name == NULL. A name may hold dots: "sampler.steps" is nested YAML. */
typedef struct mad_param {
    const char *name;
    mad_param_kind kind;
    const char *fallback; /* the default, as text a user would write; NULL = required */
    double min, max;      /* inclusive; ignored by text kinds */
    const char *choices;  /* CHOICE and FORM; SCHEDULE with words, else NULL */
    const char *unit;     /* NULL = none */
    const char *doc;      /* one line */
} mad_param;

typedef enum mad_schedule_kind {
    MAD_SCHEDULE_CONSTANT,  /* a */
    MAD_SCHEDULE_LINEAR,    /* from a in generation 2 to b in the last */
    MAD_SCHEDULE_GEOMETRIC, /* a b^(gen - 2) */
    MAD_SCHEDULE_LOGISTIC,  /* a + (b - a) / (1 + exp((middle - gen) / width)) */
    MAD_SCHEDULE_LIST       /* list[gen - 2], the last entry stays */
} mad_schedule_kind;

typedef struct mad_schedule {
    mad_schedule_kind kind;
    double a, b, middle, width;
    const double *list; /* borrowed from the values' arena */
    size_t n_list;
} mad_schedule;

/** The schedule's value at a generation 2..n_generations (generation 1 reads as 2). */
double mad_schedule_at(const mad_schedule *schedule, size_t generation, size_t n_generations);

/** As a count: rounded half up; never negative. */
size_t mad_schedule_count(const mad_schedule *schedule, size_t generation, size_t n_generations);

/** The largest count of generations 2..n_generations (of generation 2 where there is none). */
size_t mad_schedule_most(const mad_schedule *schedule, size_t n_generations);

/** 1 when the schedule is this number in every generation, and written as one. */
int mad_schedule_is(const mad_schedule *schedule, double number);

/* One parsed value. `text` is the canonical print-out, from which the value parses back. */
typedef struct mad_value {
    const mad_param *param;
    const char *text;
    double number;            /* INT, REAL; FORM's argument or bare number, 0 without one; of a
                                 schedule its first */
    size_t choice;            /* CHOICE, FORM, SCHEDULE with words: index into `choices`, from 0 */
    mad_schedule schedule;    /* SCHEDULE, FORM; NaN throughout where neither takes one */
    const double *reals;      /* REALS [n_list] */
    const char *const *words; /* WORDS [n_list] */
    size_t n_list;
    int is_default; /* 1: the user did not set it */
} mad_value;

/* The values of one table, in table order. */
typedef struct mad_values {
    const mad_param *params;
    size_t n_values;
    mad_value *value; /* [n_values] */
} mad_values;

/**
 * Parse one text (or list of texts) as `param` says; strings are copied into mem.
 *
 * errors  MAD_E_CONFIG with a message that names the offending text and what is allowed, for
 *         example "expected a whole number from 1 to 10000, got 'fast'" (no file position: the
 *         caller adds it)
 */
MAD_MUST_CHECK mad_status mad_value_parse(mad_ctx *ctx, mad_arena *mem, const mad_param *param,
                                          size_t n_texts, const char *const *texts, int is_list,
                                          mad_value *out);

/** All defaults of a table (required ones excepted: MAD_E_CONFIG names the first missing). */
MAD_MUST_CHECK mad_status mad_values_default(mad_ctx *ctx, mad_arena *mem, const mad_param *params,
                                             mad_values *out);

/* Access by name; asking for an unknown name or the wrong kind is a bug (MAD_ASSERT). */
const mad_value *mad_get(const mad_values *values, const char *name);
double mad_get_real(const mad_values *values, const char *name);
/** Of a schedule, at a generation. */
double mad_get_at(const mad_values *values, const char *name, size_t generation,
                  size_t n_generations);
/** The same as a count. */
size_t mad_get_count(const mad_values *values, const char *name, size_t generation,
                     size_t n_generations);
size_t mad_get_size(const mad_values *values, const char *name);
size_t mad_get_choice(const mad_values *values, const char *name);
const char *mad_get_text(const mad_values *values, const char *name);

/**
 * *out = 1 when the user gave the value something else than its default. What a resumed run reads
 * back has every key set, to the default where nothing else was asked for.
 */
MAD_MUST_CHECK mad_status mad_value_is_changed(mad_ctx *ctx, const mad_value *value, int *out);

/* Whether the other settings look at a key, and what it takes for them to. */
typedef struct mad_key_use {
    const char *key;
    int is_used;
    const char *needs; /* "sampler.kind: heun" */
} mad_key_use;

/**
 * A setting that would change nothing is more likely a mistake than a wish.
 * errors  MAD_E_CONFIG naming a key that was changed though nothing looks at it; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_refuse_unused(mad_ctx *ctx, const char *section,
                                            const mad_values *values, size_t n,
                                            const mad_key_use *use);

/** "a whole number from 1 to 10000", "last | uniform(K) | ...": what a parameter accepts. */
void mad_param_allowed(const mad_param *param, size_t n_bytes, char *out);

#endif
