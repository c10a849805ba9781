#include "runtime/module_file.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/base/checked_math.h"
#include "runtime/elf_reader.h"
#include "runtime/plugin.h"

namespace switchyard {
namespace {

struct SanitizerRow {
  uint32_t bit;
  std::string_view name;
  std::string_view prefix;  // of the symbols that instrumented code needs
  const char* symbol;       // that its runtime defines
};

constexpr SanitizerRow kSanitizers[] = {
    {SWITCHYARD_SANITIZER_ADDRESS, "address", "__asan_init", "__asan_init"},
    {SWITCHYARD_SANITIZER_THREAD, "thread", "__tsan_init", "__tsan_init"},
    {SWITCHYARD_SANITIZER_MEMORY, "memory", "__msan_init", "__msan_init"},
    {SWITCHYARD_SANITIZER_UNDEFINED, "undefined", "__ubsan_handle_", "__ubsan_handle_add_overflow"},
};

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr std::string_view kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr std::string_view kMachineName = "AArch64";
#else
#error "Which machine is this?"
#endif

constexpr size_t kMaxSegments = 256;

class File {
 public:
  // Not blocking, so that a pipe is an error and not a wait.
  explicit File(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  bool is_open() const { return descriptor_ >= 0; }
  // Nothing for what is not a regular file.
  std::optional<uint64_t> Size() const {
    struct stat status;
    if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return static_cast<uint64_t>(status.st_size);
  }
  bool Read(uint64_t offset, void* to, uint64_t bytes) const {
    auto* next = static_cast<char*>(to);
    while (bytes > 0) {
      if (offset > INT64_MAX) return false;
      const ssize_t got = pread(descriptor_, next, bytes, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      next += got;
      offset += static_cast<uint64_t>(got);
      bytes -= static_cast<uint64_t>(got);
    }
    return true;
  }

 private:
  const int descriptor_;
};

std::unexpected<Error> Damaged(const std::string& path, std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument,
              "module '{}': {}, expected a complete shared library; build or copy it again", path,
              what);
}

Result<ElfW(Ehdr)> ReadHeader(const File& file, const std::string& path) {
  ElfW(Ehdr) header;
  if (!file.Read(0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return Fail(ErrorCode::kNotSupported,
                "module '{}': not an ELF file, expected a shared library; pass the path of one",
                path);
  }
  const bool fits_machine = header.e_ident[EI_CLASS] == ELFCLASS64 &&
                            header.e_ident[EI_DATA] == ELFDATA2LSB && header.e_machine == kMachine;
  if (!fits_machine) {
    return Fail(ErrorCode::kNotSupported,
                "module '{}': an ELF file of {} bits for machine {}, expected one of 64 bits for "
                "{} ({}); build it for this machine",
                path, header.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32, header.e_machine,
                kMachineName, kMachine);
  }
  if (header.e_type != ET_DYN) {
    return Fail(ErrorCode::kNotSupported,
                "module '{}': an ELF file of type {}, expected a shared library ({}); pass the "
                "path of one",
                path, header.e_type, ET_DYN);
  }
  return header;
}

// The file's segments, through which addresses become offsets.
class Image {
 public:
  Image(const File& file, uint64_t file_bytes, std::vector<ElfW(Phdr)> segments)
      : file_(file), file_bytes_(file_bytes), segments_(std::move(segments)) {}

  // `count` items from an address on; nothing if the file does not have them.
  template <typename T>
  std::optional<std::vector<T>> Read(uint64_t address, uint64_t count) const {
    if (count > file_bytes_ / sizeof(T)) return std::nullopt;
    const uint64_t bytes = count * sizeof(T);
    const ElfW(Phdr)* const segment =
        FindLoadSegment(segments_, address, bytes, &ElfW(Phdr)::p_filesz);
    if (segment == nullptr) return std::nullopt;
    const auto offset = CheckedAdd<uint64_t>(segment->p_offset, address - segment->p_vaddr);
    std::vector<T> items(count);
    if (!offset || !file_.Read(*offset, items.data(), bytes)) return std::nullopt;
    return items;
  }

  // Empty: it has none, or it cannot be read.
  std::vector<ElfW(Dyn)> Dynamic() const {
    for (const ElfW(Phdr) & segment : segments_) {
      if (segment.p_type != PT_DYNAMIC || segment.p_filesz > file_bytes_) continue;
      std::vector<ElfW(Dyn)> entries(segment.p_filesz / sizeof(ElfW(Dyn)));
      const uint64_t bytes = entries.size() * sizeof(ElfW(Dyn));
      if (file_.Read(segment.p_offset, entries.data(), bytes)) return entries;
    }
    return {};
  }

 private:
  const File& file_;
  const uint64_t file_bytes_;
  const std::vector<ElfW(Phdr)> segments_;
};

// How many symbols from the first on hold all undefined ones: those that the hash table leaves out
// come first, and undefined ones are left out; an old table counts all.
std::optional<uint64_t> NumSymbols(const Image& image, ElfDynamic dynamic) {
  for (const int64_t tag : {int64_t{DT_GNU_HASH}, int64_t{DT_HASH}}) {
    const uint64_t address = FindDynamic(dynamic, tag);
    if (address == 0) continue;
    // GNU: number of buckets, first symbol in the table; old: number of buckets, of symbols.
    if (const auto words = image.Read<uint32_t>(address, 2)) return (*words)[1];
  }
  return std::nullopt;
}

}  // namespace

std::string SanitizerNames(uint32_t sanitizers) {
  std::string names;
  for (const SanitizerRow& row : kSanitizers) {
    if ((sanitizers & row.bit) != 0) names.append(names.empty() ? "" : ", ").append(row.name);
  }
  return names.empty() ? "none" : names;
}

uint32_t SanitizersOfThisProcess() {
  uint32_t sanitizers = 0;
  for (const SanitizerRow& row : kSanitizers) {
    if (dlsym(RTLD_DEFAULT, row.symbol) != nullptr) sanitizers |= row.bit;
  }
  return sanitizers;
}

Status CheckSanitizers(const std::string& path, uint32_t sanitizers, uint32_t process) {
  constexpr uint32_t kSeesAll = SWITCHYARD_SANITIZER_THREAD | SWITCHYARD_SANITIZER_MEMORY;
  if ((sanitizers & ~process) == 0 && (process & kSeesAll & ~sanitizers) == 0) return {};
  return Fail(ErrorCode::kNotSupported,
              "module '{}': built with sanitizers: {}; this process has: {}, expected the same; "
              "build both alike",
              path, SanitizerNames(sanitizers), SanitizerNames(process));
}

Result<uint32_t> SanitizersOfModuleFile(const std::string& path) {
  const File file(path);
  if (!file.is_open()) {
    return Fail(ErrorCode::kAccessFailed, "module '{}': {}; pass the path of a shared library",
                path, std::strerror(errno));
  }
  const std::optional<uint64_t> file_bytes = file.Size();
  if (!file_bytes) {
    return Fail(ErrorCode::kAccessFailed,
                "module '{}': not a regular file, expected a shared library; pass its path", path);
  }
  SWITCHYARD_ASSIGN(const ElfW(Ehdr) header, ReadHeader(file, path));
  if (header.e_phentsize != sizeof(ElfW(Phdr)) || header.e_phnum > kMaxSegments) {
    return Damaged(path, "its program headers have another form");
  }
  std::vector<ElfW(Phdr)> segments(header.e_phnum);
  if (!file.Read(header.e_phoff, segments.data(), segments.size() * sizeof(ElfW(Phdr)))) {
    return Damaged(path, "its program headers are cut off");
  }
  const Image image(file, *file_bytes, std::move(segments));
  const std::vector<ElfW(Dyn)> dynamic = image.Dynamic();
  const std::optional<uint64_t> num_symbols = NumSymbols(image, dynamic);
  if (!num_symbols) return Damaged(path, "it has no table of dynamic symbols");
  const auto symbols = image.Read<ElfW(Sym)>(FindDynamic(dynamic, DT_SYMTAB), *num_symbols);
  const auto names =
      image.Read<char>(FindDynamic(dynamic, DT_STRTAB), FindDynamic(dynamic, DT_STRSZ));
  if (!symbols || !names) return Damaged(path, "its table of dynamic symbols is cut off");
  uint32_t sanitizers = 0;
  for (const ElfW(Sym) & symbol : *symbols) {
    if (symbol.st_shndx != SHN_UNDEF || symbol.st_name >= names->size()) continue;
    const std::string_view rest(names->data() + symbol.st_name, names->size() - symbol.st_name);
    for (const SanitizerRow& row : kSanitizers) {
      if (rest.starts_with(row.prefix)) sanitizers |= row.bit;
    }
  }
  return sanitizers;
}

}  // namespace switchyard
