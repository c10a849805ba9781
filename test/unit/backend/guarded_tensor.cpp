#include "test/unit/backend/guarded_tensor.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "backend/xnnpack/stock_step.h"
#include "runtime/base/float16.h"

namespace switchyard::test {
namespace {

constexpr size_t kMaxBytes = size_t{4} << 20;

float FloatOf(uint64_t random, bool special) {
  constexpr float kSpecial[] = {0.0f,
                                -0.0f,
                                std::numeric_limits<float>::infinity(),
                                -std::numeric_limits<float>::infinity(),
                                std::numeric_limits<float>::quiet_NaN(),
                                std::numeric_limits<float>::max(),
                                std::numeric_limits<float>::denorm_min()};
  if (special && random % 64 == 0) return kSpecial[random / 64 % std::size(kSpecial)];
  return static_cast<float>(static_cast<int32_t>(random >> 32)) * 0x1p-29f;
}

}  // namespace

std::optional<GuardedTensor> GuardedTensor::Create(ElementType type, const Dims& dims,
                                                   std::byte behind) {
  const std::optional<size_t> elements = dims.NumElements();
  if (!elements || *elements > kMaxBytes / ElementBytes(type)) return std::nullopt;
  GuardedTensor tensor;
  tensor.num_bytes_ = *elements * ElementBytes(type);
  tensor.buffer_ = GuardedBuffer(tensor.num_bytes_ + OverReadBytes());
  std::memset(tensor.buffer_.data(), static_cast<int>(behind), tensor.buffer_.size());
  tensor.behind_ = behind;
  tensor.view_.element_type = type;
  tensor.view_.rank = dims.rank();
  for (size_t i = 0; i < dims.rank(); ++i) {
    tensor.view_.sizes[i] = dims[i];
    tensor.view_.dim_order[i] = static_cast<uint8_t>(i);
  }
  return tensor;
}

bool GuardedTensor::BordersAreIntact() const {
  return buffer_.FrontIsIntact() && std::ranges::all_of(buffer_.bytes().subspan(num_bytes_),
                                                        [&](std::byte b) { return b == behind_; });
}

void GuardedTensor::Fill(uint64_t seed, bool special) {
  const size_t element = ElementBytes(view_.element_type);
  uint64_t state = seed;
  for (size_t at = 0; at + element <= num_bytes_; at += element) {
    state = state * 6364136223846793005 + 1442695040888963407;
    const uint64_t random = state ^ state >> 29;
    const float number = FloatOf(random, special);
    uint64_t bits = random;
    if (view_.element_type == ElementType::kF32) bits = std::bit_cast<uint32_t>(number);
    if (view_.element_type == ElementType::kF16) bits = F16FromF32(number);
    if (view_.element_type == ElementType::kBF16) bits = BF16FromF32(number);
    std::memcpy(buffer_.data() + at, &bits, element);
  }
}

TensorView GuardedTensor::View() {
  TensorView view = view_;
  view.data = buffer_.data();
  view.capacity_bytes = num_bytes_;
  view.host_tensor = this;
  view.resize = Resize;
  return view;
}

Status GuardedTensor::Resize(TensorView& view, std::span<const size_t> sizes) {
  auto* tensor = static_cast<GuardedTensor*>(view.host_tensor);
  std::optional<GuardedTensor> resized = Create(view.element_type, Dims(sizes), tensor->behind_);
  if (!resized) return Fail(ErrorCode::kOutOfResources, "more than the test hands over");
  *tensor = *std::move(resized);
  view = tensor->View();
  return {};
}

}  // namespace switchyard::test
