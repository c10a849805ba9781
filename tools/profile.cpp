#include "tools/profile.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "backend/plan/step_description.h"

namespace switchyard::tools {
namespace {

constexpr double kHalfMicrosecond = 500;

double Length(const Timeline::Span& span) { return static_cast<double>(span.end - span.start); }

std::string Text(const Timeline::Span& span, const char* key) {
  const auto found = span.args.find(key);
  return found != span.args.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<size_t> DelegateOf(const Timeline::Span& span) {
  const auto found = span.args.find("delegate");
  if (found == span.args.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<size_t>();
}

using NodeOfDelegate = std::pair<std::optional<size_t>, uint32_t>;

}  // namespace

uint64_t Profile::Macs() const {
  uint64_t macs = 0;
  for (const ProfileRow& row : rows) macs += row.macs;
  return macs;
}

size_t Profile::NumPacked() const {
  return static_cast<size_t>(std::ranges::count(rows, kRoutePacked, &ProfileRow::route));
}

void ProfileBuilder::Add(const Timeline::Span& span, std::string name, double nanoseconds) {
  const std::optional<size_t> delegate = DelegateOf(span);
  std::string kernel = Text(span, "micro_kernel");
  if (kernel.empty()) kernel = Text(span, "kernel");
  Entry& entry = entries_[{delegate, name, kernel}];
  if (entry.nanoseconds.empty()) {
    entry.row.delegate = delegate;
    entry.row.name = std::move(name);
    entry.row.route = Text(span, "route");
    entry.row.kernel = std::move(kernel);
    const auto nodes = span.args.find("nodes");
    if (nodes != span.args.end()) entry.row.nodes = nodes->get<std::vector<uint32_t>>();
  }
  // A delegate may run more than once in a run.
  if (entry.nanoseconds.size() < num_runs_) {
    entry.nanoseconds.resize(num_runs_, 0);
    entry.row.macs = 0;
  }
  entry.nanoseconds.back() += nanoseconds;
  const auto macs = span.args.find("macs");
  if (macs != span.args.end()) entry.row.macs += macs->get<uint64_t>();
}

void ProfileBuilder::AddStep(const Timeline::Span& step,
                             std::span<const Timeline::Span> operators) {
  if (operators.empty()) return Add(step, step.name, Length(step));
  double rest = Length(step);
  for (const Timeline::Span& timed : operators) rest -= Length(timed);
  const double count = static_cast<double>(operators.size());
  const double lost = std::clamp(rest / count, 0.0, kHalfMicrosecond);
  for (const Timeline::Span& timed : operators) {
    std::string name = timed.name;
    // "node 3 Add: Binary Elementwise (ND)" with a kernel of that name
    const std::string suffix = ": " + Text(timed, "kernel");
    if (name.ends_with(suffix) && timed.args.contains("nodes")) {
      name.resize(name.size() - suffix.size());
    }
    Add(timed, std::move(name), Length(timed) + lost);
  }
  Add({}, "XNNPACK around its operators", std::max(0.0, rest - count * lost));
}

void ProfileBuilder::AddRun(std::span<const Timeline::Span> spans) {
  ++num_runs_;
  const auto is_operator = [](const Timeline::Span& span) { return span.category == "operator"; };
  for (size_t i = 0; i < spans.size(); ++i) {
    const Timeline::Span& span = spans[i];
    if (span.category == "step") {
      const auto inside = spans.subspan(i + 1);
      const auto end = std::ranges::find_if_not(inside, is_operator);
      AddStep(span, inside.first(static_cast<size_t>(end - inside.begin())));
    } else if (span.category == "wait" || span.category == "prepare") {
      Add({}, "shapes and memory", Length(span));
    } else if (span.category == "executorch" && span.name.starts_with("native_call_")) {
      // ExecuTorch's own operators, all calls of one together.
      Add({}, span.name.substr(sizeof("native_call_") - 1), Length(span));
    }
  }
}

Profile ProfileBuilder::Finish() const {
  Profile profile;
  for (const auto& [key, entry] : entries_) {
    ProfileRow& row = profile.rows.emplace_back(entry.row);
    std::vector<double> nanoseconds = entry.nanoseconds;
    nanoseconds.resize(num_runs_, 0);
    row.nanoseconds = std::ranges::min(nanoseconds);
    profile.nanoseconds += row.nanoseconds;
  }
  std::ranges::stable_sort(profile.rows, std::greater(), &ProfileRow::nanoseconds);
  return profile;
}

bool IsPacked(const ProfileRow& row) {
  return row.route == kRoutePacked || row.route == kRoutePackLhs;
}

std::optional<PackedShare> ShareOfPacked(const Profile& packed, const Profile& stock,
                                         double stock_nanoseconds) {
  std::set<NodeOfDelegate> nodes;
  double packed_time = 0, stock_time = 0;
  for (const ProfileRow& row : packed.rows) {
    if (!IsPacked(row)) continue;
    packed_time += row.nanoseconds;
    for (const uint32_t node : row.nodes) nodes.insert({row.delegate, node});
  }
  std::set<NodeOfDelegate> found;
  for (const ProfileRow& row : stock.rows) {
    size_t inside = 0;
    for (const uint32_t node : row.nodes) {
      if (!nodes.contains({row.delegate, node})) continue;
      found.insert({row.delegate, node});
      ++inside;
    }
    if (inside == 0) continue;
    if (inside != row.nodes.size()) return std::nullopt;
    stock_time += row.nanoseconds;
  }
  if (nodes.empty() || found != nodes || packed_time <= 0 || stock_time <= 0) return std::nullopt;
  // A traced run is a little longer than one that is not.
  const double total = std::max(stock.nanoseconds, stock_nanoseconds);
  return PackedShare{.share = stock_time / total, .ratio = stock_time / packed_time};
}

}  // namespace switchyard::tools
