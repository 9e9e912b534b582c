/* sim/cli/metrics_report.c: see the header. */
#include "sim/cli/metrics_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/print_json.h"
#include "sim/num/stats.h"
#include "sim/store/json.h"

enum { MOST_NAMES = 48 }; /* of outputs left out for one reason, in text */

/* A line for each reason; where it holds for very many, their number. */
static void print_left_out(const mad_metrics_report *r)
{
    const mad_left_out *left = r->left_out;
    for (size_t i = 0; i < r->n_left_out; i++) {
        size_t n_before = 0, n_same = 0;
        for (size_t k = 0; k < r->n_left_out; k++) {
            const int is_same = strcmp(left[k].why, left[i].why) == 0;
            n_before += (size_t)(k < i && is_same);
            n_same += (size_t)is_same;
        }
        if (n_before > 0) {
            continue;
        }
        printf("%sleft out (%s):", i == 0 ? "\n" : "", left[i].why);
        if (n_same > MOST_NAMES) {
            printf(" %zu outputs, which --json names\n", n_same);
            continue;
        }
        for (size_t k = i; k < r->n_left_out; k++) {
            if (strcmp(left[k].why, left[i].why) == 0) {
                printf("%s %s", k > i ? "," : "", left[k].name);
            }
        }
        printf("\n");
    }
}

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
    for (size_t i = 0; i < 2; i++) {
        if (r->n_shared[i] > 0) {
            printf("warning: %zu of the %s rows are training rows, too\n", r->n_shared[i],
                   i == 0 ? "real" : "test");
        }
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
        if (isnan(r->row[i].floor)) { /* half of the real rows are too few */
            printf("%13s", "-");
        } else {
            printf("%13.6g", r->row[i].floor);
        }
        printf("  %-7s %s\n", v->output->direction, v->output->units);
    }
    print_left_out(r);
}

/* NaN and what it comes from are left out. */
static void put_number(json_t *out, const char *name, double x)
{
    if (!isnan(x)) {
        (void)json_object_set_new(out, name, mad_json_number(x));
    }
}

static void put_text(json_t *out, const char *name, const char *text)
{
    (void)json_object_set_new(out, name, mad_json_text(text));
}

static void put_count(json_t *out, const char *name, size_t n)
{
    (void)json_object_set_new(out, name, json_integer((json_int_t)n));
}

static void put_why(json_t *out, const char *name, const char *what, size_t n, size_t n_all,
                    const char *of)
{
    char text[96];
    if (n > 0) {
        (void)snprintf(text, sizeof text, "%s on %zu of %zu %s", what, n, n_all, of);
        put_text(out, name, text);
    }
}

/* 64-bit FNV-1a of the rows that were read. */
static void put_hash(json_t *out, const char *name, const mad_set *set)
{
    char digits[17];
    if (set->n_rows > 0) {
        (void)snprintf(digits, sizeof digits, "%016" PRIx64, mad_set_hash(set, MAD_FNV1A_START));
        put_text(out, name, digits);
    }
}

/* How the measure was taken: the keys it reads. */
static void put_parameters(json_t *out, const mad_metrics_report *r, const mad_metric_type *type)
{
    for (const mad_param *p = type->params; p != NULL && p->name != NULL; p++) {
        const mad_value *value = mad_get(&r->values, p->name);
        if (strcmp(p->name, "directions") == 0 && r->files.directions != NULL) {
            put_text(out, p->name, r->files.directions);
        } else if (p->kind == MAD_PARAM_INT) {
            put_count(out, p->name, mad_get_size(&r->values, p->name));
        } else if (p->kind == MAD_PARAM_REAL) {
            put_number(out, p->name, value->number);
        } else {
            put_text(out, p->name, value->text);
        }
    }
    for (size_t i = 0; type->beside != NULL && i < r->n_rows; i++) {
        if (strcmp(r->row[i].verdict.output->name, type->beside) == 0) {
            put_number(out, type->beside, r->row[i].verdict.value);
        }
    }
}

static json_t *json_row(const mad_metrics_report *r, const mad_metrics_row *of)
{
    const mad_verdict *v = &of->verdict;
    const mad_pair *pair = &r->comparison.raw;
    const int is_of_test = v->type->needs & MAD_NEEDS_TRAIN && pair->test.n_rows > 0;
    const mad_set *real = is_of_test ? &pair->test : &pair->real;
    json_t *out = json_object();
    (void)json_object_set_new(out, "value", mad_json_number(v->value));
    put_text(out, "long_name", v->output->long_name);
    put_text(out, "units", v->output->units);
    put_text(out, "direction", v->output->direction);
    put_text(out, "definition", v->output->definition);
    put_text(out, "reference", v->output->reference);
    put_text(out, "estimator", mad_metric_estimator(v->type, v->output));
    put_count(out, "n_real", real->n_rows);
    put_count(out, "n_synthetic", pair->fake.n_rows);
    put_text(out, "features", mad_features_apply(v->type) ? r->features : "raw");
    put_text(out, "reference_set", is_of_test ? "test" : "real");
    if (v->why != NULL) {
        put_text(out, "why", v->why);
    }
    if (v->type->needs & MAD_NEEDS_TRAIN) {
        put_count(out, "n_train", pair->train.n_rows);
    }
    put_number(out, "floor", of->floor);
    put_number(out, "floor_low", of->band[0]);
    put_number(out, "floor_high", of->band[1]);
    put_why(out, "floor_why", "no value", of->n_no_floor, r->n_halves > 0 ? r->n_halves : 1,
            "splits of the real rows");
    put_count(out, "n_floor", real->n_rows / 2);
    put_number(out, "std_error", of->se);
    put_why(out, "std_error_why", "no finite value", of->n_no_value, r->n_halves, "half samples");
    put_parameters(out, r, v->type);
    return out;
}

mad_status mad_metrics_print_json(mad_ctx *ctx, const mad_metrics_report *r)
{
    const mad_pair *pair = &r->comparison.raw;
    json_t *metrics = json_object(), *left_out = json_object();
    for (size_t i = 0; i < r->n_rows; i++) {
        (void)json_object_set_new(metrics, r->row[i].verdict.output->name, json_row(r, &r->row[i]));
    }
    for (size_t i = 0; i < r->n_left_out; i++) {
        put_text(left_out, r->left_out[i].name, r->left_out[i].why);
    }
    json_t *root = json_pack(
        "{s:o, s:o, s:o?, s:o?, s:I, s:I, s:[I,I], s:I, s:I, s:o, s:I, s:I, s:o, s:o}", "real",
        mad_json_text(r->files.real), "fake", mad_json_text(r->files.fake), "train",
        mad_json_text(r->files.train), "test", mad_json_text(r->files.test), "n_real",
        (json_int_t)pair->real.n_rows, "n_synthetic", (json_int_t)pair->fake.n_rows, "n_dropped",
        (json_int_t)r->files.n_dropped[0], (json_int_t)r->files.n_dropped[1], "dim",
        (json_int_t)pair->world.dim, "classes", (json_int_t)pair->world.n_classes, "features",
        mad_json_text(r->features), "bootstrap", (json_int_t)r->n_halves, "seed",
        (json_int_t)r->seed, "metrics", metrics, "left_out", left_out);
    put_hash(root, "real_hash", &pair->real);
    put_hash(root, "fake_hash", &pair->fake);
    put_hash(root, "train_hash", &pair->train);
    put_hash(root, "test_hash", &pair->test);
    if (pair->train.n_rows > 0) {
        put_count(root, "n_real_in_train", r->n_shared[0]);
    }
    if (pair->test.n_rows > 0) {
        put_count(root, "n_test_in_train", r->n_shared[1]);
    }
    return mad_print_json(ctx, root);
}
