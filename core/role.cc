#include "core/role.h"

#include <algorithm>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

// White space beyond ASCII, and characters that nobody sees: two roles must not look the same.
constexpr std::string_view kUnseen[] = {"\u00a0", "\u00ad", "\u1680", "\u2000", "\u2001", "\u2002",
                                        "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
                                        "\u2009", "\u200a", "\u200b", "\u200c", "\u200d", "\u2028",
                                        "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff"};

bool has_white_space(std::string_view text) {
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); })) {
    return true;
  }
  return std::any_of(std::begin(kUnseen), std::end(kUnseen), [text](std::string_view unseen) {
    return text.find(unseen) != std::string_view::npos;
  });
}

// What is wrong with the part between two slashes; empty when nothing.
std::string_view fault_of(std::string_view part) {
  if (part.empty()) return "has two slashes in a row";
  if (part == "." || part == "..") return "has a part '.' or '..'";
  if (part == kDefaultRole) return "has a part '*', which is only a role by itself";
  if (part.front() == '-') return "has a part that starts with '-'";
  return {};
}

}  // namespace

absl::Status check_role(std::string_view role) {
  if (role == kDefaultRole) return absl::OkStatus();
  if (role.empty()) return invalid("a role is empty; the default role is '*'");
  if (role.size() > kMaxRoleBytes) {
    return invalid("role '{}' has {} bytes; the limit is {}", printable(role), role.size(),
                   kMaxRoleBytes);
  }
  const auto refuse = [role](std::string_view why) {
    return invalid("role '{}' {}", printable(role), why);
  };
  if (has_white_space(role)) return refuse("has white space in it");
  if (!is_clean_text(role)) return refuse("is not clean UTF-8 text");
  if (role.front() == '/') return refuse("starts with a slash");
  if (role.back() == '/') return refuse("ends with a slash");
  std::size_t depth = 0;
  for (std::size_t begin = 0; begin <= role.size(); ++depth) {
    const std::size_t end = std::min(role.find('/', begin), role.size());
    if (const auto fault = fault_of(role.substr(begin, end - begin)); !fault.empty()) {
      return refuse(fault);
    }
    begin = end + 1;
  }
  if (depth > kMaxRoleDepth) {
    return invalid("role '{}' has {} parts; the limit is {}", printable(role), depth,
                   kMaxRoleDepth);
  }
  return absl::OkStatus();
}

}  // namespace shoal::core
