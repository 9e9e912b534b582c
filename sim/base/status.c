/* sim/base/status.c: texts and exit codes of the one status list. */
#include "sim/base/status.h"

#include <stdio.h>
#include <stdlib.h>

const char *mad_status_text(mad_status st)
{
    static const char *const texts[] = {
#define MAD_STATUS_ENTRY(code, exit_code, text) text,
        MAD_STATUS_LIST(MAD_STATUS_ENTRY)
#undef MAD_STATUS_ENTRY
    };
    return texts[st];
}

int mad_status_exit_code(mad_status st)
{
    static const int exit_codes[] = {
#define MAD_STATUS_ENTRY(code, exit_code, text) exit_code,
        MAD_STATUS_LIST(MAD_STATUS_ENTRY)
#undef MAD_STATUS_ENTRY
    };
    return exit_codes[st];
}

_Noreturn void mad_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "madloop: %s:%d: broken promise: %s (this is a bug)\n", file, line, condition);
    abort();
}
