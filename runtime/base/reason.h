// Why a node or a kernel was not chosen: one catalogue, so that `explain`, the documentation and
// the tests speak of the same things.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/api.h"

namespace switchyard {

enum class ReasonId : uint16_t {
#define SWITCHYARD_REASON(symbol, id, what, hint) symbol,
#include "runtime/base/reasons.inc"
#undef SWITCHYARD_REASON
};

struct ReasonRow {
  ReasonId reason;
  std::string_view id;    // "fc.qb4w.group"
  std::string_view what;  // what is judged: "group size"
  std::string_view hint;  // what to do about it
};
SWITCHYARD_API std::span<const ReasonRow> ReasonCatalogue();
SWITCHYARD_API const ReasonRow& Row(ReasonId reason);

struct Reason {
  ReasonId id;
  std::string found;
  std::string expected;

  // "group size: 24, expected a multiple of 32; export with group_size=32 [fc.qb4w.group]"
  SWITCHYARD_API std::string ToString() const;
};

}  // namespace switchyard
