// Sums of products with a weight, as FullyConnected and the convolutions form them: every element
// of the output is a sum over pairs of an input and a weight, plus a bias.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "test/conformance/reference.h"

namespace switchyard::conformance::reference {

// Indices of the two factors. Padding is left out: it adds nothing to any of the sums.
struct Term {
  size_t input, weight;
};

class Products {
 public:
  // Errors: NotImplemented (combination of types). The tensors must outlive the object; `bias` may
  // be null. `output` is the value that the results are stored in.
  static Result<Products> Create(const Tensor& input, const Tensor& weights, const Tensor* bias,
                                 const Value& output);

  // Stores element `index` of `result`: the sum of `terms` for output channel `channel`. `slice` is
  // that of a dynamically quantized input.
  void Finish(std::span<const Term> terms, size_t channel, size_t slice, Range range,
              Tensor& result, size_t index) const;

 private:
  enum class Arithmetic { kFloat, kInteger, kDynamic, kDynamicBlocks };

  Products(Arithmetic arithmetic, const Tensor& input, const Tensor& weights, const Tensor* bias)
      : arithmetic_(arithmetic), input_(&input), weights_(&weights), bias_(bias) {}

  double Bias(size_t channel) const;
  double WeightScale(size_t channel) const;
  void FinishFloat(std::span<const Term> terms, size_t channel, Range range, Tensor& result,
                   size_t index) const;
  void FinishInteger(std::span<const Term> terms, size_t channel, Range range, Tensor& result,
                     size_t index) const;
  void FinishDynamic(std::span<const Term> terms, size_t channel, size_t slice, Range range,
                     Tensor& result, size_t index) const;
  void FinishBlocks(std::span<const Term> terms, size_t channel, size_t slice, Range range,
                    Tensor& result, size_t index) const;

  Arithmetic arithmetic_;
  const Tensor* input_;
  const Tensor* weights_;
  const Tensor* bias_;
};

}  // namespace switchyard::conformance::reference
