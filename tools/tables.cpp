#include "tools/tables.h"

#include <algorithm>

#include "backend/explain.h"
#include "kernels/gemm/row.h"
#include "partition_rules/rule.h"
#include "runtime/base/data_type.h"
#include "runtime/base/format.h"
#include "runtime/base/reason.h"

namespace switchyard::tools {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string Code(std::string_view text) {
  return text.empty() ? std::string("–") : Format("`{}`", text);
}

void PrintMarkdown(const Rows& rows, std::ostream& out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const std::string& cell : rows[i]) out << "| " << cell << ' ';
    out << "|\n";
    if (i != 0) continue;
    for (size_t column = 0; column < rows[i].size(); ++column) out << "|---";
    out << "|\n";
  }
}

// "4", "2 VL"
std::string Text(Extent extent) {
  return extent.per_vl != 0 ? Format("{} VL", extent.per_vl) : std::to_string(extent.fixed);
}

Rows RuleRows() {
  Rows rows = {{"operator", "variant", "input x weights", "refused with"}};
  for (const OperatorRules& rules : RuleTable()) {
    const auto ids = [](std::span<const Constraint> first, std::span<const Constraint> second) {
      std::string text;
      for (const auto& constraints : {first, second}) {
        for (const Constraint& constraint : constraints) {
          text += Format("{}`{}`", text.empty() ? "" : ", ", Row(constraint.reason).id);
        }
      }
      return text;
    };
    if (!rules.exclusions.empty()) {
      rows.push_back({std::string(rules.name), "any", "any", ids(rules.exclusions, {})});
    }
    for (const Rule& rule : rules.rows) {
      std::string types;
      for (const DataType weights : rule.weight_types) {
        types +=
            Format("{}{} x {}", types.empty() ? "" : ", ", Name(rule.input_type), Name(weights));
      }
      rows.push_back({std::string(rules.name), Code(Name(rule.variant)), types,
                      ids(rules.constraints, rule.constraints)});
    }
    rows.push_back(
        {std::string(rules.name), "none", "other types", Code(Row(ReasonId::kProductTypes).id)});
  }
  return rows;
}

Rows KernelRows() {
  Rows rows = {{"kernel", "CPU features", "mr x nr, kr / sr", "steps of m x n", "micro-kernels"}};
  for (const KernelRow& kernel : KernelTable()) {
    std::string names;
    for (const auto& [what, name] :
         {std::pair<std::string_view, std::string_view>{"GEMM", kernel.gemm},
          {"GEMV", kernel.gemv.name},
          {"convolution", kernel.imatmul}}) {
      if (name.empty()) continue;
      names += Format("{}{} `{}`", names.empty() ? "" : "<br>", what, name);
    }
    rows.push_back(
        {Code(kernel.name), CpuFeatures().Missing(kernel.required).ToString(),
         Format("{} x {}, {} / {}", Text(kernel.mr), Text(kernel.nr), kernel.kr, kernel.sr),
         Format("{} x {}", Text(kernel.m_step), Text(kernel.n_step)), names});
  }
  return rows;
}

Rows ReasonRows() {
  Rows rows = {{"reason", "what is judged", "what to do"}};
  for (const ReasonRow& row : ReasonCatalogue()) {
    rows.push_back({Code(row.id), std::string(row.what), std::string(row.hint)});
  }
  return rows;
}

Rows RemedyRows() {
  Rows rows = {{"remedy", "what stock XNNPACK does without it"}};
  for (const StockRemedy& remedy : AllStockRemedies()) {
    rows.push_back({Code(remedy.id), std::string(remedy.evidence)});
  }
  return rows;
}

std::string DefaultText(const OptionValue& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const int64_t* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  return Format("\"{}\"", std::get<std::string>(value));
}

std::string_view TypeText(const OptionValue& value) {
  if (std::holds_alternative<bool>(value)) return "bool";
  return std::holds_alternative<int64_t>(value) ? "integer" : "text";
}

std::string_view ScopeText(OptionScope scope) {
  switch (scope) {
    case OptionScope::kGlobal:
      return "global";
    case OptionScope::kLoad:
      return "load";
    case OptionScope::kBoth:
      return "global, load";
  }
  return {};
}

Rows OptionRows(std::span<const OptionRow> options) {
  Rows rows = {{"option", "type", "default", "set at", "environment", "meaning"}};
  for (const OptionRow& row : options) {
    rows.push_back({Code(row.key), std::string(TypeText(row.default_value)),
                    DefaultText(row.default_value), std::string(ScopeText(row.scope)),
                    Code(row.environment), std::string(row.doc)});
  }
  return rows;
}

Rows RowsOf(std::string_view name, std::span<const OptionRow> options) {
  if (name == "rules") return RuleRows();
  if (name == "kernels") return KernelRows();
  if (name == "reasons") return ReasonRows();
  if (name == "remedies") return RemedyRows();
  return OptionRows(options);
}

}  // namespace

std::vector<std::string> TableNames() {
  return {"rules", "kernels", "reasons", "remedies", "options"};
}

Outcome<ExitCode> Tables(const TablesOptions& choice, std::span<const OptionRow> options,
                         std::ostream& out) {
  const std::vector<std::string> all = TableNames();
  std::string known;
  for (const std::string& name : all) known.append(known.empty() ? "" : ", ").append(name);
  for (const std::string& name : choice.names) {
    if (!std::ranges::contains(all, name)) {
      return Fail(ExitCode::kUsage, "tables: there is no table \"{}\"; take one of {}", name,
                  known);
    }
  }
  bool is_first = true;
  for (const std::string& name : choice.names.empty() ? all : choice.names) {
    if (!is_first) out << '\n';
    is_first = false;
    PrintMarkdown(RowsOf(name, options), out);
  }
  return ExitCode::kOk;
}

}  // namespace switchyard::tools
