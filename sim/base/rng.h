/* sim/base/rng.h: PCG64-DXSM streams keyed as numpy's SeedSequence keys them.
 *
 * A stream is opened from (seed, replicate, generation, purpose, item) and equals
 *   numpy.random.PCG64DXSM(numpy.random.SeedSequence(seed,
 *                          spawn_key=(replicate, generation, purpose, item)))
 * word for word. The key is HASHED into both state and increment: neighbouring raw PCG streams are
 * correlated, which shrinks the very sampling variance this program measures.
 * ref  O'Neill 2014 (HMC-CS-2014-0905), PCG64-DXSM as in numpy >= 1.21; O'Neill 2015 seed_seq_fe
 */
#ifndef MAD_BASE_RNG_H
#define MAD_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a stream is for. Append only: numbers are part of every stored result. */
typedef enum mad_purpose {
    MAD_RNG_WORLD = 0,       /* the world's own fixed structure (rotation, hidden weights) */
    MAD_RNG_SPLIT = 1,       /* train / reference split of a finite data set */
    MAD_RNG_REAL = 2,        /* real training rows */
    MAD_RNG_REFERENCE = 3,   /* real rows that measures compare with */
    MAD_RNG_FLOOR = 4,       /* real rows that stand in for the model in the floor */
    MAD_RNG_FIT = 5,         /* everything random inside a fit: init, batches, noise, k-means++ */
    MAD_RNG_SAMPLE = 6,      /* rows of the synthetic block a generation leaves */
    MAD_RNG_AGE = 7,         /* which earlier model each synthetic row comes from */
    MAD_RNG_BUDGET = 8,      /* subsampling of the training set */
    MAD_RNG_MEASURE = 9,     /* samples drawn only to be measured */
    MAD_RNG_DIRECTIONS = 10, /* projection directions of sliced measures */
    MAD_RNG_PREVIEW = 11,    /* samples stored to be looked at */
    MAD_RNG_TEST = 12,       /* tests and benches */
    MAD_RNG_DENSITY = 13,    /* probes of the likelihood */
    MAD_RNG_FEATURES = 14,   /* everything random in the training of a feature space */
    MAD_RNG_SUBSET = 15,     /* rows that stand for all in a costly measure */
    MAD_RNG_SELECT = 16,     /* curation */
    MAD_RNG_CORRECT = 17,    /* correction */
    MAD_RNG_CHANNEL = 18,    /* contamination, detectors, labels, watermarks */
    MAD_RNG_POST = 19        /* own samples that a model is extrapolated from */
} mad_purpose;

typedef struct mad_key {
    uint64_t seed;
    uint32_t replicate;  /* from 0 */
    uint32_t generation; /* from 1; 0 = belongs to no generation */
    mad_purpose purpose;
} mad_key;

__extension__ typedef unsigned __int128 mad_u128; /* GNU C: 128-bit words */

typedef struct mad_rng {
    mad_u128 state;
    mad_u128 inc; /* odd */
} mad_rng;

/** Open the stream of one item. An item may draw as much as it likes. */
mad_rng mad_rng_open(mad_key key, uint64_t item);

/** The same key with another purpose. */
mad_key mad_key_for(mad_key key, mad_purpose purpose);

/** A stream of its own, hashed from where `rng` stands; rng itself does not move. */
mad_rng mad_rng_fork(const mad_rng *rng);

/** Open from raw state and increment (known-answer tests). */
mad_rng mad_rng_raw(mad_u128 state, mad_u128 inc);

/** Next 64 random bits: equals numpy's PCG64DXSM.random_raw(). */
uint64_t mad_rng_next(mad_rng *rng);

/** out[n] = the next n words. */
void mad_rng_fill(mad_rng *rng, size_t n, uint64_t *out);

/** Uniform double in [0, 1): (next >> 11) 2^-53, equals numpy's Generator.random(). */
double mad_rng_uniform(mad_rng *rng);

/** Uniform integer in 0..n-1 (n >= 1), unbiased (rejection below the largest multiple of n). */
uint64_t mad_rng_below(mad_rng *rng, uint64_t n);

/** Index drawn from the cumulative weights cum[n] (cum[n-1] = total > 0), by bisection. */
size_t mad_rng_index(mad_rng *rng, size_t n, const double *cum);

/** First n entries of a random permutation of 0..n_total-1 in pick[n]; work[n_total] is scratch. */
void mad_rng_choose(mad_rng *rng, size_t n_total, size_t n, size_t *pick, size_t *work);

/**
 * Standard normals by Box-Muller, one raw word a pair, in blocks of MAD_NORMAL_BLOCK = B numbers:
 * a block takes B/2 words; u_j = ((w_j >> 11) | 1) 2^-53 in (0, 1) gives the radius, the lower half
 * of the same word the angle, v_j = (w_j mod 2^32) 2^-32 turns;
 *   out[j] = sqrt(-2 ln u_j) cos(2 pi v_j),   out[B/2 + j] = the sine.
 * The 21 bits they share move u by less than 2^-32: radius and angle have their exact laws, and
 * depend on each other only below that resolution (radii above 6.66, 1 pair in 4e9).
 * A last partial block is computed whole and cut: out[0..n) of a longer request starts with the
 * same numbers.
 */
#define MAD_NORMAL_BLOCK ((size_t)16)
void mad_rng_normals(mad_rng *rng, size_t n, double *out);
void mad_rng_normals_f32(mad_rng *rng, size_t n, float *out); /* the same numbers, rounded */

#endif
