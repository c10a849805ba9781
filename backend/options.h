// The backend's option table, and what its rows mean once they are parsed.
#pragma once

#include <cstdint>

#include "runtime/base/error.h"
#include "runtime/options.h"

namespace switchyard {

inline constexpr std::string_view kOptionMaxWorkspaceBytes = "max_workspace_bytes";
inline constexpr std::string_view kOptionWorkspaceSharingMode = "workspace_sharing_mode";

// ExecuTorch's numbers.
enum class WorkspaceSharing : uint8_t { kDisabled = 0, kPerModel = 1, kGlobal = 2 };

struct LoadOptions {
  uint64_t max_workspace_bytes;
  WorkspaceSharing workspace_sharing;
};
LoadOptions ReadLoadOptions(const OptionMap& options);

}  // namespace switchyard
