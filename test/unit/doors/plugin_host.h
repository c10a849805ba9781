// A C host of the plugin module, for tests: knows the header and nothing else of the library.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "runtime/plugin.h"

namespace switchyard::test {

// A struct of zeros with its size.
template <typename T>
T Sized() {
  T zeros;
  std::memset(&zeros, 0, sizeof zeros);
  zeros.struct_size = sizeof zeros;
  return zeros;
}

struct Text {
  Text() {
    text = Sized<switchyard_text>();
    text.data = buffer.data();
    text.capacity = buffer.size();
  }
  operator switchyard_text*() { return &text; }
  std::string str() const { return buffer.data(); }

  std::array<char, 2048> buffer{};
  switchyard_text text;
};

// The module, loaded and asked.
class PluginModule {
 public:
  PluginModule() {
    handle_ = dlopen(SWITCHYARD_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
      ADD_FAILURE() << dlerror();
      return;
    }
    query =
        reinterpret_cast<switchyard_plugin_query_function>(dlsym(handle_, SWITCHYARD_PLUGIN_QUERY));
    auto request = Sized<switchyard_query>();
    request.min_version = request.max_version = SWITCHYARD_PLUGIN_VERSION;
    Text message;
    EXPECT_EQ(query(&request, &table, message), SWITCHYARD_OK) << message.str();
  }
  PluginModule(const PluginModule&) = delete;
  PluginModule& operator=(const PluginModule&) = delete;
  ~PluginModule() {
    if (handle_ != nullptr) dlclose(handle_);
  }

  const switchyard_plugin* operator->() const { return table; }

  switchyard_plugin_query_function query = nullptr;
  const switchyard_plugin* table = nullptr;

 private:
  void* handle_ = nullptr;
};

// A tensor that owns its data and can be resized.
struct Tensor {
  Tensor(switchyard_element_type type, const std::vector<uint64_t>& sizes, size_t num_bytes)
      : data(num_bytes + 64) {
    c = Sized<switchyard_tensor>();
    c.element_type = type;
    c.rank = static_cast<uint32_t>(sizes.size());
    std::copy(sizes.begin(), sizes.end(), c.sizes);
    c.data = data.data();
    c.capacity_bytes = num_bytes;
    c.context = this;
    c.resize = [](switchyard_tensor* tensor, const uint64_t* wanted,
                  switchyard_text*) -> switchyard_status {
      auto* self = static_cast<Tensor*>(tensor->context);
      ++self->resizes;
      size_t bytes = sizeof(float);
      for (uint32_t i = 0; i < tensor->rank; ++i) bytes *= tensor->sizes[i] = wanted[i];
      self->data.assign(bytes + 64, 0);
      tensor->data = self->data.data();
      tensor->capacity_bytes = bytes;
      return SWITCHYARD_OK;
    };
  }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  float* floats() { return static_cast<float*>(c.data); }

  switchyard_tensor c;
  std::vector<char> data;
  int resizes = 0;
};

}  // namespace switchyard::test
