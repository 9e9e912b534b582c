/* tests/fuzz/replay.c: a corpus without libFuzzer: every file of a folder, once, as it is and with
 * each byte in turn changed where it is small. Usage: replay_NAME FOLDER
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { MAX_BYTES = 1 << 16, MAX_CHANGED = 256 };

static size_t run_file(const char *path)
{
    static uint8_t bytes[MAX_BYTES];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    const size_t n_changed = n < MAX_CHANGED ? n : MAX_CHANGED;
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, n);
    for (size_t i = 0; i < n_changed; i++) {
        bytes[i] ^= 0x55;
        (void)LLVMFuzzerTestOneInput(bytes, n);
        bytes[i] ^= 0x55;
    }
    return 1 + n_changed;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    size_t n_inputs = 0;
    if (folder == NULL) {
        (void)fprintf(stderr, "usage: replay FOLDER\n");
        return 2;
    }
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        char path[4096];
        if (e->d_name[0] != '.' &&
            snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name) < (int)sizeof path) {
            n_inputs += run_file(path);
        }
    }
    (void)closedir(folder);
    printf("%zu inputs\n", n_inputs);
    return n_inputs > 0 ? 0 : 1;
}
