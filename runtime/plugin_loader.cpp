#include "runtime/plugin_loader.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <ranges>

#include "runtime/base/format.h"
#include "runtime/module_file.h"
#include "runtime/plugin_message.h"
#include "runtime/plugin_structs.h"

namespace switchyard {
namespace {

constexpr const char* kPathVariable = "SWITCHYARD_PLUGIN_PATH";

// The folder of the program or library that holds this code; empty: not known.
std::string OwnFolder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&OwnFolder), &info) == 0 || info.dli_fname == nullptr) {
    return {};
  }
  // For a program the linker keeps what it was started as, which may be a name found through PATH.
  std::string path = info.dli_fname;
  if (!path.contains('/')) {
    char program[4096];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program);
    if (length <= 0 || static_cast<size_t>(length) == sizeof program) return {};
    path.assign(program, static_cast<size_t>(length));
  }
  return path.substr(0, path.rfind('/'));
}

std::vector<std::string> SearchPath(const PluginOptions& options) {
  std::vector<std::string> folders = options.search_path;
  if (const char* variable = secure_getenv(kPathVariable)) {
    for (const auto part : std::views::split(std::string_view(variable), ':')) {
      folders.emplace_back(std::string_view(part));
    }
  }
  if (const std::string own = OwnFolder(); !own.empty()) {
    folders.push_back(own);
    folders.push_back(own + "/switchyard");
    folders.push_back(own + "/../lib");
    folders.push_back(own + "/../lib/switchyard");
  }
  std::erase(folders, "");
  return folders;
}

Result<std::string> FindModule(std::string_view path_or_name, const PluginOptions& options) {
  // The C library would cut it there, and so load another file.
  if (path_or_name.empty() || path_or_name.contains('\0')) {
    return Fail(ErrorCode::kInvalidArgument,
                "plugin '{}': neither a path nor a name; pass one of them",
                path_or_name.substr(0, path_or_name.find('\0')));
  }
  if (path_or_name.contains('/')) return std::string(path_or_name);
  const std::string file = Format("lib{}_plugin.so", path_or_name);
  std::string tried;
  for (const std::string& folder : SearchPath(options)) {
    std::string path = Format("{}/{}", folder, file);
    if (access(path.c_str(), F_OK) == 0) return path;
    tried.append(tried.empty() ? "" : ", ").append(folder);
  }
  return Fail(ErrorCode::kNotFound,
              "plugin '{}': there is no {} in {}; pass its path, or name its folder in {}",
              path_or_name, file, tried.empty() ? "any folder, none being known" : tried,
              kPathVariable);
}

Result<std::unique_ptr<PluginBackend>> LoadWith(const std::string& path, int flags,
                                                uint32_t num_threads) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | flags);
  if (handle == nullptr) {
    const char* why = dlerror();
    return Fail(ErrorCode::kAccessFailed,
                "module '{}': the dynamic linker refuses it: {}; see that the libraries it needs "
                "are there",
                path, why != nullptr ? why : "it does not say why");
  }
  std::shared_ptr<void> module(handle, [](void* opened) { dlclose(opened); });
  void* query = dlsym(handle, SWITCHYARD_PLUGIN_QUERY);
  if (query == nullptr) {
    return Fail(ErrorCode::kNotFound,
                "module '{}': it does not export {}, expected of every plugin; pass the path of "
                "one",
                path, SWITCHYARD_PLUGIN_QUERY);
  }
  return OpenPlugin(path, reinterpret_cast<switchyard_plugin_query_function>(query),
                    std::move(module), num_threads);
}

// Asks for the table and sees that it can be used.
Result<const switchyard_plugin*> Negotiate(const std::string& path,
                                           switchyard_plugin_query_function query) {
  switchyard_query request{};
  request.struct_size = sizeof request;
  request.min_version = SWITCHYARD_PLUGIN_VERSION;
  request.max_version = SWITCHYARD_PLUGIN_VERSION;
  const switchyard_plugin* plugin = nullptr;
  PluginMessage message;
  const switchyard_status status = query(&request, &plugin, message.get());
  if (Status refused = message.StatusOf(status, "the query"); !refused) {
    return Fail(refused.error().code, "module '{}': {}", path, refused.error().message);
  }
  if (plugin == nullptr) {
    return Fail(ErrorCode::kInvalidArgument,
                "module '{}': its query gives no table of functions; use another build of it",
                path);
  }
  if (const Status size =
          CheckStructSize<switchyard_plugin>(plugin->struct_size, "its table of functions",
                                             SWITCHYARD_THROUGH(switchyard_plugin, get_option));
      !size) {
    return Fail(size.error().code, "module '{}': {}, or use another build of it", path,
                size.error().message);
  }
  if (plugin->version != SWITCHYARD_PLUGIN_VERSION) {
    return Fail(ErrorCode::kNotSupported,
                "module '{}': version {} of the plugin ABI, expected {}; use a module for this "
                "host",
                path, plugin->version, SWITCHYARD_PLUGIN_VERSION);
  }
  const bool is_complete =
      plugin->name != nullptr && plugin->description != nullptr &&
      plugin->create_instance != nullptr && plugin->destroy_instance != nullptr &&
      plugin->check_available != nullptr && plugin->load != nullptr && plugin->execute != nullptr &&
      plugin->destroy != nullptr && plugin->set_option != nullptr && plugin->get_option != nullptr;
  if (!is_complete) {
    return Fail(ErrorCode::kInvalidArgument,
                "module '{}': its table of functions has gaps, expected every required one; use "
                "another build of it",
                path);
  }
  SWITCHYARD_TRY(CheckSanitizers(path, plugin->sanitizers, SanitizersOfThisProcess()));
  return plugin;
}

}  // namespace

Result<std::unique_ptr<PluginBackend>> OpenPlugin(const std::string& path,
                                                  switchyard_plugin_query_function query,
                                                  std::shared_ptr<void> module,
                                                  uint32_t num_threads) {
  SWITCHYARD_ASSIGN(const switchyard_plugin* const plugin, Negotiate(path, query));
  switchyard_instance_config config{};
  config.struct_size = sizeof config;
  config.num_threads = num_threads;
  switchyard_instance* instance = nullptr;
  PluginMessage message;
  SWITCHYARD_TRY(message.StatusOf(plugin->create_instance(&config, &instance, message.get()),
                                  "create_instance"));
  return std::make_unique<PluginBackend>(*plugin, instance, std::move(module));
}

Result<std::unique_ptr<PluginBackend>> LoadPlugin(std::string_view path_or_name,
                                                  const PluginOptions& options) {
  SWITCHYARD_ASSIGN(const std::string path, FindModule(path_or_name, options));
  SWITCHYARD_ASSIGN(const uint32_t sanitizers, SanitizersOfModuleFile(path));
  const uint32_t process = SanitizersOfThisProcess();
  SWITCHYARD_TRY(CheckSanitizers(path, sanitizers, process));
  auto backend = LoadWith(path, 0, options.num_threads);
  const bool is_mixed = !backend && backend.error().code == ErrorCode::kInvalidState;
#ifdef RTLD_DEEPBIND
  if (is_mixed && process == 0) return LoadWith(path, RTLD_DEEPBIND, options.num_threads);
#endif
  return backend;
}

}  // namespace switchyard
