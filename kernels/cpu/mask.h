// CPUs as text, for options, the environment and `explain --cpu`.
//
//   mask  = word { "," word } [ ":svl=" bits ]
//   word  = "host" | "stock" | tier | feature | "-" feature
//
// Words apply from left to right. "stock" adds nothing, a tier (kernels/cpu/tiers.inc) the features
// of such a CPU. A feature (CpuFeatureTable) brings those it builds on; taking one away takes
// those that build on it. A mask that starts with a "-" starts from the host. With SME the
// streaming vector length is svl, else the host's, else 512.
#pragma once

#include <string_view>

#include "kernels/cpu/features.h"
#include "runtime/base/api.h"
#include "runtime/base/error.h"

namespace switchyard {

// The CPU that `text` describes, which need not exist: what `explain` answers for. Cache sizes are
// the host's if it is named. InvalidArgument, naming the word and the allowed ones.
SWITCHYARD_API Result<CpuFeatures> ParseCpu(std::string_view text, const CpuFeatures& host);

// A CPU under a mask. The mask limits our rows only: stock XNNPACK detects the CPU by itself.
struct MaskedCpu {
  MaskedCpu(const CpuFeatures& cpu) : host(cpu), allowed(cpu) {}  // no mask
  MaskedCpu(const CpuFeatures& cpu, const CpuFeatures& left) : host(cpu), allowed(left) {}

  CpuFeatures host;     // what XNNPACK uses
  CpuFeatures allowed;  // what our rows may use
};

// What is left of `host`: features can only be taken away, and the vector length is the hardware's.
// InvalidArgument as above, and for a vector length.
SWITCHYARD_API Result<CpuFeatures> MaskCpu(std::string_view text, const CpuFeatures& host);

}  // namespace switchyard
