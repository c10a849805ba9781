// AMX without AMX: tiles of plain C++, so that the way they are used can be tested on any CPU, and
// under every sanitizer.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/amx/amx.h"
#include "kernels/amx/int8_strip.h"

namespace switchyard::amx::model {
namespace {

class Tiles {
 public:
  explicit Tiles(std::byte* scratch) : state_(*reinterpret_cast<State*>(scratch)) {}

  void Configure(size_t first_rows, size_t second_rows) {
    const size_t rows[kTiles] = {first_rows, first_rows,  second_rows, second_rows,
                                 first_rows, second_rows, kTileRows,   kTileRows};
    std::copy_n(rows, kTiles, state_.rows);
  }
  template <int t>
  void Zero() {
    std::memset(state_.bytes[t], 0, sizeof(state_.bytes[t]));
  }
  template <int t>
  void Load(const std::byte* from, size_t stride) {
    Zero<t>();
    for (size_t i = 0; i < state_.rows[t]; ++i) {
      std::memcpy(state_.bytes[t] + i * kTileDepth, from + i * stride, kTileDepth);
    }
  }
  template <int c, int a, int b>
  void Multiply() {
    for (size_t i = 0; i < state_.rows[c]; ++i) {
      for (size_t j = 0; j < kPanelColumns; ++j) {
        uint32_t sum;
        std::byte* const at = state_.bytes[c] + (i * kPanelColumns + j) * sizeof(sum);
        std::memcpy(&sum, at, sizeof(sum));
        for (size_t k = 0; k < kTileDepth; ++k) {
          const auto x = static_cast<uint8_t>(state_.bytes[a][i * kTileDepth + k]);
          const auto w = static_cast<int8_t>(state_.bytes[b][k / 4 * kTileDepth + j * 4 + k % 4]);
          sum += static_cast<uint32_t>(x * w);
        }
        std::memcpy(at, &sum, sizeof(sum));
      }
    }
  }
  template <int t>
  void Store(int32_t* sums) {
    std::memcpy(sums, state_.bytes[t], state_.rows[t] * kTileDepth);
  }
  void Release() { std::fill_n(state_.rows, kTiles, 0); }

 private:
  static constexpr size_t kTiles = 8;
  struct State {
    std::byte bytes[kTiles][kTileRows * kTileDepth];
    size_t rows[kTiles];
  };
  static_assert(sizeof(Stored) + sizeof(State) <= kTaskBytes);

  State& state_;
};

// uint8 elements are so much more than their values.
constexpr int32_t kU8Offset = 128;

int32_t IntegerAt(const std::byte* header, size_t column) {
  return reinterpret_cast<const int32_t*>(header)[column];
}
float FloatAt(const std::byte* header, size_t column) {
  return reinterpret_cast<const float*>(header)[column];
}
constexpr size_t kColumnHeader = kPanelColumns * 4;

struct Qc8w {
  static constexpr size_t kHeaderBytes = 3 * kColumnHeader;

  static void StoreRows(const int32_t* sums, size_t rows, const std::byte* panel,
                        const IntegerStrip& strip, size_t row0, size_t n0) {
    for (size_t i = 0; i < rows; ++i) {
      const auto& quantized = *reinterpret_cast<const x86::QuantizedRow*>(
          strip.rows + (row0 + i) * strip.row_bytes + strip.depth);
      auto* const out = reinterpret_cast<float*>(strip.out + (row0 + i) * strip.out_stride) + n0;
      for (size_t j = 0; j < std::min(kPanelColumns, strip.n - n0); ++j) {
        const auto excess = static_cast<uint32_t>(quantized.negative_zero_point - kU8Offset);
        const auto sum = static_cast<int32_t>(static_cast<uint32_t>(sums[i * kPanelColumns + j]) +
                                              excess * static_cast<uint32_t>(IntegerAt(panel, j)));
        const float scale = quantized.scale * FloatAt(panel + kColumnHeader, j);
        const float y = static_cast<float>(sum) * scale + FloatAt(panel + 2 * kColumnHeader, j);
        out[j] = std::min(std::max(y, strip.min), strip.max);
      }
    }
  }
};

struct Pqs8 {
  static constexpr size_t kHeaderBytes = 2 * kColumnHeader;

  static void StoreRows(const int32_t* sums, size_t rows, const std::byte* panel,
                        const IntegerStrip& strip, size_t row0, size_t n0) {
    for (size_t i = 0; i < rows; ++i) {
      std::byte* const out = strip.out + (row0 + i) * strip.out_stride + n0;
      for (size_t j = 0; j < std::min(kPanelColumns, strip.n - n0); ++j) {
        const auto sum = static_cast<int32_t>(static_cast<uint32_t>(sums[i * kPanelColumns + j]) +
                                              static_cast<uint32_t>(IntegerAt(panel, j)));
        const float scaled = static_cast<float>(sum) * FloatAt(panel + kColumnHeader, j);
        const float rounded = std::nearbyint(std::clamp(scaled, strip.min, strip.max));
        out[j] = static_cast<std::byte>(static_cast<int32_t>(rounded) + strip.zero_point);
      }
    }
  }
};

}  // namespace

void MultiplyQc8w(const IntegerStrip& strip) { MultiplyStrip<Tiles, Qc8w>(strip); }
void MultiplyPqs8(const IntegerStrip& strip) { MultiplyStrip<Tiles, Pqs8>(strip); }
void BeginTask(std::byte* scratch) { BeginStored(scratch); }
void EndTask(std::byte* scratch) { ReleaseTiles<Tiles>(scratch); }

}  // namespace switchyard::amx::model
