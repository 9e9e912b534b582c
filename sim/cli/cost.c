/* sim/cli/cost.c: seconds, memory, disk. */
#include "sim/cli/cost.h"

#include <stdio.h>
#include <time.h>

#include "sim/cli/app.h"
#include "sim/cli/folder.h"

double mad_cost_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

mad_status mad_cost_probe(mad_app *app, mad_arena *mem, const mad_experiment *experiment,
                          double seconds, mad_forecast *out)
{
    const char *dir = mad_folder_scratch(mem);
    mad_app_catch_signals(app);
    const mad_status st = mad_forecast_make(app->ctx, experiment, seconds, dir, out);
    mad_folder_discard(dir);
    return st;
}

static void show_seconds(double s, size_t n_bytes, char *out)
{
    const char *unit = s < 1e-3 ? "us" : s < 1.0 ? "ms" : s < 300.0 ? "s" : s < 36000 ? "min" : "h";
    const double scale = s < 1e-3    ? 1e6
                         : s < 1.0   ? 1e3
                         : s < 300.0 ? 1.0
                         : s < 36000 ? 1.0 / 60.0
                                     : 1.0 / 3600.0;
    snprintf(out, n_bytes, "%.3g %s", s * scale, unit);
}

/* What the numbers rest on. */
static void show_probe(const mad_forecast *f, size_t n_generations, size_t n_bytes, char *out)
{
    if (f->n_generations_run >= n_generations) {
        snprintf(out, n_bytes, "the whole run, which took no longer than the probe");
    } else if (f->n_generations_run > 0) {
        snprintf(out, n_bytes, "%zu of %zu generations", f->n_generations_run, n_generations);
    } else if (f->n_steps > 0.0) {
        snprintf(out, n_bytes, "%.0f of %.0f optimiser steps and %zu sampled rows",
                 f->n_steps_probed, f->n_steps, f->n_rows_probed);
    } else {
        snprintf(out, n_bytes, "one fit and %zu sampled rows", f->n_rows_probed);
    }
}

void mad_cost_print(const char *prefix, const mad_app *app, const mad_experiment *experiment,
                    double setup_s, const mad_forecast *forecast)
{
    enum { WORD = 32 };
    const mad_forecast *f = forecast;
    const mad_setting *setting = mad_experiment_setting(experiment);
    const int is_threaded = (setting->model->flags & MAD_MODEL_THREADED) != 0;
    char total[WORD], generation[WORD], train[WORD], sample[WORD], measure[WORD], floor[WORD];
    char probe[128];
    show_seconds(setup_s + f->total_s, sizeof total, total);
    show_seconds(f->generation_s, sizeof generation, generation);
    show_seconds(f->train_s, sizeof train, train);
    show_seconds(f->sample_s, sizeof sample, sample);
    show_seconds(f->measure_s, sizeof measure, measure);
    show_seconds(setup_s + f->floor_s, sizeof floor, floor);
    show_probe(f, setting->n_generations, sizeof probe, probe);
    printf("%stotal %s on %zu thread%s: %s before the first generation, %s a generation\n", prefix,
           total, app->n_threads, app->n_threads == 1 ? "" : "s", floor, generation);
    printf("%sa generation of one replicate: train %s, sample %s, measure %s; %zu replicate%s %s\n",
           prefix, train, sample, measure, setting->n_replicates,
           setting->n_replicates == 1 ? "" : "s",
           setting->n_replicates == 1 ? "on all threads"
           : is_threaded              ? "one after the other, each on all threads"
                                      : "side by side, a thread each");
    if (f->cost.parameters > 0.0) {
        printf("%smodel: %.0f parameters, %.3g GFLOP a fit, %.0f network evaluations a row\n",
               prefix, f->cost.parameters, f->cost.fit_flops / 1e9, f->cost.row_evaluations);
    }
    printf("%smemory: %.0f MB at most; disk: run.h5 %.3g MB, generation files %.3g MB\n", prefix,
           f->peak_bytes / 1e6, f->run_bytes / 1e6, f->generation_bytes / 1e6);
    printf("%sestimated from %s\n", prefix, probe);
}

json_t *mad_cost_json(const mad_app *app, double setup_s, const mad_forecast *forecast)
{
    const mad_forecast *f = forecast;
    return json_pack(
        "{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, "
        "s:{s:I, s:f, s:f, s:I}, s:{s:f, s:f, s:f, s:f, s:f}}",
        "threads", (json_int_t)app->n_threads, "total_s", setup_s + f->total_s, "setup_s", setup_s,
        "floor_s", f->floor_s, "generation_s", f->generation_s, "train_s", f->train_s, "sample_s",
        f->sample_s, "measure_s", f->measure_s, "commit_s", f->commit_s, "peak_bytes",
        f->peak_bytes, "run_bytes", f->run_bytes, "generation_bytes", f->generation_bytes, "probe",
        "generations", (json_int_t)f->n_generations_run, "steps", f->n_steps_probed, "of_steps",
        f->n_steps, "rows", (json_int_t)f->n_rows_probed, "model", "parameters", f->cost.parameters,
        "fit_steps", f->cost.fit_steps, "fit_flops", f->cost.fit_flops, "row_flops",
        f->cost.row_flops, "row_evaluations", f->cost.row_evaluations);
}
