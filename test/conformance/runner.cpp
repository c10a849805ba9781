#include "test/conformance/runner.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <functional>
#include <iterator>
#include <utility>

#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "test/conformance/reference.h"
#include "test/support/guarded_tensor.h"
#include "test/support/payloads.h"
#include "test/support/poison_allocator.h"

namespace switchyard::conformance {
namespace {

using test::GuardedTensor;

bool SaysNotSupported(const Error& error) {
  return error.code == ErrorCode::kNotSupported || error.code == ErrorCode::kNotImplemented;
}

CaseResult Refused(const Case& item, std::string_view when, const Error& error) {
  CaseResult result;
  result.detail = std::format("{}: {}", when, error.ToString());
  result.outcome = item.refused              ? Outcome::kRefusedAsDocumented
                   : SaysNotSupported(error) ? Outcome::kNotSupported
                                             : Outcome::kFailStatus;
  return result;
}

// A mistake of the suite, not of the backend; it fails all the same.
CaseResult Mistake(std::string_view what) {
  CaseResult result;
  result.outcome = Outcome::kFailStatus;
  result.detail = std::format("the suite itself is wrong: {}", what);
  return result;
}

// Of every external value in the order of ids; null where the graph has none.
std::vector<const Value*> Externals(const Graph& graph) {
  std::vector<const Value*> externals(graph.num_externals);
  for (const Value& value : graph.values) {
    if (value.external_id) externals[*value.external_id] = &value;
  }
  return externals;
}

// Whether the graph takes an input for images: the host then hands over a tensor of logical sizes
// [N, C, H, W] in dim order [0, 2, 3, 1], channels last.
bool IsImage(const Graph& graph, ValueIndex input) {
  if (graph.values[input].dims.rank() != 4) return false;
  std::vector<ValueIndex> same = {input};  // and what conversions make of it
  for (const Node& node : graph.nodes) {
    if (!std::ranges::contains(same, node.inputs[0])) continue;
    if (Info(node.kind).attributes == AttributeKind::kConvolution ||
        Info(node.kind).attributes == AttributeKind::kPooling ||
        node.kind == NodeKind::kGlobalAvgPooling2d ||
        node.kind == NodeKind::kStaticResizeBilinear2D) {
      return true;
    }
    if (node.inputs.size() == 1 && node.outputs.size() == 1) same.push_back(node.outputs[0]);
  }
  return false;
}

// The tensor, which lies in memory as the graph has it, as a host sees it.
TensorView ViewOf(GuardedTensor& tensor, bool is_image) {
  TensorView view = tensor.View();
  if (!is_image) return view;
  constexpr uint8_t kChannelsLast[] = {0, 2, 3, 1};
  for (size_t i = 0; i < 4; ++i) {
    view.dim_order[i] = kChannelsLast[i];
    view.sizes[kChannelsLast[i]] = tensor.sizes()[i];
  }
  return view;
}

std::string IndexText(const Dims& dims, size_t index) {
  Dims position = dims;
  for (size_t d = dims.rank(); d-- > 0; index /= dims[d]) position[d] = index % dims[d];
  return ToString(position);
}

// Compares one output and adds to `result`; false when it failed.
bool Judge(const Case& item, size_t run, size_t output, const reference::Tensor& expected,
           const OwnedTensor& got, CaseResult& result) {
  const std::string where = std::format("run {}, output {}", run, output);
  if (!std::ranges::equal(got.sizes(), expected.dims.span())) {
    result.outcome = Outcome::kFailNumeric;
    result.detail = std::format("{}: shape {}, expected {}", where, ToString(Dims(got.sizes())),
                                ToString(expected.dims));
    return false;
  }
  const reference::Difference difference = reference::Compare(expected, got);
  result.num_elements += expected.values.size();
  result.num_exact += difference.num_exact;
  result.worst = std::max(result.worst, difference.worst);
  if (item.data == Data::kBitwise && difference.num_exact != expected.values.size()) {
    result =
        Mistake(std::format("{}: {} of {} answers are not exact, though the case says so", where,
                            expected.values.size() - difference.num_exact, expected.values.size()));
    return false;
  }
  if (item.data != Data::kPartlyFree && difference.num_free > 0) {
    result = Mistake(std::format("{}: {} answers may be anything", where, difference.num_free));
    return false;
  }
  if (difference.pass) return true;
  result.outcome = Outcome::kFailNumeric;
  result.detail = std::format(
      "{}: {} of {} elements of {} are wrong, worst at {}: got {}, expected {} within {}", where,
      difference.num_wrong, expected.values.size(), ToString(expected.dims),
      IndexText(expected.dims, difference.worst_index), difference.got, difference.expected,
      difference.bound);
  return false;
}

// The bytes that lie behind the tensors of a run and in memory that nobody has written.
unsigned char PoisonOf(const Case& item, size_t run) {
  const size_t number = std::hash<std::string_view>()(item.name) + run;
  return test::kPoisons[number % std::size(test::kPoisons)];
}

GuardedTensor MakeGuarded(ElementType type, std::span<const size_t> sizes, unsigned char poison) {
  return *GuardedTensor::Create(type, Dims(sizes), {.fill = poison});
}

OwnedTensor ToOwned(const GuardedTensor& tensor) {
  OwnedTensor owned(tensor.element_type(), tensor.sizes());
  std::ranges::copy(tensor.bytes(), owned.bytes().begin());
  return owned;
}

CaseResult Run(const Case& item, uint64_t seed, const Host& host) {
  Built built = BuildCase(item, seed);
  Result<Payload> payload = WritePayload(built.graph, built.writer);
  if (!payload) return Mistake(payload.error().ToString());
  const NamedDataViews named_data = test::NamedDataOf(*payload);
  InitContext context;
  context.services.thread_pool = host.thread_pool;
  auto& allocator = test::PoisonAllocator::Get();
  allocator.set_poison(PoisonOf(item, 0));
  context.services.allocator = &allocator;
  context.load_options = host.load_options;
  context.named_data = &named_data;
  Result<BlobRunner> runner = BlobRunner::Load(*host.backend, payload->bytes, context);
  if (!runner) return Refused(item, "load", runner.error());
  // The payload may go once it is loaded: a backend that keeps pointing at it reads this.
  std::ranges::fill(payload->bytes, std::byte{0xA5});

  const std::vector<const Value*> externals = Externals(built.graph);
  CaseResult result;
  for (size_t run = 0; run < built.runs.size(); ++run) {
    const unsigned char poison = PoisonOf(item, run);
    allocator.set_poison(poison);
    std::vector<GuardedTensor> arguments;
    std::vector<reference::Tensor> inputs;
    for (const OwnedTensor& tensor : built.runs[run]) {
      Result<reference::Tensor> input = reference::FromHost(*externals[arguments.size()], tensor);
      if (!input) return Mistake(input.error().message);
      inputs.push_back(*std::move(input));
      arguments.push_back(MakeGuarded(tensor.element_type(), tensor.sizes(), poison));
      std::ranges::copy(tensor.bytes(), arguments.back().bytes().begin());
    }
    for (size_t i = arguments.size(); i < externals.size(); ++i) {
      arguments.push_back(
          MakeGuarded(*ExternalElementType(externals[i]->type), externals[i]->dims.span(), poison));
    }
    std::vector<TensorView> views;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const auto index = static_cast<ValueIndex>(externals[i] - built.graph.values.data());
      views.push_back(ViewOf(arguments[i], i < inputs.size() && IsImage(built.graph, index)));
    }
    if (Status status = runner->Run(views); !status) {
      return Refused(item, std::format("run {}", run), status.error());
    }
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i].BordersAreIntact()) continue;
      result.outcome = Outcome::kFailNumeric;
      result.detail = std::format("run {}: it wrote outside of argument {}", run, i);
      return result;
    }
    if (item.refused) continue;
    Result<std::vector<reference::Tensor>> expected = reference::Evaluate(built.graph, inputs);
    if (!expected) return Mistake(expected.error().message);
    for (size_t i = 0; i < expected->size(); ++i) {
      const OwnedTensor got = ToOwned(arguments[inputs.size() + i]);
      if (!Judge(item, run, i, (*expected)[i], got, result)) return result;
    }
  }
  if (item.refused) {
    result.outcome = Outcome::kFailStatus;
    result.detail = "it ran, though it is documented to be refused";
  }
  return result;
}

}  // namespace

std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass:
      return "pass";
    case Outcome::kFailNumeric:
      return "fail_numeric";
    case Outcome::kFailStatus:
      return "fail_status";
    case Outcome::kRefusedAsDocumented:
      return "refused_as_documented";
    case Outcome::kNotSupported:
      return "not_supported";
    case Outcome::kCrash:
      return "crash";
    case Outcome::kTimeout:
      return "timeout";
  }
  return "unknown";
}

CaseResult RunCase(const Case& item, uint64_t seed, const Host& host) {
  const auto started = std::chrono::steady_clock::now();
  CaseResult result = Run(item, seed, host);
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return result;
}

}  // namespace switchyard::conformance
