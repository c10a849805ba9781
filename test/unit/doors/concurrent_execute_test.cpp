// Four host threads, each with modules of its own, on ExecuTorch's one thread pool of three: each
// answer is, bit for bit, the one that a thread gives alone. The pool's thread count goes up and
// down meanwhile. SWITCHYARD_STRESS_SECONDS: how long; test/README.md says how to run it on each
// CPU.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <string>
#include <thread>
#include <vector>

#include "tools/host.h"
#include "tools/model_file.h"
#include "tools/model_folder.h"
#include "tools/npy.h"

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kHostThreads = 4;
constexpr uint32_t kPoolThreads = 3;
constexpr size_t kMaxInputBytes = size_t{16} << 10;

// Every operator with packed kernels, in every variant; dynamic images, batches and rows; what
// XNNPACK cuts up by thread.
constexpr const char* kModels[] = {
    "conv.fp32.dynamic_hw",
    "conv.fp32.batch",
    "conv.qs8.batch",
    "conv.fp16.3x3",
    "digits_cnn_pf32",
    "digits_cnn_pf16",
    "digits_cnn_pqs8_qc8w",
    "digits_mlp_qp8_f32_qc8w",
    "bmm.fp32.dynamic",
    "attention.qb4_32",
    "qkv.fp32",
    "op.avg_pool.fp32",
    "op.softmax.fp32",
    "conv.fp32.depthwise",
};

std::chrono::duration<double> Duration() {
  const char* const seconds = std::getenv("SWITCHYARD_STRESS_SECONDS");
  return std::chrono::duration<double>(seconds == nullptr ? 2 : std::atof(seconds));
}

struct Case {
  std::string method;
  std::vector<tools::MethodInput> inputs;
  std::vector<tools::Array> outputs;  // of a thread alone
};

struct Model {
  std::string name;
  std::filesystem::path program;
  std::vector<Case> cases;
};

template <typename T>
T Must(tools::Outcome<T> outcome, const std::string& what) {
  if (outcome) return *std::move(outcome);
  std::fprintf(stderr, "%s: %s\n", what.c_str(), outcome.error().message.c_str());
  std::exit(1);
}

Model Read(const std::string& name) {
  const tools::ModelFolder folder =
      Must(tools::ReadModelFolder(std::filesystem::path(SWITCHYARD_TEST_DATA) / name), name);
  Model model{.name = name, .program = folder.programs.front(), .cases = {}};
  for (const tools::ModelCase& one : folder.cases) {
    Case read{.method = one.method, .inputs = {}, .outputs = {}};
    for (size_t i = 0; i < one.dim_orders.size(); ++i) {
      const auto file = one.folder / std::format("input_{}.npy", i);
      read.inputs.push_back({Must(tools::ReadNpy(file), file), one.dim_orders[i]});
    }
    // Hundreds of digits: many small sections meet more often than few large ones.
    if (read.inputs[0].array.data.size() > kMaxInputBytes) continue;
    model.cases.push_back(std::move(read));
  }
  return model;
}

// Loads the model and runs its cases in turn, `rounds` times; `see` gets each output.
template <typename See>
void RunModel(const Model& model, int rounds, See see) {
  tools::ModelFile file = Must(tools::OpenModelFile(model.program, {}), model.name);
  tools::ProgramRunner runner = Must(tools::ProgramRunner::Load(file), model.name);
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < model.cases.size(); ++i) {
      const Case& one = model.cases[i];
      see(i, Must(runner.Run(one.method, one.inputs), model.name));
    }
  }
}

TEST(ConcurrentExecute, OwnModulesOnOnePool) {
  tools::StartHost(/*verbose=*/false);
  std::vector<Model> models;
  ASSERT_TRUE(tools::SetThreads(1));
  for (const char* name : kModels) {
    Model& model = models.emplace_back(Read(name));
    RunModel(model, 1, [&](size_t i, std::vector<tools::Array> outputs) {
      model.cases[i].outputs = std::move(outputs);
    });
  }
  ASSERT_TRUE(tools::SetThreads(kPoolThreads));

  const auto end = Clock::now() + Duration();
  std::atomic<size_t> executes = 0, wrong = 0;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kHostThreads; ++t) {
    threads.emplace_back([&, t] {
      // At least once, from another model on.
      size_t next = t * models.size() / kHostThreads;
      do {
        const Model& model = models[next++ % models.size()];
        RunModel(model, 4, [&](size_t i, const std::vector<tools::Array>& outputs) {
          ++executes;
          for (size_t o = 0; o < outputs.size(); ++o) {
            const tools::Array& expected = model.cases[i].outputs[o];
            if (outputs[o].shape == expected.shape && outputs[o].data == expected.data) continue;
            ++wrong;
            ADD_FAILURE() << model.name << " case " << i << " output " << o;
          }
        });
      } while (Clock::now() < end && wrong == 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  RecordProperty("executes", std::to_string(executes));
  std::printf("%zu executes\n", executes.load());
}

}  // namespace
}  // namespace switchyard
