// What happens while ExecuTorch runs a program, as its event tracer sees it: an ETDump for its own
// tools, spans for a timeline, or both.
#pragma once

#include <filesystem>
#include <memory>

#include "tools/failure.h"
#include "tools/timeline.h"

namespace executorch::runtime {
class EventTracer;
}  // namespace executorch::runtime

namespace switchyard::tools {

class ProgramTrace {
 public:
  // `timeline` gets the spans; null: nobody does. It must outlive this.
  ProgramTrace(Timeline* timeline, bool with_etdump);
  ~ProgramTrace();
  ProgramTrace(const ProgramTrace&) = delete;
  ProgramTrace& operator=(const ProgramTrace&) = delete;

  // To be given to ProgramRunner::LoadMethod; lives as long as this.
  executorch::runtime::EventTracer* tracer();

  // Writes the ETDump, once, after the last run. Errors: Usage when the file cannot be written,
  // Unsupported when ExecuTorch cannot finish it.
  Outcome<void> WriteEtdump(const std::filesystem::path& path);

 private:
  class Recorder;
  std::unique_ptr<Recorder> recorder_;
};

}  // namespace switchyard::tools
