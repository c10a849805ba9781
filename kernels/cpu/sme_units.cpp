#include "kernels/cpu/sme_units.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "runtime/base/format.h"

namespace switchyard {
namespace {

constexpr uint64_t kSharedField = 0x3;
constexpr unsigned kSharedShift = 13;
constexpr uint64_t kShared = 0x3;
constexpr uint64_t kAffinityMask = 0xFFF;

}  // namespace

size_t NumSmeUnits() {
  size_t private_units = 0;
  std::set<uint64_t> shared_units;
  for (unsigned cpu = 0;; ++cpu) {
    const std::string path =
        Format("/sys/devices/system/cpu/cpu{}/regs/identification/smidr_el1", cpu);
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (file == nullptr) break;
    char text[32] = {};
    const bool is_read = std::fgets(text, sizeof(text), file) != nullptr;
    std::fclose(file);
    if (!is_read) break;
    const uint64_t smidr = std::strtoull(text, nullptr, 0);
    if ((smidr >> kSharedShift & kSharedField) == kShared) {
      shared_units.insert(smidr & kAffinityMask);
    } else {
      ++private_units;
    }
  }
  return private_units + shared_units.size();
}

}  // namespace switchyard
