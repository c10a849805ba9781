#include "backend/plan/report_json.h"

#include <ranges>
#include <string_view>

#include "runtime/base/format.h"

namespace switchyard {
namespace {

// Text is UTF-8 already: names of tables, and numbers.
std::string Quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      json += Format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      json += c;
    }
  }
  return json + '"';
}

std::string QuotedOrNull(std::string_view text) { return text.empty() ? "null" : Quoted(text); }

// `item` makes the JSON of one element.
template <typename Range, typename Item>
std::string List(Range&& range, Item item) {
  std::string json = "[";
  for (const auto& element : range) {
    if (json.size() > 1) json += ',';
    json += item(element);
  }
  return json + ']';
}

std::string Number(uint64_t number) { return std::to_string(number); }

std::string KernelJson(const NodeReport& node) {
  if (!node.kernel) return "null";
  const KernelReport& kernel = *node.kernel;
  return Format(
      R"({{"name":{},"gemm":{},"gemv":{},"blocking":{{"mc":{},"nc":{},"kc":{},"tasks":{}}}}})",
      Quoted(kernel.name), QuotedOrNull(kernel.gemm), QuotedOrNull(kernel.gemv), kernel.mc,
      kernel.nc, kernel.kc, kernel.tasks);
}

std::string StockJson(const NodeReport& node) {
  const auto remedy = [](const StockRemedy& row) {
    return Format(R"({{"id":{},"evidence":{}}})", Quoted(row.id), Quoted(row.evidence));
  };
  return Format(R"({{"runs":{},"islands":{},"remedies":{}}})", Quoted(Name(node.stock_form)),
                List(node.islands, Number), List(node.remedies, remedy));
}

std::string NodeJson(const NodeReport& node) {
  const auto type = [](DataType value) { return Quoted(Name(value)); };
  const auto absorbed = [](const AbsorbedNode& other) {
    return Format(R"({{"id":{},"op":{}}})", other.id, Quoted(Info(other.kind).name));
  };
  const auto reason = [](const Reason& why) {
    return Format(R"({{"id":{},"message":{}}})", Quoted(Row(why.id).id), Quoted(why.ToString()));
  };
  const auto rejected = [](const KernelRejection& other) {
    return Format(R"({{"kernel":{},"reason":{},"message":{},"may_be_forced":{}}})",
                  Quoted(other.name), Quoted(Row(other.reason.id).id),
                  Quoted(other.reason.ToString()), other.may_be_forced);
  };
  std::string json =
      Format(R"({{"id":{},"debug_handle":{},"op":{},"shapes":{},"types":{},"macs":{},"variant":{},)"
             R"("route":{},"kernel":{})",
             node.id, node.debug_handle, Quoted(node.op),
             List(node.shapes, [](const Dims& dims) { return List(dims.span(), Number); }),
             List(node.types, type), node.macs, node.variant ? Quoted(Name(*node.variant)) : "null",
             Quoted(node.kernel ? "packed" : "stock"), KernelJson(node));
  if (!node.kernel) json += Format(R"(,"stock":{})", StockJson(node));
  json += Format(R"(,"absorbed":{})", List(node.absorbed, absorbed));
  if (!node.part_of.empty()) json += Format(R"(,"part_of":{})", Quoted(node.part_of));
  if (!node.note.empty()) json += Format(R"(,"note":{})", Quoted(node.note));
  return json + Format(R"(,"reasons":{},"rejected":{}}})", List(node.reasons, reason),
                       List(node.rejected, rejected));
}

}  // namespace

std::string JsonOfNodes(const RouteReport& report, bool all_nodes) {
  return List(report.nodes | std::views::filter([&](const NodeReport& node) {
                return node.is_judged || all_nodes;
              }),
              NodeJson);
}

std::string JsonOfReport(const RouteReport& report, bool all_nodes) {
  return Format(R"({{"version":1,"cpu":{{"host":{},"allowed":{}}},"lhs_packs":{},"islands":{},)"
                R"("packed_weight_bytes":{},"shared_packed_weight_bytes":{},)"
                R"("mapped_packed_weight_bytes":{},"nodes":{}}})",
                Quoted(report.cpu.host.ToString()), Quoted(report.cpu.allowed.ToString()),
                report.num_lhs_packs, report.num_islands, report.packed_weight_bytes,
                report.shared_packed_weight_bytes, report.mapped_packed_weight_bytes,
                JsonOfNodes(report, all_nodes));
}

}  // namespace switchyard
