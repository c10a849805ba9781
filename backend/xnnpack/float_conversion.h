// Conversions between f32 and the 16-bit float types, where XNNPACK's subgraphs have none.
#pragma once

#include <cstddef>

#include "runtime/aligned_buffer.h"
#include "runtime/base/data_type.h"
#include "runtime/base/error.h"
#include "runtime/host_services.h"

namespace switchyard {

// Writes `count` elements of `type` (f32, f16 or bf16; `source` at any alignment) as f32.
void WidenToF32(DataType type, const void* source, size_t count, float* destination);

// Rounds `count` elements to `type` (f32, f16 or bf16), to nearest even.
void NarrowFromF32(DataType type, const float* source, size_t count, void* destination);

// A widened copy of `count` elements, with XNNPACK's over-read slack. Errors:
// MemoryAllocationFailed, naming `purpose`.
Result<AlignedBuffer> WidenedCopy(DataType type, const void* source, size_t count,
                                  Allocator& allocator, std::string_view purpose);

}  // namespace switchyard
