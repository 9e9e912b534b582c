/* analysis/metrics/transport.c: see the header.
 *
 * Rows supply, columns demand. Potentials u, v keep cost_ij - u_i - v_j >= 0, and = 0 where f_ij >
 * 0. From a row with supply left the shortest path is searched to a column with demand left: from
 * rows to any column, back from columns to rows that they are fed by (Dijkstra, over columns). */
#include "analysis/metrics/transport.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "sim/num/stats.h"

enum { NONE = -1 };

typedef struct transport {
    size_t n, m;
    const double *cost;   /* [n][m] */
    uint32_t *flow;       /* [m][n]: to column j from row i */
    uint32_t *supply;     /* [n] left */
    uint32_t *demand;     /* [m] left */
    double *u, *v;        /* [n], [m] potentials */
    double *far;          /* [m] length of the shortest path known to a column */
    double *row_far;      /* [n] the same, of rows that have been reached */
    int32_t *row_of;      /* [m] the row before a column on its path */
    int32_t *col_of;      /* [n] the column before a row; NONE: the start, or not reached */
    unsigned char *is_in; /* [n] reached */
    uint32_t *open;       /* [m] the columns not settled yet, n_open of them */
    uint32_t *settled;    /* [m] the others, n_settled */
    size_t n_open, n_settled;
} transport;

static mad_status take(mad_ctx *ctx, transport *out)
{
    mad_arena *mem = ctx->scratch;
    mad_status st = MAD_OK;
    transport t = *out;
    const size_t n = t.n, m = t.m;
    size_t n_flows = 0;
    MAD_TRY(mad_size_mul(n, m, &n_flows));
    t.flow = mad_arena_take(mem, n_flows, sizeof *t.flow);
    t.supply = mad_arena_take_raw(mem, n, sizeof *t.supply);
    t.demand = mad_arena_take_raw(mem, m, sizeof *t.demand);
    t.u = mad_arena_take(mem, n, sizeof *t.u);
    t.v = mad_arena_take(mem, m, sizeof *t.v);
    t.far = mad_arena_take_raw(mem, m, sizeof *t.far);
    t.row_far = mad_arena_take_raw(mem, n, sizeof *t.row_far);
    t.row_of = mad_arena_take_raw(mem, m, sizeof *t.row_of);
    t.col_of = mad_arena_take_raw(mem, n, sizeof *t.col_of);
    t.is_in = mad_arena_take_raw(mem, n, sizeof *t.is_in);
    t.open = mad_arena_take_raw(mem, m, sizeof *t.open);
    t.settled = mad_arena_take_raw(mem, m, sizeof *t.settled);
    if (t.flow == NULL || t.supply == NULL || t.demand == NULL || t.u == NULL || t.v == NULL ||
        t.far == NULL || t.row_far == NULL || t.row_of == NULL || t.col_of == NULL ||
        t.is_in == NULL || t.open == NULL || t.settled == NULL) {
        st = mad_fail_memory(ctx, "a transport plan");
        goto out;
    }
    *out = t;
out:
    return st;
}

static uint32_t divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* v_j = the least cost of column j, then u_i = the least reduced cost of row i: where that is 0 at
 * a column with demand left, as much as both allow flows at once. */
static void start(transport *t)
{
    const uint32_t shared = divisor((uint32_t)t->n, (uint32_t)t->m);
    const uint32_t of_row = (uint32_t)t->m / shared, of_col = (uint32_t)t->n / shared;
    for (size_t j = 0; j < t->m; j++) {
        t->demand[j] = of_col;
        t->v[j] = (double)INFINITY;
    }
    for (size_t i = 0; i < t->n; i++) {
        const double *cost = t->cost + i * t->m;
        for (size_t j = 0; j < t->m; j++) {
            t->v[j] = cost[j] < t->v[j] ? cost[j] : t->v[j];
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        const double *cost = t->cost + i * t->m;
        size_t best = 0;
        for (size_t j = 1; j < t->m; j++) {
            best = cost[j] - t->v[j] < cost[best] - t->v[best] ? j : best;
        }
        const uint32_t amount = of_row < t->demand[best] ? of_row : t->demand[best];
        t->u[i] = cost[best] - t->v[best];
        t->flow[best * t->n + i] = amount;
        t->demand[best] -= amount;
        t->supply[i] = of_row - amount;
    }
}

/* Row i has been reached over paths of this length: see what columns that brings nearer. */
static void reach_row(transport *t, size_t i, double length)
{
    const double *cost = t->cost + i * t->m, base = length - t->u[i];
    t->is_in[i] = 1;
    t->row_far[i] = length;
    for (size_t k = 0; k < t->n_open; k++) {
        const size_t j = t->open[k];
        const double by_row = base + (cost[j] - t->v[j]);
        if (by_row < t->far[j]) {
            t->far[j] = by_row;
            t->row_of[j] = (int32_t)i;
        }
    }
}

/* The open column nearest to the start, one with demand left first; now settled. NONE: none is at a
 * finite distance. */
static int32_t settle(transport *t)
{
    double least = (double)INFINITY;
    size_t at = 0;
    for (size_t k = 0; k < t->n_open; k++) {
        const size_t j = t->open[k];
        if (t->far[j] < least || (t->far[j] == least && t->demand[j] > 0)) {
            least = t->far[j];
            at = k;
        }
    }
    if (!(least < (double)INFINITY)) {
        return NONE;
    }
    const uint32_t j = t->open[at];
    t->open[at] = t->open[--t->n_open];
    t->settled[t->n_settled++] = j;
    return (int32_t)j;
}

/* The column at the end of the shortest path from row `from` to demand; potentials follow. */
static int32_t search(transport *t, size_t from)
{
    int32_t end = NONE;
    t->n_open = t->m;
    t->n_settled = 0;
    for (size_t j = 0; j < t->m; j++) {
        t->far[j] = (double)INFINITY;
        t->open[j] = (uint32_t)j;
    }
    memset(t->is_in, 0, t->n);
    t->col_of[from] = NONE;
    reach_row(t, from, 0.0);
    while (end = settle(t), end != NONE && t->demand[end] == 0) {
        const uint32_t *flow = t->flow + (size_t)end * t->n;
        for (size_t i = 0; i < t->n; i++) {
            if (flow[i] > 0 && !t->is_in[i]) {
                t->col_of[i] = end;
                reach_row(t, i, t->far[end]);
            }
        }
    }
    if (end == NONE) {
        return NONE;
    }
    const double length = t->far[end];
    for (size_t i = 0; i < t->n; i++) {
        t->u[i] += t->is_in[i] ? length - t->row_far[i] : 0.0;
    }
    for (size_t k = 0; k < t->n_settled; k++) {
        t->v[t->settled[k]] -= length - t->far[t->settled[k]];
    }
    return end;
}

/* As much as the path to `end` carries. */
static void augment(transport *t, size_t from, size_t end)
{
    uint32_t amount = t->supply[from] < t->demand[end] ? t->supply[from] : t->demand[end];
    for (size_t i = (size_t)t->row_of[end]; i != from;) {
        const size_t j = (size_t)t->col_of[i];
        const uint32_t back = t->flow[j * t->n + i];
        amount = back < amount ? back : amount;
        i = (size_t)t->row_of[j];
    }
    for (size_t j = end;;) {
        const size_t i = (size_t)t->row_of[j];
        t->flow[j * t->n + i] += amount;
        if (i == from) {
            break;
        }
        j = (size_t)t->col_of[i];
        t->flow[j * t->n + i] -= amount;
    }
    t->supply[from] -= amount;
    t->demand[end] -= amount;
}

static mad_status mean_cost(mad_ctx *ctx, const transport *t, double *out)
{
    const uint32_t shared = divisor((uint32_t)t->n, (uint32_t)t->m);
    const uint32_t of_row = (uint32_t)t->m / shared;
    const double units = (double)t->n * (double)of_row;
    double *sum = mad_arena_take(ctx->scratch, t->m, sizeof *sum);
    if (sum == NULL) {
        return mad_fail_memory(ctx, "the cost of a transport plan");
    }
    for (size_t j = 0; j < t->m; j++) {
        for (size_t i = 0; i < t->n; i++) {
            const uint32_t flow = t->flow[j * t->n + i];
            sum[j] += flow > 0 ? (double)flow / units * t->cost[i * t->m + j] : 0.0;
        }
    }
    *out = mad_sum(t->m, sum);
    return MAD_OK;
}

mad_status mad_transport(mad_ctx *ctx, size_t n, size_t m, const double *cost, double *out)
{
    MAD_ASSERT(n >= 1 && m >= 1 && n <= INT32_MAX && m <= INT32_MAX);
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    transport t = {.n = n, .m = m, .cost = cost};
    *out = (double)NAN;
    for (size_t i = 0; i < n * m; i++) {
        if (!isfinite(cost[i])) {
            goto out;
        }
    }
    MAD_TRY(take(ctx, &t));
    start(&t);
    for (size_t i = 0; i < n; i++) {
        MAD_TRY(mad_ctx_poll(ctx));
        while (t.supply[i] > 0) {
            const int32_t end = search(&t, i);
            if (end == NONE) { /* sums of costs overflow */
                goto out;
            }
            augment(&t, i, (size_t)end);
        }
    }
    MAD_TRY(mean_cost(ctx, &t, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}
