/* models/flow/fit.c: maximum likelihood: a batch's mean of
 *   -ln q(x) = |z|^2 / 2 + d/2 ln 2 pi - ln|det dz/dx|,
 * the batch cut into fixed shards. */
#include <math.h>
#include <string.h>

#include "models/flow/flow.h"

/* Streams of one fit: steps begin at 0. */
#define INIT_ITEM (1ull << 62)

#define LOG_TWO_PI 1.83787706640934548356

typedef struct batch_job {
    mad_flow *self;
    const mad_set *set;
    mad_key key;
    size_t step;
    double loss[MAD_TRAIN_SHARDS]; /* shares of the batch's mean */
} batch_job;

static double weight_of(const mad_set *set, size_t r)
{
    return set->weight == NULL ? 1.0 : set->weight[r];
}

/* Mean and sd (divisor n) of every column; a constant one keeps its unit. */
static void freeze(mad_flow *self, const mad_set *set)
{
    const size_t dim = self->dim;
    for (size_t j = 0; j < dim; j++) {
        double total = 0.0, sum = 0.0, sum_sq = 0.0;
        for (size_t r = 0; r < set->n_rows; r++) {
            total += weight_of(set, r);
            sum += weight_of(set, r) * set->x[r * dim + j];
        }
        const double mean = sum / total;
        for (size_t r = 0; r < set->n_rows; r++) {
            const double e = set->x[r * dim + j] - mean;
            sum_sq += weight_of(set, r) * e * e;
        }
        self->centre[j] = mean;
        self->scale[j] = sum_sq > 0.0 ? sqrt(sum_sq / total) : 1.0;
    }
}

static mad_status prepare(mad_ctx *ctx, mad_flow *self, const mad_set *set,
                          const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    const size_t dim = self->dim;
    if (set->n_rows == 0) {
        st = mad_fail(ctx, MAD_E_RANGE, "model flow needs at least 1 row, not 0");
        goto out;
    }
    MAD_TRY(mad_set_check_finite(ctx, set, "training rows"));
    if (self->scale[0] == 0.0) {
        freeze(self, set);
    }
    for (size_t i = 0; i < set->n_rows * dim; i++) {
        self->rows[i] = (float)((set->x[i] - self->centre[i % dim]) / self->scale[i % dim]);
    }
    if (args->warm_steps == 0) {
        self->net->type->init(self->net, args->key, INIT_ITEM, self->theta);
    }
out:
    return st;
}

/* Loss of the rows in `work`, and its gradient into out. weight: [n_rows] shares of the mean */
static double likelihood(size_t n_rows, size_t dim, const double *weight, float *out)
{
    double loss = 0.0;
    for (size_t r = 0; r < n_rows; r++, out += dim + 1) {
        double square = 0.0;
        for (size_t j = 0; j < dim; j++) {
            square += (double)out[j] * (double)out[j];
            out[j] = (float)(weight[r] * (double)out[j]);
        }
        loss += weight[r] * (0.5 * (square + (double)dim * LOG_TWO_PI) - (double)out[dim]);
        out[dim] = (float)-weight[r];
    }
    return loss;
}

static mad_status run_shard(mad_ctx *ctx, void *arg, size_t i_shard)
{
    mad_status st = MAD_OK;
    batch_job *job = arg;
    mad_flow *self = job->self;
    const mad_net *net = self->net;
    const size_t dim = self->dim, n_batch = self->settings.n_batch;
    const size_t end = mad_train_shard_begin(n_batch, i_shard + 1);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_rng rng = mad_rng_open(job->key, job->step * MAD_TRAIN_SHARDS + i_shard);
    mad_net_work *work = NULL;
    double *weight = mad_arena_take_raw(ctx->scratch, net->block_rows, sizeof *weight);

    job->loss[i_shard] = 0.0;
    if (weight == NULL) {
        st = mad_fail_memory(ctx, "a training batch");
        goto out;
    }
    MAD_TRY(net->type->work_take(ctx, net, 1, ctx->scratch, &work));
    for (size_t at = mad_train_shard_begin(n_batch, i_shard), n = 0; at < end; at += n) {
        n = end - at < net->block_rows ? end - at : net->block_rows;
        for (size_t r = 0; r < n; r++) {
            const size_t pick = (size_t)mad_rng_below(&rng, job->set->n_rows);
            memcpy(work->x + r * dim, self->rows + pick * dim, dim * sizeof *work->x);
            weight[r] = weight_of(job->set, pick) / (double)n_batch;
        }
        net->type->forward(net, self->theta, self->packed, n, work);
        job->loss[i_shard] += likelihood(n, dim, weight, work->out);
        net->type->backward(net, self->theta, self->packed, n, work,
                            self->train.slot + i_shard * net->n_params);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status train_steps(mad_ctx *ctx, batch_job *job, size_t n_steps, size_t n_done,
                              const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    mad_flow *self = job->self;
    const double log_scale = mad_flow_log_scale(self);

    memcpy(self->average, self->theta, self->net->n_params * sizeof *self->theta);
    mad_train_reset(&self->train);
    mad_net_pack_all(self->net, self->theta, self->packed);
    for (job->step = 0; job->step < n_done; job->step++) {
        double loss = log_scale; /* world units: comparable with an entropy */
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(mad_par_for(ctx, MAD_TRAIN_SHARDS, run_shard, job));
        for (size_t s = 0; s < MAD_TRAIN_SHARDS; s++) {
            loss += job->loss[s];
        }
        if (!isfinite(loss)) {
            st = mad_fail(ctx, MAD_E_NONFINITE,
                          "training diverged at step %zu of %zu: the loss is %g", job->step + 1,
                          n_steps, loss);
            goto out;
        }
        mad_loss_note(args->n_loss, args->loss_curve, n_steps, job->step, loss);
        MAD_TRY(mad_train_step(ctx, &self->train, &self->settings.train, job->step + 1, n_steps,
                               self->theta, self->average, self->packed));
    }
out:
    return st;
}

/* A warm start goes on from the parameters as they are, with fresh moments and a fresh average. */
mad_status mad_flow_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                        const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    mad_flow *self = (mad_flow *)model;
    batch_job job = {.self = self, .set = train, .key = args->key};
    const size_t n_steps = mad_flow_steps(self, args->warm_steps, train->n_rows);
    const size_t n_done =
        args->trial_steps > 0 && args->trial_steps < n_steps ? args->trial_steps : n_steps;

    MAD_TRY(prepare(ctx, self, train, args));
    MAD_TRY(train_steps(ctx, &job, n_steps, n_done, args));
    if (args->samples_seen != NULL) {
        *args->samples_seen = (double)n_done * (double)self->settings.n_batch;
    }
    if (args->flops != NULL) {
        *args->flops += mad_flow_step_flops(self) * (double)n_done;
    }
out:
    return st;
}
