#include "tools/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <new>
#include <system_error>
#include <utility>

#include "tools/bench.h"
#include "tools/check.h"
#include "tools/explain.h"
#include "tools/extract.h"
#include "tools/failure.h"
#include "tools/host.h"
#include "tools/inspect.h"
#include "tools/run.h"
#include "tools/tables.h"
#include "tools/text.h"

namespace switchyard::tools {
namespace {

constexpr uint32_t kMaxThreads = 1024;
constexpr uint32_t kMaxRepeats = 1'000'000;
constexpr size_t kMaxRounds = 1000;
constexpr double kMaxSeconds = 3600;
constexpr const char* kOwnProgram = "/proc/self/exe";

constexpr const char* kExitCodes =
    "Exit codes: 0 ok, 1 an answer is not the expected one, 2 usage, 3 a file is damaged or not "
    "what it should be, 4 not supported here.";

struct Options {
  bool verbose = false;
  InspectOptions inspect;
  ExplainOptions explain;
  TablesOptions tables;
  ExtractOptions extract;
  RunOptions run;
  CheckOptions check;
  BenchOptions bench;
  TakeTurnsOptions take_turns;
};

void AddFile(CLI::App& command, std::filesystem::path& file,
             std::vector<std::filesystem::path>& data) {
  command.add_option("FILE", file, "A program (.pte, .bpte) or a bare payload")->required();
  command
      .add_option("--data", data,
                  "External data: a .ptd file, or a folder of KEY.bin files; repeatable")
      ->allow_extra_args(false);
}

void AddMaxMemory(CLI::App& command, uint64_t& max_memory) {
  command
      .add_option("--max-memory", max_memory,
                  "Bytes that a program's plan or a payload's outputs may take")
      ->capture_default_str();
}

// What `bench` takes, and hands on to the processes that it starts.
void AddBenchModel(CLI::App& command, BenchModelOptions& model,
                   std::map<std::string, std::string>& backend_options) {
  AddFile(command, model.file, model.data);
  command.get_option("FILE")->description(
      "A program (.pte, .bpte), a bare payload, or a model folder as `check` takes it");
  command.add_option("--method", model.method, "Method to run (default: forward, or the only one)");
  command
      .add_option("--input", model.inputs,
                  "A .npy file; give the option once for each input (default: the folder's, or "
                  "made up)")
      ->allow_extra_args(false);
  command.add_option("--case", model.model_case, "Case of the folder (default: the last)");
  AddMaxMemory(command, model.max_memory);
  for (const KernelOptionRow& row : kKernelOptions) {
    command.add_option_function<std::string>(
        row.flag,
        [&backend_options, &row](const std::string& value) { backend_options[row.key] = value; },
        row.doc);
  }
}

void AddThreads(CLI::App& command, std::optional<uint32_t>& threads) {
  command.add_option("--threads", threads, "Threads of ExecuTorch's pool (default: one per core)")
      ->check(CLI::Range(uint32_t{1}, kMaxThreads));
}

void AddBench(const Cli& cli, CLI::App& app, Options& options, std::ostream& out,
              std::function<Outcome<ExitCode>()>& action) {
  CLI::App* bench = app.add_subcommand(
      "bench", "Measure a model: loading, runs, nodes, against stock XNNPACK and ExecuTorch's own");
  AddBenchModel(*bench, options.bench.model, options.bench.backend_options);
  bench
      ->add_option("--threads", options.bench.threads,
                   "Threads of ExecuTorch's pool, one after the other: 1,2 (default: one per core)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(uint32_t{1}, kMaxThreads));
  bench
      ->add_option("--seconds", options.bench.seconds,
                   "Seconds of runs, of each side of a comparison")
      ->capture_default_str()
      ->check(CLI::Range(0.0, kMaxSeconds));
  bench
      ->add_option("--rounds", options.bench.rounds,
                   "Fresh loads of each side of a comparison; below 7 chance has more part in it")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, kMaxRounds));
  bench->add_flag("--peer", options.bench.peer,
                  "Also ExecuTorch's own backend, in a process that takes turns with ours");
  bench->add_option("--peer-program", options.bench.peer_program,
                    "The executable for --peer (default: switchyard-peer beside this one)");
  bench->add_flag("--all", options.bench.all_rows, "Every row of the table of nodes");
  bench->add_flag("--json", options.bench.json, "Write JSON");
  bench->callback([&] {
    action = [&] {
      options.bench.program = cli.program;
      // Where Linux does not say, only --peer fails.
      std::error_code error;
      if (cli.program.empty()) {
        options.bench.program = std::filesystem::read_symlink(kOwnProgram, error);
      }
      return Bench(options.bench, *cli.payload_backend, out);
    };
  });
}

// The subcommands of `cli`; the one that was given leaves its function in `action`.
void AddCommands(const Cli& cli, CLI::App& app, Options& options, std::ostream& out,
                 std::function<Outcome<ExitCode>()>& action) {
  if (cli.reads_files) {
    CLI::App* inspect = app.add_subcommand("inspect", "Show what is in a program or a payload");
    AddFile(*inspect, options.inspect.file, options.inspect.data);
    inspect->add_flag("--json", options.inspect.json, "Write JSON");
    inspect->callback([&] { action = [&] { return Inspect(options.inspect, out); }; });

    CLI::App* explain = app.add_subcommand(
        "explain", "Show which kernel would run each node on a CPU, and why not another");
    AddFile(*explain, options.explain.file, options.explain.data);
    explain
        ->add_option("--cpu", options.explain.cpus,
                     "A tier (host, stock"
#define SWITCHYARD_TIER(identifier, macro, name, ...) ", " name
#include "kernels/cpu/tiers.inc"
#undef SWITCHYARD_TIER
                     "), a list of features, or "
                     "sme2:svl=256; repeatable (default: host)")
        ->allow_extra_args(false);
    explain->add_flag("--all", options.explain.all_nodes,
                      "Also the nodes that always run on stock XNNPACK");
    explain
        ->add_option("--threads", options.explain.threads,
                     "Threads of the pool that the model would be loaded with")
        ->capture_default_str()
        ->check(CLI::Range(uint32_t{1}, kMaxThreads));
    explain
        ->add_option("--max-workspace-bytes", options.explain.max_workspace_bytes,
                     "The load option: kernels that need more give way")
        ->capture_default_str();
    explain->add_flag("--json", options.explain.json, "Write JSON");
    explain->callback([&] { action = [&] { return Explain(options.explain, out); }; });

    CLI::App* tables =
        app.add_subcommand("tables", "Print the tables that decide what runs where, as Markdown");
    tables->add_option("NAME", options.tables.names,
                       "rules, kernels, reasons, remedies or options (default: all)");
    tables->callback(
        [&] { action = [&] { return Tables(options.tables, cli.backend_options, out); }; });

    CLI::App* extract =
        app.add_subcommand("extract",
                           "Write the payloads of a program as METHOD.K.xnn, each with "
                           "its named constants inside");
    AddFile(*extract, options.extract.file, options.extract.data);
    extract->add_option("--output-dir", options.extract.output_dir, "Folder to write to")
        ->capture_default_str();
    extract->add_flag("--raw", options.extract.raw,
                      "Write the original bytes, and the named constants as KEY.bin");
    extract->callback([&] { action = [&] { return Extract(options.extract, out); }; });

    AddBench(cli, app, options, out, action);
  }

  // For `bench` of another process; not for people.
  CLI::App* take_turns = app.add_subcommand("take-turns", "Load and run when told on stdin");
  take_turns->group("");
  AddBenchModel(*take_turns, options.take_turns.model, options.take_turns.backend_options);
  take_turns->add_option("--threads", options.take_turns.threads, "Threads of ExecuTorch's pool")
      ->check(CLI::Range(uint32_t{1}, kMaxThreads));
  take_turns->callback(
      [&] { action = [&] { return ServeModel(options.take_turns, cli.payload_backend); }; });

  CLI::App* run = app.add_subcommand("run", "Run a model");
  AddFile(*run, options.run.file, options.run.data);
  run->add_option("--method", options.run.method,
                  "Method to run (default: forward, or the only one)");
  run->add_option("--input", options.run.inputs,
                  "A .npy file; give the option once for each input, in their order")
      ->allow_extra_args(false);
  run->add_option("--output-dir", options.run.output_dir, "Folder to write output_I.npy to");
  AddThreads(*run, options.run.threads);
  AddMaxMemory(*run, options.run.max_memory);
  run->add_option(
         "--repeat", options.run.repeat,
         "Runs after loading; the outputs are those of the last. Above 1, the times of loading "
         "and of the runs are printed")
      ->check(CLI::Range(uint32_t{1}, kMaxRepeats))
      ->capture_default_str();
  run->add_option("--trace", options.run.trace,
                  "File for a trace of all runs, JSON that Perfetto shows");
  run->add_option("--etdump", options.run.etdump,
                  "File for an ETDump of all runs, which ExecuTorch's Inspector reads");
  run->add_flag("--json", options.run.json, "Write JSON");
  run->callback([&] { action = [&] { return Run(options.run, cli.payload_backend, out); }; });

  CLI::App* check =
      app.add_subcommand("check", "Compare models with the expected outputs in their folders");
  check
      ->add_option("DIR", options.check.roots,
                   "A model folder (program, meta.json, caseK/), or a folder of such folders")
      ->required();
  check
      ->add_option("--filter", options.check.filters,
                   "Only folders whose name matches this glob; repeatable")
      ->allow_extra_args(false);
  AddThreads(*check, options.check.threads);
  AddMaxMemory(*check, options.check.max_memory);
  check->add_flag("--json", options.check.json, "Write JSON");
  check->callback([&] { action = [&] { return Check(options.check, out); }; });
}

int RunChecked(const Cli& cli, int argc, const char* const* argv, std::ostream& out,
               std::ostream& err) {
  CLI::App app(cli.description, cli.name);
  app.footer(kExitCodes);
  app.require_subcommand(1);
  app.fallthrough();
  Options options;
  options.check.progress = isatty(STDERR_FILENO) != 0;
  options.bench.progress = options.check.progress;
  app.add_flag("--verbose", options.verbose, "Print ExecuTorch's messages to stderr");
  std::function<Outcome<ExitCode>()> action;
  AddCommands(cli, app, options, out, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    bool asked_for_help = app.exit(error, out, err) == 0;
    return std::to_underlying(asked_for_help ? ExitCode::kOk : ExitCode::kUsage);
  }
  StartHost(options.verbose);
  Outcome<ExitCode> outcome = action();
  out.flush();
  if (outcome) return std::to_underlying(*outcome);
  err << cli.name << ": " << Printable(outcome.error().message) << '\n';
  return std::to_underlying(outcome.error().exit);
}

}  // namespace

int RunCommandLine(const Cli& cli, int argc, const char* const* argv, std::ostream& out,
                   std::ostream& err) {
  try {
    return RunChecked(cli, argc, argv, out, err);
  } catch (const std::bad_alloc&) {
    err << cli.name << ": there is not enough memory for this file; try a smaller one\n";
  } catch (const std::exception& error) {
    err << cli.name << ": " << error.what() << '\n';
  }
  return std::to_underlying(ExitCode::kUnsupported);
}

}  // namespace switchyard::tools
