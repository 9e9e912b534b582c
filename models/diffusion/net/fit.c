/* models/diffusion/net/fit.c: training: denoising regression (objective.h) on batches cut into
 * fixed shards. Step k, shard s draws from item k MAD_TRAIN_SHARDS + s.
 */
#include <math.h>
#include <string.h>

#include "models/diffusion/net/diffusion.h"

/* Streams of the initial weights lie beyond those of every step. */
#define INIT_ITEM (1ull << 62)

typedef struct batch_job {
    mad_diffusion *self;
    const mad_set *train;
    mad_key key;
    size_t step;
    double loss[MAD_TRAIN_SHARDS]; /* sums over rows and coordinates */
} batch_job;

/* One row block, drawn before it is used; rows = net->block_rows. */
typedef struct block {
    size_t n_rows;
    size_t *pick;   /* [rows] */
    double *u;      /* [rows] draws of the noise level */
    double *weight; /* [rows] of the loss */
    float *eps;     /* [rows][dim] */
    float *target;  /* [rows][dim] */
} block;

static mad_status take_block(mad_ctx *ctx, const mad_net *net, block *out)
{
    mad_arena *mem = ctx->scratch;
    const size_t rows = net->block_rows, dim = net->dim;
    *out = (block){
        .pick = mad_arena_take_raw(mem, rows, sizeof *out->pick),
        .u = mad_arena_take_raw(mem, rows, sizeof *out->u),
        .weight = mad_arena_take_raw(mem, rows, sizeof *out->weight),
        .eps = mad_arena_take_raw(mem, rows * dim, sizeof *out->eps),
        .target = mad_arena_take_raw(mem, rows * dim, sizeof *out->target),
    };
    if (out->pick == NULL || out->u == NULL || out->weight == NULL || out->eps == NULL ||
        out->target == NULL) {
        return mad_fail_memory(ctx, "a training batch");
    }
    return MAD_OK;
}

static void draw_block(const batch_job *job, mad_rng *rng, size_t n_rows, block *b)
{
    const mad_diffusion *self = job->self;
    b->n_rows = n_rows;
    for (size_t r = 0; r < n_rows; r++) {
        b->pick[r] = (size_t)mad_rng_below(rng, job->train->n_rows);
    }
    mad_noise_law_draw(&self->objective.law, rng, n_rows, b->u);
    mad_rng_normals_f32(rng, n_rows * self->dim, b->eps);
}

/* Network input, regression target and weight of every row. */
static void fill_input(const batch_job *job, block *b, mad_net_work *work)
{
    const mad_diffusion *self = job->self;
    const size_t dim = self->dim;
    for (size_t r = 0; r < b->n_rows; r++) {
        const mad_regression g = mad_objective_at(&self->objective, b->u[r]);
        const float *x0 = self->rows + b->pick[r] * dim, *eps = b->eps + r * dim;
        float *x = work->x + r * dim, *target = b->target + r * dim;
        for (size_t j = 0; j < dim; j++) {
            x[j] = g.in_x0 * x0[j] + g.in_eps * eps[j];
            target[j] = g.from_x0 * x0[j] + g.from_eps * eps[j];
        }
        b->weight[r] = g.weight;
        if (job->train->weight != NULL) {
            b->weight[r] *= job->train->weight[b->pick[r]];
        }
        if (self->n_classes > 0) {
            work->label[r] = job->train->label[b->pick[r]];
        }
        work->c_noise[r] = g.c_noise;
    }
}

static mad_status run_shard(mad_ctx *ctx, void *arg, size_t i_shard)
{
    mad_status st = MAD_OK;
    batch_job *job = arg;
    mad_diffusion *self = job->self;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t end = mad_train_shard_begin(self->n_batch, i_shard + 1);
    const mad_net *net = self->net;
    float *grad = self->train.slot + i_shard * net->n_params;
    mad_rng rng = mad_rng_open(job->key, job->step * MAD_TRAIN_SHARDS + i_shard);
    const double share = 1.0 / ((double)self->n_batch * (double)net->dim);
    mad_net_work *work = NULL;
    block b;

    job->loss[i_shard] = 0.0;
    MAD_TRY(net->type->work_take(ctx, net, 1, ctx->scratch, &work));
    MAD_TRY(take_block(ctx, net, &b));
    for (size_t at = mad_train_shard_begin(self->n_batch, i_shard); at < end; at += b.n_rows) {
        draw_block(job, &rng, end - at < net->block_rows ? end - at : net->block_rows, &b);
        fill_input(job, &b, work);
        net->type->forward(net, self->theta, self->packed, b.n_rows, work);
        job->loss[i_shard] +=
            mad_objective_loss(b.n_rows, net->dim, b.weight, b.target, share, work->out);
        net->type->backward(net, self->theta, self->packed, b.n_rows, work, grad);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* A warm start goes on from the parameters as they are, with fresh moments and a fresh average:
 * the learning-rate schedule and the averaging window span the warm steps alone. */
static mad_status prepare(mad_ctx *ctx, mad_diffusion *self, const mad_set *train,
                          const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    const size_t dim = self->dim;

    MAD_TRY(mad_standard_fit(ctx, &self->standard, train));
    for (size_t i = 0; i < train->n_rows * dim; i++) {
        self->rows[i] =
            (float)((train->x[i] - self->standard.centre[i % dim]) / self->standard.scale[0]);
    }
    if (args->warm_steps == 0) {
        self->net->type->init(self->net, args->key, INIT_ITEM, self->theta);
    }
    memcpy(self->average, self->theta, self->net->n_params * sizeof *self->theta);
    mad_train_reset(&self->train);
    mad_net_pack_all(self->net, self->theta, self->packed);
out:
    return st;
}

/* Mean loss over equal parts of the run. */
static void note_loss(const mad_fit_args *args, size_t step, size_t n_steps, double loss)
{
    if (args->n_loss == 0) {
        return;
    }
    const size_t part = step * args->n_loss / n_steps;
    const size_t begin = (part * n_steps + args->n_loss - 1) / args->n_loss;
    const double n_before = (double)(step - begin);
    const double before = step == begin ? 0.0 : args->loss_curve[part];
    args->loss_curve[part] = (before * n_before + loss) / (n_before + 1.0);
}

mad_status mad_diffusion_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                             const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    mad_diffusion *self = (mad_diffusion *)model;
    const size_t n_steps = args->warm_steps > 0 ? args->warm_steps : self->n_steps;
    batch_job job = {.self = self, .train = train, .key = args->key};

    MAD_TRY(prepare(ctx, self, train, args));
    for (job.step = 0; job.step < n_steps; job.step++) {
        double loss = 0.0;
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(mad_par_for(ctx, MAD_TRAIN_SHARDS, run_shard, &job));
        for (size_t s = 0; s < MAD_TRAIN_SHARDS; s++) {
            loss += job.loss[s];
        }
        note_loss(args, job.step, n_steps, loss);
        MAD_TRY(mad_train_step(ctx, &self->train, &self->options, job.step + 1, n_steps,
                               self->theta, self->average, self->packed));
    }
    if (args->samples_seen != NULL) {
        *args->samples_seen = (double)n_steps * (double)self->n_batch;
    }
    if (args->flops != NULL) { /* forward, and two products of its size backward */
        *args->flops += 6.0 * self->net->macs * (double)self->n_batch * (double)n_steps;
    }
out:
    return st;
}
