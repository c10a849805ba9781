// Writes what the fuzzers begin with: FOLDER/payload, the payloads of test/data; and
// FOLDER/differential and FOLDER/sequence, bytes with which every kind of graph is drawn.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <format>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "test/conformance/random.h"
#include "test/fuzz/known_data.h"

namespace switchyard::fuzz {
namespace {

constexpr size_t kNumDrawn = 300;

bool Write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  if (file.flush()) return true;
  std::fprintf(stderr, "fuzz_make_seeds: cannot write %s\n", path.c_str());
  return false;
}

bool WriteSeeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder / "payload");
  const KnownData known;
  for (const test::Model& model : known.models()) {
    for (const test::ModelPayload& payload : model.payloads) {
      std::string name = payload.name;
      std::ranges::replace(name, '/', '.');
      if (!Write(folder / "payload" / name, payload.bytes)) return false;
    }
  }
  conformance::Random random("seeds", 0);
  struct {
    std::string_view target;
    size_t num_bytes;
  } const kDrawn[] = {{"differential", 64}, {"sequence", 192}};
  for (const auto& [target, num_bytes] : kDrawn) {
    std::filesystem::create_directories(folder / target);
    for (size_t i = 0; i < kNumDrawn; ++i) {
      const auto bytes = random.Integers<uint8_t>(num_bytes, 0, 255);
      const auto path = folder / target / std::format("random.{}", i);
      if (!Write(path, std::as_bytes(std::span(bytes)))) return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace switchyard::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_make_seeds FOLDER\n");
    return 2;
  }
  return switchyard::fuzz::WriteSeeds(argv[1]) ? 0 : 1;
}
