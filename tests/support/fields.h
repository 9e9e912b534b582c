/* tests/support/fields.h: the state of one model carried into another, as a file would. */
#ifndef MAD_TESTS_SUPPORT_FIELDS_H
#define MAD_TESTS_SUPPORT_FIELDS_H

#include "sim/iface/model.h"

/** Copies every field and returns what the second model's `loaded` says, if it has one. Fails the
 *  running test unless names and counts are the same on both sides. */
MAD_MUST_CHECK mad_status mad_test_copy_state(mad_ctx *ctx, mad_model *from, mad_model *to);

#endif
