/* sim/store/journal.h: log.jsonl: one event a line, for whoever follows a run. */
#ifndef MAD_STORE_JOURNAL_H
#define MAD_STORE_JOURNAL_H

#include "sim/store/runfile.h"

/**
 * Append one JSON object to DIR/log.jsonl: {"time": "2024-05-01T12:00:00.123Z", "event": event,
 * name: value, ...}. A pair's text is a string (bytes that are no UTF-8 become '?'), a number is a
 * number, and null where it is NaN or infinite. Never fsynced: the log proves nothing.
 *
 * errors  MAD_E_IO, MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_journal_append(mad_ctx *ctx, const char *dir, const char *event,
                                             size_t n_pairs, const mad_attribute *pairs);

#endif
