/* sim/cli/metrics_report.c: see the header. */
#include "sim/cli/metrics_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/num/stats.h"

void mad_metrics_print(const mad_metrics_report *r)
{
    const mad_pair *pair = &r->comparison.raw;
    const int with_se = r->n_halves > 0;
    printf("real %s: %zu rows, model %s: %zu rows, %zu column%s, features %s\n", r->files.real,
           pair->real.n_rows, r->files.fake, pair->fake.n_rows, pair->world.dim,
           pair->world.dim == 1 ? "" : "s", r->features);
    if (r->files.drops_bad_rows) {
        printf("bad rows left out: %zu real, %zu of the model\n", r->files.n_dropped[0],
               r->files.n_dropped[1]);
    }
    printf("floor: %zu real rows against as many others\n\n", pair->real.n_rows / 2);
    printf("%-28s %13s %*s%13s  %-7s %s\n", "measure", "value", with_se ? 14 : 0,
           with_se ? "std. error " : "", "floor", "better", "units");
    for (size_t i = 0; i < r->n_rows; i++) {
        const mad_verdict *v = &r->row[i].verdict;
        if (v->why != NULL) {
            printf("%-28s %13s  %s\n", v->output->name, "-", v->why);
            continue;
        }
        printf("%-28s %13.6g ", v->output->name, v->value);
        if (with_se) {
            printf("%13.3g ", r->row[i].se);
        }
        printf("%13.6g  %-7s %s\n", r->row[i].floor, v->output->direction, v->output->units);
    }
}

/* JSON has no NaN and no infinity. */
static json_t *json_value(double x)
{
    return isnan(x) ? json_null() : isinf(x) ? json_string(x < 0.0 ? "-inf" : "inf") : json_real(x);
}

/* NaN and what it comes from are left out. */
static void put_number(json_t *out, const char *name, double x)
{
    if (!isnan(x)) {
        (void)json_object_set_new(out, name, json_value(x));
    }
}

static json_t *json_row(const mad_metrics_report *r, const mad_metrics_row *of)
{
    const mad_verdict *v = &of->verdict;
    const mad_pair *pair = &r->comparison.raw;
    const size_t n_floor = pair->real.n_rows / 2;
    json_t *out =
        json_pack("{s:o, s:s, s:s, s:s, s:s, s:s?, s:I, s:I, s:s}", "value", json_value(v->value),
                  "long_name", v->output->long_name, "units", v->output->units, "direction",
                  v->output->direction, "definition", v->output->definition, "reference",
                  v->output->reference, "n_real", (json_int_t)pair->real.n_rows, "n_synthetic",
                  (json_int_t)pair->fake.n_rows, "features",
                  mad_features_apply(v->type) ? r->features : "raw");
    if (v->why != NULL) {
        (void)json_object_set_new(out, "why", json_string(v->why));
    }
    if (v->type->needs & MAD_NEEDS_TRAIN) {
        (void)json_object_set_new(out, "n_train", json_integer((json_int_t)pair->train.n_rows));
    }
    put_number(out, "floor", of->floor);
    if (!isnan(of->floor)) {
        (void)json_object_set_new(out, "n_floor", json_integer((json_int_t)n_floor));
    }
    put_number(out, "std_error", of->se);
    for (const mad_param *p = v->type->params; p != NULL && p->name != NULL; p++) {
        if (strcmp(p->name, "directions") == 0 && r->files.directions != NULL) {
            (void)json_object_set_new(out, p->name, json_string(r->files.directions));
            continue;
        }
        const mad_value *value = mad_get(&r->values, p->name);
        const int is_number = p->kind == MAD_PARAM_INT || p->kind == MAD_PARAM_REAL;
        (void)json_object_set_new(out, p->name,
                                  is_number ? json_real(value->number) : json_string(value->text));
    }
    return out;
}

mad_status mad_metrics_print_json(mad_ctx *ctx, const mad_metrics_report *r)
{
    const mad_pair *pair = &r->comparison.raw;
    json_t *metrics = json_object();
    for (size_t i = 0; i < r->n_rows; i++) {
        (void)json_object_set_new(metrics, r->row[i].verdict.output->name, json_row(r, &r->row[i]));
    }
    char hash[17];
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, mad_set_hash(&pair->real, MAD_FNV1A_START));
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s?, s:s?, s:I, s:I, s:[I,I], s:I, s:I, s:s, s:I, s:f, s:o}", "real",
        r->files.real, "real_hash", hash, "fake", r->files.fake, "train", r->files.train, "test",
        r->files.test, "n_real", (json_int_t)pair->real.n_rows, "n_synthetic",
        (json_int_t)pair->fake.n_rows, "n_dropped", (json_int_t)r->files.n_dropped[0],
        (json_int_t)r->files.n_dropped[1], "dim", (json_int_t)pair->world.dim, "classes",
        (json_int_t)pair->world.n_classes, "features", r->features, "bootstrap",
        (json_int_t)r->n_halves, "seed", r->seed, "metrics", metrics);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    const mad_status st = text != NULL ? MAD_OK : mad_fail_memory(ctx, "JSON");
    if (text != NULL) {
        printf("%s\n", text);
    }
    free(text);
    json_decref(root);
    return st;
}
