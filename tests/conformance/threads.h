/* tests/conformance/threads.h: runs with so many threads agree to the last bit. */
#ifndef MAD_TESTS_CONFORMANCE_THREADS_H
#define MAD_TESTS_CONFORMANCE_THREADS_H

#include <stddef.h>

enum { N_THREAD_COUNTS = 4 };

static const size_t thread_counts[N_THREAD_COUNTS] = {1, 2, 3, 5};

#endif
