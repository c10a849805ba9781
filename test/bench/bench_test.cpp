// What the benchmark relies on: shapes are read right, ratios are taken as they are said to be,
// wrong answers are found.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/switchyard_backend.h"
#include "kernels/gemm/row.h"
#include "test/bench/decoder.h"
#include "test/bench/ours.h"
#include "test/bench/peaks.h"
#include "test/bench/product.h"
#include "test/bench/ratio.h"
#include "test/bench/shape.h"
#include "test/conformance/reference.h"

namespace switchyard::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Shape, FullyConnected) {
  const Result<Shape> shape = ParseShape("128x768x3072");
  ASSERT_TRUE(shape);
  EXPECT_FALSE(shape->is_convolution);
  EXPECT_THAT((std::vector{shape->m, shape->n, shape->k}), ElementsAre(128, 768, 3072));
  EXPECT_EQ(shape->macs(), 128.0 * 768 * 3072);
}

TEST(Shape, Convolution) {
  const Result<Shape> shape = ParseShape("224x224x3:64k7s2");
  ASSERT_TRUE(shape);
  EXPECT_TRUE(shape->is_convolution);
  EXPECT_EQ(shape->padding, 3u);
  EXPECT_THAT((std::vector{shape->m, shape->n, shape->k}), ElementsAre(112 * 112, 64, 147));
  const Result<Shape> grouped = ParseShape("9x8x8:16k3s2p0g2");
  ASSERT_TRUE(grouped);
  EXPECT_THAT((std::vector{grouped->m, grouped->n, grouped->k}), ElementsAre(4 * 3, 8, 36));
  EXPECT_EQ(grouped->macs(), 2.0 * 4 * 3 * 8 * 36);
}

TEST(Shape, RefusesOthers) {
  for (const char* text : {"",
                           "1",
                           "1x2",
                           "1x2x",
                           "1x2x3x4",
                           "0x1x1",
                           "-1x1x1",
                           " 1x1x1",
                           "1x1x1 ",
                           "1x1x9999999999",
                           "1x1x99999999999999999999",
                           "1048576x1048576x1048576",
                           "1x1x1:",
                           "1x1x1:0",
                           "1x1x1:1k",
                           "1x1x1:1k0",
                           "3x3x1:1k5p0",
                           "3x3x3:3g2",
                           "3x3x4:3g2",
                           "3x3x1:1s1k1",
                           "3x3x1:1x"}) {
    const Result<Shape> shape = ParseShape(text);
    ASSERT_FALSE(shape) << text;
    EXPECT_THAT(shape.error().message, HasSubstr("expected MxNxK"));
  }
}

TEST(Shape, Files) {
  for (const char* name : {"mlp", "resnet50", "mobilenet_v2", "vit_b", "llama_1b", "smoke"}) {
    const Result<std::vector<Shape>> shapes =
        ReadShapes(SWITCHYARD_BENCH_SHAPES "/" + std::string(name) + ".txt");
    ASSERT_TRUE(shapes) << shapes.error().message;
    for (const Shape& shape : *shapes) EXPECT_TRUE(Exists(Variant::kPf32, shape, 32));
  }
  EXPECT_THAT(ReadShapes("no_such_file").error().message, HasSubstr("no_such_file"));
  const std::filesystem::path path = testing::TempDir() + "bench_shapes.txt";
  std::ofstream(path) << "# nothing\n 1x2x3 # one\n\n4x5\n";
  EXPECT_THAT(ReadShapes(path).error().message, HasSubstr(":4: shape '4x5'"));
  std::ofstream(path) << "# nothing\n";
  EXPECT_THAT(ReadShapes(path).error().message, HasSubstr("no shapes"));
  std::filesystem::remove(path);
}

// Creations that take what a list says, and tell when they were run.
class Listed final : public Contender {
 public:
  Listed(std::string name, double seconds, std::vector<std::string>& log)
      : name_(std::move(name)), seconds_(seconds), log_(log) {}
  Result<double> TimedRun() override {
    // The first run counts for nothing, and neither does one that is slower.
    log_.push_back(name_);
    return ++runs_ == 2 ? seconds_ : seconds_ / (runs_ == 1 ? 10 : 0.5);
  }

 private:
  const std::string name_;
  const double seconds_;
  std::vector<std::string>& log_;
  int runs_ = 0;
};

TEST(Ratio, IsTheMedianOfFreshCreationsInTurns) {
  std::vector<std::string> log;
  std::vector<double> ours = {2, 4, 1}, stock = {8, 8, 9, 8, 6, 8};
  size_t num_ours = 0, num_stock = 0;
  const auto make = [&](std::string name, double seconds) -> Result<std::unique_ptr<Contender>> {
    return std::make_unique<Listed>(std::move(name), seconds, log);
  };
  const Result<Ratio> ratio = Compare([&] { return make("ours", ours[num_ours++]); },
                                      [&] { return make("stock", stock[num_stock++]); },
                                      {.creations = 3, .runs = 2, .seconds = 0});
  ASSERT_TRUE(ratio);
  // Creations are made in the order in which they run: stock, ours, stock; again from behind. The
  // ratios are 8 / 2, 8 / 4 (of the second of the round, which is made first) and 6 / 1.
  EXPECT_EQ(num_ours, 3u);
  EXPECT_EQ(num_stock, 6u);
  EXPECT_EQ(ratio->ratio, 4);
  EXPECT_EQ(ratio->ours, 2);
  EXPECT_EQ(ratio->stock, 8);
  EXPECT_EQ(ratio->low, 6.0 / 8);
  EXPECT_EQ(ratio->high, 1);
  EXPECT_EQ(log.size(), 27u);  // each creation once and two times more
  EXPECT_EQ(log[0], "stock");
  EXPECT_EQ(log[3], "ours");
}

TEST(Ratio, NotSlowerIsWithinTheSpread) {
  EXPECT_TRUE((Ratio{.ratio = 0.95, .low = 0.99, .high = 1.01}.is_not_slower()));
  EXPECT_TRUE((Ratio{.ratio = 0.9, .low = 0.89, .high = 1.1}.is_not_slower()));
  EXPECT_FALSE((Ratio{.ratio = 0.9, .low = 0.91, .high = 1.1}.is_not_slower()));
}

TEST(Ratio, Means) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
  EXPECT_DOUBLE_EQ(GeometricMean({1, 4}), 2);
}

// Each variant: the reference takes what our backend computes, and not with one element changed.
TEST(Check, FindsAWrongElement) {
  for (const char* text : {"17x50x64", "6x6x8:20k3", "6x6x8:20k3g2"}) {
    for (size_t i = 0; i < kNumVariants; ++i) {
      const auto variant = static_cast<Variant>(i);
      const Shape shape = *ParseShape(text);
      if (!Exists(variant, shape, 32)) continue;
      Product product = MakeProduct(variant, shape, 32);
      SCOPED_TRACE(product.name());
      const Result<Payload> payload = WriteProduct(product);
      ASSERT_TRUE(payload);
      Result<std::unique_ptr<Ours>> ours = Ours::Make(product, *payload, {}, nullptr);
      ASSERT_TRUE(ours) << ours.error().message;
      ASSERT_TRUE((*ours)->TimedRun());
      OwnedTensor output = (*ours)->output();
      EXPECT_TRUE(CheckOutput(product, output));
      output.bytes().back() ^= std::byte{0x40};  // of the last row and channel
      EXPECT_FALSE(CheckOutput(product, output));
    }
  }
}

// A small decoder, on what is selected and on the rows of plain C++, against the reference.
TEST(Decoder, GivesRightAnswers) {
  namespace reference = conformance::reference;
  const DecoderSize size = {.layers = 1,
                            .width = 64,
                            .heads = 4,
                            .key_value_heads = 2,
                            .head_width = 16,
                            .feed_forward = 96,
                            .prompt = 5};
  const Result<DecoderPayloads> payloads = WriteDecoder(size);
  ASSERT_TRUE(payloads) << payloads.error().message;
  for (const char* forced : {"", "reference"}) {
    const std::unique_ptr<Backend> backend = MakeSwitchyardBackend();
    InitContext context;
    context.load_options["force_kernel"] = std::string(forced);
    const auto decoder = Decoder::Load(*backend, context, size, *payloads);
    ASSERT_TRUE(decoder) << decoder.error().message;
    for (const auto method : {Decoder::Method::kPrefill, Decoder::Method::kDecode}) {
      ASSERT_TRUE((*decoder)->Run(method));
      const Graph graph = MakeDecoder(size, method == Decoder::Method::kPrefill ? size.prompt : 1);
      const auto input = reference::FromHost(graph.values[0], (*decoder)->input(method));
      ASSERT_TRUE(input);
      const auto expected = reference::Evaluate(graph, {&*input, 1});
      ASSERT_TRUE(expected) << expected.error().message;
      const reference::Difference difference =
          reference::Compare(expected->front(), (*decoder)->output(method));
      EXPECT_TRUE(difference.pass) << difference.got << ", expected " << difference.expected
                                   << " within " << difference.bound;
      EXPECT_EQ(difference.num_free, 0u);
    }
  }
}

// A row that comes with no peak would be shown without its share.
TEST(Peaks, EveryRowOfThisMachineHasOne) {
  for (const KernelRow& row : KernelTable()) {
    if (IsPlain(row.tier) || PeakLoops().empty()) continue;
    const bool is_arm =
        FeatureBits({CpuFeature::kNeon}) & kTiers[static_cast<size_t>(row.tier)].features;
#if defined(__aarch64__)
    if (!is_arm) continue;
#else
    if (is_arm) continue;
#endif
    EXPECT_NE(PeakOf(Name(row.tier), row.variant), nullptr) << row.name;
  }
}

TEST(Peaks, AreMeasuredWhereTheCpuHasThem) {
  Peaks peaks(1e-3);
  for (const PeakLoop& loop : PeakLoops()) {
    const std::optional<double> rate = peaks.OperationsPerSecond(loop, 1);
    const bool can_run = HostCpuFeatures().Missing(loop.required).IsEmpty();
    // Tiles the operating system may refuse.
    if (loop.begin == nullptr || !can_run) EXPECT_EQ(rate.has_value(), can_run) << loop.name;
    if (rate) EXPECT_GT(*rate, 0) << loop.name;
  }
  EXPECT_GT(peaks.ReadBytesPerSecond(100000, 2), 0);
}

}  // namespace
}  // namespace switchyard::bench
