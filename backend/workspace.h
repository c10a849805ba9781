// Which delegates share XNNPACK's scratch memory, and the lock that sharing implies.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "backend/options.h"
#include "backend/xnnpack/stock_step.h"
#include "runtime/base/error.h"

namespace switchyard {

// Hold `mutex` while steps on `xnnpack` are created, reshaped, run or destroyed.
struct Workspace {
  std::mutex mutex;
  std::shared_ptr<XnnpackWorkspace> xnnpack;
};

// The workspaces that are alive. Thread-safe.
class WorkspaceTable {
 public:
  // `model` tells models apart in PerModel mode.
  Result<std::shared_ptr<Workspace>> Get(WorkspaceSharing sharing, const void* model);

 private:
  std::mutex mutex_;
  std::map<const void*, std::weak_ptr<Workspace>> shared_;  // null key: the global one
};

}  // namespace switchyard
