// `gemm_bench`: our kernels and the stock operators, product by product.
#include <pthreadpool.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "backend/options.h"
#include "backend/switchyard_backend.h"
#include "test/bench/library_peers.h"
#include "test/bench/measure.h"
#include "test/bench/peer_process.h"
#include "test/bench/table.h"

namespace switchyard::bench {
namespace {

struct Arguments {
  std::vector<std::string> variants, shapes, files;
  std::vector<size_t> threads = {1};
  std::string filter, force, cpu;
  std::vector<std::filesystem::path> reports;
  size_t block_length = 32;
  size_t creations = Effort().creations;
  bool quick = false, yields = false, rows = false, peers = false;
};

struct DestroyPool {
  void operator()(pthreadpool_t pool) const { pthreadpool_destroy(pool); }
};

Result<std::vector<Shape>> Shapes(const Arguments& arguments) {
  std::vector<Shape> shapes;
  for (const std::string& text : arguments.shapes) {
    SWITCHYARD_ASSIGN(Shape shape, ParseShape(text));
    shapes.push_back(std::move(shape));
  }
  std::vector<std::string> files = arguments.files;
  if (shapes.empty() && files.empty())
    files = {"mlp", "vit_b", "llama_1b", "resnet50", "mobilenet_v2"};
  for (const std::string& file : files) {
    // The name of one of ours, or a path.
    const bool is_ours = file.find_first_of("./") == std::string::npos;
    SWITCHYARD_ASSIGN(std::vector<Shape> read,
                      ReadShapes(is_ours ? SWITCHYARD_BENCH_SHAPES "/" + file + ".txt" : file));
    shapes.insert(shapes.end(), read.begin(), read.end());
  }
  return shapes;
}

Result<std::vector<Variant>> Variants(const Arguments& arguments) {
  std::vector<Variant> variants;
  for (size_t i = 0; i < kNumVariants; ++i) {
    const auto variant = static_cast<Variant>(i);
    if (arguments.variants.empty() || std::ranges::contains(arguments.variants, Name(variant))) {
      variants.push_back(variant);
    }
  }
  if (variants.size() == kNumVariants || variants.size() == arguments.variants.size()) {
    return variants;
  }
  return Fail(ErrorCode::kInvalidArgument,
              "--variant: expected some of pf32, pf16, qp8_f32_qc8w, pqs8_qc8w, qp8_f32_qb4w");
}

// The load options of a product's lines: one set, or one for each row that is to be forced.
Result<std::vector<LoadOptionValues>> OptionSets(const Product& product,
                                                 const Arguments& arguments) {
  LoadOptionValues options;
  if (!arguments.cpu.empty()) options[std::string(kOptionCpuFeatures)] = arguments.cpu;
  if (!arguments.force.empty()) options[std::string(kOptionForceKernel)] = arguments.force;
  if (!arguments.yields && !arguments.rows) return std::vector{options};
  SWITCHYARD_ASSIGN(const Payload payload, WriteProduct(product));
  SWITCHYARD_ASSIGN(const std::unique_ptr<Ours> ours,
                    Ours::Make(product, payload, options, /*pool=*/nullptr));
  std::vector<std::string> rows;
  if (arguments.rows && ours->node().kernel) rows.push_back(ours->node().kernel->name);
  for (const KernelRejection& row : ours->node().rejected) {
    // Rows of plain C++ yield everywhere, and nobody wants to know by how much.
    const bool yields = row.reason.id == ReasonId::kKernelYields && !IsPlainRow(row.name);
    if (arguments.rows ? row.may_be_forced : yields) rows.push_back(row.name);
  }
  std::vector<LoadOptionValues> sets;
  for (std::string& row : rows) {
    sets.emplace_back(options)[std::string(kOptionForceKernel)] = std::move(row);
  }
  return sets;
}

Status RunAll(const Arguments& arguments) {
  SWITCHYARD_ASSIGN(const std::vector<Shape> shapes, Shapes(arguments));
  SWITCHYARD_ASSIGN(const std::vector<Variant> variants, Variants(arguments));
  Effort effort = {.creations = arguments.creations};
  if (arguments.quick) effort = {.creations = 1, .runs = 1, .seconds = 0};
  Peaks peaks(arguments.quick ? 1e-3 : 0.05);
  std::vector<std::unique_ptr<pthreadpool, DestroyPool>> pools;
  for (const size_t threads : arguments.threads) {
    pools.emplace_back(threads > 1 ? pthreadpool_create(threads) : nullptr);
  }
  const std::regex filter(arguments.filter);
  std::vector<Measurement> measurements;
  std::vector<std::string> peers;
  if (arguments.peers) {
    peers.emplace_back("executorch");
    for (const LibraryPeer& peer : LibraryPeers()) peers.emplace_back(peer.name);
  }
  TablePrinter table(std::cout, peers);
  std::unique_ptr<PeerProcess> executorch;
  for (const Variant variant : variants) {
    for (const Shape& shape : shapes) {
      if (!Exists(variant, shape, arguments.block_length)) continue;
      Product product = MakeProduct(variant, shape, arguments.block_length);
      if (!std::regex_search(product.name(), filter)) continue;
      SWITCHYARD_ASSIGN(const std::vector<LoadOptionValues> sets, OptionSets(product, arguments));
      if (arguments.peers && !sets.empty()) {
        // A new one where it has ended, over one product.
        if (executorch == nullptr || !executorch->SetProduct(product, arguments.block_length)) {
          SWITCHYARD_ASSIGN(executorch, PeerProcess::Start(PeerProcess::Program()));
          SWITCHYARD_TRY(executorch->SetProduct(product, arguments.block_length));
        }
      }
      for (const LoadOptionValues& options : sets) {
        for (size_t i = 0; i < pools.size(); ++i) {
          const Machine machine = {peaks, pools[i].get(), arguments.threads[i], executorch.get(),
                                   /*libraries=*/arguments.peers};
          Result<Measurement> measurement = Measure(product, options, machine, effort);
          if (!measurement && measurement.error().code == ErrorCode::kNotSupported) {
            std::cerr << "not measured: " << measurement.error().message << '\n';
            continue;
          }
          SWITCHYARD_TRY(measurement);
          table.Print(*measurement);
          measurements.push_back(*std::move(measurement));
        }
      }
    }
  }
  PrintMeans(std::cout, measurements);
  for (const std::filesystem::path& path : arguments.reports) {
    SWITCHYARD_TRY(WriteMeasurements(measurements, path));
  }
  if (!measurements.empty()) return {};
  if (arguments.yields) {
    std::cout << "no row that could run these products yields\n";
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument, "no product; widen --filter, --variant or --shape");
}

}  // namespace
}  // namespace switchyard::bench

int main(int argc, char** argv) {
  switchyard::bench::Arguments arguments;
  CLI::App app("Times our kernels and stock XNNPACK's operators on the same products");
  app.add_option("--variant", arguments.variants, "pf32, pf16, ...; all by default")
      ->delimiter(',');
  app.add_option("--shape", arguments.shapes, "MxNxK or HxWxC:OkKsS (Conv2d)")->delimiter(',');
  app.add_option(
         "--file", arguments.files,
         "Shapes of a file: mlp, vit_b, llama_1b, resnet50, mobilenet_v2, or a path; all of "
         "these by default")
      ->delimiter(',');
  app.add_option("--threads", arguments.threads, "Numbers of threads, such as 1,2")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("--filter", arguments.filter, "Regular expression on names: fc.pf32.128x768x3072");
  app.add_option("--force", arguments.force, "Row or tier of the kernel table that is to run");
  app.add_option("--cpu", arguments.cpu, "CPU features that our kernels may use: avx2, host,...");
  CLI::Option* yields =
      app.add_flag("--yields", arguments.yields, "Forces each row where it yields to stock");
  app.add_flag("--rows", arguments.rows, "Forces each row that can run")->excludes(yields);
  app.add_option("--block", arguments.block_length, "Elements that share a scale of int4 weights")
      ->check(CLI::IsMember({32, 64, 128, 256}));
  app.add_option("--creations", arguments.creations,
                 "Fresh creations that a ratio is the median of")
      ->check(CLI::Range(1, 1000));
  app.add_flag("--quick", arguments.quick, "One creation, one run: whether it works");
  app.add_flag("--peers", arguments.peers,
               "Also ExecuTorch's own backend, and the libraries that were found");
  app.add_option("--report", arguments.reports, "Files to write, .csv or .json");
  CLI11_PARSE(app, argc, argv);
  if (const switchyard::Status status = switchyard::bench::RunAll(arguments); !status) {
    std::cerr << "gemm_bench: " << status.error().message << '\n';
    return 1;
  }
  return 0;
}
