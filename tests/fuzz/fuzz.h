/* tests/fuzz/fuzz.h: what libFuzzer calls, and replay.c where there is none. */
#ifndef MAD_TESTS_FUZZ_FUZZ_H
#define MAD_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Aborts, or a sanitizer does, where the bytes do harm. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
