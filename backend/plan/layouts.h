// Which of the exporter's two layouts the values of a graph are in, as far as its nodes show it:
// the default order, or channels last.
//
// A file says nothing of it: its dims are those of the data as they lie in memory. But the exporter
// makes each value in one of the two, and its nodes tell them apart:
//
// - what works on images reads and writes channels last;
// - a matrix product and a reshape read and write the default order;
// - other nodes write the layout that they read, and all that they read is in one layout;
// - a transpose by 0, 2, 3, 1 is the exporter's, from the default order to channels last, or the
//   model's own, which leaves the layout as it is; likewise 0, 3, 1, 2, which is the way back.
//
// (ExecuTorch, backends/xnnpack/_passes/channels_last_tagged_reshape_pass.py.)
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "schema/graph.h"

namespace switchyard {

enum class Layout : uint8_t { kDefault, kChannelsLast };

// Who says that a value is in a layout: the number of an argument, or one of these.
inline constexpr uint32_t kNobody = 0xFFFFFFFF;
inline constexpr uint32_t kTheGraph = 0xFFFFFFFE;
using LayoutClaims = std::array<uint32_t, 2>;  // by Layout

class Layouts {
 public:
  // Linear in the size of the graph, but for a sort. With `likely`, what reads a value by a
  // transpose to channels last, and goes on to images, counts as the exporter's way from the
  // default order, although the model may have that transpose for a value in channels last.
  Layouts(const Graph& graph, bool likely);

  // Values that are in one layout, whichever it is, are of one group. Constants are of none: the
  // exporter writes each in the order of its reader.
  static constexpr uint32_t kNoGroup = 0xFFFFFFFF;
  uint32_t GroupOf(ValueIndex value) const { return groups_[value]; }
  // What the nodes say of each group. Both or neither where they do not decide; then, for values of
  // rank 4, each of the two may be right.
  std::span<const LayoutClaims> claims() const { return claims_; }
  // External inputs and outputs of groups that the graph says nothing of.
  std::span<const ValueIndex> open_externals() const { return open_externals_; }
  // Whether some node of the group makes no sense of an order that is neither of the two.
  bool IsOneOfTheTwo(uint32_t group) const { return is_one_of_the_two_[group]; }
  // Adds to `claims` what `who` says of a group of values, and what follows from it for others.
  // Groups of which the graph says something keep what they have.
  void Claim(uint32_t group, Layout layout, uint32_t who, std::vector<LayoutClaims>& claims) const;

 private:
  // If `from` is in the layout, so is `to`.
  struct Implication {
    uint32_t from;
    Layout layout;
    uint32_t to;
  };
  void JoinValues(const Graph& graph);
  void AddEvidence(const Graph& graph, bool likely);

  std::vector<uint32_t> groups_;  // by value
  std::vector<LayoutClaims> claims_;
  std::vector<ValueIndex> open_externals_;
  std::vector<bool> is_one_of_the_two_;
  std::vector<Implication> implications_;  // by `from`
};

}  // namespace switchyard
