// What is compiled for AMX-INT8, and the same on plain C++ instead of tiles (the model), for any
// CPU. The caller of the first has made sure that this CPU has AMX and AVX-512, and that the
// operating system lets this process use tiles.
#pragma once

#include <cstddef>

#include "kernels/x86/strips.h"

namespace switchyard::amx {

// Rows of a strip: two tiles.
inline constexpr size_t kStripRows = 32;
// Scratch memory of a task: of the model the tiles, and of both where they are stored.
inline constexpr size_t kTaskBytes = 14 * 1024;

// int8.cpp
void MultiplyQc8w(const x86::IntegerStrip& strip);
void MultiplyPqs8(const x86::IntegerStrip& strip);
void BeginTask(std::byte* scratch);
void EndTask(std::byte* scratch);

// model.cpp
namespace model {
void MultiplyQc8w(const x86::IntegerStrip& strip);
void MultiplyPqs8(const x86::IntegerStrip& strip);
void BeginTask(std::byte* scratch);
void EndTask(std::byte* scratch);
}  // namespace model

}  // namespace switchyard::amx
