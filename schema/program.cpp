#include "schema/program.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "runtime/base/format.h"
#include "schema/bundled_program_generated.h"
#include "schema/flatbuffer_file.h"
#include "schema/program_generated.h"

namespace switchyard {
namespace {

namespace fb = program_fb;

constexpr std::string_view kProgramIdentifier = "ET12";
constexpr std::string_view kBundledIdentifier = "BP08";

// The extended header, which stands right after the identifier (offsets from the file's start).
constexpr std::string_view kHeaderMagic = "eh00";
constexpr size_t kProgramSizeOffset = 16;
constexpr size_t kSegmentBaseOffset = 24;
constexpr size_t kSegmentSizeOffset = 32;
constexpr uint32_t kShortHeader = 24;  // without the segments' size
constexpr uint32_t kLongHeader = 32;

constexpr size_t kMaxTensorRank = 16;  // the host's kTensorDimensionLimit

template <typename... Args>
std::unexpected<Error> Bad(std::format_string<Args...> format, Args&&... args) {
  return Fail(ErrorCode::kInvalidProgram, format, std::forward<Args>(args)...);
}

struct FileParts {
  std::span<const std::byte> flatbuffer;
  std::span<const std::byte> segments;  // from the segment base on; empty without segments
};

Result<FileParts> ParseHeader(std::span<const std::byte> file) {
  if (!HasTextAt(file, kHeaderOffset, kHeaderMagic)) return FileParts{file, {}};
  if (file.size() < kHeaderOffset + kShortHeader) {
    return Bad(
        "program: {} bytes, expected an extended header of at least {} bytes at offset {}; "
        "the file is truncated",
        file.size(), kShortHeader, kHeaderOffset);
  }
  const uint32_t length = ReadNumber<uint32_t>(file, kHeaderLengthOffset);
  if (length < kShortHeader || file.size() - kHeaderOffset < length) {
    return Bad(
        "program: extended header of {} bytes, expected at least {} and at most the {} bytes "
        "that follow; the file is damaged",
        length, kShortHeader, file.size() - kHeaderOffset);
  }
  const uint64_t program_size = ReadNumber<uint64_t>(file, kProgramSizeOffset);
  const uint64_t segment_base = ReadNumber<uint64_t>(file, kSegmentBaseOffset);
  if (program_size > file.size() || segment_base > file.size()) {
    return Bad(
        "program: the extended header tells of {} program bytes and of segments at offset {}, "
        "but the file has {} bytes; it is truncated or damaged",
        program_size, segment_base, file.size());
  }
  FileParts parts{file.first(program_size), {}};
  if (segment_base == 0) return parts;
  parts.segments = file.subspan(segment_base);
  if (length >= kLongHeader) {
    const uint64_t segment_bytes = ReadNumber<uint64_t>(file, kSegmentSizeOffset);
    if (segment_bytes > parts.segments.size()) {
      return Bad(
          "program: the extended header tells of {} bytes of segments at offset {}, but the "
          "file has {} bytes; it is truncated or damaged",
          segment_bytes, segment_base, file.size());
    }
    parts.segments = parts.segments.first(segment_bytes);
  }
  return parts;
}

std::string_view View(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : text->string_view();
}

template <typename T>
uint32_t Size(const flatbuffers::Vector<T>* vector) {
  return vector == nullptr ? 0 : vector->size();
}

// Reads the methods of one verified program.
class ProgramReader {
 public:
  ProgramReader(const fb::Program& program, const AlignedBytes& flatbuffer,
                const Segments& segments)
      : program_(program),
        flatbuffer_(flatbuffer),
        segments_(segments),
        budget_(flatbuffer.size()) {}

  Status Read(Program& to) {
    if (program_.execution_plan() == nullptr || program_.execution_plan()->size() == 0) {
      return Bad("program: no execution plan, expected at least one method; export it again");
    }
    for (const fb::ExecutionPlan* plan : *program_.execution_plan()) {
      ProgramMethod& method = to.methods.emplace_back();
      SWITCHYARD_ASSIGN(method.name, Text(plan->name(), "the name of a method"));
      SWITCHYARD_TRY(ReadMethod(*plan, method));
    }
    return ReadNamedData(to);
  }

 private:
  Status ReadMethod(const fb::ExecutionPlan& plan, ProgramMethod& method) {
    method.num_values = Size(plan.values());
    SWITCHYARD_ASSIGN(method.inputs, ValueIndices(plan.inputs(), "input", method));
    SWITCHYARD_ASSIGN(method.outputs, ValueIndices(plan.outputs(), "output", method));
    for (uint32_t i = 0; i < method.num_values; ++i) {
      const fb::Value* value = plan.values()->Get(i);
      if (value->val_type() != fb::ValueUnion::Tensor) continue;
      if (value->val() == nullptr) {
        return Bad("method {}: value {} is a tensor without contents; the file is damaged",
                   method.name, i);
      }
      SWITCHYARD_ASSIGN(ProgramTensor tensor, ReadTensor(*value->val_as_Tensor(), i, method));
      method.tensors.emplace(static_cast<int32_t>(i), std::move(tensor));
    }
    for (uint32_t i = 0; i < Size(plan.delegates()); ++i) {
      SWITCHYARD_ASSIGN(ProgramDelegate delegate,
                        ReadDelegate(*plan.delegates()->Get(i), i, method));
      method.delegates.push_back(std::move(delegate));
    }
    return ReadInstructions(plan, method);
  }

  Result<ProgramTensor> ReadTensor(const fb::Tensor& tensor, uint32_t index,
                                   const ProgramMethod& method) {
    const uint32_t rank = Size(tensor.sizes());
    const uint32_t order_size = Size(tensor.dim_order());
    if (rank > kMaxTensorRank || order_size != rank) {
      return Bad(
          "method {}: value {} has {} sizes and a dim order of {}, expected as many of each "
          "and at most {}; the file is damaged",
          method.name, index, rank, order_size, kMaxTensorRank);
    }
    ProgramTensor result{};
    result.scalar_type = tensor.scalar_type();
    std::array<bool, kMaxTensorRank> seen{};
    for (uint32_t i = 0; i < rank; ++i) {
      const int32_t size = tensor.sizes()->Get(i);
      const uint8_t dim = tensor.dim_order()->Get(i);
      if (size < 0) {
        return Bad(
            "method {}: value {} has size {} in dimension {}, expected at least 0; the file "
            "is damaged",
            method.name, index, size, i);
      }
      if (dim >= rank || std::exchange(seen[dim], true)) {
        return Bad(
            "method {}: value {} has {} in its dim order, expected a permutation of 0 to {}; "
            "the file is damaged",
            method.name, index, dim, rank - 1);
      }
      result.sizes.push_back(size);
      result.dim_order.push_back(dim);
    }
    result.is_constant = tensor.data_buffer_idx() > 0 && tensor.allocation_info() == nullptr;
    return result;
  }

  Result<ProgramDelegate> ReadDelegate(const fb::Delegate& delegate, uint32_t index,
                                       const ProgramMethod& method) {
    ProgramDelegate result{};
    SWITCHYARD_ASSIGN(result.id, Text(delegate.id(), "the id of a delegate"));
    const fb::DelegateDataReference* reference = delegate.processed();
    if (reference == nullptr) {
      return Bad("method {}: delegate {} ({}) has no payload; export the program again",
                 method.name, index, result.id);
    }
    if (reference->location() == fb::DataLocation::SEGMENT) {
      SWITCHYARD_ASSIGN(result.payload,
                        segments_.Get(program_.segments(), reference->index(),
                                      Format("method {}: delegate {}", method.name, index),
                                      ErrorCode::kInvalidProgram));
      result.in_segment = true;
      return result;
    }
    if (reference->location() != fb::DataLocation::INLINE) {
      return Bad(
          "method {}: the payload of delegate {} is at location {}, expected 0 (inline) or 1 "
          "(segment); the file is damaged or newer than this reader",
          method.name, index, static_cast<int>(reference->location()));
    }
    const auto* inline_data = program_.backend_delegate_data();
    if (reference->index() >= Size(inline_data)) {
      return Bad(
          "method {}: delegate {} refers to inline payload {}, but the program has {}; the "
          "file is damaged",
          method.name, index, reference->index(), Size(inline_data));
    }
    if (const auto* data = inline_data->Get(reference->index())->data(); data != nullptr) {
      result.payload = flatbuffer_.Original(*data);
    }
    return result;
  }

  Status ReadInstructions(const fb::ExecutionPlan& plan, ProgramMethod& method) {
    std::vector<size_t> calls(Size(plan.operators()));
    std::vector<bool> called(method.delegates.size());
    for (uint32_t c = 0; c < Size(plan.chains()); ++c) {
      const auto* instructions = plan.chains()->Get(c)->instructions();
      for (uint32_t i = 0; i < Size(instructions); ++i) {
        const fb::Instruction& instruction = *instructions->Get(i);
        if (const fb::KernelCall* call = instruction.instr_args_as_KernelCall(); call != nullptr) {
          if (call->op_index() < 0 || static_cast<size_t>(call->op_index()) >= calls.size()) {
            return Bad(
                "method {}: instruction {} calls operator {}, but the method has {}; the file "
                "is damaged",
                method.name, i, call->op_index(), calls.size());
          }
          ++calls[static_cast<size_t>(call->op_index())];
        } else if (const fb::DelegateCall* delegate_call = instruction.instr_args_as_DelegateCall();
                   delegate_call != nullptr) {
          const int32_t index = delegate_call->delegate_index();
          if (index < 0 || static_cast<size_t>(index) >= called.size()) {
            return Bad(
                "method {}: instruction {} calls delegate {}, but the method has {}; the file "
                "is damaged",
                method.name, i, index, called.size());
          }
          if (called[static_cast<size_t>(index)]) continue;
          called[static_cast<size_t>(index)] = true;
          method.delegates[static_cast<size_t>(index)].num_arguments = Size(delegate_call->args());
        }
      }
    }
    for (uint32_t i = 0; i < calls.size(); ++i) {
      if (calls[i] == 0) continue;
      const fb::Operator& op = *plan.operators()->Get(i);
      SWITCHYARD_ASSIGN(std::string name, Text(op.name(), "the name of an operator"));
      if (const std::string_view overload = View(op.overload()); !overload.empty()) {
        if (!budget_.Take(overload.size())) return TooMuch("the overload of an operator");
        name.append(".").append(overload);
      }
      method.operator_calls[std::move(name)] += calls[i];
    }
    return {};
  }

  Status ReadNamedData(Program& to) {
    for (uint32_t i = 0; i < Size(program_.named_data()); ++i) {
      const fb::NamedData& entry = *program_.named_data()->Get(i);
      SWITCHYARD_ASSIGN(std::string key, Text(entry.key(), "the key of named data"));
      SWITCHYARD_ASSIGN(const std::span<const std::byte> bytes,
                        segments_.Get(program_.segments(), entry.segment_index(),
                                      Format("named data '{}'", key), ErrorCode::kInvalidProgram));
      const auto [at, is_new] = to.named_data.emplace(std::move(key), bytes);
      if (!is_new) {
        return Bad("program: named data '{}' is there twice, expected unique keys; export it again",
                   at->first);
      }
    }
    return {};
  }

  Result<std::vector<int32_t>> ValueIndices(const flatbuffers::Vector<int32_t>* indices,
                                            std::string_view what, const ProgramMethod& method) {
    std::vector<int32_t> result;
    if (indices == nullptr) return result;
    if (!budget_.Take(indices->size() * sizeof(int32_t))) return TooMuch(what);
    for (const int32_t index : *indices) {
      if (index < 0 || static_cast<size_t>(index) >= method.num_values) {
        return Bad(
            "method {}: {} {} is value {}, but the method has {} values; the file is damaged",
            method.name, what, result.size(), index, method.num_values);
      }
      result.push_back(index);
    }
    return result;
  }

  Result<std::string> Text(const flatbuffers::String* text, std::string_view what) {
    if (text == nullptr) return Bad("program: {} is missing; export it again", what);
    if (!budget_.Take(text->size())) return TooMuch(what);
    return text->str();
  }

  static std::unexpected<Error> TooMuch(std::string_view what) {
    return Bad(
        "program: reading {} would copy more than 16 times the program's size, expected parts "
        "that do not share their contents that often; the file is damaged",
        what);
  }

  const fb::Program& program_;
  const AlignedBytes& flatbuffer_;
  const Segments& segments_;
  CopyBudget budget_;
};

Result<std::span<const std::byte>> UnwrapBundle(std::span<const std::byte> file) {
  const AlignedBytes bytes(file);
  const auto* bundle = VerifiedRoot<bundled_program_fb::BundledProgram>(bytes);
  if (bundle == nullptr) {
    return Bad(
        "bundled program: {} bytes that are not a well-formed flatbuffer of identifier {}; the "
        "file is truncated or damaged",
        file.size(), kBundledIdentifier);
  }
  if (bundle->program() == nullptr) {
    return Bad("bundled program: there is no program inside; export it again");
  }
  return bytes.Original(*bundle->program());
}

}  // namespace

bool LooksLikeProgram(std::span<const std::byte> file) {
  return HasTextAt(file, kIdentifierOffset, kProgramIdentifier) ||
         HasTextAt(file, kIdentifierOffset, kBundledIdentifier);
}

Result<Program> ReadProgram(std::span<const std::byte> file) {
  Program program{};
  program.bundled = HasTextAt(file, kIdentifierOffset, kBundledIdentifier);
  program.bytes = file;
  if (program.bundled) {
    SWITCHYARD_ASSIGN(program.bytes, UnwrapBundle(file));
  }
  if (!HasTextAt(program.bytes, kIdentifierOffset, kProgramIdentifier)) {
    return Bad(
        "program: {} bytes without the identifier {} at offset {}; expected a .pte or .bpte "
        "file of ExecuTorch 0.5 or newer",
        program.bytes.size(), kProgramIdentifier, kIdentifierOffset);
  }
  SWITCHYARD_ASSIGN(const FileParts parts, ParseHeader(program.bytes));
  const AlignedBytes flatbuffer(parts.flatbuffer);
  const auto* root = VerifiedRoot<fb::Program>(flatbuffer);
  if (root == nullptr) {
    return Bad(
        "program: its {} bytes are not a well-formed flatbuffer of identifier {}; the file is "
        "truncated or damaged",
        parts.flatbuffer.size(), kProgramIdentifier);
  }
  program.version = root->version();
  SWITCHYARD_TRY(ProgramReader(*root, flatbuffer, Segments(parts.segments)).Read(program));
  return program;
}

}  // namespace switchyard
