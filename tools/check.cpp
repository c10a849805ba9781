#include "tools/check.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/format.h"
#include "tools/model_file.h"
#include "tools/model_folder.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace switchyard::tools {
namespace {

using nlohmann::ordered_json;

Outcome<void> RunCase(const ModelFolder& model, const ModelCase& item, const Program& program,
                      ProgramRunner& runner, CaseResult& result) {
  SWITCHYARD_ASSIGN(std::vector<MethodInput> inputs, ReadCaseInputs(item, program));
  Outcome<std::vector<Array>> outputs = runner.Run(item.method, inputs);
  // The command line is in order here: a method or an input that does not fit is the folder's
  // fault.
  if (!outputs && outputs.error().exit == ExitCode::kUsage) {
    outputs.error().exit = ExitCode::kInvalidFile;
  }
  if (!outputs) return std::unexpected(std::move(outputs).error());
  std::error_code error;
  for (size_t i = 0; i < outputs->size(); ++i) {
    SWITCHYARD_ASSIGN(Array expected, ReadNpy(item.folder / Format("expected_{}.npy", i)));
    if (Holds(expected.type, (*outputs)[i].type)) expected.type = (*outputs)[i].type;
    result.outputs.push_back(Compare((*outputs)[i], expected, model.tolerance));
    if (i > 0 || model.task.empty()) continue;
    SWITCHYARD_ASSIGN(result.task, JudgeTask(model.task, item.folder, (*outputs)[i]));
    if (!result.task) continue;
    SWITCHYARD_ASSIGN(std::optional<TaskResult> reference,
                      JudgeTask(model.task, item.folder, expected));
    result.reference_accuracy = reference->accuracy();
  }
  std::filesystem::path extra = item.folder / Format("expected_{}.npy", outputs->size());
  if (outputs->empty() || std::filesystem::exists(extra, error)) {
    return Fail(ExitCode::kMismatch, "{}: method {} has {} outputs, expected more ({})",
                item.folder.string(), item.method, outputs->size(), extra.filename().string());
  }
  return {};
}

Outcome<void> RunCases(const ModelFolder& model, const std::filesystem::path& program,
                       uint64_t max_memory, std::span<CaseResult> results) {
  SWITCHYARD_ASSIGN(ModelFile file, OpenModelFile(program, model.data_files));
  if (!file.program) {
    return Fail(ExitCode::kInvalidFile,
                "{}: is not a program (no ET12 or BP08 at byte 4); export the model again",
                program.string());
  }
  SWITCHYARD_ASSIGN(ProgramRunner runner, ProgramRunner::Load(file, max_memory));
  for (size_t i = 0; i < results.size(); ++i) {
    Outcome<void> outcome = RunCase(model, model.cases[i], *file.program, runner, results[i]);
    if (!outcome) results[i].failure = std::move(outcome).error();
  }
  return {};
}

// The output that fails, or else the one that comes closest to it.
const Comparison* WorstOutput(const CaseResult& result) {
  const Comparison* worst = nullptr;
  auto use = [](const Comparison& c) {
    return c.worst_tolerance > 0 ? std::abs(c.worst_got - c.worst_expected) / c.worst_tolerance : 0;
  };
  for (const Comparison& output : result.outputs) {
    bool worse = worst == nullptr || (worst->pass && (!output.pass || use(output) > use(*worst)));
    if (worse) worst = &output;
  }
  return worst;
}

std::string AccuracyText(const CaseResult& result) {
  return Format("{}/{} {} ({:.1f} %, expected outputs {:.1f} %)", result.task->correct,
                result.task->total, result.task->unit, 100 * result.task->accuracy(),
                100 * *result.reference_accuracy);
}

void PrintLine(const CaseResult& result, size_t width, std::ostream& out) {
  std::string label = result.model + (result.name.empty() ? "" : " " + result.name);
  std::string line = Format("{} {:<{}}", result.pass() ? "pass" : "FAIL", label, width);
  const Comparison* worst = WorstOutput(result);
  if (result.failure) {
    line += "  " + result.failure->message;
  } else if (!worst->mismatch.empty()) {
    line += Format("  output {} is {}", worst - result.outputs.data(), worst->mismatch);
  } else {
    line += Format("  max error {:.3e}  tolerance {:.3e}", worst->max_abs_error,
                   worst->worst_tolerance);
    if (worst->cosine) line += Format("  cosine {:.6f}", *worst->cosine);
    if (!worst->pass) {
      line += Format("  worst at output {} {}: got {:.9g}, expected {:.9g}",
                     worst - result.outputs.data(), worst->worst_index, worst->worst_got,
                     worst->worst_expected);
    }
  }
  if (result.task) line += "  " + AccuracyText(result);
  out << Printable(line) << '\n';
  if (result.task) {
    for (const std::string& detail : result.task->details) out << "       " << detail << '\n';
  }
}

ordered_json ToJson(const CaseResult& result) {
  ordered_json json = {{"model", result.model},
                       {"case", result.name},
                       {"method", result.method},
                       {"pass", result.pass()}};
  // JSON has no infinities and NaNs; nlohmann writes them as null.
  for (const Comparison& output : result.outputs) {
    ordered_json item = {{"pass", output.pass}};
    if (!output.mismatch.empty()) {
      item["mismatch"] = output.mismatch;
    } else {
      item["max_abs_error"] = output.max_abs_error;
      item["worst"] = {{"index", output.worst_index},
                       {"got", output.worst_got},
                       {"expected", output.worst_expected},
                       {"tolerance", output.worst_tolerance}};
      if (output.cosine) item["cosine"] = *output.cosine;
    }
    json["outputs"].push_back(std::move(item));
  }
  if (result.failure) {
    json["failure"] = {{"exit_code", std::to_underlying(result.failure->exit)},
                       {"message", result.failure->message}};
  }
  if (result.task) {
    json["accuracy"] = {{"correct", result.task->correct},
                        {"total", result.task->total},
                        {"unit", result.task->unit},
                        {"of_expected_outputs", *result.reference_accuracy}};
    if (!result.task->details.empty()) json["accuracy"]["details"] = result.task->details;
  }
  return json;
}

void PrintAccuracyTable(const std::vector<CaseResult>& results, std::ostream& out) {
  Table table({"accuracy of", "right", "of", "accuracy", "expected outputs"});
  bool any = false;
  for (const CaseResult& result : results) {
    if (!result.task) continue;
    any = true;
    table.Add({Printable(result.model), std::to_string(result.task->correct),
               Format("{} {}", result.task->total, result.task->unit),
               Format("{:.1f} %", 100 * result.task->accuracy()),
               Format("{:.1f} %", 100 * *result.reference_accuracy)});
  }
  if (!any) return;
  out << '\n';
  table.Print(out, 0);
}

bool Matches(const std::string& name, const std::vector<std::string>& filters) {
  return filters.empty() || std::ranges::any_of(filters, [&](const std::string& glob) {
           return fnmatch(glob.c_str(), name.c_str(), 0) == 0;
         });
}

ExitCode CodeOf(const std::vector<CaseResult>& results) {
  ExitCode code = ExitCode::kOk;
  for (const CaseResult& result : results) {
    if (result.pass()) continue;
    if (!result.failure || result.failure->exit == ExitCode::kMismatch) return ExitCode::kMismatch;
    if (code == ExitCode::kOk) code = result.failure->exit;
  }
  return code;
}

}  // namespace

bool CaseResult::pass() const {
  return !failure && !outputs.empty() && std::ranges::all_of(outputs, &Comparison::pass);
}

std::vector<CaseResult> CheckFolder(const std::filesystem::path& folder, uint64_t max_memory) {
  Outcome<ModelFolder> model = ReadModelFolder(folder);
  if (!model) {
    CaseResult result;
    result.model = folder.filename().string();
    result.failure = std::move(model).error();
    return {std::move(result)};
  }
  std::vector<CaseResult> results;
  for (const std::filesystem::path& program : model->programs) {
    std::string prefix = program.extension() == ".bpte" ? "model.bpte " : "";
    for (const ModelCase& item : model->cases) {
      CaseResult& result = results.emplace_back();
      result.model = model->name;
      result.name = prefix + item.folder.filename().string();
      result.method = item.method;
    }
    std::span added = std::span(results).last(model->cases.size());
    if (Outcome<void> outcome = RunCases(*model, program, max_memory, added); !outcome) {
      for (CaseResult& result : added) result.failure = outcome.error();
    }
  }
  return results;
}

Outcome<ExitCode> Check(const CheckOptions& options, std::ostream& out) {
  if (options.threads) SWITCHYARD_TRY(SetThreads(*options.threads));
  SWITCHYARD_ASSIGN(std::vector<std::filesystem::path> folders, FindModelFolders(options.roots));
  std::erase_if(folders, [&](const std::filesystem::path& folder) {
    return !Matches(std::filesystem::absolute(folder).lexically_normal().filename().string(),
                    options.filters);
  });
  if (folders.empty()) {
    return Fail(ExitCode::kUsage,
                "no model's folder has a name that --filter asks for; "
                "a filter is a glob such as 'fc.*'");
  }
  size_t width = 0;
  for (const auto& folder : folders) {
    width = std::max(width, folder.filename().string().size() + sizeof(" case00") - 1);
  }
  std::vector<CaseResult> results;
  size_t passed_models = 0;
  Progress progress(options.progress);
  for (size_t i = 0; i < folders.size(); ++i) {
    progress.Show(Format("[{}/{}] {}", i + 1, folders.size(), folders[i].filename().string()));
    std::vector<CaseResult> added = CheckFolder(folders[i], options.max_memory);
    passed_models += std::ranges::all_of(added, &CaseResult::pass);
    progress.Clear();
    for (CaseResult& result : added) {
      if (!options.json) PrintLine(result, width, out);
      results.push_back(std::move(result));
    }
    out.flush();
  }
  auto passed = static_cast<size_t>(std::ranges::count_if(results, &CaseResult::pass));
  size_t failed = results.size() - passed;
  if (options.json) {
    ordered_json json = {
        {"passed", passed},
        {"failed", failed},
        {"models", {{"passed", passed_models}, {"failed", folders.size() - passed_models}}},
        {"cases", ordered_json::array()}};
    for (const CaseResult& result : results) json["cases"].push_back(ToJson(result));
    // Names come from files: what is not UTF-8 is replaced.
    out << json.dump(2, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  } else {
    PrintAccuracyTable(results, out);
    out << Format("\n{} passed, {} failed ({} of {} models pass)\n", passed, failed, passed_models,
                  folders.size());
  }
  return CodeOf(results);
}

}  // namespace switchyard::tools
