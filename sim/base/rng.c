/* sim/base/rng.c: PCG64-DXSM, and numpy's SeedSequence hash of a key.
 * ref  O'Neill 2014; M.E. O'Neill's seed_seq_fe with the constants numpy uses. */
#include "sim/base/rng.h"

#include "sim/base/status.h"

enum { POOL_WORDS = 4, MAX_WORDS = 16 };

#define U128(high, low)    (((mad_u128)(high) << 64) | (mad_u128)(low))
#define MULTIPLIER_CHEAP   0xda942042e4dd58b5ull
#define MULTIPLIER_DEFAULT U128(2549297995355413924ull, 4865540595714422341ull)

/* A number as numpy turns it into 32-bit words: low word first, no leading zero words. */
static size_t push_words(uint32_t *words, size_t n, uint64_t number)
{
    words[n++] = (uint32_t)number;
    if (number >> 32 != 0) {
        words[n++] = (uint32_t)(number >> 32);
    }
    return n;
}

static uint32_t hash_word(uint32_t value, uint32_t *constant)
{
    value ^= *constant;
    *constant *= 0x931e8875u;
    value *= *constant;
    return value ^ (value >> 16);
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    const uint32_t result = 0xca01f9ddu * x - 0x4973f715u * y;
    return result ^ (result >> 16);
}

static void hash_pool(const uint32_t *words, size_t n_words, uint32_t pool[POOL_WORDS])
{
    uint32_t constant = 0x43b0d7e5u;
    for (size_t i = 0; i < POOL_WORDS; i++) {
        pool[i] = hash_word(i < n_words ? words[i] : 0, &constant);
    }
    for (size_t from = 0; from < POOL_WORDS; from++) {
        for (size_t to = 0; to < POOL_WORDS; to++) {
            if (from != to) {
                pool[to] = mix(pool[to], hash_word(pool[from], &constant));
            }
        }
    }
    for (size_t from = POOL_WORDS; from < n_words; from++) {
        for (size_t to = 0; to < POOL_WORDS; to++) {
            pool[to] = mix(pool[to], hash_word(words[from], &constant));
        }
    }
}

static void generate_state(const uint32_t pool[POOL_WORDS], uint64_t out[4])
{
    uint32_t constant = 0x8b51f9ddu, word[8];
    for (size_t i = 0; i < 8; i++) {
        uint32_t value = pool[i % POOL_WORDS] ^ constant;
        constant *= 0x58f38dedu;
        value *= constant;
        word[i] = value ^ (value >> 16);
    }
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint64_t)word[2 * i] | (uint64_t)word[2 * i + 1] << 32;
    }
}

mad_rng mad_rng_open(mad_key key, uint64_t item)
{
    uint32_t words[MAX_WORDS], pool[POOL_WORDS];
    uint64_t state[4];
    size_t n = push_words(words, 0, key.seed);
    while (n < POOL_WORDS) { /* a spawned sequence pads its entropy to the pool */
        words[n++] = 0;
    }
    n = push_words(words, n, key.replicate);
    n = push_words(words, n, key.generation);
    n = push_words(words, n, (uint64_t)key.purpose);
    n = push_words(words, n, item);
    hash_pool(words, n, pool);
    generate_state(pool, state);

    /* numpy seeds with the default multiplier, although DXSM steps with the cheap one */
    mad_rng rng = {.inc = U128(state[2], state[3]) << 1 | 1};
    rng.state = rng.inc + U128(state[0], state[1]);
    rng.state = rng.state * MULTIPLIER_DEFAULT + rng.inc;
    return rng;
}

mad_key mad_key_for(mad_key key, mad_purpose purpose)
{
    key.purpose = purpose;
    return key;
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
