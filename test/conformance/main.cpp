// `switchyard-conformance`: the suite on our backend.
#include <pthreadpool.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "backend/switchyard_backend.h"
#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/row.h"
#include "test/conformance/suite.h"

namespace {

std::vector<std::string> RowNames() {
  std::vector<std::string> names;
  for (const switchyard::KernelRow& row : switchyard::KernelTable()) names.emplace_back(row.name);
  return names;
}

std::string WhyNotRow(std::string_view name) {
  const auto row = std::ranges::find(switchyard::KernelTable(), name, &switchyard::KernelRow::name);
  const switchyard::CpuFeatures missing = switchyard::HostCpuFeatures().Missing(row->required);
  if (!missing.IsEmpty()) return "this CPU has no " + missing.ToString();
  if (!row->is_built || switchyard::PackerVersion(*row).empty()) return "it is not in this build";
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (!switchyard::RegisterBackend()) return 2;
  return switchyard::conformance::RunSuite(
      {.name = "switchyard-conformance",
       .default_backend = switchyard::kBackendName,
       .make_thread_pool = [](uint32_t threads) { return pthreadpool_create(threads); },
       .lists_unsupported = true,
       .rows = RowNames(),
       .why_not_row = &WhyNotRow},
      argc, argv);
}
