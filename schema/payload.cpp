#include "schema/payload.h"

#include <cstdint>

#include "schema/broken.h"
#include "schema/graph_check.h"
#include "schema/graph_order.h"
#include "schema/payload_reader.h"

namespace switchyard {
namespace {

// Enough for the deepest nesting: Graph, Value, QuantizedTensorValue, TensorValue.
constexpr uint32_t kMaxDepth = 8;
// A table and the offset that refers to it take at least this much of the flatbuffer, unless tables
// are shared, which no writer does: more tables than fit mean a file that unfolds when it is read.
constexpr size_t kMinTableBytes = 8;

// The verified root of a flatbuffer, or null.
const payload_fb::Graph* Verify(std::span<const std::byte> flatbuffer) {
  flatbuffers::Verifier::Options options;
  options.max_depth = kMaxDepth;
  options.max_tables = static_cast<uint32_t>(flatbuffer.size() / kMinTableBytes);
  const auto* data = reinterpret_cast<const uint8_t*>(flatbuffer.data());
  flatbuffers::Verifier verifier(data, flatbuffer.size(), options);
  // The layout has looked at the identifier already.
  if (!verifier.VerifyBuffer<payload_fb::Graph>(nullptr)) return nullptr;
  return flatbuffers::GetRoot<payload_fb::Graph>(data);
}

}  // namespace

Result<Graph> ReadPayload(std::span<const std::byte> payload, const NamedDataMap* named_data) {
  SWITCHYARD_ASSIGN(PayloadLayout layout, ParsePayloadLayout(payload));
  if (layout.flatbuffer.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    return Fail(ErrorCode::kDelegateInvalidCompatibility,
                "payload: the flatbuffer is {} bytes, expected less than {}; move the weights out "
                "of it, into named data",
                layout.flatbuffer.size(), FLATBUFFERS_MAX_BUFFER_SIZE);
  }
  Graph graph;
  // Its fields are read in place, and the widest needs this alignment.
  if (reinterpret_cast<uintptr_t>(layout.flatbuffer.data()) % alignof(uint64_t) != 0) {
    layout.flatbuffer =
        graph.owned_bytes.emplace_back(layout.flatbuffer.begin(), layout.flatbuffer.end());
  }
  const payload_fb::Graph* file = Verify(layout.flatbuffer);
  if (file == nullptr) {
    return Fail(ErrorCode::kDelegateInvalidCompatibility,
                "payload: the flatbuffer of {} bytes fails verification, expected a well-formed "
                "\"{}\" graph; the file is cut off or damaged, export it again",
                layout.flatbuffer.size(), layout.identifier);
  }
  if (file->xvalues() == nullptr || file->xnodes() == nullptr) {
    return Broken("payload: there is no list of {}, expected one",
                  file->xvalues() == nullptr ? "values" : "nodes");
  }
  graph.num_externals = file->num_externs();
  ConstantReader constants(layout, *file, named_data, graph);
  ValueIds ids;
  SWITCHYARD_TRY(ids.Read(*file));
  SWITCHYARD_TRY(ReadValues(*file, ids, constants, graph));
  SWITCHYARD_TRY(ReadNodes(*file, ids, graph));
  SWITCHYARD_TRY(SortNodes(graph));
  SWITCHYARD_TRY(CheckGraph(graph));
  return graph;
}

}  // namespace switchyard
