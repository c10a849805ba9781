#include "tools/inspect.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/base/format.h"
#include "schema/payload.h"
#include "tools/describe.h"
#include "tools/model_file.h"
#include "tools/text.h"
#include "tools/xnnpack_payload.h"

namespace switchyard::tools {
namespace {

using nlohmann::ordered_json;

std::string Text(const ordered_json& json) {
  if (json.is_string()) return Printable(json.get<std::string>());
  if (json.is_number_float()) return Format("{:.6g}", json.get<double>());
  if (!json.is_array()) return json.dump();
  std::string text = "[";
  for (const ordered_json& item : json) text += (text.size() > 1 ? ", " : "") + Text(item);
  return text + "]";
}

// "kernel=[3, 3] groups=1", without the given key.
std::string Pairs(const ordered_json& object, const char* without = "") {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    if (key != without) text += (text.empty() ? "" : " ") + key + "=" + Text(value);
  }
  return text;
}

std::string RangeText(const ordered_json& range) {
  return Format("range=[{}, {}]", range[0].is_null() ? "-inf" : Text(range[0]),
                range[1].is_null() ? "inf" : Text(range[1]));
}

void PrintPayload(const ordered_json& payload, std::ostream& out, size_t indent) {
  std::string pad(indent, ' ');
  out << pad
      << Format("header {}, identifier {}, flatbuffer {} bytes, constant region {} bytes\n",
                Text(payload["header"]), Text(payload["identifier"]),
                Text(payload["flatbuffer_bytes"]), Text(payload["constant_region_bytes"]));
  out << pad << "values\n";
  Table values({"id", "type", "shape", "role", "bytes", "key", "quantization"});
  for (const ordered_json& value : payload["values"]) {
    std::string bytes = "-", key = "-", quantization = "-";
    if (value.contains("constant")) {
      const ordered_json& constant = value["constant"];
      bytes = Text(constant["bytes"]);
      key = constant.contains("key") ? Text(constant["key"]).substr(0, 12) : "(in the payload)";
    }
    if (value.contains("quantization")) {
      quantization =
          Text(value["quantization"]["kind"]) + " " + Pairs(value["quantization"], "kind");
    }
    values.Add({Text(value["id"]), Text(value["type"]), Text(value["shape"]), Text(value["role"]),
                bytes, key, quantization});
  }
  values.Print(out, indent + 2);
  out << pad << "nodes\n";
  Table nodes({"node", "kind", "inputs", "outputs", "attributes"});
  size_t index = 0;
  for (const ordered_json& node : payload["nodes"]) {
    std::string attributes = node.contains("attributes") ? Pairs(node["attributes"]) : "";
    auto add = [&](const std::string& text) {
      attributes += (attributes.empty() ? "" : " ") + text;
    };
    if (node.contains("flags")) add(Format("flags=0x{:x}", node["flags"].get<uint32_t>()));
    if (node.contains("range")) add(RangeText(node["range"]));
    nodes.Add({std::to_string(index++), Text(node["kind"]), Text(node["inputs"]),
               Text(node["outputs"]), attributes.empty() ? "-" : attributes});
  }
  nodes.Print(out, indent + 2);
  const ordered_json& totals = payload["totals"];
  out << pad
      << Format("totals {} values, {} nodes, {} inputs, {} outputs, {} constants of {} bytes\n",
                Text(totals["values"]), Text(totals["nodes"]), Text(totals["inputs"]),
                Text(totals["outputs"]), Text(totals["constants"]), Text(totals["constant_bytes"]));
  out << pad << "       " << Pairs(totals["kinds"]) << '\n';
}

void PrintArguments(const char* title, const ordered_json& list, std::ostream& out) {
  for (size_t i = 0; i < list.size(); ++i) {
    out << Format("  {} {}  {}{}", title, i, Text(list[i]["type"]),
                  list[i].contains("shape") ? " " + Text(list[i]["shape"]) : "");
    if (list[i].contains("dim_order")) {
      const ordered_json& order = list[i]["dim_order"];
      if (!std::ranges::is_sorted(order)) out << "  dim order " << Text(order);
    }
    out << '\n';
  }
}

void PrintMethod(const ordered_json& method, std::ostream& out) {
  out << Format("\nmethod {}, {} values\n", Text(method["name"]), Text(method["values"]));
  PrintArguments("input", method["inputs"], out);
  PrintArguments("output", method["outputs"], out);
  out << "  operators outside delegates: "
      << (method["operators"].empty() ? "none" : Pairs(method["operators"])) << '\n';
  size_t index = 0;
  for (const ordered_json& delegate : method["delegates"]) {
    out << Format("  delegate {}  {}, {} bytes ({}), {} arguments\n", index++,
                  Text(delegate["backend"]), Text(delegate["bytes"]), Text(delegate["stored"]),
                  Text(delegate["arguments"]));
    if (delegate.contains("payload")) PrintPayload(delegate["payload"], out, 4);
    if (delegate.contains("error"))
      out << "    cannot be read: " << Text(delegate["error"]) << '\n';
  }
}

void PrintFile(const ordered_json& json, std::ostream& out) {
  out << Format("{}: {} of {} bytes\n", Text(json["file"]), Text(json["kind"]),
                Text(json["bytes"]));
  if (json.contains("payload")) PrintPayload(json["payload"], out, 0);
  if (!json.contains("methods")) return;
  for (const ordered_json& method : json["methods"]) PrintMethod(method, out);
  if (!json["named_data"].empty()) {
    out << "\nnamed data\n";
    Table table({"key", "bytes"});
    for (const auto& [key, bytes] : json["named_data"].items()) {
      table.Add({Printable(key), Text(bytes)});
    }
    table.Print(out, 2);
  }
  out << "\ntotals " << Pairs(json["totals"]) << '\n';
}

Outcome<ordered_json> Payload(std::span<const std::byte> bytes, const NamedDataMap& named_data,
                              std::string_view object) {
  Result<PayloadLayout> layout = ParsePayloadLayout(bytes);
  if (!layout) return FailWith(object, layout.error());
  Result<Graph> graph = ReadPayload(bytes, &named_data);
  if (!graph) return FailWith(object, graph.error());
  return DescribePayload(*layout, *graph);
}

// Adds methods, named data and totals. The code is that of the first payload that is not readable.
ExitCode AddProgram(const ModelFile& model, ordered_json& json) {
  ExitCode code = ExitCode::kOk;
  json["version"] = model.program->version;
  json["methods"] = ordered_json::array();
  size_t delegates = 0, payload_bytes = 0, nodes = 0, named_bytes = 0;
  for (const ProgramMethod& method : model.program->methods) {
    ordered_json item = DescribeMethod(method);
    for (size_t i = 0; i < method.delegates.size(); ++i) {
      const ProgramDelegate& delegate = method.delegates[i];
      ++delegates;
      payload_bytes += delegate.payload.size();
      if (delegate.id != kXnnpackBackend) continue;
      auto payload = Payload(delegate.payload, *model.named_data, DelegateName(method, i));
      if (payload) {
        nodes += (*payload)["nodes"].size();
        item["delegates"][i]["payload"] = *std::move(payload);
      } else {
        item["delegates"][i]["error"] = payload.error().message;
        if (code == ExitCode::kOk) code = payload.error().exit;
      }
    }
    json["methods"].push_back(std::move(item));
  }
  json["named_data"] = ordered_json::object();
  for (const auto& [key, bytes] : model.program->named_data) {
    json["named_data"][key] = bytes.size();
    named_bytes += bytes.size();
  }
  json["totals"] = {{"methods", model.program->methods.size()},
                    {"delegates", delegates},
                    {"delegate_nodes", nodes},
                    {"payload_bytes", payload_bytes},
                    {"named_data", model.program->named_data.size()},
                    {"named_data_bytes", named_bytes}};
  return code;
}

}  // namespace

Outcome<ExitCode> Inspect(const InspectOptions& options, std::ostream& out) {
  SWITCHYARD_ASSIGN(ModelFile model, OpenModelFile(options.file, options.data));
  ordered_json json = {{"file", options.file.filename().string()},
                       {"kind", "payload"},
                       {"bytes", model.file.bytes().size()}};
  ExitCode code = ExitCode::kOk;
  if (model.program) {
    json["kind"] = model.program->bundled ? "bundled program" : "program";
    code = AddProgram(model, json);
  } else {
    SWITCHYARD_ASSIGN(json["payload"],
                      Payload(model.file.bytes(), *model.named_data, options.file.string()));
  }
  if (options.json) {
    out << json.dump(2, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  } else {
    PrintFile(json, out);
  }
  return code;
}

}  // namespace switchyard::tools
