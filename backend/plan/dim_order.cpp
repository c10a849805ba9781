#include "backend/plan/dim_order.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <format>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace switchyard {
namespace {

using DimOrder = std::span<const uint8_t>;

constexpr uint8_t kDefaultOrder[kMaxRank] = {0, 1, 2, 3, 4, 5};
constexpr uint8_t kChannelsLastOrder[] = {0, 2, 3, 1};
// The exporter's transpose from the default order to channels last.
constexpr uint32_t kToChannelsLast[] = {0, 2, 3, 1};
// And back; it may as well be the model's own, of an input in the default order.
constexpr uint32_t kFromChannelsLast[] = {0, 3, 1, 2};

template <typename T>
std::string ToText(std::span<const T> numbers) {
  std::string text = "[";
  for (const T number : numbers) {
    std::format_to(std::back_inserter(text), "{}{}", text.size() > 1 ? ", " : "", number);
  }
  return text + "]";
}

std::span<const size_t> SizesOf(const TensorView& tensor) {
  return std::span(tensor.sizes).first(tensor.rank);
}

std::string Describe(const Value& value, const TensorView& tensor) {
  return std::format("argument {}: sizes {} in dim order {}", *value.external_id,
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

enum class Layout : uint8_t { kUnknown, kDefault, kChannelsLast, kEither };

// What a node says about the layout of its first input.
Layout LayoutWantedBy(const Node& node) {
  switch (node.kind) {
    case NodeKind::kStaticTranspose: {
      // Another permutation is the model's own, and says nothing.
      const auto& permutation = std::get<TransposeAttributes>(node.attributes).permutation;
      if (std::ranges::equal(permutation, kToChannelsLast)) return Layout::kDefault;
      if (std::ranges::equal(permutation, kFromChannelsLast)) return Layout::kEither;
      return Layout::kUnknown;
    }
    case NodeKind::kConv2d:
    case NodeKind::kDepthwiseConv2d:
    case NodeKind::kConvTranspose2d:
    case NodeKind::kAvgPooling2d:
    case NodeKind::kMaxPooling2d:
    case NodeKind::kArgMaxPooling2d:
    case NodeKind::kGlobalAvgPooling2d:
    case NodeKind::kStaticResizeBilinear2D:
      return Layout::kChannelsLast;
    default:
      return Layout::kUnknown;
  }
}

// Whether a node makes the same of its input in any layout.
bool IsElementwise(const Node& node) {
  const NodeKindInfo& info = Info(node.kind);
  return info.max_inputs == 1 && info.num_outputs == 1 && node.kind != NodeKind::kSoftmax &&
         (info.attributes == AttributeKind::kNone || info.attributes == AttributeKind::kElu ||
          info.attributes == AttributeKind::kLeakyRelu);
}

Layout LayoutWantedFor(const Graph& graph, ValueIndex input) {
  // The input and what elementwise nodes make of it; few, since a graph may have 10^5 nodes.
  constexpr size_t kMaxValues = 16;
  std::vector<ValueIndex> same_layout = {input};
  for (const Node& node : graph.nodes) {
    if (!std::ranges::contains(same_layout, node.inputs[0])) continue;
    const Layout wanted = LayoutWantedBy(node);
    if (wanted != Layout::kUnknown || !IsElementwise(node) || same_layout.size() == kMaxValues) {
      return wanted;
    }
    same_layout.push_back(node.outputs[0]);
  }
  return Layout::kUnknown;
}

// An order that a tensor's sizes could be read in.
struct Reading {
  Layout layout;
  DimOrder order;
  Dims dims;
  bool is_within_bounds;
  bool is_same_data;  // as in the tensor's own order
};

std::vector<Reading> ReadingsOf(const TensorView& tensor, const Dims& bounds) {
  const DimOrder own = DimOrder(tensor.dim_order).first(tensor.rank);
  std::vector<Reading> readings;
  const auto add = [&](Layout layout, DimOrder order) {
    const Dims dims = InOrder(tensor, order);
    readings.push_back(
        {layout, order, dims, IsWithin(dims, bounds), IsSameData(tensor, own, order)});
  };
  add(Layout::kUnknown, own);
  add(Layout::kDefault, DimOrder(kDefaultOrder).first(tensor.rank));
  if (tensor.rank == 4) add(Layout::kChannelsLast, kChannelsLastOrder);
  return readings;
}

}  // namespace

Result<Dims> PhysicalDims(const Graph& graph, ValueIndex input, const TensorView& tensor) {
  const Value& value = graph.values[input];
  if (IsScalar(tensor, value.dims)) return value.dims;
  SWITCHYARD_TRY(CheckForm(value, tensor, value.dims.rank()));

  const std::vector<Reading> readings = ReadingsOf(tensor, value.dims);
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
    return Fail(ErrorCode::kInvalidArgument,
                "{}: {} as it lies in memory, expected at most {}; pass a tensor {}",
                Describe(value, tensor), ToString(readings[0].dims), ToString(value.dims),
                rival == nullptr ? std::string("within these bounds")
                                 : "in dim order " + ToText(rival->order));
  }
  if (!is_ambiguous && rival == nullptr) return usable->dims;

  const Layout wanted = tensor.rank == 4 ? LayoutWantedFor(graph, input) : Layout::kUnknown;
  if (wanted == Layout::kDefault || wanted == Layout::kChannelsLast) {
    const Reading* reading = &*std::ranges::find(readings, wanted, &Reading::layout);
    if (reading->is_within_bounds && !reading->is_same_data) {
      return Fail(ErrorCode::kInvalidArgument,
                  "{}: {} as it lies in memory, but the graph reads it in dim order {}, which the "
                  "sizes do not show; pass it in that order",
                  Describe(value, tensor), ToString(readings[0].dims), ToText(reading->order));
    }
    return reading->is_within_bounds ? reading->dims : usable->dims;
  }
  const bool is_either = wanted == Layout::kEither && readings[2].is_same_data;
  if (rival != nullptr && !readings[1].is_same_data && !is_either) {
    return Fail(ErrorCode::kInvalidArgument,
                "{}: fits the bounds {} in that order and in dim order {}, and the graph does not "
                "show which one it was exported for; pass it in dim order {}",
                Describe(value, tensor), ToString(value.dims), ToText(rival->order),
                ToText(rival->order));
  }
  return usable->dims;
}

std::vector<uint8_t> DefaultDimOrder(size_t rank) { return {kDefaultOrder, kDefaultOrder + rank}; }

std::vector<uint8_t> WantedDimOrder(const Graph& graph, ValueIndex input) {
  const size_t rank = graph.values[input].dims.rank();
  if (rank == 4 && LayoutWantedFor(graph, input) == Layout::kChannelsLast) {
    return {std::begin(kChannelsLastOrder), std::end(kChannelsLastOrder)};
  }
  return DefaultDimOrder(rank);
}

Result<std::vector<size_t>> LogicalSizes(const Value& output, const Dims& dims,
                                         const TensorView& tensor) {
  if (IsScalar(tensor, dims)) return std::vector<size_t>();
  SWITCHYARD_TRY(CheckForm(output, tensor, dims.rank()));
  std::vector<size_t> sizes(dims.rank());
  for (size_t j = 0; j < dims.rank(); ++j) sizes[tensor.dim_order[j]] = dims[j];
  return sizes;
}

}  // namespace switchyard
