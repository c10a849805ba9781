#include "backend/xnnpack/operator_times.h"

#include <algorithm>
#include <string>

namespace switchyard {

std::vector<TimedOperator> ReadOperators(xnn_runtime_t runtime, std::span<const NodeIndex> nodes) {
  size_t bytes = 0;
  xnn_get_runtime_profiling_info(runtime, xnn_profile_info_operator_name, 0, nullptr, &bytes);
  // Names, each with a NUL.
  std::vector<char> names(bytes);
  if (xnn_get_runtime_profiling_info(runtime, xnn_profile_info_operator_name, bytes, names.data(),
                                     &bytes) != xnn_status_success) {
    return {};
  }
  std::vector<TimedOperator> operators;
  for (auto name = names.begin(); name != names.end();) {
    const auto end = std::find(name, names.end(), '\0');
    operators.push_back({.name = std::string(name, end), .node = kNoNode});
    name = end == names.end() ? end : end + 1;
  }
  // Operators run in the order of their definition. Where XNNPACK has fused some, it does not say
  // which are gone.
  if (operators.size() == nodes.size()) {
    for (size_t i = 0; i < nodes.size(); ++i) operators[i].node = nodes[i];
  }
  return operators;
}

bool ReadOperatorTimes(xnn_runtime_t runtime, std::span<uint64_t> microseconds) {
  size_t bytes = 0;
  return xnn_get_runtime_profiling_info(runtime, xnn_profile_info_operator_timing,
                                        microseconds.size_bytes(), microseconds.data(),
                                        &bytes) == xnn_status_success;
}

}  // namespace switchyard
