// Text for people: aligned columns, and names from files made safe to print.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace switchyard::tools {

// Names come from files and go to a terminal: control characters become '?'.
std::string Printable(std::string text);

class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // Left-aligned columns, two spaces apart, each line after `indent` spaces.
  void Print(std::ostream& out, size_t indent) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace switchyard::tools
