#include "test/conformance/case.h"

#include <set>
#include <string_view>

#include "test/conformance/cases.h"

namespace switchyard::conformance {
namespace {

constexpr void (*kFamilies[])(Cases&) = {
    AddFullyConnectedCases, AddConv2dCases,   AddConvolutionCases, AddBatchMatrixMultiplyCases,
    AddAttentionCases,      AddSequenceCases, AddExportedCases,    AddUnaryCases,
    AddBinaryCases,         AddSoftmaxCases,  AddPoolingCases,     AddResizeCases,
    AddLayoutCases,         AddConvertCases,  AddRefusedCases,
};

std::string Part(std::string_view name, size_t number) {
  for (; number > 0; --number) {
    const size_t dot = name.find('.');
    if (dot == std::string_view::npos) return {};
    name.remove_prefix(dot + 1);
  }
  return std::string(name.substr(0, name.find('.')));
}

}  // namespace

std::string OperatorOf(const Case& item) { return Part(item.name, 0); }
std::string VariantOf(const Case& item) { return Part(item.name, 1); }

Result<std::vector<Case>> AllCases() {
  std::vector<Case> cases;
  for (auto add : kFamilies) add(cases);
  std::set<std::string_view> names;
  for (const Case& item : cases) {
    if (!names.insert(item.name).second) {
      return Fail(ErrorCode::kInternal, "two cases have the name {}; tell them apart", item.name);
    }
  }
  return cases;
}

Built BuildCase(const Case& item, uint64_t seed) {
  Random random(item.name, seed);
  return item.build(random);
}

}  // namespace switchyard::conformance
