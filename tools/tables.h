// `tables`: the tables that decide what runs where, as Markdown. docs/routing.md is made of them.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/options.h"
#include "tools/failure.h"

namespace switchyard::tools {

// "rules", "kernels", "reasons", "remedies", "options".
std::vector<std::string> TableNames();

struct TablesOptions {
  std::vector<std::string> names;  // of TableNames(); empty: all
};

// The tables in the order of their names, an empty line between two. `options` are the backend's
// rows. Errors: Usage for a name that is none.
Outcome<ExitCode> Tables(const TablesOptions& choice, std::span<const OptionRow> options,
                         std::ostream& out);

}  // namespace switchyard::tools
