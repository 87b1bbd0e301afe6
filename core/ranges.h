// Set arithmetic on lists of inclusive ranges, for ports and custom ranges alike. Every list, taken
// or given, is sorted, disjoint and without neighbours that touch. All linear; a result that fits
// the inline space of its list is made without the heap.
#pragma once

#include <algorithm>
#include <cstddef>

namespace shoal::core {

// `begin - 1` and not `end + 1`: the end may be the largest number there is.
template <typename Range>
bool joins(const Range& left, const Range& right) {
  return right.begin <= left.end || right.begin - 1 == left.end;
}

// Joins ranges that overlap or touch. Takes any list that is sorted by begin.
template <typename List>
void join_ranges(List& list) {
  if (list.empty()) return;
  std::size_t last = 0;
  for (std::size_t i = 1; i < list.size(); ++i) {
    if (joins(list[last], list[i])) {
      list[last].end = std::max(list[last].end, list[i].end);
    } else {
      list[++last] = list[i];
    }
  }
  list.resize(last + 1);
}

template <typename List>
bool ranges_contain(const List& list, const List& other) {
  std::size_t i = 0;
  for (const auto& wanted : other) {
    while (i < list.size() && list[i].end < wanted.begin) ++i;
    if (i == list.size() || list[i].begin > wanted.begin || list[i].end < wanted.end) return false;
  }
  return true;
}

template <typename List>
bool ranges_intersect(const List& list, const List& other) {
  std::size_t i = 0;
  for (const auto& range : other) {
    while (i < list.size() && list[i].end < range.begin) ++i;
    if (i < list.size() && list[i].begin <= range.end) return true;
  }
  return false;
}

template <typename List>
List ranges_union(const List& a, const List& b) {
  List out;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    const bool left = j == b.size() || (i < a.size() && a[i].begin <= b[j].begin);
    const auto& next = left ? a[i++] : b[j++];
    if (!out.empty() && joins(out.back(), next)) {
      out.back().end = std::max(out.back().end, next.end);
    } else {
      out.push_back(next);
    }
  }
  return out;
}

template <typename List>
List ranges_difference(const List& list, const List& cuts) {
  List out;
  std::size_t j = 0;
  for (auto range : list) {
    while (j < cuts.size() && cuts[j].end < range.begin) ++j;
    bool consumed = false;
    for (std::size_t k = j; k < cuts.size() && cuts[k].begin <= range.end; ++k) {
      if (cuts[k].begin > range.begin) out.push_back({range.begin, cuts[k].begin - 1});
      if (cuts[k].end >= range.end) {
        consumed = true;
        break;
      }
      range.begin = cuts[k].end + 1;
    }
    if (!consumed) out.push_back(range);
  }
  return out;
}

template <typename List>
List ranges_common(const List& a, const List& b) {
  List out;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const auto begin = std::max(a[i].begin, b[j].begin);
    const auto end = std::min(a[i].end, b[j].end);
    if (begin <= end) out.push_back({begin, end});
    a[i].end < b[j].end ? ++i : ++j;
  }
  return out;
}

}  // namespace shoal::core
