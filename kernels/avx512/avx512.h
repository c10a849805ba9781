// What is compiled for AVX-512 (F, BW, VL, DQ), the integer strips with VNNI. The caller has made
// sure that this CPU has them.
#pragma once

#include "kernels/x86/strips.h"

namespace switchyard::avx512 {

// float.cpp, int8.cpp, int4.cpp
extern const x86::FloatStripFunction kPf32[x86::kMaxStripRows], kPf16[x86::kMaxStripRows];
extern const x86::IntegerStripFunction kQc8w[x86::kMaxStripRows], kPqs8[x86::kMaxStripRows];
extern const x86::IntegerStripFunction kQb4w[x86::kMaxStripRows];
void MultiplyPf32Row(const x86::FloatStrip& strip);
void MultiplyPf16Row(const x86::FloatStrip& strip);

}  // namespace switchyard::avx512
