#include "tools/bench_model.h"

#include <cstring>
#include <random>
#include <span>
#include <system_error>
#include <utility>

#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"
#include "runtime/base/format.h"
#include "tools/model_folder.h"
#include "tools/run_times.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {
namespace {

template <typename T, typename Generate>
void Fill(std::span<std::byte> data, Generate generate) {
  for (size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    const T value = static_cast<T>(generate());
    std::memcpy(data.data() + at, &value, sizeof value);
  }
}

Outcome<std::vector<ArrayForm>> ProgramInputs(const std::filesystem::path& path,
                                              const Program& program, std::string_view name) {
  const auto method = std::ranges::find(program.methods, name, &ProgramMethod::name);
  if (method == program.methods.end()) {
    return Fail(ExitCode::kUsage, "{}: has no method '{}'; take one that `inspect` lists",
                path.string(), name);
  }
  std::vector<ArrayForm> forms;
  for (size_t i = 0; i < method->inputs.size(); ++i) {
    const auto tensor = method->tensors.find(method->inputs[i]);
    if (tensor == method->tensors.end()) {
      return Fail(ExitCode::kUnsupported,
                  "{}: input {} is not a tensor, expected one; export it as a tensor",
                  path.string(), i);
    }
    const std::optional<ArrayType> type = ArrayTypeOf(tensor->second.scalar_type);
    if (!type) {
      return Fail(ExitCode::kUnsupported, "{}: input {} is {}, which cannot be made up",
                  path.string(), i, ScalarTypeName(tensor->second.scalar_type));
    }
    ArrayForm& form = forms.emplace_back(*type);
    for (const int32_t size : tensor->second.sizes) {
      if (size < 0) {
        return Fail(ExitCode::kInvalidFile,
                    "{}: input {} has a dimension of {}, expected 0 or more; export it again",
                    path.string(), i, size);
      }
      form.shape.push_back(static_cast<size_t>(size));
    }
  }
  return forms;
}

Outcome<std::vector<MethodInput>> MakeUpInputs(const BenchModelOptions& options,
                                               std::span<const ArrayForm> forms) {
  uint64_t total = 0;
  for (const ArrayForm& form : forms) {
    const uint64_t bytes = ArrayBytes(form.type, form.shape).value_or(UINT64_MAX);
    total = CheckedAdd(total, bytes).value_or(UINT64_MAX);
  }
  if (total > options.max_memory) {
    return Fail(ExitCode::kUnsupported,
                "{}: its inputs take {} bytes, expected at most {}; set --max-memory to more, or "
                "give smaller ones with --input",
                options.file.string(), total, options.max_memory);
  }
  std::vector<MethodInput> inputs;
  for (size_t i = 0; i < forms.size(); ++i) {
    inputs.push_back({MakeUpArray(forms[i], static_cast<uint32_t>(i)), {}});
  }
  return inputs;
}

Outcome<BenchModel> OpenFolder(const BenchModelOptions& options) {
  if (options.method || !options.inputs.empty() || !options.data.empty()) {
    return Fail(ExitCode::kUsage,
                "{}: is a model folder, whose meta.json names method, inputs and data; leave out "
                "{}, or give the program in it",
                options.file.string(),
                options.method ? "--method" : (options.data.empty() ? "--input" : "--data"));
  }
  SWITCHYARD_ASSIGN(const ModelFolder folder, ReadModelFolder(options.file));
  const size_t number = options.model_case.value_or(folder.cases.size() - 1);
  if (number >= folder.cases.size()) {
    return Fail(ExitCode::kUsage, "{}: has {} cases, --case is {}; expected less",
                options.file.string(), folder.cases.size(), number);
  }
  const ModelCase& item = folder.cases[number];
  BenchModel model;
  SWITCHYARD_ASSIGN(model.file, OpenModelFile(folder.programs[0], folder.data_files));
  if (!model.file.program) {
    return Fail(ExitCode::kInvalidFile,
                "{}: is not a program (no ET12 or BP08 at byte 4); export the model again",
                folder.programs[0].string());
  }
  model.method = item.method;
  SWITCHYARD_ASSIGN(model.inputs, ReadCaseInputs(item, *model.file.program));
  model.inputs_from = item.folder.filename().string();
  return model;
}

Outcome<BenchModel> OpenFile(const BenchModelOptions& options) {
  if (options.model_case) {
    return Fail(ExitCode::kUsage, "{}: is not a model folder, which --case is for; leave it out",
                options.file.string());
  }
  BenchModel model;
  SWITCHYARD_ASSIGN(model.file, OpenModelFile(options.file, options.data));
  const Program* const program = model.file.program ? &*model.file.program : nullptr;
  if (program != nullptr) {
    model.method = options.method.value_or(DefaultMethod(*program));
  } else if (options.method) {
    return Fail(ExitCode::kUsage, "{}: is a bare payload, which has no methods; leave out --method",
                options.file.string());
  }
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    SWITCHYARD_ASSIGN(Array array, ReadInput(options.inputs[i], program, model.method, i));
    model.inputs.push_back({std::move(array), {}});
  }
  model.inputs_from = "files";
  if (options.inputs.empty()) {
    SWITCHYARD_ASSIGN(const std::vector<ArrayForm> forms,
                      program != nullptr ? ProgramInputs(options.file, *program, model.method)
                                         : PayloadInputs(model.file));
    SWITCHYARD_ASSIGN(model.inputs, MakeUpInputs(options, forms));
    model.inputs_from = "made up";
  }
  return model;
}

}  // namespace

Outcome<BenchModel> OpenBenchModel(const BenchModelOptions& options) {
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(options.file, error);
  SWITCHYARD_ASSIGN(BenchModel model, is_folder ? OpenFolder(options) : OpenFile(options));
  model.max_memory = options.max_memory;
  return model;
}

Array MakeUpArray(const ArrayForm& form, uint32_t seed) {
  Array array{form.type, form.shape, {}};
  array.data.resize(ArrayBytes(form.type, form.shape).value_or(0));
  // The engine is the standard's, whose distributions are not the same everywhere.
  std::mt19937 engine(seed);
  const auto integer = [&] { return engine(); };
  const auto bit = [&] { return engine() >> 31; };
  const auto real = [&] { return static_cast<float>(engine() >> 8) / 0x800000 - 1; };
  switch (form.type) {
    case ArrayType::kF16:
      Fill<uint16_t>(array.data, [&] { return F16FromF32(real()); });
      break;
    case ArrayType::kBF16:
      Fill<uint16_t>(array.data, [&] { return BF16FromF32(real()); });
      break;
    case ArrayType::kF32:
    case ArrayType::kComplex64:
      Fill<float>(array.data, real);
      break;
    case ArrayType::kF64:
    case ArrayType::kComplex128:
      Fill<double>(array.data, real);
      break;
    case ArrayType::kInt8:
    case ArrayType::kUInt8:
      Fill<uint8_t>(array.data, integer);
      break;
    case ArrayType::kBool:
      Fill<uint8_t>(array.data, bit);
      break;
    case ArrayType::kInt16:
    case ArrayType::kUInt16:
      Fill<uint16_t>(array.data, bit);
      break;
    case ArrayType::kInt32:
    case ArrayType::kUInt32:
      Fill<uint32_t>(array.data, bit);
      break;
    case ArrayType::kInt64:
    case ArrayType::kUInt64:
      Fill<uint64_t>(array.data, bit);
      break;
  }
  return array;
}

Outcome<BenchRunner> BenchRunner::Load(BenchModel& model, Backend* payload_backend,
                                       Timeline* timeline) {
  BenchRunner runner;
  if (model.file.program) {
    if (timeline != nullptr) {
      runner.trace_ = std::make_unique<ProgramTrace>(timeline, /*with_etdump=*/false);
    }
    const uint64_t start = Now();
    SWITCHYARD_ASSIGN(ProgramRunner program, ProgramRunner::Load(model.file, model.max_memory));
    SWITCHYARD_TRY(program.LoadMethod(
        model.method, runner.trace_ != nullptr ? runner.trace_->tracer() : nullptr));
    runner.load_nanoseconds_ = Now() - start;
    SWITCHYARD_TRY(program.SetInputs(model.method, model.inputs));
    runner.program_.emplace(std::move(program));
    return runner;
  }
  if (payload_backend == nullptr) return FailWithoutPayloads(model.file);
  SWITCHYARD_ASSIGN(PayloadRunner payload,
                    PayloadRunner::Load(model.file, *payload_backend, model.max_memory, timeline));
  runner.load_nanoseconds_ = payload.load_nanoseconds();
  std::vector<Array> arrays;
  for (const MethodInput& input : model.inputs) arrays.push_back(input.array);
  SWITCHYARD_TRY(payload.SetInputs(arrays));
  runner.payload_.emplace(std::move(payload));
  return runner;
}

}  // namespace switchyard::tools
