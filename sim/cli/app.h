/* sim/cli/app.h: the process around a verb: threads and Ctrl-C. */
#ifndef MAD_CLI_APP_H
#define MAD_CLI_APP_H

#include "sim/iface/command.h"

/** Processors this process may use, or OMP_NUM_THREADS. */
size_t mad_app_default_threads(void);

/** Replace the context by one with n threads (0 = keep). Nothing taken from the old one may be
 * kept. errors  MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_app_set_threads(mad_app *app, size_t n_threads);

/** What was started with a closed standard stream gets one that cannot be written, so that no other
 *  file takes its number and its text; and a file that may not grow further (RLIMIT_FSIZE) fails as
 * one on a full disk does, instead of ending the process by SIGXFSZ. */
void mad_app_guard_files(void);

/** From now on the first Ctrl-C (or SIGTERM) raises ctx->stop, the second ends the process. */
void mad_app_catch_signals(mad_app *app);

#endif
