// The host's side of the C plugin ABI (runtime/plugin.h) in C++: a module becomes a Backend.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/api.h"
#include "runtime/base/error.h"
#include "runtime/plugin_backend.h"

namespace switchyard {

struct PluginOptions {
  uint32_t num_threads = 1;                   // that work on an execute, the calling one included
  std::vector<std::string> search_path = {};  // folders, for a name; before all others
};

// Loads a module and makes an instance of its backend.
//
// `path_or_name` with a slash is the path of the module. Without one it is a name: "switchyard"
// means the file libswitchyard_plugin.so, the first one that is there of
// - the folders of options.search_path,
// - those of environment variable SWITCHYARD_PLUGIN_PATH, split by ':' (not in set-user-ID
// programs),
// - the folder of the program or library that holds this code, the folder switchyard in it, and
//   ../lib and ../lib/switchyard from it.
// Never the working directory unless one of these names it.
//
// The module is loaded for itself (RTLD_LOCAL). If it says that libraries of the process stand in
// for its own, it is loaded again so that its own come first (RTLD_DEEPBIND), which a process with
// sanitizers cannot do.
//
// Errors, with the reason: NotFound (no module of this name, no query function in it),
// AccessFailed, NotSupported (not an ELF file, for another machine, another version of the ABI,
// other sanitizers), InvalidArgument (a damaged file, a table of functions that is not complete),
// InvalidState (its libraries are mixed with others), and those of making the instance.
SWITCHYARD_API Result<std::unique_ptr<PluginBackend>> LoadPlugin(std::string_view path_or_name,
                                                                 const PluginOptions& options = {});

// The part after loading: negotiates with a query function and makes an instance. `path` is for
// messages. `module` is released after the instance has been destroyed. Errors as above.
SWITCHYARD_API Result<std::unique_ptr<PluginBackend>> OpenPlugin(
    const std::string& path, switchyard_plugin_query_function query, std::shared_ptr<void> module,
    uint32_t num_threads);

}  // namespace switchyard
