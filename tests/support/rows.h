/* tests/support/rows.h: sets of rows compared: with a law's moments, with each other. */
#ifndef MAD_TESTS_SUPPORT_ROWS_H
#define MAD_TESTS_SUPPORT_ROWS_H

#include "sim/iface/set.h"

#define MAD_TEST_Z 4.89 /* |z| beyond it: a false alarm of 1e-6, two-sided */

/** Largest |z| of the rows' first moments against mean [dim], and of their second moments about it
 *  against cov [dim][dim], by the central limit theorem. */
double mad_test_worst_z(const mad_set *set, const double *mean, const double *cov);

/** Fails unless rows and labels are the same bits. */
void mad_test_same_rows(const mad_set *a, const mad_set *b);

#endif
