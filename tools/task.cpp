#include "tools/task.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <system_error>

#include "runtime/base/format.h"

namespace switchyard::tools {
namespace {

// Digits have accuracy only over the whole held-out set; a case with fewer images has all labels
// beside it too.
constexpr size_t kDigitsTestImages = 360;

// The index of the largest element of each row (the last dimension), or nothing for other shapes.
std::optional<std::vector<size_t>> ArgMax(const Array& output, size_t rows) {
  size_t count = output.NumNumbers();
  if (rows == 0 || count == 0 || count % rows != 0) return std::nullopt;
  size_t columns = count / rows;
  std::vector<size_t> result(rows, 0);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 1; column < columns; ++column) {
      if (output.At(row * columns + column) > output.At(row * columns + result[row])) {
        result[row] = column;
      }
    }
  }
  return result;
}

// The scale in "argmax of output 0 times STEP cents + START cents above BASE Hz".
struct PitchScale {
  double step = 0, start = 0, base = 0;

  static std::optional<PitchScale> Parse(const std::string& task) {
    PitchScale scale;
    size_t at = task.find("times ");
    if (at == task.npos ||
        std::sscanf(task.c_str() + at, "times %lf cents + %lf cents above %lf Hz", &scale.step,
                    &scale.start, &scale.base) != 3) {
      return std::nullopt;
    }
    return scale;
  }
  double Hertz(size_t bin) const {
    return base * std::exp2((start + step * static_cast<double>(bin)) / 1200);
  }
};

}  // namespace

std::string NoteName(double hertz) {
  static constexpr std::array<std::string_view, 12> kNames = {"C",  "C#", "D",  "D#", "E",  "F",
                                                              "F#", "G",  "G#", "A",  "A#", "B"};
  constexpr int kA4 = 69;  // MIDI's number of 440 Hz
  if (!(hertz >= 1) || !std::isfinite(hertz)) return "?";
  int note = kA4 + static_cast<int>(std::lround(12 * std::log2(hertz / 440)));
  int octave = static_cast<int>(std::floor(note / 12.0)) - 1;
  return Format("{}{}", kNames[static_cast<size_t>((note % 12 + 12) % 12)], octave);
}

Outcome<std::optional<TaskResult>> JudgeTask(const std::string& task,
                                             const std::filesystem::path& case_folder,
                                             const Array& output) {
  bool digits = task.starts_with("digits");
  bool pitch = task.starts_with("pitch");
  std::filesystem::path path = case_folder / (digits ? "labels.npy" : "hertz.npy");
  std::error_code error;
  if ((!digits && !pitch) || !std::filesystem::exists(path, error)) return std::nullopt;
  if (digits && (output.shape.empty() || output.shape[0] != kDigitsTestImages)) return std::nullopt;
  SWITCHYARD_ASSIGN(Array labels, ReadNpy(path));
  size_t count = labels.NumNumbers();
  std::optional<std::vector<size_t>> answers;
  if (!output.shape.empty() && output.shape[0] == count) answers = ArgMax(output, count);
  if (!answers) {
    return Fail(ExitCode::kInvalidFile,
                "{}: has {} labels, output 0 is {}, expected a row for each", path.string(), count,
                Describe(output));
  }
  std::optional<PitchScale> scale = PitchScale::Parse(task);
  if (pitch && !scale) {
    return Fail(ExitCode::kInvalidFile,
                "{}: meta.json's task is '{}', expected 'pitch: argmax of "
                "output 0 times N cents + N cents above N Hz'",
                case_folder.string(), task);
  }
  TaskResult result{digits ? "images" : "tones", 0, count, {}};
  for (size_t i = 0; i < count; ++i) {
    double label = labels.At(i);
    bool correct;
    if (digits) {
      correct = static_cast<double>((*answers)[i]) == label;
    } else {
      double hertz = scale->Hertz((*answers)[i]);
      correct = NoteName(hertz) == NoteName(label);
      result.details.push_back(Format("tone {:.2f} Hz ({}): heard {:.2f} Hz ({})", label,
                                      NoteName(label), hertz, NoteName(hertz)));
    }
    result.correct += correct;
  }
  return result;
}

}  // namespace switchyard::tools
