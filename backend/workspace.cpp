#include "backend/workspace.h"

namespace switchyard {
namespace {

Result<std::shared_ptr<Workspace>> NewWorkspace() {
  auto workspace = std::make_shared<Workspace>();
  SWITCHYARD_ASSIGN(workspace->xnnpack, XnnpackWorkspace::Create());
  return workspace;
}

}  // namespace

Result<std::shared_ptr<Workspace>> WorkspaceTable::Get(WorkspaceSharing sharing,
                                                       const void* model) {
  if (sharing == WorkspaceSharing::kDisabled) return NewWorkspace();
  // A host that does not tell its models apart gets a workspace for each delegate.
  if (sharing == WorkspaceSharing::kPerModel && model == nullptr) return NewWorkspace();
  const void* key = sharing == WorkspaceSharing::kGlobal ? nullptr : model;

  std::lock_guard lock(mutex_);
  std::erase_if(shared_, [](const auto& entry) { return entry.second.expired(); });
  if (auto existing = shared_[key].lock()) return existing;
  SWITCHYARD_ASSIGN(auto created, NewWorkspace());
  shared_[key] = created;
  return created;
}

}  // namespace switchyard
