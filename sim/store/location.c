/* sim/store/location.c: where data lie: a file, a folder, or one array inside an archive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/store/datafile.h"
#include "sim/store/publish.h"
#include "sim/store/reader.h"

static int is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
}

/* Bytes of the part that names an existing file, the whole or all before some ':'; 0: none does. */
static size_t file_part(char *path)
{
    const size_t n = strlen(path);
    if (is_there(path)) {
        return n;
    }
    for (size_t i = 1; i < n; i++) {
        if (path[i] == ':') {
            path[i] = '\0';
            const int found = is_there(path);
            path[i] = ':';
            if (found) {
                return i;
            }
        }
    }
    return 0;
}

mad_status mad_data_find(mad_ctx *ctx, mad_arena *mem, const char *directory, const char *path,
                         const char **out)
{
    const char *data = getenv("MADLOOP_DATA");
    const char *const places[] = {"", directory, data, "../shared/data", "/usr/share/datasets"};
    char found[MAD_PATH_BYTES] = "";
    const size_t n_places = path[0] == '/' ? 1 : sizeof places / sizeof places[0];

    if (path[0] == '\0') {
        return mad_fail(ctx, MAD_E_IO, "no data file is named");
    }
    for (size_t i = 0; i < n_places; i++) {
        if (places[i] == NULL || (i > 0 && places[i][0] == '\0')) {
            continue;
        }
        const int n = snprintf(found, sizeof found, "%s%s%s", places[i], i > 0 ? "/" : "", path);
        if (n > 0 && (size_t)n < sizeof found && file_part(found) > 0) {
            *out = mad_arena_text(mem, found);
            return *out == NULL ? mad_fail_memory(ctx, "a file name") : MAD_OK;
        }
    }
    if (n_places == 1) {
        return mad_fail(ctx, MAD_E_IO, "there is no data file '%s'", path);
    }
    return mad_fail(ctx, MAD_E_IO,
                    "there is no data file '%s' here, nor below %s, $MADLOOP_DATA (%s), "
                    "../shared/data, /usr/share/datasets",
                    path, directory == NULL ? "the configuration" : directory,
                    data == NULL || data[0] == '\0' ? "not set" : data);
}

mad_status mad_location_split(mad_ctx *ctx, mad_arena *mem, const char *text, mad_location *out)
{
    char *file = mad_arena_text(mem, text);
    if (file == NULL) {
        return mad_fail_memory(ctx, "a file name");
    }
    const size_t n_all = strlen(text), n = file_part(file);
    *out = (mad_location){.text = text, .file = file};
    if (n > 0 && n < n_all) {
        file[n] = '\0';
        out->member = file + n + 1;
    }
    return MAD_OK;
}

int mad_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}
