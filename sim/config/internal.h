/* sim/config/internal.h: what the files of this folder share: entries, sections, steps of loading.
 */
#ifndef MAD_CONFIG_INTERNAL_H
#define MAD_CONFIG_INTERNAL_H

#include "sim/config/config.h"

/* ---- entries: a configuration as a flat list of dotted keys ---- */

typedef enum mad_entry_kind {
    MAD_ENTRY_SCALAR, /* texts[0] */
    MAD_ENTRY_LIST,   /* texts[n_texts]; a list inside the list is its text "[a, b]" */
    MAD_ENTRY_EMPTY,  /* "key:" without anything */
    MAD_ENTRY_MAPPING /* "key: {}": a mapping without keys */
} mad_entry_kind;

typedef struct mad_place {
    const char *file; /* as the user wrote it; or "override 'a.b=c'" with line 0 */
    int line, column; /* from 1; column counts characters */
} mad_place;

typedef struct mad_entry {
    const char *key; /* "loop.n_real" */
    mad_entry_kind kind;
    size_t n_texts;
    const char *const *texts;
    mad_place key_at, value_at;
} mad_entry;

typedef struct mad_entries {
    mad_arena *mem;
    size_t n_entries, capacity;
    mad_entry *entry; /* [n_entries] in the order of the files; every key once */
} mad_entries;

#define MAD_MAX_ENTRIES ((size_t)10000) /* keeps the search for duplicates short */

mad_entry *mad_entries_find(const mad_entries *entries, const char *key);

/** Append; the key must be new. MAD_E_CONFIG: too many;  MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_entries_add(mad_ctx *ctx, mad_entries *entries,
                                          const mad_entry *entry);

/** Replace the entry of that key, or append. */
MAD_MUST_CHECK mad_status mad_entries_put(mad_ctx *ctx, mad_entries *entries,
                                          const mad_entry *entry);

/** "file:line:col", or what stands for a place without a line. */
void mad_place_text(mad_place place, size_t n_bytes, char *out);

/** MAD_E_CONFIG with "file:line:col: message". */
mad_status mad_fail_at(mad_ctx *ctx, mad_place place, const char *format, ...) MAD_PRINTF(3, 4);

/** Turn the message kept in ctx into "file:line:col: what: message". */
mad_status mad_fail_moved(mad_ctx *ctx, mad_status code, mad_place place, const char *what);

/* ---- reading ---- */

#define MAD_MAX_CONFIG_BYTES ((size_t)1 << 20)

/** Length of the valid UTF-8 character that starts at p[0..n), 0 when there is none. */
size_t mad_utf8_length(const unsigned char *p, size_t n);

/**
 * Refuse what is no YAML text of ours before the parser sees it: other encodings, binary files,
 * tabs in indentation, directives other than %YAML 1.2.
 */
MAD_MUST_CHECK mad_status mad_scan_text(mad_ctx *ctx, const char *file, const char *text,
                                        size_t n_bytes);

/** Flatten one YAML text into entries (keys of one file: duplicates are errors). */
MAD_MUST_CHECK mad_status mad_yaml_flatten(mad_ctx *ctx, const char *file, const char *text,
                                           size_t n_bytes, mad_entries *out);

/** Load a file (or text) with everything it includes; own keys win over included ones. */
MAD_MUST_CHECK mad_status mad_files_load(mad_ctx *ctx, const char *path, const char *text,
                                         mad_entries *out);

/** Folder part of a path, "." when it has none. NULL when memory is short. */
const char *mad_path_directory(mad_arena *mem, const char *path);

/* ---- sections ---- */

typedef enum mad_section {
    MAD_SECTION_ROOT,
    MAD_SECTION_WORLD,
    MAD_SECTION_MODEL,
    MAD_SECTION_LOOP,
    MAD_SECTION_BIAS,
    MAD_SECTION_SELECT,
    MAD_SECTION_CORRECT,
    MAD_SECTION_POST,
    MAD_SECTION_CHANNEL,
    MAD_SECTION_MEASURE,
    MAD_SECTION_CHECKPOINT,
    MAD_SECTION_STOP,
    MAD_N_SECTIONS
} mad_section;

typedef struct mad_section_info {
    const char *name;     /* "" for the root */
    const char *selector; /* "kind", "family" or NULL */
    const char *fallback; /* of the selector; NULL = required or no selector */
    const char *doc;      /* of the selector */
    int may_be_absent;    /* 1: without a key of it there are no values, and nothing is printed */
} mad_section_info;

extern const mad_section_info mad_sections[MAD_N_SECTIONS];

/* One table of a section: a plug-in's, or a fixed one (name NULL). */
typedef struct mad_plugin {
    const char *name;
    const mad_param *params; /* may be NULL */
} mad_plugin;

/** The i-th table of a section; 0 when there are not so many. Of sections that may be left out (bias,
 *  select, correct, post, channel) table 0 is that of "none", which is no plug-in. */
int mad_section_plugin(const mad_registry *registry, mad_section section, size_t i,
                       mad_plugin *out);

/** Where a configuration keeps the values of a section. */
mad_values *mad_section_values(mad_config *config, mad_section section);

/** Row of a table by name, or NULL (also for a NULL table). */
const mad_param *mad_param_find(const mad_param *params, const char *name);

/* ---- resolving ---- */

typedef struct mad_resolver {
    mad_ctx *ctx;
    mad_arena *mem;
    const mad_registry *registry;
    const char *file; /* for what has no place of its own */
    mad_entries *entries;
    size_t n_axes;
    const mad_entry *axis; /* [n_axes] of the sweep block: full key, SCALAR kind, all its texts */
    mad_config *config;
    mad_plugin chosen[MAD_N_SECTIONS]; /* the table in force */
} mad_resolver;

/** Split "loop.n_real" into section and rest ("n_real"); the root gets keys without a section.
 *  *rest = NULL when the key is the name of a section itself. */
mad_section mad_key_section(const char *key, const char **rest);

/** Choose the plug-ins, refuse what nobody knows, parse every value. */
MAD_MUST_CHECK mad_status mad_resolve(mad_resolver *r);

/** Says why this entry's key is not known, and what might have been meant. */
mad_status mad_fail_unknown(const mad_resolver *r, const mad_entry *entry);

/** "unknown model 'gaus': gauss | kde (did you mean 'gauss'?)" at a place. */
mad_status mad_fail_plugin(const mad_resolver *r, mad_place place, mad_section section,
                           const char *word);

/** What the table of `stop` cannot say: keys that contradict or lack each other. Nothing where there
 *  is no such block. MAD_E_CONFIG with the place. */
MAD_MUST_CHECK mad_status mad_stop_settle(const mad_resolver *r);

/** Write config->resolved and config->hash. */
MAD_MUST_CHECK mad_status mad_print_resolved(const mad_resolver *r);

/** Expand the right side of an axis into texts. */
MAD_MUST_CHECK mad_status mad_axis_expand(mad_ctx *ctx, mad_arena *mem, const char *text,
                                          size_t *n_texts, const char *const **texts);

#endif
