#include "backend/plan/dim_order.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/format.h"

namespace switchyard {
namespace {

using DimOrder = std::span<const uint8_t>;

constexpr uint8_t kDefaultOrder[kMaxRank] = {0, 1, 2, 3, 4, 5};
constexpr uint8_t kChannelsLastOrder[] = {0, 2, 3, 1};

template <typename T>
std::string ToText(std::span<const T> numbers) {
  std::string text = "[";
  for (const T number : numbers) {
    text += Format("{}{}", text.size() > 1 ? ", " : "", number);
  }
  return text + "]";
}

std::span<const size_t> SizesOf(const TensorView& tensor) {
  return std::span(tensor.sizes).first(tensor.rank);
}

std::string Describe(const Value& value, const TensorView& tensor) {
  return Format("argument {}: sizes {} in dim order {}", *value.external_id,
                ToText(SizesOf(tensor)),
                ToText(std::span<const uint8_t>(tensor.dim_order).first(tensor.rank)));
}

// The exporter writes a scalar, which has no dimensions, with the dims [1].
bool IsScalar(const TensorView& tensor, const Dims& dims) {
  return tensor.rank == 0 && dims == Dims{1};
}

// Rank and dim order. `rank` is that of the graph's value.
Status CheckForm(const Value& value, const TensorView& tensor, size_t rank) {
  if (tensor.rank != rank || rank > kMaxRank) {
    return Fail(ErrorCode::kInvalidArgument,
                "argument {}: {} dimensions, expected {} as in {}; pass a tensor of that rank",
                *value.external_id, tensor.rank, rank, switchyard::Describe(value));
  }
  std::array<bool, kMaxRank> seen{};
  for (size_t i = 0; i < rank; ++i) {
    const uint8_t dim = tensor.dim_order[i];
    if (dim >= rank || seen[dim]) {
      return Fail(ErrorCode::kInvalidArgument,
                  "{}, expected each of the {} dimensions once; give the tensor a valid dim order",
                  Describe(value, tensor), rank);
    }
    seen[dim] = true;
  }
  return {};
}

Dims InOrder(const TensorView& tensor, DimOrder order) {
  Dims dims;
  for (const uint8_t dim : order) dims.push_back(tensor.sizes[dim]);
  return dims;
}

// Whether a tensor in one order has its data where another order would have them: the dimensions
// other than 1 come in the same order, or there are no data.
bool IsSameData(const TensorView& tensor, DimOrder a, DimOrder b) {
  if (std::ranges::contains(SizesOf(tensor), size_t{0})) return true;
  const auto matters = [&tensor](uint8_t dim) { return tensor.sizes[dim] != 1; };
  std::array<uint8_t, kMaxRank> dims_a{}, dims_b{};
  std::ranges::copy_if(a, dims_a.begin(), matters);
  std::ranges::copy_if(b, dims_b.begin(), matters);
  return dims_a == dims_b;
}

// A tensor's own order, the default order and, for rank 4, channels last: what its sizes could be
// read in.
struct Reading {
  DimOrder order;
  Dims dims;
  bool is_within_bounds;
  bool is_same_data;  // as in the tensor's own order
};
using Readings = std::array<Reading, 3>;
constexpr size_t kOwn = 0;
constexpr size_t ReadingIn(Layout layout) { return layout == Layout::kDefault ? 1 : 2; }

DimOrder OrderOf(Layout layout, size_t rank) {
  return layout == Layout::kDefault ? DimOrder(kDefaultOrder).first(rank) : kChannelsLastOrder;
}

Readings ReadingsOf(const TensorView& tensor, const Dims& bounds) {
  const DimOrder own = DimOrder(tensor.dim_order).first(tensor.rank);
  const auto reading = [&](DimOrder order) {
    const Dims dims = InOrder(tensor, order);
    return Reading{order, dims, IsWithin(dims, bounds), IsSameData(tensor, own, order)};
  };
  const Layout second = tensor.rank == 4 ? Layout::kChannelsLast : Layout::kDefault;
  return {reading(own), reading(OrderOf(Layout::kDefault, tensor.rank)),
          reading(OrderOf(second, tensor.rank))};
}

// Which of the two layouts a tensor's data are in: nothing if in both or in neither.
std::optional<Layout> LayoutOf(const Readings& readings, size_t rank) {
  const bool is_default = readings[1].is_same_data;
  if (rank != 4) return is_default ? std::optional(Layout::kDefault) : std::nullopt;
  if (is_default == readings[2].is_same_data) return std::nullopt;
  return is_default ? Layout::kDefault : Layout::kChannelsLast;
}

Layout Other(Layout layout) {
  return layout == Layout::kDefault ? Layout::kChannelsLast : Layout::kDefault;
}

uint32_t ClaimOf(const LayoutClaims& claims, Layout layout) {
  return claims[std::to_underlying(layout)];
}

// The one layout that somebody claims; nothing if nobody does, or somebody claims either.
std::optional<Layout> Decided(const LayoutClaims& claims) {
  for (const Layout layout : {Layout::kDefault, Layout::kChannelsLast}) {
    if (ClaimOf(claims, layout) != kNobody && ClaimOf(claims, Other(layout)) == kNobody) {
      return layout;
    }
  }
  return std::nullopt;
}

// Logical sizes of what lies in memory as `dims` say; `order` is as long as they are.
Dims InLogicalOrder(const Dims& dims, DimOrder order) {
  Dims sizes = dims;
  for (size_t j = 0; j < dims.rank(); ++j) sizes[order[j]] = dims[j];
  return sizes;
}

// Gives a view the sizes that an output has at its bounds.
void SetSizes(TensorView& output, const Dims& bounds) {
  const DimOrder order = DimOrder(output.dim_order).first(output.rank);
  std::ranges::copy(InLogicalOrder(bounds, order).span(), output.sizes.begin());
}

}  // namespace

ArgumentOrders::ArgumentOrders(const Graph& graph, const Layouts& layouts,
                               std::span<const TensorView> arguments)
    : graph_(graph), layouts_(layouts), arguments_(arguments) {}

void ArgumentOrders::ReadClaims() {
  if (!claims_.empty()) return;
  claims_.assign(layouts_.claims().begin(), layouts_.claims().end());
  for (const ValueIndex i : layouts_.open_externals()) {
    const Value& value = graph_.values[i];
    const size_t rank = value.dims.rank();
    TensorView tensor = arguments_[*value.external_id];
    if (tensor.error != nullptr || rank == 0 || !CheckForm(value, tensor, rank)) continue;
    // An output need not have its sizes yet, or still has those of the last call.
    if (value.is_external_output) SetSizes(tensor, value.dims);
    const Readings readings = ReadingsOf(tensor, value.dims);
    const uint32_t group = layouts_.GroupOf(i);
    if (const std::optional<Layout> layout = LayoutOf(readings, rank)) {
      layouts_.Claim(group, *layout, *value.external_id, claims_);
    } else if (!readings[1].is_same_data) {
      other_orders_.emplace(group, *value.external_id);
    }
  }
}

Status ArgumentOrders::CheckAgainstOthers(ValueIndex input, const TensorView& tensor) {
  ReadClaims();
  const Value& value = graph_.values[input];
  const uint32_t group = layouts_.GroupOf(input);
  const std::optional<Layout> layout = LayoutOf(ReadingsOf(tensor, value.dims), tensor.rank);
  if (!layout && layouts_.IsOneOfTheTwo(group)) {
    return Fail(ErrorCode::kInvalidArgument,
                "{}, which the graph cannot have been exported for; pass it in dim order {}{}",
                Describe(value, tensor), ToText(OrderOf(Layout::kDefault, tensor.rank)),
                tensor.rank == 4 ? " or " + ToText(DimOrder(kChannelsLastOrder)) : "");
  }
  uint32_t who = kNobody;  // in another order
  for (const Layout claimed : {Layout::kDefault, Layout::kChannelsLast}) {
    if (claimed != layout) who = std::min(who, ClaimOf(claims_[group], claimed));
  }
  if (const auto other = other_orders_.find(group); other != other_orders_.end() && !layout) {
    const TensorView& first = arguments_[other->second];
    if (!std::ranges::equal(DimOrder(first.dim_order).first(tensor.rank),
                            DimOrder(tensor.dim_order).first(tensor.rank))) {
      who = std::min(who, other->second);
    }
  }
  if (who >= kTheGraph) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "{}, but argument {} is in dim order {}, and the graph has both in the same order; "
              "pass both in the dim order of the export",
              Describe(value, tensor), who,
              ToText(DimOrder(arguments_[who].dim_order).first(tensor.rank)));
}

Result<Dims> ArgumentOrders::PhysicalDims(ValueIndex input) {
  const Value& value = graph_.values[input];
  const TensorView& tensor = arguments_[*value.external_id];
  if (IsScalar(tensor, value.dims)) return value.dims;
  SWITCHYARD_TRY(CheckForm(value, tensor, value.dims.rank()));

  std::optional<Layout> wanted = Decided(layouts_.claims()[layouts_.GroupOf(input)]);
  const Readings readings = ReadingsOf(tensor, value.dims);
  const Reading* usable = nullptr;  // the first that describes the data as they are
  const Reading* rival = nullptr;   // one that fits, but describes other data
  bool is_ambiguous = false;
  for (const Reading& reading : readings) {
    if (!reading.is_within_bounds) continue;
    const Reading*& first = reading.is_same_data ? usable : rival;
    if (first == nullptr) first = &reading;
    is_ambiguous |= usable != nullptr && reading.dims != usable->dims;
  }
  if (usable == nullptr) {
    const DimOrder order = rival != nullptr ? rival->order
                           : wanted         ? OrderOf(*wanted, tensor.rank)
                                            : readings[kOwn].order;
    return Fail(
        ErrorCode::kInvalidArgument, "{}, expected at most {} in dim order {}; pass a tensor {}",
        Describe(value, tensor), ToString(InLogicalOrder(value.dims, order)), ToText(order),
        rival == nullptr ? std::string("within these bounds") : "in dim order " + ToText(order));
  }
  if (!is_ambiguous && rival == nullptr) return usable->dims;

  if (!wanted) {
    if (rival != nullptr) {
      SWITCHYARD_TRY(CheckAgainstOthers(input, tensor));
      return usable->dims;
    }
    ReadClaims();
    wanted = Decided(claims_[layouts_.GroupOf(input)]);
  }
  if (!wanted) return usable->dims;
  const Reading& reading = readings[ReadingIn(*wanted)];
  if (!reading.is_within_bounds) return usable->dims;
  if (reading.is_same_data) return reading.dims;
  return Fail(ErrorCode::kInvalidArgument,
              "{}, but the graph reads it in dim order {}, which the sizes do not show; pass it in "
              "that order",
              Describe(value, tensor), ToText(reading.order));
}

std::vector<uint8_t> DefaultDimOrder(size_t rank) { return {kDefaultOrder, kDefaultOrder + rank}; }

std::vector<uint8_t> WantedDimOrder(const Graph& graph, const Layouts& layouts, ValueIndex input) {
  const size_t rank = graph.values[input].dims.rank();
  const LayoutClaims& claims = layouts.claims()[layouts.GroupOf(input)];
  const bool is_image = rank == 4 && Decided(claims) == Layout::kChannelsLast;
  const DimOrder order = OrderOf(is_image ? Layout::kChannelsLast : Layout::kDefault, rank);
  return {order.begin(), order.end()};
}

Result<Dims> LogicalSizes(const Value& output, const Dims& dims, const TensorView& tensor) {
  if (IsScalar(tensor, dims)) return Dims();
  SWITCHYARD_TRY(CheckForm(output, tensor, dims.rank()));
  return InLogicalOrder(dims, DimOrder(tensor.dim_order).first(dims.rank()));
}

}  // namespace switchyard
