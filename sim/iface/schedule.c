/* sim/iface/schedule.c: numbers that change with the generation. */
#include "sim/iface/param.h"

#include <math.h>

double mad_schedule_at(const mad_schedule *schedule, size_t generation, size_t n_generations)
{
    const size_t step = generation > 2 ? generation - 2 : 0;
    switch (schedule->kind) {
    case MAD_SCHEDULE_CONSTANT:
        return schedule->a;
    case MAD_SCHEDULE_LINEAR: {
        const size_t n_steps = n_generations > 2 ? n_generations - 2 : 0;
        if (step == 0) {
            return schedule->a;
        }
        if (step >= n_steps) {
            return schedule->b;
        }
        const double f = (double)step / (double)n_steps;
        return schedule->a * (1.0 - f) + schedule->b * f;
    }
    case MAD_SCHEDULE_GEOMETRIC:
        return schedule->a * pow(schedule->b, (double)step);
    case MAD_SCHEDULE_LOGISTIC: {
        const double t = generation > 2 ? (double)generation : 2.0;
        return schedule->a +
               (schedule->b - schedule->a) / (1.0 + exp((schedule->middle - t) / schedule->width));
    }
    case MAD_SCHEDULE_LIST:
        return schedule->list[step < schedule->n_list ? step : schedule->n_list - 1];
    }
    mad_assert_failed("a schedule kind", __FILE__, __LINE__);
}

size_t mad_schedule_count(const mad_schedule *schedule, size_t generation, size_t n_generations)
{
    const double x = floor(mad_schedule_at(schedule, generation, n_generations) + 0.5);
    MAD_ASSERT(x < 9007199254740992.0); /* 2^53; the loader checks a schedule's range */
    return x > 0.0 ? (size_t)x : 0;
}

size_t mad_schedule_most(const mad_schedule *schedule, size_t n_generations)
{
    size_t most = mad_schedule_count(schedule, 2, n_generations);
    for (size_t t = 3; t <= n_generations; t++) {
        const size_t n = mad_schedule_count(schedule, t, n_generations);
        most = n > most ? n : most;
    }
    return most;
}

int mad_schedule_is(const mad_schedule *schedule, double number)
{
    return schedule->kind == MAD_SCHEDULE_CONSTANT && schedule->a == number;
}
