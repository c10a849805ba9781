#include "test/bench/machine_name.h"

#include <fstream>

namespace switchyard::bench {

std::string MachineName() {
  std::ifstream file("/proc/cpuinfo");
  std::string name;
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    if (line.starts_with("model name")) return line.substr(colon + 2);
    if (line.starts_with("CPU implementer") || line.starts_with("CPU part")) {
      name += (name.empty() ? "Arm " : " ") + line.substr(colon + 2);
    }
  }
  return name.empty() ? "unknown" : name;
}

}  // namespace switchyard::bench
