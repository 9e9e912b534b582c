/* tests/fuzz/fuzz_reader.c: any bytes as a data file end in a status with a one-line message, or in a
 * table of finite numbers. FUZZ_READER (a text) is the reader: idx, npy, hdf5, cifar, csv, png.
 *
 * Build and run: see docs/develop.md. The bytes lie in a file without a name, so that the way from
 * the file to the table is the one users take; pictures are read from memory.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/store/datafile.h"
#include "sim/store/png_read.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_PIXELS = 1 << 22 };

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check_failure(mad_ctx *ctx)
{
    require(ctx->message[0] != '\0' && strchr(ctx->message, '\n') == NULL);
    mad_ctx_clear(ctx);
}

static void check_table(const mad_table *table)
{
    require(table->n_rows > 0 && table->dim > 0);
    for (size_t i = 0; i < table->n_rows * table->dim; i++) {
        require(isfinite(table->x[i]));
    }
    for (size_t i = 0; table->label != NULL && i < table->n_rows; i++) {
        require(table->label[i] >= 0 && (size_t)table->label[i] < table->n_classes);
    }
    require(table->height == 0 || table->height * table->width * table->channels == table->dim);
}

static void read_picture(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw)
{
    mad_png_size size;
    if (mad_png_look(ctx, raw, &size) != MAD_OK) {
        check_failure(ctx);
        return;
    }
    require(size.height > 0 && size.width > 0);
    if (size.height * size.width > MAX_PIXELS) {
        return; /* a folder of pictures is bounded by its reader */
    }
    double *pixel = mad_arena_take(mem, size.height * size.width * size.channels, sizeof *pixel);
    require(pixel != NULL);
    if (mad_png_read(ctx, raw, size.channels, pixel) != MAD_OK) {
        check_failure(ctx);
        return;
    }
    for (size_t i = 0; i < size.height * size.width * size.channels; i++) {
        require(pixel[i] >= 0.0 && pixel[i] <= 255.0);
    }
}

/* The keys of all readers; rows are dropped, and text has labels, by the parity of the length. */
static void read_file(mad_ctx *ctx, mad_arena *mem, const char *path, size_t n)
{
    const char *const texts[][2] = {{"images", path},
                                    {"path", path},
                                    {"labels", "none"},
                                    {"label_column", n % 4 < 2 ? "none" : "last"},
                                    {"bad_rows", n % 2 == 0 ? "refuse" : "drop"},
                                    {"delimiter", "auto"},
                                    {"header", "auto"}};
    enum { N_KEYS = sizeof texts / sizeof *texts };
    mad_param params[N_KEYS + 1] = {{0}};
    mad_value value[N_KEYS];
    for (size_t i = 0; i < N_KEYS; i++) {
        params[i] = (mad_param){.name = texts[i][0], .kind = MAD_PARAM_TEXT};
        if (i >= 4) {
            params[i].kind = MAD_PARAM_CHOICE;
        }
        value[i] = (mad_value){.param = &params[i], .text = texts[i][1]};
        value[i].choice = i == 4 && n % 2 == 1;
    }
    const mad_values values = {.params = params, .n_values = N_KEYS, .value = value};
    mad_table table;
    if (mad_table_read(ctx, mem, FUZZ_READER, &values, NULL, &table) == MAD_OK) {
        check_table(&table);
    } else {
        check_failure(ctx);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    require(ctx != NULL && mem != NULL);
    if (strcmp(FUZZ_READER, "png") == 0) {
        read_picture(ctx, mem, &(mad_raw){.path = "a.png", .bytes = data, .n_bytes = n});
    } else {
        char path[64];
        const int file = memfd_create("fuzz", 0);
        require(file >= 0 && write(file, data, n) == (ssize_t)n);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        read_file(ctx, mem, path, n);
        (void)close(file);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return 0;
}
