#include "test/conformance/known_issues.h"

#include "test/conformance/machine.h"

namespace switchyard::conformance {
namespace {

constexpr std::string_view kOurs = "switchyard-conformance";
constexpr std::string_view kPeer = "switchyard-conformance-executorch";

constexpr std::string_view kEarlyOverflow =
    "the exponential is infinite before it has to be: of 88.7 (3.3e38) and, in f16, of 11 (59874)";
constexpr std::string_view kOddDepth =
    "with an odd number of input channels a row's range takes in the first element of the next";
// Where f16 is computed in f32 they are converted at load, and so copied.
constexpr std::string_view kLostConstants =
    "it keeps pointing at constants inside the payload, which it has given back";
// Convolutions that do not run as FullyConnected, nor as depthwise.
constexpr std::string_view kIndirectF16 =
    "conv.pf16.*:conv.f16_f32w.*:sequence.pf16.images.*:exported.f16_f32w.images"
    "-conv.*.k1x1.c*:conv.*.k1x1.random:conv.*.k1x1.exact:conv.*.k1x1.zero_*:conv.*.k1x1.one_hot:"
    "conv.*.k1x1.*tive:conv.*.k1x1.tiny_*:conv.*.k1x1.huge_*:conv.*.k1x1.largest_*:"
    "conv.*.k1x1.denormals:conv.*.k1x1.mixed_*:conv.*.batch3.k1x1.*:*.images.k1x1.*:"
    "conv.*.k3x3.c1.n1.*:conv.*.k3x3.g4.c1.n1.*:*.refused.*";

constexpr KnownIssue kTable[] = {
    {kOurs, "sqrt.f32.infinity", "amd64", Outcome::kFailNumeric,
     "stock: the AVX and AVX-512 square roots are products with an estimate of the reciprocal one, "
     "and infinity times 0 is no number"},
    // What lies behind a single row need not change its range.
    {kPeer, "fc.qp8_f32_qc4w.odd_k.m1.*", "", Outcome::kFailNumeric, kOddDepth,
     /*may_pass=*/true},
    {kPeer, "fc.qp8_f32_qc4w.odd_k.*", "", Outcome::kFailNumeric, kOddDepth},
    {kPeer, "fc.qp8_f32_qc4w.one_k.*", "", Outcome::kCrash,
     "a segmentation fault: int4 weights with one input channel"},
    {kPeer, "conv.qp8_f32_qc8w.k1x1.*", "", Outcome::kFailNumeric,
     "a pointwise convolution runs as FullyConnected, quantized by pixel; the payload says by "
     "image"},
    {kPeer, "bmm.*.clamp.*", "", Outcome::kFailNumeric,
     "the output range of a matrix product is ignored"},
    {kPeer, "sqrt.f32.infinity", "avx512", Outcome::kFailNumeric,
     "the AVX-512 square root is a product with an estimate of the reciprocal one, and infinity "
     "times 0 is no number"},
    {kPeer, "exp.f32.overflow", "", Outcome::kFailNumeric, kEarlyOverflow},
    {kPeer, "exp.f16.overflow", "amd64 avx512fp16", Outcome::kFailNumeric, kEarlyOverflow},
    {kPeer, "exp.f16.overflow", "arm64 fp16", Outcome::kFailNumeric, kEarlyOverflow},
    {kPeer, "*.constant_in_payload-*.f16.*", "", Outcome::kFailNumeric, kLostConstants},
    {kPeer, "*.f16.constant_in_payload", "amd64", Outcome::kFailNumeric, kLostConstants},
    {kPeer, "*.f16.constant_in_payload", "arm64 fp16", Outcome::kFailNumeric, kLostConstants},
    {kPeer, "softmax.bf16.*:max_pool.bf16.*:avg_pool.bf16.*:global_avg_pool.bf16.*:resize.bf16.*",
     "", Outcome::kFailStatus, "there are no such operators of bf16"},
    {kPeer, "attention.*-*.refused", "", Outcome::kNotSupported,
     "the node is one of ExecuTorch 0.2 and 0.3; newer ones know it no more"},
    {kPeer, "conv.*.zero_batch.*:max_pool.f32.zero_batch:avg_pool.f32.zero_batch", "", std::nullopt,
     "the output of no images gets sizes that nobody has written"},
    {kPeer, "bmm.*.empty.*", "", Outcome::kFailStatus, "empty matrices are refused"},
    {kPeer, "argmax_pool.f32.same:argmax_pool.f32.padded:argmax_pool.f32.16x1.same", "",
     Outcome::kFailNumeric,
     "padding repeats the pixels at the edge, and the places are those of the copies"},
    {kPeer, "argmax_pool.f16.*", "", Outcome::kFailStatus, "argmax pooling is of f32 only"},
    {kPeer, "slice.f32.beyond_the_end", "", Outcome::kFailStatus,
     "it runs a slice that reaches beyond its input"},
    {kPeer, "fc.qp8_f16_qb4w.*", "sme", Outcome::kFailStatus,
     "loading fails with \"unsupported hardware\" where there is SME"},
    {kPeer, "*.bf16.*:convert.f32_bf16-transpose.*:reshape.*:slice.*:pad.*:concat*:copy.*",
     "arm64 sve !bf16", Outcome::kCrash,
     "the CPU model of the emulator says that SVE has bf16 instructions where NEON has none: its "
     "detection takes the one for the other, and they are illegal"},
    {kPeer, kIndirectF16, "sme svl128", Outcome::kFailNumeric,
     "NaN or garbage from the f16 convolution for SME when vectors have 128 bits"},
};

bool MatchesPattern(std::string_view name, std::string_view pattern) {
  size_t n = 0, p = 0, star = std::string_view::npos, retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == name[n] && pattern[p] != '*'))) {
      ++n;
      ++p;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool MatchesAny(std::string_view name, std::string_view patterns) {
  while (true) {
    const size_t colon = patterns.find(':');
    if (MatchesPattern(name, patterns.substr(0, colon))) return true;
    if (colon == std::string_view::npos) return false;
    patterns.remove_prefix(colon + 1);
  }
}

}  // namespace

const KnownIssue* FindKnownIssue(std::string_view program, std::string_view case_name) {
  for (const KnownIssue& issue : kTable) {
    if (issue.program == program && MatchesFilter(case_name, issue.cases) &&
        MachineMatches(issue.machine)) {
      return &issue;
    }
  }
  return nullptr;
}

bool MatchesFilter(std::string_view name, std::string_view filter) {
  const size_t minus = filter.find('-');
  const std::string_view wanted = filter.substr(0, minus);
  if (minus != std::string_view::npos && MatchesAny(name, filter.substr(minus + 1))) return false;
  return wanted.empty() || MatchesAny(name, wanted);
}

}  // namespace switchyard::conformance
