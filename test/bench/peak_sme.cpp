// Outer products into the four 32-bit tiles of ZA. In assembler from beginning to end: what enters
// and leaves streaming mode loses all vector registers.

#include "test/bench/peak_loops.h"

namespace switchyard::bench {

#define SWITCHYARD_PEAK_SME(outer_product, suffix)                                                 \
  asm volatile(                                                                                    \
      "smstart\n"                                                                                  \
      "ptrue p0.b\n"                                                                               \
      "1:\n" outer_product " za0.s, p0/m, p0/m, z0." suffix ", z1." suffix "\n" outer_product      \
      " za1.s, p0/m, p0/m, z0." suffix ", z2." suffix "\n" outer_product                           \
      " za2.s, p0/m, p0/m, z3." suffix ", z1." suffix "\n" outer_product                           \
      " za3.s, p0/m, p0/m, z3." suffix ", z2." suffix                                              \
      "\n"                                                                                         \
      "subs %0, %0, #1\n"                                                                          \
      "b.ne 1b\n"                                                                                  \
      "smstop\n"                                                                                   \
      : "+r"(iterations)                                                                           \
      :                                                                                            \
      : "cc", "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11",  \
        "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", \
        "v25", "v26", "v27", "v28", "v29", "v30", "v31")

void PeakSmeFma(size_t iterations) { SWITCHYARD_PEAK_SME("fmopa", "s"); }
void PeakSmeFmaF16(size_t iterations) { SWITCHYARD_PEAK_SME("fmopa", "h"); }
void PeakSmeInt8(size_t iterations) { SWITCHYARD_PEAK_SME("smopa", "b"); }

#undef SWITCHYARD_PEAK_SME

}  // namespace switchyard::bench
