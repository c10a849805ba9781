// The backend's option table, and what its rows mean once they are parsed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "backend/plan/route.h"
#include "runtime/base/error.h"
#include "runtime/options.h"

namespace switchyard {

inline constexpr std::string_view kOptionMaxWorkspaceBytes = "max_workspace_bytes";
inline constexpr std::string_view kOptionWorkspaceSharingMode = "workspace_sharing_mode";
inline constexpr std::string_view kOptionWeightCacheEnabled = "weight_cache_enabled";
inline constexpr std::string_view kOptionPackedCachePath = "packed_cache_path";
inline constexpr std::string_view kOptionSaveWeightCacheOnDisk = "save_weight_cache_on_disk";
inline constexpr std::string_view kOptionPackedKernels = "packed_kernels";
inline constexpr std::string_view kOptionForceKernel = "force_kernel";
inline constexpr std::string_view kOptionCpuFeatures = "cpu_features";
inline constexpr std::string_view kOptionSmeThreads = "sme_threads";
inline constexpr std::string_view kOptionProfileOperators = "profile_operators";

inline constexpr uint64_t kDefaultMaxWorkspaceBytes = uint64_t{4} << 30;

// ExecuTorch's numbers.
enum class WorkspaceSharing : uint8_t { kDisabled = 0, kPerModel = 1, kGlobal = 2 };

struct LoadOptions {
  uint64_t max_workspace_bytes;
  WorkspaceSharing workspace_sharing;
  bool share_weights;
  std::string packed_cache_path;  // empty: no file
  RouteOptions routes;
  std::string cpu_features;  // a mask (kernels/cpu/mask.h)
  size_t sme_threads;        // 0: as many as there are SME units
  bool profile_operators;    // of hosts that trace
};
LoadOptions ReadLoadOptions(const OptionMap& options);

}  // namespace switchyard
