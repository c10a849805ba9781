// The backend as a host sees it: payloads in, tensors through it, errors out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "backend/switchyard_backend.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/graph_builder.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

// y = PReLU(x * c + x), slope and c constant: constants that packing does not consume.
std::vector<std::byte> ElementwisePayload(const std::vector<float>& factor,
                                          const std::vector<float>& slope, size_t rows) {
  const Dims dims{rows, factor.size()}, row{factor.size()};
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, dims);
  const ValueIndex y = b.Output(DataType::kF32, dims);
  const ValueIndex product = b.Internal(DataType::kF32, dims);
  const ValueIndex sum = b.Internal(DataType::kF32, dims);
  b.Add(NodeKind::kMultiply, {x, b.Constant(DataType::kF32, row, factor)}, {product});
  b.Add(NodeKind::kAdd, {product, x}, {sum});
  b.Add(NodeKind::kPReLU, {sum, b.Constant(DataType::kF32, row, slope)}, {y});
  auto payload = WritePayload(b.Build());
  EXPECT_TRUE(payload) << payload.error().ToString();
  return payload ? payload->bytes : std::vector<std::byte>();
}

std::vector<float> Filled(size_t count, float start, float step) {
  std::vector<float> data(count);
  for (size_t i = 0; i < count; ++i) data[i] = start + step * static_cast<float>(i);
  return data;
}

float Expected(float x, float factor, float slope) {
  const float sum = x * factor + x;
  return sum < 0 ? sum * slope : sum;
}

// Bytes that can be taken away: any access after Unmap is a crash. They end at the page's end, at
// an address that is `misalignment` bytes off.
class MappedBytes {
 public:
  MappedBytes(std::span<const std::byte> bytes, size_t misalignment)
      : size_((bytes.size() + misalignment + 4095) / 4096 * 4096) {
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memcpy(static_cast<std::byte*>(base_) + misalignment, bytes.data(), bytes.size());
    bytes_ = {static_cast<std::byte*>(base_) + misalignment, bytes.size()};
  }
  ~MappedBytes() { Unmap(); }
  MappedBytes(const MappedBytes&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  void Unmap() {
    if (base_ != nullptr) munmap(std::exchange(base_, nullptr), size_);
  }

 private:
  size_t size_;
  void* base_;
  std::span<const std::byte> bytes_;
};

class MappedNamedData : public NamedDataMap {
 public:
  explicit MappedNamedData(const NamedDataMap& source, size_t misalignment)
      : source_(source), misalignment_(misalignment) {}
  Result<DataBuffer> Get(std::string_view key) const override {
    SWITCHYARD_ASSIGN(const DataBuffer original, source_.Get(key));
    auto mapped = std::make_shared<MappedBytes>(original.bytes(), misalignment_);
    const auto bytes = mapped->bytes();
    return DataBuffer(bytes, std::move(mapped));  // unmapped when the backend lets go of it
  }

 private:
  const NamedDataMap& source_;
  size_t misalignment_;
};

TEST(Delegate, RunsAfterPayloadIsUnmapped) {
  const std::vector<float> factor = Filled(37, -3, 0.25f), slope = Filled(37, 0.5f, -0.03f);
  for (size_t misalignment : {0, 1, 2, 4, 8}) {
    SCOPED_TRACE(misalignment);
    MappedBytes payload(ElementwisePayload(factor, slope, 5), misalignment);
    auto runner = BlobRunner::Load(SwitchyardBackend(), payload.bytes());
    ASSERT_TRUE(runner) << runner.error().ToString();
    payload.Unmap();

    const size_t sizes[] = {5, 37};
    OwnedTensor tensors[] = {OwnedTensor(ElementType::kF32, sizes),
                             OwnedTensor(ElementType::kF32, sizes)};
    for (size_t i = 0; i < 5 * 37; ++i) tensors[0].data<float>()[i] = static_cast<float>(i) - 90;
    const Status status = runner->Run(tensors);
    ASSERT_TRUE(status) << status.error().ToString();
    for (size_t i = 0; i < 5 * 37; ++i) {
      EXPECT_EQ(tensors[1].data<float>()[i],
                Expected(static_cast<float>(i) - 90, factor[i % 37], slope[i % 37]));
    }
  }
}

TEST(Delegate, RunsAfterNamedDataIsUnmapped) {
  // Real models whose named constants packing does not consume (slope, operands) or does.
  for (const char* name : {"op.prelu.fp32", "fc.fp32", "fc.qd8", "conv.qs8.3x3"}) {
    for (size_t misalignment : {0, 4, 1}) {
      SCOPED_TRACE(std::format("{} misaligned by {}", name, misalignment));
      test::Model model = test::LoadTestModel(name);
      for (const test::ModelPayload& payload : model.payloads) {
        auto graph = ReadPayload(payload.bytes, model.named_data.get());
        ASSERT_TRUE(graph);
        const auto run = [&](const NamedDataMap& data) {
          InitContext context;
          context.named_data = &data;
          auto runner = BlobRunner::Load(SwitchyardBackend(), payload.bytes, context);
          EXPECT_TRUE(runner) << runner.error().ToString();
          std::vector<OwnedTensor> tensors(graph->num_externals);
          for (const Value& value : graph->values) {
            if (!value.external_id) continue;
            OwnedTensor tensor(*ExternalElementType(value.type), value.dims.span());
            for (size_t i = 0; i < tensor.bytes().size() / 4; ++i) {
              tensor.data<float>()[i] = static_cast<float>(i % 13) - 6;
            }
            tensors[*value.external_id] = std::move(tensor);
          }
          const Status status = runner->Run(tensors);
          EXPECT_TRUE(status) << status.error().ToString();
          const auto bytes = tensors.back().bytes();
          return std::vector<std::byte>(bytes.begin(), bytes.end());
        };
        EXPECT_EQ(run(*model.named_data), run(MappedNamedData(*model.named_data, misalignment)));
      }
    }
  }
}

class ElementwiseDelegate : public testing::Test {
 protected:
  Result<BlobRunner> Load(const InitContext& context = {}) {
    return BlobRunner::Load(SwitchyardBackend(), ElementwisePayload(factor_, slope_, 64), context);
  }
  static OwnedTensor Input(size_t rows, float start = -7) {
    const size_t sizes[] = {rows, 8};
    OwnedTensor tensor(ElementType::kF32, sizes);
    for (size_t i = 0; i < rows * 8; ++i) tensor.data<float>()[i] = start + static_cast<float>(i);
    return tensor;
  }
  void ExpectAnswer(const OwnedTensor& input, const OwnedTensor& output) {
    ASSERT_TRUE(std::ranges::equal(input.sizes(), output.sizes()));
    for (size_t i = 0; i < input.bytes().size() / sizeof(float); ++i) {
      ASSERT_EQ(output.data<float>()[i],
                Expected(input.data<float>()[i], factor_[i % 8], slope_[i % 8]))
          << i;
    }
  }

  const std::vector<float> factor_ = Filled(8, -2, 0.5f), slope_ = Filled(8, 0.125f, 0.125f);
};

TEST_F(ElementwiseDelegate, FollowsShapesUpAndDown) {
  auto runner = Load();
  ASSERT_TRUE(runner) << runner.error().ToString();
  for (size_t rows : {3, 64, 1, 64, 2, 3}) {
    OwnedTensor tensors[] = {Input(rows), Input(1)};
    const Status status = runner->Run(tensors);
    ASSERT_TRUE(status) << status.error().ToString();
    ExpectAnswer(tensors[0], tensors[1]);
  }
}

TEST_F(ElementwiseDelegate, RefusesWhatDoesNotFit) {
  auto runner = Load();
  ASSERT_TRUE(runner) << runner.error().ToString();
  OwnedTensor input = Input(4), output = Input(4);
  const auto run = [&](auto change) {
    std::vector<TensorView> views = {input.View(), output.View()};
    change(views);
    return runner->Run(std::span(views));
  };
  const auto code = [&](auto change) {
    const Status status = run(change);
    EXPECT_FALSE(status);
    return status ? ErrorCode::kInternal : status.error().code;
  };
  using Views = std::vector<TensorView>&;
  EXPECT_EQ(code([](Views v) { v.pop_back(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](Views v) { v[0].element_type = ElementType::kInt32; }),
            ErrorCode::kInvalidType);
  EXPECT_EQ(code([](Views v) { v[1].element_type = ElementType::kInt64; }),
            ErrorCode::kInvalidType);
  EXPECT_EQ(code([](Views v) { v[0].data = nullptr; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](Views v) { v[1].data = nullptr; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](Views v) { v[0].capacity_bytes -= 1; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](Views v) { v[0].sizes[1] = 9; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](Views v) { v[0].rank = 1; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](Views v) { v[0].rank = 7; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](Views v) { v[0].sizes[0] = size_t{1} << 62; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](Views v) {
              v[1].sizes[0] = 3;
              v[1].resize = nullptr;
            }),
            ErrorCode::kNotSupported);
  // The host's own refusal comes back unchanged.
  EXPECT_EQ(code([](Views v) {
              v[1].sizes[0] = 3;
              v[1].resize = [](TensorView&, std::span<const size_t>) -> Status {
                return Fail(ErrorCode::kOutOfResources, "no");
              };
            }),
            ErrorCode::kOutOfResources);
  // And none of it has harmed the delegate.
  EXPECT_TRUE(run([](Views) {}));
  ExpectAnswer(input, output);
}

TEST_F(ElementwiseDelegate, MemoryLimitNamesTheOption) {
  InitContext context;
  context.load_options["max_workspace_bytes"] = int64_t{1000};
  auto runner = Load(context);
  ASSERT_TRUE(runner) << runner.error().ToString();
  OwnedTensor large[] = {Input(64), Input(64)}, small[] = {Input(1), Input(1)};
  const Status status = runner->Run(large);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kMemoryAllocationFailed);
  EXPECT_NE(status.error().message.find("max_workspace_bytes"), std::string::npos);
  EXPECT_TRUE(runner->Run(small));
}

TEST_F(ElementwiseDelegate, OneDelegateFromManyThreads) {
  auto runner = Load();
  ASSERT_TRUE(runner) << runner.error().ToString();
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 20; ++i) {
        OwnedTensor tensors[] = {Input(1 + (t * 7 + i) % 64, static_cast<float>(t)), Input(1)};
        ASSERT_TRUE(runner->Run(tensors));
        ExpectAnswer(tensors[0], tensors[1]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class WorkspaceSharingMode : public ElementwiseDelegate,
                             public testing::WithParamInterface<int64_t> {};
INSTANTIATE_TEST_SUITE_P(, WorkspaceSharingMode, testing::Values(0, 1, 2));

TEST_P(WorkspaceSharingMode, ManyDelegatesFromManyThreads) {
  InitContext context;
  context.load_options["workspace_sharing_mode"] = GetParam();
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      InitContext mine = context;
      mine.model = t < 2 ? this : static_cast<void*>(&context);
      for (size_t i = 0; i < 3; ++i) {
        auto runner = Load(mine);
        ASSERT_TRUE(runner) << runner.error().ToString();
        for (size_t j = 0; j < 5; ++j) {
          OwnedTensor tensors[] = {Input(1 + (t * 11 + j * 17) % 64), Input(1)};
          ASSERT_TRUE(runner->Run(tensors));
          ExpectAnswer(tensors[0], tensors[1]);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Exporters count an argument that no node reads, and such a one need not be a tensor.
TEST(Delegate, ArgumentsThatThePayloadLeavesOutMayBeAnything) {
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {3});
  const ValueIndex y = b.Output(DataType::kF32, {3});
  b.Add(NodeKind::kNegate, {x}, {y});
  Graph graph = b.Build();
  graph.values[x].external_id = 1;
  graph.values[y].external_id = 3;
  graph.num_externals = 4;
  const auto payload = WritePayload(graph);
  ASSERT_TRUE(payload) << payload.error().ToString();
  auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes);
  ASSERT_TRUE(runner) << runner.error().ToString();

  const size_t sizes[] = {3};
  OwnedTensor input(ElementType::kF32, sizes), output(ElementType::kF32, sizes);
  input.data<float>()[2] = 5;
  const Error no_tensor{ErrorCode::kInvalidType, "no tensor"};
  const TensorView anything{.error = &no_tensor};
  TensorView views[] = {anything, input.View(), anything, output.View()};
  const Status status = runner->Run(std::span(views));
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_EQ(output.data<float>()[2], -5);

  for (const size_t used : {1, 3}) {
    TensorView bad[] = {anything, input.View(), anything, output.View()};
    bad[used] = anything;
    const Status refused = runner->Run(std::span(bad));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidType);
    EXPECT_EQ(refused.error().message, "no tensor");
  }
}

TEST(BackendOptions, GlobalAndUnknown) {
  Backend& backend = SwitchyardBackend();
  EXPECT_EQ(*backend.GetOption("workspace_sharing_mode"), OptionValue(int64_t{1}));
  EXPECT_TRUE(backend.SetOption("no_such_option", true));
  EXPECT_FALSE(backend.GetOption("no_such_option"));
  EXPECT_EQ(backend.SetOption("workspace_sharing_mode", int64_t{3}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(backend.SetOption("workspace_sharing_mode", true).error().code,
            ErrorCode::kInvalidArgument);
  ASSERT_TRUE(backend.SetOption("workspace_sharing_mode", int64_t{2}));
  EXPECT_EQ(*backend.GetOption("workspace_sharing_mode"), OptionValue(int64_t{2}));
  ASSERT_TRUE(backend.SetOption("workspace_sharing_mode", int64_t{1}));
}

TEST(LoadedDelegates, AreTheOnesNotDestroyed) {
  ASSERT_TRUE(LoadedDelegates().empty());
  const auto payload = ElementwisePayload(Filled(5, 1, 1), Filled(5, 1, 1), 3);
  const int model = 0;
  InitContext context;
  context.method_name = "first";
  context.model = &model;
  auto first = BlobRunner::Load(SwitchyardBackend(), payload, context);
  ASSERT_TRUE(first) << first.error().ToString();
  {
    const auto second = BlobRunner::Load(SwitchyardBackend(), payload);
    ASSERT_TRUE(second) << second.error().ToString();
    EXPECT_FALSE(BlobRunner::Load(SwitchyardBackend(), std::span(payload).first(20)));
    const std::vector<LoadedDelegate> both = LoadedDelegates();
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(both[0].method, "first");
    EXPECT_EQ(both[0].model, &model);
    EXPECT_EQ(both[0].report.nodes.size(), LoadedReport(*first->handle()).nodes.size());
    EXPECT_EQ(both[1].method, "");
    EXPECT_EQ(both[1].model, nullptr);
  }
  ASSERT_EQ(LoadedDelegates().size(), 1u);
  EXPECT_EQ(LoadedDelegates()[0].method, "first");
}

TEST(BackendErrors, NullHandleAndBadPayload) {
  EXPECT_EQ(SwitchyardBackend().Execute({}, nullptr, {}).error().code,
            ErrorCode::kDelegateInvalidHandle);
  const auto runner = BlobRunner::Load(SwitchyardBackend(), {});
  ASSERT_FALSE(runner);
  EXPECT_FALSE(runner.error().message.empty());
}

// Clamp, Convert and Conv2d of up to four images, dynamically quantized. `claimed` is what the file
// says of the values between them.
Graph DynamicConvolution(const Dims& claimed) {
  constexpr uint32_t kIn = 3, kOut = 5;
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {4, 4, 6, kIn});
  const ValueIndex clamped = b.Internal(DataType::kF32, claimed);
  const ValueIndex quantized = b.Internal(DataType::kQDInt8, claimed, PerTokenQuantization{3});
  const ValueIndex y = b.Output(DataType::kF32, {4, 2, 4, kOut});
  std::vector<int8_t> filter(kOut * 9 * kIn);
  for (size_t i = 0; i < filter.size(); ++i) filter[i] = static_cast<int8_t>(i * 37 % 255);
  const ValueIndex w = b.Constant(DataType::kQCInt8, {kOut, 3, 3, kIn}, filter,
                                  b.PerChannel(0, std::vector<float>(kOut, 0.01f)));
  Node& clamp = b.Add(NodeKind::kClamp, {x}, {clamped});
  clamp.output_min = -2;
  clamp.output_max = 3;
  b.Add(NodeKind::kConvert, {clamped}, {quantized});
  b.Add(NodeKind::kConv2d, {quantized, w}, {y},
        ConvolutionAttributes{.kernel_height = 3,
                              .kernel_width = 3,
                              .group_input_channels = kIn,
                              .group_output_channels = kOut});
  return b.Build();
}

// ExecuTorch leaves what it quantizes for a convolution in the order of dimensions that it had
// before, and a damaged file may say anything, such as that there is never more than one image,
// which decides how the node has to run.
TEST(Delegate, BelievesNothingOfTheShapesBetweenNodes) {
  const auto load = [](const Dims& claimed) {
    const auto payload = WritePayload(DynamicConvolution(claimed));
    EXPECT_TRUE(payload) << payload.error().ToString();
    return BlobRunner::Load(SwitchyardBackend(), payload->bytes);
  };
  auto honest = load({4, 4, 6, 3});
  ASSERT_TRUE(honest) << honest.error().ToString();
  for (const Dims& claimed : {Dims{4, 3, 4, 6}, Dims{1, 4, 6, 3}, Dims{4, 4, 6, 1u << 30}}) {
    SCOPED_TRACE(ToString(claimed));
    auto runner = load(claimed);
    ASSERT_TRUE(runner) << runner.error().ToString();
    for (const size_t batch : {1, 3, 1, 4, 2}) {
      const std::vector<size_t> input = {batch, 4, 6, 3}, output = {batch, 2, 4, 5};
      std::vector<OwnedTensor> expected = {OwnedTensor(ElementType::kF32, input),
                                           OwnedTensor(ElementType::kF32, output)};
      const std::vector<float> x = Filled(batch * 4 * 6 * 3, -4, 0.03f);
      std::memcpy(expected[0].bytes().data(), x.data(), x.size() * sizeof(float));
      std::vector<OwnedTensor> found = expected;
      ASSERT_TRUE(honest->Run(std::span(expected)));
      const Status status = runner->Run(std::span(found));
      ASSERT_TRUE(status) << status.error().ToString();
      EXPECT_TRUE(std::ranges::equal(found[1].bytes(), expected[1].bytes())) << batch;
    }
  }
}

// A length of up to 9, padded by 3, meets a table of 8 rows: 5 is the only one that fits. The
// bounds of both do not, which is no matter of the file's; nor is it one with dynamic quantization,
// where the input's bound is wider than the filter, too.
TEST(Delegate, BoundsThatAreNotReachedTogether) {
  constexpr size_t kWidth = 4, kRows = 8, kOut = 3;
  for (const bool is_dynamic : {false, true}) {
    SCOPED_TRACE(is_dynamic);
    test::GraphBuilder b;
    const ValueIndex x = b.Input(DataType::kF32, {9, 7});
    const ValueIndex y = b.Output(DataType::kF32, {12, kOut});
    const ValueIndex padded = b.Internal(DataType::kF32, {12, 7});
    const ValueIndex sum = b.Internal(DataType::kF32, {12, 7});
    b.Add(NodeKind::kStaticConstantPad, {x}, {padded}, PadAttributes{{0, 0}, {3, 0}});
    b.Add(NodeKind::kAdd, {padded, b.Constant(DataType::kF32, {kRows, 1}, Filled(kRows, 0, 1))},
          {sum});
    ValueIndex read = sum;
    if (is_dynamic) {
      read = b.Internal(DataType::kQDInt8, {12, 7}, PerTokenQuantization{1});
      b.Add(NodeKind::kConvert, {sum}, {read});
    }
    const ValueIndex w =
        is_dynamic
            ? b.Constant(DataType::kQCInt8, {kOut, kWidth}, std::vector<int8_t>(kOut * kWidth, 1),
                         b.PerChannel(0, std::vector<float>(kOut, 1.0f)))
            : b.Constant(DataType::kF32, {kOut, kWidth}, std::vector<float>(kOut * kWidth, 1.0f));
    b.Add(NodeKind::kFullyConnected, {read, w}, {y});
    const auto payload = WritePayload(b.Build());
    ASSERT_TRUE(payload) << payload.error().ToString();
    auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes);
    ASSERT_TRUE(runner) << runner.error().ToString();
    const auto run = [&](size_t length, size_t width) {
      std::vector<OwnedTensor> tensors = {
          OwnedTensor(ElementType::kF32, std::vector<size_t>{length, width}),
          OwnedTensor(ElementType::kF32, std::vector<size_t>{kRows, kOut})};
      const std::vector<float> ones(length * width, 1.0f);
      std::memcpy(tensors[0].bytes().data(), ones.data(), ones.size() * sizeof(float));
      const Status status = runner->Run(std::span(tensors));
      if (!status) return status;
      std::vector<float> found(kRows * kOut);
      std::memcpy(found.data(), tensors[1].bytes().data(), found.size() * sizeof(float));
      for (size_t row = 0; row < kRows; ++row) {
        const auto element = static_cast<float>(row + (row < length ? 1 : 0));
        // A row of equal numbers, from 0 on, is quantized exactly but for the rounding of its
        // scale.
        EXPECT_NEAR(found[row * kOut], kWidth * element, is_dynamic ? 1e-4f : 0) << row;
      }
      return status;
    };
    ASSERT_TRUE(run(5, kWidth));
    const Status length = run(6, kWidth);
    ASSERT_FALSE(length);
    EXPECT_EQ(length.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(length.error().message,
                testing::AllOf(testing::HasSubstr("node 1 Add"),
                               testing::HasSubstr("node 0 StaticConstantPad with [9, 4]"),
                               testing::HasSubstr("with [8, 1]")));
    const Status width = run(5, kWidth + 1);
    ASSERT_FALSE(width);
    EXPECT_THAT(width.error().message, testing::HasSubstr("expected the filter's 4"));
    ASSERT_TRUE(run(5, kWidth));
  }
}

// More nodes than one island holds, whose results are all alive when the first is read again.
TEST(Delegate, ThousandsOfValuesAliveAtOnce) {
  constexpr size_t kValues = 1500, kElements = 5;
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {kElements});
  const ValueIndex y = b.Output(DataType::kF32, {kElements});
  std::vector<ValueIndex> values;
  for (size_t i = 0; i < kValues; ++i) {
    values.push_back(b.Internal(DataType::kF32, {kElements}));
    b.Add(i % 2 == 0 ? NodeKind::kAbs : NodeKind::kNegate, {x}, {values.back()});
  }
  ValueIndex sum = values.back();
  for (size_t i = kValues - 1; i-- > 0;) {
    const ValueIndex next = i == 0 ? y : b.Internal(DataType::kF32, {kElements});
    b.Add(NodeKind::kAdd, {sum, values[i]}, {next});
    sum = next;
  }
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes);
  ASSERT_TRUE(runner) << runner.error().ToString();
  EXPECT_GT(LoadedReport(*runner->handle()).num_islands, 5u);
  for (const size_t count : {kElements, size_t{2}, kElements}) {
    std::vector<OwnedTensor> tensors(2, OwnedTensor(ElementType::kF32, std::vector{count}));
    const std::vector<float> input = Filled(count, -2, 1);
    std::memcpy(tensors[0].bytes().data(), input.data(), count * sizeof(float));
    const Status status = runner->Run(std::span(tensors));
    ASSERT_TRUE(status) << status.error().ToString();
    std::vector<float> found(count);
    std::memcpy(found.data(), tensors[1].bytes().data(), count * sizeof(float));
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(found[i], kValues / 2 * (std::abs(input[i]) - input[i])) << i;
    }
  }
}

}  // namespace
}  // namespace switchyard
