#include "runtime/options.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "runtime/base/format.h"

namespace switchyard {
namespace {

const OptionRow* FindRow(std::span<const OptionRow> table, std::string_view key) {
  const auto row = std::ranges::find(table, key, &OptionRow::key);
  return row != table.end() ? &*row : nullptr;
}

std::string_view TypeName(const OptionValue& value) {
  constexpr std::string_view kNames[] = {"bool", "int", "string"};
  static_assert(std::size(kNames) == std::variant_size_v<OptionValue>);
  return kNames[value.index()];
}

std::string ToString(const OptionValue& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const int64_t* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  return "\"" + std::get<std::string>(value) + "\"";
}

// What a row accepts, for messages.
std::string Expected(const OptionRow& row) {
  if (std::holds_alternative<int64_t>(row.default_value)) {
    return Format("an int from {} to {}", row.min, row.max);
  }
  return Format("a {}", TypeName(row.default_value));
}

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "1" || text == "true" || text == "on") return true;
  if (text == "0" || text == "false" || text == "off") return false;
  return std::nullopt;
}

// The value of the row's type that `text` spells; nothing if there is none.
std::optional<OptionValue> Parse(const OptionRow& row, std::string_view text) {
  if (std::holds_alternative<bool>(row.default_value)) return ParseBool(text);
  if (std::holds_alternative<int64_t>(row.default_value)) return ParseInt(text);
  return std::string(text);
}

bool IsValid(const OptionRow& row, const OptionValue& value) {
  if (value.index() != row.default_value.index()) return false;
  const int64_t* number = std::get_if<int64_t>(&value);
  return number == nullptr || (*number >= row.min && *number <= row.max);
}

// See OptionMap::Set on text for integers.
OptionValue Widened(const OptionRow& row, const OptionValue& value) {
  const std::string* text = std::get_if<std::string>(&value);
  const bool is_wide = std::holds_alternative<int64_t>(row.default_value) &&
                       row.max > std::numeric_limits<int32_t>::max();
  if (text == nullptr || !is_wide) return value;
  const std::optional<int64_t> number = ParseInt(*text);
  return number ? OptionValue(*number) : value;
}

}  // namespace

Status CheckOptionText(std::string_view key, const OptionValue& value) {
  const std::string* text = std::get_if<std::string>(&value);
  for (const std::string_view part : {key, text != nullptr ? std::string_view(*text) : ""}) {
    if (const size_t at = part.find('\0'); at != part.npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  "option '{}': found a zero byte after the {} characters '{}', expected none; "
                  "pass a text without",
                  key.substr(0, key.find('\0')), at, part.substr(0, at));
    }
  }
  return {};
}

Result<OptionMap> OptionMap::FromTable(std::span<const OptionRow> table) {
  OptionMap map;
  map.table_ = table;
  for (const OptionRow& row : table) {
    map.values_[row.key] = row.default_value;
    if (row.environment.empty()) continue;
    const char* text = std::getenv(std::string(row.environment).c_str());
    if (text == nullptr) continue;
    const std::optional<OptionValue> value = Parse(row, text);
    if (!value || !IsValid(row, *value)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "environment variable {} (option '{}'): found \"{}\", expected {}; correct or "
                  "unset it",
                  row.environment, row.key, text, Expected(row));
    }
    map.values_[row.key] = *value;
  }
  return map;
}

Status OptionMap::Set(std::string_view key, const OptionValue& value, OptionScope at) {
  const OptionRow* row = FindRow(table_, key);
  if (row == nullptr) return {};
  if (at != OptionScope::kBoth && row->scope != OptionScope::kBoth && row->scope != at) {
    const bool is_global = row->scope == OptionScope::kGlobal;
    return Fail(ErrorCode::kInvalidArgument, "option '{}': found {}, expected {}; set it there",
                key, is_global ? "an option of one load" : "a global option",
                is_global ? "a global option" : "an option of one load");
  }
  OptionValue widened = Widened(*row, value);
  if (!IsValid(*row, widened)) {
    return Fail(ErrorCode::kInvalidArgument,
                "option '{}': found the {} {}, expected {}; pass such a value", key,
                TypeName(value), ToString(value), Expected(*row));
  }
  SWITCHYARD_TRY(CheckOptionText(key, widened));
  values_[row->key] = std::move(widened);
  return {};
}

Result<OptionValue> OptionMap::Get(std::string_view key) const {
  const auto value = values_.find(key);
  if (value != values_.end()) return value->second;
  std::string known;
  for (const OptionRow& row : table_) {
    if (!known.empty()) known += ", ";
    known += row.key;
  }
  return Fail(ErrorCode::kNotFound,
              "option '{}': there is none of this name, only {}; pick one of "
              "these",
              key, known.empty() ? "an empty table" : known);
}

bool OptionMap::GetBool(std::string_view key) const {
  const auto value = values_.find(key);
  assert(value != values_.end());
  return std::get<bool>(value->second);
}

int64_t OptionMap::GetInt(std::string_view key) const {
  const auto value = values_.find(key);
  assert(value != values_.end());
  return std::get<int64_t>(value->second);
}

const std::string& OptionMap::GetString(std::string_view key) const {
  const auto value = values_.find(key);
  assert(value != values_.end());
  return std::get<std::string>(value->second);
}

}  // namespace switchyard
