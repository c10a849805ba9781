#include "tools/run.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/plan/dim_order.h"
#include "backend/plan/layouts.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "tools/program_trace.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {
namespace {

using nlohmann::ordered_json;

ArrayType ArrayTypeOf(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return ArrayType::kF32;
    case ElementType::kF16:
      return ArrayType::kF16;
    case ElementType::kBF16:
      return ArrayType::kBF16;
    case ElementType::kInt8:
      return ArrayType::kInt8;
    case ElementType::kUInt8:
      return ArrayType::kUInt8;
    case ElementType::kInt32:
      return ArrayType::kInt32;
    case ElementType::kInt64:
      return ArrayType::kInt64;
  }
  return ArrayType::kF32;
}

// The value of a graph that an argument is, with the .npy type of its elements.
struct External {
  const Value* value = nullptr;  // null: no node reads it, and the payload does not describe it
  ElementType element_type = ElementType::kF32;
  ArrayType array_type = ArrayType::kF32;
};

Outcome<std::vector<External>> Externals(std::string_view object, const Graph& graph) {
  std::vector<External> externals(graph.num_externals);
  for (const Value& value : graph.values) {
    if (!value.external_id) continue;
    std::optional<ElementType> element = ExternalElementType(value.type);
    if (!element) {
      return Fail(ExitCode::kUnsupported, "{}: argument {} is {}, which no host's tensor can be",
                  object, *value.external_id, Describe(value));
    }
    externals[*value.external_id] = {&value, *element, ArrayTypeOf(*element)};
  }
  return externals;
}

Outcome<OwnedTensor> ToTensor(std::string_view object, size_t id, const External& external,
                              const Array& array) {
  if (!Holds(array.type, external.array_type) || array.shape.size() > kMaxRank ||
      !IsWithin(Dims(array.shape), external.value->dims)) {
    return Fail(ExitCode::kUsage,
                "{}: input with external id {} is {}, expected {} {} or less, in the order in "
                "which the payload has its dimensions",
                object, id, Describe(array), ExpectedTypeText(external.array_type),
                ToString(external.value->dims));
  }
  OwnedTensor tensor(external.element_type, array.shape);
  std::ranges::copy(array.data, tensor.bytes().begin());
  return tensor;
}

// An output of a payload: it gets its size from the backend while it runs, so that nothing is
// allocated on the file's word alone, and within what all of them may have together.
class Output {
 public:
  struct Budget {
    uint64_t limit;
    uint64_t used = 0;
  };

  Output(OwnedTensor& tensor, Budget& budget) : tensor_(tensor), budget_(budget) {}

  TensorView View() {
    TensorView view = tensor_.View();
    view.host_tensor = this;
    view.resize = [](TensorView& resized, std::span<const size_t> sizes) -> Status {
      auto& output = *static_cast<Output*>(resized.host_tensor);
      SWITCHYARD_TRY(output.Resize(sizes));
      resized = output.View();
      return {};
    };
    return view;
  }

 private:
  Status Resize(std::span<const size_t> sizes) {
    if (std::ranges::equal(sizes, tensor_.sizes())) return {};
    const uint64_t others = budget_.used - tensor_.bytes().size();
    const uint64_t bytes =
        CheckedProduct(sizes)
            .and_then([&](size_t count) {
              return CheckedMultiply(count, ElementBytes(tensor_.element_type()));
            })
            .value_or(UINT64_MAX);
    const uint64_t total = CheckedAdd(others, bytes).value_or(UINT64_MAX);
    if (total > budget_.limit) {
      return switchyard::Fail(ErrorCode::kMemoryAllocationFailed,
                              "outputs: {} bytes with one of {}, expected at most {}; set "
                              "--max-memory to more, or use smaller inputs",
                              total, ShapeText(sizes), budget_.limit);
    }
    SWITCHYARD_ASSIGN(tensor_, OwnedTensor::Create(tensor_.element_type(), sizes));
    budget_.used = total;
    return {};
  }

  OwnedTensor& tensor_;
  Budget& budget_;
};

// An array is what lies in memory; here with the sizes and the dim order that the graph wants it to
// have there.
TensorView ViewOf(OwnedTensor& tensor, std::span<const uint8_t> dim_order) {
  TensorView view = tensor.View();
  for (size_t i = 0; i < dim_order.size(); ++i) {
    view.dim_order[i] = dim_order[i];
    view.sizes[dim_order[i]] = tensor.sizes()[i];
  }
  return view;
}

std::string DefaultMethod(const Program& program) {
  return program.methods.size() == 1 ? program.methods[0].name : "forward";
}

// Of the finite elements; without one there are no numbers.
struct Summary {
  double min = 0, max = 0, mean = 0;
  size_t finite = 0, not_finite = 0;
};

Summary Summarize(const Array& array) {
  Summary summary;
  for (size_t i = 0; i < array.NumNumbers(); ++i) {
    double value = array.At(i);
    if (!std::isfinite(value)) {
      ++summary.not_finite;
      continue;
    }
    summary.min = summary.finite == 0 ? value : std::min(summary.min, value);
    summary.max = summary.finite == 0 ? value : std::max(summary.max, value);
    summary.mean += value;
    ++summary.finite;
  }
  if (summary.finite > 0) summary.mean /= static_cast<double>(summary.finite);
  return summary;
}

std::string LineOf(const Array& array, const Summary& summary) {
  std::string line = Describe(array);
  if (array.NumNumbers() == 0) line += " (empty)";
  if (summary.finite > 0) {
    line += Format("  min {:.6g}  max {:.6g}  mean {:.6g}", summary.min, summary.max, summary.mean);
  }
  if (summary.not_finite > 0) line += Format("  {} not finite", summary.not_finite);
  return line;
}

ordered_json JsonOf(const Array& array, const Summary& summary) {
  const auto number = [&summary](double value) {
    return summary.finite > 0 ? ordered_json(value) : ordered_json();
  };
  return {{"type", Name(array.type)},     {"shape", array.shape},
          {"min", number(summary.min)},   {"max", number(summary.max)},
          {"mean", number(summary.mean)}, {"not_finite", summary.not_finite}};
}

}  // namespace

Outcome<std::vector<Array>> RunPayload(ModelFile& model, Backend& backend,
                                       std::span<const Array> inputs, Measurement& measurement,
                                       uint64_t max_memory) {
  std::string object = model.file.path().string();
  Result<Graph> graph = ReadPayload(model.file.bytes(), model.named_data.get());
  if (!graph) return FailWith(object, graph.error());
  SWITCHYARD_ASSIGN(std::vector<External> externals, Externals(object, *graph));

  InitContext context;
  context.named_data = model.named_data.get();
  context.services.thread_pool = HostThreadPool();
  Timeline* const timeline = measurement.timeline;
  std::optional<TimelineTracer> tracer;
  if (timeline != nullptr) tracer.emplace(*timeline);
  // Nanoseconds since `start`.
  const auto measure = [&](std::string name, uint64_t start) {
    const uint64_t end = Now();
    if (timeline != nullptr) {
      timeline->Add(
          {.name = std::move(name), .category = "switchyard", .start = start, .end = end});
    }
    return end - start;
  };
  context.services.tracer = tracer ? &*tracer : nullptr;
  const uint64_t load_start = Now();
  Result<BlobRunner> runner = BlobRunner::Load(backend, model.file.bytes(), context);
  if (!runner) return FailWith(object, runner.error());
  measurement.times.load = measure("load", load_start);

  size_t wanted = static_cast<size_t>(std::ranges::count_if(
      externals, [](const External& e) { return e.value && e.value->is_external_input; }));
  if (inputs.size() != wanted) {
    return Fail(ExitCode::kUsage,
                "{}: takes {} inputs, {} were given; pass one for each that `inspect` lists",
                object, wanted, inputs.size());
  }
  const Layouts layouts(*graph, /*likely=*/true);
  std::vector<OwnedTensor> tensors;
  std::vector<std::vector<uint8_t>> dim_orders(externals.size());  // empty: the default
  for (size_t id = 0; id < externals.size(); ++id) {
    const External& external = externals[id];
    if (external.value == nullptr) {
      tensors.emplace_back();
    } else if (external.value->is_external_input) {
      SWITCHYARD_ASSIGN(OwnedTensor tensor, ToTensor(object, id, external, inputs.front()));
      tensors.push_back(std::move(tensor));
      dim_orders[id] = WantedDimOrder(
          *graph, layouts, static_cast<ValueIndex>(external.value - graph->values.data()));
      inputs = inputs.subspan(1);
    } else {
      tensors.emplace_back(external.element_type,
                           std::vector<size_t>(external.value->dims.rank(), 0));
    }
  }
  Output::Budget budget{.limit = max_memory};
  std::deque<Output> output_tensors;  // which the views point to
  std::vector<TensorView> views;
  for (size_t id = 0; id < externals.size(); ++id) {
    const bool is_output =
        externals[id].value != nullptr && !externals[id].value->is_external_input;
    views.push_back(is_output ? output_tensors.emplace_back(tensors[id], budget).View()
                              : ViewOf(tensors[id], dim_orders[id]));
  }
  for (uint32_t run = 0; run < measurement.repeat; ++run) {
    const uint64_t start = Now();
    if (Status status = runner->Run(views); !status) return FailWith(object, status.error());
    measurement.times.runs.push_back(measure("execute", start));
  }

  std::vector<Array> outputs;
  for (size_t id = 0; id < externals.size(); ++id) {
    if (externals[id].value == nullptr || !externals[id].value->is_external_output) continue;
    std::span<const std::byte> data = std::as_const(tensors[id]).bytes();
    outputs.push_back({externals[id].array_type,
                       {tensors[id].sizes().begin(), tensors[id].sizes().end()},
                       {data.begin(), data.end()}});
  }
  return outputs;
}

// Runs a method, and writes the ETDump that the options ask for.
Outcome<std::vector<Array>> RunProgram(const RunOptions& options, ModelFile& model,
                                       const std::string& method, std::vector<Array> inputs,
                                       Measurement& measurement) {
  std::optional<ProgramTrace> trace;  // outlives the runner
  if (measurement.timeline != nullptr || options.etdump) {
    trace.emplace(measurement.timeline, options.etdump.has_value());
  }
  const uint64_t start = Now();
  SWITCHYARD_ASSIGN(ProgramRunner runner, ProgramRunner::Load(model, options.max_memory));
  SWITCHYARD_TRY(runner.LoadMethod(method, trace ? trace->tracer() : nullptr));
  measurement.times.load = Now() - start;
  std::vector<MethodInput> method_inputs;
  for (Array& array : inputs) method_inputs.push_back({std::move(array), {}});
  std::vector<Array> outputs;
  for (uint32_t run = 0; run < measurement.repeat; ++run) {
    uint64_t& nanoseconds = measurement.times.runs.emplace_back();
    SWITCHYARD_ASSIGN(outputs, runner.Run(method, method_inputs, &nanoseconds));
  }
  if (options.etdump) SWITCHYARD_TRY(trace->WriteEtdump(*options.etdump));
  return outputs;
}

Outcome<ExitCode> Run(const RunOptions& options, Backend* payload_backend, std::ostream& out) {
  if (options.threads) SWITCHYARD_TRY(SetThreads(*options.threads));
  SWITCHYARD_ASSIGN(ModelFile model, OpenModelFile(options.file, options.data));
  const Program* const program = model.program ? &*model.program : nullptr;
  const std::string method =
      options.method.value_or(program != nullptr ? DefaultMethod(*program) : "");
  std::vector<Array> inputs;
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    SWITCHYARD_ASSIGN(Array array, ReadInput(options.inputs[i], program, method, i));
    inputs.push_back(std::move(array));
  }
  std::vector<Array> outputs;
  Timeline timeline;
  Measurement measurement{.repeat = options.repeat,
                          .timeline = options.trace ? &timeline : nullptr};
  std::string thread = "payload";
  if (program != nullptr) {
    SWITCHYARD_ASSIGN(outputs, RunProgram(options, model, method, std::move(inputs), measurement));
    thread = "method " + method;
  } else if (options.method || options.etdump) {
    return Fail(ExitCode::kUsage, "{}: is a bare payload, which has no {}; leave out {}",
                options.file.string(),
                options.method ? "methods"
                               : "ETDump, since ExecuTorch does "
                                 "not run it",
                options.method ? "--method" : "--etdump");
  } else if (payload_backend == nullptr) {
    return Fail(ExitCode::kUnsupported,
                "{}: is a bare payload; this program runs whole programs (.pte, .bpte) only, "
                "`switchyard run` runs payloads",
                options.file.string());
  } else {
    SWITCHYARD_ASSIGN(outputs,
                      RunPayload(model, *payload_backend, inputs, measurement, options.max_memory));
  }
  if (options.trace) {
    SWITCHYARD_TRY(timeline.Write(*options.trace, options.file.string(), thread));
  }

  if (options.output_dir) SWITCHYARD_TRY(MakeFolder(*options.output_dir));
  ordered_json json = ordered_json::object();
  if (options.repeat > 1) {
    const RunTimesSummary times = Summarize(measurement.times);
    json["times"] = {{"load_ms", times.load},
                     {"runs", options.repeat},
                     {"first_ms", times.first},
                     {"median_ms", times.median},
                     {"minimum_ms", times.minimum}};
    if (!options.json) out << TimesText(measurement.times) << '\n';
  }
  json["outputs"] = ordered_json::array();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Summary summary = Summarize(outputs[i]);
    ordered_json item = JsonOf(outputs[i], summary);
    std::string line = Format("output {}: {}", i, LineOf(outputs[i], summary));
    if (options.output_dir) {
      std::filesystem::path path = *options.output_dir / Format("output_{}.npy", i);
      SWITCHYARD_TRY(WriteNpy(path, outputs[i]));
      item["file"] = path.string();
      line += "  " + path.string();
    }
    json["outputs"].push_back(std::move(item));
    if (!options.json) out << line << '\n';
  }
  if (options.json) {
    out << json.dump(2, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  }
  return ExitCode::kOk;
}

}  // namespace switchyard::tools
