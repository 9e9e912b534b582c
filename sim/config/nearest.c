/* sim/config/nearest.c: what a mistyped word was probably meant to be. */
#include <string.h>

#include "sim/config/config.h"

enum { MAX_WORD = 63, MAX_DISTANCE = 2 };

/* Edit distance in which a swap of neighbours counts once (optimal string alignment):
 * d[i][j] between the first i letters of a and the first j of b. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned char d[MAX_WORD + 1][MAX_WORD + 1];
    for (size_t i = 0; i <= n_a; i++) {
        for (size_t j = 0; j <= n_b; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = (unsigned char)(i + j);
                continue;
            }
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1u : 0u);
            best = d[i - 1][j] + 1u < best ? d[i - 1][j] + 1u : best;
            best = d[i][j - 1] + 1u < best ? d[i][j - 1] + 1u : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1u < best) {
                best = d[i - 2][j - 2] + 1u;
            }
            d[i][j] = (unsigned char)best;
        }
    }
    return d[n_a][n_b];
}

/* 0 = equal, then edits, then prefixes, shorter names first; SIZE_MAX = not near. */
static size_t rank(const char *word, size_t n_word, const char *name)
{
    const size_t n_name = strlen(name), n_common = n_word < n_name ? n_word : n_name;
    if (n_name > MAX_WORD || n_word == 0) {
        return SIZE_MAX;
    }
    const unsigned d = distance(word, n_word, name, n_name);
    if (d <= MAX_DISTANCE && d < n_common) { /* "ab" is not near "n" */
        return d;
    }
    return n_common >= 2 && strncmp(word, name, n_common) == 0 ? MAX_DISTANCE + n_name : SIZE_MAX;
}

const char *mad_nearest(const char *word, size_t n_names, const char *const *names)
{
    const size_t n_word = strlen(word);
    const char *best = NULL;
    size_t best_rank = SIZE_MAX;
    for (size_t i = 0; n_word <= MAX_WORD && i < n_names; i++) {
        const size_t r = rank(word, n_word, names[i]);
        if (r < best_rank) {
            best_rank = r;
            best = names[i];
        }
    }
    return best;
}
