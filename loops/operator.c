/* loops/operator.c: which rows a generation trains on, as counts and generations (operator.h). */
#include "loops/operator.h"

#include <math.h>

typedef enum age_law { AGE_LAST, AGE_UNIFORM, AGE_GEOMETRIC, AGE_ALL } age_law;
typedef enum retain_law { RETAIN_REPLACE, RETAIN_WINDOW, RETAIN_ACCUMULATE } retain_law;
enum { START_SCRATCH, START_WARM };

#define MAX_ROWS  1e9
#define MAX_STEPS 1e9

const mad_param mad_operator_params[] = {
    {.name = "n_initial",
     .kind = MAD_PARAM_INT,
     .min = 1,
     .max = MAX_ROWS,
     .unit = "rows",
     .doc = "real rows generation 1 is fitted on"},
    {.name = "n_real",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0",
     .min = 0,
     .max = MAX_ROWS,
     .unit = "rows",
     .doc = "real rows in the training set of generation 2 and later; must be set unless real is "
            "none, and is not used then"},
    {.name = "n_synthetic",
     .kind = MAD_PARAM_SCHEDULE,
     .min = 0,
     .max = MAX_ROWS,
     .unit = "rows",
     .doc = "synthetic rows that are new in the training set of generation 2 and later"},
    {.name = "real",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "auto",
     .choices = "auto|none|fixed|fresh|fresh_accumulate|archive",
     .doc = "where the real rows of generation 2 and later come from; auto: as the family says"},
    {.name = "age",
     .kind = MAD_PARAM_FORM,
     .fallback = "last",
     .min = 0,
     .max = 1e6,
     .choices = "last|uniform(K(t))|geometric(rho(t))|all",
     .doc = "which earlier models a synthetic row may come from"},
    {.name = "retain",
     .kind = MAD_PARAM_FORM,
     .fallback = "replace",
     .min = 1,
     .max = 1e6,
     .choices = "replace|window(W(t))|accumulate",
     .doc = "what happens to the synthetic rows of older generations"},
    {.name = "budget",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "all",
     .min = 1,
     .max = MAX_ROWS,
     .choices = "all|#",
     .unit = "rows",
     .doc = "fit on so many rows, drawn without replacement from all; generation 1 uses all"},
    {.name = "real_weight",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "proportional",
     .min = 0,
     .max = 1,
     .choices = "proportional|#",
     .doc = "total loss weight of the real rows, above 0 and below 1"},
    {.name = "start",
     .kind = MAD_PARAM_FORM,
     .fallback = "scratch",
     .min = 1,
     .max = MAX_STEPS,
     .choices = "scratch|warm(steps(t))",
     .unit = "steps",
     .doc = "fit from scratch, or go on from the previous generation's model for so many steps"},
    {0}};

typedef struct data_operator {
    mad_loop loop; /* first: the engine sees this */
    mad_operator_real real;
    age_law age;
    mad_schedule age_argument; /* K or rho */
    mad_schedule warm_steps;   /* NaN = from scratch */
    size_t n_generations, n_initial;
    const size_t
        *window; /* [n_generations + 1] synthetic blocks in the pool of generation t at t */
    const size_t *n_real;      /* [n_generations + 1], of generation t at t; t >= 2 */
    const size_t *n_synthetic; /* the same */
    mad_schedule budget;       /* NaN = all */
    mad_schedule real_weight;  /* NaN = proportional */
} data_operator;

static const data_operator *as_operator(const mad_loop *loop)
{
    return (const data_operator *)loop;
}

/* A schedule is rounded; one number must be whole already. */
static int is_count(const mad_schedule *schedule)
{
    return schedule->kind != MAD_SCHEDULE_CONSTANT || floor(schedule->a) == schedule->a;
}

static mad_status set_age(mad_ctx *ctx, const mad_value *age, data_operator *op)
{
    const mad_schedule *x = &age->schedule;
    op->age = (age_law)age->choice;
    op->age_argument = *x;
    for (size_t t = 2; t <= op->n_generations || t == 2; t++) {
        const double rho = mad_schedule_at(x, t, op->n_generations);
        if (op->age == AGE_UNIFORM &&
            (!is_count(x) || mad_schedule_count(x, t, op->n_generations) == 0)) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "loop.age: K of uniform(K) must be a whole number from 1, got '%s'",
                            age->text);
        }
        if (op->age == AGE_GEOMETRIC && !(rho > 0.0 && rho < 1.0)) {
            return mad_fail(
                ctx, MAD_E_CONFIG,
                "loop.age: rho of geometric(rho) must lie above 0 and below 1, got '%s'; "
                "equal shares are 'all'",
                age->text);
        }
    }
    return MAD_OK;
}

/* Blocks that a pool let go do not come back: it grows by one a generation at most. */
static mad_status set_window(mad_ctx *ctx, const mad_value *retain, mad_arena *mem,
                             data_operator *op)
{
    size_t *window = mad_arena_take(mem, op->n_generations + 1, sizeof *window);
    if (window == NULL) {
        return mad_fail_memory(ctx, "the windows of a loop");
    }
    if (retain->choice == RETAIN_WINDOW && !is_count(&retain->schedule)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "loop.retain: W of window(W) must be a whole number from 1, got '%s'",
                        retain->text);
    }
    for (size_t t = 2; t <= op->n_generations; t++) {
        const size_t most = window[t - 1] + 1;
        window[t] = most;
        if (retain->choice == RETAIN_REPLACE) {
            window[t] = 1;
        } else if (retain->choice == RETAIN_WINDOW) {
            const size_t n = mad_schedule_count(&retain->schedule, t, op->n_generations);
            window[t] = n < most ? n : most;
        }
    }
    op->window = window;
    return MAD_OK;
}

static mad_status set_weight(mad_ctx *ctx, const mad_value *weight, data_operator *op)
{
    op->real_weight = weight->schedule;
    for (size_t t = 2; t <= op->n_generations; t++) {
        const double share = mad_schedule_at(&op->real_weight, t, op->n_generations);
        if (share <= 0.0 || share >= 1.0) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "loop.real_weight must be 'proportional' or lie above 0 and below 1, "
                            "got '%s'; a weight of 0 or 1 is real: none or n_synthetic: 0",
                            weight->text);
        }
    }
    if (op->real == MAD_OPERATOR_NONE && !isnan(op->real_weight.a)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "loop.real_weight is %s, but this loop has no real rows to weight "
                        "(real: none)",
                        weight->text);
    }
    return MAD_OK;
}

static mad_status set_start(mad_ctx *ctx, const mad_value *start, data_operator *op)
{
    op->warm_steps = start->schedule;
    if (start->choice == START_WARM && !is_count(&start->schedule)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "loop.start: steps of warm(steps) must be a whole number from 1, got '%s'",
                        start->text);
    }
    return MAD_OK;
}

static mad_status set_real(mad_ctx *ctx, const mad_value *real, mad_operator_real preset,
                           int is_custom, data_operator *op)
{
    mad_operator_real asked = (mad_operator_real)real->choice;

    if (asked != MAD_OPERATOR_AUTO && asked != preset && !is_custom) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "loop.real is '%s', which contradicts loop.family '%s'; leave real out, or "
                        "use family: custom",
                        real->text, op->loop.type->name);
    }
    op->real = asked == MAD_OPERATOR_AUTO ? preset : asked;
    return MAD_OK;
}

/* Rows that generation t is fitted on at most; SIZE_MAX = all. */
static size_t budget_of(const data_operator *op, size_t t)
{
    return isnan(op->budget.a) ? SIZE_MAX : mad_schedule_count(&op->budget, t, op->n_generations);
}

/* What is asked of the sizes is not idle; `n_real` and `n_synthetic` rows in all, `largest` in a
 * training set. */
static mad_status check_sizes(mad_ctx *ctx, const mad_values *values, const data_operator *op,
                              size_t n_real, size_t n_synthetic, size_t largest, int is_cut)
{
    const mad_value *real = mad_get(values, "n_real");
    const char *synthetic = "synthetic rows, of which loop.n_synthetic asks for none";
    const mad_key_use use[] = {{"age", n_synthetic > 0, synthetic},
                               {"retain", n_synthetic > 0, synthetic},
                               {"real_weight", n_synthetic > 0, synthetic}};
    if (op->n_generations == 1) {
        return MAD_OK;
    }
    if (op->real != MAD_OPERATOR_NONE && n_real == 0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "loop.n_real is 0, but this loop asks for real rows (family '%s'); set "
                        "n_real to 1 or more, or use real: none",
                        op->loop.type->name);
    }
    if (op->real == MAD_OPERATOR_FIXED && real->schedule.kind != MAD_SCHEDULE_CONSTANT) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "loop.n_real is '%s', but loop.real is fixed: every generation has the same "
            "real rows; give one number, or use real: archive or real: fresh",
            real->text);
    }
    if (!isnan(op->budget.a) && !is_cut) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "loop.budget is %s, but no training set has more than %zu rows "
                        "(loop.n_real, loop.n_synthetic): it would cut nothing",
                        mad_get(values, "budget")->text, largest);
    }
    return mad_refuse_unused(ctx, "loop", values, sizeof use / sizeof *use, use);
}

/* Sizes of every generation; each has something to train on. */
static mad_status set_sizes(mad_ctx *ctx, const mad_values *values, mad_arena *mem,
                            data_operator *op)
{
    const mad_schedule *real = &mad_get(values, "n_real")->schedule;
    const mad_schedule *synthetic = &mad_get(values, "n_synthetic")->schedule;
    size_t n_gens = op->n_generations, in_window = 0, oldest = 1, largest = 0;
    size_t n_real_seen = 0, n_synthetic_seen = 0;
    int is_cut = 0;
    size_t *n_real = mad_arena_take(mem, n_gens + 1, sizeof *n_real);
    size_t *n_synthetic = mad_arena_take(mem, n_gens + 1, sizeof *n_synthetic);

    if (n_real == NULL || n_synthetic == NULL) {
        return mad_fail_memory(ctx, "loop sizes");
    }
    for (size_t t = 2; t <= n_gens; t++) {
        if (op->real != MAD_OPERATOR_NONE) {
            n_real[t] = mad_schedule_count(real, t, n_gens);
        }
        n_synthetic[t] = mad_schedule_count(synthetic, t, n_gens);
        n_real_seen += n_real[t];
        n_synthetic_seen += n_synthetic[t];
        in_window += n_synthetic[t];
        for (; t - oldest > op->window[t]; oldest++) {
            in_window -= n_synthetic[oldest + 1];
        }
        const size_t n_pool =
            in_window +
            (op->real == MAD_OPERATOR_FRESH_ACCUMULATE ? op->n_initial + n_real_seen : n_real[t]);
        is_cut = is_cut || budget_of(op, t) < n_pool;
        largest = n_pool > largest ? n_pool : largest;
        if (n_pool == 0) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "generation %zu would have nothing to train on: loop.n_synthetic is 0 "
                            "there and %s",
                            t,
                            op->real == MAD_OPERATOR_NONE ? "the loop has no real rows"
                                                          : "so is loop.n_real");
        }
    }
    op->n_real = n_real;
    op->n_synthetic = n_synthetic;
    return check_sizes(ctx, values, op, n_real_seen, n_synthetic_seen, largest, is_cut);
}

mad_status mad_operator_create(mad_ctx *ctx, const mad_loop_type *type, mad_operator_real preset,
                               int is_custom, const mad_values *values, size_t n_generations,
                               mad_arena *mem, mad_loop **out)
{
    mad_status st = MAD_OK;
    data_operator *op = mad_arena_take(mem, 1, sizeof *op);

    if (op == NULL) {
        return mad_fail_memory(ctx, "the loop");
    }
    op->loop.type = type;
    op->n_generations = n_generations;
    op->budget = mad_get(values, "budget")->schedule;
    op->n_initial = mad_get_size(values, "n_initial");
    MAD_TRY(set_real(ctx, mad_get(values, "real"), preset, is_custom, op));
    MAD_TRY(set_age(ctx, mad_get(values, "age"), op));
    MAD_TRY(set_window(ctx, mad_get(values, "retain"), mem, op));
    MAD_TRY(set_weight(ctx, mad_get(values, "real_weight"), op));
    MAD_TRY(set_start(ctx, mad_get(values, "start"), op));
    MAD_TRY(set_sizes(ctx, values, mem, op));
    *out = &op->loop;
out:
    return st;
}

static void put(mad_block *blocks, mad_plan *plan, mad_block_kind kind, size_t generation,
                size_t n_rows)
{
    if (n_rows > 0) {
        blocks[plan->n_blocks].kind = kind;
        blocks[plan->n_blocks].generation = generation;
        blocks[plan->n_blocks].n_rows = n_rows;
        plan->n_blocks++;
    }
}

static void put_real(const data_operator *op, size_t t, mad_block *blocks, mad_plan *plan)
{
    switch (op->real) {
    case MAD_OPERATOR_AUTO: /* resolved by create */
    case MAD_OPERATOR_NONE:
        break;
    case MAD_OPERATOR_FIXED:
    case MAD_OPERATOR_ARCHIVE:
        put(blocks, plan, MAD_BLOCK_REAL, 1, op->n_real[t]);
        break;
    case MAD_OPERATOR_FRESH:
        put(blocks, plan, MAD_BLOCK_REAL, t, op->n_real[t]);
        break;
    case MAD_OPERATOR_FRESH_ACCUMULATE:
        put(blocks, plan, MAD_BLOCK_REAL, 1, op->n_initial);
        for (size_t g = 2; g <= t; g++) {
            put(blocks, plan, MAD_BLOCK_REAL, g, op->n_real[g]);
        }
        break;
    }
}

mad_status mad_operator_plan(mad_ctx *ctx, const mad_loop *loop, size_t generation, mad_arena *mem,
                             mad_plan *out)
{
    const data_operator *op = as_operator(loop);
    size_t t = generation, oldest, n_real_blocks, n_real_rows = 0, n_rows = 0;
    mad_block *blocks;
    mad_plan plan = {.real_weight = (double)NAN};

    MAD_ASSERT(t >= 1 && t <= op->n_generations);
    oldest = t == 1 ? 1 : t - op->window[t];
    n_real_blocks = op->real == MAD_OPERATOR_FRESH_ACCUMULATE ? t : 1;
    blocks = mad_arena_take(mem, n_real_blocks + (t - oldest), sizeof *blocks);
    if (blocks == NULL) {
        return mad_fail_memory(ctx, "the blocks of a training set");
    }
    plan.blocks = blocks;
    if (t == 1) {
        put(blocks, &plan, MAD_BLOCK_REAL, 1, op->n_initial);
        *out = plan;
        return MAD_OK;
    }
    put_real(op, t, blocks, &plan);
    for (size_t b = 0; b < plan.n_blocks; b++) {
        n_real_rows += blocks[b].n_rows;
    }
    for (size_t g = oldest; g < t; g++) {
        put(blocks, &plan, MAD_BLOCK_SYNTHETIC, g, op->n_synthetic[g + 1]);
    }
    for (size_t b = 0; b < plan.n_blocks; b++) {
        n_rows += blocks[b].n_rows;
    }
    plan.budget = budget_of(op, t) < n_rows ? budget_of(op, t) : 0;
    if (n_real_rows > 0 && n_real_rows < n_rows) {
        plan.real_weight = mad_schedule_at(&op->real_weight, t, op->n_generations);
    }
    if (!isnan(op->warm_steps.a)) {
        plan.warm_steps = mad_schedule_count(&op->warm_steps, t, op->n_generations);
    }
    *out = plan;
    return MAD_OK;
}

size_t mad_operator_n_synthetic(const mad_loop *loop, size_t generation)
{
    const data_operator *op = as_operator(loop);

    return generation < op->n_generations ? op->n_synthetic[generation + 1] : 0;
}

void mad_operator_sources(const mad_loop *loop, size_t generation, double *p)
{
    const data_operator *op = as_operator(loop);
    size_t g = generation, first = g, n_last;
    /* of the generation that trains on the block */
    const size_t t = g < op->n_generations ? g + 1 : g;
    double total = 0.0, weight = 1.0, factor = 1.0;

    switch (op->age) {
    case AGE_LAST:
        break;
    case AGE_UNIFORM:
        n_last = mad_schedule_count(&op->age_argument, t, op->n_generations);
        first = g > n_last ? g - n_last + 1 : 1;
        break;
    case AGE_GEOMETRIC:
        factor = mad_schedule_at(&op->age_argument, t, op->n_generations);
        first = 1;
        break;
    case AGE_ALL:
        first = 1;
        break;
    }
    for (size_t tau = g; tau >= 1; tau--) {
        p[tau - 1] = tau >= first ? weight : 0.0;
        total += p[tau - 1];
        weight *= factor;
    }
    for (size_t tau = first; tau <= g; tau++) {
        p[tau - 1] /= total;
    }
}

size_t mad_operator_n_models_kept(const mad_loop *loop)
{
    const data_operator *op = as_operator(loop);

    switch (op->age) {
    case AGE_LAST:
        return 1;
    case AGE_UNIFORM:
        return mad_schedule_most(&op->age_argument, op->n_generations);
    case AGE_GEOMETRIC:
    case AGE_ALL:
        break;
    }
    return SIZE_MAX;
}
