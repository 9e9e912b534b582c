/* tests/unit/store_write.c: leaves files of the store for check_runfile.py to open.
 *
 * store_write layout DIR    run.h5 with every kind of dataset, 2 of 7 generations, and gen-0002.h5
 * store_write commits DIR   commits generations for ever, from where DIR stands: to be killed
 * store_write events DIR    log.jsonl
 * store_write pictures DIR  grey.png, rgb.png
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/store/journal.h"
#include "sim/store/png.h"

enum { R = 8, WIDTH = 5, SHORT_RUN = 7, LONG_RUN = 300, N_SERIES = 3 };

static const mad_attribute recall_attributes[] = {
    {.name = "long_name", .text = "recall of größe"},
    {.name = "units", .text = "1"},
    {.name = "k", .number = 5},
};
static const mad_series all_series[N_SERIES] = {
    {"metrics", "recall", 1, 3, recall_attributes},
    {"lineage", "real_share", 1, 0, NULL},
    {"loss", "train", WIDTH, 0, NULL},
};
static const mad_attribute root_attributes[] = {{.name = "config", .text = "name: größe\n"},
                                                {.name = "seed", .text = "18446744073709551615"},
                                                {.name = "threads", .number = 2}};
static const double floor_value[R] = {0, 0.5, 1, 1.5, 2, 2.5, 3, (double)NAN};
static const double theory_value[LONG_RUN] = {1, 0.5, 0.25};
static const mad_gen_array arrays[] = {
    {"model/0000/mean", MAD_FIELD_F64, 1, {3}, theory_value},
    {"samples", MAD_FIELD_F64, 3, {R, 1, 1}, floor_value},
};

static mad_run_layout layout_of(size_t n_generations, mad_vector *vectors)
{
    vectors[0] = (mad_vector){"floor", "recall", R, floor_value, 0, NULL};
    vectors[1] = (mad_vector){"theory", "recall", n_generations, theory_value, 0, NULL};
    return (mad_run_layout){.n_replicates = R,
                            .n_generations = n_generations,
                            .n_attributes = 3,
                            .attributes = root_attributes,
                            .n_series = N_SERIES,
                            .series = all_series,
                            .n_vectors = 2,
                            .vectors = vectors};
}

/* value = 10^6 series + 10^4 replicate + generation + step / 8, after its gen file. */
static mad_status commit(mad_ctx *ctx, const char *dir, const mad_run_layout *layout, size_t gen)
{
    double buffer[N_SERIES][R * WIDTH];
    const double *const data[N_SERIES] = {buffer[0], buffer[1], buffer[2]};
    for (size_t i = 0; i < N_SERIES; i++) {
        const size_t width = all_series[i].width;
        for (size_t j = 0; j < R * width; j++) {
            buffer[i][j] =
                (double)(i * 1000000 + j / width * 10000 + gen) + 0.125 * (double)(j % width);
        }
    }
    const mad_status st = mad_gen_write(ctx, dir, gen, "00ff", 2, arrays);
    return st != MAD_OK ? st : mad_run_commit(ctx, dir, layout, gen, 1, data, &(mad_run_root){0});
}

static mad_status write_layout(mad_ctx *ctx, const char *dir)
{
    mad_vector vectors[2];
    const mad_run_layout layout = layout_of(SHORT_RUN, vectors);
    mad_status st = mad_run_create(ctx, dir, &layout);
    for (size_t gen = 1; gen <= 2 && st == MAD_OK; gen++) {
        st = commit(ctx, dir, &layout, gen);
    }
    return st;
}

static mad_status write_for_ever(mad_ctx *ctx, mad_arena *mem, const char *dir)
{
    mad_status st = MAD_OK;
    mad_vector vectors[2];
    const mad_run_layout layout = layout_of(LONG_RUN, vectors);
    char path[256];
    mad_run run;

    snprintf(path, sizeof path, "%s/run.h5", dir);
    if (access(path, F_OK) != 0) {
        MAD_TRY(mad_run_create(ctx, dir, &layout));
    }
    MAD_TRY(mad_run_read(ctx, mem, dir, &run));
    printf("%zu\n", run.n_done);
    fflush(stdout);
    for (size_t gen = run.n_done + 1;; gen++) {
        if (gen > LONG_RUN) {
            MAD_TRY(mad_run_create(ctx, dir, &layout));
            gen = 1;
        }
        MAD_TRY(commit(ctx, dir, &layout, gen));
        printf("%zu\n", gen);
        fflush(stdout);
    }
out:
    return st;
}

static mad_status write_events(mad_ctx *ctx, const char *dir)
{
    const mad_attribute pairs[] = {{.name = "text", .text = "a \"quoted\"\nline, größe"},
                                   {.name = "broken", .text = "\xff/x"},
                                   {.name = "whole", .number = 7},
                                   {.name = "real", .number = 0.1},
                                   {.name = "nan", .number = (double)NAN},
                                   {.name = "infinite", .number = -(double)INFINITY}};
    const mad_status st = mad_journal_append(ctx, dir, "start", 6, pairs);
    return st != MAD_OK ? st : mad_journal_append(ctx, dir, "end", 0, NULL);
}

static mad_status write_pictures(mad_ctx *ctx, const char *dir)
{
    mad_status st = MAD_OK;
    unsigned char pixels[3 * 5 * 3];
    char path[256];

    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (unsigned char)(i * 37);
    }
    snprintf(path, sizeof path, "%s/grey.png", dir);
    MAD_TRY(mad_png_write(ctx, path, 5, 3, 1, pixels));
    snprintf(path, sizeof path, "%s/rgb.png", dir);
    MAD_TRY(mad_png_write(ctx, path, 5, 3, 3, pixels));
    if (mad_png_write(ctx, "/no/such/folder.png", 5, 3, 3, pixels) != MAD_E_IO) {
        st = MAD_E_FAILED;
    }
    mad_ctx_clear(ctx);
    if (mad_png_write(ctx, path, 0, 3, 3, pixels) != MAD_E_RANGE) {
        st = MAD_E_FAILED;
    }
    mad_ctx_clear(ctx);
out:
    return st;
}

int main(int argc, char **argv)
{
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_status st = MAD_E_USAGE;

    if (argc == 3 && strcmp(argv[1], "layout") == 0) {
        st = write_layout(ctx, argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "commits") == 0) {
        st = write_for_ever(ctx, mem, argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "events") == 0) {
        st = write_events(ctx, argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "pictures") == 0) {
        st = write_pictures(ctx, argv[2]);
    }
    if (st != MAD_OK) {
        fprintf(stderr, "%s: %s\n", mad_status_text(st), ctx->message);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}
