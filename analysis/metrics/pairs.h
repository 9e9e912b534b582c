/* analysis/metrics/pairs.h: functions of two rows, and their sums over all pairs of two sets.
 *
 * Distances are sums of explicit differences in double (the Gram formula loses the digits of near
 * rows and makes negative squares), inner products are inner products. Pairs are met in squares of
 * MAD_PAIR_ROWS x MAD_PAIR_ROWS rows, and no matrix of all pairs is kept: memory is that of the
 * rows once more.
 */
#ifndef MAD_ANALYSIS_METRICS_PAIRS_H
#define MAD_ANALYSIS_METRICS_PAIRS_H

#include "sim/base/ctx.h"
#include "sim/iface/set.h"

enum {
    MAD_PAIR_TILE = 8,  /* rows of a set that stand side by side */
    MAD_PAIR_ROWS = 64, /* of a block: constants, so that bits do not hang on threads */
};

typedef enum mad_pair_kind {
    MAD_PAIR_DISTANCE_SQ, /* |x - y|^2 */
    MAD_PAIR_DISTANCE,    /* |x - y| */
    MAD_PAIR_GAUSS,       /* exp(-|x - y|^2 / scale) */
    MAD_PAIR_CUBIC        /* (x.y / scale + 1)^3 */
} mad_pair_kind;

/* k(x, y), symmetric to the bit. */
typedef struct mad_kernel {
    mad_pair_kind kind;
    double scale;
} mad_kernel;

/* Rows as the kernels want them. Past the last row stand zeros, up to whole blocks. */
typedef struct mad_pack {
    size_t n_rows, dim;
    double *x; /* [n_blocks MAD_PAIR_ROWS / MAD_PAIR_TILE][dim][MAD_PAIR_TILE] */
} mad_pack;

/** errors  MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_pack_take(mad_ctx *ctx, mad_arena *mem, const mad_set *set,
                                        mad_pack *out);

/** Number of blocks of MAD_PAIR_ROWS rows. */
size_t mad_pair_blocks(size_t n_rows);

/** k[n] = the values of row i with rows j.. of the other set. */
typedef void mad_pair_fn(void *arg, size_t i, size_t j, size_t n, const double *k);

/**
 * Meet the rows of block i_block of a with those of b; where b is a (the same pack) with the later
 * rows only, so that all blocks meet every pair once. Serial, in a fixed order.
 */
void mad_pair_scan(const mad_kernel *kernel, const mad_pack *a, const mad_pack *b, size_t i_block,
                   mad_pair_fn *fn, void *arg);

/**
 * Sum of k over all pairs of rows of a and b; where b is a over the pairs i < j. Added by halves:
 * relative error below 1e-14 where k has one sign.
 *
 * errors  MAD_E_MEMORY, MAD_E_INTERRUPTED
 * threads parallel over blocks of rows, same bits for any number
 * memory  O(rows)
 */
MAD_MUST_CHECK mad_status mad_pair_sum(mad_ctx *ctx, const mad_kernel *kernel, const mad_pack *a,
                                       const mad_pack *b, double *out);

/* Sums of k over the pairs i < j of each set, and over all pairs of rows of both. */
typedef struct mad_pair_sums {
    size_t n_real, n_fake;
    double real, fake, cross;
} mad_pair_sums;

/** Over the pairs i < j of one set; errors and threads as in mad_pair_sum. */
MAD_MUST_CHECK mad_status mad_pair_sum_within(mad_ctx *ctx, const mad_kernel *kernel,
                                              const mad_set *set, double *out);

/** All three; real_sum is that of mad_pair_sum_within over real. */
MAD_MUST_CHECK mad_status mad_pair_sums_take(mad_ctx *ctx, const mad_kernel *kernel,
                                             const mad_set *real, double real_sum,
                                             const mad_set *fake, mad_pair_sums *out);

/**
 * E k(x, x') + E k(y, y') - 2 E k(x, y) without pairs of a row with itself: the unbiased estimate,
 * which may be negative. NaN with fewer than two rows on a side, or when k overflows.
 *
 * ref     Gretton et al. 2012, J. Mach. Learn. Res. 13:723, Eq. 3
 */
double mad_mmd2_unbiased(const mad_pair_sums *sums);

/* The inner loops for one instruction set. */
typedef struct mad_pair_code {
    /** out[r][c] += sum over n coordinates of (x_r - y_c)^2, or of x_r y_c, for the rows of two
     *  tiles [n][MAD_PAIR_TILE]; a row of out has MAD_PAIR_ROWS numbers. */
    void (*add_squares)(size_t n, const double *x, const double *y, double *out);
    void (*add_products)(size_t n, const double *x, const double *y, double *out);
    /** v[n] <- k of squared distances or inner products; n a multiple of MAD_PAIR_TILE. */
    void (*finish)(const mad_kernel *kernel, size_t n, double *v);
} mad_pair_code;

/* Every way that this processor has, the portable one first, then NULL; the last is the fastest. */
enum { MAD_MAX_PAIR_CODES = 3 };
void mad_pair_codes(const mad_pair_code *out[MAD_MAX_PAIR_CODES + 1]);

#endif
