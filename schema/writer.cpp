#include "schema/writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/checked_math.h"
#include "schema/graph_check.h"
#include "schema/payload_writer.h"

namespace switchyard {

namespace payload_writer {

Result<uint32_t> ConstantPool::Add(std::span<const std::byte> bytes, const std::string& key,
                                   std::string_view user) {
  const bool named = options_.constants == ConstantStorage::kNamed && !key.empty();
  const auto [at, is_new] =
      known_.try_emplace({bytes.data(), bytes.size(), named ? key : std::string()},
                         static_cast<uint32_t>(known_.size() + 1));
  if (!is_new) return at->second;
  if (options_.constants == ConstantStorage::kInline) {
    builder_.ForceVectorAlignment(bytes.size(), 1, kConstantAlignment);
    const auto storage =
        builder_.CreateVector(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    buffers_.push_back(payload_fb::CreateBuffer(builder_, storage));
    return at->second;
  }
  if (named) {
    const auto [data, is_new_key] =
        payload_.named_data.try_emplace(key, bytes.begin(), bytes.end());
    if (!is_new_key && !std::ranges::equal(data->second, bytes)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "{}: key '{}' stands for {} bytes, but another constant gives it to {} different "
                  "ones; give each constant a key of its own",
                  user, key, bytes.size(), data->second.size());
    }
    entries_.push_back(payload_fb::CreateConstantDataOffset(
        builder_, std::numeric_limits<uint64_t>::max(), bytes.size(), builder_.CreateString(key)));
    return at->second;
  }
  if (!options_.header) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "{}: has no key, and without a header there is no constant region for its {} bytes; "
        "write it with the header or with inline constants and scales",
        user, bytes.size());
  }
  region_.resize(CeilDivide(region_.size(), kConstantAlignment) * kConstantAlignment);
  entries_.push_back(payload_fb::CreateConstantDataOffset(builder_, region_.size(), bytes.size()));
  region_.insert(region_.end(), bytes.begin(), bytes.end());
  return at->second;
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<payload_fb::Buffer>>>
ConstantPool::Buffers() {
  if (options_.constants != ConstantStorage::kInline) return 0;
  buffers_.insert(buffers_.begin(), payload_fb::CreateBuffer(builder_));
  return builder_.CreateVector(buffers_);
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<payload_fb::ConstantDataOffset>>>
ConstantPool::Entries() {
  if (options_.constants == ConstantStorage::kInline) return 0;
  entries_.insert(entries_.begin(), payload_fb::CreateConstantDataOffset(builder_));
  return builder_.CreateVector(entries_);
}

}  // namespace payload_writer

namespace {

namespace fb = payload_fb;
using payload_writer::ConstantPool;
using payload_writer::kConstantAlignment;
using payload_writer::ValueForm;
using payload_writer::WireIds;

constexpr std::string_view kHeaderMagic = "XH00";
constexpr uint16_t kHeaderLength = 30;
constexpr size_t kPaddedHeader = 32;

Status CheckOptions(const WriterOptions& options) {
  if (options.header && options.constants == ConstantStorage::kInline) {
    return Fail(ErrorCode::kInvalidArgument,
                "writer options: header with inline constants, but readers look for these in bare "
                "payloads only; set header to false or choose offset or named constants");
  }
  if (!options.header && options.constants == ConstantStorage::kOffset) {
    return Fail(ErrorCode::kInvalidArgument,
                "writer options: no header with constants at offsets, but only a payload with a "
                "header has a constant region; choose inline or named constants");
  }
  return {};
}

// An upper bound of the flatbuffer's size. Tables are far below 256 bytes each.
bool FitsFlatbuffer(const Graph& graph, const WriterOptions& options) {
  uint64_t bytes = 4096;
  for (const Value& value : graph.values) {
    bytes += 1024;
    if (value.constant && options.constants == ConstantStorage::kInline) {
      bytes += value.constant->bytes.size();
    }
    if (const auto* q = std::get_if<PerChannelQuantization>(&value.quantization); q != nullptr) {
      bytes += q->scales.size_bytes();
    }
    if (const auto* q = std::get_if<PerGroupQuantization>(&value.quantization); q != nullptr) {
      bytes += 2 * q->scales.size_bytes();
    }
  }
  for (const Node& node : graph.nodes) {
    bytes += 1024;
    if (const auto* a = std::get_if<TransposeAttributes>(&node.attributes); a != nullptr) {
      bytes += 4 * a->permutation.size();
    } else if (const auto* r = std::get_if<ReshapeAttributes>(&node.attributes); r != nullptr) {
      bytes += 4 * r->new_shape.size();
    } else if (const auto* s = std::get_if<SliceAttributes>(&node.attributes); s != nullptr) {
      bytes += 4 * (s->offsets.size() + s->sizes.size());
    } else if (const auto* p = std::get_if<PadAttributes>(&node.attributes); p != nullptr) {
      bytes += 4 * (p->pre_paddings.size() + p->post_paddings.size());
    }
  }
  return bytes < FLATBUFFERS_MAX_BUFFER_SIZE;
}

// What the `dq_datatype` form leaves out: Converts and their results, which the input's own entry
// stands for.
struct Omitted {
  std::vector<bool> nodes, values;
  std::vector<bool> legacy_inputs;  // by value
};

// Converts of an external f32 input, read by nothing else, to one set of parameters per row.
Omitted FindLegacyConverts(const Graph& graph, bool wanted, WireIds& ids) {
  Omitted omitted{std::vector<bool>(graph.nodes.size()), std::vector<bool>(graph.values.size()),
                  std::vector<bool>(graph.values.size())};
  if (!wanted) return omitted;
  std::vector<uint32_t> readers(graph.values.size());
  for (const Node& node : graph.nodes) {
    for (const ValueIndex input : node.inputs) {
      if (input < readers.size()) ++readers[input];
    }
  }
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind != NodeKind::kConvert || node.flags != 0 || node.inputs.size() != 1 ||
        node.outputs.size() != 1 || node.inputs[0] >= graph.values.size() ||
        node.outputs[0] >= graph.values.size()) {
      continue;
    }
    const Value& input = graph.values[node.inputs[0]];
    const Value& output = graph.values[node.outputs[0]];
    const auto* q = std::get_if<PerTokenQuantization>(&output.quantization);
    if (input.type != DataType::kF32 || !input.is_external_input || input.is_external_output ||
        readers[node.inputs[0]] != 1 || output.type != DataType::kQDInt8 || q == nullptr ||
        q->num_nonbatch_dims != 1 || !(input.dims == output.dims)) {
      continue;
    }
    omitted.nodes[i] = true;
    omitted.values[node.outputs[0]] = true;
    omitted.legacy_inputs[node.inputs[0]] = true;
    ids.Replace(node.inputs[0], ids[node.outputs[0]]);
  }
  return omitted;
}

// Header, flatbuffer and constant region in one.
std::vector<std::byte> Assemble(const flatbuffers::FlatBufferBuilder& builder,
                                std::span<const std::byte> region, bool header) {
  const auto flatbuffer = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  if (!header) return {flatbuffer.begin(), flatbuffer.end()};
  const size_t constant_offset =
      kPaddedHeader + CeilDivide(flatbuffer.size(), kConstantAlignment) * kConstantAlignment;
  std::vector<std::byte> bytes(constant_offset + region.size());
  const auto put = [&bytes](size_t offset, auto number) {
    flatbuffers::WriteScalar(bytes.data() + offset, number);
  };
  std::memcpy(bytes.data() + 4, kHeaderMagic.data(), kHeaderMagic.size());
  put(8, kHeaderLength);
  put(10, static_cast<uint32_t>(kPaddedHeader));
  put(14, static_cast<uint32_t>(flatbuffer.size()));
  put(18, static_cast<uint32_t>(constant_offset));
  put(22, static_cast<uint64_t>(region.size()));
  std::ranges::copy(flatbuffer, bytes.begin() + kPaddedHeader);
  std::ranges::copy(region, bytes.begin() + static_cast<ptrdiff_t>(constant_offset));
  return bytes;
}

}  // namespace

Result<Payload> detail::WritePayloadUnchecked(const Graph& graph, const WriterOptions& options) {
  SWITCHYARD_TRY(CheckOptions(options));
  if (!FitsFlatbuffer(graph, options)) {
    return Fail(ErrorCode::kInvalidArgument,
                "graph with {} values and {} nodes: its flatbuffer would pass 2 GB; keep constants "
                "and scales outside it (header, offset or named constants)",
                graph.values.size(), graph.nodes.size());
  }
  Payload payload;
  flatbuffers::FlatBufferBuilder builder;
  ConstantPool constants(builder, options, payload);
  WireIds ids(graph);
  const Omitted omitted = FindLegacyConverts(graph, options.legacy_dynamic_quantization, ids);

  std::vector<flatbuffers::Offset<fb::Value>> values;
  std::vector<uint32_t> input_ids, output_ids;
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    if (omitted.values[i]) continue;
    const Value& value = graph.values[i];
    const ValueForm form{ids[i], omitted.legacy_inputs[i]};
    SWITCHYARD_ASSIGN(const auto written,
                      payload_writer::WriteValue(builder, value, form, options, constants));
    values.push_back(written);
    if (value.is_external_input) input_ids.push_back(form.id);
    if (value.is_external_output) output_ids.push_back(form.id);
  }
  std::vector<flatbuffers::Offset<fb::Node>> nodes;
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    if (omitted.nodes[i]) continue;
    nodes.push_back(payload_writer::WriteNode(builder, graph.nodes[i], ids));
  }
  const auto version = builder.CreateString("0");
  const auto nodes_at = builder.CreateVector(nodes);
  const auto values_at = builder.CreateVector(values);
  const auto inputs_at = builder.CreateVector(input_ids);
  const auto outputs_at = builder.CreateVector(output_ids);
  const auto buffers_at = constants.Buffers();
  const auto entries_at = constants.Entries();
  builder.Finish(fb::CreateGraph(builder, version, nodes_at, values_at, graph.num_externals,
                                 inputs_at, outputs_at, buffers_at, 0, entries_at),
                 options.legacy_identifier ? "XN00" : "XN01");
  payload.bytes = Assemble(builder, constants.region(), options.header);
  return payload;
}

Result<Payload> WritePayload(const Graph& graph, const WriterOptions& options) {
  if (const Status status = CheckGraph(graph); !status) {
    return Fail(ErrorCode::kInvalidArgument, "the graph cannot be written: {}",
                status.error().message);
  }
  return detail::WritePayloadUnchecked(graph, options);
}

}  // namespace switchyard
