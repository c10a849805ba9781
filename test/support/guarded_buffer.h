// A buffer that nobody can leave unnoticed: it ends at a page without access, so that a read or
// write past the end is a crash, and what lies before it is checked.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace switchyard::test {

class GuardedBuffer {
 public:
  // `size` bytes, each `fill`. Aligned as `size` is, to at most a page.
  explicit GuardedBuffer(size_t size = 0, unsigned char fill = kFill) : size_(size), fill_(fill) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t pages = (size + page - 1) / page;
    mapped_ = (pages + 2) * page;
    void* base = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) std::abort();
    base_ = static_cast<std::byte*>(base);
    if (pages != 0 && mprotect(base_ + page, pages * page, PROT_READ | PROT_WRITE) != 0) {
      std::abort();
    }
    front_ = base_ + page;
    data_ = front_ + pages * page - size;
    std::memset(front_, fill, pages * page);
  }
  GuardedBuffer(GuardedBuffer&& other) noexcept { *this = std::move(other); }
  GuardedBuffer& operator=(GuardedBuffer&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(front_, other.front_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
    std::swap(fill_, other.fill_);
    return *this;
  }
  ~GuardedBuffer() {
    if (base_ != nullptr) munmap(base_, mapped_);
  }

  template <typename T>
  static GuardedBuffer Of(const std::vector<T>& values) {
    GuardedBuffer buffer(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(buffer.data(), values.data(), buffer.size());
    return buffer;
  }

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  bool FrontIsIntact() const {
    return std::all_of(front_, data_, [this](std::byte b) { return b == std::byte{fill_}; });
  }

  static constexpr unsigned char kFill = 0xCD;

 private:
  std::byte* base_ = nullptr;
  std::byte* front_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_ = 0, mapped_ = 0;
  unsigned char fill_ = kFill;
};

}  // namespace switchyard::test
