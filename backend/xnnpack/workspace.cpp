#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"

namespace switchyard {

Result<std::shared_ptr<XnnpackWorkspace>> XnnpackWorkspace::Create() {
  xnn_workspace_t workspace = nullptr;
  const xnn_status status = xnn_create_workspace(&workspace);
  if (status != xnn_status_success) {
    return Fail(ToErrorCode(status),
                "XNNPACK workspace: {}; call InitializeXnnpack first, or free memory",
                Name(status));
  }
  return std::shared_ptr<XnnpackWorkspace>(new XnnpackWorkspace(workspace));
}

XnnpackWorkspace::~XnnpackWorkspace() { xnn_release_workspace(workspace_); }

}  // namespace switchyard
