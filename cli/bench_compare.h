// `shoal bench compare` and `shoal bench alloc`: the same bench of several subjects, in turn, so
// that what the machine does besides falls on all of them.
#pragma once

#include <vector>

#include "cli/options.h"

namespace shoal::cli {

int run_compare(const CompareVerb& verb);

// The ratios of the pairs (head[i] / base[i]), sorted: their median is robust against a machine
// that gets slower. Same sizes; pairs with a zero are left out.
std::vector<double> sorted_ratios(const std::vector<double>& base, const std::vector<double>& head);

// 0 when there are none.
double median_of(const std::vector<double>& sorted);

// Whether more of the figure is better.
bool is_more_better(std::string_view figure);

}  // namespace shoal::cli
