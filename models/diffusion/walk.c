/* models/diffusion/walk.c: the walk down a ladder.
 *
 * One code walks rows with noise drawn, and the standard deviation and mean of a linear denoiser
 * with noise added in quadrature: what is said of a sampler is what it does.
 */
#include <math.h>
#include <string.h>

#include "models/diffusion/sampler.h"

typedef enum noise_mode {
    NOISE_DRAWN, /* x holds rows */
    NOISE_LAW    /* x[0] holds a standard deviation, x[1] a mean: sd <- sqrt(sd^2 + noise^2) */
} noise_mode;

typedef struct walk {
    const mad_ladder *ladder;
    const mad_denoiser *denoiser;
    noise_mode mode;
    mad_rng *rng; /* NOISE_DRAWN */
    size_t n_rows, n;
    const int32_t *label;
    double *x;                        /* [n] */
    double *buffer[MAD_WALK_BUFFERS]; /* [n] each; the last is for noise */
} walk;

static void denoise(const walk *w, double sigma, const double *x, double *d)
{
    w->denoiser->denoise(w->denoiser->self, sigma, w->n_rows, w->label, x, d);
}

static void add_noise(const walk *w, double sd)
{
    double *const x = w->x, *const z = w->buffer[MAD_WALK_BUFFERS - 1];
    if (sd == 0.0) {
        return;
    }
    if (w->mode == NOISE_LAW) {
        x[0] = hypot(x[0], sd);
        return;
    }
    mad_noise_normals(&w->ladder->noise, w->rng, w->n, z);
    for (size_t i = 0; i < w->n; i++) {
        x[i] += sd * z[i];
    }
}

static void line_step(const walk *w, size_t i)
{
    const mad_rung rung = w->ladder->rung[i];
    double *const x = w->x, *const d = w->buffer[0];
    denoise(w, w->ladder->sigma[i], x, d);
    for (size_t j = 0; j < w->n; j++) {
        x[j] = rung.from_x * x[j] + rung.from_d * d[j];
    }
    add_noise(w, rung.noise);
}

/* Karras et al. 2022: gamma = min(S_churn / N, sqrt(2) - 1) lifts the level to s^ = s (1 + gamma),
 * then with h = s' - s^, v = (x - D)/s^ and v' at x + alpha h v, level s^ + alpha h:
 *   x' = x + h ((1 - 1/(2 alpha)) v + 1/(2 alpha) v'). */
static void heun_step(const walk *w, size_t i)
{
    const mad_sampler_options *o = &w->ladder->options;
    const double sigma = w->ladder->sigma[i], next = w->ladder->sigma[i + 1];
    const int churns = o->churn > 0.0 && sigma >= o->churn_min && sigma <= o->churn_max;
    const double gamma = churns ? fmin(o->churn / (double)o->n_steps, sqrt(2.0) - 1.0) : 0.0;
    const double lifted = sigma * (1.0 + gamma), h = next - lifted, at = lifted + o->alpha * h;
    const double w1 = h * (1.0 - 0.5 / o->alpha) / lifted, w2 = h * 0.5 / o->alpha / at;
    const double reach = o->alpha * h / lifted;
    double *const x = w->x, *const d = w->buffer[0], *const ahead = w->buffer[1],
                  *const d2 = w->buffer[2];

    add_noise(w, sigma * sqrt(gamma * (2.0 + gamma)) * o->churn_noise);
    denoise(w, lifted, x, d);
    if (next == 0.0) {
        memcpy(x, d, w->n * sizeof *x);
        return;
    }
    for (size_t j = 0; j < w->n; j++) {
        ahead[j] = x[j] + reach * (x[j] - d[j]);
    }
    denoise(w, at, ahead, d2);
    for (size_t j = 0; j < w->n; j++) {
        x[j] += w1 * (x[j] - d[j]) + w2 * (ahead[j] - d2[j]);
    }
}

static void rk4_step(const walk *w, size_t i)
{
    const double sigma = w->ladder->sigma[i], next = w->ladder->sigma[i + 1], h = next - sigma;
    const double at[4] = {sigma, sigma + 0.5 * h, sigma + 0.5 * h, next};
    const double reach[4] = {0.0, 0.5 * h, 0.5 * h, h}, weight[4] = {1.0, 2.0, 2.0, 1.0};
    double *const x = w->x, *const d = w->buffer[0], *const v = w->buffer[1],
                  *const sum = w->buffer[2], *const probe = w->buffer[3];

    memset(v, 0, w->n * sizeof *v);
    memset(sum, 0, w->n * sizeof *sum);
    for (size_t k = 0; k < 4; k++) {
        for (size_t j = 0; j < w->n; j++) {
            probe[j] = x[j] + reach[k] * v[j];
        }
        denoise(w, at[k], probe, d);
        if (next == 0.0) { /* the slope at 0 is not defined: the Euler step */
            memcpy(x, d, w->n * sizeof *x);
            return;
        }
        for (size_t j = 0; j < w->n; j++) {
            v[j] = (probe[j] - d[j]) / at[k];
            sum[j] += weight[k] * v[j];
        }
    }
    for (size_t j = 0; j < w->n; j++) {
        x[j] += h / 6.0 * sum[j];
    }
}

/* ---- multistep: x' = (s'/s) x + s' int e^lambda D dlambda, lambda = -ln s ---- */

/* Weights of D_i, D_{i-1} and, in the corrector, D_{i+1}; h, hp: this and the previous step. */
typedef struct weights {
    double ahead, now, before;
} weights;

/* Integrals of (lambda - lambda_i)^k e^(lambda - lambda_{i+1}), k = 0, 1, 2. */
static double integral(int k, double h)
{
    const double e0 = -expm1(-h);
    return k == 0 ? e0 : k == 1 ? h - e0 : h * h - 2.0 * h + 2.0 * e0;
}

static weights predictor(mad_sampler_kind kind, double h, double hp)
{
    if (hp == 0.0) {
        return (weights){0.0, integral(0, h), 0.0};
    }
    /* 2M: D~ = D_i + h/(2 hp) (D_i - D_{i-1}); AB2: D on the line through both */
    const double slope =
        kind == MAD_SAMPLER_DPMPP_2M ? 0.5 * h / hp * integral(0, h) : integral(1, h) / hp;
    return (weights){0.0, integral(0, h) + slope, -slope};
}

static weights corrector(mad_sampler_kind kind, double h, double hp)
{
    if (kind == MAD_SAMPLER_ABM2 || hp == 0.0) {
        const double slope = integral(1, h) / h;
        return (weights){slope, integral(0, h) - slope, 0.0};
    }
    /* parabola: c = (d_n - d_p)/(h + hp), b = d_n - c h, D(u) = D_i + b u + c u^2 */
    const double c = (integral(2, h) - h * integral(1, h)) / (h + hp), b = integral(1, h);
    return (weights){(b + c) / h, integral(0, h) - (b + c) / h - c / hp, c / hp};
}

static void multistep(const walk *w)
{
    const mad_ladder *ladder = w->ladder;
    const mad_sampler_kind kind = ladder->options.kind;
    const int corrects = kind == MAD_SAMPLER_ABM2 || kind == MAD_SAMPLER_ABM3;
    double *const x = w->x, *const base = w->buffer[3];
    double *now = w->buffer[0], *before = w->buffer[1], *far = w->buffer[2];
    double h = 0.0, hp = 0.0, ratio = 0.0;

    memset(before, 0, w->n * sizeof *before); /* weight 0 until there is one */
    memset(far, 0, w->n * sizeof *far);
    for (size_t i = 0; i < ladder->n_steps; i++) {
        const double sigma = ladder->sigma[i], next = ladder->sigma[i + 1];
        denoise(w, sigma, x, now);
        if (next == 0.0) {
            memcpy(x, now, w->n * sizeof *x);
            return;
        }
        if (corrects && i > 0) {
            const weights c = corrector(kind, h, hp);
            for (size_t j = 0; j < w->n; j++) {
                x[j] = ratio * base[j] + c.ahead * now[j] + c.now * before[j] + c.before * far[j];
            }
        }
        memcpy(base, x, w->n * sizeof *x);
        hp = h;
        h = log(sigma / next);
        ratio = next / sigma;
        const weights p = predictor(kind, h, hp);
        for (size_t j = 0; j < w->n; j++) {
            x[j] = ratio * base[j] + p.now * now[j] + p.before * before[j];
        }
        double *const oldest = far;
        far = before;
        before = now;
        now = oldest;
    }
}

/* ---- Langevin corrector ---- */

static double mean_norm(const double *x, size_t n_rows, size_t dim)
{
    double sum = 0.0;
    for (size_t r = 0; r < n_rows; r++) {
        double row = 0.0;
        for (size_t j = 0; j < dim; j++) {
            row += x[r * dim + j] * x[r * dim + j];
        }
        sum += sqrt(row);
    }
    return sum / (double)n_rows;
}

/* x' = x + e score + sqrt(2 e) z, e = 2 (r |z| / |score|)^2 with mean norms over the rows: with many
 * rows, and a score of mean 0, |z| / |score| is one over the score's standard deviation. */
static void langevin_step(const walk *w, double sigma)
{
    const double r = w->ladder->options.snr, per = 1.0 / (sigma * sigma);
    double *const x = w->x, *const s = w->buffer[0], *const z = w->buffer[MAD_WALK_BUFFERS - 1];
    const size_t dim = w->denoiser->dim;
    double ratio;

    denoise(w, sigma, x, s);
    for (size_t j = 0; j < w->n; j++) {
        s[j] = per * (s[j] - x[j]);
    }
    if (w->mode == NOISE_DRAWN) {
        mad_noise_normals(&w->ladder->noise, w->rng, w->n, z);
        ratio = mean_norm(z, w->n_rows, dim) / mean_norm(s, w->n_rows, dim);
    } else {
        ratio = 1.0 / fabs(s[0]);
    }
    const double step = 2.0 * r * r * ratio * ratio;
    for (size_t j = 0; j < w->n; j++) {
        x[j] += step * s[j];
    }
    if (w->mode == NOISE_DRAWN) {
        for (size_t j = 0; j < w->n; j++) {
            x[j] += sqrt(2.0 * step) * z[j];
        }
    } else {
        add_noise(w, sqrt(2.0 * step));
    }
}

static void correct(const walk *w, double sigma)
{
    for (size_t k = 0; sigma > 0.0 && k < w->ladder->options.n_corrections; k++) {
        langevin_step(w, sigma);
    }
}

static void steps(const walk *w)
{
    const mad_ladder *ladder = w->ladder;
    for (size_t i = 0; i < ladder->n_steps; i++) {
        switch (ladder->options.kind) {
        case MAD_SAMPLER_ANCESTRAL:
        case MAD_SAMPLER_DDIM:
        case MAD_SAMPLER_EULER:
        case MAD_SAMPLER_VE_ANCESTRAL:
        case MAD_SAMPLER_OU:
            line_step(w, i);
            break;
        case MAD_SAMPLER_PC:
            line_step(w, i);
            correct(w, ladder->sigma[i + 1]);
            break;
        case MAD_SAMPLER_HEUN:
            heun_step(w, i);
            break;
        case MAD_SAMPLER_RK4:
            rk4_step(w, i);
            break;
        case MAD_SAMPLER_DPMPP_2M:
        case MAD_SAMPLER_AB2:
        case MAD_SAMPLER_ABM2:
        case MAD_SAMPLER_ABM3:
            multistep(w); /* all steps at once: they share a memory */
            return;
        }
    }
}

static void leave(const walk *w)
{
    const mad_stop stop = w->ladder->stop;
    if (stop.sigma > 0.0 && stop.tweedie) {
        denoise(w, stop.sigma, w->x, w->x);
    }
    const double shrink = mad_ladder_shrink(w->ladder);
    for (size_t j = 0; j < w->n && shrink != 1.0; j++) {
        w->x[j] *= shrink;
    }
}

static void run(const walk *w)
{
    add_noise(w, w->ladder->start_sd);
    steps(w);
    leave(w);
}

void mad_ladder_walk(const mad_ladder *ladder, const mad_denoiser *denoiser, mad_rng *rng,
                     size_t n_rows, const int32_t *label, double *x, double *work)
{
    const size_t n = n_rows * denoiser->dim;
    walk w = {.ladder = ladder,
              .denoiser = denoiser,
              .mode = NOISE_DRAWN,
              .rng = rng,
              .n_rows = n_rows,
              .n = n,
              .label = label,
              .x = x};
    for (size_t k = 0; k < MAD_WALK_BUFFERS; k++) {
        w.buffer[k] = work + k * n;
    }
    memset(x, 0, n * sizeof *x);
    run(&w);
}

/* ---- the law of a linear walk ---- */

/* D of N(mean, variance): its slope on the standard deviation x[0], itself on the mean x[1]. */
static void denoise_line(void *self, double sigma, size_t n_rows, const int32_t *label,
                         const double *x, double *d)
{
    (void)n_rows, (void)label;
    const mad_line *data = self;
    const double k = data->variance / (data->variance + sigma * sigma);
    d[0] = k * x[0];
    d[1] = k * x[1] + (1.0 - k) * data->mean;
}

mad_line mad_ladder_line(const mad_ladder *ladder, mad_line data)
{
    const mad_denoiser denoiser = {.dim = 1, .self = &data, .denoise = denoise_line};
    double x[2] = {0.0, 0.0}, work[MAD_WALK_BUFFERS][2];
    walk w = {
        .ladder = ladder, .denoiser = &denoiser, .mode = NOISE_LAW, .n_rows = 2, .n = 2, .x = x};
    for (size_t k = 0; k < MAD_WALK_BUFFERS; k++) {
        w.buffer[k] = work[k];
    }
    run(&w);
    return (mad_line){.mean = x[1], .variance = x[0] * x[0]};
}

double mad_ladder_gain(const mad_ladder *ladder, double variance)
{
    return mad_ladder_line(ladder, (mad_line){0.0, variance}).variance / variance;
}
