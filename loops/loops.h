/* loops/loops.h: the data policies a configuration can name as loop.family. */
#ifndef MAD_LOOPS_LOOPS_H
#define MAD_LOOPS_LOOPS_H

#include "sim/iface/loop.h"

/* One operator (loops/operator.h) under four names. A family only presets `real`:
 *   custom                  fresh, or whatever `real` says
 *   fully_synthetic         none
 *   synthetic_augmentation  fixed
 *   fresh                   fresh
 */
extern const mad_loop_type mad_loop_custom;
extern const mad_loop_type mad_loop_fully_synthetic;
extern const mad_loop_type mad_loop_synthetic_augmentation;
extern const mad_loop_type mad_loop_fresh;

#endif
