// How two sides are compared. Not by Google Benchmark, which times each thing by itself: a ratio
// needs both sides in turns, in one process, created anew again and again, since where buffers
// happen to lie changes the time of one and the same operator by a tenth, for as long as it lives.
#pragma once

#include <vector>

#include "runtime/base/error.h"
#include "test/bench/contender.h"

namespace switchyard::bench {

struct Ratio {
  double ours = 0, stock = 0;  // seconds: the medians of the creations' fastest runs
  double ratio = 0;            // median of stock over ours: above 1 ours is faster
  double low = 0, high = 0;    // what the same gives for stock against itself, least and most
  // Not slower: at least 0.95, or within what stock differs from itself.
  bool is_not_slower() const { return ratio >= 0.95 || ratio >= low; }
};

// In each round stock is created twice, ours once, and run in an order that alternates. A round's
// creations live on until those of the next are made, so that their buffers lie elsewhere.
Result<Ratio> Compare(const MakeContender& ours, const MakeContender& stock, const Effort& effort);

// Of an odd number of values the one in the middle, else the mean of the two.
double Median(std::vector<double> values);
double GeometricMean(const std::vector<double>& values);

}  // namespace switchyard::bench
