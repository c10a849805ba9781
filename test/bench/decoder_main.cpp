// `decoder_bench`: tokens per second of a decoder: ours, our stock plan, ExecuTorch's own backend.
#include <pthreadpool.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/options.h"
#include "backend/switchyard_backend.h"
#include "kernels/cpu/features.h"
#include "test/bench/decoder.h"
#include "test/bench/machine_name.h"
#include "test/bench/peer_process.h"
#include "test/bench/ratio.h"

namespace switchyard::bench {
namespace {

using Method = Decoder::Method;

struct Loaded {
  double seconds = 0;
  uint64_t added_bytes = 0;   // to the process's memory at its peak
  uint64_t packed_bytes = 0;  // 0: not told
  std::string kernel = {};    // of the first product; empty: stock
};

// One that takes its turn.
class Side {
 public:
  virtual ~Side() = default;
  virtual std::string_view name() const = 0;
  virtual Result<Loaded> Load(size_t threads) = 0;
  virtual Result<double> Run(Method method) = 0;
  virtual void Unload() = 0;
};

class OurSide final : public Side {
 public:
  OurSide(std::string name, const DecoderSize& size, const DecoderPayloads& payloads,
          InitContext context)
      : name_(std::move(name)), size_(size), payloads_(payloads), context_(std::move(context)) {}
  ~OurSide() override { Unload(); }

  std::string_view name() const override { return name_; }
  Result<Loaded> Load(size_t threads) override {
    Unload();
    pool_ = threads > 1 ? pthreadpool_create(threads) : nullptr;
    context_.services.thread_pool = pool_;
    const PeakMemory memory;
    backend_ = MakeSwitchyardBackend();
    SWITCHYARD_ASSIGN(decoder_, Decoder::Load(*backend_, context_, size_, payloads_));
    for (const Method method : {Method::kPrefill, Method::kDecode}) {
      SWITCHYARD_TRY(decoder_->Run(method));
    }
    Loaded loaded = {.seconds = decoder_->load_seconds(), .added_bytes = memory.Added()};
    const RouteReport& prefill = LoadedReport(decoder_->handle(Method::kPrefill));
    const RouteReport& decode = LoadedReport(decoder_->handle(Method::kDecode));
    loaded.packed_bytes = prefill.packed_weight_bytes + decode.packed_weight_bytes -
                          decode.shared_packed_weight_bytes;
    for (const NodeReport& node : prefill.nodes) {
      if (node.is_judged && node.kernel && loaded.kernel.empty()) loaded.kernel = node.kernel->name;
    }
    return loaded;
  }
  Result<double> Run(Method method) override { return decoder_->Run(method); }
  void Unload() override {
    decoder_.reset();
    backend_.reset();
    if (pool_ != nullptr) pthreadpool_destroy(std::exchange(pool_, nullptr));
  }

 private:
  const std::string name_;
  const DecoderSize& size_;
  const DecoderPayloads& payloads_;
  InitContext context_;
  pthreadpool_t pool_ = nullptr;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Decoder> decoder_;
};

class PeerSide final : public Side {
 public:
  explicit PeerSide(std::unique_ptr<PeerProcess> process) : process_(std::move(process)) {}

  std::string_view name() const override { return "executorch"; }
  Result<Loaded> Load(size_t threads) override {
    SWITCHYARD_ASSIGN(const std::string answer, process_->Ask(std::format("load {}", threads)));
    char* rest = nullptr;
    Loaded loaded = {.seconds = std::strtod(answer.c_str(), &rest)};
    loaded.added_bytes = std::strtoull(rest, nullptr, 10);
    return loaded;
  }
  Result<double> Run(Method method) override {
    SWITCHYARD_ASSIGN(const std::string answer,
                      process_->Ask(method == Method::kPrefill ? "prefill" : "decode"));
    return std::strtod(answer.c_str(), nullptr);
  }
  void Unload() override { (void)process_->Ask("unload"); }

 private:
  const std::unique_ptr<PeerProcess> process_;
};

struct Arguments {
  std::vector<size_t> threads = {1};
  std::string force;
  size_t creations = 5, runs = 10;
  bool peer = false, quick = false, small = false;
  std::filesystem::path report;
};

// What one side took, over all creations.
struct Times {
  std::vector<double> load, prefill, decode;
  Loaded last;
};

Result<double> Fastest(Side& side, Method method, size_t runs) {
  SWITCHYARD_ASSIGN(double fastest, side.Run(method));
  for (size_t i = 1; i < runs; ++i) {
    SWITCHYARD_ASSIGN(const double seconds, side.Run(method));
    fastest = std::min(fastest, seconds);
  }
  return fastest;
}

// The sides in turns: all are loaded anew, then each runs, in an order that alternates.
Result<std::vector<Times>> MeasureSides(const std::vector<std::unique_ptr<Side>>& sides,
                                        size_t threads, const Arguments& arguments) {
  std::vector<Times> times(sides.size());
  for (size_t round = 0; round < arguments.creations; ++round) {
    for (size_t i = 0; i < sides.size(); ++i) {
      const size_t at = round % 2 == 0 ? i : sides.size() - 1 - i;
      Side& side = *sides[at];
      SWITCHYARD_ASSIGN(times[at].last, side.Load(threads));
      times[at].load.push_back(times[at].last.seconds);
      SWITCHYARD_ASSIGN(const double prefill,
                        Fastest(side, Method::kPrefill, arguments.runs / 3 + 1));
      SWITCHYARD_ASSIGN(const double decode, Fastest(side, Method::kDecode, arguments.runs));
      times[at].prefill.push_back(prefill);
      times[at].decode.push_back(decode);
      side.Unload();
    }
  }
  return times;
}

// Of a side's time over ours, round by round: above 1 ours is faster.
double RatioTo(const std::vector<double>& side, const std::vector<double>& ours) {
  std::vector<double> ratios;
  for (size_t i = 0; i < side.size(); ++i) ratios.push_back(side[i] / ours[i]);
  return Median(std::move(ratios));
}

Status RunAll(const Arguments& arguments) {
  DecoderSize size;
  if (arguments.small) {
    size = {.layers = 2,
            .width = 64,
            .heads = 4,
            .key_value_heads = 2,
            .head_width = 16,
            .feed_forward = 128,
            .prompt = 8};
  }
  SWITCHYARD_ASSIGN(const DecoderPayloads payloads, WriteDecoder(size));
  InitContext ours, stock;
  if (!arguments.force.empty())
    ours.load_options[std::string(kOptionForceKernel)] = arguments.force;
  stock.load_options[std::string(kOptionPackedKernels)] = false;
  std::vector<std::unique_ptr<Side>> sides;
  sides.push_back(std::make_unique<OurSide>("switchyard", size, payloads, ours));
  sides.push_back(std::make_unique<OurSide>("stock plan", size, payloads, stock));
  if (arguments.peer) {
    SWITCHYARD_ASSIGN(auto process, PeerProcess::Start(PeerProcess::Program()));
    SWITCHYARD_TRY(process->Ask(std::format("decoder {} {} {} {} {} {} {}", size.layers, size.width,
                                            size.heads, size.key_value_heads, size.head_width,
                                            size.feed_forward, size.prompt)));
    sides.push_back(std::make_unique<PeerSide>(std::move(process)));
  }
  std::cout << std::format(
      "{} layers, {} wide, {} heads of {} with {} of keys and values, {} in the feed-forward; int4 "
      "in blocks of 32, {:.1f} MB of weights; prefill of {} rows\n",
      size.layers, size.width, size.heads, size.head_width, size.key_value_heads, size.feed_forward,
      static_cast<double>(payloads.weight_bytes) * 1e-6, size.prompt);
  std::cout << std::format(
      "{:7}  {:12}{:24}{:>8}{:>9}{:>9}{:>11}{:>11}{:>7}{:>11}{:>9}{:>7}{:>7}\n", "threads", "side",
      "kernel", "load ms", "peak MB", "pack MB", "prefill ms", "tokens/s", "ratio", "decode ms",
      "tokens/s", "GB/s", "ratio");
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const size_t threads : arguments.threads) {
    SWITCHYARD_ASSIGN(const std::vector<Times> times, MeasureSides(sides, threads, arguments));
    for (size_t i = 0; i < sides.size(); ++i) {
      const Times& t = times[i];
      const double prefill = Median(t.prefill), decode = Median(t.decode), load = Median(t.load);
      const double prefill_ratio = RatioTo(t.prefill, times[0].prefill);
      const double decode_ratio = RatioTo(t.decode, times[0].decode);
      const auto bytes = static_cast<double>(t.last.packed_bytes != 0 ? t.last.packed_bytes
                                                                      : payloads.weight_bytes);
      std::cout
          << std::format(
                 "{:<7}  {:12}{:24}{:8.1f}{:9.1f}{:9.1f}{:11.2f}{:11.0f}{:7.2f}{:11.2f}{:9.1f}"
                 "{:7.1f}{:7.2f}",
                 threads, sides[i]->name(), t.last.kernel.empty() ? "stock" : t.last.kernel,
                 load * 1e3, static_cast<double>(t.last.added_bytes) * 1e-6,
                 static_cast<double>(t.last.packed_bytes) * 1e-6, prefill * 1e3,
                 static_cast<double>(size.prompt) / prefill, prefill_ratio, decode * 1e3,
                 1 / decode, bytes / decode * 1e-9, decode_ratio)
          << std::endl;
      rows.push_back({{"side", sides[i]->name()},
                      {"threads", threads},
                      {"kernel", t.last.kernel},
                      {"load_ms", load * 1e3},
                      {"peak_bytes", t.last.added_bytes},
                      {"packed_bytes", t.last.packed_bytes},
                      {"prefill_ms", prefill * 1e3},
                      {"prefill_ratio", prefill_ratio},
                      {"decode_ms", decode * 1e3},
                      {"decode_ratio", decode_ratio}});
    }
  }
  if (arguments.report.empty()) return {};
  std::ofstream file(arguments.report);
  file << nlohmann::ordered_json{{"machine", MachineName()},
                                 {"cpu_features", HostCpuFeatures().ToString()},
                                 {"weight_bytes", payloads.weight_bytes},
                                 {"prompt", size.prompt},
                                 {"decoder", std::move(rows)}}
              .dump(1)
       << std::endl;
  if (file) return {};
  return Fail(ErrorCode::kAccessFailed, "{}: cannot be written; name another file",
              arguments.report.string());
}

}  // namespace
}  // namespace switchyard::bench

int main(int argc, char** argv) {
  switchyard::bench::Arguments arguments;
  CLI::App app("Times four layers of a decoder with int4 weights: a prefill, and single rows");
  app.add_option("--threads", arguments.threads, "Numbers of threads, such as 1,2")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("--force", arguments.force, "Row or tier of the kernel table that is to run");
  app.add_option("--creations", arguments.creations, "Loads of each side")
      ->check(CLI::Range(1, 100));
  app.add_flag("--peer", arguments.peer, "Also ExecuTorch's own backend");
  app.add_flag("--small", arguments.small, "A tiny decoder");
  app.add_flag("--quick", arguments.quick, "One load, one run: whether it works");
  app.add_option("--report", arguments.report, "A .json file to write");
  CLI11_PARSE(app, argc, argv);
  if (arguments.quick) arguments.creations = arguments.runs = 1;
  if (const switchyard::Status status = switchyard::bench::RunAll(arguments); !status) {
    std::cerr << "decoder_bench: " << status.error().message << '\n';
    return 1;
  }
  return 0;
}
