#include "test/bench/stock.h"

#include <xnnpack.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "backend/xnnpack/xnnpack_api.h"
#include "test/bench/clock.h"

namespace switchyard::bench {
namespace {

// Copies of the last row's parameters behind all rows': the largest micro-kernels have 16 rows.
constexpr size_t kPaddingRows = 16;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class StockOperator final : public Stock {
 public:
  StockOperator(const Product& product, pthreadpool* pool, Counts counts)
      : product_(product),
        pool_(pool),
        counts_(counts),
        input_(product.input),
        output_(*ExternalElementType(product.output().type), product.output().dims.span()) {}

  Status Create() {
    const uint64_t start = Nanoseconds();
    xnn_operator_t op = nullptr;
    const xnn_status status =
        product_.shape.is_convolution ? CreateConvolution(op) : CreateFullyConnected(op);
    operator_.reset(op);
    SWITCHYARD_TRY(Check(status));
    load_seconds_ = SecondsSince(start);
    if (!product_.is_dynamic()) return Check(Setup());
    SWITCHYARD_TRY(Check(xnn_create_convert_nc_f32_qd8(/*flags=*/0, &op)));
    convert_.reset(op);
    const auto [m, k] = std::pair(product_.shape.m, product_.shape.k);
    quantized_ = OwnedTensor(ElementType::kInt8, std::vector{m, k});
    parameters_.resize(m + kPaddingRows);
    SWITCHYARD_TRY(Check(xnn_reshape_convert_nc_f32_qd8(op, m, k, k, k, pool_)));
    SWITCHYARD_TRY(Check(xnn_setup_convert_nc_f32_qd8(
        op, input_.data<float>(), quantized_.data<int8_t>(), parameters_.data())));
    return Check(Setup());
  }

  Result<double> TimedRun() override {
    const uint64_t start = Nanoseconds();
    if (convert_ != nullptr) {
      SWITCHYARD_TRY(Check(xnn_run_operator(convert_.get(), pool_)));
      std::fill_n(parameters_.end() - kPaddingRows, kPaddingRows,
                  parameters_[product_.shape.m - 1]);
    }
    const uint64_t product_start = Nanoseconds();
    SWITCHYARD_TRY(Check(xnn_run_operator(operator_.get(), pool_)));
    return SecondsSince(counts_ == Counts::kProduct ? product_start : start);
  }
  const OwnedTensor& output() const override { return output_; }
  double load_seconds() const override { return load_seconds_; }

 private:
  Status Check(xnn_status status) const {
    if (status == xnn_status_success) return {};
    return Fail(ToErrorCode(status), "{}: XNNPACK's operator: {}", product_.name(), Name(status));
  }
  const void* filter() const { return product_.weights().constant->bytes.data(); }
  const void* bias() const { return product_.bias().constant->bytes.data(); }
  std::span<const float> scales() const { return WeightScales(product_.weights().quantization); }
  static const PerTensorQuantization& PerTensor(const Value& value) {
    return std::get<PerTensorQuantization>(value.quantization);
  }

  xnn_status CreateFullyConnected(xnn_operator_t& op) const {
    const size_t k = product_.shape.k, n = product_.shape.n;
    switch (product_.variant) {
      case Variant::kPf32:
        return xnn_create_fully_connected_nc_f32(k, n, k, n, static_cast<const float*>(filter()),
                                                 static_cast<const float*>(bias()), -kInfinity,
                                                 kInfinity, 0, nullptr, nullptr, &op);
      case Variant::kPf16:
        return xnn_create_fully_connected_nc_f16(k, n, k, n, filter(), bias(), -kInfinity,
                                                 kInfinity, 0, nullptr, nullptr, &op);
      case Variant::kQp8F32Qc8w:
        return xnn_create_fully_connected_nc_qd8_f32_qc8w(
            k, n, k, n, scales().data(), static_cast<const int8_t*>(filter()),
            static_cast<const float*>(bias()), -kInfinity, kInfinity, 0, nullptr, nullptr, &op);
      case Variant::kPqs8Qc8w: {
        const auto &in = PerTensor(product_.value(0)), &out = PerTensor(product_.output());
        return xnn_create_fully_connected_nc_qs8_qc8w(
            k, n, k, n, static_cast<int8_t>(in.zero_point), in.scale, scales().data(),
            static_cast<const int8_t*>(filter()), static_cast<const int32_t*>(bias()),
            static_cast<int8_t>(out.zero_point), out.scale, -128, 127, 0, nullptr, nullptr, &op);
      }
      case Variant::kQp8F32Qb4w: {
        const auto& groups = std::get<PerGroupQuantization>(product_.weights().quantization);
        const auto zero_point = static_cast<uint8_t>(WeightZeroPoint(product_.weights().type));
        return xnn_create_fully_connected_nc_qd8_f32_qb4w(
            k, n, k, n, groups.group_size, zero_point, groups.scales.data(), filter(),
            static_cast<const float*>(bias()), -kInfinity, kInfinity, 0, nullptr, nullptr, &op);
      }
    }
    return xnn_status_unsupported_parameter;
  }

  xnn_status CreateConvolution(xnn_operator_t& op) const {
    const auto& a = std::get<ConvolutionAttributes>(product_.node().attributes);
    const size_t in = product_.shape.channels, out = product_.shape.output_channels;
    // What all convolutions begin with.
    const auto create = [&](auto function, auto... rest) {
      return function(a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
                      a.kernel_height, a.kernel_width, a.stride_height, a.stride_width,
                      a.dilation_height, a.dilation_width, a.groups, a.group_input_channels,
                      a.group_output_channels, in, out, rest..., 0, nullptr, nullptr, &op);
    };
    switch (product_.variant) {
      case Variant::kPf32:
        return create(&xnn_create_convolution2d_nhwc_f32, static_cast<const float*>(filter()),
                      static_cast<const float*>(bias()), -kInfinity, kInfinity);
      case Variant::kPf16:
        return create(&xnn_create_convolution2d_nhwc_f16, filter(), bias(), -kInfinity, kInfinity);
      case Variant::kPqs8Qc8w: {
        const auto &from = PerTensor(product_.value(0)), &to = PerTensor(product_.output());
        return create(&xnn_create_convolution2d_nhwc_qs8_qc8w, static_cast<int8_t>(from.zero_point),
                      from.scale, scales().data(), static_cast<const int8_t*>(filter()),
                      static_cast<const int32_t*>(bias()), static_cast<int8_t>(to.zero_point),
                      to.scale, int8_t{-128}, int8_t{127});
      }
      default:
        return xnn_status_unsupported_parameter;
    }
  }

  xnn_status Setup() { return product_.shape.is_convolution ? SetupConvolution() : SetupRows(); }

  xnn_status SetupRows() {
    const size_t m = product_.shape.m;
    xnn_operator_t op = operator_.get();
    const auto after = [](xnn_status status, auto setup) {
      return status == xnn_status_success ? setup() : status;
    };
    switch (product_.variant) {
      case Variant::kPf32:
        return after(xnn_reshape_fully_connected_nc_f32(op, m, pool_), [&] {
          return xnn_setup_fully_connected_nc_f32(op, input_.data<float>(), output_.data<float>());
        });
      case Variant::kPf16:
        return after(xnn_reshape_fully_connected_nc_f16(op, m, pool_), [&] {
          return xnn_setup_fully_connected_nc_f16(op, input_.data<void>(), output_.data<void>());
        });
      case Variant::kQp8F32Qc8w:
        return after(xnn_reshape_fully_connected_nc_qd8_f32_qc8w(op, m, pool_), [&] {
          return xnn_setup_fully_connected_nc_qd8_f32_qc8w(
              op, quantized_.data<int8_t>(), output_.data<float>(), parameters_.data());
        });
      case Variant::kPqs8Qc8w:
        return after(xnn_reshape_fully_connected_nc_qs8_qc8w(op, m, pool_), [&] {
          return xnn_setup_fully_connected_nc_qs8_qc8w(op, input_.data<int8_t>(),
                                                       output_.data<int8_t>());
        });
      case Variant::kQp8F32Qb4w:
        return after(xnn_reshape_fully_connected_nc_qd8_f32_qb4w(op, m, pool_), [&] {
          return xnn_setup_fully_connected_nc_qd8_f32_qb4w(
              op, quantized_.data<int8_t>(), output_.data<float>(), parameters_.data());
        });
    }
    return xnn_status_unsupported_parameter;
  }

  xnn_status SetupConvolution() {
    xnn_operator_t op = operator_.get();
    size_t bytes = 0, alignment = 0, height = 0, width = 0;
    const auto reshape = [&](auto function) {
      return function(op, /*batch_size=*/1, product_.shape.height, product_.shape.width, &bytes,
                      &alignment, &height, &width, pool_);
    };
    xnn_status status = xnn_status_unsupported_parameter;
    if (product_.variant == Variant::kPf32) {
      status = reshape(&xnn_reshape_convolution2d_nhwc_f32);
    } else if (product_.variant == Variant::kPf16) {
      status = reshape(&xnn_reshape_convolution2d_nhwc_f16);
    } else if (product_.variant == Variant::kPqs8Qc8w) {
      status = reshape(&xnn_reshape_convolution2d_nhwc_qs8_qc8w);
    }
    if (status != xnn_status_success) return status;
    workspace_ = OwnedTensor(ElementType::kInt8, std::vector{bytes});  // aligned to 64 bytes
    void* workspace = workspace_.data<void>();
    if (product_.variant == Variant::kPf32) {
      return xnn_setup_convolution2d_nhwc_f32(op, workspace, input_.data<float>(),
                                              output_.data<float>());
    }
    if (product_.variant == Variant::kPf16) {
      return xnn_setup_convolution2d_nhwc_f16(op, workspace, input_.data<void>(),
                                              output_.data<void>());
    }
    return xnn_setup_convolution2d_nhwc_qs8_qc8w(op, workspace, input_.data<int8_t>(),
                                                 output_.data<int8_t>());
  }

  const Product& product_;
  pthreadpool* const pool_;
  const Counts counts_;
  double load_seconds_ = 0;
  OwnedTensor input_, output_, quantized_, workspace_;
  std::vector<xnn_quantization_params> parameters_;
  OperatorPtr operator_, convert_;
};

}  // namespace

Result<std::unique_ptr<Stock>> Stock::Make(const Product& product, pthreadpool* pool,
                                           Counts counts) {
  auto stock = std::make_unique<StockOperator>(product, pool, counts);
  SWITCHYARD_TRY(stock->Create());
  return stock;
}

}  // namespace switchyard::bench
