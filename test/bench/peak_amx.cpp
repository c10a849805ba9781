#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/bench/peak_loops.h"

namespace switchyard::bench {
namespace {

// As LDTILECFG reads it: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfiguration {
  unsigned char palette = 1, start_row = 0;
  unsigned char reserved[14] = {};
  unsigned short row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  unsigned char rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

void ZeroTiles() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
}

}  // namespace

bool BeginAmx() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0) return false;
  const TileConfiguration configuration;
  _tile_loadconfig(&configuration);
  return true;
}

void EndAmx() { _tile_release(); }

void PeakAmxInt8(size_t iterations) {
  ZeroTiles();
  for (size_t i = 0; i < iterations; ++i) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
}

void PeakAmxBf16(size_t iterations) {
  ZeroTiles();
  for (size_t i = 0; i < iterations; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
}

}  // namespace switchyard::bench
