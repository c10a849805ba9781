// Random numbers that are the same on every machine.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace switchyard::conformance {

class Random {
 public:
  // Different names give unrelated numbers.
  Random(std::string_view name, uint64_t seed) : state_(seed ^ 0xCBF29CE484222325) {
    for (char c : name) state_ = (state_ ^ static_cast<uint8_t>(c)) * 0x100000001B3;
    Next();
  }

  uint64_t Next() {  // splitmix64
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  // From `low` to `high`, both included.
  int64_t Integer(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Next() % static_cast<uint64_t>(high - low + 1));
  }
  // At least `low`, below `high`.
  double Real(double low, double high) {
    return low + (high - low) * static_cast<double>(Next() >> 11) * 0x1p-53;
  }
  std::vector<float> Reals(size_t count, double low, double high) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(Real(low, high));
    return values;
  }
  template <typename T>
  std::vector<T> Integers(size_t count, int64_t low, int64_t high) {
    std::vector<T> values(count);
    for (T& value : values) value = static_cast<T>(Integer(low, high));
    return values;
  }

 private:
  uint64_t state_;
};

}  // namespace switchyard::conformance
