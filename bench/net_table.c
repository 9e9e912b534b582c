/* bench/net_table.c: where the tensors of a network lie in its block of parameters, as JSON.
 *
 *   net_table HEIGHT WIDTH CHANNELS CLASSES [key=value ...]
 *
 * Keys are those of model.diffusion (net.*). Element (i, j, ...) of a tensor stands at offset + i
 * stride[0] + j stride[1] + ... of `parameters` and `average` in a generation file; shapes and names
 * are PyTorch's, and of a concatenation's weights ".h" and ".skip" are the two parts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "models/diffusion/net/settings.h"
#include "sim/nn/net.h"
#include "tests/support/values.h"

static void print(const mad_net *net)
{
    mad_tensor t;
    for (size_t i = 0; net->type->tensor(net, i, &t); i++) {
        printf("%s{\"name\": \"%s\", \"offset\": %zu, \"shape\": [", i == 0 ? "[" : ",\n ", t.name,
               t.offset);
        for (size_t k = 0; k < t.rank; k++) {
            printf("%s%zu", k == 0 ? "" : ", ", t.shape[k]);
        }
        printf("], \"stride\": [");
        for (size_t k = 0; k < t.rank; k++) {
            printf("%s%td", k == 0 ? "" : ", ", t.stride[k]);
        }
        printf("]}");
    }
    printf("]\n");
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, int argc, char **argv)
{
    mad_status st = MAD_OK;
    size_t shape[4];
    mad_values values;
    mad_net *net = NULL;
    for (int i = 0; i < 4; i++) {
        shape[i] = strtoul(argv[1 + i], NULL, 10);
    }
    const mad_world_info world = {.kind = MAD_WORLD_CONTINUOUS,
                                  .dim = shape[0] * shape[1] * shape[2],
                                  .height = shape[0],
                                  .width = shape[1],
                                  .channels = shape[2],
                                  .n_classes = shape[3]};
    MAD_TRY(mad_values_of(ctx, mem, mad_diffusion_params, (size_t)(argc - 5),
                          (const char *const *)argv + 5, &values));
    MAD_TRY(mad_net_read(ctx, &values, &world, mem, &net));
    print(net);
out:
    return st;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: net_table HEIGHT WIDTH CHANNELS CLASSES [key=value ...]\n");
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        st = run(ctx, mem, argc, argv);
        if (st != MAD_OK) {
            fprintf(stderr, "net_table: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}
