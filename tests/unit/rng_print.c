/* tests/unit/rng_print.c: prints the beginnings of streams for check_rng.py. */
#include <inttypes.h>
#include <stdio.h>

#include "sim/base/rng.h"

static void print_stream(mad_key key, uint64_t item)
{
    double x[32];
    printf("%" PRIu64 " %u %u %d %" PRIu64 " |", key.seed, key.replicate, key.generation,
           (int)key.purpose, item);
    mad_rng rng = mad_rng_open(key, item);
    for (size_t i = 0; i < 3; i++) {
        printf(" %" PRIu64, mad_rng_next(&rng));
    }
    rng = mad_rng_open(key, item);
    printf(" | %.17g |", mad_rng_uniform(&rng));
    rng = mad_rng_open(key, item);
    mad_rng_normals(&rng, 32, x);
    for (size_t i = 0; i < 32; i++) {
        printf(" %.17g", x[i]);
    }
    printf("\n");
}

int main(void)
{
    const uint64_t seeds[] = {0, 1, 4294967295u, 4294967296u, 9007199254740991u};
    const uint64_t items[] = {0, 1, 77, 4294967295u, 4294967296u};
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++) {
            print_stream((mad_key){.seed = seeds[i],
                                   .replicate = (uint32_t)(3 * k),
                                   .generation = (uint32_t)(i * k),
                                   .purpose = k % 2 == 0 ? MAD_RNG_REAL : MAD_RNG_FIT},
                         items[k]);
        }
    }
    return 0;
}
