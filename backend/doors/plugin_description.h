// What the plugin module says about its build.
#pragma once

#include <cstdint>
#include <string>

namespace switchyard {

// Bits of SWITCHYARD_SANITIZER_* (runtime/plugin.h): what the module is compiled with.
uint32_t PluginSanitizers();

// "switchyard 0.1.0; kernels: pf32_sme2, ...; sanitizers: none"
std::string DescribePlugin();

}  // namespace switchyard
