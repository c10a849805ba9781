#include "backend/packed/convolution.h"

#include <algorithm>

#include "backend/packed/rhs_source.h"
#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

// A chunk of packed rows that stays in L2 beside the filter: at least one step of the kernel.
constexpr size_t kChunkBytes = size_t{128} << 10;

constexpr size_t RoundUpTo64(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

struct PackedConvolution::Geometry {
  size_t height, width, channels;  // of the input
  size_t output_width;
};

Result<std::unique_ptr<PackedConvolution>> PackedConvolution::Create(
    const Graph& graph, const Route& route, std::span<const std::byte* const> constant_data,
    const PackedEnvironment& environment) {
  std::unique_ptr<PackedConvolution> step(new PackedConvolution);
  const Node& node = graph.nodes[route.node];
  GemmProblem& problem = step->problem_;
  problem = *route.verdict.problem;
  step->kernel_ = route.kernel;
  step->workers_ = KernelWorkers(*route.kernel, environment);
  step->attributes_ = std::get<ConvolutionAttributes>(node.attributes);
  step->stage_ = NodeOutputStage(graph, node);
  step->element_bytes_ = ElementBits(problem.output_type) / 8;
  step->gemm_ = MakePackedGemm(*route.kernel, problem, environment.cpu);
  if (step->gemm_ == nullptr) {
    return Fail(ErrorCode::kNotSupported,
                "{}: kernel {} is not in this build, expected one with its provider; set "
                "packed_kernels off",
                Describe(graph, route.node), route.kernel->name);
  }
  const size_t m_step = step->gemm_->m_step();
  step->chunk_rows_ =
      std::max<size_t>(1, kChunkBytes / std::max<size_t>(1, step->gemm_->LhsBytes(m_step))) *
      m_step;

  const NodeWeights weights(graph, node, problem, constant_data);
  for (size_t group = 0; group < problem.groups; ++group) {
    SWITCHYARD_ASSIGN(auto packed,
                      environment.weights.Get({.kernel = *route.kernel,
                                               .problem = problem,
                                               .gemm = *step->gemm_,
                                               .source = weights.Group(group),
                                               .key = weights.Key(*route.kernel, group)},
                                              environment));
    step->weights_.push_back(std::move(packed));
  }
  // Zero; of int8 the zero point, since packing took it off for every tap.
  const int32_t zero_point = weights.Group(0).lhs_zero_point;
  step->padding_.assign(problem.channels_per_tap * step->element_bytes_,
                        static_cast<std::byte>(zero_point));
  return step;
}

size_t PackedConvolution::WorkerBytes() const {
  const size_t pointers = chunk_rows_ * problem_.taps * sizeof(void*);
  return RoundUpTo64(gemm_->LhsBytes(chunk_rows_)) + RoundUpTo64(pointers);
}

void PackedConvolution::FillPointers(const Geometry& g, size_t m0, size_t m,
                                     const void** pointers) const {
  const ConvolutionAttributes& a = attributes_;
  const size_t m_step = gemm_->m_step();
  for (size_t row = 0; row < m; ++row) {
    const size_t y = (m0 + row) / g.output_width * a.stride_height;
    const size_t x = (m0 + row) % g.output_width * a.stride_width;
    const void** entry = pointers + row / m_step * m_step * problem_.taps + row % m_step;
    for (size_t ky = 0; ky < a.kernel_height; ++ky) {
      // Unsigned: above or left of the image wraps to a large number.
      const size_t in_y = y + ky * a.dilation_height - a.padding_top;
      for (size_t kx = 0; kx < a.kernel_width; ++kx, entry += m_step) {
        const size_t in_x = x + kx * a.dilation_width - a.padding_left;
        *entry = in_y < g.height && in_x < g.width
                     ? reinterpret_cast<const void*>((in_y * g.width + in_x) * g.channels *
                                                     element_bytes_)
                     : padding_.data();
      }
    }
  }
}

void PackedConvolution::Run(const Dims& input_shape, const Dims& output_shape, const void* input,
                            void* output, std::byte* scratch) const {
  const Geometry geometry{.height = input_shape[1],
                          .width = input_shape[2],
                          .channels = input_shape[3],
                          .output_width = output_shape[2]};
  const size_t rows = output_shape[1] * output_shape[2];
  const size_t images = output_shape[0], groups = problem_.groups;
  const size_t input_image = geometry.height * geometry.width * geometry.channels * element_bytes_;
  const size_t output_row = output_shape[3] * element_bytes_;
  // Small images are cut finer, so that every worker has some.
  const size_t m_step = gemm_->m_step();
  const size_t fair = CeilDivide(rows * images, workers_.kernel);
  const size_t chunk = std::min(chunk_rows_, CeilDivide(fair, m_step) * m_step);
  if (rows == 0 || images == 0 || chunk == 0) return;
  const size_t chunks = CeilDivide(rows, chunk);
  const size_t items = images * chunks;

  const size_t lhs_bytes = RoundUpTo64(gemm_->LhsBytes(chunk_rows_));
  const size_t worker_bytes = WorkerBytes();
  const size_t tasks = std::min(workers_.kernel, items);
  ParallelFor(workers_.thread_pool, tasks, 1, 1, 1, [&](size_t task, size_t, size_t, size_t) {
    std::byte* lhs = scratch + task * worker_bytes;
    auto** pointers = reinterpret_cast<const void**>(lhs + lhs_bytes);
    for (size_t item = task * items / tasks; item < (task + 1) * items / tasks; ++item) {
      const size_t image = item / chunks, m0 = item % chunks * chunk;
      const size_t m = std::min(chunk, rows - m0);
      FillPointers(geometry, m0, m, pointers);
      const size_t base = reinterpret_cast<uintptr_t>(input) + image * input_image;
      std::byte* out = static_cast<std::byte*>(output) + (image * rows + m0) * output_row;
      for (size_t group = 0; group < groups; ++group) {
        gemm_->PackLhsIndirect(pointers, base + group * problem_.channels_per_tap * element_bytes_,
                               padding_.data(), m, lhs);
        gemm_->Gemm(lhs, weights_[group]->bytes.data(), m, 0, problem_.n,
                    out + group * problem_.n * element_bytes_, output_row, stage_);
      }
    }
  });
}

}  // namespace switchyard
