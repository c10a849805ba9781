// `switchyard-conformance`: the suite on our backend.
#include <pthreadpool.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "backend/switchyard_backend.h"
#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/row.h"
#include "test/conformance/suite.h"

namespace {

std::string WhyNotRow(std::string_view name) {
  const auto row = std::ranges::find(switchyard::KernelTable(), name, &switchyard::KernelRow::name);
  if (row == switchyard::KernelTable().end()) return "there is no such row";
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
       .why_not_row = &WhyNotRow},
      argc, argv);
}
