// How many SME units the machine has.
#pragma once

#include <cstddef>

namespace switchyard {

// Cores may share a unit, and more threads than units only wait for each other. Counted from what
// Linux tells of each CPU's SMIDR_EL1 (Arm Architecture Reference Manual: SH in bits 14:13,
// Affinity in bits 11:0); 0 where it does not tell.
size_t NumSmeUnits();

}  // namespace switchyard
