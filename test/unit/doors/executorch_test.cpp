// ExecuTorch's own runtime on our backend: real programs through Module, and delegates called the
// way the runtime calls them.

#include <executorch/extension/data_loader/buffer_data_loader.h>
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <executorch/extension/threadpool/threadpool_guard.h>
#include <executorch/runtime/backend/backend_options_map.h>
#include <executorch/runtime/backend/interface.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "test/support/test_data.h"
#include "test/unit/doors/recording_host.h"
#include "tools/npy.h"

namespace switchyard {
namespace {

namespace et = executorch::runtime;
namespace ext = executorch::extension;
using executorch::aten::ScalarType;
using executorch::aten::TensorShapeDynamism;
using ext::TensorPtr;
using tools::Array;

const char* const kBackend = "XnnpackBackend";
const std::filesystem::path kData = SWITCHYARD_TEST_DATA;

// A case of a model folder whose arrays are all f32.
struct Case {
  std::vector<Array> inputs, expected;
};

std::vector<Array> ReadArrays(const std::filesystem::path& folder, const char* stem) {
  std::vector<Array> arrays;
  for (int i = 0;; ++i) {
    const auto path = folder / std::format("{}_{}.npy", stem, i);
    if (!std::filesystem::exists(path)) return arrays;
    auto array = tools::ReadNpy(path);
    EXPECT_TRUE(array) << array.error().message;
    if (!array) return arrays;
    arrays.push_back(*std::move(array));
  }
}

Case ReadCase(const std::string& model, int number) {
  const auto folder = kData / model / std::format("case{}", number);
  Case result{ReadArrays(folder, "input"), ReadArrays(folder, "expected")};
  EXPECT_FALSE(result.inputs.empty()) << folder;
  EXPECT_FALSE(result.expected.empty()) << folder;
  return result;
}

TensorPtr TensorOf(Array& array, TensorShapeDynamism dynamism = TensorShapeDynamism::STATIC) {
  EXPECT_EQ(array.type, tools::ArrayType::kF32);
  return ext::make_tensor_ptr(
      std::vector<int32_t>(array.shape.begin(), array.shape.end()), array.data.data(),
      ScalarType::Float, executorch::aten::Device(executorch::aten::DeviceType::CPU), dynamism);
}

// The tolerances of the fp32 models in test/data, rounded up.
void ExpectNear(const executorch::aten::Tensor& got, const Array& expected) {
  ASSERT_EQ(std::vector<size_t>(got.sizes().begin(), got.sizes().end()), expected.shape);
  const float* data = got.const_data_ptr<float>();
  for (size_t i = 0; i < expected.NumNumbers(); ++i) {
    const double tolerance = 3e-4 + 1e-4 * std::abs(expected.At(i));
    ASSERT_NEAR(data[i], expected.At(i), tolerance) << "element " << i;
  }
}

void RunCase(ext::Module& module, Case data, const std::string& method = "forward") {
  std::vector<TensorPtr> tensors;
  std::vector<et::EValue> values;
  for (Array& input : data.inputs) {
    tensors.push_back(TensorOf(input));
    values.emplace_back(tensors.back());
  }
  const auto outputs = module.execute(method, values);
  ASSERT_TRUE(outputs.ok()) << et::to_string(outputs.error()) << "\n"
                            << test::RecordingHost::Get().Errors();
  ASSERT_EQ(outputs->size(), data.expected.size());
  for (size_t i = 0; i < outputs->size(); ++i) {
    ExpectNear((*outputs)[i].toTensor(), data.expected[i]);
  }
}

std::string ModelPath(const std::string& model) { return kData / model / "model.pte"; }

class Executorch : public testing::Test {
 protected:
  test::RecordingHost& host_ = test::RecordingHost::Start();
};

TEST_F(Executorch, BackendIsRegisteredOnceAndAvailable) {
  et::BackendInterface* backend = et::get_backend_class(kBackend);
  ASSERT_NE(backend, nullptr);
  EXPECT_TRUE(backend->is_available());
  int count = 0;
  for (size_t i = 0; i < et::get_num_registered_backends(); ++i) {
    count += std::string(et::get_backend_name(i).get()) == kBackend;
  }
  EXPECT_EQ(count, 1);
}

class ExecutorchModel : public Executorch, public testing::WithParamInterface<const char*> {};

TEST_P(ExecutorchModel, GivesTheExpectedOutputs) {
  ext::Module module(ModelPath(GetParam()));
  for (int i = 0; std::filesystem::exists(kData / GetParam() / std::format("case{}", i)); ++i) {
    RunCase(module, ReadCase(GetParam(), i));
  }
}

INSTANTIATE_TEST_SUITE_P(TestData, ExecutorchModel,
                         testing::Values("fc.fp32", "fc.fp32.rank3", "conv.fp32.3x3",
                                         "conv.fp32.dynamic_hw", "bmm.fp32.dynamic", "qkv.fp32",
                                         "op.softmax.fp32", "file.several_delegates",
                                         "file.inline_delegate"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

TEST_F(Executorch, TwoMethodsOfOneModule) {
  ext::Module module(ModelPath("file.shared_weights"));
  for (const auto& [method, i] : {std::pair("one", 0), {"two", 2}, {"one", 1}, {"two", 3}}) {
    RunCase(module, ReadCase("file.shared_weights", i), method);
  }
}

TEST_F(Executorch, OutputsGrowAndShrinkWithTheInput) {
  ext::Module module(ModelPath("fc.fp32"));
  for (int i : {1, 0, 2, 0, 2, 1}) RunCase(module, ReadCase("fc.fp32", i));
}

TEST_F(Executorch, ExternalDataIsFound) {
  ext::Module module(ModelPath("file.external_data"),
                     (kData / "file.external_data" / "weights.ptd").string());
  RunCase(module, ReadCase("file.external_data", 0));
}

TEST_F(Executorch, MissingExternalDataIsAnErrorThatNamesTheKey) {
  ext::Module module(ModelPath("file.external_data"));
  EXPECT_NE(module.load_method("forward"), et::Error::Ok);
  EXPECT_NE(host_.Errors().find("its data is named"), std::string::npos) << host_.Errors();
}

TEST_F(Executorch, MethodsLoadUnloadAndLoadAgain) {
  ext::Module module(ModelPath("fc.fp32"));
  for (int i = 0; i < 5; ++i) {
    RunCase(module, ReadCase("fc.fp32", 1));
    EXPECT_TRUE(module.unload_method("forward"));
  }
}

TEST_F(Executorch, RunsWithoutThreadPool) {
  const ext::threadpool::NoThreadPoolGuard guard;
  ext::Module module(ModelPath("conv.fp32.3x3"));
  RunCase(module, ReadCase("conv.fp32.3x3", 0));
}

TEST_F(Executorch, TracerGetsNamedStepsInOrder) {
  auto owned = std::make_unique<test::RecordingTracer>();
  test::RecordingTracer& tracer = *owned;
  ext::Module module(ModelPath("fc.fp32"), ext::Module::LoadMode::File, std::move(owned));
  RunCase(module, ReadCase("fc.fp32", 1));
  uint64_t last_end = 0, step_start = 0;
  size_t num_steps = 0, num_operators = 0;
  std::set<std::string> names;
  for (const auto& event : tracer.events) {
    EXPECT_TRUE(names.insert(event.name).second) << event.name;
    EXPECT_GE(event.end, event.start);
    if (event.metadata.contains(R"("kind":"operator")")) {
      ++num_operators;
      EXPECT_GE(event.start, step_start);
      EXPECT_LE(event.end, last_end);
      continue;
    }
    num_steps += event.metadata.contains(R"("kind":"step")");
    EXPECT_GE(event.start, last_end);
    step_start = event.start;
    last_end = event.end;
  }
  // On every CPU: where the one node is packed there is no island to look into.
  EXPECT_GE(num_steps, 1u);
  EXPECT_EQ(tracer.events.size(), 2 + num_steps + num_operators);
  const size_t per_run = tracer.events.size();
  RunCase(module, ReadCase("fc.fp32", 1));
  EXPECT_EQ(tracer.events.size(), 2 * per_run);
}

TEST_F(Executorch, OptionsOfTheBackend) {
  et::BackendOptions<1> bad, text, good, unknown, back;
  ASSERT_EQ(bad.set_option("workspace_sharing_mode", 3), et::Error::Ok);
  ASSERT_EQ(text.set_option("workspace_sharing_mode", "2"), et::Error::Ok);
  ASSERT_EQ(good.set_option("workspace_sharing_mode", 2), et::Error::Ok);
  ASSERT_EQ(unknown.set_option("no_such_option", true), et::Error::Ok);
  ASSERT_EQ(back.set_option("workspace_sharing_mode", 1), et::Error::Ok);
  EXPECT_EQ(et::set_option(kBackend, bad.view()), et::Error::InvalidArgument);
  EXPECT_EQ(et::set_option(kBackend, text.view()), et::Error::InvalidArgument);
  EXPECT_EQ(et::set_option(kBackend, unknown.view()), et::Error::Ok);
  EXPECT_EQ(et::set_option(kBackend, good.view()), et::Error::Ok);
  et::BackendOptions<1> read;
  ASSERT_EQ(read.set_option("workspace_sharing_mode", -1), et::Error::Ok);
  EXPECT_EQ(et::get_option(kBackend, read.view()), et::Error::Ok);
  int mode = -1;
  EXPECT_EQ(read.get_option("workspace_sharing_mode", mode), et::Error::Ok);
  EXPECT_EQ(mode, 2);
  ext::Module module(ModelPath("fc.fp32"));
  RunCase(module, ReadCase("fc.fp32", 0));
  EXPECT_EQ(et::set_option(kBackend, back.view()), et::Error::Ok);
}

TEST_F(Executorch, OptionsOfOneLoadBeatTheBackends) {
  et::BackendOptions<1> tight;
  ASSERT_EQ(tight.set_option("max_workspace_bytes", 0), et::Error::Ok);
  et::LoadBackendOptionsMap map;
  ASSERT_EQ(map.set_options(kBackend, tight.view()), et::Error::Ok);
  // Two delegates' worth of intermediate values: a chain of convolutions.
  ext::Module refused(ModelPath("conv.fp32.chain"));
  EXPECT_NE(refused.load_method("forward", nullptr, nullptr, &map), et::Error::Ok);
  EXPECT_NE(host_.Errors().find("max_workspace_bytes"), std::string::npos) << host_.Errors();
  ext::Module module(ModelPath("conv.fp32.chain"));
  RunCase(module, ReadCase("conv.fp32.chain", 0));
}

TEST_F(Executorch, DifferentModelsInDifferentThreads) {
  const std::string models[] = {"fc.fp32", "conv.fp32.3x3", "qkv.fp32", "op.softmax.fp32"};
  std::vector<std::thread> threads;
  for (const std::string& model : models) {
    threads.emplace_back([&model] {
      for (int load = 0; load < 3; ++load) {
        ext::Module module(ModelPath(model));
        for (int run = 0; run < 20; ++run) RunCase(module, ReadCase(model, 0));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A delegate, called as the runtime calls it.
class HostNamedData final : public et::NamedDataMap {
 public:
  explicit HostNamedData(const switchyard::NamedDataMap& data) : data_(data) {}
  et::Result<et::FreeableBuffer> get_data(std::string_view key) const override {
    const Result<DataBuffer> found = data_.Get(key);
    if (!found) return et::Error::NotFound;
    return et::FreeableBuffer(found->bytes().data(), found->bytes().size(), nullptr);
  }
  et::Result<const et::TensorLayout> get_tensor_layout(std::string_view) const override {
    return et::Error::NotImplemented;
  }
  et::Error load_data_into(std::string_view, void*, size_t) const override {
    return et::Error::NotImplemented;
  }
  et::Result<uint32_t> get_num_keys() const override { return et::Error::NotImplemented; }
  et::Result<const char*> get_key(uint32_t) const override { return et::Error::NotImplemented; }

 private:
  const switchyard::NamedDataMap& data_;
};

class ExecutorchDelegate : public Executorch {
 protected:
  void SetUp() override {
    ASSERT_NE(backend_, nullptr);
    ASSERT_EQ(model_.payloads.size(), 1u);
    const HostNamedData named_data(*model_.named_data);
    const auto bytes = model_.payloads[0].bytes;
    et::FreeableBuffer payload(bytes.data(), bytes.size(), nullptr);
    et::BackendInitContext context(&allocator_, nullptr, "forward", &named_data);
    const auto handle = backend_->init(context, &payload, {});
    ASSERT_TRUE(handle.ok()) << host_.Errors();
    handle_ = *handle;
  }
  void TearDown() override {
    if (handle_ != nullptr) backend_->destroy(handle_);
  }

  et::Error Execute(std::vector<et::EValue> values) {
    std::vector<et::EValue*> args;
    for (et::EValue& value : values) args.push_back(&value);
    et::BackendExecutionContext context(nullptr, &allocator_, "forward");
    return backend_->execute(context, handle_, {args.data(), args.size()});
  }

  et::BackendInterface* backend_ = et::get_backend_class(kBackend);
  test::Model model_ = test::LoadTestModel("fc.fp32");
  std::array<uint8_t, 4096> arena_;
  et::MemoryAllocator allocator_{sizeof(arena_), arena_.data()};
  et::DelegateHandle* handle_ = nullptr;
};

TEST_F(ExecutorchDelegate, ArgumentsOfAnotherTypeRankOrNumber) {
  Case data = ReadCase("fc.fp32", 1);  // [7, 37] -> [7, 19]
  TensorPtr input = TensorOf(data.inputs[0]), output = TensorOf(data.expected[0]);
  ASSERT_EQ(Execute({input, output}), et::Error::Ok) << host_.Errors();

  TensorPtr half = ext::make_tensor_ptr({7, 37}, data.inputs[0].data.data(), ScalarType::Half);
  EXPECT_EQ(Execute({half, output}), et::Error::InvalidType);
  TensorPtr half_output =
      ext::make_tensor_ptr({7, 19}, data.expected[0].data.data(), ScalarType::Half);
  EXPECT_EQ(Execute({input, half_output}), et::Error::InvalidType);
  TensorPtr rank7 = ext::make_tensor_ptr({1, 1, 1, 1, 1, 7, 37}, data.inputs[0].data.data());
  EXPECT_EQ(Execute({rank7, output}), et::Error::InvalidArgument);
  TensorPtr rank1 = ext::make_tensor_ptr({37}, data.inputs[0].data.data());
  EXPECT_EQ(Execute({rank1, output}), et::Error::InvalidArgument);
  TensorPtr narrow = ext::make_tensor_ptr({7, 36}, data.inputs[0].data.data());
  EXPECT_EQ(Execute({narrow, output}), et::Error::InvalidArgument);
  EXPECT_EQ(Execute({input}), et::Error::InvalidArgument);
  EXPECT_EQ(Execute({}), et::Error::InvalidArgument);
  EXPECT_EQ(Execute({input, et::EValue(1.0)}), et::Error::InvalidArgument);

  EXPECT_EQ(Execute({input, output}), et::Error::Ok) << "errors leave the delegate usable";
}

TEST_F(ExecutorchDelegate, OutputThatCannotGrowKeepsExecutorchsCode) {
  Case one = ReadCase("fc.fp32", 0), seven = ReadCase("fc.fp32", 1);
  TensorPtr input = TensorOf(seven.inputs[0]);
  TensorPtr fixed = TensorOf(one.expected[0], TensorShapeDynamism::STATIC);
  EXPECT_EQ(Execute({input, fixed}), et::Error::NotSupported);
  TensorPtr bounded = TensorOf(one.expected[0], TensorShapeDynamism::DYNAMIC_BOUND);
  EXPECT_EQ(Execute({input, bounded}), et::Error::NotSupported);
}

TEST_F(ExecutorchDelegate, NullHandleIsAnError) {
  et::BackendExecutionContext context;
  EXPECT_EQ(backend_->execute(context, nullptr, {}), et::Error::DelegateInvalidHandle);
}

TEST_F(ExecutorchDelegate, SameDelegateInSeveralThreads) {
  std::atomic<int> runs = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this, t, &runs] {
      for (int run = 0; run < 30; ++run) {
        Case data = ReadCase("fc.fp32", t);
        TensorPtr input = TensorOf(data.inputs[0]);
        std::vector<float> storage(64 * 19, NAN);
        TensorPtr output = ext::make_tensor_ptr({64, 19}, storage.data());
        ASSERT_EQ(Execute({input, output}), et::Error::Ok);
        ExpectNear(*output, data.expected[0]);
        ++runs;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs, 90);
}

// Every payload of a file with one word of it replaced. Whatever the door lets pass must run.
TEST_F(Executorch, DamagedPayloadsAreErrorsOrRun) {
  const test::Model model = test::LoadTestModel("fc.fp32");
  ASSERT_EQ(model.payloads.size(), 1u);
  const std::span<const std::byte> payload = model.payloads[0].bytes;
  const size_t offset = static_cast<size_t>(payload.data() - model.file.data());
  std::mt19937 random(20261121);
  int refused = 0, ran = 0;
  for (size_t at = 0; at + 4 <= payload.size(); at += 4) {
    std::vector<std::byte> file = model.file;
    const uint32_t edges[] = {0, 1, 0x7FFFFFFF, 0xFFFFFFFF, static_cast<uint32_t>(random())};
    const uint32_t word = edges[random() % std::size(edges)];
    std::memcpy(file.data() + offset + at, &word, sizeof(word));
    ext::Module module(std::make_unique<ext::BufferDataLoader>(file.data(), file.size()));
    if (module.load_method("forward") != et::Error::Ok) {
      ++refused;
      continue;
    }
    Case data = ReadCase("fc.fp32", 0);
    TensorPtr input = TensorOf(data.inputs[0]);
    const auto outputs = module.execute("forward", std::vector<et::EValue>{et::EValue(input)});
    ran += outputs.ok();
  }
  EXPECT_GT(refused, 20);
  EXPECT_GT(ran, 0) << "none of the words is padding?";
}

}  // namespace
}  // namespace switchyard
