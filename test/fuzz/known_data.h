// The constants that the payloads of test/data name, so that these load and their mutants do.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "runtime/base/named_data.h"
#include "test/support/test_data.h"

namespace switchyard::fuzz {

class KnownData final : public NamedDataMap {
 public:
  // Loads every model of test/data. A model that cannot be read is an error of the build tree: the
  // program ends.
  KnownData();

  // Keys are digests of what they name, so models agree about them.
  Result<DataBuffer> Get(std::string_view key) const override;
  const std::vector<test::Model>& models() const { return models_; }

 private:
  std::vector<test::Model> models_;
};

}  // namespace switchyard::fuzz
