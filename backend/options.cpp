#include "backend/options.h"

#include <limits>

#include "backend/switchyard_backend.h"

namespace switchyard {
namespace {

const OptionRow kTable[] = {
    {.key = kOptionMaxWorkspaceBytes,
     .default_value = int64_t{4} << 30,
     .scope = OptionScope::kBoth,
     .min = 0,
     .max = std::numeric_limits<int64_t>::max(),
     .environment = "SWITCHYARD_MAX_WORKSPACE_BYTES",
     .doc = "Bytes that the intermediate values of one delegate may need together, checked against "
            "the payload's bounds at load and against the real shapes at each execute."},
    {.key = kOptionWorkspaceSharingMode,
     .default_value = int64_t{0},
     .scope = OptionScope::kBoth,
     .min = 0,
     .max = 2,
     .environment = "SWITCHYARD_WORKSPACE_SHARING_MODE",
     .doc = "Which delegates share XNNPACK's scratch memory: 0 none (each has its own), 1 those of "
            "one loaded model, 2 all of the process. Delegates that share it run one at a time."},
};

}  // namespace

std::span<const OptionRow> BackendOptionTable() { return kTable; }

LoadOptions ReadLoadOptions(const OptionMap& options) {
  return {.max_workspace_bytes =
              static_cast<uint64_t>(options.GetInt(kOptionMaxWorkspaceBytes)),
          .workspace_sharing =
              static_cast<WorkspaceSharing>(options.GetInt(kOptionWorkspaceSharingMode))};
}

}  // namespace switchyard
