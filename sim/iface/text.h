/* sim/iface/text.h: numbers and lists as text: the one way they are read, written and shown. */
#ifndef MAD_IFACE_TEXT_H
#define MAD_IFACE_TEXT_H

#include <stddef.h>

#include "sim/base/ctx.h"

#define MAD_NUMBER_BYTES 32 /* enough for every mad_number_print */
#define MAD_SHOWN_BYTES  64 /* customary size for mad_text_shown */

/** 1 when the whole text (blanks around it allowed) is a decimal number that a double holds:
 *  digits with optional sign, point and exponent. Not: hex, inf, nan, overflow, underflow to 0. */
int mad_number_parse(const char *text, double *out);

/** As mad_number_parse, and the number written is whole: "12", "1e4", "2.50e1"; not "1.5". */
int mad_whole_parse(const char *text, double *out);

/** The shortest text that reads back as exactly x (finite; -0 prints as 0). */
void mad_number_print(double x, size_t n_bytes, char *out);

/** Text as error messages show it: one line, shortened with "..." to n_bytes - 1. */
void mad_text_shown(const char *text, size_t n_bytes, char *out);

/**
 * Split at the commas outside of every () and []; blanks around pieces are dropped.
 * A text of blanks alone has no pieces.
 *
 * errors  MAD_E_CONFIG: an empty piece, or brackets that do not match;  MAD_E_MEMORY
 * memory  pieces from mem
 */
MAD_MUST_CHECK mad_status mad_text_split(mad_ctx *ctx, mad_arena *mem, const char *text,
                                         size_t *n_pieces, const char *const **pieces);

/** The text between "name(" and the matching last ")", blanks allowed around; NULL when `text` is
 *  not of that form. MAD_E_MEMORY only: *out = NULL is no error. */
MAD_MUST_CHECK mad_status mad_text_call(mad_ctx *ctx, mad_arena *mem, const char *text,
                                        const char *name, const char **out);

#endif
