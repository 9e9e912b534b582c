/* models/diffusion/net/train.c: a run of the optimiser: denoising regression (objective.h) on
 * batches cut into fixed shards.
 */
#include <math.h>
#include <string.h>

#include "models/diffusion/net/diffusion.h"
#include "sim/nn/watch.h"

/* Which rows train without their class is drawn from streams of its own, so that everything else
 * is the same for any label_dropout. */
#define DROPOUT_ITEM (1ull << 61)

typedef struct batch_job {
    mad_diffusion *self;
    const mad_training *run;
    size_t step;
    double loss[MAD_TRAIN_SHARDS], power[MAD_TRAIN_SHARDS]; /* shares of the batch's means */
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
        b->pick[r] = (size_t)mad_rng_below(rng, job->run->n_rows);
    }
    mad_noise_law_draw(&self->objective.law, rng, n_rows, b->u);
    mad_rng_normals_f32(rng, n_rows * self->dim, b->eps);
}

static void fill_labels(const batch_job *job, mad_rng *dropout, const block *b, int32_t *label)
{
    const mad_diffusion *self = job->self;
    const double p = self->settings.label_dropout;
    for (size_t r = 0; r < b->n_rows; r++) {
        const int dropped = p > 0.0 && mad_rng_uniform(dropout) < p;
        label[r] = dropped ? (int32_t)self->n_classes : job->run->label[b->pick[r]];
    }
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
        if (job->run->weight != NULL) {
            b->weight[r] *= job->run->weight[b->pick[r]];
        }
        work->c_noise[r] = g.c_noise;
    }
}

static mad_status run_shard(mad_ctx *ctx, void *arg, size_t i_shard)
{
    mad_status st = MAD_OK;
    batch_job *job = arg;
    mad_diffusion *self = job->self;
    const mad_net *net = self->net;
    const float *theta = job->run->theta;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n_batch = self->settings.optimiser.n_batch;
    const size_t end = mad_train_shard_begin(n_batch, i_shard + 1);
    const uint64_t item = job->run->first_item + job->step * MAD_TRAIN_SHARDS + i_shard;
    const double share = 1.0 / ((double)n_batch * (double)net->dim);
    mad_rng rng = mad_rng_open(job->run->key, item);
    mad_rng dropout = mad_rng_open(job->run->key, DROPOUT_ITEM + item);
    mad_net_work *work = NULL;
    block b;

    job->loss[i_shard] = 0.0;
    job->power[i_shard] = 0.0;
    MAD_TRY(net->type->work_take(ctx, net, 1, ctx->scratch, &work));
    MAD_TRY(take_block(ctx, net, &b));
    for (size_t at = mad_train_shard_begin(n_batch, i_shard); at < end; at += b.n_rows) {
        draw_block(job, &rng, end - at < net->block_rows ? end - at : net->block_rows, &b);
        fill_input(job, &b, work);
        if (self->n_classes > 0) {
            fill_labels(job, &dropout, &b, work->label);
        }
        net->type->forward(net, theta, self->packed, b.n_rows, work);
        job->loss[i_shard] += mad_objective_loss(b.n_rows, net->dim, b.weight, b.target, share,
                                                 work->out, &job->power[i_shard]);
        net->type->backward(net, theta, self->packed, b.n_rows, work,
                            self->train.slot + i_shard * net->n_params);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_diffusion_train(mad_ctx *ctx, mad_diffusion *self, mad_training *run)
{
    mad_status st = MAD_OK;
    const mad_net *net = self->net;
    const mad_train_options *options = &self->settings.optimiser.train;
    batch_job job = {.self = self, .run = run};
    mad_watch watch = {0};

    memcpy(run->mean, run->theta, net->n_params * sizeof *run->theta);
    mad_train_reset(&self->train);
    mad_net_pack_all(net, run->theta, self->packed);
    for (job.step = 0; job.step < run->n_done; job.step++) {
        const size_t step = job.step + 1;
        double loss = 0.0, power = 0.0;
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(mad_par_for(ctx, MAD_TRAIN_SHARDS, run_shard, &job));
        for (size_t s = 0; s < MAD_TRAIN_SHARDS; s++) {
            loss += job.loss[s];
            power += job.power[s];
        }
        mad_loss_note(run->n_loss, run->loss_curve, run->n_steps, job.step, loss);
        MAD_TRY(mad_watch_step(ctx, &watch, step, run->n_steps,
                               mad_train_rate(options, step, run->n_steps), loss, power));
        MAD_TRY(mad_train_step(ctx, &self->train, options, step, run->n_steps, run->theta,
                               run->mean, self->packed));
        if (step == run->keep_after) {
            memcpy(run->kept, run->mean, net->n_params * sizeof *run->kept);
        }
    }
    run->last_loss = watch.loss;
out:
    return st;
}
