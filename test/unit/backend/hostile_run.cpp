#include "test/unit/backend/hostile_run.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <format>
#include <optional>
#include <vector>

#include "backend/plan/decompose.h"
#include "backend/plan/shapes.h"
#include "backend/switchyard_backend.h"
#include "backend/xnnpack/stock_step.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "test/support/graph_builder.h"
#include "test/support/guarded_tensor.h"
#include "test/support/mutate.h"
#include "test/support/payloads.h"
#include "test/support/random_numbers.h"

namespace switchyard::test {
namespace {

constexpr int64_t kMaxWorkspaceBytes = int64_t{64} << 20;
constexpr size_t kMaxArgumentBytes = size_t{4} << 20;  // of one argument
constexpr unsigned kMaxSeconds = 300;                  // for one payload, on any machine

// Of outputs, too, memory is read beyond the end: a softmax computes in place.
std::optional<GuardedTensor> MakeTensor(ElementType type, const Dims& dims) {
  return GuardedTensor::Create(type, dims,
                               {.slack_bytes = OverReadBytes(), .max_bytes = kMaxArgumentBytes});
}

// Of a file no error is our own fault: it tells what to do about the file.
void ExpectRefusal(const Error& error) {
  EXPECT_FALSE(error.message.empty());
  EXPECT_NE(error.code, ErrorCode::kInternal) << error.ToString();
}

// One execute with these shapes of the inputs. Nothing when there is no memory for its arguments.
std::optional<Status> Execute(BlobRunner& runner, const Graph& graph, std::span<const Dims> inputs,
                              uint64_t seed) {
  const auto shapes = InferShapes(graph, inputs);
  std::vector<GuardedTensor> tensors(graph.num_externals);
  for (const Value& value : graph.values) {
    if (!value.external_id) continue;
    const uint32_t id = *value.external_id;
    const ElementType type = *ExternalElementType(value.type);
    // Outputs begin with what the payload claims, as far as that is possible.
    auto tensor = MakeTensor(type, value.is_external_input ? inputs[id] : value.dims);
    if (!tensor && value.is_external_output) {
      tensor = MakeTensor(type, Dims(std::vector<size_t>(value.dims.rank(), 1)));
    }
    if (!tensor) return std::nullopt;
    if (value.is_external_input) FillNumbers(tensor->bytes(), type, seed + id, /*special=*/true);
    tensors[id] = *std::move(tensor);
  }
  std::vector<TensorView> views;
  for (GuardedTensor& tensor : tensors) views.push_back(tensor.View());

  const Status status = runner.Run(std::span(views));
  if (!status) {
    ExpectRefusal(status.error());
    return status;
  }
  EXPECT_TRUE(shapes) << "ran with shapes that do not fit: " << shapes.error().ToString();
  for (ValueIndex i = 0; shapes && i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (!value.external_id) continue;
    const uint32_t id = *value.external_id;
    EXPECT_TRUE(tensors[id].BordersAreIntact()) << Describe(value) << ": written outside of it";
    EXPECT_TRUE(
        std::ranges::equal(std::span(views[id].sizes).first(views[id].rank), (*shapes)[i].span()))
        << Describe(value) << ": has other sizes than " << ToString((*shapes)[i]);
  }
  return status;
}

}  // namespace

std::string_view Name(HostileOutcome outcome) {
  constexpr std::string_view kNames[kNumHostileOutcomes] = {
      "refused at the door", "refused at load", "too large", "refused at execute", "ran"};
  return kNames[static_cast<size_t>(outcome)];
}

HostileOutcome RunHostile(std::span<const std::byte> payload, const NamedDataMap* named_data,
                          uint64_t seed) {
  auto graph = ReadPayload(payload, named_data);
  if (!graph) {
    ExpectRefusal(graph.error());
    return HostileOutcome::kRefusedAtDoor;
  }
  DecomposeGraph(*graph);
  InitContext context;
  context.named_data = named_data;
  context.load_options["max_workspace_bytes"] = kMaxWorkspaceBytes;
  auto runner = BlobRunner::Load(SwitchyardBackend(), payload, context);
  if (!runner) {
    ExpectRefusal(runner.error());
    return HostileOutcome::kRefusedAtLoad;
  }
  const std::vector<Dims> bounds = InputBounds(*graph);
  std::vector<Dims> smaller = bounds, beyond = bounds;
  for (Dims& dims : smaller) {
    if (dims.rank() > 0 && dims[0] > 1) dims[0] = dims[0] > 64 ? 1 : dims[0] - 1;
  }
  const std::optional<Status> at_bounds = Execute(*runner, *graph, bounds, seed);
  const std::optional<Status> below = Execute(*runner, *graph, smaller, seed);
  for (Dims& dims : beyond) {
    if (dims.rank() > 0) ++dims[dims.rank() - 1];
  }
  if (beyond != bounds) {
    const std::optional<Status> above = Execute(*runner, *graph, beyond, seed);
    EXPECT_FALSE(above && *above) << "ran beyond its bounds";
  }
  if (!at_bounds && !below) return HostileOutcome::kTooLarge;
  if ((at_bounds && !*at_bounds) || (below && !*below)) return HostileOutcome::kRefusedAtExecute;
  return HostileOutcome::kRan;
}

// --- Mutants ------------------------------------------------------------------------------------

HostileTally::Counts HostileTally::Total() const {
  Counts total{};
  for (const Counts& counts : outcomes) {
    total.all += counts.all;
    total.structural += counts.structural;
  }
  return total;
}

std::string HostileTally::ToString() const {
  std::string text;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    text +=
        std::format("{:20} {:6} mutants, {:6} of them structural\n",
                    Name(static_cast<HostileOutcome>(i)), outcomes[i].all, outcomes[i].structural);
  }
  return text;
}

void RunMutants(std::string_view name, const Graph& graph, uint64_t seed, size_t count,
                HostileTally& tally) {
  CrashReporter reporter;
  Mutator mutator(graph, seed);
  for (size_t i = 0; i < count; ++i) {
    const Mutant mutant = mutator.Next();
    const std::string what = std::format("{}, seed {}, {}", name, seed, mutant.description);
    reporter.Running(what);
    SCOPED_TRACE(what);
    const NamedDataViews named_data = NamedDataOf(mutant.payload);
    const HostileOutcome outcome = RunHostile(mutant.payload.bytes, &named_data, seed + i);
    HostileTally::Counts& counts = tally.outcomes[static_cast<size_t>(outcome)];
    ++counts.all;
    counts.structural += mutant.structural;
    if (testing::Test::HasFailure()) return;
  }
}

// --- What to print at a crash -------------------------------------------------------------------

namespace {

constexpr std::array kSignals = {SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
std::array<struct sigaction, kSignals.size()> previous_actions;
// Only what a signal handler may touch.
char running[1024];
size_t running_size = 0;

// The previous action does the rest: it gets the signal again when this returns.
void PrintRunning(int signal) {
  constexpr std::string_view kPrefix = "\nwhile running: ";
  for (const std::string_view part :
       {kPrefix, std::string_view(running, running_size), std::string_view("\n")}) {
    if (write(STDERR_FILENO, part.data(), part.size()) < 0) break;
  }
  for (size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &previous_actions[i], nullptr);
  if (signal == SIGALRM) raise(SIGALRM);
}

}  // namespace

CrashReporter::CrashReporter() {
  struct sigaction action{};
  action.sa_handler = PrintRunning;
  for (size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &action, &previous_actions[i]);
}

CrashReporter::~CrashReporter() {
  alarm(0);
  for (size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &previous_actions[i], nullptr);
}

void CrashReporter::Running(std::string_view what) {
  running_size = std::min(what.size(), sizeof running);
  std::memcpy(running, what.data(), running_size);
  alarm(kMaxSeconds);
}

}  // namespace switchyard::test
