#include "tools/extract.h"

#include <mutex>
#include <set>
#include <string>

#include "runtime/base/format.h"
#include "schema/payload.h"
#include "schema/writer.h"
#include "tools/file.h"
#include "tools/model_file.h"
#include "tools/xnnpack_payload.h"

namespace switchyard::tools {
namespace {

// Remembers what a payload asks for.
class RecordingMap : public NamedDataMap {
 public:
  explicit RecordingMap(const NamedDataMap& map) : map_(map) {}
  Result<DataBuffer> Get(std::string_view key) const override {
    std::lock_guard lock(mutex_);
    keys_.emplace(key);
    return map_.Get(key);
  }
  std::set<std::string> keys() const {
    std::lock_guard lock(mutex_);
    return keys_;
  }

 private:
  const NamedDataMap& map_;
  mutable std::mutex mutex_;
  mutable std::set<std::string> keys_;
};

Outcome<void> WriteNamed(const std::filesystem::path& path, std::span<const std::byte> bytes,
                         std::ostream& out) {
  SWITCHYARD_TRY(WriteFile(path, bytes));
  out << Format("{}  {} bytes\n", path.string(), bytes.size());
  return {};
}

Outcome<void> ExtractDelegate(const ExtractOptions& options, const NamedDataMap& named_data,
                              const ProgramDelegate& delegate, const std::string& object,
                              const std::filesystem::path& path, std::ostream& out) {
  RecordingMap recorder(named_data);
  Result<Graph> graph = ReadPayload(delegate.payload, &recorder);
  if (!graph) return FailWith(object, graph.error());
  if (!options.raw) {
    Result<switchyard::Payload> payload = WritePayload(*graph);
    if (!payload) return FailWith(object, payload.error());
    return WriteNamed(path, payload->bytes, out);
  }
  SWITCHYARD_TRY(WriteNamed(path, delegate.payload, out));
  for (const std::string& key : recorder.keys()) {
    Result<DataBuffer> data = named_data.Get(key);
    if (!data) return FailWith(object, data.error());
    if (SafeFileName(key) != key) {
      return Fail(ExitCode::kInvalidFile,
                  "{}: the key '{}' cannot be the name of a file; extract "
                  "without --raw",
                  object, key);
    }
    SWITCHYARD_TRY(WriteNamed(options.output_dir / (key + ".bin"), data->bytes(), out));
  }
  return {};
}

}  // namespace

Outcome<ExitCode> Extract(const ExtractOptions& options, std::ostream& out) {
  SWITCHYARD_ASSIGN(ModelFile model, OpenModelFile(options.file, options.data));
  if (!model.program) {
    return Fail(ExitCode::kInvalidFile,
                "{}: is not a program (no ET12 or BP08 at byte 4), expected "
                "a .pte or .bpte file",
                options.file.string());
  }
  SWITCHYARD_TRY(MakeFolder(options.output_dir));
  size_t written = 0;
  for (const ProgramMethod& method : model.program->methods) {
    for (size_t i = 0; i < method.delegates.size(); ++i) {
      const ProgramDelegate& delegate = method.delegates[i];
      if (delegate.id != kXnnpackBackend) {
        out << Format("{}: skipped, its backend is {}, not {}\n", DelegateName(method, i),
                      SafeFileName(delegate.id), kXnnpackBackend);
        continue;
      }
      std::filesystem::path path =
          options.output_dir / Format("{}.{}.xnn", SafeFileName(method.name), i);
      std::string object = options.file.string() + ": " + DelegateName(method, i);
      SWITCHYARD_TRY(ExtractDelegate(options, *model.named_data, delegate, object, path, out));
      ++written;
    }
  }
  if (written == 0) {
    return Fail(ExitCode::kUnsupported,
                "{}: has no delegate of {}, so there is no payload to extract",
                options.file.string(), kXnnpackBackend);
  }
  return ExitCode::kOk;
}

}  // namespace switchyard::tools
