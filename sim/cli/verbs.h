/* sim/cli/verbs.h: what the file of a verb starts from: the list of verbs, options, runs. */
#ifndef MAD_CLI_VERBS_H
#define MAD_CLI_VERBS_H

#include "sim/cli/execute.h"
#include "sim/cli/lists.h"

#endif
