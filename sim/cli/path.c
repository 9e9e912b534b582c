/* sim/cli/path.c: see the header. */
#include "sim/cli/path.h"

#include <stdio.h>
#include <string.h>

int mad_path_join(char out[PATH_MAX], const char *dir, const char *name)
{
    return snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

const char *mad_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

void mad_shell_word(const char *path, size_t n_bytes, char *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./+=:@%,";
    const char *lead = path[0] == '-' ? "./" : "";
    if (path[strspn(path, plain)] == '\0') {
        snprintf(out, n_bytes, "%s%s", lead, path);
        return;
    }
    size_t n = (size_t)snprintf(out, n_bytes, "'%s", lead);
    for (const char *c = path; *c != '\0' && n + 6 < n_bytes; c++) {
        n += (size_t)snprintf(out + n, n_bytes - n, *c == '\'' ? "'\\''" : "%c", *c);
    }
    snprintf(out + n, n_bytes - n, "'");
}
