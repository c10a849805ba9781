#include "tools/explain.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "backend/plan/report.h"
#include "kernels/cpu_mask.h"
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
  std::span<const std::byte> payload;

  std::string Name() const {
    return method.empty() ? "payload" : std::format("method {}, delegate {}", method, index);
  }
};

std::vector<Delegate> DelegatesOf(const ModelFile& model) {
  if (!model.program) return {{"", 0, model.file.bytes()}};
  std::vector<Delegate> delegates;
  for (const ProgramMethod& method : model.program->methods) {
    for (size_t i = 0; i < method.delegates.size(); ++i) {
      if (method.delegates[i].id != kXnnpackBackend) continue;
      delegates.push_back({method.name, i, method.delegates[i].payload});
    }
  }
  return delegates;
}

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

ordered_json NodeJson(const NodeReport& node) {
  ordered_json json = {{"id", node.id}, {"debug_handle", node.debug_handle}, {"op", node.op}};
  json["shapes"] = ordered_json::array();
  for (const Dims& dims : node.shapes) {
    json["shapes"].push_back(std::vector<size_t>(dims.begin(), dims.end()));
  }
  json["types"] = ordered_json::array();
  for (DataType type : node.types) json["types"].push_back(Name(type));
  json["macs"] = node.macs;
  json["variant"] = node.variant ? ordered_json(Name(*node.variant)) : ordered_json();
  json["route"] = node.kernel != nullptr ? "packed" : "stock";
  json["kernel"] = nullptr;
  if (node.kernel != nullptr) {
    json["kernel"] = {
        {"name", node.kernel->name}, {"gemm", node.kernel->gemm}, {"gemv", node.kernel->gemv.name}};
  }
  json["absorbed"] = ordered_json::array();
  for (const AbsorbedNode& absorbed : node.absorbed) {
    json["absorbed"].push_back({{"id", absorbed.id}, {"op", Info(absorbed.kind).name}});
  }
  if (!node.note.empty()) json["note"] = node.note;
  json["reasons"] = ordered_json::array();
  for (const Reason& reason : node.reasons) {
    json["reasons"].push_back({{"id", Row(reason.id).id}, {"message", reason.ToString()}});
  }
  json["rejected"] = ordered_json::array();
  for (const RejectedKernel& rejected : node.rejected) {
    json["rejected"].push_back({{"kernel", rejected.kernel->name},
                                {"reason", Row(rejected.reason.id).id},
                                {"message", rejected.reason.ToString()}});
  }
  return json;
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
  ordered_json json = {{"version", kJsonVersion},
                       {"file", options.file.filename().string()},
                       {"cpus", ordered_json::array()}};
  for (size_t i = 0; i < cpus.size(); ++i) {
    ordered_json cpu_json = {{"name", names[i]}, {"delegates", ordered_json::array()}};
    if (!options.json) out << std::format("cpu {} ({})\n", names[i], cpus[i].ToString());
    size_t judged = 0, packed = 0;
    uint64_t macs = 0, packed_macs = 0;
    for (const Delegate& delegate : DelegatesOf(model)) {
      Result<Graph> graph = ReadPayload(delegate.payload, model.named_data.get());
      if (!graph) return FailWith(delegate.Name(), graph.error());
      Result<RouteReport> report = ExplainGraph(*std::move(graph), cpus[i], {});
      if (!report) return FailWith(delegate.Name(), report.error());
      judged += report->NumJudged();
      packed += report->NumPacked();
      macs += report->Macs();
      packed_macs += report->PackedMacs();
      if (!options.json) {
        out << ' ' << Printable(delegate.Name()) << '\n'
            << FormatReport(*report, options.all_nodes);
        continue;
      }
      ordered_json nodes = ordered_json::array();
      for (const NodeReport& node : report->nodes) {
        if (node.is_judged || options.all_nodes) nodes.push_back(NodeJson(node));
      }
      cpu_json["delegates"].push_back({{"method", delegate.method},
                                       {"index", delegate.index},
                                       {"lhs_packs", report->num_lhs_packs},
                                       {"islands", report->num_islands},
                                       {"nodes", std::move(nodes)}});
    }
    cpu_json["packed_macs_share"] = Share(packed_macs, macs);
    json["cpus"].push_back(std::move(cpu_json));
    if (!options.json) {
      out << std::format("summary {}: {} of {} nodes packed, {:.1f}% of {} multiply-accumulates\n",
                         names[i], packed, judged, 100 * Share(packed_macs, macs), macs);
    }
  }
  if (options.json) {
    out << json.dump(2, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  }
  return ExitCode::kOk;
}

}  // namespace switchyard::tools
