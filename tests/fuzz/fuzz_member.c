/* tests/fuzz/fuzz_member.c: any text behind the colon of FILE.h5: names a dataset and a slice, or is
 * refused with a one-line message. The file is a good one. Build and run: see docs/develop.md.
 */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/store/h5util.h"
#include "sim/store/reader.h"
#include "tests/fuzz/fuzz.h"

static char path[] = "/tmp/madloop-fuzz-XXXXXX";

static void remove_file(void)
{
    (void)unlink(path);
}

/* /x [4][3][2] and /g/y [5]. */
static void make_file(void)
{
    static const double numbers[24] = {0};
    const hsize_t shape[3] = {4, 3, 2}, five = 5;
    const int file = mkstemp(path);
    if (file < 0 || close(file) < 0) {
        abort();
    }
    (void)atexit(remove_file);
    mad_h5_quiet();
    const hid_t h5 = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t group = H5Gcreate2(h5, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t cube = H5Screate_simple(3, shape, NULL), line = H5Screate_simple(1, &five, NULL);
    const hid_t x =
        H5Dcreate2(h5, "x", H5T_IEEE_F64LE, cube, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t y =
        H5Dcreate2(group, "y", H5T_STD_I16LE, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (H5Dwrite(x, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) < 0 ||
        H5Dwrite(y, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) < 0 ||
        H5Dclose(y) < 0 || H5Dclose(x) < 0 || H5Sclose(line) < 0 || H5Sclose(cube) < 0 ||
        H5Gclose(group) < 0 || H5Fclose(h5) < 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int is_made;
    char *member = malloc(n + 1);
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_numbers numbers;
    if (member == NULL || ctx == NULL || mem == NULL) {
        abort();
    }
    if (!is_made) {
        make_file();
        is_made = 1;
    }
    memcpy(member, data, n);
    member[n] = '\0';
    const mad_location at = {.text = "a.h5:x", .file = path, .member = member};
    if (mad_hdf5_read(ctx, mem, &at, &numbers) == MAD_OK) {
        if (numbers.n_items == 0 || numbers.n_items > 24 || numbers.rank == 0) {
            abort();
        }
    } else if (ctx->message[0] == '\0' || strchr(ctx->message, '\n') != NULL) {
        abort();
    }
    free(member);
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return 0;
}
