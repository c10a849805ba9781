// One FullyConnected through XNNPACK's operator API, where its subgraph API is wrong.
#include <algorithm>
#include <array>
#include <utility>

#include "backend/parallel/parallel.h"
#include "backend/xnnpack/allocator.h"
#include "backend/xnnpack/float_conversion.h"
#include "backend/xnnpack/per_image.h"
#include "backend/xnnpack/remedies.h"
#include "backend/xnnpack/renewed_island.h"
#include "backend/xnnpack/spaced_pooling.h"
#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"
#include "runtime/aligned_buffer.h"
#include "runtime/base/checked_math.h"
#include "schema/node_kinds.h"

namespace switchyard {
namespace {

using enum DataType;

// Copies of the last row's parameters behind all rows': the largest micro-kernels have 16 rows.
constexpr size_t kPaddingRows = 16;
static_assert(kPaddingRows >= XNN_EXTRA_QUANTIZATION_PARAMS);

// The functions of one operator, by the types of its filter; quantized inputs have a `convert`.
struct OperatorFunctions {
  xnn_status (*reshape)(xnn_operator_t, size_t batch_size, pthreadpool_t);
  xnn_status (*setup)(xnn_operator_t, const float* input, float* output);
  xnn_status (*setup_quantized)(xnn_operator_t, const int8_t* input, float* output,
                                const xnn_quantization_params*);
};

constexpr OperatorFunctions kF32Functions = {&xnn_reshape_fully_connected_nc_f32,
                                             &xnn_setup_fully_connected_nc_f32, nullptr};
constexpr OperatorFunctions kF32Qc8wFunctions = {&xnn_reshape_fully_connected_nc_f32_qc8w,
                                                 &xnn_setup_fully_connected_nc_f32_qc8w, nullptr};
constexpr OperatorFunctions kF32Qc4wFunctions = {&xnn_reshape_fully_connected_nc_f32_qc4w,
                                                 &xnn_setup_fully_connected_nc_f32_qc4w, nullptr};
constexpr OperatorFunctions kQd8Qb4wFunctions = {&xnn_reshape_fully_connected_nc_qd8_f32_qb4w,
                                                 nullptr,
                                                 &xnn_setup_fully_connected_nc_qd8_f32_qb4w};

class StockFullyConnected final : public StepRunner {
 public:
  StockFullyConnected(const Graph& graph, const StockOperatorStep& step,
                      const StockEnvironment& environment, OperatorPtr product, OperatorPtr convert,
                      const OperatorFunctions& functions, size_t input_channels,
                      size_t output_channels)
      : name_(Describe(graph, step.node)),
        input_(step.input),
        output_(step.output),
        input_type_(graph.values[step.input].type),
        output_type_(graph.values[step.output].type),
        input_channels_(input_channels),
        output_channels_(output_channels),
        functions_(functions),
        thread_pool_(environment.thread_pool),
        workspace_(environment.workspace),
        allocator_(environment.allocator != nullptr ? *environment.allocator : DefaultAllocator()),
        product_(std::move(product)),
        convert_(std::move(convert)) {}

  Status Reshape(std::span<const Dims> shapes, const StepMemory& /*memory*/) override;
  Status Run(const StepData& data) override;

 private:
  Status Check(xnn_status status) const {
    if (status == xnn_status_success) return {};
    return Fail(
        ToErrorCode(status),
        "{}: XNNPACK cannot run it ({}), expected shapes that its operator takes; check those "
        "of the inputs",
        name_, Name(status));
  }
  // Grows `buffer` to rows x channels elements and the over-read slack.
  Status Reserve(AlignedBuffer& buffer, size_t rows, size_t channels, size_t element_bytes);
  xnn_status RunOperators(const float* input, float* output);

  const std::string name_;
  const ValueIndex input_, output_;
  const DataType input_type_, output_type_;
  const size_t input_channels_, output_channels_;
  const OperatorFunctions& functions_;
  pthreadpool* const thread_pool_;
  const std::shared_ptr<XnnpackWorkspace> workspace_;
  Allocator& allocator_;
  const OperatorPtr product_;
  const OperatorPtr convert_;  // to qdint8; null when the product takes f32

  size_t rows_ = 0;
  bool is_shaped_ = false;
  AlignedBuffer widened_input_, widened_output_;  // when the values are not f32
  AlignedBuffer quantized_input_;
  AlignedBuffer parameters_;
};

Status StockFullyConnected::Reserve(AlignedBuffer& buffer, size_t rows, size_t channels,
                                    size_t element_bytes) {
  const std::array<size_t, 3> factors = {rows, channels, element_bytes};
  const std::optional<size_t> bytes = CheckedProduct(std::span<const size_t>(factors));
  if (!bytes || *bytes > SIZE_MAX - OverReadBytes()) {
    return Fail(ErrorCode::kMemoryAllocationFailed,
                "{}: {} rows of {} do not fit the address space; use smaller inputs", name_, rows,
                channels);
  }
  const size_t needed = *bytes + OverReadBytes();
  if (buffer.size() >= needed) return {};
  buffer = AlignedBuffer();
  SWITCHYARD_ASSIGN(buffer, AlignedBuffer::Allocate(allocator_, needed, name_));
  return {};
}

Status StockFullyConnected::Reshape(std::span<const Dims> shapes, const StepMemory& /*memory*/) {
  is_shaped_ = false;
  const Dims& input = shapes[input_];
  const Dims& output = shapes[output_];
  const std::optional<size_t> input_elements = input.NumElements();
  const std::optional<size_t> output_elements = output.NumElements();
  if (!input_elements || !output_elements || *input_elements % input_channels_ != 0 ||
      *output_elements != *input_elements / input_channels_ * output_channels_) {
    return Fail(ErrorCode::kInvalidProgram,
                "{}: input {} and output {}, expected {} and {} channels in the same number of "
                "rows; export again",
                name_, ToString(input), ToString(output), input_channels_, output_channels_);
  }
  rows_ = *input_elements / input_channels_;
  if (rows_ > 0) {
    if (input_type_ != kF32) {
      SWITCHYARD_TRY(Reserve(widened_input_, rows_, input_channels_, sizeof(float)));
    }
    if (output_type_ != kF32) {
      SWITCHYARD_TRY(Reserve(widened_output_, rows_, output_channels_, sizeof(float)));
    }
    if (convert_ != nullptr) {
      SWITCHYARD_TRY(Reserve(quantized_input_, rows_, input_channels_, sizeof(int8_t)));
      SWITCHYARD_TRY(
          Reserve(parameters_, rows_ + kPaddingRows, 1, sizeof(xnn_quantization_params)));
      SWITCHYARD_TRY(Check(xnn_reshape_convert_nc_f32_qd8(
          convert_.get(), rows_, input_channels_, input_channels_, input_channels_, thread_pool_)));
    }
    const AllocationWatch watch;
    SWITCHYARD_TRY(Check(watch.Judge(functions_.reshape(product_.get(), rows_, thread_pool_))));
  }
  is_shaped_ = true;
  return {};
}

xnn_status StockFullyConnected::RunOperators(const float* input, float* output) {
  if (convert_ == nullptr) {
    const xnn_status status = functions_.setup(product_.get(), input, output);
    return status == xnn_status_success ? xnn_run_operator(product_.get(), thread_pool_) : status;
  }
  auto* quantized = reinterpret_cast<int8_t*>(quantized_input_.data());
  auto* parameters = reinterpret_cast<xnn_quantization_params*>(parameters_.data());
  xnn_status status = xnn_setup_convert_nc_f32_qd8(convert_.get(), input, quantized, parameters);
  if (status == xnn_status_success) status = xnn_run_operator(convert_.get(), thread_pool_);
  if (status != xnn_status_success) return status;
  std::fill_n(parameters + rows_, kPaddingRows, parameters[rows_ - 1]);
  status = functions_.setup_quantized(product_.get(), quantized, output, parameters);
  return status == xnn_status_success ? xnn_run_operator(product_.get(), thread_pool_) : status;
}

Status StockFullyConnected::Run(const StepData& data) {
  if (!is_shaped_) {
    return Fail(ErrorCode::kInvalidState, "{}: run before a successful Reshape", name_);
  }
  if (rows_ == 0) return {};
  const void* input = data.values[input_];
  void* output = data.values[output_];
  if (input == nullptr || output == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "{}: no data pointer; set one before execute", name_);
  }
  if (input_type_ != kF32) {
    auto* widened = reinterpret_cast<float*>(widened_input_.data());
    WidenToF32(input_type_, input, rows_ * input_channels_, widened);
    input = widened;
  }
  void* result = output_type_ == kF32 ? output : widened_output_.data();
  SWITCHYARD_TRY(Check(RunForeign(workspace_->get(), [&] {
    return RunOperators(static_cast<const float*>(input), static_cast<float*>(result));
  })));
  if (output_type_ != kF32) {
    NarrowFromF32(output_type_, static_cast<const float*>(result), rows_ * output_channels_,
                  output);
  }
  return {};
}

struct Weights {
  const void* filter = nullptr;
  const float* bias = nullptr;
  AlignedBuffer widened_filter, widened_bias;  // until the operator has packed them
};

Result<const void*> WidenedConstant(const Graph& graph, ValueIndex index,
                                    const ConstantData& constants, Allocator& allocator,
                                    AlignedBuffer& buffer) {
  const Value& value = graph.values[index];
  const void* data = constants.bytes[index];
  if (data == nullptr) {
    return Fail(ErrorCode::kInternal, "{}: its bytes are missing; pass all constants",
                Describe(value));
  }
  if (!IsFloat(value.type) || value.type == kF32) return data;
  SWITCHYARD_ASSIGN(buffer, WidenedCopy(value.type, data, value.dims.NumElements().value_or(0),
                                        allocator, Describe(value)));
  return buffer.data();
}

// Everything that the operator will read or assert on.
Status CheckNode(const Graph& graph, const StockOperatorStep& step) {
  const Node& node = graph.nodes[step.node];
  const auto refuse = [&](std::string_view what) {
    return Fail(ErrorCode::kNotSupported, "{}: {}; export again", Describe(graph, step.node), what);
  };
  if (node.kind != NodeKind::kFullyConnected || node.inputs.size() < 2) {
    return refuse("not a FullyConnected, which is all that runs as a standalone step");
  }
  const Value& filter = graph.values[node.inputs[1]];
  const bool transposed = (node.flags & kFlagTransposeWeights) != 0;
  if (!filter.constant || filter.dims.rank() != 2 || filter.dims[0] == 0 || filter.dims[1] == 0) {
    return refuse("its filter is not a constant of two dimensions");
  }
  const size_t output_dim = transposed ? 1 : 0;
  if (node.inputs.size() > 2) {
    const Value& bias = graph.values[node.inputs[2]];
    if (!bias.constant || !IsFloat(bias.type) ||
        bias.dims.NumElements() != filter.dims[output_dim]) {
      return refuse("its bias is not a float constant of one element per output channel");
    }
  }
  if (!IsFloat(graph.values[step.input].type) || !IsFloat(graph.values[step.output].type)) {
    return refuse("what it reads or writes is not a float");
  }
  if (!(node.output_min < node.output_max)) return refuse("its output range is empty");

  const auto* channels = std::get_if<PerChannelQuantization>(&filter.quantization);
  const auto* groups = std::get_if<PerGroupQuantization>(&filter.quantization);
  switch (filter.type) {
    case kF32:
    case kF16:
    case kBF16:
      return {};
    case kQCInt8:
    case kQCInt4:
      if (channels == nullptr || channels->channel_dim != output_dim ||
          channels->scales.size() != filter.dims[output_dim] ||
          (transposed && filter.type == kQCInt4)) {
        return refuse("its filter has not one scale for each output channel");
      }
      return {};
    case kQBInt4: {
      const auto* rows =
          std::get_if<PerTokenQuantization>(&graph.values[node.inputs[0]].quantization);
      if (rows == nullptr || rows->num_nonbatch_dims != 1) {
        return refuse("its input is not quantized row by row");
      }
      if (transposed || groups == nullptr || groups->channel_dim != 0 || groups->group_size == 0 ||
          groups->group_size % XNN_MIN_BLOCKSIZE != 0 || filter.dims[1] % groups->group_size != 0 ||
          groups->scales.size() != filter.dims[0] * (filter.dims[1] / groups->group_size)) {
        return refuse("its filter has not one scale for each group of a multiple of 32");
      }
      return {};
    }
    default:
      return refuse("its filter is of a type without an operator");
  }
}

}  // namespace

Result<std::unique_ptr<StepRunner>> CreateStockOperator(const Graph& graph,
                                                        const StockOperatorStep& step,
                                                        const ConstantData& constants,
                                                        const StockEnvironment& environment) {
  const Node& node = graph.nodes[step.node];
  if (FindRemedy(RemedyAction::kOneThread, graph, node, environment.cpu) != nullptr) {
    StockEnvironment one_thread = environment;
    one_thread.thread_pool = nullptr;
    return CreateIsland(
        graph, IslandStep{.nodes = {step.node}, .inputs = {step.input}, .outputs = node.outputs},
        constants, one_thread);
  }
  if (Info(node.kind).attributes == AttributeKind::kConvolution) {
    return CreatePerImage(graph, step, constants, environment);
  }
  if (Info(node.kind).attributes == AttributeKind::kPooling &&
      FindRemedy(RemedyAction::kStandaloneStep, graph, node, environment.cpu) != nullptr) {
    return CreateSpacedPooling(graph, step, environment);
  }
  if (node.kind != NodeKind::kFullyConnected) return CreateRenewedIsland(graph, step, environment);
  SWITCHYARD_TRY(CheckNode(graph, step));
  const Value& filter = graph.values[node.inputs[1]];
  Allocator& allocator =
      environment.allocator != nullptr ? *environment.allocator : DefaultAllocator();
  Weights weights;
  SWITCHYARD_ASSIGN(weights.filter, WidenedConstant(graph, node.inputs[1], constants, allocator,
                                                    weights.widened_filter));
  if (node.inputs.size() > 2) {
    SWITCHYARD_ASSIGN(const void* bias, WidenedConstant(graph, node.inputs[2], constants, allocator,
                                                        weights.widened_bias));
    weights.bias = static_cast<const float*>(bias);
  }

  const bool transposed = (node.flags & kFlagTransposeWeights) != 0;
  const size_t n = filter.dims[transposed ? 1 : 0];
  const size_t k = filter.dims[transposed ? 0 : 1];
  const float min = node.output_min, max = node.output_max;
  const uint32_t flags = node.flags & kFlagTransposeWeights;
  xnn_operator_t product = nullptr, convert = nullptr;
  const AllocationWatch watch;
  const OperatorFunctions* functions = &kF32Functions;
  xnn_status status;
  if (const auto* groups = std::get_if<PerGroupQuantization>(&filter.quantization)) {
    functions = &kQd8Qb4wFunctions;
    status = xnn_create_fully_connected_nc_qd8_f32_qb4w(
        k, n, k, n, groups->group_size, static_cast<uint8_t>(WeightZeroPoint(filter.type)),
        groups->scales.data(), weights.filter, weights.bias, min, max, flags,
        /*code_cache=*/nullptr, /*weights_cache=*/nullptr, &product);
  } else if (filter.type == kQCInt8) {
    functions = &kF32Qc8wFunctions;
    status = xnn_create_fully_connected_nc_f32_qc8w(
        k, n, k, n, std::get<PerChannelQuantization>(filter.quantization).scales.data(),
        static_cast<const int8_t*>(weights.filter), weights.bias, min, max, flags, nullptr, nullptr,
        &product);
  } else if (filter.type == kQCInt4) {
    functions = &kF32Qc4wFunctions;
    status = xnn_create_fully_connected_nc_f32_qc4w(
        k, n, k, n, static_cast<uint8_t>(WeightZeroPoint(filter.type)),
        std::get<PerChannelQuantization>(filter.quantization).scales.data(),
        static_cast<const uint8_t*>(weights.filter), weights.bias, min, max, flags, nullptr,
        nullptr, &product);
  } else {
    status = xnn_create_fully_connected_nc_f32(
        k, n, k, n, static_cast<const float*>(weights.filter), weights.bias, min, max, flags,
        nullptr, nullptr, &product);
  }
  OperatorPtr owned_product(product);
  if (status == xnn_status_success && functions->setup_quantized != nullptr) {
    status = xnn_create_convert_nc_f32_qd8(/*flags=*/0, &convert);
  }
  OperatorPtr owned_convert(convert);
  status = watch.Judge(status);
  if (status != xnn_status_success) {
    return Fail(ToErrorCode(status),
                "{}: XNNPACK cannot run it ({}), expected types and attributes that its operator "
                "takes; export the node in another form",
                Describe(graph, step.node), Name(status));
  }
  return std::make_unique<StockFullyConnected>(graph, step, environment, std::move(owned_product),
                                               std::move(owned_convert), *functions, k, n);
}

}  // namespace switchyard
