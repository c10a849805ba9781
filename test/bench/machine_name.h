// What a table of times is of.
#pragma once

#include <string>

namespace switchyard::bench {

// As the operating system calls the CPU: "AMD EPYC 7763 64-Core Processor"; of Arm, where it has
// only numbers, those.
std::string MachineName();

}  // namespace switchyard::bench
