/* analysis/table/table.h: the verb `table`. */
#ifndef MAD_TABLE_TABLE_H
#define MAD_TABLE_TABLE_H

#include "sim/iface/command.h"

extern const mad_command mad_command_table;

#endif
