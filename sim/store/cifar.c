/* sim/store/cifar.c: CIFAR's binary layout: records of class byte(s) and three planes of 32 x 32.
 *
 * ref  A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images (2009), "Binary version"
 */
#include "sim/store/reader.h"

enum { SIDE = 32, CHANNELS = 3, PLANE = SIDE * SIDE, PIXELS = CHANNELS * PLANE };

/* CIFAR-10 has one class byte, CIFAR-100 a coarse and a fine one; 0: the size fits neither. */
static size_t label_bytes(size_t n_bytes)
{
    for (size_t n = 1; n <= 2; n++) {
        if (n_bytes % (n + PIXELS) == 0) {
            return n;
        }
    }
    return 0;
}

int mad_cifar_fits(size_t n_bytes)
{
    return label_bytes(n_bytes) > 0;
}

mad_status mad_cifar_read(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw, mad_table *out)
{
    mad_status st = MAD_OK;
    const size_t n_label = label_bytes(raw->n_bytes), record = n_label + PIXELS;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_table table = {.dim = PIXELS, .height = SIDE, .width = SIDE, .channels = CHANNELS};

    if (n_label == 0) {
        return mad_fail(ctx, MAD_E_DATA,
                        "'%s' is no CIFAR binary file: %zu bytes are no whole number of records of "
                        "%d or %d",
                        raw->path, raw->n_bytes, PIXELS + 1, PIXELS + 2);
    }
    table.n_rows = raw->n_bytes / record;
    double *label = mad_arena_take_raw(ctx->scratch, table.n_rows, sizeof *label);
    table.x = mad_arena_take_raw(mem, table.n_rows * PIXELS, sizeof *table.x);
    if (label == NULL || table.x == NULL) {
        st = mad_fail_memory(ctx, "the pictures");
        goto out;
    }
    for (size_t i = 0; i < table.n_rows; i++) {
        const unsigned char *bytes = raw->bytes + i * record;
        label[i] = bytes[n_label - 1]; /* the fine one */
        for (size_t p = 0; p < PLANE; p++) {
            for (size_t c = 0; c < CHANNELS; c++) {
                table.x[i * PIXELS + p * CHANNELS + c] = bytes[n_label + c * PLANE + p];
            }
        }
    }
    MAD_TRY(mad_labels_map(ctx, mem, raw->path, label, &table));
    *out = table;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}
