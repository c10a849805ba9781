#include "tools/layout.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace switchyard::tools {
namespace {

std::vector<std::byte> Iota(size_t count) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

TEST(Layout, ChannelsLastInterleavesChannels) {
  // N=1, C=2, H=1, W=3: element (c, w) has the value 3 c + w.
  std::vector<std::byte> physical =
      ToPhysical(Iota(6), std::vector<size_t>{1, 2, 1, 3}, std::vector<uint8_t>{0, 2, 3, 1}, 1);
  std::vector<std::byte> expected = {std::byte{0}, std::byte{3}, std::byte{1},
                                     std::byte{4}, std::byte{2}, std::byte{5}};
  EXPECT_EQ(physical, expected);
}

TEST(Layout, EveryOrderOfFourDimensionsComesBack) {
  std::vector<size_t> shape = {2, 3, 4, 5};
  std::vector<uint8_t> order = {0, 1, 2, 3};
  std::vector<std::byte> data = Iota(2 * 3 * 4 * 5 * 2);
  do {
    ASSERT_TRUE(IsDimOrder(order, 4));
    std::vector<std::byte> physical = ToPhysical(data, shape, order, 2);
    EXPECT_EQ(ToLogical(physical, shape, order, 2), data);
    EXPECT_EQ(physical == data, std::ranges::is_sorted(order));
  } while (std::ranges::next_permutation(order).found);
}

TEST(Layout, ScalarsAndEmptyTensors) {
  EXPECT_EQ(ToPhysical(Iota(4), {}, {}, 4), Iota(4));
  EXPECT_TRUE(ToPhysical({}, std::vector<size_t>{2, 0}, std::vector<uint8_t>{1, 0}, 4).empty());
}

TEST(Layout, NotADimOrder) {
  EXPECT_FALSE(IsDimOrder(std::vector<uint8_t>{0, 0}, 2));
  EXPECT_FALSE(IsDimOrder(std::vector<uint8_t>{0, 2}, 2));
  EXPECT_FALSE(IsDimOrder(std::vector<uint8_t>{0}, 2));
  EXPECT_TRUE(IsDimOrder({}, 0));
}

}  // namespace
}  // namespace switchyard::tools
