#include "tools/explain.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "backend/explain.h"
#include "backend/plan/format_report.h"
#include "backend/plan/report_json.h"
#include "kernels/cpu/mask.h"
#include "runtime/base/format.h"
#include "schema/payload.h"
#include "tools/model_file.h"
#include "tools/text.h"
#include "tools/xnnpack_payload.h"

namespace switchyard::tools {
namespace {

using nlohmann::ordered_json;

constexpr int kJsonVersion = 1;

struct Delegate {
  std::string method;  // empty: the file is a bare payload
  size_t index;
  std::string name;
  std::span<const std::byte> payload;
};

std::vector<Delegate> DelegatesOf(const ModelFile& model) {
  if (!model.program) return {{"", 0, "payload", model.file.bytes()}};
  std::vector<Delegate> delegates;
  for (const ProgramMethod& method : model.program->methods) {
    for (size_t i = 0; i < method.delegates.size(); ++i) {
      if (method.delegates[i].id != kXnnpackBackend) continue;
      delegates.push_back({method.name, i, DelegateName(method, i), method.delegates[i].payload});
    }
  }
  return delegates;
}

ordered_json DelegateJson(const Delegate& delegate, const RouteReport& report, bool all_nodes) {
  return {{"method", delegate.method},
          {"index", delegate.index},
          {"lhs_packs", report.num_lhs_packs},
          {"islands", report.num_islands},
          {"nodes", ordered_json::parse(JsonOfNodes(report, all_nodes))}};
}

void PrintCpus(std::span<const std::string> names, std::span<const CpuFeatures> cpus,
               std::ostream& out) {
  for (size_t i = 0; i < cpus.size(); ++i) {
    out << Format("cpu {}: {}", names[i], cpus[i].ToString());
    const uint32_t bits = cpus[i].streaming_vector_bits;
    if (bits != 0) out << Format(", streaming vectors of {} bits", bits);
    out << '\n';
  }
}

}  // namespace

Outcome<ExitCode> Explain(const ExplainOptions& options, std::ostream& out) {
  const std::vector<std::string> names =
      options.cpus.empty() ? std::vector<std::string>{"host"} : options.cpus;
  std::vector<CpuFeatures> cpus;
  for (const std::string& name : names) {
    Result<CpuFeatures> cpu = ParseCpu(name, HostCpuFeatures());
    if (!cpu) return Fail(ExitCode::kUsage, "--cpu {}: {}", name, cpu.error().message);
    cpus.push_back(*cpu);
  }
  SWITCHYARD_ASSIGN(const ModelFile model, OpenModelFile(options.file, options.data));
  std::vector<RouteSummary> summaries(cpus.size());
  std::vector<ordered_json> json_delegates(cpus.size(), ordered_json::array());
  if (!options.json) PrintCpus(names, cpus, out);
  for (const Delegate& delegate : DelegatesOf(model)) {
    std::string object = options.file.string();
    if (model.program) object += ": " + delegate.name;
    std::vector<RouteReport> reports;
    for (const CpuFeatures& cpu : cpus) {
      Result<Graph> graph = ReadPayload(delegate.payload, model.named_data.get());
      if (!graph) return FailWith(object, graph.error());
      Result<RouteReport> report = ExplainGraph(*std::move(graph), cpu,
                                                {.routes = {},
                                                 .max_workspace_bytes = options.max_workspace_bytes,
                                                 .workers = {.threads = options.threads}});
      if (!report) return FailWith(object, report.error());
      reports.push_back(*std::move(report));
    }
    std::vector<NamedReport> named;
    for (size_t i = 0; i < cpus.size(); ++i) {
      summaries[i].Add(reports[i]);
      named.push_back({names[i], reports[i]});
      if (options.json) {
        json_delegates[i].push_back(DelegateJson(delegate, reports[i], options.all_nodes));
      }
    }
    if (!options.json) {
      const std::string nodes = FormatNodes(named, options.all_nodes);
      out << Printable(delegate.name) << (nodes.empty() ? ": nothing to route\n" : "\n") << nodes;
    }
  }
  if (options.json) {
    ordered_json json = {{"version", kJsonVersion},
                         {"file", options.file.filename().string()},
                         {"cpus", ordered_json::array()}};
    for (size_t i = 0; i < cpus.size(); ++i) {
      json["cpus"].push_back({{"name", names[i]},
                              {"delegates", std::move(json_delegates[i])},
                              {"packed_macs_share", summaries[i].PackedMacsShare()}});
    }
    out << json.dump(2, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  } else {
    for (size_t i = 0; i < cpus.size(); ++i) {
      out << Format("summary {}: {}\n", names[i], summaries[i].ToString());
    }
  }
  return ExitCode::kOk;
}

}  // namespace switchyard::tools
