/* sim/engine/disk.h: what a commit writes, and how models come back. */
#ifndef MAD_ENGINE_DISK_H
#define MAD_ENGINE_DISK_H

#include "sim/engine/internal.h"

/** Largest resident set of this process so far; 0: not known. */
size_t mad_peak_bytes(void);

/** The attribute of the run that its generation files carry too. */
const char *mad_disk_config_hash(const mad_experiment *e);

/** Write the generation file of `last` and the columns g->begin..last. A commit that is due takes the
 *  place of those that an interruption added since the one before. */
MAD_MUST_CHECK mad_status mad_disk_commit(mad_ctx *ctx, engine *g, size_t last);

/* The generation files of a run. */
typedef struct gen_files {
    size_t n;
    size_t *number; /* [n] ascending */
} gen_files;

/** Those of generations 1..last. MAD_E_IO, MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_disk_find_files(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                              size_t last, gen_files *out);

/** The file that the commit of this generation wrote: the next one there is, and where there is none
 *  the newest, whose absence then is the message. */
size_t mad_disk_file_of(const gen_files *files, size_t generation, size_t last);

/**
 * One field of a saved generation, [n_replicates][count].
 * errors  MAD_E_IO;  MAD_E_DATA: damaged, missing, or of another size: another architecture;
 *         MAD_E_NONFINITE: a number that is none
 */
MAD_MUST_CHECK mad_status mad_disk_read_field(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                              size_t in_file, size_t generation,
                                              const mad_field *field, size_t n_replicates,
                                              const unsigned char **out);

/** Load the models (and their lineage) from which generation `first` can be made. */
MAD_MUST_CHECK mad_status mad_disk_restore(mad_ctx *ctx, engine *g, size_t first);

#endif
