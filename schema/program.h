// A read-only view of an ExecuTorch program (.pte, "ET12"; .bpte, "BP08"), as much of it as the
// tools need: methods, delegates with their payloads, values, operators, named data. Running a
// program is the host's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/named_data.h"

namespace switchyard {

struct ProgramTensor {
  int8_t scalar_type;
  std::vector<int32_t> sizes;
  std::vector<uint8_t> dim_order;
  bool is_constant;
};

struct ProgramDelegate {
  std::string id;                      // for example "XnnpackBackend"
  std::span<const std::byte> payload;  // views the file
  bool in_segment;                     // false: inline
  size_t num_arguments;                // of its first call, 0 if it is never called
};

struct ProgramMethod {
  std::string name;
  std::vector<int32_t> inputs, outputs;      // value indices
  std::map<int32_t, ProgramTensor> tensors;  // by value index
  size_t num_values;
  std::vector<ProgramDelegate> delegates;
  std::map<std::string, size_t> operator_calls;  // "aten::add.out" -> calls outside delegates
};

// Views `file`, which must outlive it.
struct Program {
  uint32_t version;
  bool bundled;                      // the file is a .bpte around the program
  std::span<const std::byte> bytes;  // the program itself (a part of the file when bundled)
  std::vector<ProgramMethod> methods;
  std::map<std::string, std::span<const std::byte>, std::less<>> named_data;
};

// True if the bytes carry the identifier of a program or a bundled program.
bool LooksLikeProgram(std::span<const std::byte> file);

// Errors: InvalidProgram (not a program, or a part outside the file; the message says which).
Result<Program> ReadProgram(std::span<const std::byte> file);

// The keys and bytes of an external data file (.ptd, "FT01"). Errors: InvalidExternalData.
Result<std::map<std::string, std::span<const std::byte>, std::less<>>> ReadExternalData(
    std::span<const std::byte> file);

// Named data as the tools have it: views of mapped files.
class NamedDataViews : public NamedDataMap {
 public:
  using Map = std::map<std::string, std::span<const std::byte>, std::less<>>;
  explicit NamedDataViews(Map map) : map_(std::move(map)) {}
  // Errors: InvalidExternalData when a key is there already with other bytes.
  Status Merge(const Map& other);
  Result<DataBuffer> Get(std::string_view key) const override;

 private:
  Map map_;
};

}  // namespace switchyard
