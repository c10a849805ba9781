// qc8w and pqs8 by the tiles of AMX-INT8, their outputs by AVX-512.

#include "kernels/amx/amx.h"
#include "kernels/amx/int8_strip.h"
#include "kernels/avx512/int8_outputs.h"

namespace switchyard::amx {
namespace {

class Tiles {
 public:
  explicit Tiles(std::byte* /*scratch*/) {}

  void Configure(size_t first_rows, size_t second_rows) {
    // The 64 bytes of LDTILECFG: palette 1; bytes of a row of each tile; rows of each tile.
    struct {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } configuration;
    static_assert(sizeof(configuration) == 64);
    const size_t rows[8] = {first_rows, first_rows,  second_rows, second_rows,
                            first_rows, second_rows, kTileRows,   kTileRows};
    for (int t = 0; t < 8; ++t) {
      configuration.row_bytes[t] = kTileDepth;
      configuration.rows[t] = static_cast<uint8_t>(rows[t]);
    }
    _tile_loadconfig(&configuration);
  }
  template <int t>
  void Zero();
  template <int t>
  void Load(const std::byte* from, size_t stride);
  template <int t>
  void Store(int32_t* sums);
  template <int c, int a, int b>
  void Multiply();
  void Release() { _tile_release(); }
};

// Some compilers take a tile's number as a literal only.
#define SWITCHYARD_TILE(t)                                           \
  template <>                                                        \
  inline void Tiles::Zero<t>() {                                     \
    _tile_zero(t);                                                   \
  }                                                                  \
  template <>                                                        \
  inline void Tiles::Load<t>(const std::byte* from, size_t stride) { \
    _tile_loadd(t, from, stride);                                    \
  }                                                                  \
  template <>                                                        \
  inline void Tiles::Store<t>(int32_t* sums) {                       \
    _tile_stored(t, sums, kPanelColumns * sizeof(int32_t));          \
  }
#define SWITCHYARD_PRODUCT(c, a, b)        \
  template <>                              \
  inline void Tiles::Multiply<c, a, b>() { \
    _tile_dpbusd(c, a, b);                 \
  }
SWITCHYARD_TILE(0)
SWITCHYARD_TILE(1)
SWITCHYARD_TILE(2)
SWITCHYARD_TILE(3)
SWITCHYARD_TILE(4)
SWITCHYARD_TILE(5)
SWITCHYARD_TILE(6)
SWITCHYARD_TILE(7)
SWITCHYARD_PRODUCT(0, 4, 6)
SWITCHYARD_PRODUCT(1, 4, 7)
SWITCHYARD_PRODUCT(2, 4, 6)
SWITCHYARD_PRODUCT(3, 4, 7)
SWITCHYARD_PRODUCT(2, 5, 6)
SWITCHYARD_PRODUCT(3, 5, 7)
#undef SWITCHYARD_TILE
#undef SWITCHYARD_PRODUCT

template <typename Variant>
struct Outputs {
  static constexpr size_t kHeaderBytes = Variant::kHeaderBytes;

  static void StoreRows(const int32_t* sums, size_t rows, const std::byte* panel,
                        const IntegerStrip& strip, size_t row0, size_t n0) {
    const __mmask16 columns = avx512::FirstColumns(0, strip.n - n0);
    for (size_t i = 0; i < rows; ++i) {
      const std::byte* const row = strip.rows + (row0 + i) * strip.row_bytes;
      const x86::QuantizedRow quantized = Variant::RowOf(row, strip.depth);
      const __m512i sum = _mm512_add_epi32(_mm512_loadu_si512(sums + i * kPanelColumns),
                                           Variant::Start(panel, quantized));
      std::byte* const out = strip.out + (row0 + i) * strip.out_stride + n0 * Variant::kOutputBytes;
      Variant::Store(sum, panel, quantized, strip, out, columns);
    }
  }
};

}  // namespace

void MultiplyQc8w(const IntegerStrip& strip) { MultiplyStrip<Tiles, Outputs<avx512::Qc8w>>(strip); }
void MultiplyPqs8(const IntegerStrip& strip) { MultiplyStrip<Tiles, Outputs<avx512::Pqs8>>(strip); }
void BeginTask(std::byte* scratch) { BeginStored(scratch); }
void EndTask(std::byte* scratch) { ReleaseTiles<Tiles>(scratch); }

}  // namespace switchyard::amx
