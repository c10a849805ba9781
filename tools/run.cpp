#include "tools/run.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/format.h"
#include "tools/payload_runner.h"
#include "tools/program_trace.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {
namespace {

using nlohmann::ordered_json;

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
  SWITCHYARD_ASSIGN(PayloadRunner runner,
                    PayloadRunner::Load(model, backend, max_memory, measurement.timeline));
  measurement.times.load = runner.load_nanoseconds();
  SWITCHYARD_TRY(runner.SetInputs(inputs));
  for (uint32_t run = 0; run < measurement.repeat; ++run) {
    SWITCHYARD_ASSIGN(const uint64_t nanoseconds, runner.Execute());
    measurement.times.runs.push_back(nanoseconds);
  }
  return runner.Outputs();
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
  SWITCHYARD_TRY(runner.SetInputs(method, method_inputs));
  for (uint32_t run = 0; run < measurement.repeat; ++run) {
    SWITCHYARD_ASSIGN(const uint64_t nanoseconds, runner.Execute());
    measurement.times.runs.push_back(nanoseconds);
  }
  if (options.etdump) SWITCHYARD_TRY(trace->WriteEtdump(*options.etdump));
  return runner.Outputs();
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
    return FailWithoutPayloads(model);
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
