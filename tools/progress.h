// What a command is at, for a person who waits: one line on stderr that is written over.
#pragma once

#include <string_view>

namespace switchyard::tools {

class Progress {
 public:
  // Does nothing unless `is_shown`: for a terminal.
  explicit Progress(bool is_shown) : is_shown_(is_shown) {}
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(std::string_view text);
  void Clear();

 private:
  const bool is_shown_;
};

}  // namespace switchyard::tools
