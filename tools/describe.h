// What is in a file, as JSON; `inspect` prints it, or makes text of it.
#pragma once

#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "schema/graph.h"
#include "schema/payload.h"
#include "schema/program.h"

namespace switchyard::tools {

nlohmann::ordered_json DescribePayload(const PayloadLayout& layout, const Graph& graph);

// Without what is inside the payloads.
nlohmann::ordered_json DescribeMethod(const ProgramMethod& method);

}  // namespace switchyard::tools
