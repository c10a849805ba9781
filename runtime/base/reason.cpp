#include "runtime/base/reason.h"

#include "runtime/base/format.h"

namespace switchyard {
namespace {

constexpr ReasonRow kCatalogue[] = {
#define SWITCHYARD_REASON(symbol, id, what, hint) {ReasonId::symbol, id, what, hint},
#include "runtime/base/reasons.inc"
#undef SWITCHYARD_REASON
};

}  // namespace

std::span<const ReasonRow> ReasonCatalogue() { return kCatalogue; }

const ReasonRow& Row(ReasonId reason) { return kCatalogue[static_cast<size_t>(reason)]; }

std::string Reason::ToString() const {
  const ReasonRow& row = Row(id);
  return Format("{}: {}, expected {}; {} [{}]", row.what, found, expected, row.hint, row.id);
}

}  // namespace switchyard
