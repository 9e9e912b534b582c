/* sim/base/status.h: status codes, and the macros that hand them upward. */
#ifndef MAD_BASE_STATUS_H
#define MAD_BASE_STATUS_H

/* One list: code, process exit code, text. Append only. */
#define MAD_STATUS_LIST(X)                                                                         \
    X(MAD_OK, 0, "ok")                                                                             \
    X(MAD_E_FAILED, 1, "run failed or criterion not met")                                          \
    X(MAD_E_USAGE, 2, "wrong usage")                                                               \
    X(MAD_E_CONFIG, 2, "bad configuration")                                                        \
    X(MAD_E_RANGE, 2, "value out of range")                                                        \
    X(MAD_E_UNSUPPORTED, 2, "combination not offered")                                             \
    X(MAD_E_EXISTS, 3, "output exists")                                                            \
    X(MAD_E_DATA, 3, "bad data file")                                                              \
    X(MAD_E_IO, 3, "file system error")                                                            \
    X(MAD_E_MEMORY, 3, "out of memory")                                                            \
    X(MAD_E_NONFINITE, 4, "numbers not finite")                                                    \
    X(MAD_E_INTERRUPTED, 130, "interrupted")

typedef enum mad_status {
#define MAD_STATUS_ENUM(code, exit_code, text) code,
    MAD_STATUS_LIST(MAD_STATUS_ENUM)
#undef MAD_STATUS_ENUM
} mad_status;

#define MAD_MUST_CHECK                __attribute__((warn_unused_result))
#define MAD_PRINTF(i_format, i_first) __attribute__((format(printf, i_format, i_first)))

/** Fixed text of a status, for example "bad data file". */
const char *mad_status_text(mad_status st);

/** Process exit code of a status: 0, 1, 2, 3, 4 or 130 (product contract). */
int mad_status_exit_code(mad_status st);

/** In a function with `mad_status st` and a label `out`: leave on the first failure. */
#define MAD_TRY(expression)                                                                        \
    do {                                                                                           \
        st = (expression);                                                                         \
        if (st != MAD_OK) {                                                                        \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/** A broken promise inside the program (a bug, never bad input): prints where and aborts. */
#define MAD_ASSERT(condition)                                                                      \
    ((condition) ? (void)0 : mad_assert_failed(#condition, __FILE__, __LINE__))

_Noreturn void mad_assert_failed(const char *condition, const char *file, int line);

#endif
