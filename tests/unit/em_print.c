/* Prints, as JSON, weighted rows, a mixture, and that mixture after one EM step: see check_em.py.
 */
#include <stdio.h>

#include "sim/cli/lists.h"
#include "tests/support/values.h"

#define N_ROWS ((size_t)300)
#define DIM    ((size_t)2)

enum { N_COMPONENTS = 3 };

static void print_array(const char *name, size_t n, const double *x)
{
    printf("\"%s\": [", name);
    for (size_t i = 0; i < n; i++) {
        printf("%s%.17g", i == 0 ? "" : ", ", x[i]);
    }
    printf("],\n");
}

static void print_state(const char *prefix, mad_model *model)
{
    mad_fields fields;
    model->type->fields(model, &fields);
    for (size_t i = 0; i < fields.n_fields; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s", prefix, fields.field[i].name);
        print_array(name, fields.field[i].count, fields.field[i].data);
    }
}

static mad_status make(mad_ctx *ctx, mad_arena *mem, mad_set *train, mad_model **model)
{
    static const char *const pairs[] = {"components=3", "iterations=1"};
    mad_values *values = mad_arena_take(mem, 2, sizeof *values);
    mad_world *world = NULL;
    mad_status st = MAD_OK;
    const mad_world_args world_args = {.values = &values[0], .seed = 1};
    const mad_key key = {.seed = 1, .generation = 1, .purpose = MAD_RNG_REAL};
    MAD_TRY(mad_values_default(ctx, mem, mad_world_moons.params, &values[0]));
    MAD_TRY(mad_values_of(ctx, mem, mad_model_mixture.params, 2, pairs, &values[1]));
    MAD_TRY(mad_world_moons.create(ctx, &world_args, mem, &world));
    MAD_TRY(mad_set_take(ctx, mem, N_ROWS, DIM, 1, train));
    MAD_TRY(mad_world_moons.draw(ctx, world, MAD_PART_TRAIN, key, train));
    const mad_model_args args = {.values = &values[1],
                                 .world = &world->info,
                                 .max_train_rows = N_ROWS,
                                 .max_sample_rows = 1};
    MAD_TRY(mad_model_mixture.create(ctx, &args, mem, model));
out:
    return st;
}

static mad_status run(mad_ctx *ctx, mad_arena *mem)
{
    mad_set train;
    mad_model *model = NULL;
    mad_status st = MAD_OK;
    double loss[2] = {0}, samples_seen = 0, flops = 0, weight[N_ROWS];
    mad_fit_args args = {.key = {.seed = 1, .generation = 1, .purpose = MAD_RNG_FIT},
                         .n_loss = 2,
                         .loss_curve = loss,
                         .samples_seen = &samples_seen,
                         .flops = &flops};
    MAD_TRY(make(ctx, mem, &train, &model));
    MAD_TRY(mad_model_mixture.fit(ctx, model, &train, &args));
    printf("{");
    print_array("rows", N_ROWS * DIM, train.x);
    for (size_t turn = 0; turn < 2; turn++) { /* plain rows, then weighted ones */
        args.warm_steps = 1;
        print_state(turn == 0 ? "start" : "weighted_start", model);
        MAD_TRY(mad_model_mixture.fit(ctx, model, &train, &args));
        print_state(turn == 0 ? "end" : "weighted_end", model);
        print_array(turn == 0 ? "loss" : "weighted_loss", 2, loss);
        for (size_t i = 0; i < N_ROWS; i++) {
            weight[i] = (double)(1 + i % 3) / 2;
        }
        train.weight = weight;
    }
    print_array("weight", N_ROWS, weight);
    printf("\"components\": %d}\n", N_COMPONENTS);
out:
    return st;
}

int main(void)
{
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    const mad_status st = run(ctx, mem);
    if (st != MAD_OK) {
        fprintf(stderr, "%s\n", ctx->message);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}
