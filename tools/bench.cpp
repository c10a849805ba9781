#include "tools/bench.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

#include "kernels/cpu/mask.h"
#include "kernels/gemm/row.h"
#include "kernels/gemm/select.h"
#include "runtime/base/format.h"
#include "tools/bench_report.h"
#include "tools/peer_process.h"
#include "tools/profile.h"
#include "tools/progress.h"
#include "tools/run_times.h"
#include "tools/turns.h"

namespace switchyard::tools {
namespace {

constexpr size_t kMinRuns = 5, kMaxRuns = 100'000;
constexpr size_t kMaxTracedRuns = 50;
constexpr size_t kWarmLoads = 3;
constexpr size_t kStarts = 5;  // of each process
constexpr std::string_view kPackedKernels = "packed_kernels", kCpuFeatures = "cpu_features";

// The values of some options of a backend, which get back those that they had.
class OptionGuard {
 public:
  explicit OptionGuard(Backend& backend) : backend_(backend) {}
  OptionGuard(const OptionGuard&) = delete;
  OptionGuard& operator=(const OptionGuard&) = delete;
  ~OptionGuard() {
    for (const auto& [key, value] : before_) static_cast<void>(backend_.SetOption(key, value));
  }

  Outcome<void> Set(const std::string& key, const OptionValue& value) {
    Result<OptionValue> before = backend_.GetOption(key);
    if (!before) return FailWith(key, before.error());
    before_.emplace(key, *std::move(before));
    if (const Status status = backend_.SetOption(key, value); !status) {
      return Fail(ExitCode::kUsage, "{}", status.error().ToString());
    }
    return {};
  }

 private:
  Backend& backend_;
  std::map<std::string, OptionValue> before_;
};

// Every node on stock XNNPACK.
Outcome<void> SetStock(OptionGuard& guard) {
  SWITCHYARD_TRY(guard.Set(std::string(kPackedKernels), false));
  return guard.Set(kKernelOptions[0].key, std::string());
}

// Errors: Usage, where a load would say that the model cannot be loaded.
Outcome<void> CheckOption(const std::string& key, const std::string& value) {
  if (key == kCpuFeatures) {
    const Result<CpuFeatures> cpu = ParseCpu(value, HostCpuFeatures());
    if (!cpu) return Fail(ExitCode::kUsage, "--cpu {}: {}", value, cpu.error().message);
  } else if (std::ranges::none_of(KernelTable(),
                                  [&](const KernelRow& row) { return IsForced(row, value); })) {
    return Fail(ExitCode::kUsage,
                "--force-kernel {}: is no kernel and no tier that has any; `switchyard tables "
                "kernels` lists them",
                value);
  }
  return {};
}

Outcome<void> SetOptions(OptionGuard& guard, const std::map<std::string, std::string>& options) {
  for (const auto& [key, value] : options) {
    SWITCHYARD_TRY(CheckOption(key, value));
    SWITCHYARD_TRY(guard.Set(key, value));
  }
  return {};
}

// A model in this process, on the backend with its options as they are when it is loaded, or on
// stock XNNPACK.
class LocalSide final : public Side {
 public:
  LocalSide(BenchModel& model, Backend* payload_backend, bool is_stock)
      : model_(model), payload_backend_(payload_backend), is_stock_(is_stock) {}

  Outcome<uint64_t> Load() override {
    std::optional<OptionGuard> guard;
    if (is_stock_) {
      SWITCHYARD_TRY(SetStock(guard.emplace(*payload_backend_)));
    }
    SWITCHYARD_ASSIGN(BenchRunner runner, BenchRunner::Load(model_, payload_backend_));
    runner_.emplace(std::move(runner));
    return runner_->load_nanoseconds();
  }
  Outcome<uint64_t> Run(uint64_t nanoseconds) override {
    if (!runner_) return Fail(ExitCode::kUsage, "run: nothing is loaded; load it before");
    uint64_t fastest = UINT64_MAX;
    const uint64_t end = Now() + nanoseconds;
    do {
      SWITCHYARD_ASSIGN(const uint64_t run, runner_->Execute());
      fastest = std::min(fastest, run);
    } while (Now() < end);
    return fastest;
  }
  Outcome<void> Unload() override {
    runner_.reset();
    return {};
  }

 private:
  BenchModel& model_;
  Backend* const payload_backend_;
  const bool is_stock_;
  std::optional<BenchRunner> runner_;
};

SideReport ReportOf(const SideTimes& times) {
  return {.load = Median(times.loads),
          .run = Median(times.runs),
          .fastest = std::ranges::min(times.runs)};
}

// The measuring of one model, with one number of threads after the other.
class Benchmark {
 public:
  Benchmark(const BenchOptions& options, Backend& backend, BenchModel& model, Progress& progress)
      : options_(options),
        backend_(backend),
        model_(model),
        progress_(progress),
        nanoseconds_(static_cast<uint64_t>(options.seconds * 1e9)) {}

  Outcome<ThreadsReport> Measure(uint32_t threads) {
    SWITCHYARD_TRY(SetThreads(threads));
    ThreadsReport report{.threads = threads};
    ResetPeakMemory();
    SWITCHYARD_TRY(MeasureRuns(report));
    report.peak_memory = PeakMemory();
    SWITCHYARD_TRY(MeasureWarmLoad(report));
    progress_.Show("where the time goes");
    SWITCHYARD_ASSIGN(report.profile, MakeProfile());
    if (report.profile.NumPacked() > 0) SWITCHYARD_TRY(CompareWithStock(report));
    if (options_.peer) SWITCHYARD_TRY(CompareWithPeer(report));
    return report;
  }

 private:
  Outcome<void> MeasureRuns(ThreadsReport& report) {
    progress_.Show("loading and running");
    SWITCHYARD_ASSIGN(BenchRunner runner, BenchRunner::Load(model_, &backend_));
    if (!std::exchange(has_loaded_, true))
      report.cold_load = Milliseconds(runner.load_nanoseconds());
    RunTimes times;
    const uint64_t end = Now() + nanoseconds_;
    while (times.runs.size() < kMinRuns || (Now() < end && times.runs.size() < kMaxRuns)) {
      SWITCHYARD_ASSIGN(const uint64_t run, runner.Execute());
      times.runs.push_back(run);
    }
    report.times = Summarize(times);
    report.num_runs = times.runs.size();
    return {};
  }

  Outcome<void> MeasureWarmLoad(ThreadsReport& report) {
    std::vector<double> loads;
    for (size_t i = 0; i < kWarmLoads; ++i) {
      SWITCHYARD_ASSIGN(const BenchRunner runner, BenchRunner::Load(model_, &backend_));
      loads.push_back(Milliseconds(runner.load_nanoseconds()));
    }
    report.warm_load = Median(std::move(loads));
    return {};
  }

  // Of the plan that the options ask for.
  Outcome<Profile> MakeProfile() {
    Timeline timeline;
    SWITCHYARD_ASSIGN(BenchRunner runner, BenchRunner::Load(model_, &backend_, &timeline));
    SWITCHYARD_TRY(runner.Execute());
    ProfileBuilder profile;
    const uint64_t end = Now() + nanoseconds_;
    for (size_t i = 0; i < kMinRuns || (i < kMaxTracedRuns && Now() < end); ++i) {
      timeline.Clear();
      SWITCHYARD_TRY(runner.Execute());
      profile.AddRun(timeline.spans());
    }
    return profile.Finish();
  }

  Outcome<Profile> MakeStockProfile() {
    OptionGuard guard(backend_);
    SWITCHYARD_TRY(SetStock(guard));
    return MakeProfile();
  }

  Outcome<void> CompareWithStock(ThreadsReport& report) {
    progress_.Show("where the time goes in the stock plan");
    SWITCHYARD_ASSIGN(const Profile profile, MakeStockProfile());
    LocalSide packed(model_, &backend_, false), stock(model_, &backend_, true),
        stock_again(model_, &backend_, true);
    const std::array<Side*, 3> sides = {&packed, &stock, &stock_again};
    SWITCHYARD_ASSIGN(const std::vector<SideTimes> times,
                      TakeTurns(sides, Turns(), OnRound("packed and stock plan")));
    StockReport& result = report.stock.emplace();
    result.packed = ReportOf(times[0]);
    result.stock = ReportOf(times[1]);
    result.speedup = RatioOf(times[1].runs, times[0].runs);
    result.stock_again = RatioOf(times[2].runs, times[1].runs);
    result.share = ShareOfPacked(report.profile, profile, result.stock.fastest);
    return {};
  }

  // Starts one of the two processes, has it load and run once. Returns the nanoseconds from nothing
  // to there.
  Outcome<uint64_t> StartOne(const std::filesystem::path& program,
                             const std::vector<std::string>& arguments,
                             std::unique_ptr<PeerProcess>& process, uint64_t& memory) {
    const uint64_t start = Now();
    SWITCHYARD_ASSIGN(process, PeerProcess::Start(program, arguments));
    SWITCHYARD_TRY(process->Load());
    SWITCHYARD_TRY(process->Run(0));
    const uint64_t nanoseconds = Now() - start;
    SWITCHYARD_ASSIGN(memory, process->PeakMemory());
    SWITCHYARD_TRY(process->Unload());
    return nanoseconds;
  }

  Outcome<void> CompareWithPeer(ThreadsReport& report) {
    const std::filesystem::path peer_program =
        options_.peer_program.empty() ? options_.program.parent_path() / "switchyard-peer"
                                      : options_.peer_program;
    const std::vector<std::string> peer_arguments = ServeArguments(report.threads);
    std::vector<std::string> our_arguments = peer_arguments;
    for (const KernelOptionRow& row : kKernelOptions) {
      const auto option = options_.backend_options.find(row.key);
      if (option == options_.backend_options.end()) continue;
      our_arguments.insert(our_arguments.begin() + 1, {row.flag, option->second});
    }
    PeerReport& result = report.peer.emplace();
    std::unique_ptr<PeerProcess> ours, peer;
    std::vector<double> our_starts, peer_starts;
    for (size_t i = 0; i < kStarts; ++i) {
      progress_.Show(Format("starting both processes, {} of {}", i + 1, kStarts));
      for (const bool is_peer : {i % 2 == 1, i % 2 == 0}) {
        SWITCHYARD_ASSIGN(const uint64_t nanoseconds,
                          is_peer
                              ? StartOne(peer_program, peer_arguments, peer, result.peer_memory)
                              : StartOne(options_.program, our_arguments, ours, result.our_memory));
        (is_peer ? peer_starts : our_starts).push_back(static_cast<double>(nanoseconds));
      }
    }
    const std::array<Side*, 2> sides = {ours.get(), peer.get()};
    SWITCHYARD_ASSIGN(const std::vector<SideTimes> times,
                      TakeTurns(sides, Turns(), OnRound("ours and ExecuTorch's own backend")));
    result.ours = ReportOf(times[0]);
    result.peer = ReportOf(times[1]);
    result.time = RatioOf(times[0].runs, times[1].runs);
    result.our_start = Median(our_starts);
    result.peer_start = Median(peer_starts);
    result.start = RatioOf(our_starts, peer_starts);
    return {};
  }

  std::vector<std::string> ServeArguments(uint32_t threads) const {
    const BenchModelOptions& model = options_.model;
    std::vector<std::string> arguments = {"take-turns", "--threads", std::to_string(threads),
                                          "--max-memory", std::to_string(model.max_memory)};
    const auto add = [&](const char* option, const std::string& value) {
      arguments.insert(arguments.end(), {option, value});
    };
    for (const auto& data : model.data) add("--data", data.string());
    for (const auto& input : model.inputs) add("--input", input.string());
    if (model.method) add("--method", *model.method);
    if (model.model_case) add("--case", std::to_string(*model.model_case));
    add("--", model.file.string());
    return arguments;
  }

  TurnsOptions Turns() const { return {.rounds = options_.rounds, .nanoseconds = nanoseconds_}; }
  std::function<void(size_t)> OnRound(const char* what) {
    return [this, what](size_t round) {
      progress_.Show(Format("{}: round {} of {}", what, round + 1, options_.rounds));
    };
  }

  const BenchOptions& options_;
  Backend& backend_;
  BenchModel& model_;
  Progress& progress_;
  const uint64_t nanoseconds_;
  bool has_loaded_ = false;
};

}  // namespace

Outcome<ExitCode> Bench(const BenchOptions& options, Backend& backend, std::ostream& out) {
  // A range check lets it pass.
  if (std::isnan(options.seconds)) {
    return Fail(ExitCode::kUsage, "--seconds: nan, expected a number; say how long runs may take");
  }
  OptionGuard guard(backend);
  SWITCHYARD_TRY(SetOptions(guard, options.backend_options));
  SWITCHYARD_ASSIGN(BenchModel model, OpenBenchModel(options.model));
  BenchReport report{.file = options.model.file.string(),
                     .method = model.method,
                     .inputs_from = model.inputs_from,
                     .cpu = HostCpuFeatures().ToString(),
                     .rounds = options.rounds};
  for (const MethodInput& input : model.inputs) report.inputs.push_back(Describe(input.array));
  Progress progress(options.progress);
  Benchmark benchmark(options, backend, model, progress);
  if (!options.json) PrintHeader(report, out);
  std::vector<uint32_t> threads = options.threads;
  if (threads.empty()) threads.push_back(HostThreads());
  for (const uint32_t count : threads) {
    SWITCHYARD_ASSIGN(report.threads.emplace_back(), benchmark.Measure(count));
    progress.Clear();
    if (!options.json) PrintThreads(report.threads.back(), report.rounds, options.all_rows, out);
    out.flush();
  }
  if (options.json) {
    out << ToJson(report).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
        << '\n';
  }
  return ExitCode::kOk;
}

Outcome<ExitCode> ServeModel(const TakeTurnsOptions& options, Backend* payload_backend) {
  std::optional<OptionGuard> guard;
  const auto open = [&]() -> Outcome<BenchModel> {
    if (!options.backend_options.empty() && payload_backend == nullptr) {
      return Fail(ExitCode::kUsage,
                  "--force-kernel, --cpu: this backend has no such options; leave them out");
    }
    if (!options.backend_options.empty()) {
      SWITCHYARD_TRY(SetOptions(guard.emplace(*payload_backend), options.backend_options));
    }
    SWITCHYARD_TRY(SetThreads(options.threads));
    return OpenBenchModel(options.model);
  };
  Outcome<BenchModel> model = open();
  if (!model) {
    RefuseTurns(model.error(), STDOUT_FILENO);
    return std::unexpected(std::move(model).error());
  }
  LocalSide side(*model, payload_backend, /*is_stock=*/false);
  SWITCHYARD_TRY(ServeTurns(side, STDIN_FILENO, STDOUT_FILENO));
  return ExitCode::kOk;
}

}  // namespace switchyard::tools
