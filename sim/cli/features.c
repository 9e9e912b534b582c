/* sim/cli/features.c: `madloop features`: a feature space trained on the labelled rows of a world. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "sim/cli/app.h"
#include "sim/cli/cost.h"
#include "sim/cli/execute.h"
#include "sim/cli/key_options.h"
#include "sim/cli/verbs.h"
#include "sim/engine/engine.h"
#include "sim/engine/features.h"
#include "sim/store/feature_file.h"

/* Rows of worlds that have any number of them. */
enum { TRAIN_ROWS = 20000, TEST_ROWS = 10000 };

typedef struct options {
    const char *path;
    size_t n_train, n_test, n_threads; /* 0: not given */
    int force;
    mad_key_options keys;
    mad_values values;
} options;

/* What was trained on what. */
typedef struct training {
    const mad_feature_type *type;
    mad_config config;
    mad_world *world;
    mad_set train, test;
    mad_feature_trained trained;
    double seconds;
} training;

/* The first space that can be trained. */
static const mad_feature_type *trainable(const mad_registry *registry)
{
    size_t i = 0;
    while (registry->features[i] != NULL && registry->features[i]->train == NULL) {
        i++;
    }
    MAD_ASSERT(registry->features[i] != NULL);
    return registry->features[i];
}

/* ---- rows ------------------------------------------------------------------------------------ */

static mad_status check_world(mad_ctx *ctx, const mad_world *world)
{
    if (world->info.height == 0) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED, "features: rows of world '%s' are no pictures",
                        world->type->name);
    }
    if (world->info.n_classes == 0) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "features: rows of world '%s' carry no labels to learn", world->type->name);
    }
    return MAD_OK;
}

/* So many rows of a part: as asked, else all there are, else `usual`. */
static size_t rows_of(size_t asked, size_t n_held, size_t usual)
{
    return asked > 0 ? asked : n_held > 0 ? n_held : usual;
}

/* Generation 0 of the purpose's streams for training rows, 2 for test rows: 1 is the training's. */
static mad_status draw(mad_ctx *ctx, mad_arena *mem, const training *t, mad_world_part part,
                       size_t n_rows, mad_set *out)
{
    mad_status st = MAD_OK;
    const mad_world *world = t->world;
    const mad_key key = {.seed = (uint64_t)mad_get_real(&t->config.root, "seed"),
                         .purpose = MAD_RNG_FEATURES,
                         .generation = part == MAD_PART_TRAIN ? 0 : 2};
    MAD_TRY(mad_check_memory(ctx, "the rows",
                             (double)n_rows * (double)world->info.dim * sizeof(double)));
    MAD_TRY(mad_set_take(ctx, mem, n_rows, world->info.dim, 1, out));
    MAD_TRY(world->type->draw(ctx, world, part, key, out));
    MAD_TRY(mad_set_check_finite(ctx, out, "rows of the world"));
out:
    return st;
}

/* ---- training -------------------------------------------------------------------------------- */

static void show_epoch(void *arg, size_t epoch, size_t n_epochs, double loss)
{
    (void)arg;
    fprintf(stderr, "\repoch %zu of %zu, loss %-10.4g%s", epoch, n_epochs, loss,
            epoch == n_epochs ? "\n" : "");
}

static mad_status train(mad_app *app, mad_arena *mem, const options *o, training *t)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    const mad_world_info *info = NULL;
    MAD_TRY(mad_experiment_world(ctx, mem, &t->config, &t->world));
    MAD_TRY(check_world(ctx, t->world));
    info = &t->world->info;
    MAD_TRY(draw(ctx, mem, t, MAD_PART_TRAIN, rows_of(o->n_train, info->n_train, TRAIN_ROWS),
                 &t->train));
    MAD_TRY(draw(ctx, mem, t, MAD_PART_REFERENCE, rows_of(o->n_test, info->n_reference, TEST_ROWS),
                 &t->test));
    const mad_feature_training args = {.values = &o->values,
                                       .world = info,
                                       .train = &t->train,
                                       .test = &t->test,
                                       .seed = (uint64_t)mad_get_real(&t->config.root, "seed"),
                                       .progress = isatty(STDERR_FILENO) ? show_epoch : NULL};
    const double start_s = mad_cost_now_s();
    st = t->type->train(ctx, &args, mem, &t->trained);
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "features");
        goto out;
    }
    t->seconds = mad_cost_now_s() - start_s;
    t->trained.file.hash = mad_feature_hash(&t->trained.file);
out:
    return st;
}

static mad_status write_file(mad_ctx *ctx, const mad_publish *to, const options *o,
                             const training *t)
{
    mad_status st = MAD_OK;
    char config_hash[17], data_hash[17];
    snprintf(config_hash, sizeof config_hash, "%016" PRIx64, t->config.hash);
    snprintf(data_hash, sizeof data_hash, "%016" PRIx64, t->world->info.data_hash);
    const mad_attribute attributes[] = {
        {.name = "version", .text = MADLOOP_VERSION},
        {.name = "config", .text = t->config.resolved},
        {.name = "config_hash", .text = config_hash},
        {.name = "data_hash", .text = t->world->info.data_hash != 0 ? data_hash : "none"},
        {.name = "seed", .number = mad_get_real(&t->config.root, "seed")},
        {.name = "classes", .number = (double)t->world->info.n_classes},
        {.name = "n_train", .number = (double)t->train.n_rows},
        {.name = "n_test", .number = (double)t->test.n_rows},
        {.name = "epochs", .number = mad_get_real(&o->values, "epochs")},
        {.name = "batch", .number = mad_get_real(&o->values, "batch")},
        {.name = "lr", .number = mad_get_real(&o->values, "lr")},
        {.name = "loss", .number = t->trained.loss},
        {.name = "test_accuracy", .number = t->trained.accuracy}};
    MAD_TRY(mad_feature_write(ctx, to, &t->trained.file, sizeof attributes / sizeof *attributes,
                              attributes));
    st = mad_publish_commit(ctx, to);
    if (st != MAD_OK) {
        mad_publish_abandon(to);
    }
out:
    return st;
}

static mad_status print(mad_ctx *ctx, mad_arena *mem, const options *o, const training *t)
{
    const char *text = mad_features_text(mem, t->type->name, o->path, t->trained.file.hash);
    if (text == NULL) {
        return mad_fail_memory(ctx, "the name of a feature file");
    }
    printf("test accuracy %.4f on %zu rows of the reference part, trained on %zu rows in %.1f s\n",
           t->trained.accuracy, t->test.n_rows, t->train.n_rows, t->seconds);
    printf("--features %s\n", text);
    return MAD_OK;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static mad_status train_and_write(mad_app *app, mad_arena *mem, const options *o,
                                  const mad_arguments *args)
{
    mad_status st = MAD_OK;
    training *t = mad_arena_take(mem, 1, sizeof *t);
    mad_publish *to = mad_arena_take(mem, 1, sizeof *to);
    if (t == NULL || to == NULL) {
        return mad_fail_memory(app->ctx, "a feature space");
    }
    t->type = trainable(app->registry);
    MAD_TRY(mad_load_config(app, mem, args->text[0], args->n - 1, args->text + 1, 0, &t->config));
    MAD_TRY(mad_publish_claim(app->ctx, o->path, o->force, to));
    MAD_TRY(train(app, mem, o, t));
    MAD_TRY(write_file(app->ctx, to, o, t));
    MAD_TRY(print(app->ctx, mem, o, t));
out:
    return st;
}

static mad_status features_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    const mad_feature_type *type = trainable(app->registry);
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    options *o = mem != NULL ? mad_arena_take(mem, 1, sizeof *o) : NULL;
    if (o == NULL) {
        st = mad_fail_memory(app->ctx, "a feature space");
        goto out;
    }
    mad_option list[MAD_MAX_OPTIONS] = {
        {"out", 'o', "FILE", "where the trained space goes", .text = &o->path},
        {"rows", 'n', "N",
         "training rows (default: all of the training part of data files, else 20000)",
         .count = &o->n_train, .min = 1, .max = 1e9},
        {"test-rows", 0, "N",
         "rows that the accuracy is taken on (default: all of the reference part, else 10000)",
         .count = &o->n_test, .min = 1, .max = 1e9},
        {"threads", 't', "N", "threads to use (default: all processors)", .count = &o->n_threads,
         .min = 1, .max = 4096},
        {"force", 0, NULL, "replace the file", .flag = &o->force},
    };
    for (const mad_param *p = type->params; p->name != NULL; p++) {
        if (mad_key_options_add(mem, p, &o->keys, list) == NULL) {
            st = mad_fail_memory(app->ctx, "the options");
            goto out;
        }
    }
    const mad_usage usage = {list, 1, SIZE_MAX,
                             "The classifier learns the classes of the world's pictures (8 to 64 "
                             "pixels a side); test rows "
                             "come from the reference part, on which it is never trained. Seed and "
                             "world are those of the "
                             "configuration; the rest of it plays no part. Use: "
                             "measure.features=net:FILE, or --features "
                             "net:FILE of madloop metrics; net:FILE#HASH refuses any other file. "
                             "Same bits for any number "
                             "of threads."};
    MAD_TRY(mad_options_parse(app, &mad_command_features, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    if (o->path == NULL) {
        st = mad_fail(app->ctx, MAD_E_USAGE, "features: where to: -o FILE is missing");
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, o->n_threads));
    mad_app_catch_signals(app);
    MAD_TRY(mad_key_options_read(app->ctx, mem, "features", type->params, &o->keys, &o->values));
    MAD_TRY(train_and_write(app, mem, o, &args));
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_features = {
    .name = "features",
    .arguments = "CONFIG -o FILE [key=value ...]",
    .doc = "Train a classifier of the world's pictures as a space to compare rows in",
    .run = features_verb,
};
