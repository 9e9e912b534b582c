/* sim/cli/oracles.c: settings with a closed form, small enough to run them all in seconds.
 * Generations are small where a law is heavy-tailed: E sigma_t^2 is carried by rare paths once
 * t > n/2. Marks such as F3 are those of the method notes. */
#include "sim/cli/oracles.h"

#define MEAN      MAD_ORACLE_MEAN
#define VARIANCE  MAD_ORACLE_VARIANCE
#define CONSERVED MAD_ORACLE_CONSERVED

#define GAUSS_1D "{kind: gauss, dim: 1}"
#define GAUSS_3D "{kind: gauss, dim: 3, spectrum: 1}"
#define UNBIASED "{kind: gauss, ddof: unbiased}"
#define ML       "{kind: gauss, ddof: ml}"
#define NO_BIAS  "{kind: none}"
#define SHRINK   "{kind: shrink, strength: 0.8}"
#define DICE     "{kind: zipf, categories: 10, exponent: 0}"
#define MIXED    "n_initial: 12, n_real: 8, n_synthetic: 12"
#define LINE     "{kind: regression, features: 5, noise: 1}"
#define BOTH(t)                                                                                    \
    {t, "trace", MEAN},                                                                            \
    {                                                                                              \
        t, "mean_error_sq", MEAN                                                                   \
    }
#define SUM(t)                                                                                     \
    {                                                                                              \
        t, "trace", CONSERVED                                                                      \
    }

#define CONSERVATION(what, loop)                                                                   \
    {                                                                                              \
        "G5", what ", ML", 4000, 6, GAUSS_3D, ML, "{family: custom, " MIXED ", " loop "}",         \
            NO_BIAS,                                                                               \
        {                                                                                          \
            SUM(2), SUM(6)                                                                         \
        }                                                                                          \
    }

const mad_oracle mad_oracles[] = {
    {"G1,G3",
     "replace, n = 20, lam = 0.8",
     4000,
     8,
     GAUSS_3D,
     UNBIASED,
     "{family: fully_synthetic, n_initial: 20, n_synthetic: 20}",
     SHRINK,
     {BOTH(1), BOTH(2), BOTH(8)}},
    {"G2",
     "replace, n = 10",
     4000,
     20,
     GAUSS_1D,
     UNBIASED,
     "{family: fully_synthetic, n_initial: 10, n_synthetic: 10}",
     NO_BIAS,
     {{1, "log_det", MEAN},
      {20, "log_det", MEAN},
      {1, "log_det", VARIANCE},
      {20, "log_det", VARIANCE}}},
    {"G4",
     "replace, n = 20",
     4000,
     8,
     GAUSS_1D,
     UNBIASED,
     "{family: fully_synthetic, n_initial: 20, n_synthetic: 20}",
     SHRINK,
     {{1, "frechet", MEAN}, {8, "frechet", MEAN}}},
    {"G8",
     "replace, d = 3, n = 12, lam = 0.8",
     4000,
     10,
     GAUSS_3D,
     UNBIASED,
     "{family: fully_synthetic, n_initial: 12, n_synthetic: 12}",
     SHRINK,
     {{1, "log_det", MEAN}, {10, "log_det", MEAN}, {10, "log_det", VARIANCE}}},
    CONSERVATION("replace", "real: none"),
    CONSERVATION("window(3)", "real: none, retain: window(3)"),
    CONSERVATION("accumulate", "real: fixed, retain: accumulate"),
    CONSERVATION("budget", "real: fixed, retain: accumulate, budget: 10"),
    CONSERVATION("fixed real", "real: fixed"),
    CONSERVATION("fresh real", "real: fresh"),
    CONSERVATION("fresh_accumulate", "real: fresh_accumulate"),
    CONSERVATION("age uniform(3)", "real: fresh, age: uniform(3)"),
    CONSERVATION("age geometric(0.5)", "real: none, age: geometric(0.5)"),
    CONSERVATION("age all", "real: fixed, age: all"),
    CONSERVATION("real_weight", "real: fresh, real_weight: 0.7"),
    {"F2,F3",
     "fresh, 20 + 80",
     2000,
     20,
     GAUSS_1D,
     UNBIASED,
     "{family: fresh, n_initial: 30, n_real: 20, n_synthetic: 80}",
     NO_BIAS,
     {BOTH(2), BOTH(20)}},
    {"F2,F3",
     "fresh, 20 + 80, lam = 0.8",
     2000,
     20,
     GAUSS_1D,
     UNBIASED,
     "{family: fresh, n_initial: 30, n_real: 20, n_synthetic: 80}",
     SHRINK,
     {BOTH(2), BOTH(20)}},
    {"F5",
     "fresh, 20 + 200, age uniform(3)",
     2000,
     30,
     GAUSS_1D,
     UNBIASED,
     "{family: fresh, n_initial: 20, n_real: 20, n_synthetic: 200, age: uniform(3)}",
     NO_BIAS,
     {BOTH(30)}},
    {"X1",
     "fixed real, 30 + 70, lam = 0.8",
     2000,
     20,
     GAUSS_1D,
     UNBIASED,
     "{family: synthetic_augmentation, n_initial: 30, n_real: 30, n_synthetic: 70}",
     SHRINK,
     {BOTH(20)}},
    {"A2",
     "accumulate, n = 10, ML",
     4000,
     10,
     GAUSS_1D,
     ML,
     "{family: custom, real: fixed, retain: accumulate, n_initial: 10, n_real: 10, n_synthetic: "
     "10}",
     NO_BIAS,
     {BOTH(2), BOTH(10)}},
    {"A3",
     "accumulate, fit on 20, ML",
     2000,
     10,
     GAUSS_1D,
     ML,
     "{family: custom, real: fixed, retain: accumulate, budget: 20, n_initial: 20, n_real: 20, "
     "n_synthetic: 20}",
     NO_BIAS,
     {BOTH(2), BOTH(10)}},
    {"A4",
     "window(4), n = 20",
     4000,
     20,
     GAUSS_1D,
     ML,
     "{family: custom, real: none, retain: window(4), n_initial: 20, n_synthetic: 20}",
     NO_BIAS,
     {BOTH(20)}},
    {"C1,C3",
     "replace, 10 categories, n = 50",
     4000,
     20,
     DICE,
     "{kind: categorical}",
     "{family: fully_synthetic, n_initial: 50, n_synthetic: 50}",
     NO_BIAS,
     {{1, "modes_covered", MEAN},
      {20, "modes_covered", MEAN},
      {1, "heterozygosity", MEAN},
      {20, "heterozygosity", MEAN}}},
    {"C4",
     "fresh, 20 + 80",
     2000,
     15,
     DICE,
     "{kind: categorical}",
     "{family: fresh, n_initial: 100, n_real: 20, n_synthetic: 80}",
     NO_BIAS,
     {{15, "heterozygosity", MEAN}}},
    {"K1",
     "replace, n = 50, h = 0.3",
     4000,
     10,
     GAUSS_1D,
     "{kind: kde, bandwidth: 0.3}",
     "{family: fully_synthetic, n_initial: 50, n_synthetic: 50}",
     NO_BIAS,
     {BOTH(1), BOTH(10)}},
    {"L1",
     "replace, d = 5, T = 20",
     4000,
     6,
     LINE,
     "{kind: linear}",
     "{family: fully_synthetic, n_initial: 20, n_synthetic: 20}",
     NO_BIAS,
     {{1, "excess_risk", MEAN}, {6, "excess_risk", MEAN}}},
    {"L2",
     "accumulate, same design",
     4000,
     6,
     LINE,
     "{kind: linear, design: reused}",
     "{family: custom, real: fixed, retain: accumulate, n_initial: 20, n_real: 20, n_synthetic: "
     "20}",
     NO_BIAS,
     {{6, "excess_risk", MEAN}}},
    {"L2",
     "accumulate, new designs",
     4000,
     6,
     LINE,
     "{kind: linear, design: fresh}",
     "{family: custom, real: fixed, retain: accumulate, n_initial: 20, n_real: 20, n_synthetic: "
     "20}",
     NO_BIAS,
     {{6, "excess_risk", MEAN}}},
    {"L4",
     "minimum norm, d = 20, T = 12",
     1000,
     4,
     "{kind: regression, features: 20, noise: 0}",
     "{kind: linear}",
     "{family: fully_synthetic, n_initial: 12, n_synthetic: 12}",
     NO_BIAS,
     {{1, "excess_risk", MEAN}, {4, "excess_risk", MEAN}}},
};

const size_t mad_n_oracles = sizeof mad_oracles / sizeof mad_oracles[0];
