/* tests/peer/net_steps_write.c: a short training for another program to repeat.
 *
 *   net_steps_write mlp|unet FOLDER
 *
 * FOLDER (which must exist) receives, as NPY:
 *   weights.npy   [numbers] initial tensors, one behind the other, each in its row-major order
 *   x.npy [steps][rows][dim]  c_noise.npy [steps][rows]  label.npy [steps][rows]
 *   target.npy [steps][rows][dim]
 *   loss.npy [steps]          this program's losses, before each step
 * and tensors.txt: a line "name n0 n1 .." per tensor, in the order of weights.npy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/net_steps.h"
#include "tests/support/tensor.h"

static FILE *create_file(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(3);
    }
    return f;
}

/* Version 1.0 of the format: a header of 128 bytes, then the numbers, little-endian. */
static FILE *create_npy(const char *folder, const char *name, const char *type, const char *shape)
{
    char header[129], dict[128];
    const int n = snprintf(dict, sizeof dict,
                           "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    FILE *f = create_file(folder, name);
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(header + 10, dict, (size_t)n);
    header[127] = '\n';
    (void)fwrite(header, 1, 128, f);
    return f;
}

static void write_weights(const mad_net_steps *s, const char *folder)
{
    FILE *list = create_file(folder, "tensors.txt");
    size_t total = 0;
    mad_tensor t;
    for (int pass = 0; pass < 2; pass++) {
        char shape[32];
        (void)snprintf(shape, sizeof shape, "%zu,", total);
        FILE *f = pass == 1 ? create_npy(folder, "weights.npy", "<f4", shape) : NULL;
        for (size_t i = 0; s->net->type->tensor(s->net, i, &t); i++) {
            const size_t n = mad_test_tensor_count(&t);
            for (size_t j = 0; f != NULL && j < n; j++) {
                (void)fwrite(s->theta + mad_test_tensor_at(&t, j), sizeof *s->theta, 1, f);
            }
            if (f == NULL) {
                total += n;
                fprintf(list, "%s", t.name);
                for (size_t k = 0; k < t.rank; k++) {
                    fprintf(list, " %zu", t.shape[k]);
                }
                fprintf(list, "\n");
            }
        }
        if (f != NULL) {
            (void)fclose(f);
        }
    }
    (void)fclose(list);
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, mad_net_steps_kind kind, const char *folder)
{
    mad_status st = MAD_OK;
    const mad_kernels *kernels = NULL;
    mad_net_steps s;
    char rows[64], whole[64], steps[32];

    MAD_TRY(mad_kernels_choose(ctx, &kernels));
    MAD_TRY(mad_net_steps_create(ctx, mem, kernels, kind, &s));
    write_weights(&s, folder);
    (void)snprintf(steps, sizeof steps, "%zu,", MAD_NET_STEPS);
    (void)snprintf(rows, sizeof rows, "%zu, %zu", MAD_NET_STEPS, s.n_batch);
    (void)snprintf(whole, sizeof whole, "%zu, %zu, %zu", MAD_NET_STEPS, s.n_batch, s.net->dim);
    FILE *x = create_npy(folder, "x.npy", "<f4", whole);
    FILE *target = create_npy(folder, "target.npy", "<f4", whole);
    FILE *c_noise = create_npy(folder, "c_noise.npy", "<f4", rows);
    FILE *label = create_npy(folder, "label.npy", "<i4", rows);
    FILE *losses = create_npy(folder, "loss.npy", "<f8", steps);
    for (size_t i = 0; i < MAD_NET_STEPS && st == MAD_OK; i++) {
        double loss = 0.0;
        mad_net_steps_batch(&s, i);
        (void)fwrite(s.x, sizeof *s.x, s.n_batch * s.net->dim, x);
        (void)fwrite(s.target, sizeof *s.target, s.n_batch * s.net->dim, target);
        (void)fwrite(s.c_noise, sizeof *s.c_noise, s.n_batch, c_noise);
        (void)fwrite(s.label, sizeof *s.label, s.n_batch, label);
        st = mad_net_steps_take(ctx, &s, i, &loss);
        (void)fwrite(&loss, sizeof loss, 1, losses);
    }
    (void)fclose(x), (void)fclose(target), (void)fclose(c_noise), (void)fclose(label);
    if (fclose(losses) != 0) {
        st = mad_fail(ctx, MAD_E_IO, "cannot write loss.npy");
    }
out:
    return st;
}

int main(int argc, char **argv)
{
    const int is_mlp = argc == 3 && strcmp(argv[1], "mlp") == 0;
    if (argc != 3 || (!is_mlp && strcmp(argv[1], "unet") != 0)) {
        fprintf(stderr, "usage: net_steps_write mlp|unet FOLDER\n");
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(2);
    mad_arena *mem = mad_arena_create(1 << 22);
    const mad_status st = run(ctx, mem, is_mlp ? MAD_NET_STEPS_MLP : MAD_NET_STEPS_UNET, argv[2]);
    if (st != MAD_OK) {
        fprintf(stderr, "net_steps_write: %s\n", ctx->message);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}
