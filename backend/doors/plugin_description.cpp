#include "backend/doors/plugin_description.h"

#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/row.h"
#include "runtime/base/format.h"
#include "runtime/module_file.h"
#include "runtime/plugin.h"

namespace switchyard {

uint32_t PluginSanitizers() {
  uint32_t sanitizers = 0;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  sanitizers |= SWITCHYARD_SANITIZER_ADDRESS;
#endif
#if __has_feature(thread_sanitizer)
  sanitizers |= SWITCHYARD_SANITIZER_THREAD;
#endif
#if __has_feature(memory_sanitizer)
  sanitizers |= SWITCHYARD_SANITIZER_MEMORY;
#endif
#if __has_feature(undefined_behavior_sanitizer)
  sanitizers |= SWITCHYARD_SANITIZER_UNDEFINED;
#endif
#elif defined(__SANITIZE_ADDRESS__)
  sanitizers |= SWITCHYARD_SANITIZER_ADDRESS;
#elif defined(__SANITIZE_THREAD__)
  sanitizers |= SWITCHYARD_SANITIZER_THREAD;
#endif
  return sanitizers;
}

std::string DescribePlugin() {
  std::string kernels;
  for (const KernelRow& row : KernelTable()) {
    if (!row.is_built || PackerVersion(row).empty()) continue;
    kernels.append(kernels.empty() ? "" : ", ").append(row.name);
  }
  return Format("switchyard {}; kernels: {}; sanitizers: {}", SWITCHYARD_VERSION,
                kernels.empty() ? "stock only" : kernels, SanitizerNames(PluginSanitizers()));
}

}  // namespace switchyard
