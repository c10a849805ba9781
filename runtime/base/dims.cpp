#include "runtime/base/dims.h"

namespace switchyard {

std::string ToString(const Dims& dims) {
  std::string text = "[";
  for (size_t size : dims) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text + "]";
}

}  // namespace switchyard
