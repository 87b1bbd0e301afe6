// Resources with names of the operator's own: scalars ("licenses:3"), ranges ("ids:[1-9,20-30]")
// and sets ("bays:{left,right}"). Most agents have none, so the type is one pointer, null when
// empty.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/quantities.h"

namespace shoal::core {

struct CustomRange {
  std::uint64_t begin = 0;  // inclusive
  std::uint64_t end = 0;    // inclusive
  auto operator<=>(const CustomRange&) const = default;
};

struct CustomResource {
  std::string name;  // check_custom_name
  // Milli; ranges: sorted, disjoint, not adjacent; set: sorted, distinct, each 1 to kMaxIdBytes of
  // clean text.
  std::variant<Milli, std::vector<CustomRange>, std::vector<std::string>> value;
  bool operator==(const CustomResource&) const = default;
};

// check_name; not a well-known name, and not a slip of one: "cpu", "memory", "CPUS". The error says
// which was meant.
absl::Status check_custom_name(std::string_view name);

// Sorted by name, each name once, none empty. Two operands may disagree about the type of a name:
// then contains() is false, add() keeps the left one and subtract() takes nothing.
class CustomResources {
 public:
  CustomResources() = default;
  CustomResources(const CustomResources& other);
  CustomResources(CustomResources&&) noexcept = default;
  CustomResources& operator=(const CustomResources& other);
  CustomResources& operator=(CustomResources&&) noexcept = default;
  ~CustomResources() = default;

  // Ranges and sets in any order; what is zero or empty is left out.
  // Errors: INVALID_ARGUMENT for a bad or repeated name, a negative or too large scalar, begin >
  // end, overlapping ranges, a bad or repeated set item, more than kMaxCustomItems or
  // kMaxCustomResources.
  static absl::Status make(std::vector<CustomResource> resources, CustomResources* out);

  bool empty() const { return items_ == nullptr; }
  absl::Span<const CustomResource> items() const {
    return items_ == nullptr ? absl::Span<const CustomResource>() : absl::MakeConstSpan(*items_);
  }

  // Null when there is none of this name.
  const CustomResource* find(std::string_view name) const;
  bool contains(const CustomResource& wanted) const;
  bool contains(const CustomResources& other) const;
  bool intersects(const CustomResources& other) const;  // an item of a range or set in both
  void add(const CustomResources& other);
  // Pre-condition: contains(other).
  void subtract(const CustomResources& other);
  // The smaller scalar, the items in both.
  CustomResources common(const CustomResources& other) const;
  bool operator==(const CustomResources& other) const;

 private:
  void set(std::vector<CustomResource> items);

  std::unique_ptr<std::vector<CustomResource>> items_;
};

}  // namespace shoal::core
