#include "tools/peer_backend.h"

#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/core/evalue.h>
#include <executorch/runtime/core/named_data_map.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "schema/payload.h"
#include "tools/xnnpack_payload.h"

namespace switchyard::tools {

// Not nameless: what has members of these is in a header's class.
namespace peer_backend {

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::TensorImpl;

std::unexpected<Error> HostError(et::Error error, std::string_view action) {
  return Fail(static_cast<ErrorCode>(error), "{}: {} failed; --verbose shows its messages",
              kXnnpackBackend, action);
}

// Our named data for ExecuTorch: content by key, nothing else.
class HostNamedData : public et::NamedDataMap {
 public:
  explicit HostNamedData(const switchyard::NamedDataMap* map) : map_(map) {}

  et::Result<et::FreeableBuffer> get_data(std::string_view key) const override {
    if (map_ == nullptr) return et::Error::NotFound;
    Result<DataBuffer> data = map_->Get(key);
    if (!data) return static_cast<et::Error>(data.error().code);
    auto held = std::make_unique<DataBuffer>(*std::move(data));
    std::span<const std::byte> bytes = held->bytes();
    return et::FreeableBuffer(
        bytes.data(), bytes.size(),
        [](void* context, void*, size_t) { delete static_cast<DataBuffer*>(context); },
        held.release());
  }
  et::Result<const et::TensorLayout> get_tensor_layout(std::string_view) const override {
    return et::Error::NotSupported;
  }
  et::Error load_data_into(std::string_view, void*, size_t) const override {
    return et::Error::NotSupported;
  }
  et::Result<uint32_t> get_num_keys() const override { return et::Error::NotSupported; }
  et::Result<const char*> get_key(uint32_t) const override { return et::Error::NotSupported; }

 private:
  const switchyard::NamedDataMap* map_;
};

ScalarType ScalarTypeOf(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return ScalarType::Float;
    case ElementType::kF16:
      return ScalarType::Half;
    case ElementType::kBF16:
      return ScalarType::BFloat16;
    case ElementType::kInt8:
      return ScalarType::Char;
    case ElementType::kUInt8:
      return ScalarType::Byte;
    case ElementType::kInt32:
      return ScalarType::Int;
    case ElementType::kInt64:
      return ScalarType::Long;
  }
  return ScalarType::Undefined;
}

// A tensor of ExecuTorch; an output is in default dim order. It cannot grow, so an output gets the
// size that the payload bounds it by, in memory of its own.
struct HostTensor {
  HostTensor(const TensorView& view, const Dims* bound)
      : sizes(view.sizes.begin(), view.sizes.begin() + static_cast<ptrdiff_t>(view.rank)),
        order(view.dim_order.begin(), view.dim_order.begin() + static_cast<ptrdiff_t>(view.rank)) {
    void* data = view.data;
    if (bound != nullptr) {
      sizes.assign(bound->begin(), bound->end());
      order.resize(sizes.size());
      std::iota(order.begin(), order.end(), uint8_t{0});
      owned.resize(bound->NumElements().value_or(0) * ElementBytes(view.element_type) + kSlack);
      data = owned.data();
    }
    strides.assign(sizes.size(), 1);
    for (size_t i = sizes.size(); i-- > 1;) {
      strides[order[i - 1]] = strides[order[i]] * sizes[order[i]];
    }
    impl = std::make_unique<TensorImpl>(
        ScalarTypeOf(view.element_type), static_cast<ssize_t>(sizes.size()), sizes.data(), data,
        order.data(), strides.data(), et::TensorShapeDynamism::DYNAMIC_BOUND);
    value = et::EValue(executorch::aten::Tensor(impl.get()));
  }

  static constexpr size_t kSlack = 64;  // XNNPACK may touch this much beyond a tensor
  std::vector<int32_t> sizes;
  std::vector<uint8_t> order;
  std::vector<int32_t> strides;
  std::vector<std::byte> owned;  // of an output
  std::unique_ptr<TensorImpl> impl;
  et::EValue value;
};

struct PeerHandle : DelegateHandle {
  executorch::extension::MallocMemoryAllocator allocator;
  std::vector<std::optional<Dims>> output_bounds;  // by external id; nothing: not an output
  et::DelegateHandle* handle = nullptr;
};

et::BackendInterface* host() { return et::get_backend_class(std::string(kXnnpackBackend).c_str()); }

Status CopyOut(const HostTensor& from, TensorView& to) {
  if (to.resize == nullptr) {
    return Fail(ErrorCode::kNotSupported,
                "an output that cannot be resized; hand over one that can");
  }
  std::vector<size_t> sizes(from.impl->sizes().begin(), from.impl->sizes().end());
  SWITCHYARD_TRY(to.resize(to, sizes));
  std::ranges::copy(std::span(from.owned).first(from.impl->nbytes()),
                    static_cast<std::byte*>(to.data));
  return {};
}

class Peer final : public Backend {
 public:
  std::string_view name() const override { return kXnnpackBackend; }
  bool is_available() const override { return host() != nullptr && host()->is_available(); }

  Result<DelegateHandle*> Init(const InitContext& context,
                               std::span<const std::byte> payload) override {
    SWITCHYARD_ASSIGN(Graph graph, ReadPayload(payload, context.named_data));
    auto peer = std::make_unique<PeerHandle>();
    peer->output_bounds.resize(graph.num_externals);
    for (const Value& value : graph.values) {
      if (value.is_external_output) peer->output_bounds[*value.external_id] = value.dims;
    }
    HostNamedData named_data(context.named_data);
    et::BackendInitContext host_context(&peer->allocator, nullptr, "forward", &named_data);
    et::FreeableBuffer bytes(payload.data(), payload.size(), nullptr);
    auto handle = host()->init(host_context, &bytes, {});
    if (!handle.ok()) return HostError(handle.error(), "init");
    peer->handle = *handle;
    return peer.release();
  }

  Status Execute(const ExecuteContext&, DelegateHandle* handle,
                 std::span<TensorView> arguments) override {
    PeerCall call(*handle, arguments);
    SWITCHYARD_TRY(call.Execute());
    return call.CopyOutputs(arguments);
  }

  void Destroy(DelegateHandle* handle) override {
    auto* peer = static_cast<PeerHandle*>(handle);
    host()->destroy(peer->handle);
    delete peer;
  }

  Status SetOption(std::string_view key, const OptionValue&) override { return NoOption(key); }
  Result<OptionValue> GetOption(std::string_view key) const override {
    SWITCHYARD_TRY(NoOption(key));
    return OptionValue();
  }

 private:
  static Status NoOption(std::string_view key) {
    return Fail(ErrorCode::kNotFound, "option '{}': ExecuTorch's backend is used as it is", key);
  }
};

}  // namespace peer_backend

using namespace peer_backend;

Backend& PeerBackend() {
  static Peer peer;
  return peer;
}

struct PeerCall::Tensors {
  PeerHandle* peer;
  std::deque<HostTensor> tensors;
  std::vector<et::EValue*> values;
};

PeerCall::PeerCall(DelegateHandle& delegate, std::span<const TensorView> arguments)
    : tensors_(std::make_unique<Tensors>(static_cast<PeerHandle*>(&delegate))) {
  const std::vector<std::optional<Dims>>& bounds = tensors_->peer->output_bounds;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool is_output = i < bounds.size() && bounds[i];
    tensors_->tensors.emplace_back(arguments[i], is_output ? &*bounds[i] : nullptr);
    tensors_->values.push_back(&tensors_->tensors.back().value);
  }
}
PeerCall::~PeerCall() = default;

Status PeerCall::Execute() {
  et::BackendExecutionContext context(nullptr, &tensors_->peer->allocator, "forward");
  const et::Error error = host()->execute(context, tensors_->peer->handle,
                                          {tensors_->values.data(), tensors_->values.size()});
  if (error != et::Error::Ok) return HostError(error, "execute");
  return {};
}

Status PeerCall::CopyOutputs(std::span<TensorView> arguments) const {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const HostTensor& tensor = tensors_->tensors[i];
    if (!tensor.owned.empty()) SWITCHYARD_TRY(CopyOut(tensor, arguments[i]));
  }
  return {};
}

}  // namespace switchyard::tools
