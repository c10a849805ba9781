#include "tools/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "test/unit/tools/command.h"

namespace switchyard::tools {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class InspectCommand : public ToolTest {
 protected:
  static ToolRun Inspect(const std::string& model, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"inspect", (Data(model) / "model.pte").string()});
    return Switchyard(more);
  }
};

TEST_F(InspectCommand, TextOfALinearLayer) {
  ToolRun run = Inspect("fc.qd8");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, R"(model.pte: program of 3532 bytes

method forward, 2 values
  input 0  float32 [64, 37]
  output 0  float32 [64, 19]
  operators outside delegates: none
  delegate 0  XnnpackBackend, 1040 bytes (segment), 2 arguments
    header XH00, identifier XN01, flatbuffer 1008 bytes, constant region 0 bytes
    values
      id  type    shape     role      bytes  key           quantization
      0   fp32    [64, 37]  input 0   -      -             -
      1   qdint8  [64, 37]  internal  -      -             per token nonbatch_dims=1
      2   qcint8  [19, 37]  constant  703    eb3b2b4f255c  per channel dim=0 scales=19 min_scale=0.00112747 max_scale=0.00129174
      3   fp32    [19]      constant  76     cf9d11a31c15  -
      4   fp32    [64, 19]  output 1  -      -             -
    nodes
      node  kind            inputs     outputs  attributes
      0     Convert         [0]        [1]      -
      1     FullyConnected  [1, 2, 3]  [4]      -
    totals 5 values, 2 nodes, 1 inputs, 1 outputs, 2 constants of 779 bytes
           Convert=1 FullyConnected=1

named data
  key                                                                     bytes
  cf9d11a31c15fa149ef70568ed285af0dd967cc4a228075e8776fbccc0f80f1e        76
  eb3b2b4f255cfb426d9e5771845ab9163a3d1ac46ed33832d9492142d793c266        703
  scale_99f2150120db3aeeab57305dd7e29ceb48d010c40ac11e0a0ad268561fe8a2fa  76

totals methods=1 delegates=1 delegate_nodes=2 payload_bytes=1040 named_data=3 named_data_bytes=855
)");
}

TEST_F(InspectCommand, TextOfAConvolution) {
  ToolRun run = Inspect("conv.qs8.3x3");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, R"(model.pte: program of 4264 bytes

method forward, 2 values
  input 0  float32 [1, 6, 11, 9]
  output 0  float32 [1, 10, 11, 9]
  operators outside delegates: none
  delegate 0  XnnpackBackend, 1760 bytes (segment), 2 arguments
    header XH00, identifier XN01, flatbuffer 1720 bytes, constant region 0 bytes
    values
      id  type     shape           role      bytes  key           quantization
      0   fp32     [1, 6, 11, 9]   input 0   -      -             -
      1   qint8    [1, 6, 11, 9]   internal  -      -             per tensor scale=0.0258303 zero_point=4
      2   qint8    [1, 11, 9, 6]   internal  -      -             per tensor scale=0.0258303 zero_point=4
      3   qcint8   [10, 3, 3, 6]   constant  540    4ec8e493c65b  per channel dim=0 scales=10 min_scale=0.00101456 max_scale=0.00107013
      4   qint8    [1, 11, 9, 10]  internal  -      -             per tensor scale=0.0162164 zero_point=2
      5   qcint32  [10]            constant  40     cf84dd974d56  per channel dim=0 scales=10 min_scale=2.62064e-05 max_scale=2.76417e-05
      6   qint8    [1, 10, 11, 9]  internal  -      -             per tensor scale=0.0162164 zero_point=2
      7   fp32     [1, 10, 11, 9]  output 1  -      -             -
    nodes
      node  kind             inputs     outputs  attributes
      0     Convert          [0]        [1]      -
      1     StaticTranspose  [1]        [2]      permutation=[0, 2, 3, 1]
      2     Conv2d           [2, 3, 5]  [4]      kernel=[3, 3] stride=[1, 1] padding=[1, 1, 1, 1] dilation=[1, 1] groups=1 group_channels=[6, 10]
      3     StaticTranspose  [4]        [6]      permutation=[0, 3, 1, 2]
      4     Convert          [6]        [7]      -
    totals 8 values, 5 nodes, 1 inputs, 1 outputs, 2 constants of 580 bytes
           Conv2d=1 Convert=2 StaticTranspose=2

named data
  key                                                                     bytes
  4ec8e493c65b035feec9a5228f0ac8ba27cb6a757ab3a04d88cd6553941c6019        540
  cf84dd974d569130e8ca46fcdd0498523578cbcd20f5980ada0e2eb4b64f79e2        40
  scale_1dd12a241c79fbbd3658bb9dd8eee19074255e26a1890ada8a01075a47e62690  40
  scale_a01e6d76488866720f9a48a2a31e09163dfb5df9599ca82d2c6b71abe10480e7  40

totals methods=1 delegates=1 delegate_nodes=5 payload_bytes=1760 named_data=4 named_data_bytes=660
)");
}

TEST_F(InspectCommand, Json) {
  ToolRun run = Inspect("fc.qd8", {"--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  json file = json::parse(run.out);
  EXPECT_EQ(file["kind"], "program");
  const json& payload = file["methods"][0]["delegates"][0]["payload"];
  EXPECT_EQ(payload["identifier"], "XN01");
  EXPECT_EQ(payload["totals"]["kinds"]["FullyConnected"], 1);
  EXPECT_EQ(payload["totals"]["nodes"], payload["nodes"].size());
  size_t constants = 0;
  for (const json& value : payload["values"]) {
    if (!value.contains("constant")) continue;
    ++constants;
    std::string key = value["constant"]["key"];
    EXPECT_EQ(file["named_data"][key], value["constant"]["bytes"]);
  }
  EXPECT_EQ(constants, payload["totals"]["constants"]);
}

TEST_F(InspectCommand, OperatorsOutsideDelegates) {
  EXPECT_THAT(Inspect("digits_cnn_pf32").out, HasSubstr("aten::sym_size.int=1"));
}

TEST_F(InspectCommand, MissingExternalDataIsNamedAndTheRestIsShown) {
  ToolRun without = Inspect("file.external_data");
  EXPECT_EQ(without.code, 3);
  EXPECT_THAT(without.out, HasSubstr("cannot be read: method forward, delegate 0: NotFound"));
  EXPECT_THAT(without.out, HasSubstr("method forward"));
  ToolRun with = Inspect("file.external_data",
                         {"--data", (Data("file.external_data") / "weights.ptd").string()});
  EXPECT_EQ(with.code, 0) << with.out << with.err;
}

TEST_F(InspectCommand, BundledPrograms) {
  ToolRun run = Switchyard({"inspect", (Data("file.bundled") / "model.bpte").string()});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("model.bpte: bundled program of"));
}

TEST_F(InspectCommand, EveryModelOfTheTests) {
  for (const auto& entry : fs::directory_iterator(SWITCHYARD_TEST_DATA)) {
    if (!fs::exists(entry.path() / "model.pte")) continue;
    std::vector<std::string> command = {"inspect", (entry.path() / "model.pte").string()};
    for (const auto& file : fs::directory_iterator(entry.path())) {
      if (file.path().extension() == ".ptd") {
        command.insert(command.end(), {"--data", file.path().string()});
      }
    }
    ToolRun run = Switchyard(command);
    EXPECT_EQ(run.code, 0) << entry.path() << run.out << run.err;
  }
}

}  // namespace
}  // namespace switchyard::tools
