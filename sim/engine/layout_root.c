/* sim/engine/layout_root.c: provenance, the attributes of a run file. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sim/engine/engine.h"
#include "sim/engine/layout.h"
#include "sim/num/stats.h"

extern char *openblas_get_corename(void) __attribute__((weak));

static const char *cpu_name(mad_arena *mem)
{
    char line[256], *name = NULL;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && name == NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            name = strchr(line, ':') + 1;
            name[strcspn(name, "\n")] = '\0';
            name = mad_arena_text(mem, name + strspn(name, " "));
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return name != NULL ? name : "unknown";
}

static const char *hash_text(mad_arena *mem, uint64_t hash)
{
    char digits[17];
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)hash);
    return mad_arena_text(mem, digits);
}

static const char *now_text(mad_arena *mem)
{
    char digits[32];
    struct tm utc;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &utc) == NULL || strftime(digits, sizeof digits, "%FT%TZ", &utc) == 0) {
        return "unknown";
    }
    return mad_arena_text(mem, digits);
}

const char *mad_engine_git(void)
{
    return MADLOOP_GIT;
}

void mad_layout_root(mad_ctx *ctx, layout_builder *b)
{
    mad_experiment *e = b->e;
    const mad_world_info *info = &e->world->info;
    mad_layout_text(b, "name", e->setting.name);
    mad_layout_text(b, "version", MADLOOP_VERSION);
    mad_layout_text(b, "git", mad_engine_git());
    mad_layout_text(b, "compiler", __VERSION__);
    mad_layout_text(b, "created", now_text(b->mem));
    mad_layout_text(b, "config", e->config->resolved);
    mad_layout_text(b, "config_hash", hash_text(b->mem, e->config->hash));
    mad_layout_text(b, "seed", mad_get_text(&e->config->root, "seed"));
    mad_layout_text(b, "cpu", cpu_name(b->mem));
    mad_layout_text(b, "blas",
                    openblas_get_corename != NULL ? openblas_get_corename() : "not OpenBLAS");
    mad_layout_number(b, "threads", (double)ctx->n_workers);
    mad_layout_number(b, "models", (double)e->setting.n_models);
    if (info->n_train > 0) {
        mad_layout_text(b, "data_hash", hash_text(b->mem, info->data_hash));
        mad_layout_number(b, "n_train", (double)info->n_train);
        mad_layout_number(b, "n_reference", (double)info->n_reference);
        mad_layout_number(b, "n_dropped", (double)info->n_dropped);
    }
    if (e->feature != NULL && e->feature->hash != 0) {
        mad_layout_text(b, "features_hash", hash_text(b->mem, e->feature->hash));
    }
    if (e->setting.rewards != NULL) {
        const mad_table *file = e->setting.rewards;
        const mad_set rows = {
            .n_rows = file->n_rows, .dim = file->dim, .x = file->x, .label = file->label};
        mad_layout_text(b, "rewards_hash", hash_text(b->mem, mad_set_hash(&rows, MAD_FNV1A_START)));
    }
    if (info->height > 0) {
        mad_layout_number(b, "height", (double)info->height);
        mad_layout_number(b, "width", (double)info->width);
        mad_layout_number(b, "channels", (double)info->channels);
        mad_layout_number(b, "pixel_min", info->pixel_min);
        mad_layout_number(b, "pixel_max", info->pixel_max);
    }
    if (info->n_frames > 0) {
        mad_layout_number(b, "n_frames", (double)info->n_frames);
    }
    e->layout.attributes = mad_layout_take_attributes(b, &e->layout.n_attributes);
}
