// A shared library that uses KleidiAI beside XNNPACK, as libswitchyard_executorch.so does.
#pragma once

#include <cstddef>

namespace switchyard::test {

// kai_get_m_step_lhs_quant_pack_qai8dxp_f32(4), as the library calls it.
__attribute__((visibility("default"))) size_t MStepOfTheLibrarysKleidiai();

}  // namespace switchyard::test
