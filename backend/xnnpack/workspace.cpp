#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"

namespace switchyard {

Result<std::shared_ptr<XnnpackWorkspace>> XnnpackWorkspace::Create() {
  std::shared_ptr<XnnpackWorkspace> workspace(new XnnpackWorkspace);
  const xnn_status status = xnn_create_workspace(&workspace->workspace_);
  if (status != xnn_status_success) {
    return Fail(ToErrorCode(status),
                "XNNPACK workspace: {}; call InitializeXnnpack first, or free memory",
                Name(status));
  }
  return workspace;
}

XnnpackWorkspace::~XnnpackWorkspace() {
  if (workspace_ != nullptr) xnn_release_workspace(workspace_);
}

}  // namespace switchyard
