#include "test/bench/table.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "kernels/cpu/features.h"
#include "test/bench/machine_name.h"

namespace switchyard::bench {
namespace {

// A number of three digits that count.
std::string Number(double value) {
  if (!std::isfinite(value)) return "-";
  return std::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
}
std::string Optional(const std::optional<double>& value, double unit) {
  return value ? Number(*value * unit) : "-";
}
std::string Blocking(const Measurement& m) {
  return m.tasks == 0 ? "-" : std::format("{}x{}x{}/{}", m.mc, m.nc, m.kc, m.tasks);
}
std::string Verdict(const Measurement& m) {
  if (!m.is_judged()) return "";
  return m.ratio.is_not_slower() ? "" : "slower";
}

// Why a line is not what one might think.
std::string Notes(const Measurement& m) {
  std::string notes;
  if (!m.is_packed()) notes += "stock plan: " + m.why_stock;
  if (!m.remedy.empty()) {
    notes += (notes.empty() ? "" : "; ") +
             std::format("the stock operator is wrong here, its side is the remedy {}", m.remedy);
  }
  for (const PeerMeasurement& peer : m.peers) {
    if (peer.why_not.empty()) continue;
    notes += (notes.empty() ? "" : "; ") + std::format("{}: {}", peer.name, peer.why_not);
  }
  return notes;
}

struct Column {
  std::string name;
  int width;  // negative: to the left
  std::function<std::string(const Measurement&)> text;
};
const PeerMeasurement* FindPeer(const Measurement& m, std::string_view name) {
  const auto peer = std::ranges::find(m.peers, name, &PeerMeasurement::name);
  return peer == m.peers.end() ? nullptr : &*peer;
}
std::string PeerNumber(const Measurement& m, std::string_view name, double Ratio::* member,
                       double unit) {
  const PeerMeasurement* peer = FindPeer(m, name);
  return peer != nullptr && peer->ratio ? Number(*peer->ratio.*member * unit) : "-";
}

std::vector<Column> Columns(std::span<const std::string> peers) {
  std::vector<Column> columns = {
      {"variant", -13, [](const Measurement& m) { return m.variant; }},
      {"shape", -20, [](const Measurement& m) { return m.shape; }},
      {"threads", 7, [](const Measurement& m) { return std::to_string(m.threads); }},
      {"kernel", -22, [](const Measurement& m) { return m.is_packed() ? m.kernel : "stock"; }},
      {"mc x nc x kc/tasks", -18, &Blocking},
      {"us", 9, [](const Measurement& m) { return Number(m.ratio.ours * 1e6); }},
      {"GOP/s", 6, [](const Measurement& m) { return Number(m.operations_per_second() * 1e-9); }},
      {"peak", 6, [](const Measurement& m) { return Optional(m.peak_operations, 1e-9); }},
      {"GB/s", 5,
       [](const Measurement& m) { return m.m == 1 ? Number(m.bytes_per_second() * 1e-9) : "-"; }},
      {"read", 5, [](const Measurement& m) { return Optional(m.read_bytes, 1e-9); }},
      {"share %", 7, [](const Measurement& m) { return Optional(m.share(), 100); }},
      {"stock us", 9, [](const Measurement& m) { return Number(m.ratio.stock * 1e6); }},
      {"ratio", 5, [](const Measurement& m) { return Number(m.ratio.ratio); }},
      {"A/A", -11,
       [](const Measurement& m) { return Number(m.ratio.low) + "-" + Number(m.ratio.high); }},
      {"", -6, &Verdict},
      {"unquantized us", 14,
       [](const Measurement& m) {
         return m.product_ratio ? Number(m.product_ratio->ours * 1e6) : "-";
       }},
      {"ratio", 5,
       [](const Measurement& m) { return m.product_ratio ? Number(m.product_ratio->ratio) : "-"; }},
      {"load ms", 7, [](const Measurement& m) { return Number(m.ours_load * 1e3); }},
      {"stock", 6, [](const Measurement& m) { return Number(m.stock_load * 1e3); }},
      {"copy", 5, [](const Measurement& m) { return Number(m.copy * 1e3); }},
      {"packed/raw", 10,
       [](const Measurement& m) {
         return m.packed_bytes == 0 ? "-"
                                    : Number(static_cast<double>(m.packed_bytes) /
                                             static_cast<double>(m.raw_bytes));
       }},
  };
  for (const std::string& peer : peers) {
    const auto width = static_cast<int>(peer.size()) + 3;
    columns.push_back({peer + " us", width, [peer](const Measurement& m) {
                         return PeerNumber(m, peer, &Ratio::stock, 1e6);
                       }});
    columns.push_back({"ratio", 5, [peer](const Measurement& m) {
                         return PeerNumber(m, peer, &Ratio::ratio, 1);
                       }});
    columns.push_back({"load ms", 7, [peer](const Measurement& m) {
                         const PeerMeasurement* found = FindPeer(m, peer);
                         return found == nullptr ? std::string("-") : Number(found->load * 1e3);
                       }});
  }
  columns.push_back({"notes", -1, &Notes});
  return columns;
}

void PrintCell(std::ostream& out, const Column& column, std::string_view text) {
  const auto width = static_cast<size_t>(std::abs(column.width));
  const std::string padding(width > text.size() ? width - text.size() : 0, ' ');
  out << (column.width > 0 ? padding : "") << text << (column.width < -1 ? padding : "") << "  ";
}

nlohmann::ordered_json RatioJson(const Ratio& ratio) {
  return {{"ours_us", ratio.ours * 1e6},
          {"stock_us", ratio.stock * 1e6},
          {"ratio", ratio.ratio},
          {"aa_low", ratio.low},
          {"aa_high", ratio.high}};
}

nlohmann::ordered_json ToJson(const Measurement& m) {
  nlohmann::ordered_json json = {{"name", m.name},
                                 {"variant", m.variant},
                                 {"shape", m.shape},
                                 {"m", m.m},
                                 {"n", m.n},
                                 {"k", m.k},
                                 {"groups", m.groups},
                                 {"threads", m.threads},
                                 {"operations", m.operations},
                                 {"kernel", m.kernel},
                                 {"tier", m.tier},
                                 {"blocking", {m.mc, m.nc, m.kc, m.tasks}},
                                 {"notes", Notes(m)},
                                 {"judged", m.is_judged()},
                                 {"load_ms", m.ours_load * 1e3},
                                 {"stock_load_ms", m.stock_load * 1e3},
                                 {"copy_ms", m.copy * 1e3},
                                 {"packed_bytes", m.packed_bytes},
                                 {"raw_bytes", m.raw_bytes}};
  json.update(RatioJson(m.ratio));
  if (m.product_ratio) json["without_quantization"] = RatioJson(*m.product_ratio);
  for (const PeerMeasurement& peer : m.peers) {
    if (!peer.ratio) continue;
    nlohmann::ordered_json ratio = RatioJson(*peer.ratio);
    ratio["peer_us"] = ratio["stock_us"];
    ratio.erase("stock_us");
    ratio["load_ms"] = peer.load * 1e3;
    json["peers"][peer.name] = std::move(ratio);
  }
  if (m.peak_operations) json["peak_gops"] = *m.peak_operations * 1e-9;
  if (!m.peak.empty()) json["peak"] = m.peak;
  if (m.read_bytes) json["read_gbps"] = *m.read_bytes * 1e-9;
  if (m.share()) json["share"] = *m.share();
  return json;
}

void WriteJson(std::ostream& out, std::span<const Measurement> measurements) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Measurement& m : measurements) rows.push_back(ToJson(m));
  const nlohmann::ordered_json json = {{"machine", MachineName()},
                                       {"cpu_features", HostCpuFeatures().ToString()},
                                       {"measurements", std::move(rows)}};
  out << json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

// Texts have no quotes, so that a quoted one is itself.
void WriteCsv(std::ostream& out, std::span<const Measurement> measurements) {
  std::vector<std::string> peers;
  for (const Measurement& m : measurements.first(std::min<size_t>(measurements.size(), 1))) {
    for (const PeerMeasurement& peer : m.peers) peers.push_back(peer.name);
  }
  const std::vector<Column> columns = Columns(peers);
  std::string_view separator;
  for (const Column& column : columns) {
    out << std::exchange(separator, ",") << (column.name.empty() ? "verdict" : column.name);
  }
  out << '\n';
  for (const Measurement& m : measurements) {
    separator = {};
    for (const Column& column : columns) {
      out << std::exchange(separator, ",") << '"' << column.text(m) << '"';
    }
    out << '\n';
  }
}

// From one thread to more, of packed products that take long enough for that.
void PrintScaling(std::ostream& out, std::span<const Measurement> measurements) {
  constexpr std::pair<double, std::string_view> kLeast[] = {{200e-6, "200 us"}, {50e-6, "50 us"}};
  std::map<std::pair<std::string, std::string>, const Measurement*> alone;  // by name and kernel
  for (const Measurement& m : measurements) {
    if (m.threads == 1 && m.is_packed()) alone[{m.name, m.kernel}] = &m;
  }
  std::map<std::pair<size_t, std::string_view>, std::vector<double>> ratios;
  for (const Measurement& m : measurements) {
    const auto one = alone.find({m.name, m.kernel});
    if (m.threads == 1 || one == alone.end()) continue;
    for (const auto& [seconds, name] : kLeast) {
      if (one->second->ratio.ours < seconds) continue;
      ratios[{m.threads, name}].push_back(one->second->ratio.ours / m.ratio.ours);
    }
  }
  for (const auto& [key, of] : ratios) {
    out << std::format("{} threads: {} times one, {} at least, over {} products of {} and more\n",
                       key.first, Number(GeometricMean(of)), Number(std::ranges::min(of)),
                       of.size(), key.second);
  }
}

}  // namespace

void TablePrinter::Print(const Measurement& measurement) {
  const std::vector<Column> columns = Columns(peers_);
  if (!std::exchange(has_header_, true)) {
    for (const Column& column : columns) PrintCell(out_, column, column.name);
    out_ << '\n';
  }
  for (const Column& column : columns) PrintCell(out_, column, column.text(measurement));
  out_ << std::endl;
}

void PrintMeans(std::ostream& out, std::span<const Measurement> measurements) {
  struct Group {
    std::vector<double> ratios, shares;  // of packed rows
    std::map<std::string, std::vector<double>> peers;
    std::vector<double> best_peers;
    size_t judged = 0, slower = 0;
  };
  std::map<std::tuple<std::string, size_t, bool>, Group> groups;
  for (const Measurement& m : measurements) {
    if (!m.is_judged()) continue;
    Group& group = groups[{m.variant, m.threads, m.m == 1}];
    ++group.judged;
    if (!m.ratio.is_not_slower()) ++group.slower;
    if (m.is_packed()) group.ratios.push_back(m.ratio.ratio);
    if (m.is_packed() && m.share()) group.shares.push_back(*m.share());
    for (const PeerMeasurement& peer : m.peers) {
      if (peer.ratio) group.peers[peer.name].push_back(peer.ratio->ratio);
    }
    if (m.best_peer_ratio()) group.best_peers.push_back(*m.best_peer_ratio());
  }
  for (const auto& [key, group] : groups) {
    const auto& [variant, threads, is_one_row] = key;
    out << std::format("{}, {}, {} thread{}: {} of {} packed", variant,
                       is_one_row ? "M = 1" : "M > 1", threads, threads > 1 ? "s" : "",
                       group.ratios.size(), group.judged);
    if (!group.ratios.empty()) {
      out << std::format(", {} times stock", Number(GeometricMean(group.ratios)));
    }
    if (!group.shares.empty()) {
      out << std::format(", {} % of the peak", Number(100 * GeometricMean(group.shares)));
    }
    out << std::format("; {} slower than stock", group.slower);
    for (const auto& [peer, ratios] : group.peers) {
      out << std::format("; {} times {}, {} at least", Number(GeometricMean(ratios)), peer,
                         Number(std::ranges::min(ratios)));
    }
    if (group.peers.size() > 1) {
      out << std::format("; {} times the best of them, {} at least",
                         Number(GeometricMean(group.best_peers)),
                         Number(std::ranges::min(group.best_peers)));
    }
    out << '\n';
  }
  PrintScaling(out, measurements);
}

Status WriteMeasurements(std::span<const Measurement> measurements,
                         const std::filesystem::path& path) {
  const bool is_json = path.extension() == ".json";
  if (!is_json && path.extension() != ".csv") {
    return Fail(ErrorCode::kInvalidArgument, "{}: expected a name that ends in .csv or .json",
                path.string());
  }
  std::ofstream file(path);
  is_json ? WriteJson(file, measurements) : WriteCsv(file, measurements);
  file.flush();
  if (file) return {};
  return Fail(ErrorCode::kAccessFailed, "{}: cannot be written; name another file", path.string());
}

}  // namespace switchyard::bench
