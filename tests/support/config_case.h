/* tests/support/config_case.h: YAML experiments against a registry of the tests' own: tables without
 * behaviour. */
#ifndef MAD_TESTS_SUPPORT_CONFIG_CASE_H
#define MAD_TESTS_SUPPORT_CONFIG_CASE_H

#include "sim/config/config.h"

/* The two lines that every experiment needs. */
#define MINIMAL "world: {kind: gauss}\nmodel: {kind: gauss}\n"

typedef struct config_case {
    mad_ctx *ctx;
    mad_arena *mem; /* new for every test */
    char folder[64];
} config_case;

extern config_case mad_case;
extern const mad_registry mad_case_registry;
extern const mad_bias_type mad_case_shrink;
extern const mad_metric_type mad_case_knn;
extern const mad_metric_output mad_case_kid_outputs[];

/* cmocka: of a group, and before each of its tests. */
int mad_case_setup(void **state);
int mad_case_teardown(void **state);
int mad_case_each(void **state);

/** Write FOLDER/name; returns its path. */
const char *mad_case_write_file(const char *name, const char *bytes, size_t n_bytes);
const char *mad_case_write_text(const char *name, const char *text);

/** Load a text under the name a.yaml; the test fails with the message when it is refused. */
mad_config mad_case_load(const char *text, size_t n, const char *const *overrides);

/** The text must be refused (MAD_E_CONFIG) with exactly this message; _more: behind MINIMAL. */
void mad_case_refused(const char *text, const char *message);
void mad_case_refused_more(const char *more, const char *message);
void mad_case_refused_override(const char *override, const char *message);

/** %s of the message stand for the folder, at most four. */
void mad_case_refused_file(const char *path, mad_status st, const char *message);

#endif
