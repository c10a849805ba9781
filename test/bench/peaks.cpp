#include "test/bench/peaks.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <vector>

#include "runtime/tensor.h"
#include "test/bench/peak_loops.h"

namespace switchyard::bench {
namespace {

using enum CpuFeature;

#if defined(__x86_64__)
constexpr PeakLoop kLoops[] = {
    {"fma256", FeatureBits({kAvx2}), 12 * 8, &PeakFma256},
    {"maddwd256", FeatureBits({kAvx2}), 12 * 16, &PeakMaddwd256},
    {"maddubs256", FeatureBits({kAvx2}), 12 * 32, &PeakMaddubs256},
    {"fma512", FeatureBits({kAvx512}), 24 * 16, &PeakFma512},
    {"fmaf16", FeatureBits({kAvx512Fp16}), 24 * 32, &PeakFmaF16},
    {"vnni512", FeatureBits({kAvx512Vnni}), 24 * 64, &PeakVnni512},
    {"amxint8", FeatureBits({kAmxInt8}), 4 * 16 * 16 * 64, &PeakAmxInt8, &BeginAmx, &EndAmx},
    {"amxbf16", FeatureBits({kAmxBf16}), 4 * 16 * 16 * 32, &PeakAmxBf16, &BeginAmx, &EndAmx},
};
#elif defined(__aarch64__)
constexpr PeakLoop kLoops[] = {
    {"fma", FeatureBits({kNeon}), 24 * 4, &PeakNeonFma},
    {"fmaf16", FeatureBits({kNeonFp16}), 24 * 8, &PeakNeonFmaF16},
    {"sdot", FeatureBits({kDotProd}), 24 * 16, &PeakNeonDot},
    {"smmla", FeatureBits({kI8mm}), 24 * 32, &PeakNeonI8mm},
    {"sme_fmopa", FeatureBits({kSme}), 4, &PeakSmeFma, nullptr, nullptr, true},
    {"sme_fmopa_f16", FeatureBits({kSme}), 4 * 2, &PeakSmeFmaF16, nullptr, nullptr, true},
    {"sme_smopa", FeatureBits({kSme}), 4 * 4, &PeakSmeInt8, nullptr, nullptr, true},
};
#else
constexpr std::span<const PeakLoop> kLoops;
#endif

// Which loop goes with which kernels; none with those of plain C++.
struct PeakRow {
  std::string_view tier;
  Variant variant;
  std::string_view loop;
};
constexpr PeakRow kPeaks[] = {
    {"avx2", Variant::kPf32, "fma256"},           {"avx2", Variant::kPf16, "fma256"},
    {"avx2", Variant::kQp8F32Qc8w, "maddwd256"},  {"avx2", Variant::kPqs8Qc8w, "maddwd256"},
    {"avx2", Variant::kQp8F32Qb4w, "maddubs256"}, {"avx512", Variant::kPf32, "fma512"},
    {"avx512", Variant::kPf16, "fma512"},         {"avx512", Variant::kQp8F32Qc8w, "vnni512"},
    {"avx512", Variant::kPqs8Qc8w, "vnni512"},    {"avx512", Variant::kQp8F32Qb4w, "vnni512"},
    {"amx", Variant::kPf16, "amxbf16"},           {"amx", Variant::kQp8F32Qc8w, "amxint8"},
    {"amx", Variant::kPqs8Qc8w, "amxint8"},       {"amx", Variant::kQp8F32Qb4w, "amxint8"},
    {"dotprod", Variant::kPf32, "fma"},           {"dotprod", Variant::kPf16, "fmaf16"},
    {"dotprod", Variant::kQp8F32Qc8w, "sdot"},    {"dotprod", Variant::kPqs8Qc8w, "sdot"},
    {"dotprod", Variant::kQp8F32Qb4w, "sdot"},    {"i8mm", Variant::kPf32, "fma"},
    {"i8mm", Variant::kPf16, "fmaf16"},           {"i8mm", Variant::kQp8F32Qc8w, "smmla"},
    {"i8mm", Variant::kPqs8Qc8w, "smmla"},        {"i8mm", Variant::kQp8F32Qb4w, "smmla"},
    {"sme", Variant::kPf32, "sme_fmopa"},         {"sme", Variant::kPf16, "sme_fmopa_f16"},
    {"sme", Variant::kQp8F32Qc8w, "sme_smopa"},   {"sme", Variant::kPqs8Qc8w, "sme_smopa"},
    {"sme", Variant::kQp8F32Qb4w, "sme_smopa"},   {"sme2", Variant::kPf32, "sme_fmopa"},
    {"sme2", Variant::kPf16, "sme_fmopa_f16"},    {"sme2", Variant::kQp8F32Qc8w, "sme_smopa"},
    {"sme2", Variant::kPqs8Qc8w, "sme_smopa"},    {"sme2", Variant::kQp8F32Qb4w, "sme_smopa"},
};

// Keeps the best rate of a benchmark's repetitions, and prints nothing.
class BestRate final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto rate = run.counters.find("items_per_second");
      if (run.run_type == Run::RT_Iteration && rate != run.counters.end()) {
        best = std::max(best, static_cast<double>(rate->second));
      }
    }
  }
  double best = 0;
};

// Items a second of all threads together.
template <typename Function>
double MeasureRate(Function function, size_t threads, double seconds) {
  constexpr int kRepetitions = 2;
  benchmark::RegisterBenchmark("rate", function)
      ->Threads(static_cast<int>(threads))
      ->UseRealTime()
      ->MinTime(seconds)
      ->Repetitions(kRepetitions);
  BestRate reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter, "rate");
  benchmark::ClearRegisteredBenchmarks();
  return reporter.best;
}

void Read(const void* data, size_t bytes) {
#if defined(__x86_64__)
  if (HostCpuFeatures().Has(kAvx2)) return Read256(data, bytes);
#endif
  ReadPlain(data, bytes);
}

}  // namespace

void ReadPlain(const void* data, size_t bytes) {
  const auto* words = static_cast<const uint64_t*>(data);
  uint64_t sums[8] = {};
  for (size_t i = 0; i < bytes / sizeof(uint64_t); i += std::size(sums)) {
    for (size_t j = 0; j < std::size(sums); ++j) sums[j] ^= words[i + j];
  }
  for (uint64_t& sum : sums) benchmark::DoNotOptimize(sum);
}

std::span<const PeakLoop> PeakLoops() { return kLoops; }

const PeakLoop* PeakOf(std::string_view tier, Variant variant) {
  const auto row = std::ranges::find_if(
      kPeaks, [&](const PeakRow& peak) { return peak.tier == tier && peak.variant == variant; });
  if (row == std::end(kPeaks)) return nullptr;
  const std::span<const PeakLoop> loops = PeakLoops();
  const auto loop = std::ranges::find(loops, row->loop, &PeakLoop::name);
  return loop == loops.end() ? nullptr : &*loop;
}

std::optional<double> Peaks::OperationsPerSecond(const PeakLoop& loop, size_t threads) {
  if (!HostCpuFeatures().Missing(loop.required).IsEmpty()) return std::nullopt;
  constexpr size_t kBatch = 256;
  const double vl = HostCpuFeatures().streaming_vector_bits / 32.0;
  const double macs = loop.macs * (loop.is_scalable ? vl * vl : 1);
  const double rate = MeasureRate(
      [&](benchmark::State& state) {
        if (loop.begin != nullptr && !loop.begin()) return state.SkipWithError("no such state");
        for (auto _ : state) loop.run(kBatch);
        if (loop.end != nullptr) loop.end();
        state.SetItemsProcessed(static_cast<int64_t>(2 * macs * kBatch) * state.iterations());
      },
      threads, seconds_);
  if (rate == 0) return std::nullopt;
  double& best = operations_[{&loop, threads}];
  return best = std::max(best, rate);
}

double Peaks::ReadBytesPerSecond(size_t bytes, size_t threads) {
  constexpr size_t kGranule = 512;
  const size_t part = std::max<size_t>(bytes / threads / kGranule, 1) * kGranule;
  OwnedTensor data(ElementType::kInt8, std::vector{part * threads});
  const double rate = MeasureRate(
      [&](benchmark::State& state) {
        const auto* begin = data.data<int8_t>() + part * static_cast<size_t>(state.thread_index());
        for (auto _ : state) Read(begin, part);
        state.SetItemsProcessed(static_cast<int64_t>(part) * state.iterations());
      },
      threads, seconds_);
  double& best = reads_[{part, threads}];
  return best = std::max(best, rate);
}

}  // namespace switchyard::bench
