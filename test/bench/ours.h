// Our side: a payload loaded by the backend, so that blocking, threads and packing are the real
// ones.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/plan/report.h"
#include "runtime/blob_runner.h"
#include "test/bench/contender.h"
#include "test/bench/product.h"

namespace switchyard::bench {

using LoadOptionValues = std::map<std::string, OptionValue>;

class Ours final : public Contender {
 public:
  // `payload` is that of WriteProduct, or with `twice` that of WriteTwice. Its backend, and so its
  // packed weights, are shared with no other.
  static Result<std::unique_ptr<Ours>> Make(const Product& product, const Payload& payload,
                                            const LoadOptionValues& options, pthreadpool* pool,
                                            bool twice = false);

  // With `twice` what the first product took once its rows were packed; an error, NotSupported,
  // where they are not packed by a step of their own.
  Result<double> TimedRun() override;
  const OwnedTensor& output() const { return arguments_[1]; }

  // Of the product. Valid as long as this is.
  const NodeReport& node() const;
  uint64_t packed_bytes() const;
  double load_seconds() const { return load_seconds_; }

 private:
  class StepTimer;
  Ours(std::unique_ptr<Backend> backend, BlobRunner runner)
      : backend_(std::move(backend)), runner_(std::move(runner)) {}

  std::unique_ptr<Backend> backend_;
  mutable BlobRunner runner_;
  std::vector<OwnedTensor> arguments_;
  std::vector<TensorView> views_;
  bool twice_ = false;
  double load_seconds_ = 0;
};

}  // namespace switchyard::bench
