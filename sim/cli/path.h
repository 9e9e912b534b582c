/* sim/cli/path.h: names of files: put together, and shown to a shell. */
#ifndef MAD_CLI_PATH_H
#define MAD_CLI_PATH_H

#include <limits.h>
#include <stddef.h>

/** DIR/NAME; 0 when it is too long. */
int mad_path_join(char out[PATH_MAX], const char *dir, const char *name);

/** What is behind the last slash. */
const char *mad_path_name(const char *path);

/** A path as a shell wants it: in quotes when it holds more than plain characters. */
void mad_shell_word(const char *path, size_t n_bytes, char *out);

#endif
