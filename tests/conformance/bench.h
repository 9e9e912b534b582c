/* tests/conformance/bench.h: what the conformance tests share: contexts, plug-ins with quick values,
 * sets of rows. Functions fail the running test. */
#ifndef MAD_TESTS_CONFORMANCE_BENCH_H
#define MAD_TESTS_CONFORMANCE_BENCH_H

#include "sim/iface/setting.h"

typedef struct bench {
    mad_ctx *ctx;
    mad_arena *mem;
} bench;

bench open_bench(size_t n_threads);
void close_bench(bench b);

void must(bench b, mad_status st, const char *what, const char *name);

/** Defaults, but those few that keep a test quick. */
mad_values quick_values(bench b, const mad_param *params);

mad_world *create_world(bench b, const mad_world_type *type);

/** Worlds that need no data file. */
int is_procedural(const mad_world_type *type);

mad_set take_set(bench b, const mad_world_info *info, size_t n_rows);
mad_key key_for(mad_purpose purpose, uint32_t generation);
int same_bits(const mad_set *a, const mad_set *b);

#endif
