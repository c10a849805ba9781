// What the CPU is, as far as known issues depend on it. The suite asks the operating system itself:
// it must not take a backend's word.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace switchyard::conformance {

// Names such as "arm64", "fp16", "dotprod", "i8mm", "sve", "sme", "sme2", "svl128", and "amd64",
// "avx2", "avx512", "avx512fp16", "amx".
std::set<std::string, std::less<>> MachineFeatures();

// "arm64 dotprod fp16 i8mm", sorted
std::string MachineName();

// True if the machine has every name of `wanted`, separated by spaces, and none of those that start
// with '!'. An empty text is true.
bool MachineMatches(std::string_view wanted);

}  // namespace switchyard::conformance
