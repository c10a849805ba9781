#include "backend/doors/libraries.h"

#include <dlfcn.h>

#include <string>

#include "kernels/cpu/features.h"

// Only their addresses are of interest; pthreadpool's header overloads some for C++.
extern "C" {
void pthreadpool_create(void);
__attribute__((weak)) void pthreadpool_create_v2(void);  // Debian's has none yet
void pthreadpool_destroy(void);
void pthreadpool_get_threads_count(void);
void pthreadpool_parallelize_1d(void);
void pthreadpool_parallelize_2d_tile_2d(void);
void pthreadpool_parallelize_6d_tile_2d(void);
}

namespace switchyard {
namespace {

struct Function {
  const char* name;
  void (*address)(void);  // as this library got it
};

// What makes, uses and ends a pool.
constexpr Function kFunctions[] = {
    {"pthreadpool_create", pthreadpool_create},
    {"pthreadpool_create_v2", pthreadpool_create_v2},
    {"pthreadpool_destroy", pthreadpool_destroy},
    {"pthreadpool_get_threads_count", pthreadpool_get_threads_count},
    {"pthreadpool_parallelize_1d", pthreadpool_parallelize_1d},
    {"pthreadpool_parallelize_2d_tile_2d", pthreadpool_parallelize_2d_tile_2d},
    {"pthreadpool_parallelize_6d_tile_2d", pthreadpool_parallelize_6d_tile_2d},
};

std::string LibraryOf(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "(unknown)";
}

Status CheckPthreadpool() {
  const std::string expected = LibraryOf(reinterpret_cast<const void*>(kFunctions[0].address));
  for (const Function& function : kFunctions) {
    // What a shared library that came with the program gets, XNNPACK for one. It is not what we got
    // when a pthreadpool is linked into the program without being exported by it.
    const void* visible = dlsym(RTLD_DEFAULT, function.name);
    for (const void* address : {reinterpret_cast<const void*>(function.address), visible}) {
      if (address == nullptr) continue;
      const std::string found = LibraryOf(address);
      if (found == expected) continue;
      return Fail(ErrorCode::kInvalidState,
                  "thread pool: {} comes from {}, but {} from {}, expected one library for both; "
                  "link libexecutorch_threadpool before libpthreadpool and libXNNPACK",
                  kFunctions[0].name, expected, function.name, found);
    }
  }
  return {};
}

}  // namespace

Status CheckLibraries() {
  static const Status& status = *new Status([]() -> Status {
    SWITCHYARD_TRY(CheckPthreadpool());
    return CheckCpuinfoLayout();
  }());
  return status;
}

}  // namespace switchyard
