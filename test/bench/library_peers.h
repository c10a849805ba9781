// Libraries of matrix products that were found when this was configured, as sides of a comparison:
// OpenBLAS (SWITCHYARD_OPENBLAS) and oneDNN (SWITCHYARD_ONEDNN).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/tensor.h"
#include "test/bench/contender.h"
#include "test/bench/product.h"

namespace switchyard::bench {

class LibraryContender : public Contender {
 public:
  virtual const OwnedTensor& output() const = 0;
  virtual double load_seconds() const = 0;
};

struct LibraryPeer {
  std::string_view name;  // "openblas"
  // `product` must outlive what it makes. Errors: NotSupported, but for an f32 FullyConnected.
  Result<std::unique_ptr<LibraryContender>> (*make)(const Product& product, size_t threads);
};

std::span<const LibraryPeer> LibraryPeers();

}  // namespace switchyard::bench
