/* sim/store/journal.c: events through jansson, each line in one write. */
#include "sim/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/store/json.h"
#include "sim/store/publish.h"

/* Beyond this, neighbouring doubles are further than 1 apart. */
#define LARGEST_WHOLE 9007199254740992.0

static json_t *number_value(double number)
{
    if (!isfinite(number)) {
        return json_null(); /* JSON has no NaN */
    }
    if (fabs(number) <= LARGEST_WHOLE && number == floor(number)) {
        return json_integer((json_int_t)number);
    }
    return json_real(number);
}

static json_t *time_value(void)
{
    struct timespec now;
    struct tm utc;
    char day[32], text[64];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof text, "%s.%03dZ", day, (int)(now.tv_nsec / 1000000));
    return json_string(text);
}

/* The line with its newline, to be freed; NULL when memory is short. */
static char *event_line(const char *event, size_t n_pairs, const mad_attribute *pairs)
{
    json_t *object = json_object();
    int failed = object == NULL || json_object_set_new(object, "time", time_value()) < 0 ||
                 json_object_set_new(object, "event", mad_json_text(event)) < 0;

    for (size_t i = 0; i < n_pairs; i++) {
        json_t *value =
            pairs[i].text != NULL ? mad_json_text(pairs[i].text) : number_value(pairs[i].number);
        failed = failed || json_object_set_new(object, pairs[i].name, value) < 0;
    }
    char *text = failed ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    const size_t n = text == NULL ? 0 : strlen(text);
    char *line = text == NULL ? NULL : realloc(text, n + 2);
    if (line == NULL) {
        free(text);
        return NULL;
    }
    memcpy(line + n, "\n", 2);
    return line;
}

mad_status mad_journal_append(mad_ctx *ctx, const char *dir, const char *event, size_t n_pairs,
                              const mad_attribute *pairs)
{
    char path[MAD_PATH_BYTES];
    const int n_path = snprintf(path, sizeof path, "%s/log.jsonl", dir);
    if (n_path < 0 || (size_t)n_path >= sizeof path) {
        return mad_fail(ctx, MAD_E_IO, "the path of log.jsonl is longer than %zu bytes",
                        sizeof path - 1);
    }
    char *line = event_line(event, n_pairs, pairs);
    if (line == NULL) {
        return mad_fail_memory(ctx, "an event of log.jsonl");
    }
    mad_status st = MAD_OK;
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    const size_t n = strlen(line);
    /* one write per line: readers never see half of it, and lines of two processes do not mix */
    if (fd < 0 || write(fd, line, n) != (ssize_t)n) {
        st = mad_fail(ctx, MAD_E_IO, "cannot append to '%s': %s", path, strerror(errno));
    }
    if (fd >= 0 && close(fd) < 0 && st == MAD_OK) {
        st = mad_fail(ctx, MAD_E_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    free(line);
    return st;
}
