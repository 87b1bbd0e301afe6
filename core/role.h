// Role names. A role is a path such as "eng/ads/batch"; "*" is the default role.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace shoal::core {

inline constexpr std::string_view kDefaultRole = "*";

// 1 to kMaxRoleBytes of clean text, at most kMaxRoleDepth parts between slashes. No slash at the
// ends or twice; no part is ".", ".." or "*", or starts with "-"; no white space or control
// character. The error says what is wrong.
absl::Status check_role(std::string_view role);

// "eng/ads" of "eng/ads/batch"; empty for a top-level role.
inline std::string_view parent_role(std::string_view role) {
  const std::size_t slash = role.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : role.substr(0, slash);
}

// Whether `role` is `ancestor` or below it.
inline bool is_within(std::string_view role, std::string_view ancestor) {
  if (!role.starts_with(ancestor)) return false;
  return role.size() == ancestor.size() || role[ancestor.size()] == '/';
}

}  // namespace shoal::core
