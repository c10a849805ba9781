// Loops that do nothing but one kind of multiplication, on registers, or nothing but read. Each
// file of them is compiled for its instructions (cmake/IsaFlags.cmake) and includes nothing else
// that has code, so that no inline function comes to need them.
#pragma once

#include <cstddef>

namespace switchyard::bench {

// Multiply-accumulates of one iteration follow each declaration.
#if defined(__x86_64__)
void PeakFma256(size_t iterations);      // f32: 12 x 8
void PeakMaddwd256(size_t iterations);   // int16 to int32, vpmaddwd and vpaddd: 12 x 16
void PeakMaddubs256(size_t iterations);  // uint8 x int8 to int16, vpmaddubsw and vpaddw: 12 x 32
void PeakFma512(size_t iterations);      // f32: 24 x 16
void PeakFmaF16(size_t iterations);      // f16, AVX512-FP16: 24 x 32
void PeakVnni512(size_t iterations);     // uint8 x int8 to int32, vpdpbusd: 24 x 64
void PeakAmxInt8(size_t iterations);     // 4 tiles of 16 x 16 x 64
void PeakAmxBf16(size_t iterations);     // 4 tiles of 16 x 16 x 32
// The calling thread's tiles. Errors: false where the operating system refuses them.
bool BeginAmx();
void EndAmx();
// Sums `bytes`, a multiple of 512, from a pointer aligned to 64.
void Read256(const void* data, size_t bytes);
#elif defined(__aarch64__)
void PeakNeonFma(size_t iterations);     // f32: 24 x 4
void PeakNeonFmaF16(size_t iterations);  // f16: 24 x 8
void PeakNeonDot(size_t iterations);     // int8 to int32, sdot: 24 x 16
void PeakNeonI8mm(size_t iterations);    // int8 to int32, smmla: 24 x 32
// Of SME, VL being vector bits / 32; at least one iteration.
void PeakSmeFma(size_t iterations);     // f32: 4 x VL x VL
void PeakSmeFmaF16(size_t iterations);  // f16 to f32: 4 x VL x VL x 2
void PeakSmeInt8(size_t iterations);    // int8 to int32: 4 x VL x VL x 4
#endif
void ReadPlain(const void* data, size_t bytes);

}  // namespace switchyard::bench
