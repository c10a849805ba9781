// What the answers of a model mean, where its folder says so: the classes of digits, the pitch of
// tones.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tools/failure.h"
#include "tools/npy.h"

namespace switchyard::tools {

struct TaskResult {
  std::string unit;  // "images", "tones"
  size_t correct = 0;
  size_t total = 0;
  std::vector<std::string> details;  // one line for each tone

  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(total); }
};

// Judges output 0 of a case by the labels in its folder (labels.npy, hertz.npy); nothing when it
// has none, or the task is not one of the two. `task` is the text of meta.json, which also has the
// scale of a pitch. Errors: InvalidFile when labels and output do not fit each other.
Outcome<std::optional<TaskResult>> JudgeTask(const std::string& task,
                                             const std::filesystem::path& case_folder,
                                             const Array& output);

// "A4" for 440 (Hz); the nearest note of the equal-tempered scale.
std::string NoteName(double hertz);

}  // namespace switchyard::tools
