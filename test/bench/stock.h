// The stock side: XNNPACK's own operator on the same data, through its operator API.
#pragma once

#include <cstdint>
#include <memory>

#include "test/bench/contender.h"
#include "test/bench/product.h"

// pthreadpool_t is a pointer to this.
struct pthreadpool;

namespace switchyard::bench {

class Stock : public Contender {
 public:
  // Which part of a run counts.
  enum class Counts : uint8_t {
    kEverything,
    kProduct,  // not the quantization of its rows
  };

  // Created, reshaped and set up: a run is xnn_run_operator, for variants that quantize rows of
  // Convert and then of FullyConnected. `product` must outlive it. XNNPACK must be initialised,
  // which loading a payload does. Errors: NotSupported where XNNPACK has no such operator on this
  // CPU.
  static Result<std::unique_ptr<Stock>> Make(const Product& product, pthreadpool* pool,
                                             Counts counts = Counts::kEverything);

  virtual const OwnedTensor& output() const = 0;
  // Of creating the operator, packing included.
  virtual double load_seconds() const = 0;
};

}  // namespace switchyard::bench
