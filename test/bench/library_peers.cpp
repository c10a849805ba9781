#include "test/bench/library_peers.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "test/bench/clock.h"

#ifdef SWITCHYARD_OPENBLAS
#include <cblas.h>
#endif
#ifdef SWITCHYARD_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace switchyard::bench {
namespace {

[[maybe_unused]] bool IsServed(const Product& product) {
  return product.variant == Variant::kPf32 && !product.shape.is_convolution;
}
[[maybe_unused]] std::unexpected<Error> NotServed(const Product& product) {
  return Fail(ErrorCode::kNotSupported, "{}: only FullyConnected of f32 is compared with it",
              product.name());
}
[[maybe_unused]] const float* Floats(const Value& constant) {
  return reinterpret_cast<const float*>(constant.constant->bytes.data());
}

#ifdef SWITCHYARD_OPENBLAS
// Has no weights that are packed once. The bias is what the sums begin with.
class OpenBlas final : public LibraryContender {
 public:
  OpenBlas(const Product& product, size_t threads)
      : product_(product),
        threads_(static_cast<int>(threads)),
        input_(product.input),
        weights_(ElementType::kF32, product.weights().dims.span()),
        output_(ElementType::kF32, product.output().dims.span()) {
    std::ranges::copy(product.weights().constant->bytes, weights_.bytes().begin());
  }
  Result<double> TimedRun() override {
    openblas_set_num_threads(threads_);
    const auto m = static_cast<int>(product_.shape.m), n = static_cast<int>(product_.shape.n),
               k = static_cast<int>(product_.shape.k);
    const uint64_t start = Nanoseconds();
    for (int i = 0; i < m; ++i) {
      std::copy_n(Floats(product_.bias()), n, output_.data<float>() + ptrdiff_t{i} * n);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, input_.data<float>(), k,
                weights_.data<float>(), k, 1, output_.data<float>(), n);
    return SecondsSince(start);
  }
  const OwnedTensor& output() const override { return output_; }
  double load_seconds() const override { return 0; }

 private:
  const Product& product_;
  const int threads_;
  OwnedTensor input_, weights_, output_;
};

Result<std::unique_ptr<LibraryContender>> MakeOpenBlas(const Product& product, size_t threads) {
  if (!IsServed(product)) return NotServed(product);
  return std::make_unique<OpenBlas>(product, threads);
}
#endif

#ifdef SWITCHYARD_ONEDNN
extern "C" void omp_set_num_threads(int);

// With weights in the order that the product asks for, which they are brought to once.
class OneDnn final : public LibraryContender {
 public:
  OneDnn(const Product& product, size_t threads)
      : threads_(static_cast<int>(threads)),
        input_(product.input),
        output_(ElementType::kF32, product.output().dims.span()),
        bias_(ElementType::kF32, product.bias().dims.span()) {
    using dnnl::memory;
    omp_set_num_threads(threads_);
    std::ranges::copy(product.bias().constant->bytes, bias_.bytes().begin());
    const auto m = static_cast<memory::dim>(product.shape.m),
               n = static_cast<memory::dim>(product.shape.n),
               k = static_cast<memory::dim>(product.shape.k);
    const auto type = memory::data_type::f32;
    const memory::desc rows({m, k}, type, memory::format_tag::ab);
    const memory::desc any({k, n}, type, memory::format_tag::any);
    const memory::desc columns({1, n}, type, memory::format_tag::ab);
    const memory::desc result({m, n}, type, memory::format_tag::ab);
    const uint64_t start = Nanoseconds();
    const dnnl::matmul::primitive_desc description(engine_, rows, any, columns, result);
    memory given({{k, n}, type, memory::format_tag::ba}, engine_,
                 const_cast<float*>(Floats(product.weights())));
    memory packed(description.weights_desc(), engine_);
    dnnl::reorder(given, packed).execute(stream_, given, packed);
    stream_.wait();
    product_ = dnnl::matmul(description);
    load_seconds_ = SecondsSince(start);
    arguments_ = {{DNNL_ARG_SRC, memory(rows, engine_, input_.data<float>())},
                  {DNNL_ARG_WEIGHTS, packed},
                  {DNNL_ARG_BIAS, memory(columns, engine_, bias_.data<float>())},
                  {DNNL_ARG_DST, memory(result, engine_, output_.data<float>())}};
  }
  Result<double> TimedRun() override {
    omp_set_num_threads(threads_);
    const uint64_t start = Nanoseconds();
    product_.execute(stream_, arguments_);
    stream_.wait();
    return SecondsSince(start);
  }
  const OwnedTensor& output() const override { return output_; }
  double load_seconds() const override { return load_seconds_; }

 private:
  const int threads_;
  OwnedTensor input_, output_, bias_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul product_;
  std::unordered_map<int, dnnl::memory> arguments_;
  double load_seconds_ = 0;
};

Result<std::unique_ptr<LibraryContender>> MakeOneDnn(const Product& product, size_t threads) {
  if (!IsServed(product)) return NotServed(product);
  return std::make_unique<OneDnn>(product, threads);
}
#endif

}  // namespace

std::span<const LibraryPeer> LibraryPeers() {
  static const std::vector<LibraryPeer> peers = {
#ifdef SWITCHYARD_OPENBLAS
      {"openblas", &MakeOpenBlas},
#endif
#ifdef SWITCHYARD_ONEDNN
      {"onednn", &MakeOneDnn},
#endif
  };
  return peers;
}

}  // namespace switchyard::bench
