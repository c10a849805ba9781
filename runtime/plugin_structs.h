// Reading the other side's structs of the C plugin ABI. See runtime/plugin.h for the rules.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/format.h"
#include "runtime/plugin.h"
#include "runtime/plugin_message.h"

// The bytes of a struct up to the end of `member`.
#define SWITCHYARD_THROUGH(type, member) \
  (offsetof(type, member) + sizeof(static_cast<type*>(nullptr)->member))

namespace switchyard {

// Whether the host's bytes [begin, end) of a struct are all 0.
inline bool AreZero(const void* of, size_t begin, size_t end) {
  const auto* bytes = static_cast<const unsigned char*>(of);
  return std::all_of(bytes + begin, bytes + end, [](unsigned char byte) { return byte == 0; });
}

// Where a struct may end: behind any of its members, each reserved word one of them.
template <typename T>
struct MemberEnds;
#define END(member) SWITCHYARD_THROUGH(Struct, member)
#define SWITCHYARD_MEMBERS(type, ...)                                                       \
  template <>                                                                               \
  struct MemberEnds<type> {                                                                 \
    using Struct = type;                                                                    \
    static constexpr size_t kEnds[] = {__VA_ARGS__};                                        \
    static_assert(kEnds[std::size(kEnds) - 1] == sizeof(type), #type " has other members"); \
  }
SWITCHYARD_MEMBERS(switchyard_text, END(struct_size), END(data), END(capacity), END(length),
                   END(reserved));
SWITCHYARD_MEMBERS(switchyard_allocator, END(struct_size), END(context), END(allocate),
                   END(release), END(reserved[0]), END(reserved[1]));
SWITCHYARD_MEMBERS(switchyard_logger, END(struct_size), END(context), END(log), END(reserved[0]),
                   END(reserved[1]));
SWITCHYARD_MEMBERS(switchyard_event, END(struct_size), END(kind), END(num_nodes), END(name),
                   END(route), END(kernel), END(micro_kernel), END(nodes), END(debug_handles),
                   END(start), END(end), END(macs));
SWITCHYARD_MEMBERS(switchyard_tracer, END(struct_size), END(context), END(now), END(event),
                   END(from_nanoseconds), END(reserved[0]), END(reserved[1]));
SWITCHYARD_MEMBERS(switchyard_buffer, END(struct_size), END(data), END(bytes), END(owner));
SWITCHYARD_MEMBERS(switchyard_named_data, END(struct_size), END(context), END(get), END(release),
                   END(reserved[0]), END(reserved[1]));
SWITCHYARD_MEMBERS(switchyard_option, END(struct_size), END(key), END(kind), END(reserved),
                   END(number), END(text));
SWITCHYARD_MEMBERS(switchyard_tensor, END(struct_size), END(element_type), END(rank), END(sizes),
                   END(dim_order), END(data), END(capacity_bytes), END(resize), END(context),
                   END(reserved[0]), END(reserved[1]));
SWITCHYARD_MEMBERS(switchyard_argument_info, END(struct_size), END(element_type), END(is_output),
                   END(rank), END(reserved), END(sizes), END(dim_order));
SWITCHYARD_MEMBERS(switchyard_instance_config, END(struct_size), END(num_threads), END(reserved));
SWITCHYARD_MEMBERS(switchyard_load, END(struct_size), END(payload), END(payload_bytes),
                   END(method_name), END(options), END(num_options), END(model), END(allocator),
                   END(logger), END(tracer), END(named_data), END(flags), END(reserved[0]),
                   END(reserved[1]), END(reserved[2]));
SWITCHYARD_MEMBERS(switchyard_execution, END(struct_size), END(tensors), END(num_tensors),
                   END(tracer), END(reserved[0]), END(reserved[1]));
SWITCHYARD_MEMBERS(switchyard_report_request, END(struct_size), END(format), END(flags));
SWITCHYARD_MEMBERS(switchyard_plugin, END(struct_size), END(version), END(sanitizers), END(name),
                   END(description), END(reserved[0]), END(reserved[1]), END(create_instance),
                   END(destroy_instance), END(check_available), END(load), END(execute),
                   END(destroy), END(set_option), END(get_option), END(num_arguments),
                   END(describe_argument), END(report));
SWITCHYARD_MEMBERS(switchyard_query, END(struct_size), END(min_version), END(max_version),
                   END(reserved[0]), END(reserved[1]));
#undef SWITCHYARD_MEMBERS
#undef END

// Whether struct_size makes sense for a T of whose bytes the call needs the first `required`: it is
// the end of a member from there on, so that no member is half there, or more than is known here.
// `name` is for messages.
template <typename T>
Status CheckStructSize(uint64_t struct_size, std::string_view name, size_t required) {
  if (struct_size >= sizeof(T) && struct_size <= SWITCHYARD_MAX_STRUCT_SIZE) return {};
  std::string expected;
  for (const size_t end : MemberEnds<T>::kEnds) {
    if (end < required || end == sizeof(T)) continue;
    if (end == struct_size) return {};
    expected += Format("{}, ", end);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "{}: struct_size {}, expected {}{} to {}; set it to the sizeof of the struct", name,
              struct_size, expected, sizeof(T), SWITCHYARD_MAX_STRUCT_SIZE);
}

// A copy of the host's struct: what it does not have is 0. `name` is for messages. Errors:
// InvalidArgument (null, struct_size), NotSupported (members that are not known here, reserved
// words).
template <typename T>
Result<T> ReadStruct(const T* theirs, std::string_view name, size_t required) {
  if (theirs == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "{}: a null pointer, expected the struct; pass it",
                name);
  }
  SWITCHYARD_TRY(CheckStructSize<T>(theirs->struct_size, name, required));
  const size_t size = theirs->struct_size;
  T ours{};
  std::memcpy(&ours, theirs, std::min(size, sizeof ours));
  if (size > sizeof ours && !AreZero(theirs, sizeof ours, size)) {
    return Fail(ErrorCode::kNotSupported,
                "{}: {} bytes, of which those from {} on are not all 0 and this side does not "
                "know them; use a newer module, or leave the newer members 0",
                name, size, sizeof ours);
  }
  if constexpr (requires { ours.reserved; }) {
    if (!AreZero(&ours.reserved, 0, sizeof ours.reserved)) {
      return Fail(ErrorCode::kNotSupported,
                  "{}: its reserved words are not 0, as this module expects; start from a struct "
                  "of zeros",
                  name);
    }
  }
  return ours;
}

// Whether text can be written there; null is where nothing is wanted.
inline Status CheckText(const switchyard_text* text, std::string_view name) {
  if (text == nullptr) return {};
  auto read = ReadStruct(text, name, SWITCHYARD_THROUGH(switchyard_text, length));
  if (!read) return std::unexpected(std::move(read).error());
  if (read->data == nullptr && read->capacity > 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "{}: no data, expected {} bytes as capacity says; point it at a buffer", name,
                read->capacity);
  }
  return {};
}

}  // namespace switchyard
