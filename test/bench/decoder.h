// A decoder of the kind that people run, as payloads, and what one of them takes on a backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/backend.h"
#include "runtime/base/error.h"
#include "runtime/blob_runner.h"
#include "runtime/tensor.h"
#include "schema/graph.h"
#include "schema/writer.h"

namespace switchyard::bench {

// Four layers of a decoder with a billion parameters.
struct DecoderSize {
  size_t layers = 4;
  size_t width = 2048;
  size_t heads = 32, key_value_heads = 8, head_width = 64;
  size_t feed_forward = 8192;
  size_t prompt = 128;  // rows of a prefill; a decoding step has one
};

// As exporters delegate it: [rows, width] through `layers` of attention and feed-forward, with
// their residuals; every product is of rows that are quantized dynamically and int4 weights in
// blocks of 32, which are named and follow from their names. The normalizations are multiplications
// by their gain, since the mean of the squares stays outside of payloads; of attention there is
// what needs no state: each row attends to the rows of the same call, without mask or positions.
Graph MakeDecoder(const DecoderSize& size, size_t rows);

// Its two methods: the same weights for many rows and for one.
struct DecoderPayloads {
  Payload prefill, decode;
  uint64_t weight_bytes = 0;  // of one copy, with their scales
};
Result<DecoderPayloads> WriteDecoder(const DecoderSize& size);

// Both methods, loaded by one backend, as a host does that has both.
class Decoder {
 public:
  // `backend` must outlive it; so must the payloads where constants are read in place.
  static Result<std::unique_ptr<Decoder>> Load(Backend& backend, const InitContext& context,
                                               const DecoderSize& size,
                                               const DecoderPayloads& payloads);

  enum class Method : uint8_t { kPrefill, kDecode };
  // The seconds of one execute.
  Result<double> Run(Method method);

  const OwnedTensor& input(Method method) const { return methods_[size_t(method)].arguments[0]; }
  const OwnedTensor& output(Method method) const { return methods_[size_t(method)].arguments[1]; }
  DelegateHandle& handle(Method method) { return *methods_[size_t(method)].runner.handle(); }
  double load_seconds() const { return load_seconds_; }

 private:
  struct Loaded {
    BlobRunner runner;
    std::vector<OwnedTensor> arguments;
    std::vector<TensorView> views;
  };
  static Result<Loaded> LoadMethod(Backend& backend, InitContext context, const Payload& payload,
                                   size_t rows, size_t width);

  std::vector<Loaded> methods_;
  double load_seconds_ = 0;
};

// What a process needs beside what it had: watches its resident memory from construction on.
class PeakMemory {
 public:
  PeakMemory();
  // Bytes; 0 where the system does not tell.
  uint64_t Added() const;

 private:
  uint64_t before_ = 0;
};

}  // namespace switchyard::bench
