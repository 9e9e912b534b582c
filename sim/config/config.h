/* sim/config/config.h: YAML experiments: load, override, validate, print resolved. */
#ifndef MAD_CONFIG_CONFIG_H
#define MAD_CONFIG_CONFIG_H

#include "sim/iface/registry.h"

/* The plain keys at the top of a configuration file, and the fixed sections. */
extern const mad_param mad_root_params[];       /* name seed replicates models ... */
extern const mad_param mad_measure_params[];    /* n metrics moments preview; metrics add theirs */
extern const mad_param mad_checkpoint_params[]; /* every */
extern const mad_param mad_stop_params[];       /* metric below above plateau ... */

typedef struct mad_axis { /* one key of the sweep block or of the command line's grid */
    const char *key;      /* "loop.n_real" */
    size_t n_texts;
    const char *const *texts; /* what each point overrides the key with */
} mad_axis;

/* A named line of a configuration that no run looks at: of the blocks `paper`, `arms`, `expect`. */
typedef struct mad_note {
    const char *name; /* "source" */
    size_t n_texts;   /* 1 but for lists */
    const char *const *texts;
    const char *place; /* "file:line:col", for messages */
} mad_note;

typedef struct mad_notes {
    size_t n;
    const mad_note *note; /* [n] in the order of the file */
} mad_notes;

typedef struct mad_config {
    mad_values root, world, model, loop, bias, select, correct, post, channel, measure, checkpoint;
    mad_values stop;        /* n_values 0 without a block `stop` */
    const char *stop_place; /* "file:line:col" of stop.metric, for messages; NULL: none is named */
    const mad_world_type *world_type;
    const mad_model_type *model_type;
    const mad_loop_type *loop_type;
    const mad_bias_type *bias_type; /* NULL: none; likewise the next four */
    const mad_select_type *select_type;
    const mad_correct_type *correct_type;
    const mad_post_type *post_type;
    const mad_channel_type *channel_type;
    size_t n_axes;
    const mad_axis *axes;  /* the sweep block, in the order of the file */
    mad_notes paper;       /* what is reproduced: texts by name */
    mad_notes arms;        /* overrides "key=value" by the name of an arm */
    mad_notes expect;      /* criteria by name */
    const char *resolved;  /* canonical YAML with every default, without sweep, paper, arms and
                              expect; loads back equal */
    uint64_t hash;         /* FNV-1a of `resolved` without its name line */
    const char *directory; /* of the file, for relative paths; "." for text */
} mad_config;

/**
 * Load a file (or, with `text`, that text under the name `path`), apply overrides "a.b=c" in order,
 * check everything against the parameter tables.
 *
 * include: base.yaml (or a list) reads those files first, relative to the including file; own keys
 * win. Blocks `paper`, `arms` and `expect` are kept for `reproduce`: they change no run; the keys
 * of `paper` are known ones. Values of
 * `sweep` become axes; where the key of an axis is not set, its first value stands
 * in. File names in values stay as written: they are meant relative to `directory`.
 *
 * errors  MAD_E_IO: cannot read;  MAD_E_CONFIG: "file:line:col: what is wrong with 'text': what is
 *         allowed (did you mean 'x'?)"; overrides are named "override 'a.b=c'"
 * memory  everything from mem
 */
MAD_MUST_CHECK mad_status mad_config_load(mad_ctx *ctx, mad_arena *mem, const char *path,
                                          const char *text, size_t n_overrides,
                                          const char *const *overrides,
                                          const mad_registry *registry, mad_config *out);

/**
 * Expand the grid argument "key=values" into texts. Values are parted by commas outside of () and
 * []. A value is
 * - a text: 500, last, uniform(3); or a whole list as one value: [1,2]
 * - 0-9: whole numbers, both ends included
 * - range(a,b,step): a, a + step, ... up to b, which is included where the steps meet it (rounded)
 * - log(a,b,n): n values of equal ratio, ends exact, six digits between them
 * - logint(a,b,n): the same in whole numbers, without repeats
 *
 * errors  MAD_E_CONFIG: "grid 'key=...': what is wrong";  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_axis_parse(mad_ctx *ctx, mad_arena *mem, const char *argument,
                                         mad_axis *out);

/** The name of the list closest to `word` (at most 2 edits or swaps, or a prefix), or NULL. */
const char *mad_nearest(const char *word, size_t n_names, const char *const *names);

/* How a word of a list of measures names an output: not at all, as one of several, by itself. */
typedef enum mad_naming { MAD_NOT_NAMED, MAD_NAMED_WITH_OTHERS, MAD_NAMED } mad_naming;

/**
 * A word is the name of an output ("recall"); or else that of a group ("prdc", "motion") or the
 * beginning of names before a "_" ("kid", "vendi"), and then names all of these outputs.
 */
mad_naming mad_measure_named(const mad_registry *registry, const mad_metric_type *type,
                             size_t i_output, const char *word);

/** Whether a word names any output. */
int mad_measure_is_known(const mad_registry *registry, const char *word);

/** Whether a word is the name of one output. */
int mad_measure_is_output(const mad_registry *registry, const char *word);

/** The name of an output closest to `word`, or NULL. */
const char *mad_measure_nearest(const mad_registry *registry, const char *word);

/** All tables of `measure` as one, every name once. MAD_E_FAILED when two disagree. */
MAD_MUST_CHECK mad_status mad_measure_table(mad_ctx *ctx, mad_arena *mem,
                                            const mad_registry *registry, const mad_param **out);

/** Calls visit for every key there is: "world.kind" (section "world", plugin NULL),
 * "world[gauss].dim" (section "world", plugin "gauss"), ..., with its table row, which is borrowed
 * during the call only. The plain keys of the root have section "". */
void mad_config_keys(const mad_registry *registry, void *arg,
                     void (*visit)(void *arg, const char *section, const char *plugin,
                                   const mad_param *param));

#endif
