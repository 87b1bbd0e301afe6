// "did you mean": the nearest of some names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shoal::cli {

// How many single-byte edits (insert, delete, replace, swap of neighbours) turn one into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, when it is near enough to have been meant; otherwise "".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace shoal::cli
