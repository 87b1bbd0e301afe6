#include "core/custom_resources.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/ids.h"
#include "core/limits.h"
#include "core/ranges.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

using Ranges = std::vector<CustomRange>;
using Set = std::vector<std::string>;
using Value = decltype(CustomResource::value);

constexpr Milli kUnit = 1000;

struct Spelling {
  std::string_view text;
  std::string_view meant;
};
constexpr Spelling kSpellings[] = {{"cpus", "cpus"}, {"mem", "mem"},     {"disk", "disk"},
                                   {"gpus", "gpus"}, {"ports", "ports"}, {"memory", "mem"},
                                   {"ram", "mem"},   {"cores", "cpus"}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Whether one letter too many, one too few, another one or two swapped turn `a` into `b`.
bool is_one_slip(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  std::size_t i = 0;
  while (i < a.size() && a[i] == b[i]) ++i;
  if (a.size() < b.size()) return a.substr(i) == b.substr(i + 1);
  if (i == a.size() || a.substr(i + 1) == b.substr(i + 1)) return true;
  return i + 1 < a.size() && a[i] == b[i + 1] && a[i + 1] == b[i] &&
         a.substr(i + 2) == b.substr(i + 2);
}

bool is_nothing(const Value& value) {
  if (const auto* scalar = std::get_if<Milli>(&value)) return *scalar == 0;
  if (const auto* ranges = std::get_if<Ranges>(&value)) return ranges->empty();
  return std::get<Set>(value).empty();
}

absl::Status make_sound(Ranges& ranges, std::string_view name) {
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const CustomRange& range = ranges[i];
    if (range.begin > range.end) {
      return invalid("{}: {}-{} is not a range", name, range.begin, range.end);
    }
    if (i > 0 && range.begin <= ranges[i - 1].end) {
      return invalid("{}: {}-{} overlaps {}-{}", name, range.begin, range.end, ranges[i - 1].begin,
                     ranges[i - 1].end);
    }
  }
  join_ranges(ranges);
  return absl::OkStatus();
}

absl::Status make_sound(Set& set, std::string_view name) {
  std::sort(set.begin(), set.end());
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set[i].empty() || set[i].size() > kMaxIdBytes || !is_clean_text(set[i])) {
      return invalid("{}: an item '{}' is not 1 to {} bytes of clean text", name, printable(set[i]),
                     kMaxIdBytes);
    }
    if (i > 0 && set[i] == set[i - 1]) {
      return invalid("{}: the item '{}' is named twice", name, printable(set[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status make_sound(CustomResource& resource) {
  if (auto ok = check_custom_name(resource.name); !ok.ok()) return ok;
  if (const auto* scalar = std::get_if<Milli>(&resource.value)) {
    if (*scalar < 0) return invalid("{} is negative", resource.name);
    if (*scalar > kMaxScalarMilli) {
      return invalid("{} is over {}", resource.name, kMaxScalarMilli / kUnit);
    }
    return absl::OkStatus();
  }
  auto* ranges = std::get_if<Ranges>(&resource.value);
  const std::size_t count = ranges ? ranges->size() : std::get<Set>(resource.value).size();
  if (count > kMaxCustomItems) {
    return invalid("{} has {} items; the limit is {}", resource.name, count, kMaxCustomItems);
  }
  return ranges ? make_sound(*ranges, resource.name)
                : make_sound(std::get<Set>(resource.value), resource.name);
}

bool by_name(const CustomResource& a, const CustomResource& b) { return a.name < b.name; }

// The functions on values return what the left one becomes; types that differ change nothing.

struct Add {
  Value operator()(Milli a, Milli b) const { return a + b; }
  Value operator()(const Ranges& a, const Ranges& b) const { return ranges_union(a, b); }
  Value operator()(const Set& a, const Set& b) const {
    Set out;
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
    return out;
  }
  template <typename A, typename B>
  Value operator()(const A& a, const B&) const {
    return a;
  }
};

struct Subtract {
  Value operator()(Milli a, Milli b) const { return a - b; }
  Value operator()(const Ranges& a, const Ranges& b) const { return ranges_difference(a, b); }
  Value operator()(const Set& a, const Set& b) const {
    Set out;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
    return out;
  }
  template <typename A, typename B>
  Value operator()(const A& a, const B&) const {
    return a;
  }
};

struct Common {
  Value operator()(Milli a, Milli b) const { return std::min(a, b); }
  Value operator()(const Ranges& a, const Ranges& b) const { return ranges_common(a, b); }
  Value operator()(const Set& a, const Set& b) const {
    Set out;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
    return out;
  }
  template <typename A, typename B>
  Value operator()(const A&, const B&) const {
    return Milli{0};
  }
};

struct Contains {
  bool operator()(Milli a, Milli b) const { return a >= b; }
  bool operator()(const Ranges& a, const Ranges& b) const { return ranges_contain(a, b); }
  bool operator()(const Set& a, const Set& b) const {
    return std::includes(a.begin(), a.end(), b.begin(), b.end());
  }
  template <typename A, typename B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

struct Intersects {
  bool operator()(const Ranges& a, const Ranges& b) const { return ranges_intersect(a, b); }
  bool operator()(const Set& a, const Set& b) const {
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
      const int order = a[i].compare(b[j]);
      if (order == 0) return true;
      order < 0 ? ++i : ++j;
    }
    return false;
  }
  template <typename A, typename B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

}  // namespace

absl::Status check_custom_name(std::string_view name) {
  if (auto ok = check_name(name, "the name of a resource"); !ok.ok()) return ok;
  const std::string small = lower(name);
  for (const Spelling& known : kSpellings) {
    if (name == known.text && name == known.meant) {
      return invalid("'{}' is not a custom resource", name);
    }
    // Other first letters are other things: tpus, npus.
    const bool swapped = small.size() > 1 && small[1] == known.text[0] && small[0] == known.text[1];
    if (is_one_slip(small, known.text) && (small[0] == known.text[0] || swapped)) {
      return invalid("unknown resource '{}'; did you mean '{}'?", name, known.meant);
    }
  }
  return absl::OkStatus();
}

CustomResources::CustomResources(const CustomResources& other)
    : items_(other.items_ ? std::make_unique<std::vector<CustomResource>>(*other.items_)
                          : nullptr) {}

CustomResources& CustomResources::operator=(const CustomResources& other) {
  if (this != &other) *this = CustomResources(other);
  return *this;
}

absl::Status CustomResources::make(std::vector<CustomResource> resources, CustomResources* out) {
  if (resources.size() > kMaxCustomResources) {
    return invalid("{} custom resources; the limit is {}", resources.size(), kMaxCustomResources);
  }
  std::sort(resources.begin(), resources.end(), by_name);
  for (std::size_t i = 0; i < resources.size(); ++i) {
    if (auto ok = make_sound(resources[i]); !ok.ok()) return ok;
    if (i > 0 && resources[i].name == resources[i - 1].name) {
      return invalid("{} is named twice", resources[i].name);
    }
  }
  out->set(std::move(resources));
  return absl::OkStatus();
}

bool CustomResources::contains(const CustomResource& wanted) const {
  const CustomResource* held = find(wanted.name);
  return held && std::visit(Contains(), held->value, wanted.value);
}

bool CustomResources::contains(const CustomResources& other) const {
  const auto wanted = other.items();
  return std::all_of(wanted.begin(), wanted.end(),
                     [this](const CustomResource& item) { return contains(item); });
}

bool CustomResources::intersects(const CustomResources& other) const {
  if (empty() || other.empty()) return false;
  for (const CustomResource& theirs : other.items()) {
    const CustomResource* ours = find(theirs.name);
    if (ours && std::visit(Intersects(), ours->value, theirs.value)) return true;
  }
  return false;
}

void CustomResources::add(const CustomResources& other) {
  if (other.empty()) return;
  std::vector<CustomResource> sum;
  auto theirs = other.items().begin();
  const auto end = other.items().end();
  for (const CustomResource& ours : items()) {
    while (theirs != end && theirs->name < ours.name) sum.push_back(*theirs++);
    sum.push_back(ours);
    if (theirs != end && theirs->name == ours.name) {
      sum.back().value = std::visit(Add(), ours.value, (theirs++)->value);
    }
  }
  sum.insert(sum.end(), theirs, end);
  set(std::move(sum));
}

void CustomResources::subtract(const CustomResources& other) {
  if (empty() || other.empty()) return;
  std::vector<CustomResource> rest;
  for (const CustomResource& ours : items()) {
    rest.push_back(ours);
    if (const CustomResource* theirs = other.find(ours.name)) {
      rest.back().value = std::visit(Subtract(), ours.value, theirs->value);
    }
  }
  set(std::move(rest));
}

CustomResources CustomResources::common(const CustomResources& other) const {
  CustomResources out;
  if (empty() || other.empty()) return out;
  std::vector<CustomResource> both;
  for (const CustomResource& ours : items()) {
    if (const CustomResource* theirs = other.find(ours.name)) {
      both.push_back({ours.name, std::visit(Common(), ours.value, theirs->value)});
    }
  }
  out.set(std::move(both));
  return out;
}

bool CustomResources::operator==(const CustomResources& other) const {
  if (!items_ || !other.items_) return items_ == other.items_;
  return *items_ == *other.items_;
}

const CustomResource* CustomResources::find(std::string_view name) const {
  if (!items_) return nullptr;
  const auto at =
      std::lower_bound(items_->begin(), items_->end(), name,
                       [](const CustomResource& a, std::string_view b) { return a.name < b; });
  return at != items_->end() && at->name == name ? &*at : nullptr;
}

void CustomResources::set(std::vector<CustomResource> items) {
  std::erase_if(items, [](const CustomResource& item) { return is_nothing(item.value); });
  items_ =
      items.empty() ? nullptr : std::make_unique<std::vector<CustomResource>>(std::move(items));
}

}  // namespace shoal::core
