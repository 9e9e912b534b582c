/* sim/config/resolve.c: entries meet the parameter tables: plug-ins are chosen, values parsed. */
#include <stdio.h>
#include <string.h>

#include "sim/config/internal.h"
#include "sim/iface/text.h"

mad_section mad_key_section(const char *key, const char **rest)
{
    const size_t n = strcspn(key, ".");
    for (mad_section s = MAD_SECTION_ROOT + 1; s < MAD_N_SECTIONS; s++) {
        const char *name = mad_sections[s].name;
        if (strlen(name) == n && strncmp(key, name, n) == 0) {
            *rest = key[n] == '\0' ? NULL : key + n + 1;
            return s;
        }
    }
    *rest = key;
    return MAD_SECTION_ROOT;
}

/* "loop" and "n_real" make "loop.n_real"; the root adds nothing. */
static void full_key(mad_section section, const char *name, size_t n_bytes, char *out)
{
    const char *prefix = mad_sections[section].name;
    snprintf(out, n_bytes, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", name);
}

/* ---- plug-ins ---- */

static mad_status fail_missing_plugin(const mad_resolver *r, mad_section section)
{
    char names[512] = "";
    mad_plugin plugin;
    for (size_t i = 0; mad_section_plugin(r->registry, section, i, &plugin); i++) {
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : " | ", plugin.name);
    }
    return mad_fail(r->ctx, MAD_E_CONFIG, "%s: '%s.%s' is required: %s", r->file,
                    mad_sections[section].name, mad_sections[section].selector, names);
}

/* Index of the plug-in of that name; 0 when there is none. */
static int find_plugin(const mad_resolver *r, mad_section section, const char *name, size_t *index,
                       mad_plugin *out)
{
    for (size_t i = 0; mad_section_plugin(r->registry, section, i, out); i++) {
        if (strcmp(out->name, name) == 0) {
            *index = i;
            return 1;
        }
    }
    return 0;
}

static mad_status choose_plugin(mad_resolver *r, mad_section section, size_t *index)
{
    const mad_section_info *info = &mad_sections[section];
    char key[64];
    full_key(section, info->selector, sizeof key, key);
    const mad_entry *entry = mad_entries_find(r->entries, key);
    const char *name = info->fallback;
    mad_place at = {.file = r->file};
    if (entry != NULL) {
        at = entry->value_at;
        if (entry->kind != MAD_ENTRY_SCALAR) {
            return mad_fail_at(r->ctx, at, "%s: expected one name, got %s", key,
                               entry->kind == MAD_ENTRY_LIST      ? "a list"
                               : entry->kind == MAD_ENTRY_MAPPING ? "a mapping"
                                                                  : "nothing");
        }
        name = entry->texts[0];
    }
    if (name == NULL) {
        return fail_missing_plugin(r, section);
    }
    if (!find_plugin(r, section, name, index, &r->chosen[section])) {
        return mad_fail_plugin(r, at, section, name);
    }
    return MAD_OK;
}

static mad_status choose_plugins(mad_resolver *r)
{
    mad_status st = MAD_OK;
    mad_config *c = r->config;
    size_t i[MAD_N_SECTIONS] = {0}; /* where 0 is "none" */
    for (mad_section s = 0; s < MAD_N_SECTIONS; s++) {
        if (mad_sections[s].selector != NULL) {
            MAD_TRY(choose_plugin(r, s, &i[s]));
        }
    }
    c->world_type = r->registry->worlds[i[MAD_SECTION_WORLD]];
    c->model_type = r->registry->models[i[MAD_SECTION_MODEL]];
    c->loop_type = r->registry->loops[i[MAD_SECTION_LOOP]];
#define CHOSEN(list, section) (i[section] == 0 ? NULL : r->registry->list[i[section] - 1])
    c->bias_type = CHOSEN(biases, MAD_SECTION_BIAS);
    c->select_type = CHOSEN(selects, MAD_SECTION_SELECT);
    c->correct_type = CHOSEN(corrects, MAD_SECTION_CORRECT);
    c->post_type = CHOSEN(posts, MAD_SECTION_POST);
    c->channel_type = CHOSEN(channels, MAD_SECTION_CHANNEL);
#undef CHOSEN
    r->chosen[MAD_SECTION_ROOT].params = mad_root_params;
    r->chosen[MAD_SECTION_CHECKPOINT].params = mad_checkpoint_params;
    r->chosen[MAD_SECTION_STOP].params = mad_stop_params;
    MAD_TRY(mad_measure_table(r->ctx, r->mem, r->registry, &r->chosen[MAD_SECTION_MEASURE].params));
out:
    return st;
}

/* ---- keys ---- */

/* 1 when the table has keys "name.x": then "name" is a mapping. */
static int is_group(const mad_param *params, const char *name)
{
    const size_t n = strlen(name);
    for (const mad_param *p = params; p != NULL && p->name != NULL; p++) {
        if (strncmp(p->name, name, n) == 0 && p->name[n] == '.') {
            return 1;
        }
    }
    return 0;
}

/* A section or a group of keys: only a mapping, or nothing, may stand there. */
static mad_status check_group(const mad_resolver *r, const mad_entry *entry)
{
    if (entry->kind == MAD_ENTRY_EMPTY || entry->kind == MAD_ENTRY_MAPPING) {
        return MAD_OK;
    }
    char shown[MAD_SHOWN_BYTES];
    mad_text_shown(entry->n_texts > 0 ? entry->texts[0] : "", sizeof shown, shown);
    return mad_fail_at(r->ctx, entry->value_at, "'%s' is a section: expected keys, got %s%s%s",
                       entry->key, entry->kind == MAD_ENTRY_LIST ? "a list" : "'",
                       entry->kind == MAD_ENTRY_LIST ? "" : shown,
                       entry->kind == MAD_ENTRY_LIST ? "" : "'");
}

static mad_status check_key(const mad_resolver *r, const mad_entry *entry)
{
    const char *rest;
    const mad_section section = mad_key_section(entry->key, &rest);
    const mad_section_info *info = &mad_sections[section];
    if (rest == NULL || is_group(r->chosen[section].params, rest)) {
        return check_group(r, entry);
    }
    if (info->selector != NULL && strcmp(rest, info->selector) == 0) {
        return MAD_OK; /* choose_plugin has looked at it */
    }
    const mad_param *param = mad_param_find(r->chosen[section].params, rest);
    if (param == NULL) {
        return mad_fail_unknown(r, entry);
    }
    if (entry->kind == MAD_ENTRY_EMPTY || entry->kind == MAD_ENTRY_MAPPING) {
        char allowed[512];
        mad_param_allowed(param, sizeof allowed, allowed);
        return mad_fail_at(r->ctx, entry->value_at, "%s: expected %s, got %s", entry->key, allowed,
                           entry->kind == MAD_ENTRY_EMPTY ? "nothing" : "a mapping");
    }
    return MAD_OK;
}

/* ---- values ---- */

/* The alternative of a CHOICE or FORM nearest to a text, into out; 0 when none is near. */
static int nearest_choice(const mad_param *param, const char *text, size_t n_bytes, char *out)
{
    enum { MAX_CHOICES = 32, MAX_BYTES = 64 };
    char word[MAX_CHOICES][MAX_BYTES];
    const char *names[MAX_CHOICES];
    size_t n = 0;
    if (param->kind != MAD_PARAM_CHOICE && param->kind != MAD_PARAM_FORM) {
        return 0;
    }
    for (const char *p = param->choices; p != NULL && n < MAX_CHOICES; n++) {
        snprintf(word[n], MAX_BYTES, "%.*s", (int)strcspn(p, "|"), p);
        names[n] = word[n];
        p = strchr(p, '|');
        p = p == NULL ? NULL : p + 1;
    }
    const char *nearest = mad_nearest(text, n, names);
    if (nearest == NULL) {
        return 0;
    }
    snprintf(out, n_bytes, "%s", nearest);
    return 1;
}

/* 1 when a comma of {} or [] has cut a text such as "linear(1, 2)" in two. */
static int is_cut(const mad_entry *entry)
{
    for (size_t i = 0; i < entry->n_texts; i++) {
        if (strchr(entry->texts[i], '(') != NULL && strchr(entry->texts[i], ')') == NULL) {
            return 1;
        }
    }
    return 0;
}

/* Adds place, key and, where one is near, what was meant, to the message of mad_value_parse. */
static mad_status fail_value(const mad_resolver *r, const mad_param *param, const mad_entry *entry)
{
    char message[MAD_MESSAGE_BYTES], nearest[64];
    snprintf(message, sizeof message, "%s", r->ctx->message);
    const int is_near = entry->kind == MAD_ENTRY_SCALAR &&
                        nearest_choice(param, entry->texts[0], sizeof nearest, nearest);
    mad_ctx_clear(r->ctx);
    return mad_fail_at(r->ctx, entry->value_at, "%s: %s%s%s%s%s", entry->key, message,
                       is_near ? " (did you mean '" : "", is_near ? nearest : "",
                       is_near ? "'?)" : "",
                       is_cut(entry) ? " (inside {} and [] a text with a comma needs quotes)" : "");
}

static mad_status parse_entry(const mad_resolver *r, const mad_param *param, const mad_entry *entry,
                              mad_value *out)
{
    const mad_status st = mad_value_parse(r->ctx, r->mem, param, entry->n_texts, entry->texts,
                                          entry->kind == MAD_ENTRY_LIST, out);
    return st == MAD_E_CONFIG ? fail_value(r, param, entry) : st;
}

/* A geometric schedule leaves its range, if at all, in the last generation. */
static mad_status check_schedule(const mad_resolver *r, const char *key, const mad_value *value,
                                 const mad_entry *entry, size_t n_generations)
{
    const mad_param *param = value->param;
    if (param->kind != MAD_PARAM_SCHEDULE && param->kind != MAD_PARAM_FORM) {
        return MAD_OK;
    }
    const double last = mad_schedule_at(&value->schedule, n_generations, n_generations);
    if (!(last < param->min || last > param->max)) { /* a word is no number */
        return MAD_OK;
    }
    char allowed[512];
    mad_param_allowed(param, sizeof allowed, allowed);
    const mad_place at = entry == NULL ? (mad_place){.file = r->file} : entry->value_at;
    return mad_fail_at(r->ctx, at, "%s: %s is %g in generation %zu: expected %s", key, value->text,
                       last, n_generations, allowed);
}

static mad_status fail_required(const mad_resolver *r, mad_section section, const mad_param *param)
{
    char allowed[512], key[256];
    full_key(section, param->name, sizeof key, key);
    mad_param_allowed(param, sizeof allowed, allowed);
    const char *plugin = r->chosen[section].name;
    return mad_fail(r->ctx, MAD_E_CONFIG, "%s: '%s' is required%s%s%s: %s", r->file, key,
                    plugin == NULL ? "" : " by '", plugin == NULL ? "" : plugin,
                    plugin == NULL ? "" : "'", allowed);
}

static mad_status parse_section(const mad_resolver *r, mad_section section, size_t n_generations,
                                mad_values *out)
{
    mad_status st = MAD_OK;
    mad_values values = {.params = r->chosen[section].params};
    while (values.params != NULL && values.params[values.n_values].name != NULL) {
        values.n_values++;
    }
    values.value = mad_arena_take(r->mem, values.n_values, sizeof *values.value);
    if (values.value == NULL) {
        return mad_fail_memory(r->ctx, "configuration values");
    }
    for (size_t i = 0; i < values.n_values; i++) {
        const mad_param *param = &values.params[i];
        char key[256];
        full_key(section, param->name, sizeof key, key);
        const mad_entry *entry = mad_entries_find(r->entries, key);
        if (entry != NULL) {
            MAD_TRY(parse_entry(r, param, entry, &values.value[i]));
        } else if (param->fallback != NULL) {
            MAD_TRY(
                mad_value_parse(r->ctx, r->mem, param, 1, &param->fallback, 0, &values.value[i]));
            values.value[i].is_default = 1;
        } else {
            st = fail_required(r, section, param);
            goto out;
        }
        MAD_TRY(check_schedule(r, key, &values.value[i], entry, n_generations));
    }
    *out = values;
out:
    return st;
}

/* ---- what tables cannot say ---- */

static mad_status fail_metric(const mad_resolver *r, mad_place at, const char *word)
{
    const char *nearest = mad_measure_nearest(r->registry, word);
    return mad_fail_at(r->ctx, at, "measure.metrics: unknown metric '%s'%s%s%s", word,
                       nearest == NULL ? "" : " (did you mean '", nearest == NULL ? "" : nearest,
                       nearest == NULL ? "; see 'madloop list metrics'" : "'?)");
}

static mad_status check_metrics(const mad_resolver *r)
{
    const mad_value *metrics = mad_get(&r->config->measure, "metrics");
    const mad_entry *entry = mad_entries_find(r->entries, "measure.metrics");
    for (size_t i = 0; entry != NULL && i < metrics->n_list; i++) {
        const char *word = metrics->words[i];
        if (strcmp(word, "auto") != 0 && !mad_measure_is_known(r->registry, word)) {
            return fail_metric(r, entry->value_at, word);
        }
    }
    return MAD_OK;
}

static int is_folder_name(const char *name)
{
    if (name[0] == '\0' || name[0] == '.' || strlen(name) > 100) {
        return 0;
    }
    for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f || *p == '/') {
            return 0;
        }
    }
    return 1;
}

/* "dir/fresh.yaml" names its experiment "fresh"; what no folder can be called becomes '_'. */
static mad_status name_from_file(mad_resolver *r, const char **out)
{
    const char *slash = strrchr(r->file, '/');
    char *name = mad_arena_text(r->mem, slash == NULL ? r->file : slash + 1);
    if (name == NULL) {
        return mad_fail_memory(r->ctx, "the name of the experiment");
    }
    char *dot = strrchr(name, '.');
    if (dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0)) {
        *dot = '\0';
    }
    size_t n = strlen(name), length;
    for (size_t i = 0; i < n; i += length) {
        length = mad_utf8_length((unsigned char *)name + i, n - i);
        if (length == 0 || (unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            name[i] = '_';
            length = 1;
        }
        if (i + length > 100) {
            name[i] = '\0';
            break;
        }
    }
    if (name[0] == '.') {
        name[0] = '_';
    }
    *out = name[0] == '\0' ? "experiment" : name;
    return MAD_OK;
}

static mad_status settle_name(mad_resolver *r)
{
    mad_value *value = &r->config->root.value[0];
    MAD_ASSERT(strcmp(value->param->name, "name") == 0);
    if (value->text[0] == '\0') {
        return name_from_file(r, &value->text);
    }
    if (!is_folder_name(value->text)) {
        const mad_entry *entry = mad_entries_find(r->entries, "name");
        char shown[MAD_SHOWN_BYTES];
        mad_text_shown(value->text, sizeof shown, shown);
        return mad_fail_at(r->ctx, entry->value_at,
                           "name: expected what can name a folder (up to 100 bytes, no '/', no "
                           "'.' in front), got '%s'",
                           shown);
    }
    return MAD_OK;
}

/* ---- axes ---- */

/* Every value of every axis must be one that its key takes. */
static mad_status check_axis(const mad_resolver *r, const mad_entry *axis)
{
    mad_status st = MAD_OK;
    const char *rest;
    const mad_section section = mad_key_section(axis->key, &rest);
    const mad_param *param = rest == NULL ? NULL : mad_param_find(r->chosen[section].params, rest);
    MAD_TRY(check_key(r, axis));
    mad_entry point = *axis;
    point.n_texts = 1;
    for (size_t k = 0; k < axis->n_texts; k++) {
        size_t index;
        mad_plugin plugin;
        mad_value value;
        point.texts = &axis->texts[k];
        if (param != NULL) {
            MAD_TRY(parse_entry(r, param, &point, &value));
        } else if (!find_plugin(r, section, axis->texts[k], &index, &plugin)) {
            st = mad_fail_plugin(r, axis->value_at, section, axis->texts[k]);
            goto out;
        }
    }
out:
    return st;
}

/* 1 when some entry is a key of the section, or the section itself. */
static int is_given(const mad_resolver *r, mad_section section)
{
    const char *rest;
    for (size_t i = 0; i < r->entries->n_entries; i++) {
        if (mad_key_section(r->entries->entry[i].key, &rest) == section) {
            return 1;
        }
    }
    return 0;
}

mad_status mad_resolve(mad_resolver *r)
{
    mad_status st = MAD_OK;
    mad_config *c = r->config;
    MAD_TRY(choose_plugins(r));
    for (size_t i = 0; i < r->entries->n_entries; i++) {
        MAD_TRY(check_key(r, &r->entries->entry[i]));
    }
    MAD_TRY(parse_section(r, MAD_SECTION_ROOT, 1, &c->root));
    MAD_TRY(settle_name(r));
    const size_t n_generations = mad_get_size(&c->root, "generations");
    for (mad_section s = MAD_SECTION_ROOT + 1; s < MAD_N_SECTIONS; s++) {
        if (!mad_sections[s].may_be_absent || is_given(r, s)) {
            MAD_TRY(parse_section(r, s, n_generations, mad_section_values(c, s)));
        }
    }
    MAD_TRY(check_metrics(r));
    MAD_TRY(mad_stop_settle(r));
    for (size_t i = 0; i < r->n_axes; i++) {
        MAD_TRY(check_axis(r, &r->axis[i]));
    }
out:
    return st;
}
