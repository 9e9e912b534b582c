/* sim/nn/kernels.c: which kernels this processor runs. */
#include "sim/nn/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "sim/nn/tables.h"

static const char *const isa_names[] = {"reference", "plain", "avx2", "avx512"};
enum { N_ISAS = sizeof isa_names / sizeof *isa_names };

const mad_kernels *mad_kernels_for(mad_isa isa)
{
    switch (isa) {
    case MAD_ISA_REFERENCE:
        return &mad_kernels_ref;
    case MAD_ISA_PLAIN:
        return &mad_kernels_plain;
    case MAD_ISA_AVX2:
#ifdef MAD_HAVE_X86
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
            return &mad_kernels_avx2;
        }
#endif
        return NULL;
    case MAD_ISA_AVX512:
#ifdef MAD_HAVE_X86
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("fma")) {
            return &mad_kernels_avx512;
        }
#endif
        return NULL;
    }
    return NULL;
}

mad_status mad_kernels_choose(mad_ctx *ctx, const mad_kernels **out)
{
    const char *name = getenv("MADLOOP_ISA");
    if (name == NULL || *name == '\0') {
        for (int isa = N_ISAS - 1; isa > MAD_ISA_REFERENCE; isa--) {
            *out = mad_kernels_for((mad_isa)isa);
            if (*out != NULL) {
                return MAD_OK;
            }
        }
    }
    for (int isa = 0; isa < N_ISAS; isa++) {
        if (name != NULL && strcmp(name, isa_names[isa]) == 0) {
            *out = mad_kernels_for((mad_isa)isa);
            if (*out == NULL) {
                return mad_fail(ctx, MAD_E_USAGE, "MADLOOP_ISA=%s: this processor has no %s", name,
                                name);
            }
            return MAD_OK;
        }
    }
    return mad_fail(ctx, MAD_E_USAGE, "MADLOOP_ISA=%s: expected reference, plain, avx2 or avx512",
                    name);
}
