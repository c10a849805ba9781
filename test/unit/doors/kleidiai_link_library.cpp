#include "test/unit/doors/kleidiai_link_library.h"

#include <kai/ukernels/matmul/pack/kai_lhs_quant_pack_qai8dxp_f32.h>
#include <xnnpack.h>

namespace switchyard::test {

size_t MStepOfTheLibrarysKleidiai() {
  // So that the library needs XNNPACK.
  if (xnn_initialize(nullptr) != xnn_status_success) return 0;
  return kai_get_m_step_lhs_quant_pack_qai8dxp_f32(4);
}

}  // namespace switchyard::test
