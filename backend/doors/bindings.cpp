#include "backend/doors/bindings.h"

#include <dlfcn.h>
#include <link.h>
#include <pthreadpool.h>

#include <string>
#include <string_view>

#include "kernels/cpu/features.h"
#include "runtime/elf_reader.h"

// Only their addresses are of interest; their headers belong to other rooms.
extern "C" {
void xnn_initialize(void);
void cpuinfo_initialize(void);
}

namespace switchyard {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kFunctionSlots[] = {R_X86_64_JUMP_SLOT, R_X86_64_GLOB_DAT};
#elif defined(__aarch64__)
constexpr uint32_t kFunctionSlots[] = {R_AARCH64_JUMP_SLOT, R_AARCH64_GLOB_DAT};
#else
#error "Which relocations has this machine?"
#endif

template <typename Function>
const void* AddressOf(Function* function) {
  return reinterpret_cast<const void*>(function);
}

// Functions that must come from one library, which is that of `first` as this library got it.
struct Family {
  std::string_view prefix;
  const char* first_name;
  const void* first;
};

const Family kFamilies[] = {
    {"xnn_", "xnn_initialize", AddressOf(xnn_initialize)},
    {"pthreadpool_", "pthreadpool_create", AddressOf(pthreadpool_create)},
    {"cpuinfo_", "cpuinfo_initialize", AddressOf(cpuinfo_initialize)},
};

const link_map* ObjectOf(const void* address) {
  Dl_info info;
  void* map = nullptr;
  return dladdr1(address, &info, &map, RTLD_DL_LINKMAP) != 0 ? static_cast<link_map*>(map)
                                                             : nullptr;
}

std::string PathOf(const link_map* object) {
  if (object == nullptr) return "(unknown)";
  return object->l_name[0] != '\0' ? object->l_name : "the program";
}

// The tables of a loaded object that lead to what it calls.
struct Tables {
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela) * slots[2] = {};  // of functions, of the rest
  size_t slot_bytes[2] = {};
};

Tables TablesOf(const link_map& object) {
  const ElfDynamic dynamic = DynamicOf(object);
  const auto table = [&]<typename T>(int64_t tag, const T*& to) {
    // The linker has made most addresses absolute, but not every C library does.
    uint64_t address = FindDynamic(dynamic, tag);
    if (address != 0 && address < object.l_addr) address += object.l_addr;
    to = reinterpret_cast<const T*>(address);
  };
  Tables tables;
  table(DT_SYMTAB, tables.symbols);
  table(DT_STRTAB, tables.names);
  table(DT_JMPREL, tables.slots[0]);
  table(DT_RELA, tables.slots[1]);
  tables.slot_bytes[0] = FindDynamic(dynamic, DT_PLTRELSZ);
  tables.slot_bytes[1] = FindDynamic(dynamic, DT_RELASZ);
  return tables;
}

bool IsFunctionSlot(const ElfW(Rela) & slot) {
  for (const uint32_t type : kFunctionSlots) {
    if (ELF64_R_TYPE(slot.r_info) == type) return true;
  }
  return false;
}

// What `caller` calls of the family comes from the library of its first function.
Status CheckCaller(const link_map& caller, const Family& family) {
  const link_map* const expected = ObjectOf(family.first);
  const Tables tables = TablesOf(caller);
  if (tables.symbols == nullptr || tables.names == nullptr) return {};
  for (size_t t = 0; t < 2; ++t) {
    const size_t count = tables.slots[t] != nullptr ? tables.slot_bytes[t] / sizeof(ElfW(Rela)) : 0;
    for (size_t i = 0; i < count; ++i) {
      const ElfW(Rela)& slot = tables.slots[t][i];
      if (!IsFunctionSlot(slot)) continue;
      const ElfW(Sym)& symbol = tables.symbols[ELF64_R_SYM(slot.r_info)];
      const std::string_view name = tables.names + symbol.st_name;
      if (!name.starts_with(family.prefix)) continue;
      const void* bound = *reinterpret_cast<void**>(caller.l_addr + slot.r_offset);
      const link_map* const found = bound != nullptr ? ObjectOf(bound) : expected;
      // One that has not been called yet may still point at its caller's own stub.
      const bool is_stub = found == &caller && symbol.st_shndx == SHN_UNDEF;
      if (found == expected || is_stub) continue;
      return Fail(ErrorCode::kInvalidState,
                  "libraries: {} gets {} from {}, but {} is from {}, expected one library for "
                  "both; load the module with RTLD_DEEPBIND, or without if it was loaded so, and "
                  "see in what order the process loads these",
                  PathOf(&caller), name, PathOf(found), family.first_name, PathOf(expected));
    }
  }
  return {};
}

// That XNNPACK is of the libraries that `object` names as needed, if one of them has it.
Status CheckXnnpack(const link_map& object, const link_map* xnnpack) {
  const Tables tables = TablesOf(object);
  for (const ElfW(Dyn) & entry : DynamicOf(object)) {
    if (entry.d_tag != DT_NEEDED || tables.names == nullptr) continue;
    const char* needed = tables.names + entry.d_un.d_val;
    void* handle = dlopen(needed, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) continue;
    void* own = dlsym(handle, kFamilies[0].first_name);
    const link_map* const expected = own != nullptr ? ObjectOf(own) : nullptr;
    dlclose(handle);  // it stays, being needed
    if (expected == nullptr || expected == xnnpack) continue;
    return Fail(ErrorCode::kInvalidState,
                "libraries: {} needs {}, but gets {} from {}; load the module with RTLD_DEEPBIND",
                PathOf(&object), PathOf(expected), kFamilies[0].first_name, PathOf(xnnpack));
  }
  return {};
}

}  // namespace

void KeepCpuinfoLoaded() {
  Dl_info library;
  if (dladdr(AddressOf(cpuinfo_initialize), &library) == 0) return;
  // Null where it is a part of the program, which stays anyway.
  void* handle = dlopen(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  if (handle != nullptr) dlclose(handle);
}

Status CheckBindings() {
  const link_map* const own = ObjectOf(reinterpret_cast<const void*>(&CheckBindings));
  const link_map* const xnnpack = ObjectOf(kFamilies[0].first);
  if (own == nullptr || xnnpack == nullptr) return {};  // linked without the dynamic linker
  SWITCHYARD_TRY(CheckXnnpack(*own, xnnpack));
  for (const Family& family : kFamilies) {
    SWITCHYARD_TRY(CheckCaller(*own, family));
    if (own != xnnpack) SWITCHYARD_TRY(CheckCaller(*xnnpack, family));
    // One that was there before, behind another of its names, fills the other's variables.
    if (const link_map* const library = ObjectOf(family.first); library != nullptr) {
      SWITCHYARD_TRY(CheckCaller(*library, family));
    }
  }
  return CheckCpuinfoLayout();
}

}  // namespace switchyard
