#include "test/conformance/suite.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <format>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/plugin_loader.h"
#include "runtime/registry.h"
#include "test/conformance/case.h"
#include "test/conformance/export.h"
#include "test/conformance/known_issues.h"
#include "test/conformance/machine.h"
#include "test/conformance/report.h"
#include "test/conformance/worker.h"

namespace switchyard::conformance {
namespace {

// A plugin is ours, judged as our own program is: by the same known issues.
constexpr std::string_view kPluginsIssues = "switchyard-conformance";

struct Arguments {
  std::string filter, backend, plugin, cpu, row;
  std::vector<std::string> options;
  uint32_t threads = 1;
  uint64_t seed = 1;
  double timeout = 60;
  bool list = false, must_pass = false;
  std::vector<std::filesystem::path> reports;
  std::filesystem::path export_folder;
};

// What ctest takes for a test that was skipped.
constexpr int kSkipped = 77;

// "key=value": a bool, a number, or text.
Result<std::pair<std::string, OptionValue>> ParseOption(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Fail(ErrorCode::kInvalidArgument, "--option '{}': expected KEY=VALUE", text);
  }
  const std::string value = text.substr(equals + 1);
  OptionValue parsed = value;
  int64_t number = 0;
  if (value == "true" || value == "false") {
    parsed = value == "true";
  } else if (auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
             error == std::errc() && end == value.data() + value.size() && !value.empty()) {
    parsed = number;
  }
  return std::pair(text.substr(0, equals), parsed);
}

Result<std::map<std::string, OptionValue>> LoadOptions(const Program& program,
                                                       const Arguments& arguments) {
  std::map<std::string, OptionValue> options;
  if (!arguments.cpu.empty()) options["cpu_features"] = arguments.cpu;
  if (!arguments.row.empty()) options["force_kernel"] = arguments.row;
  for (const std::string& text : arguments.options) {
    SWITCHYARD_ASSIGN(auto option, ParseOption(text));
    options.insert_or_assign(option.first, option.second);
  }
  if (!options.empty() && !program.takes_options && arguments.plugin.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "{} has no options: its backend is used as it is; leave out --cpu and --option",
                program.name);
  }
  return options;
}

// The run that GoogleTest drives.
class Suite {
 public:
  Suite(const Program& program, const Arguments& arguments, std::vector<Case> cases,
        Backend& backend, std::map<std::string, OptionValue> load_options)
      : program_(program),
        arguments_(arguments),
        cases_(std::move(cases)),
        host_{&backend, nullptr, std::move(load_options)},
        issues_of_(arguments.plugin.empty() ? program.name : kPluginsIssues),
        worker_([this](size_t index) { return RunInWorker(index); },
                std::chrono::milliseconds(static_cast<int64_t>(arguments.timeout * 1000))) {
    report_.program = program.name;
    report_.backend = backend.name();
    report_.machine = MachineName();
    report_.seed = arguments.seed;
    if (!arguments.row.empty()) report_.options += "force_kernel=" + arguments.row + ' ';
    if (!arguments.plugin.empty()) report_.options += "plugin=" + arguments.plugin + ' ';
    for (const std::string& option : arguments.options) report_.options += option + ' ';
    if (!arguments.cpu.empty()) report_.options += "cpu_features=" + arguments.cpu;
  }

  std::span<const Case> cases() const { return cases_; }
  Report& report() { return report_; }
  size_t num_passed() const { return num_passed_; }

  // Runs a case and judges it by GoogleTest's means.
  void Check(size_t index) {
    const Case& item = cases_[index];
    ReportRow row{item.name, OperatorOf(item), VariantOf(item), item.must_pass, {}, {}};
    row.result = worker_.Run(index);
    const KnownIssue* issue = FindKnownIssue(issues_of_, item.name);
    if (issue != nullptr) row.known_issue = issue->reason;
    report_.rows.push_back(row);
    const Outcome outcome = row.result.outcome;
    if (issue != nullptr) {
      const bool is_known = issue->outcome ? outcome == *issue->outcome : !row.result.passed();
      if (is_known) GTEST_SKIP() << "known issue: " << issue->reason;
      if (issue->may_pass && row.result.passed()) return;
      ADD_FAILURE() << item.name << ": known to end in "
                    << (issue->outcome ? Name(*issue->outcome) : "a failure") << " ("
                    << issue->reason << "), but the outcome is " << Name(outcome) << " "
                    << row.result.detail << "; mend the table of known issues\n"
                    << Reproducer(item);
      return;
    }
    if (row.result.passed()) {
      num_passed_ += outcome == Outcome::kPass;
      return;
    }
    // A row of the kernel table serves some cases of its variant; the end of the run shows that it
    // serves any.
    if (!arguments_.row.empty() && outcome == Outcome::kNotSupported &&
        row.result.detail.contains("option force_kernel")) {
      GTEST_SKIP() << "not for this row: " << row.result.detail;
    }
    const bool is_listed =
        (program_.lists_unsupported && report_.backend == program_.default_backend) ||
        !arguments_.plugin.empty();
    if (outcome == Outcome::kNotSupported && !item.must_pass && !is_listed) {
      GTEST_SKIP() << "not supported: " << row.result.detail;
    }
    ADD_FAILURE() << item.name << ": " << Name(outcome) << ": " << row.result.detail << "\n"
                  << Reproducer(item);
  }

 private:
  std::string Reproducer(const Case& item) const {
    std::string text = std::format("reproduce: {} --filter '{}' --seed {} --threads {}",
                                   program_.name, item.name, arguments_.seed, arguments_.threads);
    if (arguments_.backend != program_.default_backend) text += " --backend " + arguments_.backend;
    if (!arguments_.plugin.empty()) text += " --plugin '" + arguments_.plugin + "'";
    if (!arguments_.cpu.empty()) text += " --cpu '" + arguments_.cpu + "'";
    if (!arguments_.row.empty()) text += " --row " + arguments_.row;
    for (const std::string& option : arguments_.options) text += " --option '" + option + "'";
    return text;
  }

  CaseResult RunInWorker(size_t index) {
    if (!is_ready_) {
      if (Status status = Prepare(); !status) {
        CaseResult result;
        result.outcome = Outcome::kFailStatus;
        result.detail = status.error().ToString();
        return result;
      }
    }
    is_ready_ = true;
    return RunCase(cases_[index], arguments_.seed, host_);
  }

  // What has threads is made in the worker: they would not survive the fork.
  Status Prepare() {
    if (arguments_.plugin.empty()) {
      if (program_.make_thread_pool) {
        host_.thread_pool = program_.make_thread_pool(arguments_.threads);
      }
      return {};
    }
    SWITCHYARD_ASSIGN(plugin_, LoadPlugin(arguments_.plugin, {.num_threads = arguments_.threads}));
    host_.backend = plugin_.get();
    return {};
  }

  const Program& program_;
  const Arguments& arguments_;
  std::vector<Case> cases_;
  Host host_;
  const std::string_view issues_of_;       // the program whose known issues count
  bool is_ready_ = false;                  // of the worker's copy of this object
  std::unique_ptr<PluginBackend> plugin_;  // of the same
  Report report_;
  size_t num_passed_ = 0;
  Worker worker_;
};

class CaseTest : public testing::Test {
 public:
  CaseTest(Suite& suite, size_t index) : suite_(suite), index_(index) {}
  void TestBody() override { suite_.Check(index_); }

 private:
  Suite& suite_;
  size_t index_;
};

// One GoogleTest test for each case: the operator is the test suite, the rest the test's name.
void RegisterTests(Suite& suite) {
  for (size_t i = 0; i < suite.cases().size(); ++i) {
    const std::string& name = suite.cases()[i].name;
    const size_t dot = name.find('.');
    testing::RegisterTest(name.substr(0, dot).c_str(), name.substr(dot + 1).c_str(), nullptr,
                          nullptr, __FILE__, __LINE__,
                          [&suite, i]() -> testing::Test* { return new CaseTest(suite, i); });
  }
}

void PrintSummary(const Report& report) {
  std::cout << std::format("{} cases on {} ({}), {:.1f} s:", report.rows.size(), report.backend,
                           report.machine, report.seconds);
  for (Outcome outcome : kOutcomes) {
    const auto count = std::ranges::count_if(
        report.rows, [&](const ReportRow& row) { return row.result.outcome == outcome; });
    if (count > 0) std::cout << ' ' << Name(outcome) << ' ' << count;
  }
  double worst = 0;
  for (const ReportRow& row : report.rows) {
    if (row.result.passed()) worst = std::max(worst, row.result.worst);
  }
  std::cout << std::format("; worst passing error {:.3f} of its bound\n", worst);
}

int Usage(const Error& error) {
  std::cerr << error.message << '\n';
  return 2;
}

int Run(const Program& program, const Arguments& arguments) {
  for (const std::filesystem::path& path : arguments.reports) {
    if (IsReportPath(path)) continue;
    return Usage({ErrorCode::kInvalidArgument,
                  std::format("--report '{}': expected .json, .xml or .md", path.string())});
  }
  Result<std::vector<Case>> cases = AllCases();
  if (!cases) return Usage(cases.error());
  // The name of a row starts with its variant.
  const auto is_of_row = [&](const Case& item) {
    return arguments.row.empty() || arguments.row.starts_with(VariantOf(item) + "_");
  };
  std::erase_if(*cases, [&](const Case& item) {
    return (arguments.must_pass && !item.must_pass) || !is_of_row(item) ||
           !MatchesFilter(item.name, arguments.filter);
  });
  if (!arguments.row.empty()) {
    if (const std::string why = program.why_not_row(arguments.row); !why.empty()) {
      std::cout << std::format("skipped: kernel {} cannot run here: {}\n", arguments.row, why);
      return kSkipped;
    }
  }
  if (cases->empty()) {
    return Usage({ErrorCode::kNotFound, std::format("--filter '{}' matches no case; --list shows "
                                                    "their names",
                                                    arguments.filter)});
  }
  if (arguments.list) {
    for (const Case& item : *cases) std::cout << item.name << '\n';
    return 0;
  }
  if (!arguments.export_folder.empty()) {
    if (Status status = ExportCases(*cases, arguments.seed, arguments.export_folder); !status) {
      return Usage(status.error());
    }
    std::cout << std::format("{} cases exported to {}\n", cases->size(),
                             arguments.export_folder.string());
    return 0;
  }
  auto load_options = LoadOptions(program, arguments);
  if (!load_options) return Usage(load_options.error());
  // Only for its name, and to see that it loads: the worker loads it again.
  std::unique_ptr<PluginBackend> plugin;
  Result<Backend*> backend = nullptr;
  if (arguments.plugin.empty()) {
    backend = FindBackend(arguments.backend);
    if (!backend) return Usage(backend.error());
  } else {
    auto loaded = LoadPlugin(arguments.plugin);
    if (!loaded) return Usage(loaded.error());
    plugin = *std::move(loaded);
    std::cout << std::format("plugin: {}\n", plugin->description());
    backend = plugin.get();
  }

  Suite suite(program, arguments, *std::move(cases), **backend, *std::move(load_options));
  RegisterTests(suite);
  const auto started = std::chrono::steady_clock::now();
  const int failed = RUN_ALL_TESTS();
  suite.report().seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  PrintSummary(suite.report());
  if (!arguments.row.empty() && suite.num_passed() == 0) {
    return Usage({ErrorCode::kNotFound, std::format("--row {}: it serves none of these cases, "
                                                    "expected one at least",
                                                    arguments.row)});
  }
  for (const std::filesystem::path& path : arguments.reports) {
    if (Status status = WriteReport(suite.report(), path); !status) return Usage(status.error());
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace

int RunSuite(const Program& program, int argc, char** argv) {
  // GoogleTest's own options are not the suite's; only failures are worth a line each.
  int no_arguments = 1;
  testing::GTEST_FLAG(brief) = true;
  testing::InitGoogleTest(&no_arguments, argv);
  Arguments arguments;
  arguments.backend = program.default_backend;
  CLI::App app("Judges a backend by cases of every operator, against a reference of its own",
               std::string(program.name));
  app.add_option("--filter", arguments.filter,
                 "cases to run: patterns with * and ?, split by ':'; "
                 "after '-' those to leave out");
  app.add_flag("--list", arguments.list, "print the names of the cases and stop");
  app.add_flag("--must-pass", arguments.must_pass,
               "only the cases that are run on every emulated CPU");
  CLI::Option* backend =
      app.add_option("--backend", arguments.backend, "name of a registered backend")
          ->capture_default_str();
  app.add_option("--plugin", arguments.plugin,
                 "module with the backend (runtime/plugin.h): its path, or its name")
      ->check([](const std::string& text) { return std::string(text.empty() ? "is empty" : ""); })
      ->excludes(backend);
  app.add_option("--cpu", arguments.cpu,
                 "CPU features that the backend may use, as its option cpu_features takes them");
  app.add_option("--option", arguments.options, "KEY=VALUE of the backend's load options")
      ->allow_extra_args(false);
  if (!program.rows.empty()) {
    app.add_option("--row", arguments.row,
                   "force this row of the kernel table through the cases of its variant; exits "
                   "with 77 where it cannot run")
        ->check(CLI::IsMember(program.rows))
        ->option_text("ROW");
  }
  app.add_option("--threads", arguments.threads, "of the backend's thread pool")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seed", arguments.seed, "of the random numbers")->capture_default_str();
  app.add_option("--timeout", arguments.timeout, "seconds for one case")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--report", arguments.reports, "file for the results: .json, .xml or .md")
      ->allow_extra_args(false);
  app.add_option("--export", arguments.export_folder,
                 "write each case's payload, inputs and expected outputs to a folder and stop");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return Run(program, arguments);
}

}  // namespace switchyard::conformance
