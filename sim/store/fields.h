/* sim/store/fields.h: lines and fields of a text table. */
#ifndef MAD_STORE_FIELDS_H
#define MAD_STORE_FIELDS_H

#include "sim/base/arena.h"

/* A piece of the text, borrowed. */
typedef struct mad_span {
    const char *begin, *end;
} mad_span;

/* What is still to be read. The byte at `end` is readable and zero. */
typedef struct mad_lines {
    const char *at, *end;
    size_t n_lines; /* read so far: the number, from 1, of the line read last */
} mad_lines;

enum { MAD_EXCERPT_BYTES = 48, MAD_WORD_BYTES = 64 };

/** The next line that is neither blank nor a comment (#), without its end; 0 when there is none. */
int mad_lines_next(mad_lines *lines, mad_span *line);

/** Cuts the next field off *rest, without the blanks and quotes around it; 0 when there is none
 *  left, -1 when its quotes are broken. */
int mad_fields_next(mad_span *rest, char delimiter, mad_span *field);

/** By a line: a semicolon wins over all (commas may then be decimal), a tab over no delimiter. */
char mad_fields_delimiter(mad_span line);

int mad_span_equals(mad_span field, const char *text);

/** Empty, NA, N/A, NaN, null or ?, in any case. */
int mad_span_is_missing(mad_span field);

/** 1 and a finite *out when the whole field is a decimal number. */
int mad_span_number(mad_span field, double *out);

/** inf or infinity, with a sign or none, in any case. */
int mad_span_is_infinite(mad_span field);

/** 1: may name a category: at most MAD_WORD_BYTES printable bytes that do not begin as a number
 *  does ("0x10", "1,5", "inf" are broken numbers, not words). */
int mad_span_is_word(mad_span field);

/** The field as text, doubled quotes undone; NULL when memory is short. */
char *mad_span_copy(mad_arena *mem, mad_span field);

/** The field as it may stand in a message, in out[MAD_EXCERPT_BYTES]: short, printable. */
const char *mad_span_excerpt(mad_span field, char *out);

#endif
