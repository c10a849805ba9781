#include "test/conformance/one_node.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <numeric>
#include <utility>

#include "runtime/base/float16.h"
#include "test/conformance/tensors.h"
#include "test/support/graph_builder.h"

namespace switchyard::conformance {
namespace {

// What makes Distinct's numbers.
constexpr size_t kPeriod = 1021;

std::vector<double> MakeNumbers(const Numbers& numbers, size_t count, Random& random) {
  std::vector<double> result(count);
  std::vector<size_t> order(kPeriod);
  std::iota(order.begin(), order.end(), 0);
  if (numbers.form == Numbers::Form::kDistinct) {
    for (size_t i = kPeriod; i > 1; --i) {
      std::swap(order[i - 1],
                order[static_cast<size_t>(random.Integer(0, static_cast<int64_t>(i) - 1))]);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    switch (numbers.form) {
      case Numbers::Form::kReals:
        result[i] = random.Real(numbers.low, numbers.high);
        break;
      case Numbers::Form::kIntegers:
        result[i] = static_cast<double>(
            random.Integer(static_cast<int64_t>(numbers.low), static_cast<int64_t>(numbers.high)));
        break;
      case Numbers::Form::kListed:
        result[i] = numbers.list[i % numbers.list.size()];
        break;
      case Numbers::Form::kDistinct:
        result[i] = numbers.low + static_cast<double>(order[i % kPeriod]);
        break;
    }
  }
  return result;
}

OwnedTensor MakeTensor(const InputSpec& spec, const Dims& dims, Random& random) {
  OwnedTensor tensor(*ExternalElementType(spec.kind.type), dims.span());
  const std::vector<double> numbers =
      MakeNumbers(spec.numbers, dims.NumElements().value_or(0), random);
  const auto* quantization = std::get_if<PerTensorQuantization>(&spec.kind.quantization);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto number = static_cast<float>(numbers[i]);
    const double stored =
        quantization == nullptr
            ? 0
            : std::nearbyint(numbers[i] / quantization->scale) + quantization->zero_point;
    switch (spec.kind.type) {
      case DataType::kF16:
        tensor.data<uint16_t>()[i] = F16FromF32(number);
        break;
      case DataType::kBF16:
        tensor.data<uint16_t>()[i] = BF16FromF32(number);
        break;
      case DataType::kQInt8:
        tensor.data<int8_t>()[i] = static_cast<int8_t>(std::clamp(stored, -128.0, 127.0));
        break;
      case DataType::kQUInt8:
        tensor.data<uint8_t>()[i] = static_cast<uint8_t>(std::clamp(stored, 0.0, 255.0));
        break;
      case DataType::kInt32:
        tensor.data<int32_t>()[i] = static_cast<int32_t>(numbers[i]);
        break;
      default:
        tensor.data<float>()[i] = number;
    }
  }
  return tensor;
}

Built Build(const OneNode& spec, Random& random) {
  test::GraphBuilder b;
  Built built;
  std::vector<ValueIndex> inputs, outputs;
  size_t num_runs = 1;
  for (const InputSpec& input : spec.inputs) {
    num_runs = std::max(num_runs, 1 + input.more_runs.size());
    if (input.constant != Constant::kNo) {
      const OwnedTensor tensor = MakeTensor(input, input.dims, random);
      const std::vector<std::byte> bytes(tensor.bytes().begin(), tensor.bytes().end());
      if (input.constant == Constant::kNamed) built.writer.constants = ConstantStorage::kNamed;
      inputs.push_back(b.Constant(
          input.kind.type, input.dims, bytes, input.kind.quantization,
          input.constant == Constant::kNamed ? std::format("constant{}", inputs.size()) : ""));
    } else {
      inputs.push_back(b.Input(input.kind.type, input.dims, input.kind.quantization));
    }
  }
  for (const OutputSpec& output : spec.outputs) {
    outputs.push_back(b.Output(output.kind.type, output.dims, output.kind.quantization));
  }
  Node& node = b.Add(spec.kind, std::move(inputs), std::move(outputs), spec.attributes);
  node.flags = spec.flags;
  node.output_min = spec.min;
  node.output_max = spec.max;
  built.graph = b.Build();
  for (size_t run = 0; run < num_runs; ++run) {
    std::vector<OwnedTensor>& tensors = built.runs.emplace_back();
    for (const InputSpec& input : spec.inputs) {
      if (input.constant != Constant::kNo) continue;
      const bool declared = run == 0 || input.more_runs.size() < run;
      tensors.push_back(
          MakeTensor(input, declared ? input.dims : input.more_runs[run - 1], random));
    }
  }
  return built;
}

}  // namespace

ElementKind WithQuantization(const ElementKind& kind, float scale, int32_t zero_point) {
  return {kind.name, kind.type, PerTensorQuantization{scale, zero_point}};
}

std::string DimsName(const Dims& dims) {
  if (dims.rank() == 0) return "scalar";
  std::string name;
  for (size_t size : dims) name += (name.empty() ? "" : "x") + std::to_string(size);
  return name;
}

void AddOneNode(Cases& cases, std::string name, OneNode node, Expect expect) {
  cases.push_back(
      {.name = std::move(name),
       .build = [node = std::move(node)](Random& random) { return Build(node, random); },
       .must_pass = expect.must_pass,
       .data = expect.data,
       .refused = expect.refused});
}

}  // namespace switchyard::conformance
