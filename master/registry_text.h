// Rows of the registry as texts in columns, the same for every driver: what tools print, and what
// the checksum of a row is of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/registry.h"

namespace shoal::master {

// The version of what drivers write. One with a higher number is refused.
inline constexpr int kRegistryFormat = 1;

struct RegistryTable {
  std::string_view name;
  std::vector<std::string_view> columns;  // the first is the key
};

// agents, frameworks, roles.
const std::array<RegistryTable, 3>& registry_tables();

struct RegistryText {
  std::size_t table = 0;            // in registry_tables()
  bool erased = false;              // then only the key is there
  std::vector<std::string> values;  // one per column
};
RegistryText to_text(const core::RegistryRow& row);

// Of the table's name and the values. A row whose sum is another is damaged.
std::uint32_t checksum_of(std::size_t table, std::span<const std::string> values);

// Adds the row to `into`. Errors: INVALID_ARGUMENT, naming the column.
absl::Status read_text(std::size_t table, std::span<const std::string> values,
                       core::RegistryContents& into);

}  // namespace shoal::master
