#include "tools/bench_report.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "runtime/base/format.h"
#include "tools/text.h"

namespace switchyard::tools {
namespace {

using nlohmann::ordered_json;

constexpr int kBenchJsonVersion = 1;
constexpr size_t kMaxRows = 20;
constexpr size_t kMaxRest = 3;

double Milliseconds(double nanoseconds) { return nanoseconds / 1e6; }

std::string Mebibytes(uint64_t bytes) {
  return bytes == 0 ? "unknown" : Format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

// A multiply and an add each nanosecond are 2 GFLOP/s.
double Gflops(uint64_t macs, double nanoseconds) {
  return 2 * static_cast<double>(macs) / nanoseconds;
}

std::string Share(double part, double whole) {
  return Format("{:.1f} %", whole > 0 ? 100 * part / whole : 0);
}

std::string NodeText(const ProfileRow& row) {
  return row.delegate ? Format("{}  {}", *row.delegate, row.name) : "-  " + row.name;
}

std::vector<std::string> CellsOf(const ProfileRow& row, const Profile& profile) {
  return {Format("{:.1f}", row.nanoseconds / 1000), Share(row.nanoseconds, profile.nanoseconds),
          row.macs > 0 && row.nanoseconds > 0 ? Format("{:.1f}", Gflops(row.macs, row.nanoseconds))
                                              : "-",
          row.kernel.empty() ? "-" : Printable(row.kernel), Printable(NodeText(row))};
}

void PrintProfile(const Profile& profile, bool all_rows, std::ostream& out) {
  Table table({"time us", "share", "GFLOP/s", "kernel or operator", "delegate, node"});
  const size_t shown = all_rows ? profile.rows.size() : std::min(profile.rows.size(), kMaxRows);
  double rest = profile.nanoseconds;
  for (size_t i = 0; i < shown; ++i) {
    table.Add(CellsOf(profile.rows[i], profile));
    rest -= profile.rows[i].nanoseconds;
  }
  if (shown < profile.rows.size()) {
    table.Add({Format("{:.1f}", rest / 1000), Share(rest, profile.nanoseconds), "-", "-",
               Format("-  {} more; --all shows them", profile.rows.size() - shown)});
  }
  table.Print(out, 2);
}

// What takes the time that packing does not shorten, the longest first.
std::vector<std::pair<std::string, double>> RestOf(const ThreadsReport& report) {
  std::vector<std::pair<std::string, double>> rest;
  for (const ProfileRow& row : report.profile.rows) {
    if (!IsPacked(row) && row.nanoseconds > 0) rest.emplace_back(row.name, row.nanoseconds);
  }
  const double outside = report.stock->packed.fastest - report.profile.nanoseconds;
  if (outside > 0) rest.emplace_back("outside of delegates' steps", outside);
  std::ranges::stable_sort(rest, std::greater(), &std::pair<std::string, double>::second);
  return rest;
}

void PrintStock(const ThreadsReport& report, size_t rounds, std::ostream& out) {
  const StockReport& stock = *report.stock;
  out << Format(
      "  packed   {:.2f} times the speed of the stock plan ({:.2f} to {:.2f}): {:.3f} against "
      "{:.3f} ms in {} rounds; stock against itself {:.3f} to {:.3f}{}\n",
      stock.speedup.median, stock.speedup.lowest, stock.speedup.highest,
      Milliseconds(stock.packed.run), Milliseconds(stock.stock.run), rounds,
      stock.stock_again.lowest, stock.stock_again.highest,
      stock.IsJudged() ? "" : "; not judged: under 20 us");
  if (!stock.share) {
    out << "           XNNPACK has fused packed nodes with others in the stock plan: no share of "
           "theirs, no bound\n";
    return;
  }
  out << Format(
      "           s = {:.3f} of the stock plan's time is in nodes that run packed, which are r = "
      "{:.2f} times as fast: bound 0.9 / (1 - s + s/r) = {:.2f}, {}\n",
      stock.share->share, stock.share->ratio, stock.share->Bound(),
      !stock.IsJudged()      ? "not judged"
      : stock.ReachesBound() ? "reached"
                             : "missed");
  std::string line;
  const auto rest = RestOf(report);
  double total = 0;
  for (const auto& [name, nanoseconds] : rest) total += nanoseconds;
  for (const auto& [name, nanoseconds] : std::span(rest).first(std::min(rest.size(), kMaxRest))) {
    line += Format("{}{} {:.1f} us", line.empty() ? ": " : ", ", name, nanoseconds / 1000);
  }
  out << Printable(Format("           {:.1f} us are not in packed nodes{}", total / 1000, line))
      << '\n';
}

void PrintPeer(const PeerReport& peer, size_t rounds, std::ostream& out) {
  out << Format(
      "  peer     {:.2f} of the time of ExecuTorch's own backend ({:.2f} to {:.2f}): {:.3f} "
      "against "
      "{:.3f} ms in {} rounds{}\n",
      peer.time.median, peer.time.lowest, peer.time.highest, Milliseconds(peer.ours.run),
      Milliseconds(peer.peer.run), rounds, peer.IsJudged() ? "" : "; not judged: under 20 us");
  out << Format(
      "           load {:.3f} against {:.3f} ms; start of the process, load and one run {:.1f} "
      "against {:.1f} ms ({:.2f}); peak memory {} against {}\n",
      Milliseconds(peer.ours.load), Milliseconds(peer.peer.load), Milliseconds(peer.our_start),
      Milliseconds(peer.peer_start), peer.start.median, Mebibytes(peer.our_memory),
      Mebibytes(peer.peer_memory));
}

std::string Threads(uint32_t threads) {
  return Format("{} thread{}", threads, threads == 1 ? "" : "s");
}

ordered_json JsonOf(const TimeRatio& ratio) {
  return {{"median", ratio.median}, {"lowest", ratio.lowest}, {"highest", ratio.highest}};
}

ordered_json JsonOf(const SideReport& side) {
  return {{"load_ms", Milliseconds(side.load)}, {"run_ms", Milliseconds(side.run)}};
}

ordered_json JsonOf(const StockReport& stock, const ThreadsReport& report) {
  ordered_json json = {{"packed", JsonOf(stock.packed)},
                       {"stock", JsonOf(stock.stock)},
                       {"speedup", JsonOf(stock.speedup)},
                       {"stock_over_itself", JsonOf(stock.stock_again)},
                       {"judged", stock.IsJudged()}};
  for (const char* key : {"s", "r", "bound", "reaches_bound"}) json[key] = nullptr;
  if (stock.share) {
    json["s"] = stock.share->share;
    json["r"] = stock.share->ratio;
    json["bound"] = stock.share->Bound();
    if (stock.IsJudged()) json["reaches_bound"] = stock.ReachesBound();
  }
  json["rest"] = ordered_json::array();
  for (const auto& [name, nanoseconds] : RestOf(report)) {
    json["rest"].push_back({{"name", name}, {"time_us", nanoseconds / 1000}});
  }
  return json;
}

ordered_json JsonOf(const PeerReport& peer) {
  return {{"ours", JsonOf(peer.ours)},
          {"peer", JsonOf(peer.peer)},
          {"time_over_peer", JsonOf(peer.time)},
          {"judged", peer.IsJudged()},
          {"start_load_run_ms",
           {{"ours", Milliseconds(peer.our_start)},
            {"peer", Milliseconds(peer.peer_start)},
            {"ours_over_peer", JsonOf(peer.start)}}},
          {"peak_memory_bytes", {{"ours", peer.our_memory}, {"peer", peer.peer_memory}}}};
}

ordered_json JsonOf(const ProfileRow& row, const Profile& profile) {
  return {{"delegate", row.delegate ? ordered_json(*row.delegate) : ordered_json()},
          {"name", row.name},
          {"route", row.route},
          {"kernel", row.kernel},
          {"nodes", row.nodes},
          {"time_us", row.nanoseconds / 1000},
          {"share", profile.nanoseconds > 0 ? row.nanoseconds / profile.nanoseconds : 0},
          {"macs", row.macs},
          {"gflops", row.macs > 0 && row.nanoseconds > 0
                         ? ordered_json(Gflops(row.macs, row.nanoseconds))
                         : ordered_json()}};
}

ordered_json JsonOf(const ThreadsReport& report) {
  ordered_json rows = ordered_json::array();
  for (const ProfileRow& row : report.profile.rows) rows.push_back(JsonOf(row, report.profile));
  const RunTimesSummary& times = report.times;
  return {{"threads", report.threads},
          {"load_ms",
           {{"cold", report.cold_load ? ordered_json(*report.cold_load) : ordered_json()},
            {"warm", report.warm_load}}},
          {"runs",
           {{"count", report.num_runs},
            {"first_ms", times.first},
            {"median_ms", times.median},
            {"p99_ms", times.p99},
            {"minimum_ms", times.minimum}}},
          {"judged", times.minimum * 1e6 >= kShortestJudgedNanoseconds},
          {"macs", report.profile.Macs()},
          {"gflops", Gflops(report.profile.Macs(), times.minimum * 1e6)},
          {"peak_memory_bytes", report.peak_memory},
          {"packed_nodes", report.profile.NumPacked()},
          {"rows", std::move(rows)},
          {"stock", report.stock ? JsonOf(*report.stock, report) : ordered_json()},
          {"peer", report.peer ? JsonOf(*report.peer) : ordered_json()}};
}

}  // namespace

void PrintHeader(const BenchReport& report, std::ostream& out) {
  out << Printable(report.file);
  if (!report.method.empty()) out << ", method " << Printable(report.method);
  out << Format("\ninputs: {}", report.inputs_from);
  for (const std::string& input : report.inputs) out << "  " << input;
  out << "\ncpu: " << report.cpu << '\n';
}

void PrintThreads(const ThreadsReport& report, size_t rounds, bool all_rows, std::ostream& out) {
  const RunTimesSummary& times = report.times;
  out << Format("{}\n  load     ", Threads(report.threads));
  if (report.cold_load) out << Format("cold {:.3f} ms, ", *report.cold_load);
  out << Format("warm {:.3f} ms\n", report.warm_load);
  out << Format(
      "  runs     first {:.3f} ms, median {:.3f} ms, p99 {:.3f} ms, minimum {:.3f} ms ({} runs)",
      times.first, times.median, times.p99, times.minimum, report.num_runs);
  const uint64_t macs = report.profile.Macs();
  if (macs > 0) out << Format(", {:.1f} GFLOP/s", Gflops(macs, times.minimum * 1e6));
  out << Format("\n  memory   peak {}\n", Mebibytes(report.peak_memory));
  PrintProfile(report.profile, all_rows, out);
  if (report.stock) PrintStock(report, rounds, out);
  if (report.peer) PrintPeer(*report.peer, rounds, out);
  out << Format("summary {}: {:.3f} ms, {} packed node{}", Threads(report.threads), times.minimum,
                report.profile.NumPacked(), report.profile.NumPacked() == 1 ? "" : "s");
  const bool is_judged = times.minimum * 1e6 >= kShortestJudgedNanoseconds;
  if (!is_judged) out << ", not judged: under 20 us";
  if (report.stock)
    out << Format(", {:.2f} times the speed of stock", report.stock->speedup.median);
  if (report.peer) {
    out << Format(", {:.2f} of the time of ExecuTorch's own backend", report.peer->time.median);
  }
  out << '\n';
}

ordered_json ToJson(const BenchReport& report) {
  ordered_json json = {{"version", kBenchJsonVersion},      {"file", report.file},
                       {"method", report.method},           {"inputs", report.inputs},
                       {"inputs_from", report.inputs_from}, {"cpu", report.cpu},
                       {"rounds", report.rounds},           {"threads", ordered_json::array()}};
  if (report.method.empty()) json["method"] = nullptr;
  for (const ThreadsReport& threads : report.threads) json["threads"].push_back(JsonOf(threads));
  return json;
}

}  // namespace switchyard::tools
