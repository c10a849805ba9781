// The header as C++11, by itself.
#include "runtime/plugin.h"

static_assert(sizeof(switchyard_plugin) > 0, "");
