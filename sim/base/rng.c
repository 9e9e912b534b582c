/* sim/base/rng.c: PCG64-DXSM, and numpy's SeedSequence hash of a key.
 * ref  O'Neill 2014; M.E. O'Neill's seed_seq_fe with the constants numpy uses. */
#include "sim/base/rng.h"

#include <string.h>

#include "sim/base/normal.h"
#include "sim/base/status.h"

enum { POOL_WORDS = 4 };

/* The pool, and what is mixed into its four words at once. */
typedef uint32_t four __attribute__((vector_size(POOL_WORDS * sizeof(uint32_t))));

#define U128(high, low)    (((mad_u128)(high) << 64) | (mad_u128)(low))
#define MULTIPLIER_CHEAP   0xda942042e4dd58b5ull
#define MULTIPLIER_DEFAULT U128(2549297995355413924ull, 4865540595714422341ull)
#define HASH_STEP          0x931e8875u
#define STATE_STEP         0x58f38dedu
#define INLINE             static inline __attribute__((always_inline))

/* Every hash of a word has its own constant, the one before times HASH_STEP. Those of the four lanes,
 * over the first: when the word mixed in is the pool's own lane k, that lane is left out. */
#define H HASH_STEP
static const four lane_steps[POOL_WORDS + 1] = {
    {0, 1, H, H *H}, {1, 0, H, H *H}, {1, H, 0, H *H}, {1, H, H *H, 0}, {1, H, H *H, H *H *H}};

INLINE four hash_words(four value, four constant)
{
    value ^= constant;
    value *= constant * HASH_STEP;
    return value ^ (value >> 16);
}

INLINE four mix(four x, four y)
{
    const four result = 0xca01f9ddu * x - 0x4973f715u * y;
    return result ^ (result >> 16);
}

INLINE four splat(uint32_t word)
{
    return (four){word, word, word, word};
}

/* SeedSequence(seed, spawn_key = the rest): numbers as 32-bit words, low word first, without leading
 * zero words but for the seed, which fills the pool. The compiler unrolls the loops and leaves
 * numbers of the constants. */
INLINE four hash_key(mad_key key, uint64_t item)
{
    uint32_t constant = 0x43b0d7e5u;
    four pool = {(uint32_t)key.seed, (uint32_t)(key.seed >> 32), 0, 0};
    pool = hash_words(pool, constant * lane_steps[POOL_WORDS]);
    constant *= H * H * H * H;
    for (size_t from = 0; from < POOL_WORDS; from++) {
        const four own = (four)(lane_steps[from] == 0);
        const four mixed = mix(pool, hash_words(splat(pool[from]), constant * lane_steps[from]));
        pool = (pool & own) | (mixed & ~own);
        constant *= H * H * H;
    }
    const uint32_t words[] = {key.replicate, key.generation, (uint32_t)key.purpose, (uint32_t)item,
                              (uint32_t)(item >> 32)};
    const size_t n_words = words[POOL_WORDS] != 0 ? POOL_WORDS + 1 : POOL_WORDS;
    for (size_t i = 0; i < n_words; i++) {
        pool = mix(pool, hash_words(splat(words[i]), constant * lane_steps[POOL_WORDS]));
        constant *= H * H * H * H;
    }
    return pool;
}

/* SeedSequence.generate_state(4), and what PCG64DXSM makes of it: numpy seeds with the default
 * multiplier, although DXSM steps with the cheap one. */
INLINE mad_rng open_stream(mad_key key, uint64_t item)
{
    const four pool = hash_key(key, item);
    four constant = {0x8b51f9ddu};
    for (size_t i = 1; i < POOL_WORDS; i++) {
        constant[i] = constant[i - 1] * STATE_STEP;
    }
    uint64_t word[4];
    for (size_t half = 0; half < 2; half++) {
        four value = pool ^ constant;
        value *= constant * STATE_STEP;
        value ^= value >> 16;
        memcpy(word + 2 * half, &value, sizeof value);
        constant *= STATE_STEP * STATE_STEP * STATE_STEP * STATE_STEP;
    }
    mad_rng rng = {.inc = U128(word[2], word[3]) << 1 | 1};
    rng.state = rng.inc + U128(word[0], word[1]);
    rng.state = rng.state * MULTIPLIER_DEFAULT + rng.inc;
    return rng;
}

#if defined(__x86_64__)
/* The first with a product of four 32-bit words in one instruction. */
__attribute__((target("sse4.1"))) static mad_rng open_sse41(mad_key key, uint64_t item)
{
    return open_stream(key, item);
}
#endif

mad_rng mad_rng_open(mad_key key, uint64_t item)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.1")) {
        return open_sse41(key, item);
    }
#endif
    return open_stream(key, item);
}

mad_key mad_key_for(mad_key key, mad_purpose purpose)
{
    key.purpose = purpose;
    return key;
}

mad_rng mad_rng_fork(const mad_rng *rng)
{
    mad_rng ahead = *rng;
    const mad_key key = {.seed = mad_rng_next(&ahead), .purpose = MAD_RNG_SAMPLE};
    return mad_rng_open(key, mad_rng_next(&ahead));
}

mad_rng mad_rng_raw(mad_u128 state, mad_u128 inc)
{
    return (mad_rng){.state = state, .inc = inc | 1};
}

uint64_t mad_rng_next(mad_rng *rng)
{
    uint64_t high = (uint64_t)(rng->state >> 64);
    const uint64_t low = (uint64_t)rng->state | 1;
    high ^= high >> 32;
    high *= MULTIPLIER_CHEAP;
    high ^= high >> 48;
    high *= low;
    rng->state = rng->state * MULTIPLIER_CHEAP + rng->inc;
    return high;
}

void mad_rng_fill(mad_rng *rng, size_t n, uint64_t *out)
{
#if defined(__x86_64__)
    const size_t worth_setting_up = 16;
    if (n >= worth_setting_up && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq")) {
        mad_rng_fill_avx512(rng, n, out);
        return;
    }
#endif
    mad_rng local = *rng; /* in registers: out cannot alias it */
    for (size_t i = 0; i < n; i++) {
        out[i] = mad_rng_next(&local);
    }
    *rng = local;
}

double mad_rng_uniform(mad_rng *rng)
{
    return (double)(mad_rng_next(rng) >> 11) * 0x1p-53;
}

uint64_t mad_rng_below(mad_rng *rng, uint64_t n)
{
    MAD_ASSERT(n >= 1);
    const uint64_t reject_below = (0 - n) % n; /* 2^64 mod n */
    for (;;) {
        const uint64_t word = mad_rng_next(rng);
        if (word >= reject_below) {
            return word % n;
        }
    }
}

size_t mad_rng_index(mad_rng *rng, size_t n, const double *cum)
{
    const double u = mad_rng_uniform(rng) * cum[n - 1];
    size_t low = 0, high = n - 1; /* smallest index with u < cum[index] */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (u < cum[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

void mad_rng_choose(mad_rng *rng, size_t n_total, size_t n, size_t *pick, size_t *work)
{
    MAD_ASSERT(n <= n_total);
    for (size_t i = 0; i < n_total; i++) {
        work[i] = i;
    }
    for (size_t i = 0; i < n; i++) { /* Fisher-Yates, stopped after n */
        const size_t j = i + (size_t)mad_rng_below(rng, n_total - i);
        pick[i] = work[j];
        work[j] = work[i];
    }
}
