#include "test/bench/measure.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "backend/options.h"
#include "backend/xnnpack/remedies.h"
#include "kernels/gemm/row.h"
#include "runtime/base/format.h"
#include "runtime/base/reason.h"
#include "test/bench/clock.h"
#include "test/bench/library_peers.h"
#include "test/bench/stock.h"

namespace switchyard::bench {
namespace {

// The remedy without which the stock operator's answers are wrong; null: they are right.
const Remedy* RemedyOf(const Product& product) {
  return FindRemedy(RemedyAction::kComputeInF32, product.graph, product.node(), HostCpuFeatures());
}

// The sides of a comparison, by what they are made from.
class Sides {
 public:
  Sides(const Product& product, const Payload& payload, const LoadOptionValues& options,
        pthreadpool* pool)
      : product_(product), payload_(payload), options_(options), pool_(pool) {}

  Result<std::unique_ptr<Ours>> Our() const {
    return Ours::Make(product_, payload_, options_, pool_);
  }
  // The stock plan of our backend, with its remedies.
  Result<std::unique_ptr<Ours>> Remedied() const {
    return Ours::Make(product_, payload_, {{std::string(kOptionPackedKernels), false}}, pool_);
  }
  Result<std::unique_ptr<Stock>> StockOperator(Stock::Counts counts) const {
    return Stock::Make(product_, pool_, counts);
  }

 private:
  const Product& product_;
  const Payload& payload_;
  const LoadOptionValues& options_;
  pthreadpool* pool_;
};

// A maker of any contender.
template <typename Make>
MakeContender Maker(Make make) {
  return [make]() -> Result<std::unique_ptr<Contender>> { return make(); };
}

constexpr std::string_view kOurSide = "ours";

// Makes one, checks its answers, and returns it. `side` is whose they are.
template <typename Make>
auto Checked(std::string_view side, const Product& product, Make make) -> decltype(make()) {
  auto made = make();
  if (!made) return made;
  if (auto run = (*made)->TimedRun(); !run) return std::unexpected(std::move(run).error());
  if (Status status = CheckOutput(product, (*made)->output()); !status) {
    // Wrong answers of another side are no failure of ours; there is nothing to compare with.
    if (side != kOurSide) status.error().code = ErrorCode::kNotSupported;
    status.error().message = Format("{}: {}", side, status.error().message);
    return std::unexpected(std::move(status).error());
  }
  return made;
}

void Describe(const NodeReport& node, Measurement& result) {
  if (node.kernel) {
    const KernelReport& kernel = *node.kernel;
    result.kernel = kernel.name;
    result.mc = kernel.mc, result.nc = kernel.nc, result.kc = kernel.kc;
    result.tasks = kernel.tasks;
    const auto row = std::ranges::find(KernelTable(), kernel.name, &KernelRow::name);
    if (row != KernelTable().end()) result.tier = Name(row->tier);
  } else if (!node.rejected.empty()) {
    // The best that could run it, those of plain C++ apart.
    const auto best = std::ranges::find_if(node.rejected, [](const KernelRejection& row) {
      return row.may_be_forced && !IsPlainRow(row.name);
    });
    result.why_stock = best == node.rejected.end() ? "no row for this CPU"
                                                   : best->name + ": " + best->reason.ToString();
  } else if (!node.reasons.empty()) {
    result.why_stock = node.reasons.front().ToString();
  }
}

Result<std::optional<Ratio>> CompareProducts(Product& product, const LoadOptionValues& options,
                                             pthreadpool* pool, Effort effort) {
  SWITCHYARD_ASSIGN(const Payload twice, WriteTwice(product));
  const auto make = [&] { return Ours::Make(product, twice, options, pool, /*twice=*/true); };
  SWITCHYARD_ASSIGN(const std::unique_ptr<Ours> first, make());
  if (const Result<double> run = first->TimedRun(); !run) {
    if (run.error().code == ErrorCode::kNotSupported) return std::nullopt;
    return std::unexpected(run.error());
  }
  effort.creations = std::min<size_t>(effort.creations, 3);
  SWITCHYARD_ASSIGN(
      const Ratio ratio,
      Compare(Maker(make),
              Maker([&] { return Stock::Make(product, pool, Stock::Counts::kProduct); }), effort));
  return ratio;
}

// What no packing can be faster than: reading the weights, changing them and writing them
// elsewhere.
double TimeCopy(std::span<const std::byte> weights) {
  std::vector<std::byte> copy(weights.size());
  double fastest = INFINITY;
  for (int i = 0; i < 3; ++i) {
    const uint64_t start = Nanoseconds();
    std::ranges::transform(weights, copy.begin(), [](std::byte b) { return b ^ std::byte{0x88}; });
    fastest = std::min(fastest, SecondsSince(start));
  }
  return fastest;
}

// Idle threads spin before they sleep: pthreadpool's for a million PAUSEs, OpenBLAS's for 2^26
// cycles. Those of a side with a pool of its own are to be asleep when another's turn comes.
constexpr double kSpinSeconds = 0.06;

// `check` gives the seconds of a load.
template <typename Check>
PeerMeasurement MeasurePeer(std::string name, Check check, const MakeContender& ours,
                            const MakeContender& peer, size_t threads, Effort effort) {
  if (threads > 1 && effort.seconds > 0) effort.pause = kSpinSeconds;
  PeerMeasurement result = {.name = std::move(name)};
  const Result<double> load = check();
  if (!load) {
    result.why_not = load.error().message;
    return result;
  }
  result.load = *load;
  if (Result<Ratio> ratio = Compare(ours, peer, effort)) {
    result.ratio = *ratio;
  } else {
    result.why_not = ratio.error().message;
  }
  return result;
}

}  // namespace

bool IsPlainRow(std::string_view name) {
  const auto row = std::ranges::find(KernelTable(), name, &KernelRow::name);
  return row != KernelTable().end() && IsPlain(row->tier);
}

Result<Measurement> Measure(Product& product, const LoadOptionValues& options,
                            const Machine& machine, const Effort& effort) {
  const Shape& shape = product.shape;
  Measurement result = {.name = product.name(),
                        .variant = std::string(Name(product.variant)),
                        .shape = shape.name,
                        .m = shape.m,
                        .n = shape.n,
                        .k = shape.k,
                        .groups = shape.groups,
                        .threads = machine.threads,
                        .operations = 2 * shape.macs(),
                        .raw_bytes = product.weights().constant->bytes.size()};
  SWITCHYARD_ASSIGN(const Payload payload, WriteProduct(product));
  const Sides sides(product, payload, options, machine.pool);
  // The least that loading takes, over all creations.
  const auto noting = [](double& load, auto make) {
    return [&load, make] {
      auto made = make();
      if (made && (load == 0 || (*made)->load_seconds() < load)) load = (*made)->load_seconds();
      return made;
    };
  };
  const auto make_ours = noting(result.ours_load, [&] { return sides.Our(); });
  const auto make_stock =
      noting(result.stock_load, [&] { return sides.StockOperator(Stock::Counts::kEverything); });
  const auto make_remedied = noting(result.stock_load, [&] { return sides.Remedied(); });
  {
    SWITCHYARD_ASSIGN(const std::unique_ptr<Ours> ours, Checked(kOurSide, product, make_ours));
    Describe(ours->node(), result);
    result.packed_bytes = ours->packed_bytes();
  }
  if (const Remedy* remedy = RemedyOf(product); remedy != nullptr) {
    result.remedy = remedy->id;
    SWITCHYARD_TRY(Checked("stock with its remedy", product, make_remedied));
    SWITCHYARD_ASSIGN(result.ratio, Compare(Maker(make_ours), Maker(make_remedied), effort));
  } else {
    SWITCHYARD_TRY(Checked("stock", product, make_stock));
    SWITCHYARD_ASSIGN(result.ratio, Compare(Maker(make_ours), Maker(make_stock), effort));
  }
  result.copy = TimeCopy(product.weights().constant->bytes);
  if (product.is_dynamic() && result.is_packed()) {
    SWITCHYARD_ASSIGN(result.product_ratio,
                      CompareProducts(product, options, machine.pool, effort));
  }
  if (machine.executorch != nullptr) {
    PeerProcess& peer = *machine.executorch;
    result.peers.push_back(MeasurePeer(
        "executorch", [&] { return peer.Check(machine.threads); }, Maker(make_ours),
        [&] { return peer.Create(machine.threads); }, machine.threads, effort));
  }
  for (const LibraryPeer& peer :
       machine.libraries ? LibraryPeers() : std::span<const LibraryPeer>()) {
    const auto make = [&] { return peer.make(product, machine.threads); };
    const auto check = [&]() -> Result<double> {
      SWITCHYARD_ASSIGN(const auto made, Checked(peer.name, product, make));
      return made->load_seconds();
    };
    result.peers.push_back(MeasurePeer(std::string(peer.name), check, Maker(make_ours), Maker(make),
                                       machine.threads, effort));
  }
  const uint64_t bytes = result.packed_bytes != 0 ? result.packed_bytes : result.raw_bytes;
  result.read_bytes = machine.peaks.ReadBytesPerSecond(bytes, machine.threads);
  if (const PeakLoop* loop = PeakOf(result.tier, product.variant); loop != nullptr) {
    result.peak = loop->name;
    result.peak_operations = machine.peaks.OperationsPerSecond(*loop, machine.threads);
  }
  return result;
}

}  // namespace switchyard::bench
