// The options of the weight cache on real models: what is shared, what is mapped from a file, and
// that no answer changes. Where the CPU has no packed row for a model there is nothing to share or
// to save, and everything else must hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backend/switchyard_backend.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

using testing::HasSubstr;

// Of each variant and operator; constants inside the payload and beside it.
constexpr const char* kModels[] = {"fc.fp32",
                                   "fc.fp16",
                                   "fc.qd8",
                                   "fc.qb4w_32",
                                   "fc.qs8",
                                   "conv.fp32.3x3",
                                   "conv.qs8.3x3",
                                   "conv.fp16.grouped",
                                   "bmm.fp32.constant",
                                   "qkv.qd8",
                                   "digits_mlp_qp8_f32_qc8w"};

class RecordingLogger final : public Logger {
 public:
  void Log(LogLevel level, std::string_view message) override {
    std::lock_guard lock(mutex_);
    if (level >= LogLevel::kWarning) warnings_ += std::string(message) + "\n";
  }
  std::string Warnings() {
    std::lock_guard lock(mutex_);
    return warnings_;
  }

 private:
  std::mutex mutex_;
  std::string warnings_;
};

// One loaded model.
struct Loaded {
  std::vector<BlobRunner> runners;
  std::vector<std::byte> outputs;  // of all
  uint64_t bytes = 0, shared = 0, mapped = 0;
};

// The parameter: option force_kernel.
class WeightCache : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              std::format("weight_cache_{}_{}", getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->line());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    path_ = (folder_ / "weights").string();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Loaded Load(const test::Model& model, std::map<std::string, OptionValue> options,
                     Logger& logger = NullLogger()) {
    options.emplace("force_kernel", GetParam());
    Loaded loaded;
    for (const test::ModelPayload& payload : model.payloads) {
      InitContext context;
      context.services.logger = &logger;
      context.named_data = model.named_data.get();
      context.load_options = options;
      auto runner = BlobRunner::Load(SwitchyardBackend(), payload.bytes, context);
      const auto graph = ReadPayload(payload.bytes, model.named_data.get());
      if (!runner || !graph) {
        ADD_FAILURE() << payload.name;
        continue;
      }
      const RouteReport& report = LoadedReport(*runner->handle());
      loaded.bytes += report.packed_weight_bytes;
      loaded.shared += report.shared_packed_weight_bytes;
      loaded.mapped += report.mapped_packed_weight_bytes;
      Run(*runner, *graph, loaded.outputs);
      loaded.runners.push_back(*std::move(runner));
    }
    EXPECT_FALSE(loaded.outputs.empty());
    return loaded;
  }
  Loaded LoadWithPath(const test::Model& model, Logger& logger = NullLogger()) const {
    return Load(model, {{"packed_cache_path", path_}}, logger);
  }
  static Status Save() { return SwitchyardBackend().SetOption("save_weight_cache_on_disk", true); }

  std::filesystem::path folder_;
  std::string path_;

 private:
  static void Run(BlobRunner& runner, const Graph& graph, std::vector<std::byte>& outputs) {
    std::vector<OwnedTensor> tensors(graph.num_externals);
    for (const Value& value : graph.values) {
      if (!value.external_id) continue;
      OwnedTensor tensor(*ExternalElementType(value.type), value.dims.span());
      // Small numbers of either sign, whatever the type.
      const std::span<std::byte> bytes = tensor.bytes();
      for (size_t i = 0; i < bytes.size(); ++i) {
        const size_t element = value.type == DataType::kF32   ? 4
                               : value.type == DataType::kF16 ? 2
                                                              : 1;
        const bool is_top = i % element == element - 1;
        bytes[i] = static_cast<std::byte>(is_top && element > 1 ? 0x3C + i / element % 2 * 0x80
                                                                : i * 37 % 101);
      }
      tensors[*value.external_id] = std::move(tensor);
    }
    const Status status = runner.Run(tensors);
    ASSERT_TRUE(status) << status.error().ToString();
    for (const Value& value : graph.values) {
      if (!value.is_external_output) continue;
      const auto bytes = tensors[*value.external_id].bytes();
      outputs.insert(outputs.end(), bytes.begin(), bytes.end());
    }
  }
};

TEST_P(WeightCache, TheSecondLoadMapsWhatTheFirstHasPacked) {
  for (const char* name : kModels) {
    SCOPED_TRACE(name);
    std::filesystem::remove(path_);
    const test::Model model = test::LoadTestModel(name);
    const Loaded plain = Load(model, {{"weight_cache_enabled", false}});
    RecordingLogger logger;
    {
      const Loaded first = LoadWithPath(model, logger);
      EXPECT_EQ(first.bytes, plain.bytes);
      EXPECT_EQ(first.mapped, 0u);
      EXPECT_EQ(first.outputs, plain.outputs);
      const Status status = Save();
      ASSERT_TRUE(status) << status.error().ToString();
      EXPECT_EQ(std::filesystem::exists(path_), plain.bytes != 0);
    }
    const Loaded second = LoadWithPath(model, logger);
    EXPECT_EQ(second.mapped, plain.bytes);
    EXPECT_EQ(second.outputs, plain.outputs);
    EXPECT_EQ(logger.Warnings(), "");
  }
}

TEST_P(WeightCache, OneFileHoldsManyModels) {
  uint64_t sum = 0;
  for (const char* name : kModels) {
    const Loaded loaded = LoadWithPath(test::LoadTestModel(name));
    sum += loaded.bytes;
    ASSERT_TRUE(Save());
  }
  if (sum == 0) GTEST_SKIP() << "this CPU has no packed row for any of the models";
  for (const char* name : kModels) {
    const Loaded loaded = LoadWithPath(test::LoadTestModel(name));
    EXPECT_EQ(loaded.mapped, loaded.bytes) << name;
  }
}

TEST_P(WeightCache, DelegatesOfOnePathShare) {
  const test::Model model = test::LoadTestModel("digits_mlp_qp8_f32_qc8w");
  const Loaded first = LoadWithPath(model), second = LoadWithPath(model);
  EXPECT_EQ(first.shared, 0u);
  EXPECT_EQ(second.shared, second.bytes);
  EXPECT_EQ(second.mapped, 0u);
  const Loaded alone = Load(model, {{"packed_cache_path", path_}, {"weight_cache_enabled", false}});
  EXPECT_EQ(alone.shared, 0u);
  EXPECT_EQ(alone.bytes, first.bytes);
  EXPECT_EQ(alone.outputs, first.outputs);
}

TEST_P(WeightCache, SwitchedOffEachDelegateHasItsOwn) {
  const test::Model model = test::LoadTestModel("file.shared_weights");
  ASSERT_GT(model.payloads.size(), 1u);
  EXPECT_EQ(Load(model, {{"weight_cache_enabled", false}}).shared, 0u);
  ASSERT_TRUE(SwitchyardBackend().SetOption("weight_cache_enabled", false));
  EXPECT_EQ(Load(model, {}).shared, 0u);
  const Loaded shared = Load(model, {{"weight_cache_enabled", true}});
  EXPECT_EQ(shared.shared > 0, shared.bytes > 0);
  ASSERT_TRUE(SwitchyardBackend().SetOption("weight_cache_enabled", true));
  RecordingLogger logger;
  Load(model, {{"weight_cache_enabled", false}, {"packed_cache_path", path_}}, logger);
  EXPECT_THAT(logger.Warnings(), HasSubstr("packed_cache_path: not used"));
}

TEST_P(WeightCache, OnlyTheLoadsOwnPathCounts) {
  Backend& backend = SwitchyardBackend();
  ASSERT_TRUE(backend.SetOption("packed_cache_path", path_));
  EXPECT_EQ(*backend.GetOption("packed_cache_path"), OptionValue(path_));
  const Loaded loaded = Load(test::LoadTestModel("fc.qd8"), {});
  ASSERT_TRUE(Save());
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(backend.SetOption("packed_cache_path", std::string()));
}

TEST_P(WeightCache, SavingIsATrigger) {
  Backend& backend = SwitchyardBackend();
  EXPECT_EQ(*backend.GetOption("save_weight_cache_on_disk"), OptionValue(false));
  ASSERT_TRUE(Save());
  EXPECT_EQ(*backend.GetOption("save_weight_cache_on_disk"), OptionValue(false));
  EXPECT_EQ(backend.SetOption("save_weight_cache_on_disk", int64_t{1}).error().code,
            ErrorCode::kInvalidArgument);
  const Loaded loaded = LoadWithPath(test::LoadTestModel("fc.qd8"));
  ASSERT_TRUE(backend.SetOption("save_weight_cache_on_disk", false));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_P(WeightCache, ASaveThatFailsSaysWhatToDo) {
  path_ = (folder_ / "no such folder" / "weights").string();
  const Loaded loaded = LoadWithPath(test::LoadTestModel("fc.qd8"));
  if (loaded.bytes == 0) GTEST_SKIP() << "this CPU has no packed row for the model";
  const Status status = Save();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr(path_));
  EXPECT_THAT(status.error().message, HasSubstr("No such file or directory"));
  EXPECT_EQ(*SwitchyardBackend().GetOption("save_weight_cache_on_disk"), OptionValue(false));
}

TEST_P(WeightCache, ADamagedOrForeignFileIsIgnoredAndSaidSo) {
  const test::Model model = test::LoadTestModel("fc.qd8");
  std::vector<std::byte> outputs;
  uint64_t bytes = 0;
  {
    const Loaded loaded = LoadWithPath(model);
    ASSERT_TRUE(Save());
    outputs = loaded.outputs;
    bytes = loaded.bytes;
  }
  for (const bool is_foreign : {false, true}) {
    if (is_foreign) {
      std::ofstream(path_) << "not packed weights";
    } else if (bytes != 0) {
      std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
    } else {
      continue;
    }
    RecordingLogger logger;
    const Loaded loaded = LoadWithPath(model, logger);
    EXPECT_EQ(loaded.mapped, 0u);
    EXPECT_EQ(loaded.outputs, outputs);
    EXPECT_THAT(logger.Warnings(), HasSubstr(path_));
    EXPECT_EQ(Save().has_value(), !is_foreign || bytes == 0);
  }
}

// Weights that are damaged under an intact index: those are packed, the others mapped.
TEST_P(WeightCache, OneDamagedEntryIsPackedAnew) {
  const test::Model model = test::LoadTestModel("digits_mlp_qp8_f32_qc8w");
  std::vector<std::byte> outputs;
  {
    const Loaded loaded = LoadWithPath(model);
    if (loaded.bytes == 0) GTEST_SKIP() << "this CPU has no packed row for the model";
    ASSERT_TRUE(Save());
    outputs = loaded.outputs;
  }
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(-1, std::ios::end);
  file.put('\x55');
  file.close();
  RecordingLogger logger;
  const Loaded loaded = LoadWithPath(model, logger);
  EXPECT_GT(loaded.mapped, 0u);
  EXPECT_LT(loaded.mapped, loaded.bytes);
  EXPECT_EQ(loaded.outputs, outputs);
  EXPECT_THAT(logger.Warnings(), HasSubstr("digest"));
}

TEST_P(WeightCache, ThreadsLoadAndSaveWithOnePath) {
  const test::Model model = test::LoadTestModel("digits_mlp_qp8_f32_qc8w");
  const Loaded plain = Load(model, {{"weight_cache_enabled", false}});
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < 3; ++i) {
        const Loaded loaded = LoadWithPath(model);
        EXPECT_EQ(loaded.outputs, plain.outputs);
        EXPECT_EQ(loaded.bytes, plain.bytes);
        EXPECT_TRUE(Save());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Loaded loaded = LoadWithPath(model);
  EXPECT_EQ(loaded.mapped, plain.bytes);
}

INSTANTIATE_TEST_SUITE_P(, WeightCache, testing::Values("", "reference"), [](const auto& info) {
  return info.param.empty() ? "Chosen" : info.param;
});

}  // namespace
}  // namespace switchyard
