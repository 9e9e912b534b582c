/* tests/support/tensor.h: walking the elements of a tensor of a network, whatever its strides. */
#ifndef MAD_TESTS_SUPPORT_TENSOR_H
#define MAD_TESTS_SUPPORT_TENSOR_H

#include "sim/nn/net.h"

static inline size_t mad_test_tensor_count(const mad_tensor *t)
{
    size_t n = 1;
    for (size_t k = 0; k < t->rank; k++) {
        n *= t->shape[k];
    }
    return n;
}

/** Where element i (row-major, 0 .. count - 1) lies in the parameter block. */
static inline size_t mad_test_tensor_at(const mad_tensor *t, size_t i)
{
    ptrdiff_t at = (ptrdiff_t)t->offset;
    for (size_t k = t->rank; k-- > 0;) {
        at += (ptrdiff_t)(i % t->shape[k]) * t->stride[k];
        i /= t->shape[k];
    }
    return (size_t)at;
}

#endif
