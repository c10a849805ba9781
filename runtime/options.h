// Options of a backend: one table of rows from which parsing, get, set, environment overrides and
// the documentation follow.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/base/api.h"
#include "runtime/base/error.h"

namespace switchyard {

using OptionValue = std::variant<bool, int64_t, std::string>;

enum class OptionScope : uint8_t {
  kGlobal,  // set_option only
  kLoad,    // per load only
  kBoth,    // a value given at load beats the global one
};

struct OptionRow {
  std::string_view key;
  OptionValue default_value;  // its alternative is the option's type
  OptionScope scope;
  int64_t min, max;              // of integers
  std::string_view environment;  // variable that replaces the default; empty: none
  std::string_view doc;
};

// That neither the key nor a text has a zero byte: C, which paths and a plugin's options end up in,
// would cut it there and so mean another. Errors: InvalidArgument.
Status CheckOptionText(std::string_view key, const OptionValue& value);

// Values for the keys of one table, which must outlive them. Copyable; not synchronized.
class SWITCHYARD_API OptionMap {
 public:
  // Defaults, then the environment, where a bool is 0, 1, false, true, off or on. Errors:
  // InvalidArgument for a value of a variable that does not parse or is out of range.
  static Result<OptionMap> FromTable(std::span<const OptionRow> table);

  // Unknown keys are ignored, as the host contract says. Errors: InvalidArgument for a wrong type,
  // a value out of range, a text with a zero byte, or an option that cannot be set `at` this place
  // (kGlobal or kLoad; kBoth asks nothing). An integer option whose range exceeds 32 bits also
  // takes decimal text, since a host's own integers may be narrower.
  Status Set(std::string_view key, const OptionValue& value, OptionScope at = OptionScope::kBoth);
  // Errors: NotFound for a key that the table does not have.
  Result<OptionValue> Get(std::string_view key) const;

  // For keys that the table is known to have; the type must be the row's.
  bool GetBool(std::string_view key) const;
  int64_t GetInt(std::string_view key) const;
  const std::string& GetString(std::string_view key) const;

 private:
  std::span<const OptionRow> table_;
  std::map<std::string_view, OptionValue> values_;
};

}  // namespace switchyard
