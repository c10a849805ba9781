// Cases of one node: what goes in, what comes out, and the node between them.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "test/conformance/cases.h"

namespace switchyard::conformance {

// The types of activations, by the names that cases have: qint8 and quint8 with the quantization
// that goes with the name.
struct ElementKind {
  std::string_view name;  // "f32"
  DataType type;
  Quantization quantization;
};
inline const ElementKind kF32{"f32", DataType::kF32, {}};
inline const ElementKind kF16{"f16", DataType::kF16, {}};
inline const ElementKind kBF16{"bf16", DataType::kBF16, {}};
inline const ElementKind kInt32{"int32", DataType::kInt32, {}};
// A scale that no float operation divides by without rounding, and one that it does.
inline const ElementKind kQS8{"qs8", DataType::kQInt8, PerTensorQuantization{0.037f, -11}};
inline const ElementKind kQU8{"qu8", DataType::kQUInt8, PerTensorQuantization{0.037f, 117}};
inline const ElementKind kQS8Exact{"qs8", DataType::kQInt8, PerTensorQuantization{0.0625f, 3}};
ElementKind WithQuantization(const ElementKind& kind, float scale, int32_t zero_point);

// What an input's numbers are.
struct Numbers {
  enum class Form : uint8_t {
    kReals,     // even between low and high
    kIntegers,  // the same, whole
    kListed,    // the list, over and over
    kDistinct,  // whole, no two in a row of 1021 the same, from low up, in random order
  };
  Form form = Form::kReals;
  double low = -4, high = 4;
  std::vector<float> list = {};

  static Numbers Reals(double low, double high) { return {Form::kReals, low, high}; }
  static Numbers Integers(double low, double high) { return {Form::kIntegers, low, high}; }
  static Numbers Listed(std::vector<float> list) { return {Form::kListed, 0, 0, std::move(list)}; }
  static Numbers Distinct(double low) { return {Form::kDistinct, low, 0}; }
};

// Where an operand that is no input of the graph has its bytes.
enum class Constant : uint8_t {
  kNo,
  kNamed,      // outside of the payload, as exporters write it today
  kInPayload,  // which goes once it is loaded
};

struct InputSpec {
  ElementKind kind;
  Dims dims;  // declared, and those of the first run
  Numbers numbers = {};
  Constant constant = Constant::kNo;
  std::vector<Dims> more_runs = {};  // dims of further executes, each at most the declared
};
struct OutputSpec {
  ElementKind kind;
  Dims dims;
};

struct OneNode {
  NodeKind kind;
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  Attributes attributes = {};
  uint32_t flags = 0;
  float min = -std::numeric_limits<float>::infinity();
  float max = std::numeric_limits<float>::infinity();
};

struct Expect {
  bool must_pass = false;
  Data data = Data::kRounded;
  bool refused = false;
};
inline constexpr Expect kMustPass{.must_pass = true};
inline constexpr Expect kBitwise{.data = Data::kBitwise};
inline constexpr Expect kMustPassBitwise{.must_pass = true, .data = Data::kBitwise};

// Dims as part of a case's name: "2x3x5", "scalar".
std::string DimsName(const Dims& dims);

void AddOneNode(Cases& cases, std::string name, OneNode node, Expect expect = {});

}  // namespace switchyard::conformance
