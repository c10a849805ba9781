// From a payload to a delegate.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "backend/compiled_delegate.h"
#include "backend/options.h"
#include "backend/packed/weights_cache.h"
#include "backend/workspace.h"
#include "runtime/backend.h"
#include "runtime/base/error.h"

namespace switchyard {

// Parses `payload`, judges its nodes, plans, fits the plan into memory, and then packs, once. The
// payload's bytes may go afterwards, as may the named data: weights have been packed, and the
// constants that packing does not consume have been copied.
Result<std::unique_ptr<CompiledDelegate>> LoadDelegate(const InitContext& context,
                                                       std::span<const std::byte> payload,
                                                       const LoadOptions& options,
                                                       std::shared_ptr<Workspace> workspace,
                                                       WeightsCache& weights);

}  // namespace switchyard
